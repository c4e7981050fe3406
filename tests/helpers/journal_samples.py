"""Segments and answers for tests of the journal."""

from langchain_mimo.document_loaders import Answer, SegmentInfo

USAGE = {
    "input_tokens": 1000,
    "output_tokens": 50,
    "total_tokens": 1050,
    "input_token_details": {"video": 700, "audio": 100, "image": 50, "cache_read": 64},
    "output_token_details": {"reasoning": 20},
}


def info(source="a.mp4", index=0, **others):
    return SegmentInfo(source, segment_index=index, end_s=12.5, **others)


def answer(text="{}", *, cost=0.5, attempts=1, **others):
    return Answer(text, USAGE, cost, attempts=attempts, **others)

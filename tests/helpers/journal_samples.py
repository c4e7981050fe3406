"""Segments and answers for tests of the journal."""

from langchain_mimo import MiMoError
from langchain_mimo.document_loaders import Answer, Claim, SegmentInfo

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


def ask(journal, key="k", **others):
    """Claim a segment that nobody else asks about."""
    found = journal.claim(key, info(**others), timeout=0)
    assert isinstance(found, Claim)
    return found


def is_asked(journal, key="k"):
    """Return whether somebody is asking about a segment."""
    try:
        found = journal.claim(key, info(), timeout=0)
    except MiMoError as error:
        if not error.is_retryable:
            raise
        return True
    if isinstance(found, Claim):
        found.release()
    return False

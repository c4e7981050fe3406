"""Usage objects of MiMo's API, old and new, and of other servers."""

import pytest

from langchain_mimo._wire.to_langchain.usage import usage_metadata

COUNTS = {"prompt_tokens": 60, "completion_tokens": 103, "total_tokens": 163}
METADATA = {"input_tokens": 60, "output_tokens": 103, "total_tokens": 163}

CASES = {
    "September 2026": (
        COUNTS
        | {
            "completion_tokens_details": {"reasoning_tokens": 14},
            "prompt_tokens_details": {"cached_tokens": 0},
        },
        METADATA
        | {
            "input_token_details": {"cache_read": 0},
            "output_token_details": {"reasoning": 14},
        },
    ),
    "a video with audio": (
        COUNTS
        | {
            "prompt_tokens_details": {
                "audio_tokens": 19,
                "cached_tokens": 1256,
                "video_tokens": 1144,
            }
        },
        METADATA | {"input_token_details": {"cache_read": 1256, "video": 1144, "audio": 19}},
    ),
    "an image": (
        COUNTS | {"prompt_tokens_details": {"cached_tokens": 1081, "image_tokens": 1024}},
        METADATA | {"input_token_details": {"cache_read": 1081, "image": 1024}},
    ),
    "null details": (
        COUNTS | {"prompt_tokens_details": None, "completion_tokens_details": None},
        METADATA,
    ),
    "empty details": (COUNTS | {"prompt_tokens_details": {}}, METADATA),
    "null counts": (
        COUNTS | {"prompt_tokens_details": {"cached_tokens": None, "image_tokens": 3}},
        METADATA | {"input_token_details": {"image": 3}},
    ),
    "vLLM's modalities": (
        COUNTS
        | {
            "prompt_tokens_details": {
                "cached_tokens": 5,
                "created_cache_tokens": 7,
                "multimodal_tokens": {"image": 11, "audio": 13, "video": 17},
            }
        },
        METADATA
        | {
            "input_token_details": {
                "cache_read": 5,
                "cache_creation": 7,
                "image": 11,
                "audio": 13,
                "video": 17,
            }
        },
    ),
    "total missing": (
        {"prompt_tokens": 2, "completion_tokens": 3},
        {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5},
    ),
    "float counts": (
        {"prompt_tokens": 2.0, "completion_tokens": 3.0, "total_tokens": 5.0},
        {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_usage_is_converted(name):
    usage, expected = CASES[name]
    assert usage_metadata(usage) == expected


@pytest.mark.parametrize("value", [None, [], "text"])
def test_values_without_usage(value):
    assert usage_metadata(value) is None

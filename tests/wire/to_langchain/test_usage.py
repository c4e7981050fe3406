"""Usage objects of every age and server."""

import pytest

from langchain_mimo._wire.to_langchain.usage import usage_metadata

PLAIN = {"prompt_tokens": 60, "completion_tokens": 103, "total_tokens": 163}
COUNTED = {"input_tokens": 60, "output_tokens": 103, "total_tokens": 163}

TABLE = {
    "September 2026": (
        PLAIN
        | {
            "completion_tokens_details": {"reasoning_tokens": 14},
            "prompt_tokens_details": {"cached_tokens": 0},
        },
        COUNTED
        | {
            "input_token_details": {"cache_read": 0},
            "output_token_details": {"reasoning": 14},
        },
    ),
    "a video with sound": (
        PLAIN
        | {
            "prompt_tokens_details": {
                "audio_tokens": 19,
                "cached_tokens": 1256,
                "video_tokens": 1144,
            }
        },
        COUNTED | {"input_token_details": {"cache_read": 1256, "video": 1144, "audio": 19}},
    ),
    "a picture": (
        PLAIN | {"prompt_tokens_details": {"cached_tokens": 1081, "image_tokens": 1024}},
        COUNTED | {"input_token_details": {"cache_read": 1081, "image": 1024}},
    ),
    "null details": (
        PLAIN | {"prompt_tokens_details": None, "completion_tokens_details": None},
        COUNTED,
    ),
    "empty details": (PLAIN | {"prompt_tokens_details": {}}, COUNTED),
    "nulls inside details": (
        PLAIN | {"prompt_tokens_details": {"cached_tokens": None, "image_tokens": 3}},
        COUNTED | {"input_token_details": {"image": 3}},
    ),
    "vLLM's modalities": (
        PLAIN
        | {
            "prompt_tokens_details": {
                "cached_tokens": 5,
                "created_cache_tokens": 7,
                "multimodal_tokens": {"image": 11, "audio": 13, "video": 17},
            }
        },
        COUNTED
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
    "no total": (
        {"prompt_tokens": 2, "completion_tokens": 3},
        {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5},
    ),
    "floats": (
        {"prompt_tokens": 2.0, "completion_tokens": 3.0, "total_tokens": 5.0},
        {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5},
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_usage(name):
    usage, expected = TABLE[name]
    assert usage_metadata(usage) == expected


@pytest.mark.parametrize("nothing", [None, [], "text"])
def test_no_usage(nothing):
    assert usage_metadata(nothing) is None

"""Converts a `usage` object into LangChain's `UsageMetadata`, with the tokens of each modality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

from langchain_mimo._wire.json_values import count

_INPUT_DETAILS = {
    "cached_tokens": "cache_read",
    "created_cache_tokens": "cache_creation",
    "image_tokens": "image",
    "video_tokens": "video",
    "audio_tokens": "audio",
}
_MODALITIES = {name: name for name in ("image", "video", "audio")}
_OUTPUT_DETAILS = {"reasoning_tokens": "reasoning"}


def _renamed_counts(details: object, names: Mapping[str, str]) -> dict[str, int]:
    """Return the counts in `details` under LangChain's names; what is not a count is skipped."""
    if not details or not isinstance(details, Mapping):
        return {}
    return {
        ours: number
        for theirs, ours in names.items()
        if theirs in details and (number := count(details[theirs])) is not None
    }


def usage_metadata(usage: object) -> UsageMetadata | None:
    """Convert the usage of a response in the OpenAI format.

    MiMo reports `prompt_tokens_details` with `cached_tokens`, `image_tokens`, `video_tokens` and
    `audio_tokens` (a key only for a modality that was sent; null or {} in older responses) and
    `completion_tokens_details.reasoning_tokens`. vLLM reports modalities in
    `prompt_tokens_details.multimodal_tokens`. Source: docs/api-facts.md. Cached
    tokens and modality tokens overlap, and both are part of `input_tokens`. Counts are passed on
    unchanged; what is no whole number from 0 to 2**53 is left out.

    Args:
        usage: The `usage` object; anything else counts as none.

    Returns:
        Usage with `input_token_details` {image, video, audio, cache_read, cache_creation} and
        `output_token_details` {reasoning}, each only when reported; None when neither is a count.
    """
    if not isinstance(usage, Mapping):
        return None
    input_tokens = count(usage.get("prompt_tokens"))
    output_tokens = count(usage.get("completion_tokens"))
    if input_tokens is None and output_tokens is None:
        return None
    input_tokens, output_tokens = input_tokens or 0, output_tokens or 0
    total_tokens = count(usage.get("total_tokens"))
    result = UsageMetadata(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=input_tokens + output_tokens if total_tokens is None else total_tokens,
    )
    if details := input_details(usage):
        result["input_token_details"] = cast("InputTokenDetails", details)
    if details := output_details(usage):
        result["output_token_details"] = cast("OutputTokenDetails", details)
    return result


def input_details(usage: Mapping[str, Any]) -> dict[str, int]:
    """Return the parts of the input that a usage states, as `usage_metadata` names them."""
    details = usage.get("prompt_tokens_details")
    if not details or not isinstance(details, Mapping):
        return {}
    counts = _renamed_counts(details, _INPUT_DETAILS)
    if "multimodal_tokens" in details:
        counts |= _renamed_counts(details["multimodal_tokens"], _MODALITIES)
    return counts


def output_details(usage: Mapping[str, Any]) -> dict[str, int]:
    """Return the parts of the output, likewise."""
    return _renamed_counts(usage.get("completion_tokens_details"), _OUTPUT_DETAILS)

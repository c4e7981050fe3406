"""Any usage object → LangChain's `UsageMetadata`, with the tokens of every modality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

_INPUT_DETAILS = {
    "cached_tokens": "cache_read",
    "created_cache_tokens": "cache_creation",
    "image_tokens": "image",
    "video_tokens": "video",
    "audio_tokens": "audio",
}
_MODALITIES = ("image", "video", "audio")


def _count(value: object) -> int | None:
    """Return a token count, or None: LangChain's sums take nothing but integers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value)


def _named(details: object, names: Mapping[str, str]) -> dict[str, int]:
    if not isinstance(details, Mapping):
        return {}
    counts = {ours: _count(details.get(theirs)) for theirs, ours in names.items()}
    return {name: count for name, count in counts.items() if count is not None}


def usage_metadata(usage: Mapping[str, Any] | None) -> UsageMetadata | None:
    """Translate the usage of an OpenAI-shaped answer.

    MiMo reports `prompt_tokens_details` with `cached_tokens`, `image_tokens`, `video_tokens` and
    `audio_tokens` (a key only where there is such a modality; null or {} in older answers) and
    `completion_tokens_details.reasoning_tokens` (mimo-api.md §4). vLLM puts modalities into
    `prompt_tokens_details.multimodal_tokens` (§11.1). The counts are passed on as they came: cached
    and modality counts overlap, both are parts of `input_tokens`.

    Args:
        usage: The `usage` object, or None.

    Returns:
        Usage with `input_token_details` {image, video, audio, cache_read} and
        `output_token_details` {reasoning}, each only when reported; None when there is no usage.
    """
    if not isinstance(usage, Mapping):
        return None
    prompt = _count(usage.get("prompt_tokens")) or 0
    completion = _count(usage.get("completion_tokens")) or 0
    total = _count(usage.get("total_tokens"))
    result = UsageMetadata(
        input_tokens=prompt,
        output_tokens=completion,
        total_tokens=prompt + completion if total is None else total,
    )
    details = usage.get("prompt_tokens_details")
    spent = _named(details, _INPUT_DETAILS)
    if isinstance(details, Mapping):
        spent |= _named(details.get("multimodal_tokens"), {name: name for name in _MODALITIES})
    if spent:
        result["input_token_details"] = cast("InputTokenDetails", spent)
    written = _named(usage.get("completion_tokens_details"), {"reasoning_tokens": "reasoning"})
    if written:
        result["output_token_details"] = cast("OutputTokenDetails", written)
    return result

"""Decodes a whole response of `/anthropic/v1/messages`.

The response is rewritten as a chat completion and then decoded by `openai.response`, so a message
is the same whatever format it came in. Facts: docs/api-facts.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage

from langchain_mimo._checks import warn_once
from langchain_mimo._json import dump_json, strict_object
from langchain_mimo._wire.openai import response as openai
from langchain_mimo._wire.to_langchain.metadata import text_of
from langchain_mimo._wire.to_langchain.tool_calls import CUT_REASONS
from langchain_mimo.errors import MiMoInvalidResponseError

INPUT_TOKENS_EXCLUDE_CACHE = True
"""Whether `input_tokens` leaves out what the cache served, as Anthropic's does; LangChain's count
includes it. MiMo's page does not say. Users saw `input_tokens` 0 beside the whole prompt in
`cache_read_input_tokens` (genai-io/gen-code pull 168, June 2026), which fits this rule alone."""


_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
}
"""By `stop_reason`; MiMo's others (content_filter, repetition_truncation) have the same name."""


def finish_reason(stop_reason: object) -> str | None:
    """Return the OpenAI format's name of a `stop_reason`; unknown ones keep theirs."""
    if not isinstance(stop_reason, str):
        return None
    return _FINISH_REASONS.get(stop_reason, stop_reason)


def chat_usage(usage: object) -> dict[str, Any] | None:
    """Write a usage object of this format as one of the OpenAI format.

    `INPUT_TOKENS_EXCLUDE_CACHE` is applied. The format has no counts of thoughts or modalities.

    Args:
        usage: The `usage` of an answer; its `cache_read_input_tokens` may be null or missing.

    Returns:
        The object for `usage.usage_metadata`, or None when there is none.
    """
    if not isinstance(usage, Mapping):
        return None
    names = {
        "cached_tokens": "cache_read_input_tokens",
        "created_cache_tokens": "cache_creation_input_tokens",
    }
    cache_counts = {
        ours: count
        for ours, theirs in names.items()
        if isinstance(count := usage.get(theirs), int) and not isinstance(count, bool)
    }
    prompt = usage.get("input_tokens")
    prompt = prompt if isinstance(prompt, int) else 0
    if INPUT_TOKENS_EXCLUDE_CACHE:
        prompt += sum(cache_counts.values())
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.get("output_tokens"),
        "prompt_tokens_details": cache_counts,
    }


@dataclass(slots=True)
class _Content:
    """The blocks of an answer, by kind."""

    texts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)


def decode_response(body: object, *, reasoning_as_content: bool = False) -> AIMessage:
    """Turn the body of a whole answer into a message.

    Args:
        body: The parsed JSON.
        reasoning_as_content: Whether the reasoning replaces an empty answer without calls.

    Returns:
        The message that the OpenAI format would give, finish reason and usage translated. A
        signature that is not empty is in `additional_kwargs["signature"]`.

    Raises:
        MiMoInvalidResponseError: The body is not an answer of this format.
    """
    content = body.get("content") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(content, list):
        keys = sorted(map(str, body)) if isinstance(body, Mapping) else type(body).__name__
        msg = (
            f"the answer is JSON, but no message of the Anthropic format ({str(keys)[:200]}); "
            "check that base_url has an Anthropic-shaped API, or leave api_format out"
        )
        raise MiMoInvalidResponseError(msg, status_code=200)
    reason = finish_reason(body.get("stop_reason"))
    read = _read_content(content, cut=reason in CUT_REASONS)
    message = openai.decode_response(
        {
            "id": body.get("id"),
            "model": body.get("model"),
            "choices": [
                {
                    "finish_reason": reason,
                    "message": {
                        "content": "".join(read.texts),
                        "reasoning_content": "".join(read.reasoning),
                        "tool_calls": read.calls,
                    },
                }
            ],
            "usage": chat_usage(body.get("usage")),
        },
        reasoning_as_content=reasoning_as_content,
    )
    if signature := text_of("".join(read.signatures)):
        message.additional_kwargs["signature"] = signature
    return message


def _read_content(content: Sequence[Any], *, cut: bool) -> _Content:
    read = _Content()
    for index, block in enumerate(content):
        block = block if isinstance(block, Mapping) else {}  # noqa: PLW2901
        match block.get("type"):
            case "text":
                read.texts.append(_string(block.get("text")))
            case "thinking":
                read.reasoning.append(_string(block.get("thinking")))
                read.signatures.append(_string(block.get("signature")))
            case "tool_use":
                # An answer that was cut may show {} for arguments that had not begun.
                is_cut = cut and index == len(content) - 1
                arguments = arguments_text(block.get("input"))
                read.calls.append(
                    call_fragment(block, "" if is_cut and arguments == "{}" else arguments)
                )
            case kind:
                warn_unknown(kind)
    return read


def call_fragment(block: Mapping[str, Any], arguments: str, index: int = 0) -> dict[str, Any]:
    """Write a `tool_use` block as a call, or a delta of one, of the OpenAI format.

    Args:
        block: The block, for id and name.
        arguments: The arguments' text.
        index: The call's place, in streams.
    """
    function = {"name": block.get("name"), "arguments": arguments}
    return {"index": index, "id": block.get("id"), "type": "function", "function": function}


def arguments_text(value: object) -> str:
    """Return the text of a call's `input`: JSON as `json.dumps` writes it, whoever wrote it."""
    if isinstance(value, Mapping):
        return dump_json(value)
    text = _string(value)
    parsed = strict_object(text)
    return text if parsed is None else dump_json(parsed)


def warn_unknown(kind: object) -> None:
    """Warn, once for each kind, of a block or delta in an answer that is left out."""
    warn_once(f"Content of type {str(kind)[:40]!r} in an answer is not known and left out.")


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""

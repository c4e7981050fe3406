"""Decodes a complete response of `/anthropic/v1/messages`.

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
from langchain_mimo._wire.bound_tools import BoundTools
from langchain_mimo._wire.json_values import string_or_empty
from langchain_mimo._wire.openai import response as openai
from langchain_mimo._wire.to_langchain.metadata import read_text
from langchain_mimo._wire.to_langchain.tool_calls import CUT_REASONS
from langchain_mimo._wire.to_langchain.tool_xml import XMLTools
from langchain_mimo.errors import MiMoInvalidResponseError

INPUT_TOKENS_EXCLUDE_CACHE = True
"""Whether `input_tokens` leaves out tokens served from the cache, as Anthropic's does; LangChain's
count includes them. MiMo's page does not say. Users saw `input_tokens` 0 next to the whole prompt
in `cache_read_input_tokens` (genai-io/gen-code pull 168, June 2026), which fits only this rule."""


_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
}
"""By `stop_reason`. MiMo's other reasons (content_filter, repetition_truncation) have the same name
in both formats."""


def finish_reason(stop_reason: object) -> str | None:
    """Return the OpenAI format's name of a `stop_reason`; an unknown reason keeps its name."""
    if not isinstance(stop_reason, str):
        return None
    return _FINISH_REASONS.get(stop_reason, stop_reason)


def to_openai_usage(usage: object) -> dict[str, Any] | None:
    """Rewrite a `usage` object of this format in the OpenAI format.

    `INPUT_TOKENS_EXCLUDE_CACHE` is applied. The format has no counts of reasoning or modalities.

    Args:
        usage: The response's `usage`; its `cache_read_input_tokens` may be null or missing.

    Returns:
        The object for `usage.usage_metadata`, or None if there is no usage.
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
    prompt_tokens = usage.get("input_tokens")
    prompt_tokens = prompt_tokens if isinstance(prompt_tokens, int) else 0
    if INPUT_TOKENS_EXCLUDE_CACHE:
        prompt_tokens += sum(cache_counts.values())
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": usage.get("output_tokens"),
        "prompt_tokens_details": cache_counts,
    }


@dataclass(slots=True)
class _Content:
    """A response's content blocks, by type; calls are in the OpenAI format."""

    texts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)


def decode_response(
    body: object,
    *,
    reasoning_as_content: bool = False,
    xml_tools: XMLTools = None,
    tools: BoundTools | None = None,
) -> AIMessage:
    """Convert the body of a complete response into a message.

    Args:
        body: The parsed JSON.
        reasoning_as_content: Whether the reasoning becomes the content of a response that has
            neither text nor calls.
        xml_tools: The tools whose calls are read from XML in the text; None raises for such XML.
        tools: The tools of the request.

    Returns:
        The message that the OpenAI format would give, with finish reason and usage translated. A
        signature that is not empty is in `additional_kwargs["signature"]`.

    Raises:
        MiMoInvalidResponseError: The body is not a response of this format, or its calls are XML
            in the text and cannot be read.
    """
    blocks = body.get("content") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(blocks, list):
        keys = sorted(map(str, body)) if isinstance(body, Mapping) else type(body).__name__
        msg = (
            f"the response is JSON but not a message of the Anthropic format ({str(keys)[:200]}); "
            "check that base_url points to an Anthropic-compatible API, or omit api_format"
        )
        raise MiMoInvalidResponseError(msg, status_code=200)
    reason = finish_reason(body.get("stop_reason"))
    content = _read_content(blocks, cut=reason in CUT_REASONS)
    message = openai.decode_response(
        {
            "id": body.get("id"),
            "model": body.get("model"),
            "choices": [
                {
                    "finish_reason": reason,
                    "message": {
                        "content": "".join(content.texts),
                        "reasoning_content": "".join(content.reasoning),
                        "tool_calls": content.calls,
                    },
                }
            ],
            "usage": to_openai_usage(body.get("usage")),
        },
        reasoning_as_content=reasoning_as_content,
        xml_tools=xml_tools,
        tools=tools,
    )
    if signature := read_text("".join(content.signatures)):
        message.additional_kwargs["signature"] = signature
    return message


def _read_content(blocks: Sequence[Any], *, cut: bool) -> _Content:
    content = _Content()
    for index, value in enumerate(blocks):
        block = value if isinstance(value, Mapping) else {}
        match block.get("type"):
            case "text":
                content.texts.append(string_or_empty(block.get("text")))
            case "thinking":
                content.reasoning.append(string_or_empty(block.get("thinking")))
                content.signatures.append(string_or_empty(block.get("signature")))
            case "tool_use":
                # If the response was cut, {} may stand for arguments that had not started.
                is_cut = cut and index == len(blocks) - 1
                arguments = arguments_text(block.get("input"))
                if is_cut and arguments == "{}":
                    arguments = ""
                content.calls.append(to_openai_call(block, arguments))
            case kind:
                warn_unknown_type(kind)
    return content


def to_openai_call(block: Mapping[str, Any], arguments: str, index: int = 0) -> dict[str, Any]:
    """Rewrite a `tool_use` block as a call, or a fragment of a call, of the OpenAI format.

    Args:
        block: The block, for id and name.
        arguments: The arguments' text.
        index: The call's index in the response; used in streams.
    """
    function = {"name": block.get("name"), "arguments": arguments}
    return {"index": index, "id": block.get("id"), "type": "function", "function": function}


def arguments_text(value: object) -> str:
    """Return a call's `input` as text; JSON is always formatted as `dump_json` formats it."""
    if isinstance(value, Mapping):
        return dump_json(value)
    text = string_or_empty(value)
    parsed = strict_object(text)
    return text if parsed is None else dump_json(parsed)


def warn_unknown_type(kind: object) -> None:
    """Warn, once per type, that a block or delta of a response is ignored."""
    warn_once(f"A response contains content of the unknown type {str(kind)[:40]!r}; it is ignored.")

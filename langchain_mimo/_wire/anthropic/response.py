"""Decodes a complete response of `/anthropic/v1/messages`.

The response is rewritten as a chat completion and then decoded by `openai.response`, so a message
is the same whatever format it came in. Facts: docs/api-facts.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.messages import AIMessage

from langchain_mimo._checks import warn_once
from langchain_mimo._json import dump_json, join_surrogates, strict_object
from langchain_mimo._redaction import shown_keys
from langchain_mimo._wire.bound_tools import BoundTools
from langchain_mimo._wire.guard import DECODING_FAULTS, unreadable_response
from langchain_mimo._wire.json_values import count, items, mapping, string_or_empty
from langchain_mimo._wire.openai import response as openai
from langchain_mimo._wire.openai.messages import check_answer, read_finish_reason, read_message
from langchain_mimo._wire.to_langchain.metadata import read_text
from langchain_mimo._wire.to_langchain.tool_calls import CUT_REASONS, FinishedCall, ReviseCall
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
    """Return the OpenAI format's name of a `stop_reason`; an unknown reason keeps its name.

    Raises:
        UnreadableError: It is not a string, nor null.
    """
    reason = read_finish_reason(stop_reason)
    return None if reason is None else _FINISH_REASONS.get(reason, reason)


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
        ours: number
        for ours, theirs in names.items()
        if (number := count(usage.get(theirs))) is not None
    }
    prompt_tokens = count(usage.get("input_tokens")) or 0
    if INPUT_TOKENS_EXCLUDE_CACHE:
        prompt_tokens += sum(cache_counts.values())
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": usage.get("output_tokens"),
        "prompt_tokens_details": cache_counts,
    }


def reviser(tools: BoundTools | None) -> ReviseCall | None:
    """Return what changes the calls of a response in this format.

    The format has no way to write arguments that are not JSON: MiMo's server writes {} in their
    place (seen for arguments that end at a nullable parameter: docs/api-facts.md). So {} for a tool
    that requires arguments stands for arguments that are lost.

    Args:
        tools: The tools of the request, or None.
    """
    if tools is None:
        return None

    def revise(call: FinishedCall) -> FinishedCall:
        if call.args == {} and tools.requires_arguments(call.name):
            call = replace(call, args=None)
        return tools.revise(call)

    return revise


@dataclass(slots=True)
class ResponseContent:
    """A response's content blocks, by type.

    Attributes:
        texts: The texts.
        reasoning: The reasoning.
        signatures: Signatures of the reasoning.
        calls: The calls, in the OpenAI format.
        unread: What nobody read.
    """

    texts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def message(self) -> AIMessage:
        """Return what has been read so far, for an error."""
        reasoning = join_surrogates("".join(self.reasoning))
        return AIMessage(
            content=join_surrogates("".join(self.texts)),
            additional_kwargs={"reasoning_content": reasoning} if reasoning else {},
        )


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
        MiMoInvalidResponseError: The body is not a response of this format, a part of it has a
            form that is not understood, or its calls are XML in the text and cannot be read.
    """
    if not isinstance(body, Mapping) or not _has_content(body):
        msg = (
            "the response is JSON but not a message of the Anthropic format "
            f"({shown_keys(body)}); "
            "check that base_url points to an Anthropic-compatible API, or omit api_format"
        )
        raise MiMoInvalidResponseError(msg, status_code=200)
    content = ResponseContent()
    try:
        chat_completion = to_chat_completion(body, content)
    except DECODING_FAULTS as fault:
        raise unreadable_response(fault, content.message()) from fault
    message = openai.decode_chat_completion(
        chat_completion,
        reasoning_as_content=reasoning_as_content,
        xml_tools=xml_tools,
        tools=tools,
        revise=reviser(tools),
    )
    if signature := read_text("".join(content.signatures)):
        message.additional_kwargs["signature"] = signature
    return message


def _has_content(body: Mapping[str, Any]) -> bool:
    """Return whether a body is of this format: other APIs have a `content`, too, but no list."""
    value = body.get("content")
    is_message = body.get("type") == "message" or body.get("role") == "assistant"
    return isinstance(value, list) or (is_message and isinstance(value, Mapping | str))


def to_chat_completion(
    body: Mapping[str, Any], content: ResponseContent | None = None
) -> dict[str, Any]:
    """Rewrite a complete response in the OpenAI format.

    Args:
        body: The response.
        content: Receives its content.

    Raises:
        UnreadableError: A part of it has a form that is not understood.
    """
    content = content or ResponseContent()
    reason = finish_reason(body.get("stop_reason"))
    is_cut = reason in CUT_REASONS
    _read_content(body.get("content"), content, cut=is_cut)
    if content.unread and not (content.texts or content.reasoning or content.calls or is_cut):
        check_answer(reason, content.unread)
    message = {
        "content": "".join(content.texts),
        "reasoning_content": "".join(content.reasoning),
        "tool_calls": content.calls,
    }
    return {
        "id": body.get("id"),
        "model": body.get("model"),
        "choices": [{"finish_reason": reason, "message": message}],
        "usage": to_openai_usage(body.get("usage")),
    }


def _read_content(value: object, content: ResponseContent, *, cut: bool) -> None:
    blocks = [value] if isinstance(value, str) else items(value, "content")
    for index, each in enumerate(blocks):
        block = {"type": "text", "text": each} if isinstance(each, str) else each
        block = mapping(block, "a block of content")
        match block.get("type"):
            case "text":
                content.texts.append(block_text(block, "text"))
            case "thinking":
                content.reasoning.append(block_text(block, "thinking"))
                content.signatures.append(string_or_empty(block.get("signature")))
            case "tool_use":
                # If the response was cut, {} may stand for arguments that had not started.
                is_cut = cut and index == len(blocks) - 1
                arguments = arguments_text(block.get("input"))
                if is_cut and arguments == "{}":
                    arguments = ""
                content.calls.append(to_openai_call(block, arguments, len(content.calls)))
            case kind:
                warn_unknown_type(kind)
                content.unread.append(f"a block whose type is {str(kind)[:40]!r}")


def block_text(block: Mapping[str, Any], key: str) -> str:
    """Return the text of a block or delta, under its key.

    Raises:
        UnreadableError: It is neither a string, nor parts of text, nor null.
    """
    text, reasoning, _ = read_message({"content": block.get(key)})
    return text or reasoning


def to_openai_call(block: Mapping[str, Any], arguments: str, index: int) -> dict[str, Any]:
    """Rewrite a `tool_use` block as a call, or a fragment of a call, of the OpenAI format.

    Args:
        block: The block, for id and name.
        arguments: The arguments' text.
        index: The call's index in the response.
    """
    function = {"name": block.get("name"), "arguments": arguments}
    return {"index": index, "id": block.get("id"), "type": "function", "function": function}


def arguments_text(value: object) -> str:
    """Return a call's `input` as text; JSON is always formatted as `dump_json` formats it."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return dump_json(value)
    parsed = strict_object(value)
    return value if parsed is None else dump_json(parsed)


def warn_unknown_type(kind: object) -> None:
    """Warn, once per type, that a block or delta of a response is ignored."""
    warn_once(f"A response contains content of the unknown type {str(kind)[:40]!r}; it is ignored.")

"""Decodes a complete response of `/v1/chat/completions`. Facts: docs/api-facts.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage

from langchain_mimo._json import join_surrogates
from langchain_mimo._redaction import shown_keys
from langchain_mimo._wire.bound_tools import BoundTools
from langchain_mimo._wire.guard import DECODING_FAULTS, unreadable_response
from langchain_mimo._wire.json_values import word
from langchain_mimo._wire.openai.messages import (
    check_answer,
    first_choice,
    message_in,
    read_finish_reason,
    read_message,
    unknown_keys,
)
from langchain_mimo._wire.openai.think_tags import OPENING, split_reasoning
from langchain_mimo._wire.to_langchain import tool_xml
from langchain_mimo._wire.to_langchain.copies import message_without_calls
from langchain_mimo._wire.to_langchain.metadata import (
    STOCK_REFUSAL,
    build_response_metadata,
    raw_arguments,
    read_annotations,
)
from langchain_mimo._wire.to_langchain.tool_calls import (
    CUT_REASONS,
    FinishedCall,
    ReviseCall,
    decode_calls,
    tool_call_order,
)
from langchain_mimo._wire.to_langchain.usage import usage_metadata
from langchain_mimo.errors import MiMoInvalidResponseError


@dataclass(slots=True)
class _Draft:
    """What has been read of a response, for the error if the rest cannot be read."""

    response_id: str | None = None
    text: str = ""
    reasoning: str = ""
    usage: object = None

    def message(self) -> AIMessage:
        return AIMessage(
            content=join_surrogates(self.text),
            additional_kwargs={"reasoning_content": join_surrogates(self.reasoning)}
            if self.reasoning
            else {},
            usage_metadata=usage_metadata(self.usage),
            response_metadata=build_response_metadata(
                response_id=self.response_id, model=None, finish_reason=None, usage=self.usage
            ),
            id=self.response_id,
        )


def decode_response(
    body: object,
    *,
    reasoning_as_content: bool = False,
    xml_tools: tool_xml.XMLTools = None,
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
        The message, with reasoning in `additional_kwargs["reasoning_content"]`; its content is
        never None.

    Raises:
        MiMoInvalidResponseError: The body is not a chat completion, a part of it has a form that
            is not understood, or its calls are XML in the text and cannot be read.
    """
    return decode_chat_completion(
        body,
        reasoning_as_content=reasoning_as_content,
        xml_tools=xml_tools,
        tools=tools,
        revise=tools.revise if tools else None,
    )


def decode_chat_completion(
    body: object,
    *,
    reasoning_as_content: bool,
    xml_tools: tool_xml.XMLTools,
    tools: BoundTools | None,
    revise: ReviseCall | None,
) -> AIMessage:
    """Decode as `decode_response` does; `revise` changes each call."""
    draft = _Draft()
    try:
        message, has_xml = _decode(
            body, draft, reasoning_as_content=reasoning_as_content, revise=revise
        )
        return tool_xml.with_calls_of_text(message, xml_tools, tools) if has_xml else message
    except DECODING_FAULTS as fault:
        raise unreadable_response(fault, draft.message()) from fault


def _decode(
    body: object, draft: _Draft, *, reasoning_as_content: bool, revise: ReviseCall | None
) -> tuple[AIMessage, bool]:
    """Return the message, and whether its text stands for calls."""
    choice = first_choice(body.get("choices")) if isinstance(body, Mapping) else None
    message = message_in(choice, "message", "delta") if choice else None
    if not isinstance(body, Mapping) or choice is None or message is None:
        raise _foreign_body(body)
    draft.usage, draft.response_id = body.get("usage"), word(body.get("id"))
    draft.text, draft.reasoning, entries = read_message(message)
    text, reasoning = join_surrogates(draft.text), join_surrogates(draft.reasoning)
    finish_reason = read_finish_reason(choice.get("finish_reason"))
    is_cut = finish_reason in CUT_REASONS
    if text.startswith(OPENING) and not reasoning:
        text, reasoning = split_reasoning(text, is_cut=is_cut)
    calls = decode_calls(entries, draft.response_id, cut=is_cut, revise=revise) if entries else []
    annotations = read_annotations(message) if message.get("annotations") else []
    is_answered = text or calls or (reasoning and reasoning_as_content)
    if not (is_answered or is_cut):
        check_answer(finish_reason, [] if reasoning or annotations else unknown_keys(message))
    has_xml = not calls and tool_xml.contains_calls(text, finish_reason)
    is_filtered = finish_reason == "content_filter"
    if is_filtered and text == STOCK_REFUSAL:
        text = ""
    if reasoning_as_content and not (text or calls or is_filtered):
        text = reasoning
    additional = _additional_kwargs(reasoning, annotations, calls)
    usage = usage_metadata(draft.usage)
    metadata = build_response_metadata(
        response_id=draft.response_id,
        model=word(body.get("model")),
        finish_reason=finish_reason,
        usage=draft.usage,
        fingerprint=body.get("system_fingerprint"),
        error_message=message.get("error_message"),
    )
    if not calls:
        plain = message_without_calls(text, additional, usage, metadata, draft.response_id)
        return plain, has_xml
    decoded = AIMessage(
        content=text,
        additional_kwargs=additional,
        tool_calls=[call.as_call() for call in calls if call.args is not None],
        invalid_tool_calls=[call.as_invalid() for call in calls if call.args is None],
        usage_metadata=usage,
        id=draft.response_id,
        response_metadata=metadata,
    )
    return decoded, has_xml


def _additional_kwargs(
    reasoning: str, annotations: list[dict[str, Any]], calls: list[FinishedCall]
) -> dict[str, Any]:
    additional: dict[str, Any] = {}
    if reasoning:
        additional["reasoning_content"] = reasoning
    if annotations:
        additional["annotations"] = annotations
    if calls and (raw := raw_arguments(calls)):
        additional["raw_arguments"] = raw
    if calls and (order := tool_call_order(calls)):
        additional["tool_call_order"] = order
    return additional


def _foreign_body(body: object) -> MiMoInvalidResponseError:
    return MiMoInvalidResponseError(
        f"the response is JSON but not a chat completion ({shown_keys(body)}); "
        "check that base_url points to an OpenAI-compatible API",
        status_code=200,
    )

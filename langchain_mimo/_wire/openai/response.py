"""Decodes a complete response of `/v1/chat/completions`. Facts: docs/api-facts.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage

from langchain_mimo._wire.bound_tools import BoundTools
from langchain_mimo._wire.to_langchain import tool_xml
from langchain_mimo._wire.to_langchain.metadata import (
    STOCK_REFUSAL,
    build_response_metadata,
    raw_arguments,
    read_annotations,
    read_text,
)
from langchain_mimo._wire.to_langchain.tool_calls import (
    CUT_REASONS,
    decode_calls,
    tool_call_order,
)
from langchain_mimo._wire.to_langchain.usage import usage_metadata
from langchain_mimo.errors import MiMoInvalidResponseError


def _read_reasoning(message: Mapping[str, Any]) -> str:
    """Return a message's reasoning, under MiMo's key or that of vLLM and OpenRouter."""
    return read_text(message.get("reasoning_content") or message.get("reasoning"))


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
        MiMoInvalidResponseError: The body is not a chat completion, or its calls are XML in the
            text and cannot be read.
    """
    choices = body.get("choices") if isinstance(body, Mapping) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not (
        isinstance(body, Mapping) and isinstance(choice, Mapping) and isinstance(message, Mapping)
    ):
        keys = sorted(map(str, body)) if isinstance(body, Mapping) else type(body).__name__
        msg = (
            f"the response is JSON but not a chat completion ({str(keys)[:200]}); "
            "check that base_url points to an OpenAI-compatible API"
        )
        raise MiMoInvalidResponseError(msg, status_code=200)
    response_id = body.get("id") if isinstance(body.get("id"), str) else None
    model = body.get("model") if isinstance(body.get("model"), str) else None
    finish_reason = choice.get("finish_reason")
    finish_reason = finish_reason if isinstance(finish_reason, str) else None
    calls = decode_calls(
        message.get("tool_calls"),
        response_id,
        cut=finish_reason in CUT_REASONS,
        revise=tools.revise if tools else None,
    )
    additional: dict[str, Any] = {}
    reasoning = _read_reasoning(message)
    if reasoning:
        additional["reasoning_content"] = reasoning
    if annotations := read_annotations(message):
        additional["annotations"] = annotations
    if raw := raw_arguments(calls):
        additional["raw_arguments"] = raw
    if order := tool_call_order(calls):
        additional["tool_call_order"] = order
    usage = body.get("usage")
    text = read_text(message.get("content"))
    has_xml = not calls and tool_xml.contains_calls(text, finish_reason)
    is_filtered = finish_reason == "content_filter"
    if is_filtered and text == STOCK_REFUSAL:
        text = ""
    if reasoning_as_content and not (text or calls or is_filtered):
        text = reasoning
    decoded = AIMessage(
        content=text,
        additional_kwargs=additional,
        tool_calls=[call.as_call() for call in calls if call.args is not None],
        invalid_tool_calls=[call.as_invalid() for call in calls if call.args is None],
        usage_metadata=usage_metadata(usage),
        id=response_id,
        response_metadata=build_response_metadata(
            response_id=response_id,
            model=model,
            finish_reason=finish_reason,
            usage=usage,
            extra={**body, **message},
        ),
    )
    return tool_xml.with_calls_of_text(decoded, xml_tools, tools) if has_xml else decoded

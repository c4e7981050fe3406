"""Decodes a whole response of `/v1/chat/completions`. Facts: docs/api-facts.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage

from langchain_mimo._wire.to_langchain.metadata import (
    annotations_of,
    answer_metadata,
    raw_arguments,
    text_of,
)
from langchain_mimo._wire.to_langchain.tool_calls import (
    CUT_REASONS,
    decode_calls,
    mixed_order,
)
from langchain_mimo._wire.to_langchain.usage import usage_metadata
from langchain_mimo.errors import MiMoInvalidResponseError


def reasoning_of(message: Mapping[str, Any]) -> str:
    """Return the thoughts in a message, under MiMo's name or vLLM's and OpenRouter's."""
    return text_of(message.get("reasoning_content") or message.get("reasoning"))


def decode_response(body: object, *, reasoning_as_content: bool = False) -> AIMessage:
    """Turn the body of a whole answer into a message.

    Args:
        body: The parsed JSON.
        reasoning_as_content: Whether the reasoning replaces an empty answer without calls.

    Returns:
        The message; thoughts in `additional_kwargs["reasoning_content"]`, content never None.

    Raises:
        MiMoInvalidResponseError: The body is not a chat completion.
    """
    choices = body.get("choices") if isinstance(body, Mapping) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not (
        isinstance(body, Mapping) and isinstance(choice, Mapping) and isinstance(message, Mapping)
    ):
        keys = sorted(map(str, body)) if isinstance(body, Mapping) else type(body).__name__
        msg = (
            f"the answer is JSON, but no chat completion ({str(keys)[:200]}); "
            "check that base_url is an OpenAI-shaped API"
        )
        raise MiMoInvalidResponseError(msg, status_code=200)
    answer_id = body.get("id") if isinstance(body.get("id"), str) else None
    model = body.get("model") if isinstance(body.get("model"), str) else None
    reason = choice.get("finish_reason")
    reason = reason if isinstance(reason, str) else None
    calls = decode_calls(message.get("tool_calls"), answer_id, cut=reason in CUT_REASONS)
    additional: dict[str, Any] = {}
    reasoning = reasoning_of(message)
    if reasoning:
        additional["reasoning_content"] = reasoning
    if annotations := annotations_of(message):
        additional["annotations"] = annotations
    if raw := raw_arguments(calls):
        additional["raw_arguments"] = raw
    if order := mixed_order(calls):
        additional["tool_call_order"] = order
    usage = body.get("usage")
    text = text_of(message.get("content"))
    if reasoning_as_content and not text and not calls:
        text = reasoning
    return AIMessage(
        content=text,
        additional_kwargs=additional,
        tool_calls=[call.as_call() for call in calls if call.args is not None],
        invalid_tool_calls=[call.as_invalid() for call in calls if call.args is None],
        usage_metadata=usage_metadata(usage),
        id=answer_id,
        response_metadata=answer_metadata(
            answer_id=answer_id,
            model=model,
            finish_reason=reason,
            usage=usage,
            extra={**body, **message},
        ),
    )

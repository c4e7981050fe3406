"""The answer of POST /anthropic/v1/messages, whole and as a stream (anthropic-format.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from langchain_mimo.catalogue import Model
from langchain_mimo.emulator.api.chat_response import new_response_id, split_text
from langchain_mimo.emulator.conversation.outcome import Outcome
from langchain_mimo.emulator.conversation.reply import Reply

INPUT_INCLUDES_CACHED = False
"""Whether `input_tokens` counts what was read from the cache. MiMo does not say; Anthropic's own
format, which this one copies, counts it apart."""

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def message(
    outcome: Outcome, model: Model, usage: Mapping[str, Any], reply: Reply | None = None
) -> dict[str, Any]:
    """Return the body of a whole answer; `usage` is the other format's."""
    return {
        "id": new_response_id(model),
        "type": "message",
        "role": "assistant",
        "content": _blocks(outcome),
        "model": model.id,
        "stop_reason": _stop_reason(outcome),
        "usage": usage_of(usage),
        **(reply.message if reply is not None else {}),
    }


def stream(
    outcome: Outcome,
    model: Model,
    usage: Mapping[str, Any],
    reply: Reply | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the events of a streamed answer, the stray `[DONE]` excepted."""
    counted = usage_of(usage)
    yield {
        "type": "message_start",
        "message": {
            **message(outcome, model, usage, reply),
            "content": [],
            "stop_reason": None,
            # Not in MiMo's list of fields; the Anthropic SDK's own stream helper cannot do without.
            "usage": {**counted, "output_tokens": 0},
        },
    }
    script = reply if reply is not None else Reply()
    for index, block in enumerate(_blocks(outcome)):
        yield {
            "type": "content_block_start",
            "index": index,
            "content_block": _opening(block),
        }
        for delta in _deltas(block, outcome, script):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": _stop_reason(outcome)},
        "usage": counted,
    }
    yield {"type": "message_stop"}


def usage_of(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Return this format's usage, made of the other's; it knows no modalities."""
    details = usage.get("prompt_tokens_details")
    cached = (details.get("cached_tokens") if isinstance(details, Mapping) else None) or 0
    prompt = usage.get("prompt_tokens", 0)
    # A script may put anything in their place, which then goes out as it stands.
    if isinstance(prompt, int) and isinstance(cached, int) and not INPUT_INCLUDES_CACHED:
        prompt -= cached
    return {
        "input_tokens": prompt,
        "output_tokens": usage.get("completion_tokens", 0),
        "cache_read_input_tokens": cached,
    }


def _stop_reason(outcome: Outcome) -> str:
    return _STOP_REASONS.get(outcome.finish_reason, outcome.finish_reason)


def _blocks(outcome: Outcome) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if outcome.reasoning:
        blocks.append({"type": "thinking", "thinking": outcome.reasoning, "signature": ""})
    if outcome.content or not outcome.calls:
        blocks.append({"type": "text", "text": outcome.content})
    for call in outcome.calls:
        arguments = _object(call.arguments)
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments})
    return blocks


def _object(text: str) -> Any:
    """Return a call's arguments; those that were cut are lost here, as they cannot be shown."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}


def _opening(block: Mapping[str, Any]) -> dict[str, Any]:
    empty = {"thinking": {"thinking": "", "signature": ""}, "text": {"text": ""}}
    return {**block, **empty.get(block["type"], {"input": {}})}


def _deltas(block: Mapping[str, Any], outcome: Outcome, script: Reply) -> Iterator[dict[str, Any]]:
    if block["type"] == "thinking":
        for piece in split_text(block["thinking"], script.reasoning_pieces):
            yield {"type": "thinking_delta", "thinking": piece}
        yield {"type": "signature_delta", "signature": ""}
    elif block["type"] == "text":
        for piece in split_text(block["text"], script.pieces):
            yield {"type": "text_delta", "text": piece}
    else:
        call = next(call for call in outcome.calls if call.id == block["id"])
        size = script.argument_pieces
        for start in range(0, len(call.arguments), size):
            part = call.arguments[start : start + size]
            yield {"type": "input_json_delta", "partial_json": part}

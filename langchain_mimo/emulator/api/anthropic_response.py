"""Encodes the response of POST /anthropic/v1/messages, streamed or not (docs/api-facts.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from langchain_mimo.catalogue import Model
from langchain_mimo.emulator.api.chat_response import new_response_id, split_text
from langchain_mimo.emulator.conversation.outcome import Outcome
from langchain_mimo.emulator.conversation.reply import Reply

INPUT_INCLUDES_CACHED = False
"""Whether `input_tokens` includes cached tokens. MiMo does not document it; Anthropic's own API,
which this format copies, counts them separately."""

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def message(
    outcome: Outcome, model: Model, usage: Mapping[str, Any], reply: Reply | None = None
) -> dict[str, Any]:
    """Return the body of a non-streamed response.

    Args:
        outcome: The response in neutral form.
        model: The requested model.
        usage: The `usage` object of the chat completions format.
        reply: The scripted reply that the outcome came from, for its extra keys.
    """
    return {
        "id": new_response_id(model),
        "type": "message",
        "role": "assistant",
        "content": _blocks(outcome),
        "model": model.id,
        "stop_reason": _stop_reason(outcome),
        "usage": anthropic_usage(usage),
        **(reply.message if reply is not None else {}),
    }


def events(
    outcome: Outcome,
    model: Model,
    usage: Mapping[str, Any],
    reply: Reply | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the events of a streamed response, without the final `[DONE]`.

    Args:
        outcome: The response in neutral form.
        model: The requested model.
        usage: The `usage` object of the chat completions format.
        reply: The scripted reply that the outcome came from, for its pieces and extra keys.
    """
    final_usage = anthropic_usage(usage)
    yield {
        "type": "message_start",
        "message": {
            **message(outcome, model, usage, reply),
            "content": [],
            "stop_reason": None,
            # MiMo does not document this field, but the Anthropic SDK's stream helper needs it.
            "usage": {**final_usage, "output_tokens": 0},
        },
    }
    pieces = reply if reply is not None else Reply()
    for index, block in enumerate(_blocks(outcome)):
        yield {
            "type": "content_block_start",
            "index": index,
            "content_block": _without_content(block),
        }
        for delta in _deltas(block, outcome, pieces):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": _stop_reason(outcome)},
        "usage": final_usage,
    }
    yield {"type": "message_stop"}


def anthropic_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the usage of a chat completion; this format has no counts per kind of media."""
    details = usage.get("prompt_tokens_details")
    cached = (details.get("cached_tokens") if isinstance(details, Mapping) else None) or 0
    prompt = usage.get("prompt_tokens", 0)
    # A scripted reply may replace the numbers with other values, which are sent unchanged.
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
        arguments = _parse_arguments(call.arguments)
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments})
    return blocks


def _parse_arguments(text: str) -> Any:
    """Parse the arguments of a call; truncated JSON, which this format cannot carry, becomes {}."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}


def _without_content(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a block as its stream starts, before any delta."""
    empty = {"thinking": {"thinking": "", "signature": ""}, "text": {"text": ""}}
    return {**block, **empty.get(block["type"], {"input": {}})}


def _deltas(block: Mapping[str, Any], outcome: Outcome, pieces: Reply) -> Iterator[dict[str, Any]]:
    if block["type"] == "thinking":
        for piece in split_text(block["thinking"], pieces.reasoning_pieces):
            yield {"type": "thinking_delta", "thinking": piece}
        yield {"type": "signature_delta", "signature": ""}
    elif block["type"] == "text":
        for piece in split_text(block["text"], pieces.pieces):
            yield {"type": "text_delta", "text": piece}
    else:
        call = next(call for call in outcome.calls if call.id == block["id"])
        size = pieces.argument_pieces
        for start in range(0, len(call.arguments), size):
            piece = call.arguments[start : start + size]
            yield {"type": "input_json_delta", "partial_json": piece}

"""Encodes the response of POST /v1/chat/completions, streamed or not (docs/api-facts.md)."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_mimo.catalogue import Model
from langchain_mimo.emulator.conversation.outcome import Outcome
from langchain_mimo.emulator.conversation.reply import Reply

DONE = b"data: [DONE]\n\n"

EVENTS_PER_SECOND = 5
"""In a stream, `created` advances by one second after this many events, as in MiMo's sample."""

_DELTA_TEXT = re.compile(r"\s*\S{1,12}\s*?")
_MODELS_WITH_LONG_IDS = ("mimo-v2.6",)


def new_response_id(model: Model) -> str:
    """Return a new id: `<uuid>_<32 hex digits>` from v2.6 on, 32 hex digits before it."""
    short_id = uuid.uuid4().hex
    has_long_id = model.id.startswith(_MODELS_WITH_LONG_IDS)
    return f"{uuid.uuid4()}_{short_id}" if has_long_id else short_id


def completion(
    outcome: Outcome, model: Model, usage: Mapping[str, Any], reply: Reply | None = None
) -> dict[str, Any]:
    """Return the body of a non-streamed response.

    Args:
        outcome: The response in neutral form.
        model: The requested model.
        usage: The `usage` object.
        reply: The scripted reply that the outcome came from, for its extra keys.
    """
    message: dict[str, Any] = {"content": outcome.content, "role": "assistant"}
    if outcome.annotations is not None:
        message["annotations"] = outcome.annotations
    if outcome.error_message is not None:
        message["error_message"] = outcome.error_message
    # With thinking off, both keys are left out unless there is a value, or should be one.
    if outcome.calls or outcome.reasoning is not None or outcome.finish_reason == "tool_calls":
        message["tool_calls"] = [
            {
                "id": call.id,
                "function": {"arguments": call.arguments, "name": call.name},
                "type": "function",
            }
            for call in outcome.calls
        ] or None
    if outcome.reasoning is not None:
        message["reasoning_content"] = outcome.reasoning
    if reply is not None:
        message.update(reply.message)
    return {
        "id": new_response_id(model),
        "choices": [{"finish_reason": outcome.finish_reason, "index": 0, "message": message}],
        "created": int(time.time()),
        "model": model.id,
        "object": "chat.completion",
        "usage": usage,
    }


def chunks(
    outcome: Outcome,
    model: Model,
    usage: Mapping[str, Any] | None,
    reply: Reply | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the events of a streamed response, without the final `[DONE]`.

    Args:
        outcome: The response in neutral form.
        model: The requested model.
        usage: The `usage` object of the last event; None to leave that event out.
        reply: The scripted reply that the outcome came from, for its pieces and extra keys.
    """
    chunk = _ChunkBuilder(model)
    yield chunk.build(_first_delta(outcome, reply))
    reasoning = reply.reasoning_pieces if reply is not None else None
    for piece in split_text(outcome.reasoning or "", reasoning if outcome.reasoning else None):
        yield chunk.build(_delta(reasoning_content=piece))
    for piece in split_text(outcome.content, reply.pieces if reply is not None else None):
        yield chunk.build(_delta(content=piece))
    size = reply.argument_pieces if reply is not None else Reply().argument_pieces
    for index, call in enumerate(outcome.calls):
        yield chunk.build(_delta(tool_calls=[_call_delta(index, "", call.id, call.name)]))
        for start in range(0, len(call.arguments), size):
            piece = call.arguments[start : start + size]
            yield chunk.build(_delta(tool_calls=[_call_delta(index, piece)]))
    final = chunk.build(_delta(), outcome.finish_reason)
    final["usage"] = None
    yield final
    if usage is not None:
        last = chunk.build(_delta())
        last["choices"] = []
        last["usage"] = usage
        yield last


def split_text(text: str, pieces: Sequence[str] | None) -> Sequence[str]:
    """Split a text into the deltas of a stream.

    Args:
        text: The text.
        pieces: The deltas that a scripted reply sets; None to split into words of up to 12
            characters.
    """
    if pieces is not None:
        return pieces
    words = _DELTA_TEXT.findall(text)
    rest = text[sum(map(len, words)) :]
    return [*words, rest] if rest else words


class _ChunkBuilder:
    def __init__(self, model: Model) -> None:
        self._id = new_response_id(model)
        self._model = model.id
        self._start = int(time.time())
        self._sent = 0

    def build(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        created = self._start + self._sent // EVENTS_PER_SECOND
        self._sent += 1
        return {
            "id": self._id,
            "choices": [{"delta": delta, "finish_reason": finish_reason, "index": 0}],
            "created": created,
            "model": self._model,
            "object": "chat.completion.chunk",
        }


def _first_delta(outcome: Outcome, reply: Reply | None) -> dict[str, Any]:
    delta = _delta(content="", role="assistant")
    if outcome.annotations is not None:
        delta["annotations"] = outcome.annotations
    if outcome.error_message is not None:
        delta["error_message"] = outcome.error_message
    if reply is not None:
        delta.update(reply.message)
    return delta


def _delta(
    content: str | None = None,
    role: str | None = None,
    tool_calls: list[dict[str, Any]] | None = None,
    reasoning_content: str | None = None,
) -> dict[str, Any]:
    return {
        "content": content,
        "role": role,
        "tool_calls": tool_calls,
        "reasoning_content": reasoning_content,
    }


def _call_delta(
    index: int, arguments: str, call_id: str | None = None, name: str | None = None
) -> dict[str, Any]:
    return {
        "index": index,
        "id": call_id,
        "function": {"arguments": arguments, "name": name},
        "type": "function",
    }

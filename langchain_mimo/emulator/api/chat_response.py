"""The answer of POST /v1/chat/completions, whole and as a stream (mimo-api.md §4, §5)."""

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
"""`created` moves on within a stream, as in the official sample: a second every so many events."""

_PIECE = re.compile(r"\s*\S{1,12}\s*?")
_ID_WITH_UUID = ("mimo-v2.6",)


def new_response_id(model: Model) -> str:
    """Return a new id: `<uuid>_<32 hex>` for v2.6, 32 hexadecimal digits before it."""
    tail = uuid.uuid4().hex
    return f"{uuid.uuid4()}_{tail}" if model.id.startswith(_ID_WITH_UUID) else tail


def completion(
    outcome: Outcome, model: Model, usage: Mapping[str, Any], reply: Reply | None = None
) -> dict[str, Any]:
    """Return the body of a whole answer."""
    message: dict[str, Any] = {"content": outcome.content, "role": "assistant"}
    if outcome.annotations is not None:
        message["annotations"] = outcome.annotations
    if outcome.error_message is not None:
        message["error_message"] = outcome.error_message
    message["tool_calls"] = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
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
    """Yield the events of a streamed answer, `[DONE]` excepted.

    Args:
        outcome: The answer.
        model: Named in every event.
        usage: The last event's; None leaves that event out.
        reply: The script it came from, for its pieces and extra keys.
    """
    frame = _Frame(model)
    yield frame.event(_first_delta(outcome, reply))
    reasoning = reply.reasoning_pieces if reply is not None else None
    for piece in split_text(outcome.reasoning or "", reasoning if outcome.reasoning else None):
        yield frame.event(_delta(reasoning_content=piece))
    for piece in split_text(outcome.content, reply.pieces if reply is not None else None):
        yield frame.event(_delta(content=piece))
    size = reply.argument_pieces if reply is not None else Reply().argument_pieces
    for index, call in enumerate(outcome.calls):
        yield frame.event(_delta(tool_calls=[_fragment(index, "", call.id, call.name)]))
        for start in range(0, len(call.arguments), size):
            part = call.arguments[start : start + size]
            yield frame.event(_delta(tool_calls=[_fragment(index, part)]))
    final = frame.event(_delta(), outcome.finish_reason)
    final["usage"] = None
    yield final
    if usage is not None:
        last = frame.event(_delta())
        last["choices"] = []
        last["usage"] = usage
        yield last


def split_text(text: str, given: Sequence[str] | None) -> Sequence[str]:
    """Return the deltas of a text: those given, else cut into words and long words into parts."""
    if given is not None:
        return given
    found = _PIECE.findall(text)
    rest = text[sum(map(len, found)) :]
    return [*found, rest] if rest else found


class _Frame:
    def __init__(self, model: Model) -> None:
        self._id = new_response_id(model)
        self._model = model.id
        self._start = int(time.time())
        self._sent = 0

    def event(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
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


def _fragment(
    index: int, arguments: str, call_id: str | None = None, name: str | None = None
) -> dict[str, Any]:
    return {
        "index": index,
        "id": call_id,
        "function": {"arguments": arguments, "name": name},
        "type": "function",
    }

"""`/anthropic/v1/messages`, streamed: JSON events → chunks that add up to a whole answer.

Every event is written down as one of the OpenAI format, and `openai.stream` does the
rest: tool calls held back until whole, halves of characters, scalars once at the end. Facts:
anthropic-format.md and mimo-api.md §5.3. The stray `[DONE]` after `message_stop` and the `error`
events never come here: the transport ends at the one and raises the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_mimo._wire.anthropic.response import (
    arguments_text,
    call_fragment,
    chat_usage,
    finish_reason,
    warn_unknown,
)
from langchain_mimo._wire.openai import stream as openai_stream
from langchain_mimo._wire.to_langchain.events import Event, EventWriter
from langchain_mimo._wire.to_langchain.metadata import text_of
from langchain_mimo._wire.to_langchain.tool_calls import FinishedCall


@dataclass(slots=True)
class _OpenCall:
    """A `tool_use` block that has not stopped.

    Attributes:
        place: Its place among the answer's calls, from 0.
        given: The arguments of its first event; {} where they come in deltas.
        is_empty: Whether no delta has brought any.
    """

    place: int
    given: object
    is_empty: bool = True


class StreamDecoder(openai_stream.StreamDecoder):
    """Decodes one streamed answer of the Anthropic format.

    The answer is whole when a `stop_reason` or `message_stop` has come. Pings do not begin it, and
    events of types that are not known are passed over, as the format wants it.

    Args:
        thoughts_as_content: Whether thoughts take the place of an empty answer without calls.
    """

    __slots__ = ("_calls", "_counts", "_empty", "_open_calls", "_signature", "_unsent")

    def __init__(self, *, reasoning_as_content: bool = False) -> None:
        super().__init__(reasoning_as_content=reasoning_as_content)
        self._counts: dict[str, Any] = {}
        self._signature = ""
        self._unsent = ""
        self._calls = 0
        # By the index of their content block.
        self._open_calls: dict[object, _OpenCall] = {}
        # Places of calls that stopped without arguments: they have none, or the answer was cut.
        self._empty: list[int] = []

    def feed(self, event: Mapping[str, Any]) -> AIMessageChunk | None:
        """Take one event.

        Args:
            event: The parsed JSON of one `data:` field.

        Returns:
            A chunk when the event adds text, thoughts, a signature or a finished call, else None.

        Raises:
            MiMoInvalidResponseError: The event is not of this API.
        """
        written = self._written(event)
        chunk = super().feed(written) if written is not None else None
        if self._unsent:
            chunk = chunk or AIMessageChunk(content="", id=self._answer_id)
            chunk.additional_kwargs["signature"], self._unsent = self._unsent, ""
        return chunk

    def feed_events(self, event: Mapping[str, Any], writer: EventWriter) -> list[Event]:
        """Take one event, as `feed` does, and write it as content-block events."""
        written = self._written(event)
        events = super().feed_events(written, writer) if written is not None else []
        if self._unsent:
            additional, self._unsent = {"signature": self._unsent}, ""
            signed = AIMessageChunk(content="", additional_kwargs=additional, id=self._answer_id)
            events += writer.write_chunk(signed)
        return events

    def finish(self) -> list[AIMessageChunk]:
        """Close the answer, and calls whose block did not stop.

        Returns:
            What was still held back, and last the chunk with usage and metadata.

        Raises:
            MiMoIncompleteStreamError: Neither a stop reason nor `message_stop` came.
        """
        stops = [{"type": "content_block_stop", "index": index} for index in self._open_calls]
        held = [chunk for stop in stops if (chunk := self.feed(stop)) is not None]
        return held + super().finish()

    def partial_message(self) -> AIMessage:
        """Return what arrived of an answer that was cut; no call in it can be run by mistake."""
        message = super().partial_message()
        if self._signature:
            message.additional_kwargs["signature"] = self._signature
        return message

    def _chunk(
        self,
        text: str,
        reasoning: str,
        calls: list[FinishedCall],
        sources: list[dict[str, str | int | float]],
    ) -> AIMessageChunk:
        chunk = super()._chunk(text, reasoning, calls, sources)
        # Calls go back as objects here, so how the model spaced their JSON is not kept.
        chunk.additional_kwargs.pop("raw_arguments", None)
        return chunk

    # --- From events of one format to events of the other ---

    def _written(self, event: Mapping[str, Any]) -> dict[str, Any] | None:  # noqa: PLR0911
        """Write an event as one of the OpenAI format; None when it says nothing."""
        match event.get("type"):
            case "content_block_delta":
                return self._delta(event.get("index"), _mapping(event.get("delta")))
            case "content_block_start":
                return self._start(event.get("index"), _mapping(event.get("content_block")))
            case "content_block_stop":
                return self._stop(event.get("index"))
            case "message_start":
                message = _mapping(event.get("message"))
                head = {"id": message.get("id"), "model": message.get("model")}
                return head | self._counted(message.get("usage"))
            case "message_delta":
                return self._end(_mapping(event.get("delta")).get("stop_reason"), event)
            case "message_stop" if self._finish_reason is None:
                return self._end("end_turn", event)
            case _:
                return None

    def _end(self, stop_reason: object, event: Mapping[str, Any]) -> dict[str, Any]:
        ended = {"choices": [{"finish_reason": finish_reason(stop_reason)}]}
        return ended | self._counted(event.get("usage"))

    def _start(self, index: object, block: Mapping[str, Any]) -> dict[str, Any] | None:
        # A block that begins tells of the calls before it that they are whole.
        fragments = [_arguments(place, "{}") for place in self._empty]
        self._empty.clear()
        match block.get("type"):
            case "text" | "thinking":
                return self._words(block, fragments)
            case "tool_use":
                self._open_calls[index] = _OpenCall(self._calls, block.get("input"))
                fragments.append(call_fragment(block, "", self._calls))
                self._calls += 1
            case kind:
                warn_unknown(kind)
        return self._words({}, fragments)

    def _delta(self, index: object, delta: Mapping[str, Any]) -> dict[str, Any] | None:
        match delta.get("type"):
            case "text_delta" | "thinking_delta" | "signature_delta":
                return self._words(delta, [])
            case "input_json_delta":
                piece = delta.get("partial_json")
                if not piece or (call := self._open_calls.get(index)) is None:
                    return None
                call.is_empty = False
                return self._words({}, [_arguments(call.place, piece)])
            case kind:
                warn_unknown(kind)
        return None

    def _stop(self, index: object) -> dict[str, Any] | None:
        call = self._open_calls.pop(index, None)
        if call is None or not call.is_empty:
            return None
        if call.given:
            return self._words({}, [_arguments(call.place, arguments_text(call.given))])
        self._empty.append(call.place)
        return None

    def _words(
        self, words: Mapping[str, Any], fragments: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
        """Write the text and thoughts of a block or delta, and note its signature."""
        delta: dict[str, Any] = {}
        if text := words.get("text"):
            delta["content"] = text
        if reasoning := words.get("thinking"):
            delta["reasoning_content"] = reasoning
        if fragments:
            delta["tool_calls"] = fragments
        if signature := text_of(words.get("signature")):
            self._signature += signature
            self._unsent += signature
        return {"choices": [{"delta": delta}]} if delta else None

    def _counted(self, usage: object) -> dict[str, Any]:
        """Keep the latest of each count: those of `message_delta` are totals."""
        self._counts |= {key: count for key, count in _mapping(usage).items() if count is not None}
        return {"usage": chat_usage(self._counts)} if self._counts else {}


def _arguments(place: int, text: object) -> dict[str, Any]:
    return {"index": place, "function": {"arguments": text}}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

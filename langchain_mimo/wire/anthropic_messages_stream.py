"""`/anthropic/v1/messages`, streamed: JSON events → chunks that add up to a whole answer.

Every event is written down as one of the OpenAI format, and `chat_completions_stream` does the
rest: tool calls held back until whole, halves of characters, scalars once at the end. Facts:
anthropic-format.md and mimo-api.md §5.3. The stray `[DONE]` after `message_stop` and the `error`
events never come here: the transport ends at the one and raises the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_mimo.wire import chat_completions_stream
from langchain_mimo.wire.anthropic_messages import (
    arguments_text,
    call_fragment,
    chat_usage,
    finish_reason,
    warn_unknown,
)
from langchain_mimo.wire.chat_completions import text_of


@dataclass(slots=True)
class _OpenCall:
    """A `tool_use` block that has not stopped.

    Attributes:
        place: Its place among the answer's calls, from 0.
        given: The arguments of its first event; {} where they come in deltas.
        pieces: The deltas.
    """

    place: int
    given: object
    pieces: list[str] = field(default_factory=list)

    @property
    def arguments(self) -> str:
        """The arguments' text, "" when there was none."""
        if self.pieces:
            return arguments_text("".join(self.pieces))
        return arguments_text(self.given) if self.given else ""


class StreamDecoder:
    """Decodes one streamed answer; the twin of `chat_completions_stream.StreamDecoder`.

    The answer is whole when a `stop_reason` or `message_stop` has come.

    Args:
        thoughts_as_content: Whether thoughts take the place of an empty answer without calls.
    """

    __slots__ = (
        "_answer",
        "_answer_id",
        "_calls",
        "_empty",
        "_open",
        "_signature",
        "_stopped",
        "_usage",
    )

    def __init__(self, *, thoughts_as_content: bool = False) -> None:
        self._answer = chat_completions_stream.StreamDecoder(
            thoughts_as_content=thoughts_as_content
        )
        self._answer_id: str | None = None
        self._usage: dict[str, Any] = {}
        self._signature = ""
        self._stopped = False
        self._calls = 0
        # By the index of their content block.
        self._open: dict[Any, _OpenCall] = {}
        # Places of calls that stopped without arguments; they have none, or were cut.
        self._empty: list[int] = []

    @property
    def begun(self) -> bool:
        """Whether any event of an answer has been fed; pings are none."""
        return self._answer.begun

    def feed(self, event: Mapping[str, Any]) -> AIMessageChunk | None:
        """Take one event.

        Args:
            event: The parsed JSON of one `data:` field; types that are not known are passed over,
                as the format wants it.

        Returns:
            A chunk when the event adds text, thoughts, a signature or a finished call, else None.
        """
        match event.get("type"):
            case "content_block_delta":
                return self._delta(event.get("index"), _mapping(event.get("delta")))
            case "content_block_start":
                return self._start(event.get("index"), _mapping(event.get("content_block")))
            case "content_block_stop":
                return self._stop(event.get("index"))
            case "message_start":
                self._begin(_mapping(event.get("message")))
            case "message_delta":
                self._end(_mapping(event.get("delta")).get("stop_reason"), event.get("usage"))
            case "message_stop" if not self._stopped:
                self._end("end_turn", None)
        return None

    def finish(self) -> list[AIMessageChunk]:
        """Close the answer.

        Returns:
            What was still held back, and last the chunk with usage and metadata.

        Raises:
            MiMoIncompleteStreamError: Neither a stop reason nor `message_stop` came.
        """
        held = self._flush()
        return [*([held] if held else []), *self._answer.finish()]

    def partial(self) -> AIMessage:
        """Return what arrived of an answer that was cut; no call in it can be run by mistake."""
        self._flush()
        message = self._answer.partial()
        if self._signature:
            message.additional_kwargs["signature"] = self._signature
        return message

    # --- One method per event ---

    def _begin(self, message: Mapping[str, Any]) -> None:
        answer_id = message.get("id")
        self._answer_id = answer_id if isinstance(answer_id, str) and answer_id else None
        self._count(message.get("usage"))
        self._answer.feed({"id": answer_id, "model": message.get("model")})

    def _start(self, index: object, block: Mapping[str, Any]) -> AIMessageChunk | None:
        # A block that begins tells of the calls before it that they are whole.
        fragments = [_arguments(place, "{}") for place in self._empty]
        self._empty.clear()
        match block.get("type"):
            case "text" | "thinking":
                return self._say(block, fragments)
            case "tool_use":
                self._open[index] = _OpenCall(self._calls, block.get("input"))
                fragments.append(call_fragment(block, "", self._calls))
                self._calls += 1
            case kind:
                warn_unknown(kind)
        return self._say({}, fragments)

    def _delta(self, index: object, delta: Mapping[str, Any]) -> AIMessageChunk | None:
        match delta.get("type"):
            case "text_delta" | "thinking_delta" | "signature_delta":
                return self._say(delta, [])
            case "input_json_delta":
                piece = delta.get("partial_json")
                if (call := self._open.get(index)) and isinstance(piece, str):
                    call.pieces.append(piece)
            case kind:
                warn_unknown(kind)
        return None

    def _stop(self, index: object) -> AIMessageChunk | None:
        call = self._open.pop(index, None)
        if call is None:
            return None
        arguments = call.arguments
        if not arguments:
            self._empty.append(call.place)
            return None
        return self._say({}, [_arguments(call.place, arguments)])

    def _end(self, stop_reason: object, usage: object) -> None:
        self._count(usage)
        reason = finish_reason(stop_reason)
        self._stopped = self._stopped or reason is not None
        self._answer.feed(
            {"choices": [{"finish_reason": reason}], "usage": chat_usage(self._usage or None)}
        )

    # --- What they share ---

    def _say(
        self, words: Mapping[str, Any], fragments: list[dict[str, Any]]
    ) -> AIMessageChunk | None:
        """Feed the text, thoughts and signature of a block or delta, and fragments of calls."""
        delta: dict[str, Any] = {}
        if text := words.get("text"):
            delta["content"] = text
        if thought := words.get("thinking"):
            delta["reasoning_content"] = thought
        if fragments:
            delta["tool_calls"] = fragments
        chunk = self._answer.feed({"choices": [{"delta": delta}]}) if delta else None
        if signature := text_of(words.get("signature")):
            self._signature += signature
            chunk = chunk or AIMessageChunk(content="", id=self._answer_id)
            chunk.additional_kwargs["signature"] = signature
        return chunk

    def _count(self, usage: object) -> None:
        """Keep the latest of each count; the counts of `message_delta` are totals."""
        self._usage |= {key: n for key, n in _mapping(usage).items() if n is not None}

    def _flush(self) -> AIMessageChunk | None:
        """Feed the arguments of calls whose block did not stop, cut as they are."""
        fragments = [_arguments(call.place, call.arguments) for call in self._open.values()]
        self._open.clear()
        return self._say({}, fragments)


def _arguments(place: int, text: str) -> dict[str, Any]:
    return {"index": place, "function": {"arguments": text}}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

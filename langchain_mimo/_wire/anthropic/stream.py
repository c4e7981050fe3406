"""Decodes a stream of `/anthropic/v1/messages` into chunks.

Every event is rewritten as an event of the OpenAI format and then decoded by `openai.stream`, which
holds calls back until they are complete, joins surrogates, and sends scalars once at the end.
Facts: docs/api-facts.md. The transport ends the stream at the stray `[DONE]` after `message_stop`
and raises `error` events, so neither arrives here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_mimo._json import strict_object
from langchain_mimo._wire.anthropic.response import (
    ResponseContent,
    arguments_text,
    block_text,
    finish_reason,
    reviser,
    to_chat_completion,
    to_openai_call,
    to_openai_usage,
    warn_unknown_type,
)
from langchain_mimo._wire.bound_tools import BoundTools
from langchain_mimo._wire.guard import DECODING_FAULTS
from langchain_mimo._wire.json_values import Place, UnreadableError, mapping, place, word
from langchain_mimo._wire.openai import stream as openai_stream
from langchain_mimo._wire.to_langchain.events import Event, EventWriter
from langchain_mimo._wire.to_langchain.metadata import read_text
from langchain_mimo._wire.to_langchain.tool_calls import FinishedCall, ReviseCall
from langchain_mimo._wire.to_langchain.tool_xml import XMLTools


@dataclass(slots=True)
class _OpenCall:
    """A `tool_use` block that has started and not stopped.

    Attributes:
        index: The call's index among the response's calls, from 0.
        initial_input: The `input` of its first event; {} when arguments arrive in deltas.
        pieces: The arguments that deltas added.
    """

    index: int
    initial_input: object
    pieces: list[str] = field(default_factory=list)


class StreamDecoder(openai_stream.StreamDecoder):
    """Decodes one streamed response of the Anthropic format.

    The response is complete once a `stop_reason` or `message_stop` has arrived. Pings do not start
    it, and events of unknown types are ignored, as the format requires.

    Args:
        reasoning_as_content: Whether the reasoning becomes the content of a response that has
            neither text nor calls.
        xml_tools: The tools whose calls are read from XML in the text; None raises for such XML.
        tools: The tools of the request.
    """

    __slots__ = (
        "_call_count",
        "_calls_without_arguments",
        "_ignored_blocks",
        "_open_calls",
        "_pending_signature",
        "_seen_ids",
        "_signature",
        "_usage_counts",
    )

    def __init__(
        self,
        *,
        reasoning_as_content: bool = False,
        xml_tools: XMLTools = None,
        tools: BoundTools | None = None,
    ) -> None:
        super().__init__(
            reasoning_as_content=reasoning_as_content, xml_tools=xml_tools, tools=tools
        )
        self._usage_counts: dict[str, Any] = {}
        self._signature = ""
        self._pending_signature = ""
        self._call_count = 0
        # By the index of their content block.
        self._open_calls: dict[Place | None, _OpenCall] = {}
        # Blocks of unknown types, whose deltas are ignored as well.
        self._ignored_blocks: set[Place | None] = set()
        self._seen_ids: set[str] = set()
        # Indices of calls that stopped without arguments: either they take none, or the response
        # was cut. The next event tells which.
        self._calls_without_arguments: list[int] = []

    def feed(self, event: Mapping[str, Any]) -> AIMessageChunk | None:
        """Decode one event.

        Args:
            event: The parsed JSON of one `data:` field.

        Returns:
            A chunk if the event adds text, reasoning, a signature or a finished call, else None.

        Raises:
            MiMoInvalidResponseError: The event does not have this API's format.
        """
        openai_event = self._read(event)
        chunk = super().feed(openai_event) if openai_event is not None else None
        if self._pending_signature:
            chunk = chunk or AIMessageChunk(content="", id=self._head.response_id)
            chunk.additional_kwargs["signature"] = self._pending_signature
            self._pending_signature = ""
        return chunk

    def feed_events(self, event: Mapping[str, Any], writer: EventWriter) -> list[Event]:
        """Decode one event as `feed` does, and return it as content-block events.

        Args:
            event: The parsed JSON of one `data:` field.
            writer: Builds the events of this response.

        Raises:
            MiMoInvalidResponseError: The event does not have this API's format.
        """
        openai_event = self._read(event)
        events = super().feed_events(openai_event, writer) if openai_event is not None else []
        if self._pending_signature:
            additional = {"signature": self._pending_signature}
            self._pending_signature = ""
            chunk = AIMessageChunk(
                content="", additional_kwargs=additional, id=self._head.response_id
            )
            events += writer.write_chunk(chunk)
        return events

    def finish(self) -> list[AIMessageChunk]:
        """Complete the response, including calls whose block did not stop.

        Returns:
            Chunks with what was held back, if anything; then the last chunk, with usage and
            metadata.

        Raises:
            MiMoIncompleteStreamError: Neither a stop reason nor `message_stop` arrived.
        """
        stops = [{"type": "content_block_stop", "index": index} for index in self._open_calls]
        held_back = [chunk for stop in stops if (chunk := self.feed(stop)) is not None]
        return held_back + super().finish()

    def partial_message(self, *, runnable: bool = True) -> AIMessage:
        """Return what arrived of a response that was cut, as the base class does."""
        message = super().partial_message(runnable=runnable)
        if self._signature:
            message.additional_kwargs["signature"] = self._signature
        return message

    @staticmethod
    def _reviser(tools: BoundTools | None) -> ReviseCall | None:
        return reviser(tools)

    @staticmethod
    def _raw_arguments(calls: Sequence[FinishedCall]) -> dict[str, str]:
        # This format sends arguments back as objects, so the model's own spacing is not kept.
        return {call.id: arguments_text(call.raw) for call in calls if call.raw != call.text}

    # --- From events of this format to events of the OpenAI format ---

    def _read(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        """Rewrite an event in the OpenAI format; returns None if it adds nothing.

        Raises:
            MiMoInvalidResponseError: The event does not have this API's format.
        """
        try:
            return self._to_openai_event(event)
        except DECODING_FAULTS as fault:
            raise self._unreadable(fault) from fault

    def _to_openai_event(self, event: Mapping[str, Any]) -> dict[str, Any] | None:  # noqa: PLR0911
        match event.get("type"):
            case "content_block_delta":
                return self._block_delta(event.get("index"), mapping(event.get("delta"), "delta"))
            case "content_block_start":
                block = mapping(event.get("content_block"), "content_block")
                return self._block_start(place(event.get("index")), block)
            case "content_block_stop":
                stopped = self._block_stop(place(event.get("index")))
                return self._delta_event({}, stopped)
            case "message_start":
                return self._message_start(mapping(event.get("message"), "message"))
            case "message":
                return self._whole_message(event)
            case "message_delta":
                delta = mapping(event.get("delta"), "delta")
                return self._message_end(delta.get("stop_reason"), event)
            case "message_stop" if self._head.finish_reason is None:
                return self._message_end("end_turn", event)
            case "ping" | "message_stop" | "error":
                return None
            case kind:
                # The format requires to ignore it, unless there is nothing else.
                self._unread = self._unread or [f"an event whose type is {str(kind)[:40]!r}"]
                return None

    def _message_start(self, message: Mapping[str, Any]) -> dict[str, Any]:
        if message.get("content"):
            return self._whole_message(message)
        head = {"id": message.get("id"), "model": message.get("model")}
        return head | self._merge_usage(message.get("usage"))

    def _whole_message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Rewrite a response that arrived in one event."""
        content = ResponseContent()
        chat_completion = to_chat_completion(message, content)
        self._add_signature("".join(content.signatures))
        self._unread = self._unread or content.unread
        return chat_completion

    def _message_end(self, stop_reason: object, event: Mapping[str, Any]) -> dict[str, Any]:
        end = {"choices": [{"finish_reason": finish_reason(stop_reason)}]}
        return end | self._merge_usage(event.get("usage"))

    def _block_start(self, index: Place | None, block: Mapping[str, Any]) -> dict[str, Any] | None:
        # A new block at an index ends the one before it, even without content_block_stop.
        fragments = self._block_stop(index)
        self._ignored_blocks.discard(index)
        # A new block means that the calls before it were not cut: those without arguments have {}.
        fragments += [_arguments_fragment(call, "{}") for call in self._calls_without_arguments]
        self._calls_without_arguments.clear()
        match block.get("type"):
            case "text" | "thinking":
                return self._delta_event(block, fragments)
            case "tool_use":
                self._open_calls[index] = _OpenCall(self._call_count, block.get("input"))
                fragments.append(self._call_head(block))
            case kind:
                self._ignored_blocks.add(index)
                self._ignore(kind)
        return self._delta_event({}, fragments)

    def _call_head(self, block: Mapping[str, Any]) -> dict[str, Any]:
        head = to_openai_call(block, "", self._call_count)
        self._call_count += 1
        # A block is a call of its own, even with the id of another one.
        head["id"] = call_id = word(block.get("id"))
        if call_id in self._seen_ids:
            head["id"] = None
        elif call_id is not None:
            self._seen_ids.add(call_id)
        return head

    def _block_delta(self, index: object, delta: Mapping[str, Any]) -> dict[str, Any] | None:
        kind = delta.get("type")
        if kind in ("text_delta", "thinking_delta", "signature_delta"):
            return self._delta_event(delta, [])
        where = place(index)
        if where in self._ignored_blocks:
            return None
        if kind == "input_json_delta":
            piece = delta.get("partial_json")
            if piece is None or piece == "":
                return None
            if not isinstance(piece, str):
                raise UnreadableError("the partial_json of a delta is not a string")
            call = self._call_at(where)
            call.pieces.append(piece)
            return self._delta_event({}, [_arguments_fragment(call.index, piece)])
        if where in self._open_calls and delta:
            raise UnreadableError(f"a tool call has a delta whose type is {str(kind)[:40]!r}")
        if delta:
            self._ignore(kind)
        return None

    def _call_at(self, index: Place | None) -> _OpenCall:
        """Return the open call of a delta; one without an index belongs to the only open call."""
        call = self._open_calls.get(index)
        if call is None and index is None and len(self._open_calls) == 1:
            (call,) = self._open_calls.values()
        if call is None:
            raise UnreadableError("arguments arrived for a block that is not an open tool call")
        return call

    def _ignore(self, kind: object) -> None:
        warn_unknown_type(kind)
        self._unread = self._unread or [f"content whose type is {str(kind)[:40]!r}"]

    def _block_stop(self, index: Place | None) -> list[dict[str, Any]]:
        """Close a block; returns the fragments that complete its call, if it is one."""
        call = self._open_calls.pop(index, None)
        if call is None and index is None and len(self._open_calls) == 1:
            _, call = self._open_calls.popitem()
        if call is None:
            return []
        has_input = call.initial_input not in (None, "", {})
        initial = arguments_text(call.initial_input) if has_input else ""
        if not call.pieces:
            if has_input:
                return [_arguments_fragment(call.index, initial)]
            self._calls_without_arguments.append(call.index)
        elif has_input and strict_object("".join(call.pieces)) != strict_object(initial):
            # Two different values: added to the other one, this one makes the call invalid.
            return [_arguments_fragment(call.index, initial)]
        return []

    def _delta_event(
        self, content: Mapping[str, Any], fragments: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
        """Build an event from the text and reasoning of a block or delta; stores its signature."""
        delta: dict[str, Any] = {}
        if (text := content.get("text")) is not None and text != "":
            delta["content"] = text if type(text) is str else block_text(content, "text")
        if (reasoning := content.get("thinking")) is not None and reasoning != "":
            is_string = type(reasoning) is str
            delta["reasoning_content"] = reasoning if is_string else block_text(content, "thinking")
        if fragments:
            delta["tool_calls"] = fragments
        self._add_signature(content.get("signature"))
        return {"choices": [{"delta": delta}]} if delta else None

    def _add_signature(self, value: object) -> None:
        if signature := read_text(value):
            self._signature += signature
            self._pending_signature += signature

    def _merge_usage(self, usage: object) -> dict[str, Any]:
        """Keep the latest value of each count: `message_delta` reports totals."""
        if isinstance(usage, Mapping):
            self._usage_counts |= {
                key: number for key, number in usage.items() if number is not None
            }
        return {"usage": to_openai_usage(self._usage_counts)} if self._usage_counts else {}


def _arguments_fragment(index: int, text: object) -> dict[str, Any]:
    return {"index": index, "function": {"arguments": text}}

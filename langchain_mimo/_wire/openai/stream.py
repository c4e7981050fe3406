"""Decodes a stream of `/v1/chat/completions` into chunks.

The chunks add up to the message that `response.decode_response` builds from the complete response.
Every scalar (finish reason, model, usage) is on the last chunk only, since LangChain concatenates
repeated strings and sums repeated usage. Facts: docs/api-facts.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_mimo._wire.bound_tools import BoundTools
from langchain_mimo._wire.guard import DECODING_FAULTS, unreadable_response
from langchain_mimo._wire.json_values import UnreadableError, mapping
from langchain_mimo._wire.openai.messages import (
    check_answer,
    first_choice,
    message_in,
    read_finish_reason,
    read_message,
    unknown_choice_keys,
    unknown_event_keys,
    unknown_keys,
)
from langchain_mimo._wire.openai.stream_state import StreamedText, StreamHead
from langchain_mimo._wire.to_langchain import tool_xml
from langchain_mimo._wire.to_langchain.call_assembler import CallAssembler, fragments_of
from langchain_mimo._wire.to_langchain.chunks import ChunkBuilder
from langchain_mimo._wire.to_langchain.events import Event, EventWriter
from langchain_mimo._wire.to_langchain.metadata import raw_arguments, read_annotations
from langchain_mimo._wire.to_langchain.tool_calls import CUT_REASONS, FinishedCall, ReviseCall
from langchain_mimo.errors import MiMoIncompleteStreamError, MiMoInvalidResponseError


class StreamDecoder:
    """Decodes one streamed response.

    Feed it every event. Then call `finish` if the stream ended normally, or `partial_message` if
    it was cut.

    Args:
        reasoning_as_content: Whether the reasoning becomes the content of a response that has
            neither text nor calls.
        xml_tools: The tools whose calls are read from XML in the text; None raises for such XML.
        tools: The tools of the request.

    Attributes:
        started: Whether any event has been fed.
    """

    __slots__ = (
        "_call_assembler",
        "_chunks",
        "_has_messages",
        "_head",
        "_pending_annotations",
        "_reasoning_as_content",
        "_seen_annotations",
        "_text",
        "_tools",
        "_unread",
        "_xml_tools",
        "started",
    )

    def __init__(
        self,
        *,
        reasoning_as_content: bool = False,
        xml_tools: tool_xml.XMLTools = None,
        tools: BoundTools | None = None,
    ) -> None:
        self._tools = tools
        self._xml_tools = xml_tools
        self._reasoning_as_content = reasoning_as_content
        self.started = False
        self._head = StreamHead()
        self._text = StreamedText(holds_xml=xml_tools is not None)
        self._call_assembler = CallAssembler(self._reviser(tools))
        self._chunks = ChunkBuilder(self._raw_arguments)
        self._seen_annotations: set[str] = set()
        self._pending_annotations: list[dict[str, str | int | float]] = []
        # Whether messages arrived in place of deltas.
        self._has_messages = False
        # What the response contains and nobody read, for a response that seems to be empty.
        self._unread: list[str] = []

    def feed(self, event: Mapping[str, Any]) -> AIMessageChunk | None:
        """Decode one event.

        Args:
            event: The parsed JSON of one `data:` field.

        Returns:
            A chunk if the event adds text, reasoning or a finished call, else None.

        Raises:
            MiMoInvalidResponseError: The event does not have this API's format.
        """
        try:
            delta = self._read_event(event)
            if not delta:
                return None
            text, reasoning, fragments = self._read_delta(delta)
            annotations = delta.get("annotations")
            if text and not (reasoning or fragments or annotations or self._pending_annotations):
                return self._chunks.build_plain(text)  # nearly every event
            calls = self._add_fragments(fragments) if fragments else []
            if annotations:
                self._pending_annotations += self._new_annotations(delta)
            if text or reasoning or calls:
                taken = self._take_annotations() if text or calls else []
                return self._chunks.build(text, reasoning, calls, taken)
        except DECODING_FAULTS as fault:
            raise self._unreadable(fault) from fault
        return None

    def feed_events(self, event: Mapping[str, Any], writer: EventWriter) -> list[Event]:
        """Decode one event as `feed` does, and return it as content-block events.

        Fragments of a call are returned as they arrive; the finished call once it is complete.

        Args:
            event: The parsed JSON of one `data:` field.
            writer: Builds the events of this response.

        Raises:
            MiMoInvalidResponseError: The event does not have this API's format.
        """
        try:
            delta = self._read_event(event)
            if not delta:
                return []
            text, reasoning, fragments = self._read_delta(delta)
            annotations = delta.get("annotations")
            if text and writer.started and not (reasoning or fragments or annotations):
                return writer.write_delta("text", text)  # nearly every event
            head = self._head
            events = [] if writer.started else writer.start_message(head.response_id, head.model)
            if reasoning:
                events += writer.write_delta("reasoning", reasoning)
            if text:
                events += writer.write_delta("text", text)
            if fragments:
                events += self._call_events(fragments, writer)
            if annotations and (new := self._new_annotations(delta)):
                events += writer.write_chunk(self._chunks.build("", "", [], new))
        except DECODING_FAULTS as fault:
            raise self._unreadable(fault) from fault
        return events

    def _call_events(self, fragments: object, writer: EventWriter) -> list[Event]:
        events: list[Event] = []
        for index, piece in self._call_assembler.feed(fragments):
            call_id, name = self._call_assembler.id_and_name(index)
            name = self._tools.own_name(name) if self._tools else name
            events += writer.write_call_delta(index, call_id, name, piece)
        if calls := self._call_assembler.release(self._head.response_id):
            events += writer.write_chunk(self._chunks.build("", "", calls, []))
        return events

    def _read_event(self, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Store what an event says about the whole response; returns its delta, if it has one."""
        head = self._head
        if head.response_id is None:
            self.started = True
            head.read(event)
            self._chunks.response_id = head.response_id
        usage = event.get("usage")
        if usage and isinstance(usage, Mapping):
            head.usage = usage
        choices = event.get("choices")
        if choices is None:
            self._unread = self._unread or unknown_event_keys(event)
            return None
        choice = choices[0] if type(choices) is list and choices else first_choice(choices)
        if type(choice) is not dict:
            choice = mapping(choice, "a choice")
        if (reason := choice.get("finish_reason")) is not None:
            head.finish_reason = read_finish_reason(reason) or head.finish_reason
        delta = choice.get("delta")
        if type(delta) is dict:
            return delta
        if delta is not None:
            return mapping(delta, "delta")
        message = message_in(choice, "message")
        if message is None:
            self._unread = self._unread or unknown_choice_keys(choice)
        return message if choice.get("message") is None else self._in_place_of_delta(message or {})

    def _in_place_of_delta(self, message: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return a message of an event as a delta, or None if it adds nothing.

        Raises:
            UnreadableError: It is not certain whether the message continues or repeats what was
                received.
        """
        text, reasoning, calls = read_message(message)
        if self.has_output and not self._has_messages:
            known = self._call_assembler.contents
            if (
                text in ("", self._text.text)
                and reasoning in ("", self._text.reasoning)
                and (not calls or CallAssembler.contents_of(calls) == known)
            ):
                return None  # a summary of the deltas
            raise UnreadableError("a message follows that differs from the deltas before it")
        self._has_messages = True
        if (before := self._text.text) and text.startswith(before):
            raise UnreadableError("it is not certain whether its messages repeat or continue")
        fragments = fragments_of(calls, self._call_assembler.count)
        return {**message, "tool_calls": fragments, "function_call": None}

    def _read_delta(self, delta: Mapping[str, Any]) -> tuple[str, str, Any]:
        """Return a delta's text and reasoning, as far as they can be given out, and its calls."""
        text = delta.get("content")
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        fragments = delta.get("tool_calls")
        if (
            (type(text) is not str and text is not None)
            or (type(reasoning) is not str and reasoning is not None)
            or (fragments is not None and not fragments and fragments != [])
            or "function_call" in delta
            or "refusal" in delta
        ):
            text, reasoning, fragments = read_message(delta)
        if "error_message" in delta:
            self._head.read_error_message(delta["error_message"])
        if reasoning:
            reasoning = self._text.feed_reasoning(reasoning)
        if text:
            text = self._text.feed_text(text)
            if self._text.found_reasoning:
                reasoning = (reasoning or "") + self._text.take_found()
        elif not (reasoning or fragments or self._unread):
            self._unread = unknown_keys(delta)
        return text or "", reasoning or "", fragments

    def _add_fragments(self, fragments: object) -> list[FinishedCall]:
        self._call_assembler.feed(fragments)
        return self._call_assembler.release(self._head.response_id)

    @staticmethod
    def _reviser(tools: BoundTools | None) -> ReviseCall | None:
        """Return what changes finished calls."""
        return tools.revise if tools else None

    @staticmethod
    def _raw_arguments(calls: Sequence[FinishedCall]) -> dict[str, str]:
        """Return the arguments to send back byte for byte, by call id."""
        return raw_arguments(calls)

    def _new_annotations(self, delta: Mapping[str, Any]) -> list[dict[str, str | int | float]]:
        """Return a delta's annotations that no earlier delta contained."""
        new = []
        for annotation in read_annotations(delta):
            key = repr(sorted(annotation.items()))
            if key not in self._seen_annotations:
                self._seen_annotations.add(key)
                new.append(annotation)
        return new

    def _take_annotations(self) -> list[dict[str, str | int | float]]:
        """Return and clear the annotations that no chunk has carried yet.

        MiMo sends annotations first. They are held until the text that cites them arrives, since a
        v1 text block would otherwise start before the reasoning block.
        """
        annotations, self._pending_annotations = self._pending_annotations, []
        return annotations

    def finish(self) -> list[AIMessageChunk]:
        """Complete the response.

        Returns:
            A chunk with what was held back, if anything; then the last chunk, with usage and
            metadata.

        Raises:
            MiMoIncompleteStreamError: No finish reason arrived, so the stream was cut.
            MiMoInvalidResponseError: The calls are XML in the text and cannot be read, or the
                response contains nothing that is understood.
        """
        if self._head.finish_reason is None:
            msg = (
                "the stream ended without a finish_reason, so the response is incomplete; "
                "what arrived is in partial_message; call again; if it happens often, check the "
                "server and the proxies in between"
            )
            raise MiMoIncompleteStreamError(msg)
        try:
            return self._finish(self._head.finish_reason)
        except DECODING_FAULTS as fault:
            raise self._unreadable(fault) from fault

    def _finish(self, finish_reason: str) -> list[AIMessageChunk]:
        text, reasoning = self._text.flush(finish_reason)
        is_cut = finish_reason in CUT_REASONS
        calls = self._call_assembler.finish(self._head.response_id, cut=is_cut)
        has_calls = bool(calls or self._chunks.calls)
        calls_of_text = [] if has_calls else self._calls_of_text(finish_reason)
        text = self._text.end_xml(text, is_call=bool(calls_of_text))
        if not (has_calls or self._text.has_text):
            if self._reasoning_as_content and finish_reason != "content_filter":
                text = self._text.reasoning
            if not (text or is_cut):
                has_more = self._text.has_reasoning or self._seen_annotations
                check_answer(finish_reason, [] if has_more else self._unread)
        chunks = []
        if text or reasoning or calls or calls_of_text or self._pending_annotations:
            annotations = self._take_annotations()
            calls += calls_of_text
            chunks.append(self._chunks.build(text, reasoning, calls, annotations))
        metadata = self._head.response_metadata | tool_xml.metadata(calls_of_text)
        return [*chunks, self._chunks.build_last(self._head.usage_metadata, metadata)]

    def _calls_of_text(self, finish_reason: str) -> list[FinishedCall]:
        """Return the calls that MiMo wrote into the text, often none."""
        if not tool_xml.contains_calls(self._text.text, finish_reason):
            return []
        return tool_xml.split_text(self.partial_message(), self._xml_tools, self._tools)[1]

    @property
    def has_output(self) -> bool:
        """Whether any text, reasoning or call has been returned."""
        return self._text.has_text or self._text.has_reasoning or bool(self._call_assembler)

    @property
    def call_count(self) -> int:
        """Number of tool calls that have begun, or were read from the text."""
        return max(self._call_assembler.count, len(self._chunks.calls))

    @property
    def reasoning_used_the_budget(self) -> bool:
        """Whether the response is empty because thinking used up `max_completion_tokens`."""
        has_answer = self._text.has_text or bool(self._call_assembler)
        return self._head.finish_reason == "length" and not has_answer and self._text.has_reasoning

    def _unreadable(self, fault: Exception) -> MiMoInvalidResponseError:
        """Return the error for an event that cannot be read, with what had arrived."""
        return unreadable_response(fault, self.partial_message(runnable=False))

    def partial_message(self, *, runnable: bool = True) -> AIMessage:
        """Return what arrived of a response that was cut.

        Calls that are certainly complete stay `tool_calls`; all others become
        `invalid_tool_calls`, so that no agent runs a cut call.

        Args:
            runnable: False to make all calls invalid.
        """
        self._text.flush(self._head.finish_reason)
        reasoning = self._text.reasoning
        cut_calls = self._call_assembler.finish(self._head.response_id, cut=True)
        complete = [call for call in self._chunks.calls if call.args is not None]
        complete, unwanted = (complete, []) if runnable else ([], complete)
        return AIMessage(
            content=self._text.text,
            additional_kwargs={"reasoning_content": reasoning} if reasoning else {},
            tool_calls=[call.as_call() for call in complete],
            invalid_tool_calls=[call.as_invalid() for call in [*unwanted, *cut_calls]],
            usage_metadata=self._head.usage_metadata,
            response_metadata=self._head.response_metadata,
            id=self._head.response_id,
        )

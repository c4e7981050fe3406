"""Decodes a stream of `/v1/chat/completions` into chunks.

The chunks add up to the message that `response.decode_response` builds from the complete response.
Every scalar (finish reason, model, usage) is on the last chunk only, since LangChain concatenates
repeated strings and sums repeated usage. Facts: docs/api-facts.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_mimo._json import SurrogateJoiner, join_surrogates
from langchain_mimo._wire.bound_tools import BoundTools
from langchain_mimo._wire.to_langchain import tool_xml
from langchain_mimo._wire.to_langchain.call_assembler import CallAssembler
from langchain_mimo._wire.to_langchain.events import Event, EventWriter
from langchain_mimo._wire.to_langchain.metadata import (
    STOCK_REFUSAL,
    build_response_metadata,
    raw_arguments,
    read_annotations,
)
from langchain_mimo._wire.to_langchain.tool_calls import (
    CUT_REASONS,
    FinishedCall,
    tool_call_order,
)
from langchain_mimo._wire.to_langchain.usage import usage_metadata
from langchain_mimo.catalogue import PROVIDER
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
        "_empty_chunk",
        "_extra_metadata",
        "_finish_reason",
        "_held_text",
        "_model",
        "_pending_annotations",
        "_reasoning_as_content",
        "_reasoning_joiner",
        "_reasoning_pieces",
        "_released_calls",
        "_response_id",
        "_seen_annotations",
        "_text_joiner",
        "_text_pieces",
        "_tools",
        "_usage",
        "_xml_hold",
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
        self._xml_hold = None if xml_tools is None else tool_xml.ToolXMLHold()
        self._reasoning_as_content = reasoning_as_content
        self.started = False
        self._response_id: str | None = None
        self._model: str | None = None
        self._finish_reason: str | None = None
        self._usage: Mapping[str, Any] | None = None
        self._extra_metadata: dict[str, Any] = {}
        self._text_pieces: list[str] = []
        # Text that may still turn out to be MiMo's stock refusal; None once it differs.
        self._held_text: str | None = ""
        self._reasoning_pieces: list[str] = []
        self._text_joiner = SurrogateJoiner()
        self._reasoning_joiner = SurrogateJoiner()
        self._call_assembler = CallAssembler(tools.revise if tools else None)
        self._released_calls: list[FinishedCall] = []
        self._seen_annotations: set[str] = set()
        self._pending_annotations: list[dict[str, str | int | float]] = []
        # Validated by pydantic once, then copied for each chunk.
        self._empty_chunk: AIMessageChunk | None = None

    def feed(self, event: Mapping[str, Any]) -> AIMessageChunk | None:
        """Decode one event.

        Args:
            event: The parsed JSON of one `data:` field.

        Returns:
            A chunk if the event adds text, reasoning or a finished call, else None.

        Raises:
            MiMoInvalidResponseError: The event does not have this API's format.
        """
        delta = self._read_event(event)
        if not delta:
            return None
        text, reasoning, fragments = self._read_delta(delta)
        annotations = delta.get("annotations")
        if text and not (reasoning or fragments or annotations or self._pending_annotations):
            return self._make_plain_chunk(text)  # nearly every event
        calls = self._add_fragments(fragments) if fragments else []
        if annotations:
            self._pending_annotations += self._new_annotations(delta)
        if text or reasoning or calls:
            taken = self._take_annotations() if text else []
            return self._make_chunk(text, reasoning, calls, taken)
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
        delta = self._read_event(event)
        if not delta:
            return []
        text, reasoning, fragments = self._read_delta(delta)
        events = [] if writer.started else writer.start_message(self._response_id, self._model)
        if reasoning:
            events += writer.write_delta("reasoning", reasoning)
        if text:
            events += writer.write_delta("text", text)
        if fragments:
            for index, piece in self._call_assembler.feed(fragments):
                call_id, name = self._call_assembler.id_and_name(index)
                name = self._tools.own_name(name) if self._tools else name
                events += writer.write_call_delta(index, call_id, name, piece)
            if calls := self._call_assembler.release(self._response_id):
                events += writer.write_chunk(self._make_chunk("", "", calls, []))
        if delta.get("annotations") and (annotations := self._new_annotations(delta)):
            events += writer.write_chunk(self._make_chunk("", "", [], annotations))
        return events

    def _read_event(self, event: Mapping[str, Any]) -> Any:
        """Store what an event says about the whole response; returns its delta, if it has one."""
        if not self.started:
            self._read_first_event(event)
        usage = event.get("usage")
        if usage:
            # Some servers put a growing total on every chunk: the last one counts.
            self._usage = usage
        choices = event.get("choices")
        if not choices:
            return None
        try:
            choice = choices[0]
            if reason := choice.get("finish_reason"):
                self._finish_reason = reason
            return choice.get("delta")
        except (AttributeError, LookupError, TypeError):
            msg = "a stream event has an invalid 'choices' field; check base_url"
            raise MiMoInvalidResponseError(msg, status_code=200) from None

    def _read_first_event(self, event: Mapping[str, Any]) -> None:
        self.started = True
        response_id, model = event.get("id"), event.get("model")
        self._response_id = response_id if isinstance(response_id, str) and response_id else None
        if isinstance(model, str):
            self._model = model
        if isinstance(fingerprint := event.get("system_fingerprint"), str):
            self._extra_metadata["system_fingerprint"] = fingerprint

    def _read_delta(self, delta: Mapping[str, Any]) -> tuple[str, str, Any]:
        """Return a delta's text and reasoning, surrogates joined, and its call fragments."""
        try:
            text = delta.get("content")
            reasoning = delta.get("reasoning_content") or delta.get("reasoning")
            if text:
                text = self._text_joiner.feed(text)
                if self._held_text is not None:
                    text = self._hold_refusal(text)
                self._text_pieces.append(text)
                if self._xml_hold is not None:
                    text = self._xml_hold.feed(text)
            if reasoning:
                reasoning = self._reasoning_joiner.feed(reasoning)
                self._reasoning_pieces.append(reasoning)
            if "error_message" in delta and isinstance(delta["error_message"], str):
                self._extra_metadata["error_message"] = join_surrogates(delta["error_message"])
            return text or "", reasoning or "", delta.get("tool_calls")
        except (AttributeError, TypeError):
            msg = "a stream event has an invalid 'delta' field; check base_url"
            raise MiMoInvalidResponseError(msg, status_code=200) from None

    def _hold_refusal(self, text: str) -> str:
        """Hold text back while it is the beginning of MiMo's stock refusal."""
        text = (self._held_text or "") + text
        if STOCK_REFUSAL.startswith(text):
            self._held_text = text
            return ""
        self._held_text = None
        return text

    def _add_fragments(self, fragments: object) -> list[FinishedCall]:
        self._call_assembler.feed(fragments)
        return self._call_assembler.release(self._response_id)

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

    def _make_chunk(
        self,
        text: str,
        reasoning: str,
        calls: list[FinishedCall],
        annotations: list[dict[str, str | int | float]],
    ) -> AIMessageChunk:
        additional: dict[str, Any] = {}
        if reasoning:
            additional["reasoning_content"] = reasoning
        if annotations:
            additional["annotations"] = annotations
        if not calls:
            return self._make_plain_chunk(text, additional)
        self._released_calls += calls
        if raw := raw_arguments(calls):
            additional["raw_arguments"] = raw
        if order := tool_call_order(self._released_calls):
            additional["tool_call_order"] = order
        return AIMessageChunk(
            content=text,
            additional_kwargs=additional,
            # Makes core use our translator. Chunks without calls do not need it and are faster.
            response_metadata={"model_provider": PROVIDER},
            tool_call_chunks=[call.as_chunk() for call in calls],
            id=self._response_id,
        )

    def _make_plain_chunk(
        self, text: str, additional: dict[str, Any] | None = None
    ) -> AIMessageChunk:
        """Build a chunk without calls by copying a validated chunk and replacing its text.

        This takes half the time of constructing one, and the result is equal: every mutable field
        is replaced, so chunks share nothing but strings.
        """
        if self._empty_chunk is None:
            self._empty_chunk = AIMessageChunk(content="", id=self._response_id)
        chunk = copy(self._empty_chunk)
        fields = chunk.__dict__
        fields["content"] = text
        fields["additional_kwargs"] = additional or {}
        fields["response_metadata"] = {}
        fields["tool_calls"] = []
        fields["invalid_tool_calls"] = []
        fields["tool_call_chunks"] = []
        return chunk

    def finish(self) -> list[AIMessageChunk]:
        """Complete the response.

        Returns:
            A chunk with what was held back, if anything; then the last chunk, with usage and
            metadata.

        Raises:
            MiMoIncompleteStreamError: No finish reason arrived, so the stream was cut.
            MiMoInvalidResponseError: The calls are XML in the text and cannot be read.
        """
        if self._finish_reason is None:
            msg = (
                "the stream ended without a finish_reason, so the response is incomplete; "
                "what arrived is in partial_message"
            )
            raise MiMoIncompleteStreamError(msg)
        chunks = []
        text, reasoning = self._flush()
        calls = self._call_assembler.finish(
            self._response_id, cut=self._finish_reason in CUT_REASONS
        )
        has_calls = bool(calls or self._released_calls)
        calls_of_text = [] if has_calls else self._calls_of_text()
        if self._xml_hold is not None:
            text = self._xml_hold.end(text, is_call=bool(calls_of_text))
        has_answer = has_calls or any(self._text_pieces) or self._finish_reason == "content_filter"
        if self._reasoning_as_content and not has_answer:
            text = "".join(self._reasoning_pieces)
        if text or reasoning or calls or calls_of_text or self._pending_annotations:
            annotations = self._take_annotations()
            chunks.append(self._make_chunk(text, reasoning, calls + calls_of_text, annotations))
        chunks.append(
            AIMessageChunk(
                content="",
                usage_metadata=usage_metadata(self._usage),
                response_metadata=self._response_metadata() | tool_xml.metadata(calls_of_text),
                id=self._response_id,
                chunk_position="last",
            )
        )
        return chunks

    def _calls_of_text(self) -> list[FinishedCall]:
        """Return the calls that MiMo wrote into the text, often none."""
        has_xml = tool_xml.contains_calls("".join(self._text_pieces), self._finish_reason)
        return (
            tool_xml.split_text(self.partial_message(), self._xml_tools, self._tools)[1]
            if has_xml
            else []
        )

    @property
    def has_output(self) -> bool:
        """Whether any text, reasoning or call has been returned."""
        return any(self._text_pieces) or any(self._reasoning_pieces) or bool(self._call_assembler)

    @property
    def call_count(self) -> int:
        """Number of tool calls that have begun, or were read from the text."""
        return max(self._call_assembler.count, len(self._released_calls))

    @property
    def reasoning_used_the_budget(self) -> bool:
        """Whether the response is empty because thinking used up `max_completion_tokens`."""
        has_answer = any(self._text_pieces) or bool(self._call_assembler)
        return self._finish_reason == "length" and not has_answer and any(self._reasoning_pieces)

    def _flush(self) -> tuple[str, str]:
        text, reasoning = self._text_joiner.flush(), self._reasoning_joiner.flush()
        if self._held_text:
            is_refusal = (
                self._finish_reason == "content_filter" and self._held_text == STOCK_REFUSAL
            )
            text = text if is_refusal else self._held_text + text
        self._held_text = None
        self._text_pieces.append(text)
        self._reasoning_pieces.append(reasoning)
        return text, reasoning

    def _response_metadata(self) -> dict[str, Any]:
        return build_response_metadata(
            response_id=self._response_id,
            model=self._model,
            finish_reason=self._finish_reason,
            usage=self._usage,
            extra=self._extra_metadata,
        )

    def partial_message(self, *, runnable: bool = True) -> AIMessage:
        """Return what arrived of a response that was cut.

        Calls that are certainly complete stay `tool_calls`; all others become
        `invalid_tool_calls`, so that no agent runs a cut call.

        Args:
            runnable: False to make all calls invalid.
        """
        self._flush()
        additional: dict[str, Any] = {}
        if reasoning := "".join(self._reasoning_pieces):
            additional["reasoning_content"] = reasoning
        cut_calls = self._call_assembler.finish(self._response_id, cut=True)
        complete = [call for call in self._released_calls if call.args is not None]
        complete, unwanted = (complete, []) if runnable else ([], complete)
        return AIMessage(
            content="".join(self._text_pieces),
            additional_kwargs=additional,
            tool_calls=[call.as_call() for call in complete],
            invalid_tool_calls=[call.as_invalid() for call in [*unwanted, *cut_calls]],
            usage_metadata=usage_metadata(self._usage),
            response_metadata=self._response_metadata(),
            id=self._response_id,
        )

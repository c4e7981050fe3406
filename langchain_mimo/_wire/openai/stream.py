"""`/v1/chat/completions`, streamed: JSON events → chunks that add up to the whole answer's message.

Every scalar (finish reason, model, id, usage) goes out once, on the last chunk: LangChain joins
repeated strings and sums repeated usage. Facts: mimo-api.md §5.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_mimo._json import SurrogateJoiner, join_surrogates
from langchain_mimo._wire.to_langchain.events import Event, EventWriter
from langchain_mimo._wire.to_langchain.metadata import (
    annotations_of,
    answer_metadata,
    raw_arguments,
)
from langchain_mimo._wire.to_langchain.tool_calls import (
    CUT_REASONS,
    CallAssembler,
    FinishedCall,
    mixed_order,
)
from langchain_mimo._wire.to_langchain.usage import usage_metadata
from langchain_mimo.catalogue import PROVIDER
from langchain_mimo.errors import MiMoIncompleteStreamError, MiMoInvalidResponseError


class StreamDecoder:
    """Decodes one streamed answer.

    Feed it every event; call `finish` when the stream has ended by itself, or `partial_message` when it
    was cut.

    Args:
        thoughts_as_content: Whether thoughts take the place of an empty answer without calls.

    Attributes:
        started: Whether any event has been fed.
    """

    __slots__ = (
        "_annotated",
        "_answer_id",
        "_assembler",
        "_extra",
        "_finish_reason",
        "_given",
        "_model",
        "_reasoning",
        "_reasoning_as_content",
        "_reasoning_joiner",
        "_sources",
        "_template",
        "_text",
        "_text_joiner",
        "_usage",
        "started",
    )

    def __init__(self, *, reasoning_as_content: bool = False) -> None:
        self._reasoning_as_content = reasoning_as_content
        self.started = False
        self._answer_id: str | None = None
        self._model: str | None = None
        self._finish_reason: str | None = None
        self._usage: Mapping[str, Any] | None = None
        self._extra: dict[str, Any] = {}
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._text_joiner = SurrogateJoiner()
        self._reasoning_joiner = SurrogateJoiner()
        self._assembler = CallAssembler()
        self._given: list[FinishedCall] = []
        self._annotated: set[str] = set()
        self._sources: list[dict[str, str | int | float]] = []
        self._template: AIMessageChunk | None = None

    def feed(self, event: Mapping[str, Any]) -> AIMessageChunk | None:
        """Take one event.

        Args:
            event: The parsed JSON of one `data:` field.

        Returns:
            A chunk when the event adds text, thoughts or a finished call, else None.

        Raises:
            MiMoInvalidResponseError: The event is not of this API.
        """
        delta = self._open(event)
        if not delta:
            return None
        text, reasoning, fragments = self._read(delta)
        annotations = delta.get("annotations")
        if text and not (reasoning or fragments or annotations or self._sources):
            return self._plain_chunk(text)  # nearly every event
        calls = self._finished_by(fragments) if fragments else []
        if annotations:
            self._sources += self._new_annotations(delta)
        if text or reasoning or calls:
            return self._chunk(text, reasoning, calls, self._taken_sources() if text else [])
        return None

    def feed_events(self, event: Mapping[str, Any], writer: EventWriter) -> list[Event]:
        """Take one event, as `feed` does, and write it as content-block events.

        Fragments of calls go out as they come; what a call has become goes out once it is whole.
        """
        delta = self._open(event)
        if not delta:
            return []
        text, reasoning, fragments = self._read(delta)
        events = [] if writer.started else writer.start_message(self._answer_id, self._model)
        if reasoning:
            events += writer.write_delta("reasoning", reasoning)
        if text:
            events += writer.write_delta("text", text)
        if fragments:
            for index, piece in self._assembler.feed(fragments):
                events += writer.write_call_delta(index, *self._assembler.head(index), piece)
            if calls := self._assembler.ready(self._answer_id):
                events += writer.write_chunk(self._chunk("", "", calls, []))
        if delta.get("annotations") and (sources := self._new_annotations(delta)):
            events += writer.write_chunk(self._chunk("", "", [], sources))
        return events

    def _open(self, event: Mapping[str, Any]) -> Any:
        """Note what an event says of the whole answer; returns its delta, if it has one."""
        if not self.started:
            self._begin(event)
        usage = event.get("usage")
        if usage:
            # Some servers put a growing snapshot on every chunk: the last one counts.
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
            msg = "an event of the stream holds choices that are none; check base_url"
            raise MiMoInvalidResponseError(msg, status_code=200) from None

    def _begin(self, event: Mapping[str, Any]) -> None:
        self.started = True
        answer_id, model = event.get("id"), event.get("model")
        self._answer_id = answer_id if isinstance(answer_id, str) and answer_id else None
        if isinstance(model, str):
            self._model = model
        if isinstance(fingerprint := event.get("system_fingerprint"), str):
            self._extra["system_fingerprint"] = fingerprint

    def _read(self, delta: Mapping[str, Any]) -> tuple[str, str, Any]:
        """Return a delta's text and thoughts, whole, and its fragments of calls."""
        try:
            text = delta.get("content")
            reasoning = delta.get("reasoning_content") or delta.get("reasoning")
            if text:
                text = self._text_joiner.feed(text)
                self._text.append(text)
            if reasoning:
                reasoning = self._reasoning_joiner.feed(reasoning)
                self._reasoning.append(reasoning)
            if "error_message" in delta and isinstance(delta["error_message"], str):
                self._extra["error_message"] = join_surrogates(delta["error_message"])
            return text or "", reasoning or "", delta.get("tool_calls")
        except (AttributeError, TypeError):
            msg = "an event of the stream holds a delta that is none; check base_url"
            raise MiMoInvalidResponseError(msg, status_code=200) from None

    def _finished_by(self, fragments: object) -> list[FinishedCall]:
        self._assembler.feed(fragments)
        return self._assembler.ready(self._answer_id)

    def _new_annotations(self, delta: Mapping[str, Any]) -> list[dict[str, str | int | float]]:
        new = []
        for annotation in annotations_of(delta):
            key = repr(sorted(annotation.items()))
            if key not in self._annotated:
                self._annotated.add(key)
                new.append(annotation)
        return new

    def _taken_sources(self) -> list[dict[str, str | int | float]]:
        """Return the sources not given out yet.

        MiMo sends them first of all. They go out with the text that cites them, since a v1 block of
        text would otherwise begin before the block of thoughts.
        """
        sources, self._sources = self._sources, []
        return sources

    def _chunk(
        self,
        text: str,
        reasoning: str,
        calls: list[FinishedCall],
        sources: list[dict[str, str | int | float]],
    ) -> AIMessageChunk:
        additional: dict[str, Any] = {}
        if reasoning:
            additional["reasoning_content"] = reasoning
        if sources:
            additional["annotations"] = sources
        if not calls:
            return self._plain_chunk(text, additional)
        self._given += calls
        if raw := raw_arguments(calls):
            additional["raw_arguments"] = raw
        if order := mixed_order(self._given):
            additional["tool_call_order"] = order
        return AIMessageChunk(
            content=text,
            additional_kwargs=additional,
            # Tells core to use our translator; other chunks do well without, and faster.
            response_metadata={"model_provider": PROVIDER},
            tool_call_chunks=[call.as_chunk() for call in calls],
            id=self._answer_id,
        )

    def _plain_chunk(self, text: str, additional: dict[str, Any] | None = None) -> AIMessageChunk:
        """Make a chunk without calls: a copy of one that pydantic has validated, with other text.

        It takes half the time of a new one, and is equal to it; only strings are shared.
        """
        if self._template is None:
            self._template = AIMessageChunk(content="", id=self._answer_id)
        chunk = copy(self._template)
        fields = chunk.__dict__
        fields["content"] = text
        fields["additional_kwargs"] = additional or {}
        fields["response_metadata"] = {}
        fields["tool_calls"] = []
        fields["invalid_tool_calls"] = []
        fields["tool_call_chunks"] = []
        return chunk

    def finish(self) -> list[AIMessageChunk]:
        """Close the answer.

        Returns:
            What was still held back, and last the chunk with usage and metadata.

        Raises:
            MiMoIncompleteStreamError: No finish reason came, so the answer was cut.
        """
        if self._finish_reason is None:
            msg = (
                "the stream ended without a finish_reason, so the answer is cut; "
                "what arrived is in partial_message"
            )
            raise MiMoIncompleteStreamError(msg)
        chunks = []
        text, reasoning = self._flush()
        calls = self._assembler.finish(self._answer_id, cut=self._finish_reason in CUT_REASONS)
        if self._reasoning_as_content and not calls and not self._given and not any(self._text):
            text = "".join(self._reasoning)
        if text or reasoning or calls or self._sources:
            chunks.append(self._chunk(text, reasoning, calls, self._taken_sources()))
        chunks.append(
            AIMessageChunk(
                content="",
                usage_metadata=usage_metadata(self._usage),
                response_metadata=self._metadata(),
                id=self._answer_id,
                chunk_position="last",
            )
        )
        return chunks

    @property
    def reasoning_used_the_budget(self) -> bool:
        """Whether the answer is empty because thinking used up `max_completion_tokens`."""
        spoke = any(self._text) or bool(self._assembler)
        return self._finish_reason == "length" and not spoke and any(self._reasoning)

    def _flush(self) -> tuple[str, str]:
        text, reasoning = self._text_joiner.flush(), self._reasoning_joiner.flush()
        self._text.append(text)
        self._reasoning.append(reasoning)
        return text, reasoning

    def _metadata(self) -> dict[str, Any]:
        return answer_metadata(
            answer_id=self._answer_id,
            model=self._model,
            finish_reason=self._finish_reason,
            usage=self._usage,
            extra=self._extra,
        )

    def partial_message(self) -> AIMessage:
        """Return what arrived of an answer that was cut; no call in it can be run by mistake.

        Calls that were given out whole stay calls, all others are `invalid_tool_calls`.
        """
        self._flush()
        additional: dict[str, Any] = {}
        if reasoning := "".join(self._reasoning):
            additional["reasoning_content"] = reasoning
        cut = self._assembler.finish(self._answer_id, cut=True)
        return AIMessage(
            content="".join(self._text),
            additional_kwargs=additional,
            tool_calls=[call.as_call() for call in self._given if call.args is not None],
            invalid_tool_calls=[call.as_invalid() for call in cut],
            usage_metadata=usage_metadata(self._usage),
            response_metadata=self._metadata(),
            id=self._answer_id,
        )

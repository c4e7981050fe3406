"""`/v1/chat/completions`, streamed: JSON events → chunks that add up to the whole answer's message.

Every scalar (finish reason, model, id, usage) goes out once, on the last chunk: LangChain joins
repeated strings and sums repeated usage. Facts: mimo-api.md §5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_mimo.errors import MiMoIncompleteStreamError
from langchain_mimo.wire.chat_completions import (
    PROVIDER,
    annotations_of,
    answer_metadata,
    raw_arguments,
)
from langchain_mimo.wire.surrogates import SurrogateJoiner
from langchain_mimo.wire.tool_calls import CallAssembler, FinishedCall
from langchain_mimo.wire.usage import usage_metadata


class StreamDecoder:
    """Decodes one streamed answer.

    Feed it every event; call `finish` when the stream has ended by itself, or `partial` when it
    was cut.

    Args:
        thoughts_as_content: Whether thoughts take the place of an empty answer without calls.

    Attributes:
        begun: Whether any event has been fed.
    """

    __slots__ = (
        "_annotated",
        "_answer_id",
        "_assembler",
        "_extra",
        "_finish_reason",
        "_given",
        "_model",
        "_text",
        "_text_joiner",
        "_thought_joiner",
        "_thoughts",
        "_thoughts_as_content",
        "_usage",
        "begun",
    )

    def __init__(self, *, thoughts_as_content: bool = False) -> None:
        self._thoughts_as_content = thoughts_as_content
        self.begun = False
        self._answer_id: str | None = None
        self._model: str | None = None
        self._finish_reason: str | None = None
        self._usage: Mapping[str, Any] | None = None
        self._extra: dict[str, Any] = {}
        self._text: list[str] = []
        self._thoughts: list[str] = []
        self._text_joiner = SurrogateJoiner()
        self._thought_joiner = SurrogateJoiner()
        self._assembler = CallAssembler()
        self._given: list[FinishedCall] = []
        self._annotated: set[str] = set()

    def feed(self, event: Mapping[str, Any]) -> AIMessageChunk | None:
        """Take one event.

        Args:
            event: The parsed JSON of one `data:` field.

        Returns:
            A chunk when the event adds text, thoughts, sources or a finished call, else None.
        """
        if not self.begun:
            self._begin(event)
        usage = event.get("usage")
        if usage:
            # Some servers put a growing snapshot on every chunk: the last one counts.
            self._usage = usage
        choices = event.get("choices")
        if not choices:
            return None
        choice = choices[0]
        if reason := choice.get("finish_reason"):
            self._finish_reason = reason
        delta = choice.get("delta")
        return self._delta(delta) if delta else None

    def _begin(self, event: Mapping[str, Any]) -> None:
        self.begun = True
        answer_id, model = event.get("id"), event.get("model")
        self._answer_id = answer_id if isinstance(answer_id, str) and answer_id else None
        if isinstance(model, str):
            self._model = model
        if isinstance(fingerprint := event.get("system_fingerprint"), str):
            self._extra["system_fingerprint"] = fingerprint

    def _delta(self, delta: Mapping[str, Any]) -> AIMessageChunk | None:
        text = delta.get("content")
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if text:
            text = self._text_joiner.feed(text)
            self._text.append(text)
        if thought:
            thought = self._thought_joiner.feed(thought)
            self._thoughts.append(thought)
        calls: list[FinishedCall] = []
        if fragments := delta.get("tool_calls"):
            self._assembler.feed(fragments)
            calls = self._assembler.ready(self._answer_id)
        sources = self._new_annotations(delta) if delta.get("annotations") else []
        if isinstance(error := delta.get("error_message"), str):
            self._extra["error_message"] = error
        if text or thought or calls or sources:
            return self._chunk(text or "", thought or "", calls, sources)
        return None

    def _new_annotations(self, delta: Mapping[str, Any]) -> list[dict[str, str | int | float]]:
        new = []
        for annotation in annotations_of(delta):
            key = repr(sorted(annotation.items()))
            if key not in self._annotated:
                self._annotated.add(key)
                new.append(annotation)
        return new

    def _chunk(
        self,
        text: str,
        thought: str,
        calls: list[FinishedCall],
        sources: list[dict[str, str | int | float]],
    ) -> AIMessageChunk:
        additional: dict[str, Any] = {}
        if thought:
            additional["reasoning_content"] = thought
        if sources:
            additional["annotations"] = sources
        if not calls:
            return AIMessageChunk(
                content=text, additional_kwargs=additional, id=self._answer_id
            )
        self._given += calls
        if raw := raw_arguments(calls):
            additional["raw_arguments"] = raw
        return AIMessageChunk(
            content=text,
            additional_kwargs=additional,
            # Tells core to use our translator; other chunks do well without, and faster.
            response_metadata={"model_provider": PROVIDER},
            tool_call_chunks=[call.as_chunk() for call in calls],
            id=self._answer_id,
        )

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
        text, thought = self._flush()
        calls = self._assembler.finish(self._answer_id, cut=self._finish_reason == "length")
        if self._thoughts_as_content and not calls and not self._given and not any(self._text):
            text = "".join(self._thoughts)
        if text or thought or calls:
            chunks.append(self._chunk(text, thought, calls, []))
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

    def _flush(self) -> tuple[str, str]:
        text, thought = self._text_joiner.flush(), self._thought_joiner.flush()
        self._text.append(text)
        self._thoughts.append(thought)
        return text, thought

    def _metadata(self) -> dict[str, Any]:
        return answer_metadata(
            answer_id=self._answer_id,
            model=self._model,
            finish_reason=self._finish_reason,
            usage=self._usage,
            extra=self._extra,
        )

    def partial(self) -> AIMessage:
        """Return what arrived of an answer that was cut; no call in it can be run by mistake.

        Calls that were given out whole stay calls, all others are `invalid_tool_calls`.
        """
        self._flush()
        additional: dict[str, Any] = {}
        if thoughts := "".join(self._thoughts):
            additional["reasoning_content"] = thoughts
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

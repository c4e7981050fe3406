"""Forces a tool call over streamed responses; `attempts` has the rules."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata, add_usage

from langchain_mimo._chat.tool_choice.attempts import (
    REASONING_KEY,
    SEARCHES_KEY,
    Attempt,
    Outcome,
    Totals,
    decide_attempts,
)
from langchain_mimo._chat.tool_choice.choice import ForcedChoice
from langchain_mimo._wire.turns import Turn

# LangChain keeps one of these when it merges chunks, where it would join all other strings.
_SAME_IN_ALL_CHUNKS = frozenset({"model_provider", "output_version"})


@dataclass(slots=True)
class Send:
    """Send a request; feed each chunk of its response into the generator, then None.

    Attributes:
        turns: Turns to append to the conversation.
    """

    turns: Sequence[Turn]


@dataclass(slots=True)
class Emit:
    """Pass chunks on to the caller.

    Attributes:
        chunks: Zero or more chunks, in order.
    """

    chunks: list[AIMessageChunk]


def force_streamed_call(
    choice: ForcedChoice, attempts: int = 2
) -> Generator[Send | Emit, AIMessageChunk | None, None]:
    """Drive streamed responses until the choice is satisfied or no attempts are left.

    After a `Send`, the generator takes the chunks of the response one by one and yields an `Emit`
    for each; at the end of the response it takes None and yields the next `Send` or the last
    `Emit`. A driver is therefore:

        steps = force_streamed_call(choice)
        step = next(steps)
        while isinstance(step, Send):
            for chunk in stream(step.turns):
                yield from steps.send(chunk).chunks
            step = steps.send(None)
        yield from step.chunks

    Reasoning is emitted at once. Everything else is held back until a call satisfies the choice, or
    until the last attempt ends.

    Args:
        choice: The required call.
        attempts: Maximum number of requests, at least 1.

    Yields:
        What to send and what to pass on.

    Raises:
        MiMoConfigurationError: `attempts` is below 1.
    """
    decisions = decide_attempts(choice, attempts)
    turns = next(decisions)
    totals = Totals()
    while True:
        streamed = _StreamedAttempt(choice, totals)
        chunk = yield Send(turns)
        while chunk is not None:
            chunk = yield Emit(streamed.feed(chunk))
        try:
            turns = decisions.send(streamed.attempt)
        except StopIteration as end:
            yield Emit(streamed.finish(end.value))
            return
        totals.add(streamed.reasoning, streamed.usage, streamed.searches)


class _StreamedAttempt:
    """One streamed response: reasoning passes at once, the rest once it is known to be kept."""

    def __init__(self, choice: ForcedChoice, totals: Totals) -> None:
        self.attempt = Attempt()
        self.reasoning = totals.reasoning
        self.usage: UsageMetadata | None = None
        self.searches: dict[str, int] = {}
        self._choice = choice
        self._totals = totals
        self._has_reasoning = False
        self._kept = False
        self._held: list[AIMessageChunk] = []

    def feed(self, chunk: AIMessageChunk) -> list[AIMessageChunk]:
        """Take a chunk and return those that may pass."""
        totals = self._totals
        if totals.message_id is None:
            totals.message_id = chunk.id
        elif chunk.id != totals.message_id:
            chunk = chunk.model_copy(update={"id": totals.message_id})
        reasoning, rest = _split(chunk)
        passed = [] if reasoning is None else [self._continued(reasoning)]
        if rest is None:
            return passed
        self.attempt.add(rest)
        if rest.usage_metadata:
            self.usage = add_usage(self.usage, rest.usage_metadata)
        self.searches = rest.response_metadata.get(SEARCHES_KEY) or self.searches
        self._held.append(rest)
        self._kept = self._kept or self._choice.satisfied_by(self.attempt.called)
        if self._kept and rest.chunk_position != "last":
            # The last chunk waits for the end of the attempt, where the totals are known.
            passed += self._held
            self._held = []
        return passed

    def finish(self, outcome: Outcome) -> list[AIMessageChunk]:
        """End the last attempt; returns the chunks held back, the totals in the last one."""
        *held, last = self._held or [AIMessageChunk(content="", id=self._totals.message_id)]
        closing = last.model_copy(
            update={
                "chunk_position": "last",
                "usage_metadata": self._totals.usage_with(last.usage_metadata),
                "response_metadata": self._totals.metadata(
                    last.response_metadata, self.reasoning, outcome
                ),
            }
        )
        return [*held, closing]

    def _continued(self, chunk: AIMessageChunk) -> AIMessageChunk:
        """Return a chunk of reasoning, after a separator if it is the first of a later attempt."""
        reasoning: str = chunk.additional_kwargs[REASONING_KEY]
        separator = "" if self._has_reasoning else self._totals.separator(reasoning)
        self._has_reasoning = self._has_reasoning or bool(reasoning)
        self.reasoning = (self.reasoning or "") + separator + reasoning
        return _reasoning_chunk(chunk, separator) if separator else chunk


def _split(chunk: AIMessageChunk) -> tuple[AIMessageChunk | None, AIMessageChunk | None]:
    """Split a chunk into its reasoning and everything else; either may be None."""
    if chunk.additional_kwargs.get(REASONING_KEY) is None:
        return None, chunk
    others = {key: value for key, value in chunk.additional_kwargs.items() if key != REASONING_KEY}
    is_reasoning_only = (
        not chunk.content
        and not others
        and not chunk.tool_call_chunks
        and chunk.usage_metadata is None
        and chunk.chunk_position is None
        and chunk.response_metadata.keys() <= _SAME_IN_ALL_CHUNKS
    )
    if is_reasoning_only:
        return chunk, None
    return _reasoning_chunk(chunk), chunk.model_copy(update={"additional_kwargs": others})


def _reasoning_chunk(chunk: AIMessageChunk, separator: str = "") -> AIMessageChunk:
    """Return a chunk with only this chunk's reasoning, after a separator."""
    return AIMessageChunk(
        content="",
        additional_kwargs={REASONING_KEY: separator + chunk.additional_kwargs[REASONING_KEY]},
        response_metadata={
            key: value
            for key, value in chunk.response_metadata.items()
            if key in _SAME_IN_ALL_CHUNKS
        },
        id=chunk.id,
    )

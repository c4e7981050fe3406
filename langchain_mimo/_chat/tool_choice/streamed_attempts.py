"""Drives forced tool calls over streamed responses; see `attempts` for the rules."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata, add_usage

from langchain_mimo._chat.tool_choice.attempts import (
    _REASONING,
    _SEARCHES,
    _decisions,
    _Ledger,
    _Reply,
    _Verdict,
)
from langchain_mimo._chat.tool_choice.choice import ForcedChoice, Tree

# LangChain keeps one of these where it would join all other strings.
_SAME_IN_ALL_CHUNKS = frozenset({"model_provider", "output_version"})


@dataclass(slots=True)
class Send:
    """Send this request; feed each chunk of its answer to the generator, then None.

    Attributes:
        tree: The request.
    """

    tree: Tree


@dataclass(slots=True)
class Emit:
    """Hand these chunks on to the caller.

    Attributes:
        chunks: Zero or more chunks, in order.
    """

    chunks: list[AIMessageChunk]


def forced_attempts(
    tree: Tree, choice: ForcedChoice, attempts: int = 2
) -> Generator[Send | Emit, AIMessageChunk | None, None]:
    """Drive streamed answers until the choice is honoured or the tries are used up.

    After a `Send`, every chunk sent into the generator is answered by one `Emit`, and None, at
    the answer's end, by the next `Send` or by the last `Emit`. A shell is therefore:

        flow = forced_attempts(tree, choice)
        step = next(flow)
        while isinstance(step, Send):
            for chunk in stream(step.tree):
                yield from flow.send(chunk).chunks
            step = flow.send(None)
        yield from step.chunks

    Thoughts are emitted at once; text and all else is held back until a call that honours the
    choice is seen, or the end of the last try.

    Args:
        tree: The request, without `tool_choice`.
        choice: The call that must come.
        attempts: The most requests to send, 1 or more; 2 asks again once.

    Yields:
        What to send and what to hand on.

    Raises:
        MiMoConfigurationError: `attempts` is below 1.
    """
    decisions = _decisions(tree, choice, attempts)
    request = next(decisions)
    ledger = _Ledger()
    while True:
        streamed = _StreamedTry(choice, ledger)
        chunk = yield Send(request)
        while chunk is not None:
            chunk = yield Emit(streamed.feed(chunk))
        try:
            request = decisions.send(streamed.reply)
        except StopIteration as end:
            yield Emit(streamed.finish(end.value))
            return
        ledger.close(streamed.reasoning, streamed.usage, streamed.searches)


class _StreamedTry:
    """One streamed answer: thoughts go on at once, the rest when it is known to be kept."""

    def __init__(self, choice: ForcedChoice, ledger: _Ledger) -> None:
        self.reply = _Reply()
        self.reasoning = ledger.reasoning
        self.usage: UsageMetadata | None = None
        self.searches: dict[str, int] = {}
        self._choice = choice
        self._ledger = ledger
        self._thinking = False
        self._kept = False
        self._held: list[AIMessageChunk] = []

    def feed(self, chunk: AIMessageChunk) -> list[AIMessageChunk]:
        """Take in a chunk; returns what may go on."""
        ledger = self._ledger
        if ledger.message_id is None:
            ledger.message_id = chunk.id
        elif chunk.id != ledger.message_id:
            chunk = chunk.model_copy(update={"id": ledger.message_id})
        reasoning, rest = _split(chunk)
        out = [] if reasoning is None else [self._continued(reasoning)]
        if rest is None:
            return out
        self.reply.add(rest)
        if rest.usage_metadata:
            self.usage = add_usage(self.usage, rest.usage_metadata)
        self.searches = rest.response_metadata.get(_SEARCHES) or self.searches
        self._held.append(rest)
        self._kept = self._kept or self._choice.honoured_by(self.reply.called)
        if self._kept and rest.chunk_position != "last":
            # The last chunk waits for the end, where the sums are known.
            out += self._held
            self._held = []
        return out

    def finish(self, verdict: _Verdict) -> list[AIMessageChunk]:
        """The end of the last try: all that was held back, and the sums."""
        *held, last = self._held or [AIMessageChunk(content="", id=self._ledger.message_id)]
        closing = last.model_copy(
            update={
                "chunk_position": "last",
                "usage_metadata": self._ledger.usage_with(last.usage_metadata),
                "response_metadata": self._ledger.metadata(
                    last.response_metadata, self.reasoning, verdict
                ),
            }
        )
        return [*held, closing]

    def _continued(self, chunk: AIMessageChunk) -> AIMessageChunk:
        """A thought, after a blank line when it is the first one of a further try."""
        reasoning: str = chunk.additional_kwargs[_REASONING]
        separator = "" if self._thinking else self._ledger.separator(reasoning)
        self._thinking = self._thinking or bool(reasoning)
        self.reasoning = (self.reasoning or "") + separator + reasoning
        return _reasoning(chunk, separator) if separator else chunk


def _split(chunk: AIMessageChunk) -> tuple[AIMessageChunk | None, AIMessageChunk | None]:
    """A chunk's thought, and all else in it; either may be None."""
    if chunk.additional_kwargs.get(_REASONING) is None:
        return None, chunk
    others = {key: value for key, value in chunk.additional_kwargs.items() if key != _REASONING}
    reasoning_alone = (
        not chunk.content
        and not others
        and not chunk.tool_call_chunks
        and chunk.usage_metadata is None
        and chunk.chunk_position is None
        and chunk.response_metadata.keys() <= _SAME_IN_ALL_CHUNKS
    )
    if reasoning_alone:
        return chunk, None
    return _reasoning(chunk), chunk.model_copy(update={"additional_kwargs": others})


def _reasoning(chunk: AIMessageChunk, separator: str = "") -> AIMessageChunk:
    """A chunk with this chunk's thought alone, after a separator."""
    return AIMessageChunk(
        content="",
        additional_kwargs={_REASONING: separator + chunk.additional_kwargs[_REASONING]},
        response_metadata={
            key: value
            for key, value in chunk.response_metadata.items()
            if key in _SAME_IN_ALL_CHUNKS
        },
        id=chunk.id,
    )

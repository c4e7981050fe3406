"""One streamed response of a call: which chunks are given out, and when.

Chunks are given out as they arrive, except in these cases:

- The caller wants the whole response (`ChatRequest.is_held`): everything waits for the end.
- A tool call is forced: everything but reasoning waits until a call satisfies the choice, or until
  the last attempt ends.
- A native schema was sent: white space waits for the text that follows it.

The last chunk always waits for the end of the attempt, where the totals are known.
"""

from __future__ import annotations

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata, add_usage

from langchain_mimo._chat.attempts import REASONING_KEY, SEARCHES_KEY, Outcome, Totals
from langchain_mimo._chat.guards import ResponseGuard
from langchain_mimo._chat.requests import ChatRequest
from langchain_mimo._chat.structured_output.fences import FenceStripper
from langchain_mimo._chat.structured_output.request import parsed_answer
from langchain_mimo._chat.summary import Attempt
from langchain_mimo._wire.openai.stream import StreamDecoder
from langchain_mimo.errors import MiMoIncompleteStreamError, MiMoRunawayResponseError

# LangChain keeps one of these when it merges chunks, where it would join all other strings.
_SAME_IN_ALL_CHUNKS = frozenset({"model_provider", "output_version"})


class StreamedAttempt:
    """Decides which chunks of one streamed response are given out.

    Args:
        request: The request.
        totals: What earlier attempts contribute.
    """

    def __init__(self, request: ChatRequest, totals: Totals) -> None:
        self._request = request
        self._totals = totals
        self._summary = Attempt()
        self._fence = FenceStripper() if request.strip_fence else None
        self._guard = ResponseGuard(
            is_native=request.format.native is not None, repetitions=request.stop_repetition
        )
        self._reasoning_pieces: list[str] = []
        self._has_reasoning = False
        self._has_text = False
        self._usage: UsageMetadata | None = None
        self._searches: dict[str, int] = {}
        self._held: list[AIMessageChunk] = []

    @classmethod
    def of(cls, request: ChatRequest, totals: Totals) -> StreamedAttempt | None:
        """Return an attempt, or None for a request whose chunks need no further work."""
        needs_work = (
            request.forced
            or request.strip_fence
            or request.max_tool_calls
            or request.stop_repetition
            or request.is_held
        )
        return cls(request, totals) if needs_work else None

    @property
    def is_padding(self) -> bool:
        """Whether the response degenerated into white space, so that reading should stop."""
        return self._guard.is_padding

    def feed(self, chunk: AIMessageChunk) -> list[AIMessageChunk]:
        """Take a chunk and return those to give out now."""
        self._guard.feed(chunk)
        chunks = [chunk] if self._fence is None else self._fence.feed(chunk)
        passed = [out for each in chunks for out in self._feed(each)]
        self._summary.was_given_out = self._summary.was_given_out or bool(passed)
        return passed

    def _feed(self, chunk: AIMessageChunk) -> list[AIMessageChunk]:
        if self._request.forced is not None:
            chunk = self._with_first_id(chunk)
        reasoning, rest = _split(chunk)
        passed: list[AIMessageChunk] = []
        if reasoning is not None:
            target = self._held if self._request.is_held else passed
            target.append(self._continued(reasoning))
        if rest is None:
            return passed
        self._summary.add(rest)
        self._has_text = self._has_text or bool(rest.text.strip())
        if rest.usage_metadata:
            self._usage = add_usage(self._usage, rest.usage_metadata)
        self._searches = rest.response_metadata.get(SEARCHES_KEY) or self._searches
        self._held.append(rest)
        if self._may_pass() and rest.chunk_position != "last":
            passed += self._held
            self._held = []
        return passed

    def _may_pass(self) -> bool:
        request = self._request
        if request.is_held:
            return False
        if request.forced is not None:
            return request.forced.satisfied_by(self._summary.called)
        is_blank = not (self._has_text or self._summary.called or self._summary.invalid)
        return not (is_blank and request.format.native is not None)

    def _with_first_id(self, chunk: AIMessageChunk) -> AIMessageChunk:
        totals = self._totals
        if totals.message_id is None:
            totals.message_id = chunk.id
        if chunk.id == totals.message_id:
            return chunk
        return chunk.model_copy(update={"id": totals.message_id})

    def _continued(self, chunk: AIMessageChunk) -> AIMessageChunk:
        """Return a chunk of reasoning, after a separator if it is the first of a later attempt."""
        reasoning: str = chunk.additional_kwargs[REASONING_KEY]
        separator = "" if self._has_reasoning else self._totals.separator(reasoning)
        self._has_reasoning = self._has_reasoning or bool(reasoning)
        self._reasoning_pieces.append(reasoning)
        return _reasoning_chunk(chunk, separator) if separator else chunk

    def check_limits(self, decoder: StreamDecoder) -> None:
        """Check the caller's limits.

        Raises:
            MiMoRunawayResponseError: The response exceeds one.
        """
        limit = self._request.max_tool_calls
        if limit is not None and decoder.call_count > limit:
            raise MiMoRunawayResponseError(
                f"the response makes more than max_tool_calls={limit} tool calls; it was cut and "
                "none of them was run. Ask for fewer steps at a time, or raise max_tool_calls.",
                decoder.partial_message(runnable=False),
                limit="max_tool_calls",
            )
        if self._guard.is_repeating:
            times = self._request.stop_repetition
            raise MiMoRunawayResponseError(
                f"the response repeats the same lines {times} times (stop_repetition={times}); it "
                "was cut. Change the prompt, or raise stop_repetition.",
                decoder.partial_message(runnable=False),
                limit="stop_repetition",
            )

    def summary(self, decoder: StreamDecoder) -> Attempt:
        """Return the summary of the response, for the decision about another attempt."""
        self._summary.is_padding = self.is_padding
        if self.is_padding:
            # The rest was not read, so only usage that came early is known.
            self._usage = decoder.partial_message().usage_metadata
        return self._summary

    def add_to(self, totals: Totals, *, keeps_reasoning: bool) -> None:
        """Add this attempt to the totals, after it failed."""
        reasoning = self._all_reasoning() if keeps_reasoning else totals.reasoning
        totals.add(reasoning, self._usage, self._searches)

    def _all_reasoning(self) -> str | None:
        pieces = self._reasoning_pieces
        return self._totals.reasoning_with("".join(pieces) if pieces else None)

    def finish(self, outcome: Outcome) -> list[AIMessageChunk]:
        """End the last attempt; returns the chunks held back, the totals in the last one."""
        *held, last = self._held or [AIMessageChunk(content="", id=self._totals.message_id)]
        last = self._totals.completed(last, self._all_reasoning(), outcome)
        if (answer := self._request.format.answer) is not None:
            parsed = parsed_answer(answer, self._summary)
            last = last.model_copy(
                update={"additional_kwargs": {**last.additional_kwargs, **parsed}}
            )
        if last.chunk_position != "last":
            last = last.model_copy(update={"chunk_position": "last"})
        return [*held, last]

    def padding_error(self, decoder: StreamDecoder) -> MiMoIncompleteStreamError:
        """Return the error for white space in place of the rest of a response."""
        return MiMoIncompleteStreamError(
            "the response degenerated into white space, and a part of it was already given out; "
            "what had arrived is in partial_message. Ask again, or set native_schemas=False.",
            decoder.partial_message(),
        )


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

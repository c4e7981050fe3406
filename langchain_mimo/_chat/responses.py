"""One question to the model: which requests go out, and what their answers become.

Sans-I/O: `whole_reply` and `StreamedReply` say what to send and take what comes; the shells in
`chat_models` do nothing but send, so sync and async, whole and streamed, share every decision.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_mimo._chat.structured_output import FenceStripper, unfenced_message
from langchain_mimo._chat.tool_choice.attempts import forced_invoke
from langchain_mimo._chat.tool_choice.choice import ForcedChoice
from langchain_mimo._chat.tool_choice.streamed_attempts import Emit, Send, forced_attempts
from langchain_mimo._wire.formats import API_FORMATS, ApiFormat
from langchain_mimo._wire.openai.stream import StreamDecoder
from langchain_mimo._wire.to_langchain.content_blocks import with_blocks
from langchain_mimo._wire.to_langchain.events import Event, EventWriter
from langchain_mimo._wire.turns import Turn
from langchain_mimo.errors import MiMoError, MiMoIncompleteStreamError, MiMoTimeoutError

T = TypeVar("T")


@dataclass(slots=True)
class Question:
    """A request, and what is to be made of its answer.

    Attributes:
        tree: The body, media leaves unopened.
        choice: A tool that must be called on a server that cannot be forced, or None.
        attempts: The most requests to send for `choice`.
        unfence: Whether a code fence around the whole answer is to be taken off.
        thoughts_as_content: Whether thoughts take the place of an empty answer.
        blocks: Whether streams carry v1 content blocks.
        api_format: The format of the request and its answer.
        turns: The conversation, for what is to be said of it when the server refuses it.
    """

    tree: dict[str, Any]
    choice: ForcedChoice | None = None
    attempts: int = 2
    unfence: bool = False
    reasoning_as_content: bool = False
    blocks: bool = False
    api_format: ApiFormat = API_FORMATS["openai"]
    turns: Sequence[Turn] = ()


def whole_reply(question: Question) -> Generator[dict[str, Any], Any, AIMessage]:
    """Ask without streaming.

    Yields:
        Bodies to send; send each one's parsed answer into the generator.

    Returns:
        The message.
    """
    if question.choice is None:
        message = _decoded((yield question.tree), question)
    else:
        tries = forced_invoke(question.tree, question.choice, question.attempts)
        tree = next(tries)
        while True:
            answer = _decoded((yield tree), question)
            try:
                tree = tries.send(answer)
            except StopIteration as end:
                message = end.value
                break
    warn_if_reasoning_used_the_budget(message)
    return message


def _decoded(body: object, question: Question) -> AIMessage:
    decode = question.api_format.decode_response
    message = decode(body, reasoning_as_content=question.reasoning_as_content)
    return unfenced_message(message) if question.unfence else message


def warn_if_reasoning_used_the_budget(message: AIMessage) -> None:
    """Warn when an answer is empty because thinking used up `max_completion_tokens`."""
    metadata = message.response_metadata
    if (
        metadata.get("finish_reason") == "length"
        and not message.content
        and not (message.tool_calls or message.invalid_tool_calls)
        and message.additional_kwargs.get("reasoning_content")
    ):
        _warn_of_budget()


def _warn_of_budget() -> None:
    warnings.warn(
        "MiMo's answer is empty: thinking used up max_completion_tokens (finish_reason 'length'). "
        "Raise max_completion_tokens, or set thinking=False.",
        UserWarning,
        stacklevel=3,
    )


class StreamedReply(Generic[T]):
    """Ask and stream.

    While `tree` is not None, send it, `feed` every event, and `end` when the stream has ended; or
    raise what `cut` makes of an error.

    Args:
        question: What to ask.
        render: What is given out for a chunk.
        read: A shorter way from an event to what is given out, for questions whose chunks need
            nothing done to them; or None.

    Attributes:
        question: What is asked.
        tree: The body to send now; None when the answer is complete.
    """

    __slots__ = ("_decoder", "_fences", "_flow", "_read", "_render", "question", "tree")

    def __init__(
        self,
        question: Question,
        render: Callable[[AIMessageChunk], Sequence[T]],
        read: Callable[[StreamDecoder, Mapping[str, Any]], Sequence[T]] | None = None,
    ) -> None:
        self.question = question
        self._render = render
        self._decoder = self._new_decoder()
        self._fences = FenceStripper() if question.unfence else None
        self._flow: Generator[Send | Emit, AIMessageChunk | None, None] | None = None
        self.tree: dict[str, Any] | None = question.tree
        if question.choice is not None:
            self._flow = forced_attempts(question.tree, question.choice, question.attempts)
            self._follow(next(self._flow))
        self._read = read if self._plain else None

    @property
    def _plain(self) -> bool:
        return self._flow is None and self._fences is None

    def _new_decoder(self) -> StreamDecoder:
        question = self.question
        return question.api_format.stream_decoder(
            reasoning_as_content=question.reasoning_as_content
        )

    def feed(self, event: Mapping[str, Any]) -> Sequence[T]:
        """Take one event; returns what to give out, often nothing."""
        if self._read is not None:
            return self._read(self._decoder, event)
        chunk = self._decoder.feed(event)
        if chunk is None:
            return ()
        if self._plain:
            return self._render(chunk)
        return self._rendered(self._passed([chunk]))

    def end(self) -> Sequence[T]:
        """Close one stream; returns what to give out, and sets `tree` to what to send next.

        Raises:
            MiMoIncompleteStreamError: The stream ended before its answer was whole.
        """
        chunks = self._passed(self._decoder.finish())
        self.tree = None
        if self._flow is not None:
            step = self._flow.send(None)
            if isinstance(step, Emit):
                chunks += step.chunks
            self._follow(step)
        if self.tree is None and self._decoder.reasoning_used_the_budget:
            _warn_of_budget()
        return self._rendered(chunks)

    def _rendered(self, chunks: list[AIMessageChunk]) -> list[T]:
        return [made for chunk in chunks for made in self._render(chunk)]

    def _follow(self, step: Send | Emit) -> None:
        if isinstance(step, Send):
            self.tree = step.tree
            self._decoder = self._new_decoder()
            if self._fences is not None:
                self._fences = FenceStripper()

    def _passed(self, chunks: list[AIMessageChunk]) -> list[AIMessageChunk]:
        """Send chunks through fence stripping and forced choice."""
        if self._fences is not None:
            chunks = [kept for chunk in chunks for kept in self._fences.feed(chunk)]
        if self._flow is None:
            return chunks
        passed = []
        for chunk in chunks:
            step = self._flow.send(chunk)
            if isinstance(step, Emit):
                passed += step.chunks
        return passed

    def cut(self, error: MiMoError) -> MiMoError:
        """Return the error to raise when a stream broke, with what had arrived attached.

        Args:
            error: What the transport or the decoder raised.

        Returns:
            The error itself when it came before any answer or is a time limit's, else a
            `MiMoIncompleteStreamError` that says what broke the stream.
        """
        if not self._decoder.started:
            return error
        partial = self._decoder.partial_message()
        if isinstance(error, MiMoIncompleteStreamError | MiMoTimeoutError):
            error.partial_message = partial
            return error
        incomplete = MiMoIncompleteStreamError(
            f"the answer broke off: {error} (what arrived is in partial_message)",
            partial,
            is_retryable=bool(getattr(error, "is_retryable", False)),
        )
        incomplete.__cause__ = error
        return incomplete


def chunk_reply(question: Question) -> StreamedReply[ChatGenerationChunk]:
    """Stream an answer as LangChain's chunks."""
    if question.blocks:
        return StreamedReply(question, lambda c: (ChatGenerationChunk(message=with_blocks(c)),))
    return StreamedReply(question, _generated, _read_generated)


def _generated(chunk: AIMessageChunk) -> tuple[ChatGenerationChunk]:
    return (ChatGenerationChunk(message=chunk),)


def _read_generated(
    decoder: StreamDecoder, event: Mapping[str, Any]
) -> tuple[()] | tuple[ChatGenerationChunk]:
    chunk = decoder.feed(event)
    return () if chunk is None else (ChatGenerationChunk(message=chunk),)


def event_reply(question: Question, message_id: str | None) -> StreamedReply[Event]:
    """Stream an answer as content-block events; `message_id` is for answers that bring none."""
    writer = EventWriter(message_id)
    return StreamedReply(
        question, writer.write_chunk, lambda decoder, event: decoder.feed_events(event, writer)
    )

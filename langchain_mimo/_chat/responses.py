"""Drives one model call: the requests to send and the message built from their responses (no I/O).

`whole_response` and `StreamedResponse` say what to send and take what arrives. The hooks in
`chat_models` only send, so sync and async, whole and streamed calls share every decision.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_mimo._chat.requests import ChatRequest
from langchain_mimo._chat.structured_output.fences import FenceStripper, without_fence
from langchain_mimo._chat.tool_choice.attempts import force_call
from langchain_mimo._chat.tool_choice.streamed_attempts import Emit, Send, force_streamed_call
from langchain_mimo._wire.openai.stream import StreamDecoder
from langchain_mimo._wire.to_langchain.content_blocks import with_blocks
from langchain_mimo._wire.to_langchain.events import Event, EventWriter
from langchain_mimo.errors import MiMoError, MiMoIncompleteStreamError, MiMoTimeoutError

T = TypeVar("T")


def whole_response(request: ChatRequest) -> Generator[dict[str, Any], Any, AIMessage]:
    """Drive a call that is not streamed.

    Args:
        request: The request.

    Yields:
        Bodies to send; send the parsed response to each into the generator.

    Returns:
        The message.
    """
    if request.forced is None:
        message = _decode((yield request.encode()), request)
    else:
        attempts = force_call(request.forced, request.attempts)
        turns = next(attempts)
        while True:
            response = _decode((yield request.encode(turns)), request)
            try:
                turns = attempts.send(response)
            except StopIteration as end:
                message = end.value
                break
    if _is_empty_at_limit(message):
        _warn_empty_at_limit()
    return message


def _decode(body: object, request: ChatRequest) -> AIMessage:
    decode = request.api_format.decode_response
    message = decode(body, reasoning_as_content=request.reasoning_as_content)
    return without_fence(message) if request.strip_fence else message


def _is_empty_at_limit(message: AIMessage) -> bool:
    """Return whether reasoning used up `max_completion_tokens` before any answer."""
    metadata = message.response_metadata
    return bool(
        metadata.get("finish_reason") == "length"
        and not message.content
        and not (message.tool_calls or message.invalid_tool_calls)
        and message.additional_kwargs.get("reasoning_content")
    )


def _warn_empty_at_limit() -> None:
    warnings.warn(
        "MiMo's answer is empty: reasoning used up max_completion_tokens (finish_reason 'length'). "
        "Raise max_completion_tokens, or set thinking=False.",
        UserWarning,
        stacklevel=3,
    )


class StreamedResponse(Generic[T]):
    """Drives a streamed call.

    While `body` is not None: send it, `feed` every event, and call `end` when the stream ends, or
    raise what `broken` returns for an error.

    Args:
        request: The request.
        render: Converts a chunk to what the caller gets.
        read: Converts an event directly, for requests whose chunks need no further work; or None.

    Attributes:
        request: The request.
        body: The body to send next; None when the response is complete.
    """

    __slots__ = ("_decoder", "_fence", "_read", "_render", "_steps", "body", "request")

    def __init__(
        self,
        request: ChatRequest,
        render: Callable[[AIMessageChunk], Sequence[T]],
        read: Callable[[StreamDecoder, Mapping[str, Any]], Sequence[T]] | None = None,
    ) -> None:
        self.request = request
        self._render = render
        self._decoder = self._new_decoder()
        self._fence = FenceStripper() if request.strip_fence else None
        self._steps: Generator[Send | Emit, AIMessageChunk | None, None] | None = None
        self.body: dict[str, Any] | None = None
        if request.forced is None:
            self.body = request.encode()
        else:
            self._steps = force_streamed_call(request.forced, request.attempts)
            self._follow(next(self._steps))
        self._read = read if self._is_plain else None

    @property
    def _is_plain(self) -> bool:
        return self._steps is None and self._fence is None

    def _new_decoder(self) -> StreamDecoder:
        request = self.request
        return request.api_format.stream_decoder(reasoning_as_content=request.reasoning_as_content)

    def feed(self, event: Mapping[str, Any]) -> Sequence[T]:
        """Take one event; returns what to give out, often nothing."""
        if self._read is not None:
            return self._read(self._decoder, event)
        chunk = self._decoder.feed(event)
        if chunk is None:
            return ()
        if self._is_plain:
            return self._render(chunk)
        return self._rendered(self._passed([chunk]))

    def end(self) -> Sequence[T]:
        """End one stream; returns what to give out, and sets `body` to what to send next.

        Raises:
            MiMoIncompleteStreamError: The stream ended before its response was complete.
        """
        chunks = self._passed(self._decoder.finish())
        self.body = None
        if self._steps is not None:
            step = self._steps.send(None)
            if isinstance(step, Emit):
                chunks += step.chunks
            self._follow(step)
        if self.body is None and self._decoder.reasoning_used_the_budget:
            _warn_empty_at_limit()
        return self._rendered(chunks)

    def _rendered(self, chunks: list[AIMessageChunk]) -> list[T]:
        return [item for chunk in chunks for item in self._render(chunk)]

    def _follow(self, step: Send | Emit) -> None:
        if isinstance(step, Send):
            self.body = self.request.encode(step.turns)
            self._decoder = self._new_decoder()
            if self._fence is not None:
                self._fence = FenceStripper()

    def _passed(self, chunks: list[AIMessageChunk]) -> list[AIMessageChunk]:
        """Pass chunks through the fence stripper and the forced choice."""
        if self._fence is not None:
            chunks = [kept for chunk in chunks for kept in self._fence.feed(chunk)]
        if self._steps is None:
            return chunks
        passed = []
        for chunk in chunks:
            step = self._steps.send(chunk)
            if isinstance(step, Emit):
                passed += step.chunks
        return passed

    def broken(self, error: MiMoError) -> MiMoError:
        """Return the error to raise when a stream broke, with what had arrived attached.

        Args:
            error: What the transport or the decoder raised.

        Returns:
            The error itself when it came before any output or is a timeout, else a
            `MiMoIncompleteStreamError` that says what broke the stream.
        """
        if not self._decoder.started:
            return error
        partial = self._decoder.partial_message()
        if isinstance(error, MiMoIncompleteStreamError | MiMoTimeoutError):
            error.partial_message = partial
            return error
        incomplete = MiMoIncompleteStreamError(
            f"the stream broke: {error} (what had arrived is in partial_message)",
            partial,
            is_retryable=bool(getattr(error, "is_retryable", False)),
        )
        incomplete.__cause__ = error
        return incomplete


def stream_chunks(request: ChatRequest) -> StreamedResponse[ChatGenerationChunk]:
    """Stream a response as LangChain's chunks."""
    if request.as_blocks:
        return StreamedResponse(request, lambda c: (ChatGenerationChunk(message=with_blocks(c)),))
    return StreamedResponse(request, _chunk_of, _read_chunk)


def _chunk_of(chunk: AIMessageChunk) -> tuple[ChatGenerationChunk]:
    return (ChatGenerationChunk(message=chunk),)


def _read_chunk(
    decoder: StreamDecoder, event: Mapping[str, Any]
) -> tuple[()] | tuple[ChatGenerationChunk]:
    chunk = decoder.feed(event)
    return () if chunk is None else (ChatGenerationChunk(message=chunk),)


def stream_events(request: ChatRequest, message_id: str | None) -> StreamedResponse[Event]:
    """Stream a response as content-block events; `message_id` is for responses without an id."""
    writer = EventWriter(message_id)
    return StreamedResponse(
        request, writer.write_chunk, lambda decoder, event: decoder.feed_events(event, writer)
    )

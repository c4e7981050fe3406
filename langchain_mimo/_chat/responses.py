"""Drives one model call: the requests to send and the message built from their responses (no I/O).

`WholeResponse` and `StreamedResponse` say what to send and take what arrives. The hooks in
`chat_models` only send and wait, so sync and async calls share every decision.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from langchain_mimo._chat.attempts import (
    REASONING_KEY,
    SEARCHES_KEY,
    Outcome,
    Send,
    Totals,
    decide_attempts,
)
from langchain_mimo._chat.requests import ChatRequest
from langchain_mimo._chat.streamed_attempts import StreamedAttempt
from langchain_mimo._chat.structured_output.fences import without_fence
from langchain_mimo._chat.structured_output.request import parsed_answer
from langchain_mimo._chat.summary import Attempt
from langchain_mimo._checks import warn
from langchain_mimo._transport.logs import logger
from langchain_mimo._transport.response_head import ResponseHead
from langchain_mimo._wire.openai.stream import StreamDecoder
from langchain_mimo._wire.to_langchain.content_blocks import with_blocks
from langchain_mimo._wire.to_langchain.copies import generation_chunk_of, generation_of
from langchain_mimo._wire.to_langchain.events import Event, EventWriter
from langchain_mimo.errors import (
    MiMoError,
    MiMoIncompleteStreamError,
    MiMoInputError,
    MiMoInvalidResponseError,
    MiMoRunawayResponseError,
    MiMoTimeoutError,
)

T = TypeVar("T")


class _Call:
    """The requests of one call.

    Attributes:
        request: The request.
        body: The body to send next; None when the response is complete.
        delay: Seconds to wait before sending it.
        url: Where to send it.
    """

    __slots__ = ("_decisions", "_is_decided", "_send", "_totals", "body", "delay", "request", "url")

    def __init__(self, request: ChatRequest) -> None:
        self.request = request
        self.url = request.endpoint
        self._totals = Totals(request=request)
        self._is_decided = False
        self._decisions: Generator[Send, Attempt, Outcome] = decide_attempts(request)
        self.body: dict[str, Any] | None = None
        self._follow(next(self._decisions))

    def _follow(self, send: Send) -> None:
        self._send = send
        self.body, self.delay = send.body, send.delay

    def take_head(self, head: ResponseHead) -> None:
        """Take the headers of a response; the last one's are in the message."""
        self._totals.head = head

    def _decide(self, attempt: Attempt) -> Outcome | None:
        """Return how the call ends, or None after preparing the next request.

        Raises:
            MiMoError: The error of the attempt, if no other attempt can help.
        """
        if self._is_decided and attempt.error is not None:
            self._totals.tell(attempt.error, attempt.error)
            raise attempt.error
        self._is_decided = True
        try:
            send = self._decisions.send(attempt)
        except StopIteration as end:
            self.body = None
            outcome: Outcome = end.value
            return outcome
        except MiMoError as error:
            self._totals.tell(error, attempt.error)
            raise
        self._is_decided = False
        self._totals.count(attempt.error, send.delay)
        logger.info("sending another request for the same call: %s", send.reason)
        self._follow(send)
        return None


class WholeResponse(_Call):
    """Drives a call whose responses are not streamed.

    While `body` is not None, send it and `feed` the response, or `fail` with the error.

    Attributes:
        message: The message, once `body` is None.
    """

    __slots__ = ("message",)

    message: AIMessage

    def feed(self, response: object) -> None:
        """Take the parsed JSON of a response.

        Raises:
            MiMoInvalidResponseError: It is not a response of this API.
        """
        request = self.request
        try:
            message = request.api_format.decode_response(
                response,
                reasoning_as_content=request.reasoning_as_content,
                xml_tools=request.xml_tools,
                tools=request.tools,
            )
        except MiMoError as error:
            self._totals.tell(error, None)
            raise
        if request.strip_fence:
            message = without_fence(message)
        totals, additional = self._totals, message.additional_kwargs
        reasoning = totals.reasoning_with(additional.get(REASONING_KEY))
        attempt = Attempt.of(message)
        outcome = self._decide(attempt)
        if outcome is None:
            keeps_reasoning = self._send.keeps_reasoning
            if keeps_reasoning:
                totals.message_id = totals.message_id or message.id
            searches = message.response_metadata.get(SEARCHES_KEY) or {}
            totals.add(
                reasoning if keeps_reasoning else totals.reasoning, message.usage_metadata, searches
            )
            return
        if reasoning is not None and reasoning != additional.get(REASONING_KEY):
            message.additional_kwargs = {**additional, REASONING_KEY: reasoning}
        if (answer := request.format.answer) is not None:
            parsed = parsed_answer(answer, attempt)
            message.additional_kwargs = {**message.additional_kwargs, **parsed}
        self.message = totals.completed(message, reasoning, outcome)
        _warn(self.message.response_metadata, is_empty=_is_empty_at_limit(self.message))

    def fail(self, error: MiMoError) -> None:
        """Take the error of a request.

        Raises:
            MiMoError: The error, if no other attempt can help.
        """
        self._decide(Attempt(error=error))


def result_of(message: AIMessage) -> ChatResult:
    """Return what LangChain's hooks return for a whole message."""
    # Core copies it into the message's metadata, where a model that is not known has no key.
    model = message.response_metadata.get("model_name")
    return ChatResult(
        generations=[generation_of(message)],
        llm_output={} if model is None else {"model_name": model},
    )


def _is_empty_at_limit(message: AIMessage) -> bool:
    """Return whether reasoning used up `max_completion_tokens` before any answer."""
    metadata = message.response_metadata
    return bool(
        metadata.get("finish_reason") == "length"
        and not message.content
        and not (message.tool_calls or message.invalid_tool_calls)
        and message.additional_kwargs.get(REASONING_KEY)
    )


def _warn(metadata: Mapping[str, Any], *, is_empty: bool) -> None:
    """Warn about a response that ended too early, although it is not an error."""
    if is_empty:
        warn(
            "MiMo's answer is empty: reasoning used up max_completion_tokens (finish_reason "
            "'length'). Raise max_completion_tokens, or set thinking=False."
        )
    if metadata.get("finish_reason") == "content_filter":
        warn(
            "MiMo's content filter stopped the response (finish_reason 'content_filter'), so it is "
            "empty or incomplete. Change the text or the media that it is about."
        )
    if metadata.get("finish_reason") == "repetition_truncation":
        warn(
            "MiMo cut the response because it repeated itself (finish_reason "
            "'repetition_truncation'). Change the prompt, or set stop_repetition= to stop such "
            "responses earlier."
        )


class StreamedResponse(_Call, Generic[T]):
    """Drives a streamed call.

    While `body` is not None: send it, `feed` every event until `is_over`, and call `end` when the
    stream ends, or `fail` with the error.

    Args:
        request: The request.
        render: Converts a chunk to what the caller gets.
        read: Converts an event directly, for requests whose chunks need no further work; or None.

    Attributes:
        is_over: Whether the rest of the stream should not be read.
    """

    __slots__ = ("_attempt", "_decoder", "_read", "_render", "is_over")

    def __init__(
        self,
        request: ChatRequest,
        render: Callable[[AIMessageChunk], Sequence[T]],
        read: Callable[[StreamDecoder, Mapping[str, Any]], Sequence[T]] | None = None,
    ) -> None:
        self._render = render
        self._read = read
        super().__init__(request)

    def _follow(self, send: Send) -> None:
        super()._follow(send)
        request = self.request
        decoder = request.api_format.stream_decoder
        self._decoder = decoder(
            reasoning_as_content=request.reasoning_as_content,
            xml_tools=request.xml_tools,
            tools=request.tools,
        )
        self._attempt = StreamedAttempt.of(request, self._totals)
        self.is_over = False
        if self._attempt is not None:
            self._read = None

    def feed(self, event: Mapping[str, Any]) -> Sequence[T]:
        """Take one event; returns what to give out, often nothing.

        Raises:
            MiMoRunawayResponseError: The response exceeded a limit of the caller's.
        """
        if self._read is not None:
            return self._read(self._decoder, event)
        chunk = self._decoder.feed(event)
        attempt = self._attempt
        if attempt is None:
            return () if chunk is None else self._render(chunk)
        passed = [] if chunk is None else attempt.feed(chunk)
        attempt.check_limits(self._decoder)
        self.is_over = attempt.is_padding
        return self._rendered(passed)

    def end(self) -> Sequence[T]:
        """End one stream; returns what to give out, and sets `body` to what to send next.

        Raises:
            MiMoIncompleteStreamError: The stream ended before its response was complete.
            MiMoInvalidResponseError: MiMo wrote its tool calls as XML into the text.
            MiMoRunawayResponseError: The response exceeded a limit of the caller's.
        """
        attempt, decoder = self._attempt, self._decoder
        if attempt is None:
            return self._end_plain()
        chunks = [] if attempt.is_padding else decoder.finish()
        attempt.check_limits(decoder)
        passed = [kept for chunk in chunks for kept in attempt.feed(chunk)]
        outcome = self._decide(attempt.summary(decoder))
        if outcome is None:
            attempt.add_to(self._totals, keeps_reasoning=self._send.keeps_reasoning)
            return self._rendered(passed) if self._send.keeps_reasoning else ()
        if attempt.is_padding:
            raise attempt.padding_error(decoder)
        closing = attempt.finish(outcome)
        self._warn(closing[-1])
        return self._rendered(passed + closing)

    def _end_plain(self) -> Sequence[T]:
        """End a stream whose chunks were given out as they arrived."""
        was_given_out = self._decoder.has_output
        *chunks, last = self._decoder.finish()
        metadata = last.response_metadata
        finish_reason = metadata.get("finish_reason")
        outcome = self._decide(Attempt(finish_reason=finish_reason, was_given_out=was_given_out))
        if outcome is None:
            self._totals.add(None, last.usage_metadata, metadata.get(SEARCHES_KEY) or {})
            return ()
        self._warn(last)
        return self._rendered([*chunks, self._totals.completed(last, None, outcome)])

    def _warn(self, last: AIMessageChunk) -> None:
        _warn(last.response_metadata, is_empty=self._decoder.reasoning_used_the_budget)

    def _rendered(self, chunks: Sequence[AIMessageChunk]) -> list[T]:
        return [item for chunk in chunks for item in self._render(chunk)]

    def fail(self, error: MiMoError) -> None:
        """Take the error of a request or of its stream.

        Args:
            error: What the transport, the decoder or a limit raised.

        Raises:
            MiMoError: The error, with what had arrived attached, if no other attempt can help.
        """
        if not self._decoder.started:
            self._decide(Attempt(error=error))
            return
        if self.request.is_held and not isinstance(
            error, MiMoRunawayResponseError | MiMoInputError
        ):
            # Nothing was given out: as with a response that is not streamed, only the error counts.
            self._decide(Attempt(error=error, is_broken=True))
            return
        broken = self._broken(error)
        self._totals.tell(broken, error)
        if broken is error:
            raise error
        raise broken from error

    def _broken(self, error: MiMoError) -> MiMoError:
        """Return the error for a stream that broke, with what had arrived attached."""
        if isinstance(error, MiMoInvalidResponseError) and error.partial_message is not None:
            return error
        partial = self._decoder.partial_message()
        if isinstance(error, MiMoIncompleteStreamError | MiMoTimeoutError):
            if error.partial_message is None:
                error.partial_message = partial
            return error
        return MiMoIncompleteStreamError(
            f"the stream broke, and what had arrived is in partial_message: {error}",
            partial,
            is_retryable=error.is_retryable,
        )


def stream_chunks(request: ChatRequest) -> StreamedResponse[ChatGenerationChunk]:
    """Stream a response as LangChain's chunks."""
    if request.as_blocks and not request.is_held:
        return StreamedResponse(request, lambda c: (ChatGenerationChunk(message=with_blocks(c)),))
    return StreamedResponse(request, _chunk_of, _read_chunk)


def _chunk_of(chunk: AIMessageChunk) -> tuple[ChatGenerationChunk]:
    return (generation_chunk_of(chunk),)


def _read_chunk(
    decoder: StreamDecoder, event: Mapping[str, Any]
) -> tuple[()] | tuple[ChatGenerationChunk]:
    chunk = decoder.feed(event)
    return () if chunk is None else (generation_chunk_of(chunk),)


def stream_events(request: ChatRequest, message_id: str | None) -> StreamedResponse[Event]:
    """Stream a response as content-block events; `message_id` is for responses without an id."""
    writer = EventWriter(message_id)
    return StreamedResponse(
        request, writer.write_chunk, lambda decoder, event: decoder.feed_events(event, writer)
    )

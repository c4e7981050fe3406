"""Decides how many requests a call sends, and what its message takes from each of them.

A call sends one request, and another one for one of these reasons:

- **A transient rejection** (`second_chance`): the same request once more, at most once per call.
- **A native schema that failed** (`structured_output.native`): the request again, with JSON mode
  and the schema in the prompt, at most once per call.
- **A media item that cannot be sent** (`repair_history`): a note takes its place, and the request,
  of which the server got nothing or not all, is sent again.
- **A tool that was not called** (`tool_choice.forced`): further turns that ask for the call.

The first three kinds leave nothing in the message except their usage, since nothing of them was
given out; once a stream has given something out, the response stands, or the error is raised.
Attempts for a forced tool call share their reasoning, which a stream gives out as it arrives.

`decide_attempts` sees only summaries, so whole and streamed, sync and async calls share it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata, add_usage

from langchain_mimo._chat.requests import ChatRequest
from langchain_mimo._chat.second_chance import second_chance
from langchain_mimo._chat.structured_output.native import (
    failure_of,
    remember_refusal,
    remember_success,
)
from langchain_mimo._chat.summary import Attempt
from langchain_mimo._chat.tool_choice.forced import ForcedCall
from langchain_mimo._transport.response_head import ResponseHead
from langchain_mimo._transport.retries import RetryPolicy
from langchain_mimo.errors import (
    MediaError,
    MiMoAPIError,
    MiMoConnectionError,
    MiMoError,
    MiMoIncompleteStreamError,
)

REASONING_KEY = "reasoning_content"
SEARCHES_KEY = "web_search_usage"

_SEPARATOR = "\n\n"

MessageT = TypeVar("MessageT", bound=AIMessage)


@dataclass(frozen=True, slots=True)
class Send:
    """A request to send.

    Attributes:
        body: The body as a JSON tree, its media still unread.
        delay: Seconds to wait before.
        keeps_reasoning: Whether the reasoning of earlier attempts stays in the message.
        reason: Why it is sent after an earlier one, for the log.
    """

    body: dict[str, Any]
    delay: float = 0.0
    keeps_reasoning: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended.

    Attributes:
        metadata: Entries for `response_metadata`.
        is_forced: Whether a tool call was forced; its entry then tells the offset of the reasoning.
    """

    metadata: dict[str, Any] = field(default_factory=dict)
    is_forced: bool = False


def decide_attempts(request: ChatRequest) -> Generator[Send, Attempt, Outcome]:
    """Decide which requests a call sends.

    Args:
        request: The request.

    Yields:
        What to send; send the summary of its response, or its error, into the generator.

    Returns:
        How the call ended; the last response is its message.

    Raises:
        MiMoError: The error of the last request, if no other attempt can help.
    """
    forced = ForcedCall(request.forced, request.attempts) if request.forced else None
    native = request.format.native
    turns = forced.turns if forced else ()
    may_repeat, breaks = request.second_chance, 0
    rejection: MiMoError | None = None
    refusal: MiMoError | None = None
    metadata: dict[str, Any] = {"structured_output": {"native": True}} if native else {}
    falls_back = False
    send = Send(request.encode(turns))
    while True:
        encode = partial(request.encode, turns, fall_back=falls_back)
        send, attempt = yield from _without_unusable_media(request, send, encode)
        if may_repeat and (chance := second_chance(attempt, request.turns)):
            may_repeat, rejection = False, attempt.error
            metadata["second_chance"] = {"reason": chance.reason}
            send = Send(send.body, chance.delay, reason=f"second chance after {chance.reason}")
        elif native and (failure := failure_of(attempt, native)):
            metadata["structured_output"] = {"native": False, "reason": failure}
            refusal = attempt.error
            body = request.encode(turns, fall_back=True)
            send = Send(body, reason=f"native schema failed, {failure}")
            native, falls_back = None, True
        elif (pause := _pause_after_break(attempt, request.retry, breaks + 1)) is not None:
            send = Send(send.body, pause, reason="the stream broke")
            breaks += 1
        elif attempt.error is not None:
            # A file that has gone since must not hide what the server said.
            hides = rejection if isinstance(attempt.error, MediaError) else None
            raise hides or request.with_remedy(attempt.error)
        elif forced and (further := forced.after(attempt)):
            turns = further
            body = request.encode(turns)
            send = Send(body, keeps_reasoning=True, reason="a tool was not called")
        else:
            break
    if native:
        remember_success(request.endpoint)
    elif metadata.get("structured_output", {}).get("reason") == "refused":
        remember_refusal(request.endpoint, refusal)
    if forced:
        metadata |= forced.metadata()
    return Outcome(metadata, is_forced=forced is not None)


def _without_unusable_media(
    request: ChatRequest, send: Send, encode: Callable[[], dict[str, Any]]
) -> Generator[Send, Attempt, tuple[Send, Attempt]]:
    """Send a request until no media item in it is left out; returns what was sent at last."""
    attempt = yield send
    while request.leave_out(attempt.error):
        send = replace(send, body=encode(), delay=0.0, reason="media left out")
        attempt = yield send
    return send, attempt


def _pause_after_break(attempt: Attempt, policy: RetryPolicy | None, number: int) -> float | None:
    """Return the seconds to wait before a held stream that broke is sent again, or None.

    A held stream stands for a response that is not streamed, so the same errors are retried. One
    that ended too early counts as a broken connection.
    """
    error = attempt.error
    if not attempt.is_broken or error is None or policy is None:
        return None
    if isinstance(error, MiMoIncompleteStreamError) and error.is_retryable:
        error = MiMoConnectionError(str(error))
    return policy.delay(number, error, random.random())  # noqa: S311


@dataclass(slots=True)
class Totals:
    """What earlier attempts contribute to the final message.

    Attributes:
        message_id: Id of the first attempt whose reasoning stays, or None.
        reasoning: Reasoning of earlier attempts that stays, or None.
        usage: Sum of their usage, or None.
        searches: Sum of their web searches; each is billed.
        request: The request, for its price and whether headers are wanted; None adds neither.
        head: Headers of the last response, or None.
        attempts: Number of times that earlier requests of the call were sent, with their retries.
        waited: Seconds of waiting between them.
    """

    message_id: str | None = None
    reasoning: str | None = None
    usage: UsageMetadata | None = None
    searches: dict[str, int] = field(default_factory=dict)
    request: ChatRequest | None = None
    head: ResponseHead | None = None
    attempts: int = 0
    waited: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether earlier attempts contribute nothing."""
        return not (self.message_id or self.reasoning or self.usage or self.searches)

    def separator(self, reasoning: str) -> str:
        """Return what stands between earlier reasoning and that of the next attempt."""
        return _SEPARATOR if self.reasoning and reasoning else ""

    def reasoning_with(self, reasoning: str | None) -> str | None:
        """Return the reasoning of all attempts, including one attempt's whole reasoning."""
        if reasoning is None:
            return self.reasoning
        return (self.reasoning or "") + self.separator(reasoning) + reasoning

    def add(
        self, reasoning: str | None, usage: UsageMetadata | None, searches: dict[str, int]
    ) -> None:
        """Add an attempt that failed; `reasoning` is that of all attempts that stays."""
        self.reasoning = reasoning
        self.usage = self.usage_with(usage)
        self.searches = self.searches_with(searches)

    def count(self, error: MiMoError | None, pause: float) -> None:
        """Count the attempts of a request that another one follows after `pause` seconds."""
        self.attempts = self.attempts_with(error)
        self.waited += pause + (error.waited if error else 0.0)
        self.head = None

    def attempts_with(self, error: MiMoError | None = None) -> int:
        """Return the attempts of the call, including those of the request that ended last."""
        answered = self.head.attempt if self.head else 0
        return self.attempts + max(answered, error.attempts if error else 0)

    def tell(self, error: MiMoError, last: MiMoError | None) -> None:
        """Tell an error what the call did; `last` is the error of the last request."""
        if self.head is not None:
            _name_server(error, self.head.host)
        error.attempts = self.attempts_with(last)
        error.waited = self.waited + (last.waited if last else 0.0)
        partial: AIMessage | None = getattr(error, "partial_message", None)
        metadata = {} if partial is None else partial.response_metadata
        error.usage_metadata = self.usage_with(None if partial is None else partial.usage_metadata)
        error.web_searches = self.searches_with(metadata.get(SEARCHES_KEY) or {}).get(
            "tool_usage", 0
        )

    def usage_with(self, usage: UsageMetadata | None) -> UsageMetadata | None:
        """Return the sum of earlier usage and one attempt's."""
        return add_usage(self.usage, usage) if self.usage and usage else self.usage or usage

    def searches_with(self, searches: dict[str, int]) -> dict[str, int]:
        """Return the sum of earlier web searches and one attempt's."""
        return {
            key: self.searches.get(key, 0) + searches.get(key, 0)
            for key in {**self.searches, **searches}
        }

    def metadata(
        self, last: dict[str, Any], reasoning: str | None, outcome: Outcome
    ) -> dict[str, Any]:
        """Return the last attempt's `response_metadata` with what concerns all attempts."""
        metadata = {**last, **outcome.metadata}
        if outcome.is_forced and (offset := self._offset(reasoning)):
            entry = metadata["forced_tool_choice"]
            metadata["forced_tool_choice"] = {**entry, "reasoning_offset": offset}
        if searches := self.searches_with(last.get(SEARCHES_KEY) or {}):
            metadata[SEARCHES_KEY] = searches
        return metadata

    def _offset(self, reasoning: str | None) -> int:
        """Return where the last attempt's reasoning begins in that of all attempts."""
        before = self.reasoning or ""
        has_more = len(reasoning or "") > len(before)
        return len(before) + len(_SEPARATOR) if before and has_more else len(before)

    def completed(self, message: MessageT, reasoning: str | None, outcome: Outcome) -> MessageT:
        """Return the last attempt's message, or last chunk, with what concerns all attempts."""
        message = self._joined(message, reasoning, outcome)
        request, head, metadata = self.request, self.head, message.response_metadata
        if request is not None and request.price is not None:
            searches = (metadata.get(SEARCHES_KEY) or {}).get("tool_usage", 0)
            metadata["cost_usd"] = request.price(
                message.usage_metadata, request.options.model, searches
            )
        if head is not None:
            if (attempts := self.attempts + head.attempt) > 1:  # the usual 1 says nothing
                metadata["attempts"] = attempts
            if request_id := head.request_id:
                metadata["request_id"] = request_id
        if head is not None and request is not None and request.include_response_headers:
            metadata["headers"] = head.headers
        return message

    def _joined(self, message: MessageT, reasoning: str | None, outcome: Outcome) -> MessageT:
        if self.is_empty and not outcome.metadata:
            return message
        return message.model_copy(
            update={
                "id": self.message_id or message.id,
                "usage_metadata": self.usage_with(message.usage_metadata),
                "response_metadata": self.metadata(message.response_metadata, reasoning, outcome),
            }
        )


_NAMELESS = re.compile(r"the (?:response|stream)(?= (?:is JSON|cannot be read|ended without))")


def _name_server(error: MiMoError, host: str) -> None:
    """Name the server in a decoder's error, which does not know where a response comes from."""
    text = str(error.args[0]) if error.args else ""
    if host and (found := _NAMELESS.match(text)):
        text = f"{found[0]} from {host}{text[found.end() :]}"
        error.args = (text, *error.args[1:])
        if isinstance(error, MiMoAPIError):
            error.message = text

"""Decides which attempts one request takes, and how long to wait between them; no I/O."""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Mapping
from types import GeneratorType
from typing import Any

import httpx2

from langchain_mimo._error_texts import joined, no_time_text
from langchain_mimo._transport.api_request import ApiRequest
from langchain_mimo._transport.attempt import Attempt
from langchain_mimo._transport.clients import ClientSettings
from langchain_mimo._transport.error_hints import ErrorContext
from langchain_mimo._transport.gates import Admission, Call, Outcome, Ticket, Wait
from langchain_mimo._transport.logs import log_retry, logger
from langchain_mimo._transport.request_body import RequestBody
from langchain_mimo._transport.retries import shared_backoff
from langchain_mimo._transport.timeouts import AttemptTimer
from langchain_mimo.errors import MiMoAPIError, MiMoError, MiMoInputError, MiMoTimeoutError


class Plan:
    """What all attempts of one request share, and the generator that decides about retries.

    The driver calls `open`, runs `steps`, and calls `leave` at the end of a response or failure.

    Attributes:
        api_request: The request.
        body: Its body.
        counts_usage: Whether there is a budget, which wants to know the usage of responses.
        ticket: The budget's ticket for the attempt that runs, or None.
        is_open: Whether the media have been opened.
        attempts: Number of attempts that have begun.
    """

    __slots__ = (
        "_host", "_is_sent", "_media_tokens", "_usage", "_waited", "api_request", "attempts",
        "body", "context", "counts_usage", "http", "is_open", "settings", "started", "ticket",
        "url",
    )  # fmt: skip

    def __init__(self, api_request: ApiRequest, settings: ClientSettings, http: Any) -> None:
        """Check URL and headers, and prepare the body.

        Args:
            api_request: The request.
            settings: Settings of our own clients, for errors.
            http: The package of the client in use, `httpx2` or `httpx`.

        Raises:
            MiMoConfigurationError: The URL or a header cannot be sent.
        """
        self.api_request = api_request
        self.settings = settings
        self.http = http
        self.url: httpx2.URL = api_request.destination().url
        self.context: ErrorContext = api_request.destination().context(api_request.tree)
        self.body = RequestBody(api_request.tree, api_request.media)
        self.started = time.monotonic()
        self.attempts = 0
        self.counts_usage = api_request.gate is not None
        self._host = self.url.netloc.decode("ascii")
        self.is_open = self._is_sent = False
        self._media_tokens = (0, 0)
        self.ticket: Ticket | None = None
        self._usage: dict[str, Any] = {}
        self._waited = 0.0

    # The media

    def open(self) -> None:
        """Open the media; or measure them, since a request must not wait in line with open files.

        Raises:
            MediaError: A media item may not be opened, or MiMo does not accept it.
        """
        if not self.counts_usage or not self.body.has_media:
            self.body.open()
            self.is_open = True
        elif self.api_request.measure is not None:
            self._media_tokens = self.api_request.measure()

    async def aopen(self) -> None:
        """Do the same, in a thread if it reads from a disk."""
        await self.body.in_thread(self.open)

    def open_body(self) -> None:
        """Open the media of a request that has waited in line."""
        self.body.open()
        self.is_open = True

    # Attempts

    def attempt(self) -> Attempt:
        """Start an attempt."""
        self.attempts += 1
        self._is_sent = True
        return Attempt(
            self.url,
            self.context,
            self.body,
            AttemptTimer(self.api_request.timeouts, self.started),
            self.http,
            max_bytes=self.api_request.max_response_bytes,
            number=self.attempts,
            settings=self.settings,
        )

    def steps(self) -> Generator[Wait | None, None, None]:
        """Yield what to wait for, or None to send; the driver throws the failure to send in.

        Raises:
            MiMoError: The failure, if it is not retried; also if the wait would exceed the `total`
                limit, and what the gate raises.
        """
        policy = self.api_request.retry
        call = Call(
            self._host,
            self.api_request.key(),
            self.api_request.tree,
            self.body.text_bytes if self.counts_usage else 0,
            self._media_tokens,
            policy.retry_after_cap if policy.most_attempts > 1 else 0.0,
            self.api_request.is_mimos,
        )
        gate = self.api_request.gate or shared_backoff(self._host, call.key)
        failure = None
        while True:
            admitted: Any = gate.admit(call)
            if isinstance(admitted, GeneratorType):
                admitted = yield from self._passed(admitted, failure)
            self.ticket, self._is_sent = admitted, False
            failure = None  # its traceback holds this frame
            try:
                yield None
            except MiMoError as error:
                delay = policy.delay(self.attempts, error, random.random())  # noqa: S311
                if (pause := policy.pause(error)) is not None:
                    gate.pause(pause, call)
                self.leave(_outcome(error, self.http))
                error.attempts, error.waited = self.attempts, self._waited
                if delay is None:
                    raise
                self._check_total(delay, error)
                log_retry(self._host, self.attempts, policy.most_attempts, error, delay)
                self._waited, failure = self._waited + delay, error
                yield delay, None

    def _passed(
        self, admission: Admission, failure: MiMoError | None
    ) -> Generator[Wait, None, Ticket | None]:
        """Yield the waits of an admission, within the `total` limit, and return its ticket."""
        in_line = 0.0
        try:
            wait = next(admission)
            while True:
                began = time.monotonic()
                seconds, woken = wait
                if woken is None:
                    pause = seconds or 0.0
                    self._check_total(pause, failure)
                    logger.info("waiting %.1f s after a 429 of %s to this key", pause, self._host)
                    yield wait
                    self._waited += pause
                else:
                    yield self._within_total(seconds, failure), woken
                    in_line += time.monotonic() - began
                wait = next(admission)
        except StopIteration as admitted:
            self._waited += in_line
            if in_line >= 1.0:
                logger.info("waited %.1f s for the budget of a request to %s", in_line, self._host)
            ticket: Ticket | None = admitted.value
            return ticket
        finally:
            admission.close()

    def _check_total(self, pause: float, error: MiMoError | None) -> None:
        """Raise now if the `total` limit would cut the wait short anyway."""
        total = self.api_request.timeouts.total
        if total is None or time.monotonic() + pause < self.started + total:
            return
        if error is not None:
            raise _out_of_time(error, total, pause)
        raise MiMoTimeoutError("total", total, host=self._host, held_back=pause)

    def _within_total(self, seconds: float | None, error: MiMoError | None) -> float | None:
        """Return how long a wait may last whose end nobody knows, or raise if none is left."""
        total = self.api_request.timeouts.total
        if total is None:
            return seconds
        left = self.started + total - time.monotonic()
        if left <= 0:
            if error is not None:
                raise _out_of_time(error, total, None)
            raise MiMoTimeoutError("total", total, host=self._host, in_line=True)
        return left if seconds is None else min(seconds, left)

    # What the budget learns

    def note(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the events of a response, after keeping the usage in them for the budget."""
        for event in events if self.ticket is not None else ():
            # In the Anthropic format, the first event has it inside of `message`.
            for holder in (event["message"], event) if "message" in event else (event,):
                usage = holder.get("usage") if isinstance(holder, dict) else None
                if isinstance(usage, dict):
                    self._usage |= usage
        return events

    def finish(self, answer: Mapping[str, Any]) -> None:
        """End the attempt of a whole response for the budget."""
        ticket, self.ticket = self.ticket, None
        if ticket is not None:
            usage = answer.get("usage")
            if isinstance(usage, dict) and usage:
                ticket.end("answered", usage)
            else:
                ticket.end("unknown", None)

    def leave(self, outcome: Outcome | None = None) -> None:
        """End the attempt for the budget, with the usage that was noted.

        Args:
            outcome: How it ended. Default: as usage and what was sent say.
        """
        ticket, self.ticket = self.ticket, None
        if ticket is None:
            return
        usage, self._usage = self._usage, {}
        if outcome is None:
            outcome = "answered" if usage else "unknown" if self._is_sent else "unsent"
        ticket.end(outcome, usage or None)


def _out_of_time(error: MiMoError, total: float, pause: float | None) -> MiMoError:
    """Return the error of the last attempt, with the advice to raise `total`, not `max_retries`."""
    text = no_time_text(total, pause)
    if isinstance(error, MiMoAPIError):
        error.hint = text
    else:
        error.args = (joined(str(error.args[0]), text), *error.args[1:])
    return error


def _outcome(error: MiMoError, http: Any) -> Outcome:
    """Return how an attempt ended for a budget, by its error."""
    if isinstance(error, MiMoAPIError):
        return "refused" if error.status_code >= 300 else "unknown"
    if isinstance(error, MiMoTimeoutError) and error.limit == "connect":
        return "unsent"
    if isinstance(error, MiMoInputError):
        return "refused"
    return "unsent" if isinstance(error.__cause__, http.ConnectError) else "unknown"

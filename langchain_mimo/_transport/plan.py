"""Decides which attempts one request takes, and how long to wait between them; no I/O."""

from __future__ import annotations

import random
import time
from collections.abc import Generator
from typing import Any

import httpx2

from langchain_mimo._transport.api_request import ApiRequest
from langchain_mimo._transport.attempt import Attempt
from langchain_mimo._transport.clients import ClientSettings
from langchain_mimo._transport.error_hints import ErrorContext
from langchain_mimo._transport.logs import log_retry, logger
from langchain_mimo._transport.request_body import RequestBody
from langchain_mimo._transport.retries import shared_backoff
from langchain_mimo._transport.timeouts import AttemptTimer
from langchain_mimo.errors import MiMoError, MiMoTimeoutError


class Plan:
    """What all attempts of one request share, and the generator that decides about retries.

    Attributes:
        api_request: The request.
        body: Its body, to be opened before the first attempt and disposed of after the last.
        attempts: Number of attempts that have begun.
    """

    __slots__ = ("api_request", "attempts", "body", "context", "http", "settings", "started", "url")

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

    def attempt(self) -> Attempt:
        """Start an attempt."""
        self.attempts += 1
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

    def steps(self) -> Generator[float | None, None, None]:
        """Yield the seconds to wait, or None to send; the driver throws the failure to send in.

        Raises:
            MiMoError: The failure, if it is not retried; also if the wait would exceed the `total`
                limit.
        """
        policy = self.api_request.retry
        host = self.url.netloc.decode("ascii")
        backoff = shared_backoff(host, self.api_request.key())
        waited, failure = 0.0, None
        while True:
            pause = backoff.wait(random.random(), policy.retry_after_cap)  # noqa: S311
            if policy.max_retries and pause:
                self._check_total(pause, failure)
                logger.info("waiting %.1f s after a 429 of %s to this key", pause, host)
                waited += pause
                yield pause
            failure = None  # its traceback holds this frame
            try:
                yield None
            except MiMoError as error:
                delay = policy.delay(self.attempts, error, random.random())  # noqa: S311
                backoff.learn(error, policy)
                error.attempts, error.waited = self.attempts, waited
                if delay is None:
                    raise
                self._check_total(delay, error)
                log_retry(host, self.attempts, policy.max_retries + 1, error, delay)
                waited, failure = waited + delay, error
                yield delay

    def _check_total(self, pause: float, error: MiMoError | None) -> None:
        """Raise now if the `total` limit would cut the wait short anyway."""
        total = self.api_request.timeouts.total
        if total is None or time.monotonic() + pause < self.started + total:
            return
        raise error or MiMoTimeoutError("total", total, host=self.url.host, held_back=pause)

"""Log lines for the logger `langchain_mimo`: INFO for retries, DEBUG for requests.

A WARNING says that a sync call blocks an event loop.

No line contains a message, a header's value, a key, media, or the query of a URL, and no text of a
server. The package configures nothing: a program that wants the lines sets the level.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Mapping

import httpx2

from langchain_mimo._checks import is_first, program_frame
from langchain_mimo._redaction import redact
from langchain_mimo._transport.error_hints import ErrorContext
from langchain_mimo._transport.response_head import request_id
from langchain_mimo.errors import MiMoAPIError, MiMoError

logger = logging.getLogger("langchain_mimo")
logger.addHandler(logging.NullHandler())

_NAME_LIMIT = 200
"""Bytes of a path and of a model id that are logged."""


class AttemptLog:
    """The DEBUG lines of one attempt; created only if they are wanted."""

    __slots__ = ("_secrets", "_started", "_what")

    def __init__(self, number: int, url: httpx2.URL, context: ErrorContext, size: int) -> None:
        """Log that an attempt begins.

        Args:
            number: Number of the attempt, starting at 1.
            url: Where the request goes; its query and user name are not logged.
            context: What is known about the request.
            size: Bytes of its body.
        """
        self._secrets = context.secrets
        self._started = time.monotonic()
        place = f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"
        self._what = f"POST {redact(place, self._secrets, _NAME_LIMIT)}, attempt {number}"
        model = redact(context.model, self._secrets, _NAME_LIMIT) or "none"
        logger.debug("%s: sending %d bytes, model %s", self._what, size, model)

    def end(
        self,
        status: int,
        headers: Mapping[str, str],
        *,
        received: int = 0,
        events: int = 0,
        outcome: str = "",
    ) -> None:
        """Log that the attempt has ended.

        Args:
            status: HTTP status; 0 if no response arrived.
            headers: Headers of the response.
            received: Bytes of its body that were read.
            events: Events of a stream that were read.
            outcome: Class of the error, or "closed early"; "" if nothing went wrong.
        """
        found = request_id(headers, None, self._secrets)
        facts = (
            f"status {status}" if status else "no response",
            f"{received} bytes" if received else "",
            f"{events} events" if events else "",
            f"request id {found}" if found else "",
            outcome,
        )
        seconds = time.monotonic() - self._started
        logger.debug("%s: %s, %.3f s", self._what, ", ".join(filter(None, facts)), seconds)


def log_blocked_loop() -> None:
    """Log, once per line of the program, that a sync call blocks the event loop of its thread.

    Notebooks run every cell in an event loop, where a sync call is no mistake.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    place, _ = program_frame()
    if "IPython" not in sys.modules and is_first(f"blocked event loop, {place}"):
        logger.warning(
            "%s: this sync call blocks the running event loop until it ends; use ainvoke or "
            "astream, or run it with asyncio.to_thread",
            place,
        )


def log_retry(host: str, number: int, most: int, error: MiMoError, delay: float) -> None:
    """Log that a failed attempt will be retried.

    Args:
        host: Host and port of the server.
        number: Number of the attempt that failed, starting at 1.
        most: Largest number of attempts.
        error: Its error, of which only class, status and Retry-After are logged.
        delay: Seconds until the next attempt.
    """
    status = f" (status {error.status_code})" if isinstance(error, MiMoAPIError) else ""
    logger.info(
        "attempt %d of %d to %s failed: %s%s; next attempt in %.1f s",
        *(number, most, host, type(error).__name__, status, delay),
    )

"""Time limits: connect, first event, idle, total; and the watch that holds a call to them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, fields
from typing import Self

from langchain_mimo.errors import MiMoConfigurationError, MiMoTimeoutError

DRAIN_SECONDS = 0.2
"""How long the end of a stream is waited for after `[DONE]`, so that its connection can serve the
next call; after that the connection is dropped."""

_FOREVER = 10.0**7
"""Seconds that stand for "no limit" where a number is needed; four months."""


@dataclass(frozen=True, slots=True)
class MiMoTimeouts:
    """How long a call may wait, in seconds; None is for ever.

    MiMo's models think for minutes before they answer, and stream their thoughts while they do:
    a limit on the silence between events says more than one on the whole answer.

    Attributes:
        connect: For the connection: name look-up, TCP and TLS together.
        first_event: From the end of the request to the first event of a stream, or to the end of
            an answer that is not streamed. While the request's body is sent it starts anew with
            each slice that the connection takes.
        idle: Between two events of a stream. Comments and pings do not count as events, thoughts
            do. Time that the caller spends on an event is not counted.
        total: For the whole call, waits and retries included.
    """

    connect: float | None = 10.0
    first_event: float | None = 900.0
    idle: float | None = 300.0
    total: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is not a time.

        Raises:
            MiMoConfigurationError: A limit is not a positive, finite number or None.
        """
        for each in fields(self):
            value = getattr(self, each.name)
            if value is None:
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and math.isfinite(value) and value > 0):
                raise MiMoConfigurationError(
                    f"The time limit {each.name!r} must be a positive number of seconds or None "
                    f"(no limit), not {value!r}."
                )

    @classmethod
    def of(cls, value: MiMoTimeouts | float | None) -> MiMoTimeouts:
        """Read what a user may give as `timeout`.

        Args:
            value: Limits; or seconds n, meaning connect, first_event and idle n each and no
                total; or None for the defaults.

        Returns:
            The limits.

        Raises:
            MiMoConfigurationError: It is none of these.
        """
        if value is None:
            return cls()
        if isinstance(value, MiMoTimeouts):
            return value
        return cls(connect=value, first_event=value, idle=value, total=None)


class Deadline(float):
    """A time limit that httpx2 carries to the socket and that can move while it is on its way.

    To any HTTP client it is a plain number of seconds. Our own network backends
    (`transport.deadlines`) recognise it and wait until `at` instead.

    Attributes:
        at: Moment of `time.monotonic()` at which waiting ends.
        latest: Moment that `at` never passes, whatever the limit.
    """

    __slots__ = ("at", "latest")

    at: float
    latest: float

    def __new__(cls, seconds: float | None, latest: float = math.inf) -> Self:
        """Make one of `seconds` (None: for ever), which begins to count now."""
        deadline = super().__new__(cls, _FOREVER if seconds is None else min(seconds, _FOREVER))
        deadline.latest = latest
        deadline.restart()
        return deadline

    def restart(self, seconds: float | None = None) -> None:
        """Begin to count now; by default as many seconds as at first."""
        self.at = min(time.monotonic() + (self if seconds is None else seconds), self.latest)

    def remaining(self) -> float:
        """Seconds left; zero or less when it has passed."""
        return self.at - time.monotonic()


class Watch:
    """Holds one attempt of a call to its limits; does no waiting itself.

    Attributes:
        connect: Limit for the connection; whoever begins to connect restarts it.
        deadline: Limit for the next bytes to be written or read.
        events: Events that arrived.
        received: Bytes of the answer's body that arrived.
    """

    __slots__ = ("_idle", "_limits", "_phase", "connect", "deadline", "events", "received")

    def __init__(self, limits: MiMoTimeouts, call_started: float) -> None:
        latest = math.inf if limits.total is None else call_started + limits.total
        self._limits = limits
        self._idle = _FOREVER if limits.idle is None else limits.idle
        self._phase = "first_event"
        self.events = 0
        self.received = 0
        self.connect = Deadline(limits.connect, latest)
        self.deadline = Deadline(limits.first_event, latest)

    def httpx_timeouts(self) -> dict[str, float | None]:
        """Return the limits as httpx2's "timeout" extension wants them; the pool has none."""
        deadline = self.deadline
        return {"connect": self.connect, "read": deadline, "write": deadline, "pool": None}

    def longest_silence(self) -> float:
        """Seconds that a client which cannot tell events from bytes may wait for bytes."""
        return min(max(self.deadline, self._idle), max(0.001, self.deadline.latest - _now()))

    def got_events(self) -> None:
        """Events arrived and were dealt with: the silence begins now."""
        self._phase = "idle"
        self.deadline.restart(self._idle)

    def soon(self, seconds: float) -> None:
        """Only an end is waited for that should be there already."""
        self.deadline.restart(seconds)

    def check(self, host: str) -> None:
        """Raise if the limit in force has expired.

        Raises:
            MiMoTimeoutError: It has.
        """
        if self.deadline.at <= _now():
            raise self.error(host)

    def error(self, host: str, *, connecting: bool = False) -> MiMoTimeoutError:
        """Return the error for an expiry that was just noticed.

        Args:
            host: Host that was waited for.
            connecting: Whether the connection was still being made.
        """
        limit = "connect" if connecting else self._phase
        if self.deadline.latest <= _now() + _CLOCK_GRAIN:
            limit = "total"
        return MiMoTimeoutError(
            limit,
            getattr(self._limits, limit) or 0.0,
            host=host,
            events=self.events,
            received=self.received,
        )


_now = time.monotonic

_CLOCK_GRAIN = 0.01
"""Seconds by which timers of the system may ring early."""

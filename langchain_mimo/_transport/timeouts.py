"""Time limits: connect, first event, idle, total; and the timer that enforces them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, fields
from typing import Self

from langchain_mimo._checks import number, shown
from langchain_mimo.errors import MiMoConfigurationError, MiMoTimeoutError

DRAIN_SECONDS = 0.2
"""How long to wait after `[DONE]` for the end of a stream, so that its connection can be reused;
after that the connection is dropped."""

_FOREVER = 10.0**7
"""Seconds that stand for "no limit" where a number is needed; four months."""


def _positive_seconds(name: str, value: object) -> float:
    try:
        seconds = number(name, value, 0)
    except ValueError:
        seconds = 0
    if not seconds:
        raise MiMoConfigurationError(
            f"time limit {name!r} must be a number of seconds > 0, or None for no limit, "
            f"got {shown(value)}"
        )
    return seconds


@dataclass(frozen=True, slots=True)
class MiMoTimeouts:
    """How long a call may wait, in seconds; None means no limit.

    MiMo's models may reason for minutes before they answer, and stream their reasoning meanwhile:
    a limit on the silence between events is more useful than one on the whole response.

    Attributes:
        connect: Time to connect: name look-up, TCP and TLS together.
        first_event: Time from the end of the request to the first event of a stream, or to the
            end of a response that is not streamed. While the request's body is being sent, it
            restarts with each slice that the connection accepts.
        idle: Time between two events of a stream. Reasoning counts as events; comments and pings
            do not. Time that the caller spends on an event is not counted.
        total: Time for the whole call, including waits and retries.
    """

    connect: float | None = 10.0
    first_event: float | None = 900.0
    idle: float | None = 300.0
    total: float | None = None

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            MiMoConfigurationError: A limit is neither a positive, finite number nor None.
        """
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None:
                object.__setattr__(self, each.name, _positive_seconds(each.name, value))

    @classmethod
    def of(cls, value: MiMoTimeouts | float | None) -> MiMoTimeouts:
        """Return the limits for a `timeout` argument.

        Args:
            value: Limits; or a number of seconds for each of connect, first_event and idle, with
                no total; or None for the defaults.

        Raises:
            MiMoConfigurationError: The value is none of these.
        """
        if value is None:
            return _DEFAULTS
        if isinstance(value, MiMoTimeouts):
            return value
        return cls(connect=value, first_event=value, idle=value, total=None)


_DEFAULTS = MiMoTimeouts()


class Deadline(float):
    """A time limit that httpx2 carries to the socket, and that can move on its way there.

    To any HTTP client it is a plain number of seconds. Our own network backends
    (`_transport.deadline_backend`) recognise it and wait until `at` instead.

    Attributes:
        at: Time, on the clock of `time.monotonic()`, at which waiting ends.
        latest: Time that `at` never passes, whatever the limit.
    """

    __slots__ = ("at", "latest")

    at: float
    latest: float

    def __new__(cls, seconds: float | None, latest: float = math.inf) -> Self:
        """Start a deadline that is `seconds` (None: no limit) from now."""
        deadline = super().__new__(cls, _FOREVER if seconds is None else min(seconds, _FOREVER))
        deadline.latest = latest
        deadline.restart()
        return deadline

    def restart(self, seconds: float | None = None) -> None:
        """Move the deadline to `seconds` from now; to its initial number of seconds by default."""
        self.at = min(time.monotonic() + (self if seconds is None else seconds), self.latest)

    def remaining(self) -> float:
        """Return the seconds left; zero or less when it has passed."""
        return self.at - time.monotonic()


class AttemptTimer:
    """Tracks which limit applies to one attempt, and when it expires; it does no waiting itself.

    Attributes:
        connect: Deadline to connect; the network backend restarts it when it begins to connect.
        deadline: Deadline for the next bytes to be written or read.
        events: Number of events received.
        received: Bytes of the response's body received.
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

    def timeout_extension(self) -> dict[str, float | None]:
        """Return the limits as the "timeout" extension of a request; the pool has none."""
        deadline = self.deadline
        return {"connect": self.connect, "read": deadline, "write": deadline, "pool": None}

    def longest_silence(self) -> float:
        """Return how long a client that cannot tell events from bytes may wait for bytes."""
        return min(max(self.deadline, self._idle), max(0.001, self.deadline.latest - _now()))

    def restart_idle(self) -> None:
        """Start the idle limit: the caller has handled the events received so far."""
        self._phase = "idle"
        self.deadline.restart(self._idle)

    def expire_in(self, seconds: float) -> None:
        """Wait no longer than `seconds` from now: the rest should already be there."""
        self.deadline.restart(seconds)

    def check(self, host: str) -> None:
        """Raise if the current limit has expired.

        Raises:
            MiMoTimeoutError: The limit has expired.
        """
        if self.deadline.at <= _now():
            raise self.error(host)

    def error(self, host: str, *, connecting: bool = False) -> MiMoTimeoutError:
        """Return the error for a limit that has just expired.

        Args:
            host: Host that did not respond in time.
            connecting: Whether it expired while connecting.
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
"""Seconds by which timers of the operating system may fire early."""

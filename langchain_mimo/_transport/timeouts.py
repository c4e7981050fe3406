"""Time limits: connect, first event, idle, total; and the timer that enforces them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias, TypeGuard

from langchain_mimo._checks import known_arguments, number, shown, warn_once
from langchain_mimo.errors import (
    MiMoConfigurationError,
    MiMoTimeoutError,
    as_configuration_error,
)

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


@known_arguments(MiMoConfigurationError)
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
    def of(cls, value: TimeoutArgument | None) -> MiMoTimeouts:
        """Return the limits for a `timeout` argument.

        Args:
            value: Limits; or a number of seconds for each of connect, first_event and idle, with
                no total; or None for the defaults; or what `read_timeout` converts.

        Raises:
            MiMoConfigurationError: The value is none of these.
        """
        if value is None:
            return _DEFAULTS
        if isinstance(value, MiMoTimeouts):
            return value
        with as_configuration_error():
            limits = read_timeout(value)
        if isinstance(limits, MiMoTimeouts):
            return limits
        return cls(connect=limits, first_event=limits, idle=limits, total=None)


_DEFAULTS = MiMoTimeouts()


class HttpTimeout(Protocol):
    """What this package reads of an `httpx2.Timeout` or `httpx.Timeout`."""

    @property
    def connect(self) -> float | None:
        """Seconds to connect."""

    @property
    def read(self) -> float | None:
        """Seconds between two packets of the response."""

    @property
    def write(self) -> float | None:
        """Seconds between two packets of the request."""

    @property
    def pool(self) -> float | None:
        """Seconds to wait for a connection."""


if TYPE_CHECKING:
    TimeoutArgument: TypeAlias = float | MiMoTimeouts | HttpTimeout
else:
    TimeoutArgument: TypeAlias = float | MiMoTimeouts
"""What `ChatMiMo(timeout=...)` takes; `read_timeout` converts the client's own."""


def read_timeout(value: object) -> float | MiMoTimeouts | None:
    """Return a `timeout` argument as a number of seconds, limits, or None for the defaults.

    Args:
        value: One of these; a dict of limits, as serialized models have it; or the `Timeout` of
            httpx2 or httpx. Its `connect` is our `connect`, and its `read`, the silence that it
            allows, our `first_event` and `idle`; None is no limit. `write` has no equal, since
            `first_event` limits each slice of the request that is sent, and no call waits for a
            connection of a `pool`; a warning says so where they differ from `read`.

    Raises:
        ValueError: It is none of these, or a limit is not a positive number.
    """
    if value is None or isinstance(value, MiMoTimeouts):
        return value
    try:
        if isinstance(value, Mapping):
            return MiMoTimeouts(**value)
        if _is_http_timeout(value):
            return _from_http(value)
    except MiMoConfigurationError as error:
        raise ValueError(f"timeout: {error}") from None
    try:
        seconds = number("timeout", value, 0)
    except ValueError:
        seconds = 0
    if not seconds:
        raise ValueError(
            "timeout must be a number of seconds > 0, MiMoTimeouts(...), httpx2.Timeout(...) or "
            f"None for the defaults, got {shown(value)}"
        )
    return seconds


def _is_http_timeout(value: object) -> TypeGuard[HttpTimeout]:
    kind = type(value)
    is_of_client = kind.__module__.partition(".")[0] in ("httpx", "httpx2")
    return kind.__name__ == "Timeout" and is_of_client


def _from_http(limits: HttpTimeout) -> MiMoTimeouts:
    if not limits.read == limits.write == limits.pool:
        warn_once(
            "ChatMiMo has no limits 'write' and 'pool' as the timeout passed has: while a request "
            "is sent, the limit for 'read' holds, and no call waits for a connection. "
            "MiMoTimeouts(connect=..., first_event=..., idle=..., total=...) sets each limit."
        )
    return MiMoTimeouts(connect=limits.connect, first_event=limits.read, idle=limits.read)


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

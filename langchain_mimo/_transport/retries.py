"""Whether a failed call is sent again, and how long to wait before: pure, and tested as such."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass

from langchain_mimo.errors import (
    MiMoAPIError,
    MiMoBalanceError,
    MiMoConfigurationError,
    MiMoConnectionError,
    MiMoError,
    MiMoInvalidResponseError,
    MiMoQuotaError,
    MiMoRateLimitError,
    MiMoTimeoutError,
)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What is sent again after a failure.

    Sent again: too many requests (429), 500, 502, 503, 504 and their like, 408, 409, 425, a
    connection that cannot be made or breaks before the first event, the `connect` limit, and the
    400 behind which MiMo hides an outage ("Connection refused", demand.md B15). Not sent again:
    everything else, among it 401, 402, 403, 421, a used-up quota, other 400s, and the limits
    `first_event`, `idle` and `total`: a model that was slow once has been paid for, and would be
    again. Nothing is sent again once the first event of a stream has been given out.

    Attributes:
        max_retries: Attempts after the first; 0 for none.
        initial_delay: Seconds, the longest first wait; it doubles with each attempt.
        max_delay: Seconds, the longest wait of our own choosing.
        retry_after_cap: Seconds, the longest wait that a server's Retry-After can ask for, of the
            call that was told as of all others with the same key at the same host: one 429 slows
            them all, but those with `max_retries` 0.
        retry_upstream_funds: Whether the 402 "Upstream request failed: Insufficient account
            funds", which MiMo also gives to quick bursts on a Token Plan, is sent again.
    """

    max_retries: int = 2
    initial_delay: float = 0.5
    max_delay: float = 8.0
    retry_after_cap: float = 60.0
    retry_upstream_funds: bool = False

    def __post_init__(self) -> None:
        """Refuse what is not a number of retries, or not a time.

        Raises:
            MiMoConfigurationError: A value is of the wrong type, negative or not finite.
        """
        retries = self.max_retries
        if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
            raise MiMoConfigurationError(
                f"max_retries must be a whole number from 0 on, not {retries!r}."
            )
        for name in ("initial_delay", "max_delay", "retry_after_cap"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and math.isfinite(value) and value >= 0):
                raise MiMoConfigurationError(
                    f"{name} must be a number of seconds from 0 on, not {value!r}."
                )

    def delay(self, attempt: int, error: BaseException, random: float) -> float | None:
        """Decide about one failure.

        Args:
            attempt: Which attempt failed, from 1.
            error: How.
            random: A number from 0 to 1 to spread callers apart (full jitter).

        Returns:
            Seconds to wait before the next attempt, or None to give up.
        """
        if attempt > self.max_retries or not self.retries(error):
            return None
        longest = min(self.max_delay, self.initial_delay * 2.0 ** (min(attempt, 64) - 1))
        asked = self.asked(error)
        if asked is None:
            return random * longest
        # A tenth more at most, so that all who were told the same do not come back at once.
        return asked + random * min(longest, asked / 10)

    def asked(self, error: BaseException) -> float | None:
        """Return the seconds that the server asked to wait, capped, or None if it did not."""
        asked = error.retry_after if isinstance(error, MiMoAPIError) else None
        return None if asked is None else min(asked, self.retry_after_cap)

    def retries(self, error: BaseException) -> bool:
        """Tell whether an error is of a kind that is sent again."""
        match error:
            case MiMoTimeoutError():
                return error.limit == "connect"
            case MiMoBalanceError():
                upstream = "upstream request failed" in error.message.lower()
                return self.retry_upstream_funds and upstream
            case MiMoInvalidResponseError():
                return False
            case MiMoConnectionError() | MiMoAPIError():
                return error.is_retryable
            case _:
                return False


class Backoff:
    """What one 429 teaches all callers with the same key and host: to wait before they send.

    One per key and host in a process, shared by threads and event loops. A caller that is told
    never to retry does not wait either.
    """

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = 0.0

    def learn(self, error: MiMoError, policy: RetryPolicy) -> None:
        """Note that the server asked to slow down: for as long as it says, or a first wait."""
        if isinstance(error, MiMoRateLimitError) and not isinstance(error, MiMoQuotaError):
            asked = policy.asked(error)
            delay = policy.initial_delay if asked is None else asked
            self._until = max(self._until, time.monotonic() + delay)

    def wait(self, random: float, cap: float = math.inf) -> float:
        """Return the seconds to wait before sending, spread a little by `random` (0 to 1).

        Args:
            random: A number from 0 to 1.
            cap: The longest wait that this caller allows a server to ask for.
        """
        left = min(self._until - time.monotonic(), cap)
        return left * (1 + random / 10) if left > 0 else 0.0


_backoffs: dict[int, Backoff] = {}
_lock = threading.Lock()
_MANY = 1000


def shared_backoff(host: str, key: str) -> Backoff:
    """Return the back-off of everyone who uses this key at this host.

    Args:
        host: Host of the API, and its port where the address names one.
        key: The key; only its hash is kept.
    """
    name = hash((host, key))
    backoff = _backoffs.get(name)
    if backoff is None:
        with _lock:
            if len(_backoffs) >= _MANY:
                for old in [old for old, each in _backoffs.items() if not each.wait(0.0)]:
                    del _backoffs[old]
            backoff = _backoffs.setdefault(name, Backoff())
    return backoff

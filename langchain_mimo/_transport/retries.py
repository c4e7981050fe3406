"""Decides whether a failed request is retried, and after how long; no I/O."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from langchain_mimo._checks import integer, known_arguments, number
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
    as_configuration_error,
)

if TYPE_CHECKING:
    from langchain_mimo._transport.gates import Call, Wait

DEFAULT_MAX_RETRIES = 2


@known_arguments(MiMoConfigurationError)
@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Which failures are retried, and after how long.

    Retried: too many requests (429); 500, 502, 503, 504 and other 5xx; 408, 409, 425; a connection
    that fails or breaks before the first event; the `connect` limit; and the 400 "Connection
    refused" with which MiMo reports an outage (docs/api-facts.md). Not retried: everything else,
    including 401, 402, 403, moderation (421), risk control (441), an exhausted quota (429, or 409
    for a request with web search), other 400s, and the limits `first_event`, `idle` and `total`:
    the slow attempt has been paid for, and so would the next one. Nothing is retried once the first
    event of a stream has been yielded.

    Attributes:
        max_retries: Number of attempts after the first; 0 for none. Default: that of the model,
            which is its `max_retries`, then MIMO_MAX_RETRIES, then 2.
        initial_delay: Longest delay before the first retry, in seconds; it doubles with each
            attempt.
        max_delay: Longest delay, in seconds, unless the server sends Retry-After.
        retry_after_cap: Longest delay, in seconds, that a server's Retry-After can cause. It
            applies to all calls with the same key and host: one 429 slows all of them down, except
            those with `max_retries` 0.
        retry_upstream_funds: Whether to retry the 402 "Upstream request failed: Insufficient
            account funds", with which MiMo also rejects bursts of requests on a Token Plan.
    """

    max_retries: int | None = None
    initial_delay: float = 0.5
    max_delay: float = 8.0
    retry_after_cap: float = 60.0
    retry_upstream_funds: bool = False

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            MiMoConfigurationError: A value has the wrong type, or is negative or not finite.
        """
        with as_configuration_error():
            checked: dict[str, float] = {}
            if self.max_retries is not None:
                checked["max_retries"] = integer("max_retries", self.max_retries, 0)
            for name in ("initial_delay", "max_delay", "retry_after_cap"):
                checked[name] = number(name, getattr(self, name), 0)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def most_attempts(self) -> int:
        """Number of attempts, with the first."""
        return 1 + (DEFAULT_MAX_RETRIES if self.max_retries is None else self.max_retries)

    def delay(self, attempt: int, error: BaseException, random: float) -> float | None:
        """Decide whether to retry.

        Args:
            attempt: Number of the attempt that failed, starting at 1.
            error: Its error.
            random: A number from 0 to 1 that spreads callers apart (full jitter).

        Returns:
            Seconds to wait before the next attempt, or None for no retry.
        """
        if attempt >= self.most_attempts or not self.retries(error):
            return None
        longest = min(self.max_delay, self.initial_delay * 2.0 ** (min(attempt, 64) - 1))
        asked = self.asked(error)
        if asked is None:
            return random * longest
        # Up to a tenth more, so that callers with the same Retry-After do not return at once.
        return asked + random * min(longest, asked / 10)

    def asked(self, error: BaseException) -> float | None:
        """Return the seconds that the server asked to wait, up to the cap; None if it did not."""
        asked = error.retry_after if isinstance(error, MiMoAPIError) else None
        return None if asked is None else min(asked, self.retry_after_cap)

    def pause(self, error: MiMoError) -> float | None:
        """Return how long all callers wait after an error: after a 429 only, else None.

        It is as long as the server asks, else the initial delay.
        """
        if not isinstance(error, MiMoRateLimitError) or isinstance(error, MiMoQuotaError):
            return None
        asked = self.asked(error)
        return self.initial_delay if asked is None else asked

    def retries(self, error: BaseException) -> bool:
        """Tell whether an error is retried at all."""
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


@lru_cache(maxsize=64)
def policy_of(policy: RetryPolicy | None, max_retries: int) -> RetryPolicy:
    """Return the policy of a model, with the model's `max_retries` if it has no number itself."""
    if policy is None:
        return RetryPolicy(max_retries=max_retries)
    if policy.max_retries is None:
        return replace(policy, max_retries=max_retries)
    return policy


class Backoff:
    """Makes all callers with the same key and host wait after one of them got a 429.

    It is a gate without tickets. There is one per key and host in a process, shared by threads and
    event loops.
    """

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = 0.0

    def admit(self, call: Call) -> Generator[Wait, None, None] | None:
        """Return the wait before sending, if there is one; callers that never retry have none."""
        return self._held_back(call) if self._until > time.monotonic() else None

    def _held_back(self, call: Call) -> Generator[Wait, None, None]:
        if pause := self.wait(random.random(), call.longest_pause):  # noqa: S311
            yield pause, None

    def pause(self, seconds: float, call: Call | None = None) -> None:  # noqa: ARG002
        """Start the wait after a 429."""
        self._until = max(self._until, time.monotonic() + seconds)

    def wait(self, spread: float, cap: float = math.inf) -> float:
        """Return the seconds to wait before sending.

        Args:
            spread: A number from 0 to 1 that sets callers apart.
            cap: Longest wait that the caller allows.
        """
        left = min(self._until - time.monotonic(), cap)
        return left * (1 + spread / 10) if left > 0 else 0.0


_backoffs: dict[int, Backoff] = {}
_lock = threading.Lock()
_MANY = 1000


def shared_backoff(host: str, key: str) -> Backoff:
    """Return the back-off shared by all users of a key at a host.

    Args:
        host: Host of the API, with its port if the URL has one.
        key: The key; only its hash is stored.
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

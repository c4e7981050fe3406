"""Which failures are retried, and after how long; nothing here sleeps."""

import json

import pytest
from api_requests import error_body
from hypothesis import given
from hypothesis import strategies as st

from langchain_mimo._transport import retries
from langchain_mimo._transport.error_hints import ErrorContext
from langchain_mimo._transport.error_responses import error_from_response
from langchain_mimo._transport.retries import Backoff, RetryPolicy, shared_backoff
from langchain_mimo.errors import (
    MediaError,
    MiMoConfigurationError,
    MiMoConnectionError,
    MiMoIncompleteStreamError,
    MiMoTimeoutError,
)


def error_response(status, message="x", param="", **headers):
    body = json.dumps({"error": {"code": str(status), "message": message, "param": param}})
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_from_response(status, names, body.encode(), ErrorContext())


@pytest.mark.parametrize(
    ("error", "is_retried"),
    [
        *(
            (error_response(status), True)
            for status in (408, 409, 425, 429, 500, 502, 503, 504, 529)
        ),
        *(
            (error_response(status), False)
            for status in (400, 401, 402, 403, 404, 405, 413, 421, 422, 441)
        ),
        *((error_response(status), False) for status in (501, 505)),
        (error_response(429, "quota exhausted"), False),
        (error_from_response(409, {}, b"", ErrorContext(searches=True)), False),
        (error_from_response(400, {}, error_body(441), ErrorContext()), False),
        (error_response(400, "finishConnect(..) failed: Connection refused: x"), True),
        (error_response(400, "Param Incorrect", "Connection refused"), True),
        (error_response(402, "Upstream request failed: Insufficient account funds"), False),
        (error_response(503, retry_after="1"), True),
        (MiMoConnectionError("reset"), True),
        (MiMoConnectionError("certificate", is_retryable=False), False),
        (MiMoTimeoutError("connect", 1), True),
        (MiMoTimeoutError("first_event", 1), False),
        (MiMoTimeoutError("idle", 1), False),
        (MiMoTimeoutError("total", 1), False),
        (MiMoIncompleteStreamError("page"), False),
        (MediaError("changed"), False),
        (MiMoConfigurationError("x"), False),
        (RuntimeError("x"), False),
    ],
    ids=lambda value: f"{type(value).__name__} {value}"[:60],
)
def test_which_failures_are_retried(error, is_retried):
    assert (RetryPolicy().delay(1, error, 0.5) is not None) is is_retried


def test_bursts_on_a_plan_are_retried_if_the_policy_says_so():
    policy = RetryPolicy(retry_upstream_funds=True)
    assert (
        policy.delay(1, error_response(402, "Upstream request failed: Insufficient"), 0.5)
        is not None
    )
    assert policy.delay(1, error_response(402, "Insufficient account balance"), 0.5) is None


def test_the_number_of_retries_is_limited():
    error = error_response(503)
    assert [RetryPolicy(max_retries=2).delay(n, error, 1) is None for n in (1, 2, 3)] == [
        False,
        False,
        True,
    ]
    assert RetryPolicy(max_retries=0).delay(1, error, 1) is None


def test_delays_double_up_to_the_longest():
    policy = RetryPolicy(max_retries=99, initial_delay=0.5, max_delay=8)
    waits = [policy.delay(n, error_response(500), 1.0) for n in range(1, 8)]
    assert waits == [0.5, 1, 2, 4, 8, 8, 8]
    assert policy.delay(99, error_response(500), 1.0) == 8
    assert policy.delay(3, error_response(500), 0.0) == 0


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"retry_after": "1"}, 1, 1.1),
        ({"retry_after_ms": "250"}, 0.25, 0.275),
        ({"retry_after": "3600"}, 60, 66),
        ({"retry_after": "0"}, 0, 0),
        ({"retry_after": "nonsense"}, 0, 0.5),
        ({"retry_after": "Fri, 09 Oct 2099 12:00:30 GMT"}, 60, 66),
        ({"retry_after": "Fri, 09 Oct 1999 12:00:30 GMT"}, 0, 0),
    ],
)
def test_retry_after_is_respected_up_to_a_cap(headers, least, most):
    error = error_response(429, **headers)
    assert RetryPolicy().delay(1, error, 0.0) == least
    assert RetryPolicy().delay(1, error, 1.0) <= most


@given(
    attempt=st.integers(1, 10**6),
    random=st.floats(0, 1),
    asked=st.one_of(st.none(), st.floats(0, 10**9)),
)
def test_no_delay_is_longer_than_the_policy_says(attempt, random, asked):
    policy = RetryPolicy(max_retries=10**6)
    error = error_response(429)
    error.retry_after = asked
    wait = policy.delay(attempt, error, random)
    assert 0 <= wait <= policy.retry_after_cap + policy.max_delay


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(retries.time, "monotonic", clock)
    return clock


def test_one_429_delays_all_callers_for_a_while(clock):
    backoff = Backoff()
    assert backoff.wait(0.5) == 0
    backoff.pause(4.0)
    assert 4.0 <= backoff.wait(0.5) <= 4.4
    assert backoff.wait(0.0, cap=1.5) == 1.5
    backoff.pause(1.0)
    assert backoff.wait(0.0) == 4.0
    clock.now += 5
    assert backoff.wait(1.0) == 0


def test_a_429_pauses_all_callers_as_long_as_the_server_asks_or_for_the_initial_delay():
    policy = RetryPolicy(initial_delay=0.5, retry_after_cap=60.0)
    assert policy.pause(error_response(429, retry_after="4")) == 4.0
    assert policy.pause(error_response(429, retry_after="4000")) == 60.0
    assert policy.pause(error_response(429)) == 0.5


@pytest.mark.parametrize(
    "error", [error_response(503), error_response(429, "quota exhausted"), error_response(400)]
)
def test_other_errors_delay_no_other_caller(error):
    error.retry_after = 4.0
    assert RetryPolicy().pause(error) is None


def test_the_back_off_is_shared_by_host_and_key_and_stores_no_key():
    one = shared_backoff("a.example", "Bearer sk-canary-1")
    assert shared_backoff("a.example", "Bearer sk-canary-1") is one
    assert shared_backoff("a.example", "Bearer sk-canary-2") is not one
    assert shared_backoff("b.example", "Bearer sk-canary-1") is not one
    assert shared_backoff("a.example:8123", "Bearer sk-canary-1") is not one
    assert "canary" not in repr(retries._backoffs)


def test_old_back_offs_are_forgotten(monkeypatch):
    monkeypatch.setattr(retries, "_MANY", 5)
    monkeypatch.setattr(retries, "_backoffs", {})
    shared_backoff("slow.example", "k").pause(50.0)
    for n in range(50):
        shared_backoff(f"{n}.example", "k")
    assert len(retries._backoffs) <= 6
    assert shared_backoff("slow.example", "k").wait(0.0) > 0


@pytest.mark.parametrize(
    "values",
    [
        {"max_retries": -1},
        {"max_retries": "2"},
        {"max_retries": True},
        {"initial_delay": -1},
        {"max_delay": float("nan")},
        {"retry_after_cap": float("inf")},
        {"retry_after_cap": "60"},
    ],
)
def test_invalid_policies_are_rejected(values):
    name = next(iter(values))
    with pytest.raises(MiMoConfigurationError, match=f"^{name} must be an? (integer|number) >= 0"):
        RetryPolicy(**values)

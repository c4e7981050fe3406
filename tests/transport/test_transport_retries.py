"""What the transport retries, and how long it waits: the sync and the async shell do the same."""

import pickle

import httpx2
import pytest
from api_requests import KEY, api_request, error_body, parts

from langchain_mimo._transport import MiMoTimeouts, RetryPolicy
from langchain_mimo._transport import plan as plan_module
from langchain_mimo._transport import transport as transport_module
from langchain_mimo.errors import (
    MiMoAPIError,
    MiMoAuthenticationError,
    MiMoConnectionError,
    MiMoContentFilterError,
    MiMoError,
    MiMoRateLimitError,
    MiMoRedirectError,
    MiMoTimeoutError,
)

TRANSIENT = {
    "503": lambda: httpx2.Response(503),
    "429": lambda: httpx2.Response(429, content=error_body(429, "Too many requests")),
    "outage as 400": lambda: httpx2.Response(
        400, content=b"data:" + error_body(400, "finishConnect(..) failed: Connection refused: x")
    ),
    "refused": lambda: httpx2.ConnectError("refused"),
    "connect timeout": lambda: httpx2.ConnectTimeout("late"),
    "reset": lambda: httpx2.ReadError("reset"),
    "hung up": lambda: httpx2.RemoteProtocolError(
        "Server disconnected without sending a response."
    ),
    "write": lambda: httpx2.WriteError("broken pipe"),
}


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
@pytest.mark.parametrize("streamed", [False, True])
def test_transient_faults_are_retried(shell, fault, streamed):
    def handler(n, request):
        return fault() if n <= 2 else httpx2.Response(200, content=b'data: {"a":1}\n\n')

    side = shell(handler)
    result = side.stream(api_request()) if streamed else [side.request(api_request())]
    assert result == [{"a": 1}]
    assert len(side.sent) == 3
    bodies = {r.read() if side.sync else r.content for r in side.sent}
    assert bodies == {b'{"model":"m"}'}


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
@pytest.mark.parametrize("retries", [0, 1])
def test_retries_are_limited(shell, fault, retries):
    side = shell(lambda n, request: fault())
    policy = RetryPolicy(max_retries=retries, initial_delay=0.0)
    with pytest.raises((MiMoAPIError, MiMoConnectionError, MiMoTimeoutError)) as caught:
        side.request(api_request(retry=policy))
    assert len(side.sent) == 1 + retries
    assert caught.value.is_retryable


LASTING = {
    "401": (lambda: httpx2.Response(401, content=error_body(401)), MiMoAuthenticationError),
    "421": (
        lambda: httpx2.Response(421, content=b"data:" + error_body(421)),
        MiMoContentFilterError,
    ),
    "read timeout": (lambda: httpx2.ReadTimeout("late"), MiMoTimeoutError),
    "redirect": (
        lambda: httpx2.Response(307, headers={"location": "https://evil.example/x?k=secret"}),
        MiMoRedirectError,
    ),
    "error in a 200": (
        lambda: httpx2.Response(200, content=b"data:" + error_body(421) + b"\n\n"),
        MiMoContentFilterError,
    ),
    "plain error in a 200": (
        lambda: httpx2.Response(200, content=error_body(401)),
        MiMoAuthenticationError,
    ),
}


@pytest.mark.parametrize("row", LASTING.values(), ids=LASTING)
@pytest.mark.parametrize("streamed", [False, True])
def test_lasting_faults_are_raised_at_once(shell, row, streamed):
    fault, cls = row
    side = shell(lambda n, request: fault())
    with pytest.raises(cls) as caught:
        (side.stream if streamed else side.request)(api_request())
    assert len(side.sent) == 1
    assert KEY not in repr(caught.value) + str(caught.value)


def test_a_redirect_is_not_followed_even_by_a_client_that_would(shell):
    side = shell(
        lambda n, request: httpx2.Response(307, headers={"location": "https://evil.example/"})
    )
    client = side.transport._client or side.transport._async_client
    client.follow_redirects = True
    with pytest.raises(MiMoRedirectError, match=r"evil\.example"):
        side.request(api_request())
    assert [request.url.host for request in side.sent] == ["api.example"]


def test_an_error_as_the_first_event_is_retried(shell):
    first = b": ping\n\ndata:" + error_body(429, "Too many requests") + b"\n\n"

    def handler(n, request):
        return httpx2.Response(200, content=first if n == 1 else b'data: {"a":1}\n\n')

    side = shell(handler)
    assert side.stream(api_request()) == [{"a": 1}]
    assert len(side.sent) == 2


@pytest.mark.parametrize("before", [b"", b": ping\n\n", b'data: {"a"'])
def test_a_cut_before_the_first_event_is_retried(shell, before):
    def handler(n, request):
        if n == 1:
            return httpx2.Response(200, stream=parts(before, httpx2.ReadError("cut")))
        return httpx2.Response(200, content=b'data: {"a":1}\n\n')

    side = shell(handler)
    assert side.stream(api_request()) == [{"a": 1}]
    assert len(side.sent) == 2


def test_waits_follow_the_policy(shell, monkeypatch):
    waits = []

    async def asleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr(transport_module.time, "sleep", waits.append)
    monkeypatch.setattr(transport_module.asyncio, "sleep", asleep)
    monkeypatch.setattr(plan_module.random, "random", lambda: 1.0)

    def handler(n, request):
        headers = {"retry-after-ms": "1500"} if n == 1 else {}
        return httpx2.Response(503 if n <= 2 else 200, headers=headers, json={})

    side = shell(handler)
    assert side.request(api_request(retry=RetryPolicy(max_retries=2, initial_delay=2.0))) == {}
    assert waits == [pytest.approx(1.65), 4.0]


NO_TIME = r"The next wait of {} s would pass total=5 s; raise it with timeout=MiMoTimeouts\(total="


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_beyond_the_total_limit_is_not_started(shell, status):
    side = shell(lambda n, request: httpx2.Response(status, headers={"retry-after": "30"}))
    with pytest.raises(MiMoAPIError, match=NO_TIME.format(r"3\d\.\d")) as caught:
        side.request(api_request(url=f"https://s{status}.example", timeouts=MiMoTimeouts(total=5)))
    assert len(side.sent) == 1
    assert "max_retries" not in str(caught.value)


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
def test_an_error_whose_retries_total_ends_advises_to_raise_it(shell, fault, monkeypatch):
    """Its delays, not Retry-After, pass the limit; the sentence stays when it is pickled."""
    monkeypatch.setattr(plan_module.random, "random", lambda: 1.0)
    side = shell(lambda n, request: fault())
    policy = RetryPolicy(max_retries=9, initial_delay=6.0)
    request = api_request(url="https://total.example", retry=policy, timeouts=MiMoTimeouts(total=5))
    with pytest.raises(MiMoError, match=NO_TIME.format(r"6\.0")) as caught:
        side.request(request)
    assert len(side.sent) == 1
    assert "max_retries" not in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert str(caught.value).endswith("MiMoTimeouts(total=...).")


def test_one_429_makes_another_caller_wait(shell, monkeypatch):
    waits = []
    monkeypatch.setattr(transport_module.time, "sleep", waits.append)

    async def asleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr(transport_module.asyncio, "sleep", asleep)
    url = "https://slow.example/v1"
    limited = shell(lambda n, request: httpx2.Response(429, headers={"retry-after": "20"}))
    with pytest.raises(MiMoRateLimitError):
        limited.request(api_request(url=url, retry=RetryPolicy(max_retries=0)))
    fine = shell(lambda n, request: httpx2.Response(200, json={}))
    never = RetryPolicy(max_retries=0)
    fine.request(api_request(url=url, retry=never))
    fine.request(api_request(url=url, headers={"api-key": "another"}))
    assert waits == []
    fine.request(api_request(url=url))
    assert len(waits) == 1
    assert waits[0] > 19
    plan_module.shared_backoff("slow.example", f"Bearer {KEY}")._until = 0


def test_the_error_for_a_wait_beyond_total_names_its_reason(shell):
    url = "https://busy.example/v1"
    limited = shell(lambda n, request: httpx2.Response(429, headers={"retry-after": "20"}))
    with pytest.raises(MiMoRateLimitError):
        limited.request(api_request(url=url, retry=RetryPolicy(max_retries=0)))
    fine = shell(lambda n, request: httpx2.Response(200, json={}))
    with pytest.raises(
        MiMoTimeoutError, match=r"'total' of 1 s .* earlier 429 from busy\.example.*; change it"
    ):
        fine.request(api_request(url=url, timeouts=MiMoTimeouts(total=1)))
    plan_module.shared_backoff("busy.example", f"Bearer {KEY}")._until = 0

"""Calls over a mock of httpx2's transport: the same verdicts from both shells."""

import asyncio
import json
import logging

import httpx2
import pytest

from langchain_mimo._media.references import DeferredMedia, LocalFile, MediaReference
from langchain_mimo._transport import Call, MiMoTimeouts, RetryPolicy, Transport
from langchain_mimo._transport import transport as flow_module
from langchain_mimo.errors import (
    MediaError,
    MiMoAPIError,
    MiMoAuthenticationError,
    MiMoConfigurationError,
    MiMoConnectionError,
    MiMoContentFilterError,
    MiMoIncompleteStreamError,
    MiMoInvalidResponseError,
    MiMoRateLimitError,
    MiMoRedirectError,
    MiMoServerError,
    MiMoTimeoutError,
)

KEY = "sk-canary-canary-canary"
FAST = RetryPolicy(max_retries=2, initial_delay=0.0)
SSE = {"content-type": "text/event-stream"}


class Shell:
    """One of the two shells, as plain functions."""

    def __init__(self, kind, handler):
        self.sent = []

        def seen(request):
            self.sent.append(request)
            answer = handler(len(self.sent), request)
            if isinstance(answer, Exception):
                raise answer
            return answer

        mock = httpx2.MockTransport(seen)
        self.sync = kind == "sync"
        if self.sync:
            self.transport = Transport(http_client=httpx2.Client(transport=mock))
        else:
            self.transport = Transport(http_async_client=httpx2.AsyncClient(transport=mock))

    def request(self, call):
        if self.sync:
            return self.transport.request(call)
        return asyncio.run(self.transport.arequest(call))

    def stream(self, call, events=None):
        events = [] if events is None else events
        if self.sync:
            for event in self.transport.stream(call):
                events.append(event)
            return events

        async def run():
            async for event in self.transport.astream(call):
                events.append(event)

        asyncio.run(run())
        return events


@pytest.fixture(params=["sync", "async"])
def shell(request):
    return lambda handler: Shell(request.param, handler)


def call(tree=None, url="https://api.example/v1/chat/completions", headers=None, **options):
    options.setdefault("retry", FAST)
    headers = {"Authorization": f"Bearer {KEY}"} if headers is None else headers
    return Call(url, headers, tree or {"model": "m"}, **options)


def error_body(code, message="x", param=""):
    return json.dumps({"error": {"code": str(code), "message": message, "param": param}}).encode()


def parts(*chunks):
    """A body that comes in chunks, and breaks where one of them is an exception."""

    class Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        def __iter__(self):
            for chunk in chunks:
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk

        async def __aiter__(self):
            for chunk in self:
                yield chunk

    return Body()


def test_a_call_goes_out_whole_and_its_answer_comes_back(shell):
    side = shell(lambda n, request: httpx2.Response(200, json={"id": "1"}))
    assert side.request(call({"model": "m", "x": [1]})) == {"id": "1"}
    request = side.sent[0]
    assert request.method == "POST"
    assert json.loads(request.read() if side.sync else request.content) == {"model": "m", "x": [1]}
    assert request.headers["content-length"] == "21"
    assert request.headers["host"] == "api.example"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == f"Bearer {KEY}"


def test_events_come_in_order_until_done(shell):
    body = b'data: {"a":1}\n\n: ping\n\ndata:{"a":2}\n\ndata: [DONE]\n\ndata: {"a":3}\n\n'
    side = shell(lambda n, request: httpx2.Response(200, headers=SSE, content=body))
    assert side.stream(call()) == [{"a": 1}, {"a": 2}]
    assert side.sent[0].headers["accept"] == "text/event-stream"
    assert side.sent[0].headers["accept-encoding"] == "identity"


def test_a_stream_without_done_ends_where_the_server_ends_it(shell):
    side = shell(lambda n, request: httpx2.Response(200, content=b'data: {"a":1}\n\ndata: {"a":2}'))
    assert side.stream(call()) == [{"a": 1}, {"a": 2}]


def test_the_key_may_stand_in_headers_of_the_users_client(shell):
    side = shell(lambda n, request: httpx2.Response(200, json={}))
    client = side.transport._client or side.transport._async_client
    client.headers["x-corporate"] = "yes"
    headers = {"api-key": KEY, "User-Agent": "me", "Content-Length": "7"}
    side.request(call(headers=headers))
    assert side.sent[0].headers["content-length"] == "13"
    assert side.sent[0].headers["x-corporate"] == "yes"
    assert side.sent[0].headers["api-key"] == KEY
    assert side.sent[0].headers["user-agent"] == "me"


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
def test_what_passes_is_tried_again(shell, fault, streamed):
    def handler(n, request):
        return fault() if n <= 2 else httpx2.Response(200, content=b'data: {"a":1}\n\n')

    side = shell(handler)
    result = side.stream(call()) if streamed else [side.request(call())]
    assert result == [{"a": 1}]
    assert len(side.sent) == 3
    bodies = {r.read() if side.sync else r.content for r in side.sent}
    assert bodies == {b'{"model":"m"}'}


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
@pytest.mark.parametrize("retries", [0, 1])
def test_attempts_end(shell, fault, retries):
    side = shell(lambda n, request: fault())
    policy = RetryPolicy(max_retries=retries, initial_delay=0.0)
    with pytest.raises((MiMoAPIError, MiMoConnectionError, MiMoTimeoutError)) as caught:
        side.request(call(retry=policy))
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
def test_what_does_not_pass_is_raised_at_once(shell, row, streamed):
    fault, cls = row
    side = shell(lambda n, request: fault())
    with pytest.raises(cls) as caught:
        (side.stream if streamed else side.request)(call())
    assert len(side.sent) == 1
    assert KEY not in repr(caught.value) + str(caught.value)


def test_a_redirect_is_not_followed_even_by_a_client_that_would(shell):
    side = shell(
        lambda n, request: httpx2.Response(307, headers={"location": "https://evil.example/"})
    )
    client = side.transport._client or side.transport._async_client
    client.follow_redirects = True
    with pytest.raises(MiMoRedirectError, match=r"evil\.example"):
        side.request(call())
    assert [request.url.host for request in side.sent] == ["api.example"]


def test_an_error_as_the_first_event_is_tried_again(shell):
    first = b": ping\n\ndata:" + error_body(429, "Too many requests") + b"\n\n"

    def handler(n, request):
        return httpx2.Response(200, content=first if n == 1 else b'data: {"a":1}\n\n')

    side = shell(handler)
    assert side.stream(call()) == [{"a": 1}]
    assert len(side.sent) == 2


@pytest.mark.parametrize("together", [True, False])
def test_an_error_after_the_first_event_is_raised_after_the_events_before_it(shell, together):
    pieces = [b'data: {"a":1}\n\n', b"data:" + error_body(429) + b"\n\n", b'data: {"a":2}\n\n']
    if together:
        pieces = [b"".join(pieces)]
    side = shell(lambda n, request: httpx2.Response(200, stream=parts(*pieces)))
    events = []
    with pytest.raises(MiMoRateLimitError):
        side.stream(call(), events)
    assert events == [{"a": 1}]
    assert len(side.sent) == 1


@pytest.mark.parametrize("before", [b"", b": ping\n\n", b'data: {"a"'])
def test_a_cut_before_the_first_event_is_tried_again(shell, before):
    def handler(n, request):
        if n == 1:
            return httpx2.Response(200, stream=parts(before, httpx2.ReadError("cut")))
        return httpx2.Response(200, content=b'data: {"a":1}\n\n')

    side = shell(handler)
    assert side.stream(call()) == [{"a": 1}]
    assert len(side.sent) == 2


def test_a_cut_after_the_first_event_is_not(shell):
    cut = httpx2.RemoteProtocolError("peer closed connection")
    side = shell(
        lambda n, request: httpx2.Response(200, stream=parts(b'data: {"a":1}\n\ndata: {', cut))
    )
    events = []
    with pytest.raises(MiMoConnectionError, match="after 1 events"):
        side.stream(call(), events)
    assert events == [{"a": 1}]
    assert len(side.sent) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<!doctype html><title>Welcome</title>", "'Welcome'"),
        (b"", "empty body"),
        (b'{"id":"1","choices":[]}', "choices"),
        (b"garbage \xff\x00", "garbage"),
        (b": ping\n\n: ping\n\n", "ping"),
        (b'data: {"path": "/a', "path"),
    ],
)
def test_what_is_no_stream_is_said_to_be_none(shell, body, said):
    side = shell(lambda n, request: httpx2.Response(200, content=body))
    with pytest.raises(MiMoIncompleteStreamError, match=said):
        side.stream(call())
    assert len(side.sent) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"1", b'{"cut": ', b"\xff"])
def test_an_answer_that_is_no_object_is_an_error(shell, body):
    side = shell(lambda n, request: httpx2.Response(200, content=body))
    with pytest.raises(MiMoInvalidResponseError):
        side.request(call())
    assert len(side.sent) == 1


def test_an_answer_with_half_a_surrogate_pair_is_read(shell):
    side = shell(lambda n, request: httpx2.Response(200, content=b'{\n"a": "\\ud83d"}'))
    assert side.request(call()) == {"a": "\ud83d"}


@pytest.mark.parametrize(
    "value",
    ["sk-canary\n", " sk-canary", "sk-canary ", "sk-canáry", "sk-ca\x00nary", "sk-\r\nx: canary"],
)
def test_a_header_that_cannot_be_sent_is_named_and_not_shown(shell, value):
    side = shell(lambda n, request: httpx2.Response(200, json={}))
    with pytest.raises(MiMoConfigurationError, match="api-key") as caught:
        side.request(call(headers={"api-key": value}))
    error = caught.value
    assert "canary" not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert side.sent == []


@pytest.mark.parametrize("url", ["ftp://x/", "x/v1", "https://", "http://[::1/", "/v1"])
def test_an_address_that_is_none_is_a_mistake_of_configuration(shell, url):
    with pytest.raises(MiMoConfigurationError, match="base_url"):
        shell(lambda n, request: None).request(call(url=url))


def test_a_closed_client_of_the_users_is_named(shell):
    side = shell(lambda n, request: None)
    if side.sync:
        side.transport._client.close()
    else:
        asyncio.run(side.transport._async_client.aclose())
    with pytest.raises(MiMoConfigurationError, match="client given has been closed"):
        side.request(call())


def test_media_that_may_not_be_opened_stop_the_call_before_it_is_sent(shell):
    leaf = DeferredMedia(MediaReference("image", LocalFile("/etc/passwd"), None, 2, 1))
    side = shell(lambda n, request: httpx2.Response(200, json={}))
    with pytest.raises(MediaError, match=r"messages\[2\], block 1"):
        side.request(call({"a": leaf}))
    assert side.sent == []


def test_waits_are_those_of_the_policy(shell, monkeypatch):
    waits = []

    async def asleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr(flow_module.time, "sleep", waits.append)
    monkeypatch.setattr(flow_module.asyncio, "sleep", asleep)
    monkeypatch.setattr(flow_module.random, "random", lambda: 1.0)

    def handler(n, request):
        headers = {"retry-after-ms": "1500"} if n == 1 else {}
        return httpx2.Response(503 if n <= 2 else 200, headers=headers, json={})

    side = shell(handler)
    assert side.request(call(retry=RetryPolicy(max_retries=2, initial_delay=2.0))) == {}
    assert waits == [pytest.approx(1.65), 4.0]


def test_a_wait_beyond_the_total_limit_is_not_begun(shell):
    side = shell(lambda n, request: httpx2.Response(503, headers={"retry-after": "30"}))
    with pytest.raises(MiMoServerError):
        side.request(call(timeouts=MiMoTimeouts(total=5)))
    assert len(side.sent) == 1


def test_one_429_makes_another_caller_wait(shell, monkeypatch):
    waits = []
    monkeypatch.setattr(flow_module.time, "sleep", waits.append)

    async def asleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr(flow_module.asyncio, "sleep", asleep)
    url = "https://slow.example/v1"
    limited = shell(lambda n, request: httpx2.Response(429, headers={"retry-after": "20"}))
    with pytest.raises(MiMoRateLimitError):
        limited.request(call(url=url, retry=RetryPolicy(max_retries=0)))
    fine = shell(lambda n, request: httpx2.Response(200, json={}))
    never = RetryPolicy(max_retries=0)
    fine.request(call(url=url, retry=never))
    fine.request(call(url=url, headers={"api-key": "another"}))
    assert waits == []
    fine.request(call(url=url))
    assert len(waits) == 1
    assert waits[0] > 19
    flow_module.shared_backoff("slow.example", f"Bearer {KEY}")._until = 0


def test_the_key_is_nowhere_in_logs_errors_and_their_causes(shell, caplog):
    caplog.set_level(logging.DEBUG)

    def handler(n, request):
        if n == 1:
            return httpx2.ConnectError("refused")
        return httpx2.Response(401, content=error_body(401, f"bad key {KEY}"))

    side = shell(handler)
    a_call = call()
    with pytest.raises(MiMoAuthenticationError) as caught:
        side.request(a_call)
    seen = [caplog.text, repr(a_call), repr(side.transport.__dict__)]
    error = caught.value
    while error is not None:
        seen += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    assert KEY not in "".join(seen)


def test_the_cause_of_a_fault_carries_no_request(shell):
    side = shell(lambda n, request: httpx2.ConnectError("refused", request=request))
    with pytest.raises(MiMoConnectionError, match="cannot be made: refused") as caught:
        side.request(call())
    assert caught.value.__cause__._request is None


def test_a_wait_that_does_not_fit_says_what_it_waits_for(shell):
    url = "https://busy.example/v1"
    limited = shell(lambda n, request: httpx2.Response(429, headers={"retry-after": "20"}))
    with pytest.raises(MiMoRateLimitError):
        limited.request(call(url=url, retry=RetryPolicy(max_retries=0)))
    fine = shell(lambda n, request: httpx2.Response(200, json={}))
    with pytest.raises(MiMoTimeoutError, match=r"'total' of 1 s .* earlier 429 of busy\.example"):
        fine.request(call(url=url, timeouts=MiMoTimeouts(total=1)))
    flow_module.shared_backoff("busy.example", f"Bearer {KEY}")._until = 0


def test_a_401_without_a_key_says_that_none_was_sent(shell):
    side = shell(lambda n, request: httpx2.Response(401, content=error_body(401, "no")))
    with pytest.raises(MiMoAuthenticationError, match=r"No key was sent to slow\.example"):
        side.request(call(url="https://slow.example/v1", headers={}))


def test_a_header_without_a_proper_name_is_refused(shell):
    side = shell(lambda n, request: httpx2.Response(200, json={}))
    with pytest.raises(MiMoConfigurationError, match="no header's name"):
        side.request(call(headers={"X\n": "y"}))

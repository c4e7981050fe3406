"""Requests over a mock of httpx2's transport: the sync and the async shell behave the same."""

import asyncio
import json
import logging

import httpx2
import pytest

from langchain_mimo._media.references import DeferredMedia, LocalFile, MediaReference
from langchain_mimo._transport import ApiRequest, MiMoTimeouts, RetryPolicy, Transport
from langchain_mimo._transport import transport as transport_module
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
    """The sync or the async shell, as plain functions."""

    def __init__(self, kind, handler):
        self.sent = []

        def seen(request):
            self.sent.append(request)
            response = handler(len(self.sent), request)
            if isinstance(response, Exception):
                raise response
            return response

        mock = httpx2.MockTransport(seen)
        self.sync = kind == "sync"
        if self.sync:
            self.transport = Transport(http_client=httpx2.Client(transport=mock))
        else:
            self.transport = Transport(http_async_client=httpx2.AsyncClient(transport=mock))

    def request(self, api_request):
        if self.sync:
            return self.transport.request(api_request)
        return asyncio.run(self.transport.arequest(api_request))

    def stream(self, api_request, events=None):
        events = [] if events is None else events
        if self.sync:
            for event in self.transport.stream(api_request):
                events.append(event)
            return events

        async def run():
            async for event in self.transport.astream(api_request):
                events.append(event)

        asyncio.run(run())
        return events


@pytest.fixture(params=["sync", "async"])
def shell(request):
    return lambda handler: Shell(request.param, handler)


def api_request(tree=None, url="https://api.example/v1/chat/completions", headers=None, **options):
    options.setdefault("retry", FAST)
    headers = {"Authorization": f"Bearer {KEY}"} if headers is None else headers
    return ApiRequest(url, headers, tree or {"model": "m"}, **options)


def error_body(code, message="x", param=""):
    return json.dumps({"error": {"code": str(code), "message": message, "param": param}}).encode()


def parts(*chunks):
    """A body of chunks, which breaks at the first that is an exception."""

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


def test_the_body_is_sent_and_the_response_returned(shell):
    side = shell(lambda n, request: httpx2.Response(200, json={"id": "1"}))
    assert side.request(api_request({"model": "m", "x": [1]})) == {"id": "1"}
    request = side.sent[0]
    assert request.method == "POST"
    assert json.loads(request.read() if side.sync else request.content) == {"model": "m", "x": [1]}
    assert request.headers["content-length"] == "21"
    assert request.headers["host"] == "api.example"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == f"Bearer {KEY}"


def test_events_arrive_in_order_until_done(shell):
    body = b'data: {"a":1}\n\n: ping\n\ndata:{"a":2}\n\ndata: [DONE]\n\ndata: {"a":3}\n\n'
    side = shell(lambda n, request: httpx2.Response(200, headers=SSE, content=body))
    assert side.stream(api_request()) == [{"a": 1}, {"a": 2}]
    assert side.sent[0].headers["accept"] == "text/event-stream"
    assert side.sent[0].headers["accept-encoding"] == "identity"


def test_a_stream_without_done_ends_where_the_server_ends_it(shell):
    side = shell(lambda n, request: httpx2.Response(200, content=b'data: {"a":1}\n\ndata: {"a":2}'))
    assert side.stream(api_request()) == [{"a": 1}, {"a": 2}]


def test_headers_of_the_request_and_of_the_users_client_are_sent(shell):
    side = shell(lambda n, request: httpx2.Response(200, json={}))
    client = side.transport._client or side.transport._async_client
    client.headers["x-corporate"] = "yes"
    headers = {"api-key": KEY, "User-Agent": "me", "Content-Length": "7"}
    side.request(api_request(headers=headers))
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


@pytest.mark.parametrize("together", [True, False])
def test_an_error_after_the_first_event_is_raised_after_the_events_before_it(shell, together):
    pieces = [b'data: {"a":1}\n\n', b"data:" + error_body(429) + b"\n\n", b'data: {"a":2}\n\n']
    if together:
        pieces = [b"".join(pieces)]
    side = shell(lambda n, request: httpx2.Response(200, stream=parts(*pieces)))
    events = []
    with pytest.raises(MiMoRateLimitError):
        side.stream(api_request(), events)
    assert events == [{"a": 1}]
    assert len(side.sent) == 1


@pytest.mark.parametrize("before", [b"", b": ping\n\n", b'data: {"a"'])
def test_a_cut_before_the_first_event_is_retried(shell, before):
    def handler(n, request):
        if n == 1:
            return httpx2.Response(200, stream=parts(before, httpx2.ReadError("cut")))
        return httpx2.Response(200, content=b'data: {"a":1}\n\n')

    side = shell(handler)
    assert side.stream(api_request()) == [{"a": 1}]
    assert len(side.sent) == 2


def test_a_cut_after_the_first_event_is_not_retried(shell):
    cut = httpx2.RemoteProtocolError("peer closed connection")
    side = shell(
        lambda n, request: httpx2.Response(200, stream=parts(b'data: {"a":1}\n\ndata: {', cut))
    )
    events = []
    with pytest.raises(MiMoConnectionError, match="after 1 events"):
        side.stream(api_request(), events)
    assert events == [{"a": 1}]
    assert len(side.sent) == 1


@pytest.mark.parametrize(
    ("body", "described"),
    [
        (b"<!doctype html><title>Welcome</title>", "'Welcome'"),
        (b"", "empty body"),
        (b'{"id":"1","choices":[]}', "choices"),
        (b"garbage \xff\x00", "garbage"),
        (b": ping\n\n: ping\n\n", "ping"),
        (b'data: {"path": "/a', "path"),
    ],
)
def test_a_body_that_is_not_a_stream_is_described(shell, body, described):
    side = shell(lambda n, request: httpx2.Response(200, content=body))
    with pytest.raises(MiMoIncompleteStreamError, match=described):
        side.stream(api_request())
    assert len(side.sent) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"1", b'{"cut": ', b"\xff"])
def test_a_response_that_is_not_an_object_is_an_error(shell, body):
    side = shell(lambda n, request: httpx2.Response(200, content=body))
    with pytest.raises(MiMoInvalidResponseError):
        side.request(api_request())
    assert len(side.sent) == 1


def test_a_response_with_a_lone_surrogate_is_decoded(shell):
    side = shell(lambda n, request: httpx2.Response(200, content=b'{\n"a": "\\ud83d"}'))
    assert side.request(api_request()) == {"a": "\ud83d"}


@pytest.mark.parametrize(
    "value",
    ["sk-canary\n", " sk-canary", "sk-canary ", "sk-canáry", "sk-ca\x00nary", "sk-\r\nx: canary"],
)
def test_the_error_for_an_invalid_header_value_does_not_show_it(shell, value):
    side = shell(lambda n, request: httpx2.Response(200, json={}))
    with pytest.raises(MiMoConfigurationError, match="api-key") as caught:
        side.request(api_request(headers={"api-key": value}))
    error = caught.value
    assert "canary" not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert side.sent == []


@pytest.mark.parametrize("url", ["ftp://x/", "x/v1", "https://", "http://[::1/", "/v1"])
def test_an_invalid_url_is_a_configuration_error(shell, url):
    with pytest.raises(MiMoConfigurationError, match="base_url"):
        shell(lambda n, request: None).request(api_request(url=url))


def test_the_error_for_a_closed_client_of_the_users_names_it(shell):
    side = shell(lambda n, request: None)
    if side.sync:
        side.transport._client.close()
    else:
        asyncio.run(side.transport._async_client.aclose())
    with pytest.raises(MiMoConfigurationError, match=r"http_(async_)?client is closed"):
        side.request(api_request())


def test_media_that_may_not_be_opened_raise_before_anything_is_sent(shell):
    leaf = DeferredMedia(MediaReference("image", LocalFile("/etc/passwd"), None, 2, 1))
    side = shell(lambda n, request: httpx2.Response(200, json={}))
    with pytest.raises(MediaError, match=r"messages\[2\], block 1"):
        side.request(api_request({"a": leaf}))
    assert side.sent == []


def test_waits_follow_the_policy(shell, monkeypatch):
    waits = []

    async def asleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr(transport_module.time, "sleep", waits.append)
    monkeypatch.setattr(transport_module.asyncio, "sleep", asleep)
    monkeypatch.setattr(transport_module.random, "random", lambda: 1.0)

    def handler(n, request):
        headers = {"retry-after-ms": "1500"} if n == 1 else {}
        return httpx2.Response(503 if n <= 2 else 200, headers=headers, json={})

    side = shell(handler)
    assert side.request(api_request(retry=RetryPolicy(max_retries=2, initial_delay=2.0))) == {}
    assert waits == [pytest.approx(1.65), 4.0]


def test_a_wait_beyond_the_total_limit_is_not_started(shell):
    side = shell(lambda n, request: httpx2.Response(503, headers={"retry-after": "30"}))
    with pytest.raises(MiMoServerError):
        side.request(api_request(timeouts=MiMoTimeouts(total=5)))
    assert len(side.sent) == 1


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
    transport_module.shared_backoff("slow.example", f"Bearer {KEY}")._until = 0


def test_the_key_is_not_in_logs_errors_and_their_causes(shell, caplog):
    caplog.set_level(logging.DEBUG)

    def handler(n, request):
        if n == 1:
            return httpx2.ConnectError("refused")
        return httpx2.Response(401, content=error_body(401, f"bad key {KEY}"))

    side = shell(handler)
    the_request = api_request()
    with pytest.raises(MiMoAuthenticationError) as caught:
        side.request(the_request)
    seen = [caplog.text, repr(the_request), repr(side.transport.__dict__)]
    error = caught.value
    while error is not None:
        seen += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    assert KEY not in "".join(seen)


def test_the_cause_of_an_error_holds_no_request(shell):
    side = shell(lambda n, request: httpx2.ConnectError("refused", request=request))
    with pytest.raises(
        MiMoConnectionError, match=r"cannot connect to api\.example: refused"
    ) as caught:
        side.request(api_request())
    with pytest.raises(RuntimeError, match="request"):
        _ = caught.value.__cause__.request


def test_the_error_for_a_wait_beyond_total_names_its_reason(shell):
    url = "https://busy.example/v1"
    limited = shell(lambda n, request: httpx2.Response(429, headers={"retry-after": "20"}))
    with pytest.raises(MiMoRateLimitError):
        limited.request(api_request(url=url, retry=RetryPolicy(max_retries=0)))
    fine = shell(lambda n, request: httpx2.Response(200, json={}))
    with pytest.raises(MiMoTimeoutError, match=r"'total' of 1 s .* earlier 429 from busy\.example"):
        fine.request(api_request(url=url, timeouts=MiMoTimeouts(total=1)))
    transport_module.shared_backoff("busy.example", f"Bearer {KEY}")._until = 0


def test_a_401_without_a_key_says_that_none_was_sent(shell):
    side = shell(lambda n, request: httpx2.Response(401, content=error_body(401, "no")))
    with pytest.raises(MiMoAuthenticationError, match=r"No key was sent to slow\.example"):
        side.request(api_request(url="https://slow.example/v1", headers={}))


def test_an_invalid_header_name_is_a_configuration_error(shell):
    side = shell(lambda n, request: httpx2.Response(200, json={}))
    with pytest.raises(MiMoConfigurationError, match="not a valid header name"):
        side.request(api_request(headers={"X\n": "y"}))

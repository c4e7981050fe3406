"""Requests over a mock of httpx2's transport: the sync and the async shell behave the same."""

import asyncio
import json
import logging

import httpx2
import pytest
from api_requests import KEY, api_request, error_body, parts

from langchain_mimo._media.references import DeferredMedia, LocalFile, MediaReference
from langchain_mimo.errors import (
    MediaError,
    MiMoAuthenticationError,
    MiMoConfigurationError,
    MiMoConnectionError,
    MiMoIncompleteStreamError,
    MiMoInvalidResponseError,
    MiMoRateLimitError,
)

SSE = {"content-type": "text/event-stream"}


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
        (b": ping\n\n: ping\n\n", "ended before its first event"),
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
        MiMoConnectionError, match=r"cannot connect to api\.example:443: refused; check"
    ) as caught:
        side.request(api_request())
    with pytest.raises(RuntimeError, match="request"):
        _ = caught.value.__cause__.request


def test_a_401_without_a_key_says_that_none_was_sent(shell):
    side = shell(lambda n, request: httpx2.Response(401, content=error_body(401, "no")))
    with pytest.raises(MiMoAuthenticationError, match=r"No key was sent to slow\.example"):
        side.request(api_request(url="https://slow.example/v1", headers={}))


def test_an_invalid_header_name_is_a_configuration_error(shell):
    side = shell(lambda n, request: httpx2.Response(200, json={}))
    with pytest.raises(MiMoConfigurationError, match="not a valid header name"):
        side.request(api_request(headers={"X\n": "y"}))

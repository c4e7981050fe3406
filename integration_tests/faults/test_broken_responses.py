"""Responses that break at any byte: no hang, and no incomplete response that looks complete."""

import gzip
import json
import socket
import time

import pytest

from langchain_mimo._transport import RetryPolicy
from langchain_mimo.errors import (
    MiMoConnectionError,
    MiMoIncompleteStreamError,
    MiMoInvalidRequestError,
    MiMoInvalidResponseError,
    MiMoServerError,
    MiMoTimeoutError,
)

pytestmark = pytest.mark.usefixtures("nothing_hangs")

ONE = b'data: {"a":1}\n\n'
DONE = b"data: [DONE]\n\n"
NEVER = RetryPolicy(max_retries=0)


def error_body(code, message="x", param=""):
    return json.dumps({"error": {"code": str(code), "message": message, "param": param}}).encode()


STREAM = ONE + b'data:{"path": "/a/b"}\r\n\r\n: ping\n\n' + 'data: {"t":"\u2028é🐱"}\n\n'.encode()
EVENTS = [{"a": 1}, {"path": "/a/b"}, {"t": "\u2028é🐱"}]


@pytest.mark.parametrize("orderly", [True, False])
def test_a_stream_cut_at_any_byte_raises_after_the_events_before_it(
    shell, server, make_request, orderly
):
    state = {}

    def script(connection, n):
        server.take(connection)
        connection.head()
        connection.chunk(STREAM[: state["cut"]] or b"\n")
        time.sleep(0.002)
        if not orderly:
            connection.reset()

    server.script = script
    for cut in range(len(STREAM) + 1):
        state["cut"] = cut
        events = []
        with pytest.raises(MiMoConnectionError):
            shell.stream(make_request(retry=NEVER), events)
        assert events == EVENTS[: len(events)]


def test_a_stream_that_just_ends_inside_an_event_raises(shell, server, make_request):
    def script(connection, n):
        server.take(connection)
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n" + ONE + b'data: {"path": "/a')

    server.script = script
    events = []
    with pytest.raises(MiMoIncompleteStreamError, match="middle of an event"):
        shell.stream(make_request(), events)
    assert events == [{"a": 1}]


def test_a_stream_in_packets_of_one_byte_is_read(shell, server, make_request):
    def script(connection, n):
        server.take(connection)
        connection.head()
        for byte in STREAM + DONE:
            connection.chunk(bytes([byte]))
        connection.end()

    server.script = script
    assert shell.stream(make_request()) == EVENTS


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    "fault",
    ["no response", "reset", "half a head", "not HTTP", "cut body", "endless head"],
)
def test_faults_before_the_first_event_are_retried(shell, server, make_request, fault, streamed):
    def script(connection, n):
        server.take(connection)
        if n > 2:
            connection.respond(ONE if streamed else b'{"a": 1}')
        elif fault == "reset":
            connection.reset()
        elif fault == "half a head":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-")
        elif fault == "not HTTP":
            connection.send(b"\x16\x03\x01 SSH-2.0-nonsense\r\n\r\n")
        elif fault == "cut body":
            connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a": 1}')
        elif fault == "endless head":
            connection.send(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 40_000)

    server.script = script
    api_request = make_request()
    assert (shell.stream(api_request) if streamed else [shell.request(api_request)]) == [{"a": 1}]
    assert len(server.requests) == 3
    assert len({body for _, body in server.requests}) == 1


@pytest.mark.parametrize("streamed", [True, False])
def test_such_faults_become_a_typed_error_after_the_retries(shell, server, make_request, streamed):
    server.script = lambda connection, n: server.take(connection)
    with pytest.raises(MiMoConnectionError) as caught:
        (shell.stream if streamed else shell.request)(make_request())
    assert caught.value.is_retryable
    assert len(server.requests) == 3


def test_nothing_listens(shell, make_request):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        with pytest.raises(MiMoConnectionError, match="cannot connect to"):
            shell.request(make_request(f"http://127.0.0.1:{port}/v1"))


def test_a_name_without_address(shell, make_request):
    with pytest.raises((MiMoConnectionError, MiMoTimeoutError)):
        shell.request(make_request("http://nowhere.invalid/v1", retry=NEVER))


def test_a_response_compressed_wrongly(shell, server, make_request):
    def script(connection, n):
        server.take(connection)
        connection.respond(b"not gzip", "200 OK", "Content-Encoding: gzip")

    server.script = script
    with pytest.raises(MiMoConnectionError, match="not compressed as its headers say"):
        shell.request(make_request())
    assert len(server.requests) == 1


@pytest.mark.parametrize("streamed", [True, False])
def test_compressed_responses(shell, server, make_request, streamed):
    def script(connection, n):
        server.take(connection)
        body = gzip.compress(ONE if streamed else b'{"a": 1}')
        connection.respond(body, "200 OK", "Content-Encoding: gzip")

    server.script = script
    api_request = make_request()
    assert (shell.stream(api_request) if streamed else [shell.request(api_request)]) == [{"a": 1}]


@pytest.mark.parametrize(
    ("body", "streamed", "error"),
    [
        (b"<html><title>Hotel WiFi</title>" + b"x" * 100_000, True, MiMoIncompleteStreamError),
        (b"<html><title>Hotel WiFi</title>", False, MiMoInvalidResponseError),
        (b"\x00\xff" * 5000, True, MiMoIncompleteStreamError),
        (b"\x00\xff" * 5000, False, MiMoInvalidResponseError),
        (b"", True, MiMoIncompleteStreamError),
        (b"", False, MiMoInvalidResponseError),
        (error_body(503), True, MiMoServerError),
        (error_body(503), False, MiMoServerError),
        (ONE + b"data: {{{\n\n", True, MiMoIncompleteStreamError),
        (ONE + b"data: Internal Server Error\n\n", True, MiMoIncompleteStreamError),
        (ONE + b"data: " + error_body(500) + b"\n\n", True, MiMoServerError),
    ],
)
def test_responses_of_another_kind(shell, server, make_request, body, streamed, error):
    def script(connection, n):
        server.take(connection)
        connection.respond(body)

    server.script = script
    with pytest.raises(error) as caught:
        (shell.stream if streamed else shell.request)(make_request(retry=NEVER))
    assert len(str(caught.value)) < 1000


def test_an_error_while_the_body_is_still_being_sent(shell, server, make_request):
    def script(connection, n):
        connection.sock.recv(1000)
        connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.sock.shutdown(socket.SHUT_WR)
        connection.seconds_until_closed()

    server.script = script
    with pytest.raises((MiMoInvalidRequestError, MiMoConnectionError)):
        shell.request(make_request(tree={"x": "y" * 20_000_000}, retry=NEVER))

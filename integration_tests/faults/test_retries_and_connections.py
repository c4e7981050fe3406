"""Retries, redirects, connections that are reused, and logs, over real sockets."""

import email.utils
import json
import logging
import threading
import time

import pytest
from server_scripts import ONE, keep_alive

from langchain_mimo._transport import Transport
from langchain_mimo.errors import MiMoInvalidRequestError, MiMoRedirectError, MiMoServerError

pytestmark = pytest.mark.usefixtures("nothing_hangs")


def error_body(code, message="x", param=""):
    return json.dumps({"error": {"code": str(code), "message": message, "param": param}}).encode()


# Responses that ask to wait


@pytest.mark.parametrize(
    ("headers", "least"),
    [
        (["Retry-After: 1"], 0.99),
        (["Retry-After: 0.3"], 0.29),
        (["Retry-After-Ms: 300"], 0.29),
        (["Retry-After: DATE"], 0.5),
        (["Retry-After: soon"], 0),
        ([], 0),
    ],
)
def test_retry_after_is_respected(shell, server, make_request, headers, least):
    def script(connection, n):
        while server.take(connection):
            if len(server.requests) == 1:
                date = email.utils.formatdate(time.time() + 2, usegmt=True)
                sent = [header.replace("DATE", date) for header in headers]
                connection.respond(error_body(429, "Too many requests"), "429 Too Many", *sent)
            else:
                connection.respond()

    server.script = script
    assert shell.request(make_request()) == {"a": 1}
    assert server.times[1] - server.times[0] >= least


def test_one_429_delays_all_callers_with_the_same_key(server, make_request):
    def script(connection, n):
        while server.take(connection):
            if len(server.requests) == 1:
                connection.respond(b"", "429 Too Many", "Retry-After-Ms: 700")
            else:
                connection.respond()

    server.script = script
    transport = Transport()
    first = threading.Thread(target=transport.request, args=(make_request(),))
    first.start()
    while not server.requests:
        time.sleep(0.01)
    time.sleep(0.1)
    others = [
        threading.Thread(target=Transport().request, args=(make_request(),)) for _ in range(5)
    ]
    for thread in others:
        thread.start()
    for thread in (first, *others):
        thread.join(5)
    assert len(server.times) == 7
    assert min(server.times[1:]) - server.times[0] >= 0.65


@pytest.mark.parametrize("status", ["500 x", "502 x", "503 x", "504 x", "529 x", "408 x", "409 x"])
def test_servers_that_recover(shell, server, make_request, status):
    def script(connection, n):
        while server.take(connection):
            if len(server.requests) <= 2:
                connection.respond(b"<html>oops</html>", status)
            else:
                connection.respond()

    server.script = script
    assert shell.request(make_request()) == {"a": 1}
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(shell, server, other_server, make_request, status):
    def script(connection, n):
        server.take(connection)
        connection.respond(b"", f"{status} Elsewhere", f"Location: {other_server.url}?token=secret")

    server.script = script
    other_server.script = lambda connection, n: connection.respond()
    with pytest.raises(MiMoRedirectError, match=r"127\.0\.0\.1") as caught:
        shell.request(make_request())
    assert "secret" not in str(caught.value)
    assert other_server.connections == 0
    assert len(server.requests) == 1


# Connections


def test_thirty_streams_use_one_connection(shell, server, make_request):
    server.script = keep_alive(server)
    assert shell.streams(make_request(), 30) == [[{"a": 1}, {"a": 2}]] * 30
    assert server.connections == 1


def test_a_connection_that_does_not_end_after_done_is_dropped(shell, server, make_request):
    server.script = keep_alive(server, end=False)
    began = time.monotonic()
    assert shell.streams(make_request(), 3) == [[{"a": 1}, {"a": 2}]] * 3
    assert time.monotonic() - began < 3
    assert server.connections == 3


@pytest.mark.parametrize("how", ["reset on the next request", "closed while idle"])
def test_a_kept_connection_that_died_is_replaced(shell, server, make_request, how):
    def script(connection, n):
        server.take(connection)
        connection.respond(ONE)
        if n == 1 and how == "closed while idle":
            return
        if n == 1:
            connection.sock.recv(10)
            connection.reset()
            return
        while server.take(connection):
            connection.respond(ONE)

    server.script = script
    assert shell.streams(make_request(), 4) == [[{"a": 1}]] * 4
    assert server.connections == 2
    assert len(server.requests) == 4


# Secrets


@pytest.mark.parametrize(("level", "shown"), [(logging.DEBUG, True), (logging.INFO, False)])
def test_the_level_of_httpcore2_decides_whether_cookies_are_logged(
    level, shown, shell, server, make_request, caplog
):
    """What docs/logging-and-tracing.md says."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(level, logger="httpcore2")

    def script(connection, n):
        while server.take(connection):
            body = error_body(400, "no")
            connection.respond(body, "400 Bad Request\r\nset-cookie: session=secret-cookie")

    server.script = script
    with pytest.raises(MiMoInvalidRequestError):
        shell.request(make_request())
    assert ("secret-cookie" in caplog.text) is shown


def test_the_key_is_not_in_debug_logs(shell, server, make_request, caplog):
    caplog.set_level(logging.DEBUG)

    def script(connection, n):
        while server.take(connection):
            connection.respond(error_body(503, f"your key {make_request().key()}"), "503 x")

    server.script = script
    with pytest.raises(MiMoServerError) as caught:
        shell.request(make_request())
    assert "httpcore2" in caplog.text
    seen = caplog.text + str(caught.value) + repr(vars(caught.value))
    assert "canary" not in seen
    assert b"canary" in server.requests[0][0]

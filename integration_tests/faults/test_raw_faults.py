"""Faults of a real socket, byte by byte: no hang, no cut answer that looks whole."""

import email.utils
import gzip
import json
import logging
import socket
import ssl
import subprocess
import threading
import time

import httpx2
import pytest

from langchain_mimo._transport import ClientSettings, MiMoTimeouts, RetryPolicy, Transport
from langchain_mimo._transport import attempt as exchange
from langchain_mimo.errors import (
    MiMoAPIError,
    MiMoConnectionError,
    MiMoIncompleteStreamError,
    MiMoInvalidRequestError,
    MiMoInvalidResponseError,
    MiMoRedirectError,
    MiMoServerError,
    MiMoTimeoutError,
)

ONE, TWO = b'data: {"a":1}\n\n', b'data: {"a":2}\n\n'
DONE = b"data: [DONE]\n\n"
NEVER = RetryPolicy(max_retries=0)
HANG = 8.0
"""Seconds no case may take; the server would stall for 20."""


def error_body(code, message="x", param=""):
    return json.dumps({"error": {"code": str(code), "message": message, "param": param}}).encode()


@pytest.fixture(autouse=True)
def nothing_hangs():
    began = time.monotonic()
    yield
    assert time.monotonic() - began < HANG


# Answers that break


STREAM = ONE + b'data:{"path": "/a/b"}\r\n\r\n: ping\n\n' + 'data: {"t":"\u2028é🐱"}\n\n'.encode()
EVENTS = [{"a": 1}, {"path": "/a/b"}, {"t": "\u2028é🐱"}]


@pytest.mark.parametrize("orderly", [True, False])
def test_a_stream_cut_at_any_byte_raises_after_the_events_before_it(
    shell, server, make_call, orderly
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
            shell.stream(make_call(retry=NEVER), events)
        assert events == EVENTS[: len(events)]


def test_a_stream_that_just_ends_inside_an_event_raises(shell, server, make_call):
    def script(connection, n):
        server.take(connection)
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n" + ONE + b'data: {"path": "/a')

    server.script = script
    events = []
    with pytest.raises(MiMoIncompleteStreamError, match="middle of an event"):
        shell.stream(make_call(), events)
    assert events == [{"a": 1}]


def test_a_stream_in_packets_of_one_byte_is_read(shell, server, make_call):
    def script(connection, n):
        server.take(connection)
        connection.head()
        for byte in STREAM + DONE:
            connection.chunk(bytes([byte]))
        connection.end()

    server.script = script
    assert shell.stream(make_call()) == EVENTS


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    "fault",
    ["no answer", "reset", "half a head", "not HTTP", "cut body", "endless head"],
)
def test_faults_before_the_first_event_are_tried_again(shell, server, make_call, fault, streamed):
    def script(connection, n):
        server.take(connection)
        if n > 2:
            connection.whole(ONE if streamed else b'{"a": 1}')
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
    call = make_call()
    assert (shell.stream(call) if streamed else [shell.request(call)]) == [{"a": 1}]
    assert len(server.requests) == 3
    assert len({body for _, body in server.requests}) == 1


@pytest.mark.parametrize("streamed", [True, False])
def test_such_faults_end_in_a_typed_error(shell, server, make_call, streamed):
    server.script = lambda connection, n: server.take(connection)
    with pytest.raises(MiMoConnectionError) as caught:
        (shell.stream if streamed else shell.request)(make_call())
    assert caught.value.is_retryable
    assert len(server.requests) == 3


def test_nothing_listens(shell, make_call):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        with pytest.raises(MiMoConnectionError, match="cannot be made"):
            shell.request(make_call(f"http://127.0.0.1:{port}/v1"))


def test_a_name_without_address(shell, make_call):
    with pytest.raises((MiMoConnectionError, MiMoTimeoutError)):
        shell.request(make_call("http://nowhere.invalid/v1", retry=NEVER))


def test_an_answer_compressed_wrongly(shell, server, make_call):
    def script(connection, n):
        server.take(connection)
        connection.whole(b"not gzip", "200 OK", "Content-Encoding: gzip")

    server.script = script
    with pytest.raises(MiMoConnectionError, match="compressed wrongly"):
        shell.request(make_call())
    assert len(server.requests) == 1


@pytest.mark.parametrize("streamed", [True, False])
def test_answers_compressed_rightly(shell, server, make_call, streamed):
    def script(connection, n):
        server.take(connection)
        body = gzip.compress(ONE if streamed else b'{"a": 1}')
        connection.whole(body, "200 OK", "Content-Encoding: gzip")

    server.script = script
    call = make_call()
    assert (shell.stream(call) if streamed else [shell.request(call)]) == [{"a": 1}]


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
def test_answers_of_another_kind(shell, server, make_call, body, streamed, error):
    def script(connection, n):
        server.take(connection)
        connection.whole(body)

    server.script = script
    with pytest.raises(error) as caught:
        (shell.stream if streamed else shell.request)(make_call(retry=NEVER))
    assert len(str(caught.value)) < 1000


def test_an_error_while_the_body_is_still_sent(shell, server, make_call):
    def script(connection, n):
        connection.sock.recv(1000)
        connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.sock.shutdown(socket.SHUT_WR)
        connection.seconds_until_closed()

    server.script = script
    with pytest.raises((MiMoInvalidRequestError, MiMoConnectionError)):
        shell.request(make_call(tree={"x": "y" * 20_000_000}, retry=NEVER))


# Time limits


LIMITS = MiMoTimeouts(connect=0.4, first_event=0.4, idle=0.4)


def nothing(server, connection):
    server.stall()


def half_a_head(server, connection):
    connection.send(b"HTTP/1.1 200 OK\r\n")
    server.stall()


def trickling_head(server, connection):
    for byte in b"HTTP/1.1 200 OK\r\nx: " + b"y" * 500:
        connection.send(bytes([byte]))
        if server.stopping.wait(0.05):
            return


def head_only(server, connection):
    connection.head()
    server.stall()


def pings(server, connection):
    connection.head()
    while not server.stopping.wait(0.05):
        connection.chunk(b": ping\n\n")


def trickling_event(server, connection):
    connection.head()
    connection.chunk(b"data: ")
    while not server.stopping.wait(0.05):
        connection.chunk(b" ")


def trickling_body(server, connection):
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not server.stopping.wait(0.05):
        connection.send(b" ")


def then(what):
    """Give the first event, and then do something of the above without its head."""

    def script(server, connection):
        connection.head()
        connection.chunk(ONE)
        while not server.stopping.wait(0.05):
            if what is not None:
                connection.chunk(what)

    return script


TIMEOUTS = {
    "no answer": (nothing, True, "first_event", 0),
    "no whole answer": (nothing, False, "first_event", 0),
    "half a head": (half_a_head, True, "first_event", 0),
    "slow loris in the head": (trickling_head, True, "first_event", 0),
    "slow loris in the head of a whole answer": (trickling_head, False, "first_event", 0),
    "head only": (head_only, True, "first_event", 0),
    "pings only": (pings, True, "first_event", 0),
    "slow loris in the first event": (trickling_event, True, "first_event", 0),
    "slow loris in a whole answer": (trickling_body, False, "first_event", 0),
    "silence after an event": (then(None), True, "idle", 1),
    "pings after an event": (then(b": ping\n\n"), True, "idle", 1),
    "slow loris after an event": (then(b"data: x"), True, "idle", 1),
    "empty events after an event": (then(b"data:\n\n"), True, "idle", 1),
}


@pytest.mark.parametrize("row", TIMEOUTS.values(), ids=TIMEOUTS)
def test_limits_expire(shell, server, make_call, row):
    fault, streamed, limit, events = row

    def script(connection, n):
        server.take(connection)
        fault(server, connection)

    server.script = script
    began = time.monotonic()
    with pytest.raises(MiMoTimeoutError) as caught:
        (shell.stream if streamed else shell.request)(make_call(timeouts=LIMITS))
    took = time.monotonic() - began
    assert (caught.value.limit, caught.value.seconds) == (limit, 0.4)
    assert caught.value.events == events
    assert 0.39 <= took < 5
    assert server.connections == 1, "a model that was slow is not asked again"


def test_total_expires_while_events_come(shell, server, make_call):
    def script(connection, n):
        server.take(connection)
        connection.head()
        while not server.stopping.wait(0.05):
            connection.chunk(ONE)

    server.script = script
    events = []
    with pytest.raises(MiMoTimeoutError) as caught:
        shell.stream(make_call(timeouts=MiMoTimeouts(total=0.5)), events)
    assert caught.value.limit == "total"
    assert 1 <= len(events) <= 12
    assert caught.value.events == len(events)
    assert caught.value.received > 0


def test_total_counts_the_waits_between_attempts(shell, server, make_call):
    def script(connection, n):
        server.take(connection)
        connection.whole(b"", "503 Busy", "Retry-After-Ms: 200")

    server.script = script
    policy = RetryPolicy(max_retries=1000)
    with pytest.raises((MiMoServerError, MiMoTimeoutError)):
        shell.request(make_call(timeouts=MiMoTimeouts(total=0.7), retry=policy))
    assert 2 <= len(server.requests) <= 4


def test_events_at_long_intervals_within_idle_are_waited_for(shell, server, make_call):
    def script(connection, n):
        server.take(connection)
        connection.head()
        for _ in range(6):
            time.sleep(0.15)
            connection.chunk(b": ping\n\n" + ONE)
        connection.chunk(DONE)
        connection.end()

    server.script = script
    limits = MiMoTimeouts(first_event=0.7, idle=0.7)
    assert shell.stream(make_call(timeouts=limits)) == [{"a": 1}] * 6


def test_the_callers_own_time_is_not_idle(server, make_call):
    def script(connection, n):
        server.take(connection)
        connection.head()
        connection.chunk(ONE)
        time.sleep(0.1)
        connection.chunk(TWO, DONE)
        connection.end()

    server.script = script
    events = []
    for event in Transport().stream(make_call(timeouts=LIMITS)):
        events.append(event)
        time.sleep(0.6)
    assert events == [{"a": 1}, {"a": 2}]


def test_a_connection_that_is_not_accepted(shell, make_call):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        with pytest.raises(MiMoTimeoutError) as caught:
            shell.request(make_call(url, timeouts=LIMITS, retry=NEVER))
        for filler in fillers:
            filler.close()
    assert caught.value.limit == "connect"


def test_a_handshake_that_is_not_answered(shell, server, make_call):
    server.script = lambda connection, n: server.stall()
    url = server.url.replace("http://", "https://")
    with pytest.raises(MiMoTimeoutError) as caught:
        shell.request(make_call(url, timeouts=LIMITS, retry=NEVER))
    assert caught.value.limit == "connect"


def test_a_handshake_that_trickles(shell, server, make_call):
    def script(connection, n):
        connection.sock.recv(100)
        connection.send(b"\x16\x03\x03\x40\x00")
        while not server.stopping.wait(0.05):
            connection.send(b"\x02")

    server.script = script
    url = server.url.replace("http://", "https://")
    with pytest.raises(MiMoTimeoutError) as caught:
        shell.request(make_call(url, timeouts=LIMITS, retry=NEVER))
    assert caught.value.limit == "connect"


def test_a_name_server_that_is_silent(server, make_call, monkeypatch):
    known = socket.getaddrinfo

    def silent(host, *args, **options):
        if host == "slow.example":
            server.stall()
        return known(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    call = make_call("http://slow.example/v1", timeouts=LIMITS, retry=NEVER)
    with pytest.raises(MiMoTimeoutError) as caught:
        Transport(ClientSettings(trust_env=False)).request(call)
    assert caught.value.limit == "connect"


def test_a_slow_upload_that_goes_on_is_no_expiry(shell, server, make_call):
    size = 40_000_000  # several times what the system buffers for a connection

    def script(connection, n):
        received = 0
        while received < size:
            received += len(connection.sock.recv(262_144))
            time.sleep(0.01)
        connection.whole()

    server.script = script
    began = time.monotonic()
    limits = MiMoTimeouts(first_event=1.0)
    assert shell.request(make_call(tree={"x": "y" * size}, timeouts=limits)) == {"a": 1}
    assert time.monotonic() - began > 1.2


def test_an_upload_that_is_not_taken_expires(shell, server, make_call):
    def script(connection, n):
        connection.sock.recv(1000)
        server.stall()

    server.script = script
    with pytest.raises(MiMoTimeoutError) as caught:
        shell.request(make_call(tree={"x": "y" * 50_000_000}, timeouts=LIMITS, retry=NEVER))
    assert caught.value.limit == "first_event"


@pytest.mark.parametrize("trickle", [False, True])
def test_an_error_whose_body_does_not_come_is_raised_all_the_same(
    shell, server, make_call, monkeypatch, trickle
):
    monkeypatch.setattr(exchange, "ERROR_BODY_SECONDS", 0.4)

    def script(connection, n):
        server.take(connection)
        connection.send(b"HTTP/1.1 401 No\r\nContent-Length: 1000\r\n\r\n" + error_body(401)[:30])
        while not server.stopping.wait(0.05):
            if trickle:
                connection.send(b" ")

    server.script = script
    with pytest.raises(MiMoAPIError, match="401"):
        shell.request(make_call())


# Answers that ask for patience


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
def test_429_is_obeyed(shell, server, make_call, headers, least):
    def script(connection, n):
        while server.take(connection):
            if len(server.requests) == 1:
                date = email.utils.formatdate(time.time() + 2, usegmt=True)
                said = [header.replace("DATE", date) for header in headers]
                connection.whole(error_body(429, "Too many requests"), "429 Too Many", *said)
            else:
                connection.whole()

    server.script = script
    assert shell.request(make_call()) == {"a": 1}
    assert server.times[1] - server.times[0] >= least


def test_one_429_slows_all_callers_of_the_client(server, make_call):
    def script(connection, n):
        while server.take(connection):
            if len(server.requests) == 1:
                connection.whole(b"", "429 Too Many", "Retry-After-Ms: 700")
            else:
                connection.whole()

    server.script = script
    transport = Transport()
    first = threading.Thread(target=transport.request, args=(make_call(),))
    first.start()
    while not server.requests:
        time.sleep(0.01)
    time.sleep(0.1)
    others = [threading.Thread(target=Transport().request, args=(make_call(),)) for _ in range(5)]
    for thread in others:
        thread.start()
    for thread in (first, *others):
        thread.join(5)
    assert len(server.times) == 7
    assert min(server.times[1:]) - server.times[0] >= 0.65


@pytest.mark.parametrize("status", ["500 x", "502 x", "503 x", "504 x", "529 x", "408 x", "409 x"])
def test_servers_that_recover(shell, server, make_call, status):
    def script(connection, n):
        while server.take(connection):
            if len(server.requests) <= 2:
                connection.whole(b"<html>oops</html>", status)
            else:
                connection.whole()

    server.script = script
    assert shell.request(make_call()) == {"a": 1}
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(shell, server, other_server, make_call, status):
    def script(connection, n):
        server.take(connection)
        connection.whole(b"", f"{status} Elsewhere", f"Location: {other_server.url}?token=secret")

    server.script = script
    other_server.script = lambda connection, n: connection.whole()
    with pytest.raises(MiMoRedirectError, match=r"127\.0\.0\.1") as caught:
        shell.request(make_call())
    assert "secret" not in str(caught.value)
    assert other_server.connections == 0
    assert len(server.requests) == 1


# Connections


def keep_alive(server, *, done=True, end=True):
    def script(connection, n):
        while server.take(connection):
            connection.head()
            connection.chunk(ONE, TWO)
            if done:
                connection.chunk(DONE)
            time.sleep(0.005)
            if end:
                connection.end()
            else:
                server.stall()

    return script


def test_thirty_streams_use_one_connection(shell, server, make_call):
    server.script = keep_alive(server)
    assert shell.streams(make_call(), 30) == [[{"a": 1}, {"a": 2}]] * 30
    assert server.connections == 1


def test_a_connection_that_does_not_end_after_done_is_dropped(shell, server, make_call):
    server.script = keep_alive(server, end=False)
    began = time.monotonic()
    assert shell.streams(make_call(), 3) == [[{"a": 1}, {"a": 2}]] * 3
    assert time.monotonic() - began < 3
    assert server.connections == 3


@pytest.mark.parametrize("how", ["reset on the next request", "closed while idle"])
def test_a_kept_connection_that_died_is_replaced(shell, server, make_call, how):
    def script(connection, n):
        server.take(connection)
        connection.whole(ONE)
        if n == 1 and how == "closed while idle":
            return
        if n == 1:
            connection.sock.recv(10)
            connection.reset()
            return
        while server.take(connection):
            connection.whole(ONE)

    server.script = script
    assert shell.streams(make_call(), 4) == [[{"a": 1}]] * 4
    assert server.connections == 2
    assert len(server.requests) == 4


# Secrets


def test_the_key_is_in_no_log_at_debug_level(shell, server, make_call, caplog):
    caplog.set_level(logging.DEBUG)

    def script(connection, n):
        while server.take(connection):
            connection.whole(error_body(503, f"your key {make_call().key()}"), "503 x")

    server.script = script
    with pytest.raises(MiMoServerError) as caught:
        shell.request(make_call())
    assert "httpcore2" in caplog.text
    seen = caplog.text + str(caught.value) + repr(vars(caught.value))
    assert "canary" not in seen
    assert b"canary" in server.requests[0][0]


def test_a_proxy_of_the_environment_with_a_password(shell, server, make_call, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    server.script = keep_alive(server)
    monkeypatch.setenv("HTTP_PROXY", f"http://me:canary@127.0.0.1:{server.port}")
    assert len(shell.stream(make_call("http://upstream.example/v1"))) == 2
    head = server.requests[0][0]
    assert head.startswith(b"POST http://upstream.example/v1 HTTP/1.1")
    assert b"proxy-authorization: basic" in head.lower()
    assert "canary" not in caplog.text


def test_a_proxy_that_refuses(shell, server, make_call, monkeypatch):
    def script(connection, n):
        connection.sock.recv(65536)
        connection.whole(b"", "407 Proxy Authentication Required")

    server.script = script
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:canary@127.0.0.1:{server.port}")
    with pytest.raises(MiMoConnectionError, match="proxy refused") as caught:
        shell.request(make_call("https://upstream.example/v1"))
    assert "canary" not in repr(caught.value) + repr(vars(caught.value.__cause__))
    assert server.connections == 1


def test_a_proxys_tunnel_keeps_the_limits(shell, server, make_call, monkeypatch):
    def script(connection, n):
        connection.sock.recv(65536)
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        server.stall()

    server.script = script
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.port}")
    call = make_call("https://upstream.example/v1", timeouts=LIMITS, retry=NEVER)
    with pytest.raises(MiMoTimeoutError) as caught:
        shell.request(call)
    assert caught.value.limit == "connect"


def test_a_certificate_that_is_not_trusted_is_not_tried_again(shell, tls_server, make_call):
    with pytest.raises(MiMoConnectionError, match="verify=") as caught:
        shell.request(make_call(tls_server.url))
    assert not caught.value.is_retryable
    assert tls_server.connections == 1


def test_a_private_authority(tls_server, make_call, certificate):
    tls_server.script = lambda connection, n: tls_server.take(connection) and connection.whole()
    transport = Transport(ClientSettings(verify=str(certificate[0])))
    assert transport.request(make_call(tls_server.url)) == {"a": 1}
    transport.close()


# A client of the user's


def test_a_clients_own_connections_keep_the_limits_and_stay_open(server, make_call):
    server.script = keep_alive(server, end=False)
    with httpx2.Client() as client:
        transport = Transport(http_client=client)
        began = time.monotonic()
        assert list(transport.stream(make_call())) == [{"a": 1}, {"a": 2}]
        assert time.monotonic() - began < 3
        transport.close()
        assert not client.is_closed


@pytest.mark.parametrize("row", [TIMEOUTS["no answer"], TIMEOUTS["pings after an event"],
                                 TIMEOUTS["silence after an event"], TIMEOUTS["pings only"]])  # fmt: skip
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_limits_expire_with_a_client_of_the_users(server, make_call, row, kind):
    fault, _, limit, events = row

    def script(connection, n):
        server.take(connection)
        fault(server, connection)

    server.script = script
    call = make_call(timeouts=LIMITS)
    if kind == "sync":
        with httpx2.Client() as client, pytest.raises(MiMoTimeoutError) as caught:
            list(Transport(http_client=client).stream(call))
    else:
        async with httpx2.AsyncClient() as client:
            with pytest.raises(MiMoTimeoutError) as caught:
                [e async for e in Transport(http_async_client=client).astream(call)]
    assert (caught.value.limit, caught.value.events) == (limit, events)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody trusts."""
    folder = tmp_path_factory.mktemp("tls")
    wanted = "-x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext"
    subprocess.run(
        ["openssl", "req", *wanted.split(), "subjectAltName=IP:127.0.0.1",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def tls_server(server, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    plain = server._serve

    def serve(connection, n):
        try:
            connection.sock = context.wrap_socket(connection.sock, server_side=True)
        except OSError:
            return
        plain(connection, n)

    server._serve = serve
    server.url = server.url.replace("http://", "https://")
    return server

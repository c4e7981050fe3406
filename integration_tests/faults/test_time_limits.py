"""Time limits over real sockets: connect, first event, idle, total."""

import json
import socket
import time

import pytest
from server_scripts import DONE, ONE, SLOW_RESPONSES, TWO

from langchain_mimo._transport import ClientSettings, MiMoTimeouts, RetryPolicy, Transport, attempt
from langchain_mimo.errors import MiMoAPIError, MiMoServerError, MiMoTimeoutError

pytestmark = pytest.mark.usefixtures("nothing_hangs")

NEVER = RetryPolicy(max_retries=0)
LIMITS = MiMoTimeouts(connect=0.4, first_event=0.4, idle=0.4)


def error_body(code, message="x", param=""):
    return json.dumps({"error": {"code": str(code), "message": message, "param": param}}).encode()


@pytest.mark.parametrize("row", SLOW_RESPONSES.values(), ids=SLOW_RESPONSES)
def test_limits_expire(shell, server, make_request, row):
    fault, streamed, limit, events = row

    def script(connection, n):
        server.take(connection)
        fault(server, connection)

    server.script = script
    began = time.monotonic()
    with pytest.raises(MiMoTimeoutError) as caught:
        (shell.stream if streamed else shell.request)(make_request(timeouts=LIMITS))
    took = time.monotonic() - began
    assert (caught.value.limit, caught.value.seconds) == (limit, 0.4)
    assert caught.value.events == events
    assert 0.39 <= took < 5
    assert server.connections == 1, "a slow attempt is not retried"


def test_total_expires_while_events_arrive(shell, server, make_request):
    def script(connection, n):
        server.take(connection)
        connection.head()
        while not server.stopping.wait(0.05):
            connection.chunk(ONE)

    server.script = script
    events = []
    with pytest.raises(MiMoTimeoutError) as caught:
        shell.stream(make_request(timeouts=MiMoTimeouts(total=0.5)), events)
    assert caught.value.limit == "total"
    assert 1 <= len(events) <= 12
    assert caught.value.events == len(events)
    assert caught.value.received > 0


def test_total_counts_the_waits_between_attempts(shell, server, make_request):
    def script(connection, n):
        server.take(connection)
        connection.respond(b"", "503 Busy", "Retry-After-Ms: 200")

    server.script = script
    policy = RetryPolicy(max_retries=1000)
    with pytest.raises((MiMoServerError, MiMoTimeoutError)):
        shell.request(make_request(timeouts=MiMoTimeouts(total=0.7), retry=policy))
    assert 2 <= len(server.requests) <= 4


def test_events_at_long_intervals_within_idle_are_waited_for(shell, server, make_request):
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
    assert shell.stream(make_request(timeouts=limits)) == [{"a": 1}] * 6


def test_the_callers_own_time_is_not_idle(server, make_request):
    def script(connection, n):
        server.take(connection)
        connection.head()
        connection.chunk(ONE)
        time.sleep(0.1)
        connection.chunk(TWO, DONE)
        connection.end()

    server.script = script
    events = []
    for event in Transport().stream(make_request(timeouts=LIMITS)):
        events.append(event)
        time.sleep(0.6)
    assert events == [{"a": 1}, {"a": 2}]


def test_a_connection_that_is_not_accepted(shell, make_request):
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
            shell.request(make_request(url, timeouts=LIMITS, retry=NEVER))
        for filler in fillers:
            filler.close()
    assert caught.value.limit == "connect"


def test_a_handshake_without_response(shell, server, make_request):
    server.script = lambda connection, n: server.stall()
    url = server.url.replace("http://", "https://")
    with pytest.raises(MiMoTimeoutError) as caught:
        shell.request(make_request(url, timeouts=LIMITS, retry=NEVER))
    assert caught.value.limit == "connect"


def test_a_handshake_that_trickles(shell, server, make_request):
    def script(connection, n):
        connection.sock.recv(100)
        connection.send(b"\x16\x03\x03\x40\x00")
        while not server.stopping.wait(0.05):
            connection.send(b"\x02")

    server.script = script
    url = server.url.replace("http://", "https://")
    with pytest.raises(MiMoTimeoutError) as caught:
        shell.request(make_request(url, timeouts=LIMITS, retry=NEVER))
    assert caught.value.limit == "connect"


def test_a_name_server_that_does_not_respond(server, make_request, monkeypatch):
    known = socket.getaddrinfo

    def silent(host, *args, **options):
        if host == "slow.example":
            server.stall()
        return known(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    api_request = make_request("http://slow.example/v1", timeouts=LIMITS, retry=NEVER)
    with pytest.raises(MiMoTimeoutError) as caught:
        Transport(ClientSettings(trust_env=False)).request(api_request)
    assert caught.value.limit == "connect"


def test_a_slow_upload_that_makes_progress_does_not_expire(shell, server, make_request):
    size = 40_000_000  # several times what the system buffers for a connection

    def script(connection, n):
        received = 0
        while received < size:
            received += len(connection.sock.recv(262_144))
            time.sleep(0.01)
        connection.respond()

    server.script = script
    began = time.monotonic()
    limits = MiMoTimeouts(first_event=1.0)
    assert shell.request(make_request(tree={"x": "y" * size}, timeouts=limits)) == {"a": 1}
    assert time.monotonic() - began > 1.2


def test_an_upload_that_is_not_read_expires(shell, server, make_request):
    def script(connection, n):
        connection.sock.recv(1000)
        server.stall()

    server.script = script
    with pytest.raises(MiMoTimeoutError) as caught:
        shell.request(make_request(tree={"x": "y" * 50_000_000}, timeouts=LIMITS, retry=NEVER))
    assert caught.value.limit == "first_event"


@pytest.mark.parametrize("trickle", [False, True])
def test_an_error_whose_body_does_not_arrive_is_still_raised(
    shell, server, make_request, monkeypatch, trickle
):
    monkeypatch.setattr(attempt, "ERROR_BODY_SECONDS", 0.4)

    def script(connection, n):
        server.take(connection)
        connection.send(b"HTTP/1.1 401 No\r\nContent-Length: 1000\r\n\r\n" + error_body(401)[:30])
        while not server.stopping.wait(0.05):
            if trickle:
                connection.send(b" ")

    server.script = script
    with pytest.raises(MiMoAPIError, match="401"):
        shell.request(make_request())

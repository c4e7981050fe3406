"""A user's own client, of httpx2 or httpx, sync or async, over real sockets."""

import asyncio
import json
import socket
import ssl
import threading
import time

import httpx
import httpx2
import pytest
from server_scripts import DONE, ONE, SLOW_RESPONSES, TWO, keep_alive

from langchain_mimo import ChatMiMo
from langchain_mimo._transport import MiMoTimeouts, RetryPolicy, Transport
from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.errors import (
    MiMoAuthenticationError,
    MiMoConnectionError,
    MiMoError,
    MiMoTimeoutError,
)

pytestmark = pytest.mark.usefixtures("nothing_hangs")

NEVER = RetryPolicy(max_retries=0)
LIMITS = MiMoTimeouts(connect=0.4, first_event=0.4, idle=0.4)
TWO_EVENTS = [{"a": 1}, {"a": 2}]


@pytest.fixture(params=[httpx2, httpx], ids=["httpx2", "httpx"])
def http(request):
    return request.param


class Own:
    """A client of one package and kind, in a transport."""

    def __init__(self, http, is_sync, **options):
        options.setdefault("trust_env", False)
        self.is_sync = is_sync
        self.loop = None if is_sync else asyncio.new_event_loop()
        self.client = (http.Client if is_sync else http.AsyncClient)(**options)
        name = "http_client" if is_sync else "http_async_client"
        self.transport = Transport(**{name: self.client})

    def request(self, api_request):
        if self.is_sync:
            return self.transport.request(api_request)
        return self.loop.run_until_complete(self.transport.arequest(api_request))

    def stream(self, api_request, events=None):
        events = [] if events is None else events
        if self.is_sync:
            for event in self.transport.stream(api_request):
                events.append(event)
            return events

        async def run():
            async for event in self.transport.astream(api_request):
                events.append(event)

        self.loop.run_until_complete(run())
        return events

    def close(self):
        assert not self.client.is_closed, "only the user closes it"
        if self.is_sync:
            self.client.close()
        else:
            self.loop.run_until_complete(self.client.aclose())
            self.loop.close()


@pytest.fixture(params=["sync", "async"])
def own_client(request, http):
    """Create such a client, and close it at the end."""
    created = []

    def create(**options):
        created.append(Own(http, request.param == "sync", **options))
        return created[-1]

    yield create
    for own in created:
        own.close()


def test_requests_and_streams_share_a_connection(own_client, server, make_request):
    def script(connection, n):
        while server.take(connection):
            if b'"json"' in server.requests[-1][1]:
                connection.respond()
            else:
                connection.head()
                connection.chunk(ONE, TWO, DONE)
                connection.end()

    server.script = script
    own = own_client(headers={"x-corporate": "yes"})
    for _ in range(3):
        assert own.request(make_request(tree={"x": "json"})) == {"a": 1}
        assert own.stream(make_request()) == TWO_EVENTS
    assert server.connections == 1
    for head, _ in server.requests:
        assert b"x-corporate: yes" in head.lower()
        assert b"transfer-encoding" not in head.lower()
        assert head.lower().count(b"content-length:") == 1


def test_a_large_body_arrives_complete(own_client, server, make_request):
    server.script = keep_alive(server)
    tree = {"x": "é" * 3_000_000}
    assert own_client().stream(make_request(tree=tree)) == TWO_EVENTS
    assert json.loads(server.requests[0][1]) == tree


def test_a_connection_that_stays_open_after_done_is_dropped(own_client, server, make_request):
    server.script = keep_alive(server, end=False)
    own = own_client()
    start = time.monotonic()
    assert own.stream(make_request()) == TWO_EVENTS
    assert own.stream(make_request()) == TWO_EVENTS
    assert time.monotonic() - start < 3
    assert server.connections == 2


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("fault", ["no response", "reset", "half a head", "not HTTP", "cut body"])
def test_faults_before_the_first_event_are_retried(
    own_client, server, make_request, fault, streamed
):
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

    server.script = script
    own = own_client()
    assert (own.stream(make_request()) if streamed else [own.request(make_request())]) == [{"a": 1}]
    assert len(server.requests) == 3
    assert len({body for _, body in server.requests}) == 1


@pytest.mark.parametrize("orderly", [True, False])
def test_a_stream_that_breaks_raises_after_its_events(own_client, server, make_request, orderly):
    def script(connection, n):
        server.take(connection)
        connection.head()
        connection.chunk(ONE, b'data: {"a"')
        time.sleep(0.05)
        if not orderly:
            connection.reset()

    server.script = script
    events = []
    with pytest.raises(MiMoConnectionError, match="broke after 1 events") as caught:
        own_client().stream(make_request(), events)
    assert events == [{"a": 1}]
    with pytest.raises(RuntimeError, match="request"):
        _ = caught.value.__cause__.request


def test_nothing_listens(own_client, make_request):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/v1"
        with pytest.raises(MiMoConnectionError, match=r"cannot connect to 127\.0\.0\.1") as caught:
            own_client().request(make_request(url))
    assert caught.value.is_retryable


@pytest.mark.parametrize(
    "name",
    [
        *("no response to a stream request", "no response", "pings only"),
        *("pings after an event", "silence after an event"),
    ],
)
def test_limits_expire(own_client, server, make_request, name):
    script, streamed, limit, events = SLOW_RESPONSES[name]
    server.script = lambda connection, n: server.take(connection) and script(server, connection)
    own = own_client()
    request = make_request(timeouts=LIMITS)
    with pytest.raises(MiMoTimeoutError) as caught:
        own.stream(request) if streamed else own.request(request)
    assert (caught.value.limit, caught.value.events) == (limit, events)
    assert server.connections == 1


def test_the_connect_limit_expires(own_client, server, make_request):
    server.script = lambda connection, n: server.stall()
    url = server.url.replace("http://", "https://")
    with pytest.raises(MiMoTimeoutError) as caught:
        own_client().request(make_request(url, timeouts=LIMITS, retry=NEVER))
    assert caught.value.limit == "connect"


@pytest.fixture
def silent(server):
    """A server that sends one event and is silent until the client hangs up."""
    server.hung_up = []
    server.waiting = threading.Event()

    def script(connection, n):
        while server.take(connection):
            if b'"json"' in server.requests[-1][1]:
                connection.respond()
                continue
            connection.head()
            connection.chunk(ONE)
            server.waiting.set()
            server.hung_up.append(connection.seconds_until_closed())
            return

    server.script = script
    return server


def wait_for_hang_up(server):
    for _ in range(500):
        if server.hung_up:
            return server.hung_up[0]
        time.sleep(0.01)
    raise AssertionError("the connection is still open")


def test_closing_a_stream_hangs_up(own_client, silent, make_request):
    own = own_client()
    if own.is_sync:
        stream = own.transport.stream(make_request())
        assert next(stream) == {"a": 1}
        stream.close()
    else:

        async def run():
            stream = own.transport.astream(make_request())
            assert await anext(stream) == {"a": 1}
            await stream.aclose()

        own.loop.run_until_complete(run())
    assert wait_for_hang_up(silent) < 5
    assert own.request(make_request(tree={"x": "json"})) == {"a": 1}


@pytest.mark.parametrize("streamed", [True, False])
def test_cancelling_a_task_hangs_up(http, silent, make_request, streamed):
    async def run():
        async with http.AsyncClient(trust_env=False) as client:
            transport = Transport(http_async_client=client)

            async def consume():
                if not streamed:
                    await transport.arequest(make_request())
                async for _ in transport.astream(make_request()):
                    pass

            task = asyncio.create_task(consume())
            await asyncio.to_thread(silent.waiting.wait, 5)
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(wait_for_hang_up, silent) < 5
            assert await transport.arequest(make_request(tree={"x": "json"})) == {"a": 1}

    asyncio.run(run())


def test_a_proxy_of_the_client_forwards_requests(own_client, server, proxy, make_request):
    server.script = keep_alive(server)
    own = own_client(proxy=proxy.url.replace("//", "//me:canary@"))
    assert own.stream(make_request()) == TWO_EVENTS
    assert proxy.heads[0].startswith(b"POST " + server.url.encode())
    assert b"proxy-authorization: basic" in proxy.heads[0].lower()


def test_a_proxy_of_the_client_tunnels_tls(
    own_client, tls_server, proxy, certificate, make_request
):
    tls_server.script = keep_alive(tls_server)
    verify = ssl.create_default_context(cafile=certificate[0])
    own = own_client(proxy=proxy.url, verify=verify)
    assert own.stream(make_request(tls_server.url)) == TWO_EVENTS
    assert proxy.heads[0].startswith(b"CONNECT 127.0.0.1:%d " % tls_server.port)
    assert b"api-key" not in proxy.heads[0].lower()


def test_a_proxy_that_refuses(own_client, server, make_request):
    def script(connection, n):
        connection.sock.recv(65536)
        connection.respond(b"", "407 Not for me:canary-password")

    server.script = script
    own = own_client(proxy=f"http://me:canary-password@127.0.0.1:{server.port}")
    with pytest.raises(
        MiMoConnectionError, match=r"\(set in http_(async_)?client\) refused"
    ) as caught:
        own.request(make_request("https://upstream.example/v1"))
    assert "canary" not in repr(caught.value) + repr(vars(caught.value.__cause__))
    assert server.connections == 1


def test_an_untrusted_certificate_is_not_retried(own_client, tls_server, make_request):
    with pytest.raises(MiMoConnectionError, match="not trusted"):
        own_client().request(make_request(tls_server.url))
    assert tls_server.connections == 1


@pytest.mark.parametrize("reads", [False, True])
def test_event_hooks_run(own_client, server, make_request, reads):
    """Also one that reads the response, as hooks that log do."""
    server.script = keep_alive(server)
    seen = []
    hooks = {"request": [], "response": []}
    own = own_client(event_hooks=hooks)

    def note(message):
        seen.append((message.headers.get("api-key"), getattr(message, "status_code", None)))
        if reads:
            message.read()

    async def anote(message):
        seen.append((message.headers.get("api-key"), getattr(message, "status_code", None)))
        if reads:
            await message.aread()

    hook = note if own.is_sync else anote
    own.client.event_hooks = {"request": [hook], "response": [hook]}
    assert own.stream(make_request()) == TWO_EVENTS
    assert seen == [("sk-canary-canary-canary", None), (None, 200)]
    assert server.requests[0][1] == b'{"model":"m"}'


def test_a_hook_that_raises_for_the_status_keeps_the_error(own_client, server, make_request):
    def script(connection, n):
        server.take(connection)
        connection.respond(b'{"error": {"message": "bad key"}}', "401 Unauthorized")

    server.script = script
    own = own_client()

    async def acheck(response):
        response.raise_for_status()

    check = (lambda response: response.raise_for_status()) if own.is_sync else acheck
    own.client.event_hooks = {"response": [check]}
    with pytest.raises(MiMoAuthenticationError) as caught:
        own.request(make_request())
    assert caught.value.status_code == 401
    assert len(server.requests) == 1


@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream"])
@pytest.mark.parametrize("fault", [None, "rate_limit", "cut_after", "server_error"])
async def test_a_model_uses_such_clients(http, way, fault):
    with MiMoEmulator() as emulator:
        if fault:
            parameters = {"bytes": 10} if fault == "cut_after" else {}
            emulator.fault(fault, times=None, **parameters)
        async with http.AsyncClient(trust_env=False) as async_client:
            with http.Client(trust_env=False) as client:
                llm = ChatMiMo(
                    model="mimo-v2.6-flash",
                    base_url=emulator.base_url,
                    api_key=emulator.api_key,
                    max_retries=0,
                    http_client=client,
                    http_async_client=async_client,
                )
                text = ""
                error = None
                try:
                    match way:
                        case "invoke":
                            text = (await asyncio.to_thread(llm.invoke, "Hello")).text
                        case "ainvoke":
                            text = (await llm.ainvoke("Hello")).text
                        case "stream":
                            text = await asyncio.to_thread(
                                lambda: "".join(chunk.text for chunk in llm.stream("Hello"))
                            )
                        case "astream":
                            text = "".join([chunk.text async for chunk in llm.astream("Hello")])
                except MiMoError as raised:
                    error = raised
        assert bool(text) is (fault is None)
        assert (error is None) is (fault is None)
        if error is not None:
            assert emulator.api_key not in repr(error) + repr(vars(error)) + repr(error.__cause__)

"""A call that ends at any step leaves no connection behind, and the next call works."""

import asyncio
import gc
import itertools
import socket
import ssl
import threading
import time
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import pytest
from server_scripts import DONE, ONE, keep_alive

from langchain_mimo._transport import ApiRequest, MiMoTimeouts, RetryPolicy, Transport, clients
from langchain_mimo.errors import MiMoConnectionError

pytestmark = [
    pytest.mark.timeout(300),  # hundreds of TLS handshakes on a busy machine
    pytest.mark.filterwarnings("error::ResourceWarning"),
]

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: text/event-stream\r\n\r\n"
MOST_STEPS = 200
"""More steps of the event loop than any call here takes."""


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class LoopServer:
    """A server in the loop of its client, so that each step of the loop advances both."""

    def __init__(self):
        self.writers = []

    @property
    def open_connections(self):
        return sum(not writer.is_closing() for writer in self.writers)

    async def serve(self, reader, writer):
        self.writers.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().split(b"content-length:")[1].split(b"\r\n")[0]
                body = await reader.readexactly(int(length))
                if b"whole" in body:
                    writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{"a": 1}')
                    continue
                writer.write(HEAD)
                for _ in range(3):
                    writer.write(chunk(ONE))
                    await asyncio.sleep(0)
                writer.write(chunk(DONE) + b"0\r\n\r\n")
        writer.close()

    async def tunnel(self, reader, writer):
        """Serve as a proxy that tunnels."""
        self.writers.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            host, port = head.split()[1].decode().split(":")
            above, below = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = asyncio.ensure_future(copy(above, writer))
            await copy(reader, below)
            below.close()
            back.cancel()
        writer.close()


async def copy(reader, writer):
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)


@asynccontextmanager
async def listening(handler, context=None):
    tasks = []

    async def serve(reader, writer):
        tasks.append(asyncio.current_task())
        await handler(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)


async def call(transport, request, way):
    if way == "request":
        return await transport.arequest(request)
    async with aclosing(transport.astream(request)) as events:
        received = []
        async for event in events:
            received.append(event)
            if way == "closed stream":
                break
        return received


def pools():
    """All pools of our async clients in the running loop."""
    for shared in clients._registry.by_loop.get(asyncio.get_running_loop(), {}).values():
        for transport in (shared.client._transport, *filter(None, shared.client._mounts.values())):
            yield transport._pool


def sockets():
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(str(path.readlink()))
    return {each for each in found if each.startswith("socket:")}


async def left_behind(server):
    """Return what the clients hold besides idle connections."""
    idle, found = 0, []
    for pool in pools():
        found += [f"busy: {each.info()}" for each in pool.busy]
        found += [f"not idle: {each.info()}" for each in pool.idle if not each.is_idle()]
        idle += len(pool.idle)
    for _ in range(2000):
        if server.open_connections <= idle:
            break
        await asyncio.sleep(0.001)
    else:
        found.append(f"{server.open_connections} open connections, {idle} of them idle")
    return found


async def cancel(coroutine, steps, again):
    """Cancel after a number of steps, perhaps again later; return whether it ended before."""
    task = asyncio.ensure_future(coroutine)
    for _ in range(steps):
        await asyncio.sleep(0)
    ended = task.done()
    task.cancel()
    if again is not None:
        for _ in range(again):
            await asyncio.sleep(0)
        task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return ended


def sync_pool(transport):
    """Return the pool of a transport's client for threads."""
    return clients._registry.sync[transport._key].client._transport._pool


def wait_for(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it does not happen")


def still_open(server):
    """Return how many connections the server has that its client has not closed."""
    return sum(sock.fileno() >= 0 for sock in server.sockets)


def serve_both(server):
    def script(connection, n):
        while server.take(connection):
            if b"whole" in server.requests[-1][1]:
                connection.respond()
                continue
            connection.head()
            connection.chunk(ONE, ONE, DONE)
            connection.end()

    return script


WAYS = ["request", "stream", "closed stream"]
CASES = [
    *itertools.product(["tcp", "tls", "tls over a proxy"], [False, True], WAYS, [None]),
    *itertools.product(["name"], [False], WAYS, [None]),
    *itertools.product(["tls", "tls over a proxy"], [False], WAYS, [1]),
]


@pytest.mark.parametrize(("link", "reused", "way", "again"), CASES)
def test_cancelling_at_any_step(certificate, link, reused, way, again):
    async def run():
        context = None
        if link.startswith("tls"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
        server, proxy = LoopServer(), LoopServer()
        async with (
            listening(server.serve, context) as port,
            listening(proxy.tunnel) as proxy_port,
        ):
            host = "localhost" if link == "name" else "127.0.0.1"
            settings = clients.ClientSettings(
                trust_env=False,
                verify=str(certificate[0]),
                proxy=f"http://127.0.0.1:{proxy_port}" if "proxy" in link else None,
            )
            request = ApiRequest(
                f"{'https' if context else 'http'}://{host}:{port}/v1/chat/completions",
                {"api-key": "sk-canary"},
                {"x": "whole" if way == "request" else "events"},
                retry=RetryPolicy(max_retries=0),
                timeouts=MiMoTimeouts(connect=20, first_event=20, idle=20),
            )
            seen = proxy if "proxy" in link else server
            for steps in range(MOST_STEPS):
                transport = Transport(settings)
                if reused:
                    await call(transport, request, way.removeprefix("closed "))
                ended = await cancel(call(transport, request, way), steps, again)
                assert await left_behind(seen) == [], f"after {steps} steps"
                assert await call(transport, request, way)
                await transport.aclose()
                if ended:
                    return steps
        raise AssertionError(f"the call takes more than {MOST_STEPS} steps")

    before = sockets()
    assert asyncio.run(run()) > 3
    gc.collect()
    assert sockets() <= before


def test_cancelling_while_expired_connections_are_closed(server, make_request):
    """They are taken out of the pool before they are closed."""
    server.script = keep_alive(server)

    async def run():
        transport = Transport(clients.ClientSettings(trust_env=False))
        await asyncio.gather(*(call(transport, make_request(), "stream") for _ in range(5)))
        (pool,) = pools()
        assert len(pool.idle) == server.connections == 5
        for connection in pool.idle:
            connection._connection._expire_at = 0.0
        await cancel(call(transport, make_request(), "stream"), 1, None)
        assert (len(pool.idle) <= 1, pool.busy) == (True, [])
        await asyncio.to_thread(wait_for, lambda: still_open(server) <= len(pool.idle))
        await transport.aclose()

    asyncio.run(run())


def test_cancelling_twice_while_a_large_body_is_sent(server, make_request):
    """What waits to be sent must not keep a connection open."""
    taken = threading.Event()

    def script(connection, n):
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sock.recv(1)
        taken.set()
        server.stall()

    server.script = script

    async def run():
        transport = Transport(clients.ClientSettings(trust_env=False))
        before = sockets()
        task = asyncio.ensure_future(transport.arequest(make_request(tree={"x": "x" * 20_000_000})))
        await asyncio.to_thread(taken.wait, 10)
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        (pool,) = pools()
        assert (pool.idle, pool.busy) == ([], [])
        await asyncio.sleep(0)
        assert len(sockets() - before) == 1, "the server's own"

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_failed_handshake_behind_a_proxy_leaves_nothing(tls_server, proxy, make_request, kind):
    tls_server.script = keep_alive(tls_server)
    transport = Transport(clients.ClientSettings(trust_env=False, proxy=proxy.url))
    request = make_request(tls_server.url)

    async def run():
        with pytest.raises(MiMoConnectionError, match="not trusted"):
            await transport.arequest(request)
        (pool,) = pools()
        assert (pool.idle, pool.busy) == ([], [])

    if kind == "async":
        asyncio.run(run())
        return
    with pytest.raises(MiMoConnectionError, match="not trusted"):
        transport.request(request)
    pool = sync_pool(transport)
    assert (pool.idle, pool.busy) == ([], [])
    transport.close()


OPERATIONS = {
    socket.socket: ["recv", "send"],
    ssl.SSLSocket: ["recv", "send"],
}
"""Not `connect` and `do_handshake`: there, Python itself leaves the socket to the garbage collector."""


class Interruption:
    """Raises KeyboardInterrupt in place of, or after, an operation on a socket of this thread."""

    def __init__(self, monkeypatch):
        self.number = self.at = -1
        self.after = False
        self.depth = 0
        self.thread = threading.get_ident()
        for kind, names in OPERATIONS.items():
            for name in names:
                monkeypatch.setattr(kind, name, self.wrapped(getattr(kind, name)))

    def wrapped(self, operation):
        def run(*args, **options):
            if threading.get_ident() != self.thread or self.depth:
                return operation(*args, **options)
            self.number += 1
            if self.number == self.at and not self.after:
                raise KeyboardInterrupt
            self.depth += 1
            try:
                result = operation(*args, **options)
            finally:
                self.depth -= 1
            if self.number == self.at:
                raise KeyboardInterrupt
            return result

        return run

    def arm(self, at, after):
        self.number, self.at, self.after = -1, at, after


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("way", ["request", "stream"])
@pytest.mark.parametrize("link", ["tcp", "tls", "tls over a proxy"])
def test_ctrl_c_at_any_operation(
    server, certificate, proxy, make_request, monkeypatch, link, way, after
):
    server.script = serve_both(server)
    if link.startswith("tls"):
        server.use_tls(*certificate)
    settings = clients.ClientSettings(
        trust_env=False,
        verify=str(certificate[0]),
        proxy=proxy.url if "proxy" in link else None,
    )
    request = make_request(server.url, tree={"x": "whole" if way == "request" else "events"})
    interruption = Interruption(monkeypatch)

    def call_once(transport):
        if way == "request":
            return transport.request(request)
        return list(transport.stream(request))

    before = sockets()
    for at in range(MOST_STEPS):
        transport = Transport(settings)
        interruption.arm(at, after)
        interrupted = False
        try:
            call_once(transport)
        except KeyboardInterrupt:
            interrupted = True
        interruption.arm(-1, after)
        pool = sync_pool(transport)
        assert not pool.busy, f"at operation {at}"
        assert all(each.is_idle() for each in pool.idle), f"at operation {at}"
        assert call_once(transport)
        transport.close()
        if not interrupted:
            break
    assert at >= 2  # head and body are one write, and the response is read at least once
    wait_for(lambda: still_open(server) == 0)
    gc.collect()
    wait_for(lambda: len(sockets() - before) <= len(server.sockets) + len(proxy.sockets))

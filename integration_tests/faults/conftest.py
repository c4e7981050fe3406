"""A server that does exactly what a test says, byte by byte, and both shells of the transport."""

import asyncio
import contextlib
import socket
import struct
import threading
import time

import pytest

from langchain_mimo._transport import ApiRequest, MiMoTimeouts, RetryPolicy, Transport

KEY = "sk-canary-canary-canary"


class Connection:
    """One accepted connection."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(30)
        self.buffer = b""

    def read_request(self):
        """Return head and body of the next request, or None at the end of the connection."""
        while b"\r\n\r\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                return None
            self.buffer += data
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        while len(self.buffer) < length:
            data = self.sock.recv(65536)
            if not data:
                return None
            self.buffer += data
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return head, body

    def send(self, *parts):
        for part in parts:
            self.sock.sendall(part)

    def head(self, status="200 OK", *headers):
        """Begin a chunked answer, of events unless headers say otherwise."""
        lines = [f"HTTP/1.1 {status}", "Transfer-Encoding: chunked", *headers]
        if not any(line.lower().startswith("content-type") for line in headers):
            lines.append("Content-Type: text/event-stream")
        self.send("\r\n".join([*lines, "", ""]).encode())

    def chunk(self, *parts):
        for data in parts:
            self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self):
        self.send(b"0\r\n\r\n")

    def whole(self, body=b'{"a": 1}', status="200 OK", *headers):
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def reset(self):
        """End with a TCP reset instead of an orderly end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def seconds_until_closed(self, patience=20.0):
        """Wait for the client to hang up; how long that took."""
        began = time.monotonic()
        self.sock.settimeout(patience)
        with contextlib.suppress(ConnectionError):
            while self.sock.recv(65536):
                pass
        return time.monotonic() - began


class RawServer:
    """Runs `script(connection, n)` in a thread for each connection; n counts them from 1."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1/chat/completions"
        self.script = None
        self.connections = 0
        self.requests = []
        self.times = []
        self.failures = []
        self.stopping = threading.Event()
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.sockets.append(sock)
            threading.Thread(
                target=self._serve, args=(Connection(sock), self.connections), daemon=True
            ).start()

    def _serve(self, connection, n):
        try:
            self.script(connection, n)
        except (OSError, ValueError) as error:
            self.failures.append(error)
        finally:
            connection.sock.close()

    def take(self, connection):
        """Read a request and note it; False at the end."""
        request = connection.read_request()
        if request is None:
            return False
        self.requests.append(request)
        self.times.append(time.monotonic())
        return True

    def stall(self, seconds=20.0):
        self.stopping.wait(seconds)

    def close(self):
        self.stopping.set()
        self.listener.close()
        for sock in self.sockets:
            sock.close()


@pytest.fixture
def server():
    server = RawServer()
    yield server
    server.close()


@pytest.fixture
def other_server():
    server = RawServer()
    yield server
    server.close()


class Shell:
    """One of the two shells, driven as a program would."""

    def __init__(self, kind):
        self.kind = kind
        self.transport = Transport()

    def request(self, call):
        if self.kind == "sync":
            return self.transport.request(call)
        return asyncio.run(self.transport.arequest(call))

    def stream(self, call, events=None):
        """Collect the events, into a list that keeps them when it fails."""
        events = [] if events is None else events
        if self.kind == "sync":
            for event in self.transport.stream(call):
                events.append(event)
            return events

        async def run():
            async for event in self.transport.astream(call):
                events.append(event)

        asyncio.run(run())
        return events

    def streams(self, call, times):
        """Several streams, one after the other, in one loop."""
        if self.kind == "sync":
            return [list(self.transport.stream(call)) for _ in range(times)]

        async def run():
            return [[e async for e in self.transport.astream(call)] for _ in range(times)]

        return asyncio.run(run())


@pytest.fixture(params=["sync", "async"])
def shell(request):
    shell = Shell(request.param)
    yield shell
    shell.transport.close()


@pytest.fixture
def make_call(server):
    def make(url=None, tree=None, **options):
        options.setdefault("retry", RetryPolicy(max_retries=2, initial_delay=0.0))
        options.setdefault("timeouts", MiMoTimeouts(connect=5, first_event=10, idle=10))
        return ApiRequest(url or server.url, {"api-key": KEY}, tree or {"model": "m"}, **options)

    return make

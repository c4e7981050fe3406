"""Network backends for httpcore2 without sockets: every connection answers every request alike."""

# ruff: noqa: ASYNC109 - the timeouts are httpcore2's interface
import asyncio

import httpcore2

PIECES = [
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n",
    b'd\r\ndata: {"a":1}\r\n',
    b"4\r\n\n\n\n\n\r\n",
    b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
]
BODY = b'data: {"a":1}\n\n\n\ndata: [DONE]\n\n'


class FakeNetwork:
    """What both backends have in common.

    Attributes:
        streams: All connections that were opened.
        fails_at: Number of the operation (connect, read, write; of all connections) to fail, and
            the exception to raise.
    """

    def __init__(self):
        self.streams = []
        self.fails_at = {}
        self.operations = 0

    @property
    def open_streams(self):
        return [each for each in self.streams if not each.is_closed]

    def count(self):
        self.operations += 1
        failure = self.fails_at.get(self.operations)
        if failure is not None:
            raise failure


class FakeStream(httpcore2.NetworkStream):
    """A connection of `FakeBackend`."""

    def __init__(self, network):
        self.network = network
        self.is_closed = False
        self.dropped = False
        self.pieces = []
        network.streams.append(self)

    def answer(self, data):
        assert not self.is_closed
        if data.startswith(b"POST "):
            assert not self.pieces, "the response before was not read to its end"
            self.pieces = list(PIECES)

    def read(self, max_bytes, timeout=None):
        self.network.count()
        return b"" if self.dropped else self.pieces.pop(0)

    def write(self, buffer, timeout=None):
        self.network.count()
        self.answer(buffer)

    def close(self):
        self.is_closed = True

    def get_extra_info(self, info):
        return (self.dropped or self.is_closed) if info == "is_readable" else None


class AsyncFakeStream(FakeStream, httpcore2.AsyncNetworkStream):
    """A connection of `AsyncFakeBackend`; each operation takes a step of the event loop."""

    async def read(self, max_bytes, timeout=None):
        await self.network.pause()
        return super().read(max_bytes, timeout)

    async def write(self, buffer, timeout=None):
        await self.network.pause()
        super().write(buffer, timeout)

    async def aclose(self):
        self.close()
        await asyncio.sleep(0)


class FakeBackend(FakeNetwork, httpcore2.NetworkBackend):
    """A network for threads."""

    def connect_tcp(self, *_, **__):
        self.count()
        return FakeStream(self)


class AsyncFakeBackend(FakeNetwork, httpcore2.AsyncNetworkBackend):
    """A network for event loops."""

    async def pause(self):
        await asyncio.sleep(0)

    async def connect_tcp(self, *_, **__):
        await self.pause()
        self.count()
        return AsyncFakeStream(self)

"""Serves canned responses from its own process, fast enough never to be the bottleneck.

The first part of the path is the scenario, so a base URL is all that a client needs:
`http://127.0.0.1:PORT/stream-2000-32/v1` streams 2,000 events, 32 in each write. A scenario may
end in `+TAG`, which only the statistics see.

    /response/...             one complete response
    /description/...          one complete response, the description of a media file
    /stream-N-B/...           N events of text, B in each write, then usage and [DONE]
    /arguments-N-B/...        one tool call whose arguments arrive in N fragments, B in each write
    /stats/SCENARIO+TAG       the number of connections that requested the scenario

The rest of the path says whose format is expected: OpenAI's, Anthropic's or Gemini's.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys

from benchmarks import responses

_connections: dict[bytes, set[int]] = {}
_buffer = memoryview(bytearray(1 << 20))
"""One for all connections: asyncio reads into it and hands on what it read in one step."""


class Connection(asyncio.BufferedProtocol):
    """One connection: reads each request into the common buffer and responds."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._head = bytearray()
        self._missing = 0
        self._path = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return _buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._missing:
            self._missing -= nbytes
        else:
            self._head += _buffer[:nbytes]
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            self._missing = self._length(bytes(self._head[:end])) - (len(self._head) - end - 4)
            self._head.clear()
        if self._missing <= 0:
            self._missing = 0
            self._respond()

    def _length(self, head: bytes) -> int:
        lines = head.split(b"\r\n")
        self._path = lines[0].split(b" ")[1]
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                return int(value)
        return 0

    def _respond(self) -> None:
        parts = self._path.split(b"/")
        if parts[1] == b"stats":
            count = len(_connections.get(parts[2], ()))
            self._transport.write(responses.complete(str(count).encode()))
            return
        _connections.setdefault(parts[1], set()).add(self._number)
        scenario = parts[1].partition(b"+")[0].decode()
        for write in responses.writes(scenario, responses.format_of(self._path.decode())):
            self._transport.write(write)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    numbers = itertools.count()
    server = await loop.create_server(
        lambda: Connection(next(numbers)), "127.0.0.1", 0, backlog=2048
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - stops when the parent was killed
        await asyncio.sleep(1)


if __name__ == "__main__":
    if len(sys.argv) > 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[1])})
    asyncio.run(serve())

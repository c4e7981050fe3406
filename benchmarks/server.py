"""Serves canned responses from its own process, fast enough never to be the bottleneck.

The first part of the path is the scenario, so a base URL is all that a client needs:
`http://127.0.0.1:PORT/stream-2000-32/v1` streams 2,000 events, 32 in each write. A scenario may
end in `+TAG`, which only the statistics see.

    /response/...             one complete response
    /stream-N-B/...           N events of text, B in each write, then usage and [DONE]
    /arguments-N-B/...        one tool call whose arguments arrive in N fragments, B in each write
    /stats/SCENARIO+TAG       the number of connections that requested the scenario
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
import sys

import orjson

HEAD = {"id": "chatcmpl-benchmark", "created": 1760000000, "model": "benchmark"}
USAGE = {"prompt_tokens": 11, "completion_tokens": 2000, "total_tokens": 2011}
WORDS = ("The ", "quick ", "brown ", "fox ", "jumps ", "over ", "the ", "lazy ", "dog. ", "So ")

_connections: dict[bytes, set[int]] = {}


def _event(delta: dict[str, object], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    body = {**HEAD, "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + orjson.dumps(body) + b"\n\n"


def text_events(count: int) -> list[bytes]:
    """Return the events of a text response, as MiMo and OpenAI write them."""
    events = [_event({"role": "assistant", "content": ""})]
    events += [_event({"content": WORDS[at % len(WORDS)]}) for at in range(count)]
    return [*events, *_ending("stop")]


def argument_events(count: int) -> list[bytes]:
    """Return the events of a response with one tool call: `count` fragments of its arguments."""
    pieces = ['{"text": "', *(WORDS[at % len(WORDS)] for at in range(count - 2)), '"}']
    call = {"index": 0, "id": "call_1", "type": "function"}
    first = {**call, "function": {"name": "write", "arguments": ""}}
    events = [_event({"role": "assistant", "content": "", "tool_calls": [first]})]
    for piece in pieces:
        fragment = {"index": 0, "function": {"arguments": piece}}
        events.append(_event({"tool_calls": [fragment]}))
    return [*events, *_ending("tool_calls")]


def _ending(reason: str) -> list[bytes]:
    body = {**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": USAGE}
    usage = b"data: " + orjson.dumps(body) + b"\n\n"
    return [_event({"content": ""}, reason), usage, b"data: [DONE]\n\n"]


@functools.cache
def response(scenario: bytes) -> tuple[bytes, ...]:
    """Return the writes of a scenario's response."""
    kind, *numbers = scenario.decode().split("-")
    if kind in ("stream", "arguments"):
        count, batch = int(numbers[0]), int(numbers[1])
        events = text_events(count) if kind == "stream" else argument_events(count)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked"
        parts = [b"".join(events[at : at + batch]) for at in range(0, len(events), batch)]
        chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in parts]
        return (head + b"\r\n\r\n" + chunks[0], *chunks[1:], b"0\r\n\r\n")
    message = {"role": "assistant", "content": "Hello! How can I help you today?"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}
    return (_complete(orjson.dumps(body)),)


def _complete(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


class Connection(asyncio.BufferedProtocol):
    """One connection: reads each request into the same buffer and responds."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._buffer = memoryview(bytearray(1 << 20))
        self._head = bytearray()
        self._missing = 0
        self._path = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._missing:
            self._missing -= nbytes
        else:
            self._head += self._buffer[:nbytes]
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
            self._transport.write(_complete(str(count).encode()))
            return
        _connections.setdefault(parts[1], set()).add(self._number)
        for write in response(parts[1].partition(b"+")[0]):
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

"""Sends a response at once or step by step, with pauses, until the client disconnects."""

from __future__ import annotations

import asyncio
import enum
import socket
import struct
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias

from langchain_mimo.emulator.http.connections import CLOSING_SECONDS, Connection

if TYPE_CHECKING:  # part of the extra; the table of faults must be importable without it
    from starlette.types import Send

_STEPS_PER_YIELD = 32
_LINGER = "hh" if sys.platform == "win32" else "ii"  # the fields of struct linger
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Cut(enum.Enum):
    """The end of a connection: an orderly close, or a reset."""

    CLOSE = enum.auto()
    RESET = enum.auto()


Step: TypeAlias = "bytes | float | Cut"
"""One step of a body: bytes to write, seconds to wait, or the end of the connection."""

Headers: TypeAlias = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class HttpResponse:
    """An HTTP response.

    Attributes:
        status: HTTP status.
        content_type: Content type of the body.
        body: The complete body; None if `steps` produce it.
        steps: Encoded server-sent events, waits and cuts, produced while they are sent.
        headers: Further headers.
        delay: Seconds before the status line.
        pause: Seconds before every step except the first.
        cut: How to end the connection instead of sending the status line.
        declared_length: `content-length` of a body that is sent in steps.
        until_close: Whether to send the body without a length, so that the end of the connection
            ends it.
        header_interval: Seconds between single bytes of the head; 0 sends it at once.
        close_after: Whether to close the connection after the response without announcing it.
    """

    status: int
    content_type: str = "application/json"
    body: bytes | None = None
    steps: Iterable[Step] = ()
    headers: Headers = field(default_factory=list)
    delay: float = 0.0
    pause: float = 0.0
    cut: Cut | None = None
    declared_length: int | None = None
    until_close: bool = False
    header_interval: float = 0.0
    close_after: bool = False

    def all_headers(self) -> Headers:
        """Return the headers as sent, including `content-length` if the length is known."""
        headers: Headers = [(b"content-type", self.content_type.encode("latin-1"))]
        length = self.declared_length if self.body is None else len(self.body)
        if length is not None and not self.until_close:
            headers.append((b"content-length", str(length).encode()))
        overridden = {name for name, _ in self.headers}
        return [header for header in headers if header[0] not in overridden] + self.headers


def header_list(headers: Sequence[tuple[str, str]]) -> Headers:
    """Encode headers, with names in lower case."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def deliver(response: HttpResponse, send: Send, connection: Connection) -> None:
    """Send a response; stop silently when the client disconnects.

    Raises:
        RuntimeError: The response ends its connection, but there is no socket (a fault on
            `ASGITransport`).
    """
    if not await connection.pause(response.delay):
        return
    if response.cut is not None:
        await _end(connection, response.cut)
    elif response.until_close or response.header_interval:
        await _deliver_raw(response, connection)
    else:
        await _deliver_asgi(response, send, connection)
    if response.close_after:
        connection.closed_here = True
        _transport(connection).close()


async def _deliver_asgi(response: HttpResponse, send: Send, connection: Connection) -> None:
    headers = response.all_headers()
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if response.body is not None:
        await send({"type": "http.response.body", "body": response.body})
        return
    for number, step in enumerate(response.steps):
        if number and response.pause and not await connection.pause(response.pause):
            return
        if number % _STEPS_PER_YIELD == 0:
            await asyncio.sleep(0)  # lets other tasks run, and disconnects be noticed
        if isinstance(step, Cut):
            await _end(connection, step)
        elif isinstance(step, bytes):
            await send({"type": "http.response.body", "body": step, "more_body": True})
        else:
            await connection.pause(step)
        if await connection.is_lost():
            return
    await send({"type": "http.response.body", "body": b""})


async def _deliver_raw(response: HttpResponse, connection: Connection) -> None:
    """Write to the transport and close it, bypassing the HTTP protocol and its state."""
    transport = _transport(connection)
    lines = [f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, '')}".encode()]
    headers = [*response.all_headers(), (b"connection", b"close")]
    lines += [name + b": " + value for name, value in headers]
    head = b"\r\n".join(lines) + b"\r\n\r\n"
    size = 1 if response.header_interval else len(head)
    head_steps: list[Step] = []
    for start in range(0, len(head), size):
        head_steps += [head[start : start + size], response.header_interval]
    body_steps = [response.body] if response.body is not None else response.steps
    for steps in (head_steps, body_steps):
        for step in steps:
            if isinstance(step, Cut):
                await _end(connection, step)
            elif isinstance(step, bytes):
                transport.write(step)
            else:
                await connection.pause(step)
            if await connection.is_lost():
                return
    await _end(connection, Cut.CLOSE)


async def _end(connection: Connection, cut: Cut) -> None:
    transport = _transport(connection)
    connection.closed_here = True
    if cut is Cut.RESET:
        tcp_socket = transport.get_extra_info("socket")
        # With a linger time of 0, closing sends RST and drops data that is not yet delivered.
        tcp_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))
        transport.abort()
    else:
        transport.close()
    await connection.pause(CLOSING_SECONDS)


def _transport(connection: Connection) -> asyncio.Transport:
    if connection.transport is None:
        raise RuntimeError(
            "This fault ends the connection, which needs a socket: start the emulator."
        )
    return connection.transport

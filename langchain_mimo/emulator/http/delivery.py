"""Writing an answer: at once or event by event, with pauses, until someone hangs up."""

from __future__ import annotations

import asyncio
import enum
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias

from langchain_mimo.emulator.http.connections import CLOSING_SECONDS, Connection

if TYPE_CHECKING:  # the extra's; the table of faults is read without it
    from starlette.types import Send

_EVENTS_PER_TURN = 32
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Cut(enum.Enum):
    """The connection ends here: by an orderly close, or by a reset."""

    CLOSE = enum.auto()
    RESET = enum.auto()


Step: TypeAlias = "bytes | float | Cut"
"""What an answer is made of: bytes to write, seconds to wait, or the end of the connection."""

Headers: TypeAlias = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class HttpResponse:
    """An HTTP answer.

    Attributes:
        status: HTTP status.
        content_type: Of the body.
        body: Whole body, or None when `steps` make it.
        steps: Encoded server-sent events, waits and cuts, made while they are sent.
        headers: Further headers.
        delay: Seconds before the status line.
        pause: Seconds before every step but the first.
        cut: Ends the connection in place of the status line.
        declared_length: `content-length` of a body that is made of steps.
        until_close: Send the body without a length: the connection's end is the body's.
        header_interval: Seconds between single bytes of the head; 0 writes it at once.
        close_after: Close the connection in silence when the answer is whole.
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
        """The headers as sent, `content-length` among them when the length is known."""
        headers: Headers = [
            (b"content-type", self.content_type.encode("latin-1")),
            (b"access-control-allow-origin", b"*"),
        ]
        length = self.declared_length if self.body is None else len(self.body)
        if length is not None and not self.until_close:
            headers.append((b"content-length", str(length).encode()))
        replaced = {name for name, _ in self.headers}
        return [header for header in headers if header[0] not in replaced] + self.headers


def header_list(headers: Sequence[tuple[str, str]]) -> Headers:
    """Encode headers, names in lower case."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def deliver(answer: HttpResponse, send: Send, connection: Connection) -> None:
    """Send an answer; stop in silence when the client is gone.

    Raises:
        RuntimeError: The answer needs a socket and there is none (a fault on `ASGITransport`).
    """
    if not await connection.pause(answer.delay):
        return
    if answer.cut is not None:
        await _end(connection, answer.cut)
    elif answer.until_close or answer.header_interval:
        await _deliver_raw(answer, connection)
    else:
        await _deliver_by_asgi(answer, send, connection)
    if answer.close_after:
        connection.closed_here = True
        _transport(connection).close()


async def _deliver_by_asgi(answer: HttpResponse, send: Send, connection: Connection) -> None:
    headers = answer.all_headers()
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.body is not None:
        await send({"type": "http.response.body", "body": answer.body})
        return
    for number, step in enumerate(answer.steps):
        if number and answer.pause and not await connection.pause(answer.pause):
            return
        if number % _EVENTS_PER_TURN == 0:
            await asyncio.sleep(0)  # others get their turn, and a hang-up is noticed
        if isinstance(step, Cut):
            await _end(connection, step)
        elif isinstance(step, bytes):
            await send({"type": "http.response.body", "body": step, "more_body": True})
        else:
            await connection.pause(step)
        if await connection.lost():
            return
    await send({"type": "http.response.body", "body": b""})


async def _deliver_raw(answer: HttpResponse, connection: Connection) -> None:
    """Write below HTTP's rules, and close: the protocol's own state knows nothing of it."""
    transport = _transport(connection)
    lines = [f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, '')}".encode()]
    headers = [*answer.all_headers(), (b"connection", b"close")]
    lines += [name + b": " + value for name, value in headers]
    head = b"\r\n".join(lines) + b"\r\n\r\n"
    size = 1 if answer.header_interval else len(head)
    pieces: list[Step] = []
    for start in range(0, len(head), size):
        pieces += [head[start : start + size], answer.header_interval]
    for part in (pieces, [answer.body] if answer.body is not None else answer.steps):
        for step in part:
            if isinstance(step, Cut):
                await _end(connection, step)
            elif isinstance(step, bytes):
                transport.write(step)
            else:
                await connection.pause(step)
            if await connection.lost():
                return
    await _end(connection, Cut.CLOSE)


async def _end(connection: Connection, cut: Cut) -> None:
    transport = _transport(connection)
    connection.closed_here = True
    if cut is Cut.RESET:
        peer = transport.get_extra_info("socket")
        # With a linger time of nothing, closing sends RST and drops what was not yet delivered.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
    await connection.pause(CLOSING_SECONDS)


def _transport(connection: Connection) -> asyncio.Transport:
    if connection.transport is None:
        raise RuntimeError(
            "This answer cuts its connection: it needs a socket, start the emulator."
        )
    return connection.transport

"""Writing an answer: at once or event by event, with pauses, until the client hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Send

from langchain_mimo.emulator.connections import Connection

_EVENTS_PER_TURN = 32

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Answer:
    """An HTTP answer.

    Attributes:
        status: HTTP status.
        content_type: Of the body.
        body: Whole body, or None when `events` make it.
        events: Encoded server-sent events, made while they are sent.
        headers: Further headers.
        delay: Seconds before the status line.
        pause: Seconds before every event but the first.
    """

    status: int
    content_type: str = "application/json"
    body: bytes | None = None
    events: Iterable[bytes] = ()
    headers: Headers = field(default_factory=list)
    delay: float = 0.0
    pause: float = 0.0

    def all_headers(self) -> Headers:
        """The headers as sent, `content-length` among them when the length is known."""
        headers: Headers = [
            (b"content-type", self.content_type.encode("latin-1")),
            (b"access-control-allow-origin", b"*"),
        ]
        if self.body is not None:
            headers.append((b"content-length", str(len(self.body)).encode()))
        replaced = {name for name, _ in self.headers}
        return [header for header in headers if header[0] not in replaced] + self.headers


def header_list(headers: Sequence[tuple[str, str]]) -> Headers:
    """Encode headers, names in lower case."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def deliver(answer: Answer, send: Send, connection: Connection) -> None:
    """Send an answer; stop in silence when the client is gone."""
    if not await connection.pause(answer.delay):
        return
    start: dict[str, Any] = {
        "type": "http.response.start",
        "status": answer.status,
        "headers": answer.all_headers(),
    }
    await send(start)
    if answer.body is not None:
        await send({"type": "http.response.body", "body": answer.body})
        return
    for number, event in enumerate(answer.events):
        if number and answer.pause and not await connection.pause(answer.pause):
            return
        if number % _EVENTS_PER_TURN == 0:
            await asyncio.sleep(0)  # others get their turn, and a hang-up is noticed
        if connection.gone.is_set():
            return
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b""})

"""TCP connections of the emulator: counted, and reachable from a request."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

from langchain_mimo.emulator.conversation.records import Disconnect


class ConnectionLog:
    """Counts connections and remembers clients that hung up; safe to read from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.accepted = 0
        self.open = 0
        self.disconnects: list[Disconnect] = []

    def opened(self) -> int:
        """Count a new connection and return its number, from 1."""
        with self._changed:
            self.accepted += 1
            self.open += 1
            return self.accepted

    def closed(self, disconnect: Disconnect | None) -> None:
        """Count a connection that is gone, and the answer it cut short if it did."""
        with self._changed:
            self.open -= 1
            if disconnect is not None:
                self.disconnects.append(disconnect)
            self._changed.notify_all()

    def wait_for(self, count: int, timeout: float) -> list[Disconnect]:
        """Wait until so many clients hung up, or the time is over; return those that did."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.disconnects) >= count, timeout)
            return list(self.disconnects)


CLOSING_SECONDS = 5.0
"""How long a closing connection may take at most."""


@dataclass(slots=True)
class Connection:
    """One TCP connection, as the application sees it.

    Attributes:
        number: From 1; 0 for a request that came without a socket.
        transport: For faults that write below HTTP; None without a socket.
        gone: Set when the connection is closed.
        path: Of the request being answered.
        received_at: `time.monotonic()` when that request was whole.
        requests: How many requests came by it, the present one included.
        closed_here: Whether the emulator itself cuts it, so that it is no hang-up of the client.
    """

    number: int = 0
    transport: asyncio.Transport | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    path: str = ""
    received_at: float = 0.0
    requests: int = 0
    closed_here: bool = False

    async def pause(self, seconds: float) -> bool:
        """Wait; return False as soon as the client is gone."""
        if seconds > 0:
            try:
                await asyncio.wait_for(self.gone.wait(), seconds)
            except TimeoutError:
                return True
        return not self.gone.is_set()

    async def lost(self) -> bool:
        """Return whether the client is gone, also when asyncio has yet to say so.

        Between a write that failed and asyncio's word of it further writes would only make it warn.
        """
        if self.transport is not None and self.transport.is_closing():
            await self.pause(CLOSING_SECONDS)
        return self.gone.is_set()

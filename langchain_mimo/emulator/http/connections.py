"""The emulator's TCP connections: the count of all, and the one that a request came by."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

from langchain_mimo.emulator.conversation.records import Disconnect

CLOSING_SECONDS = 5.0
"""Longest time that a connection may take to close."""


class ConnectionLog:
    """Counts connections and records disconnects. Can be read from any thread.

    Attributes:
        accepted: Number of connections accepted so far.
        open: Number of open connections.
        disconnects: The clients that disconnected before their response was complete.
    """

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
        """Count a closed connection.

        Args:
            disconnect: Set if the client disconnected before its response was complete.
        """
        with self._changed:
            self.open -= 1
            if disconnect is not None:
                self.disconnects.append(disconnect)
            self._changed.notify_all()

    def wait_for(self, count: int, timeout: float) -> list[Disconnect]:
        """Wait for a number of disconnects.

        Args:
            count: The number of disconnects to wait for, counted from the start.
            timeout: Longest wait in seconds.

        Returns:
            All disconnects so far; fewer than `count` after a timeout.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self.disconnects) >= count, timeout)
            return list(self.disconnects)


@dataclass(slots=True)
class Connection:
    """One TCP connection, as the application sees it.

    Attributes:
        number: Number of the connection, from 1; 0 for a request without a socket.
        transport: Its transport, for faults that bypass HTTP; None without a socket.
        gone: Set when the connection is closed.
        path: Path of the current request.
        received_at: `time.monotonic()` when the current request was complete.
        requests: Number of requests received on it, including the current one.
        closed_here: Whether the emulator closes it; if so, its end is no disconnect of the client.
    """

    number: int = 0
    transport: asyncio.Transport | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    path: str = ""
    received_at: float = 0.0
    requests: int = 0
    closed_here: bool = False

    async def pause(self, seconds: float) -> bool:
        """Wait, but not longer than the connection lasts.

        Args:
            seconds: Time to wait; 0 only checks the connection.

        Returns:
            Whether the connection is still open.
        """
        if seconds > 0:
            try:
                await asyncio.wait_for(self.gone.wait(), seconds)
            except TimeoutError:
                return True
        return not self.gone.is_set()

    async def is_lost(self) -> bool:
        """Return whether the connection is closed, even if asyncio has not yet reported it.

        asyncio reports a failed write with a delay, and logs a warning for writes in between.
        """
        if self.transport is not None and self.transport.is_closing():
            await self.pause(CLOSING_SECONDS)
        return self.gone.is_set()

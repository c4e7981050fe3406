"""HTTP/1.1 on the emulator's connections; records disconnects."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from langchain_mimo.emulator.conversation.records import Disconnect
from langchain_mimo.emulator.http.connections import Connection, ConnectionLog


class WatchedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol; passes its connection to the application and to the log."""

    def __init__(self, *args: Any, connection_log: ConnectionLog, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connection_log = connection_log
        self._connection = Connection()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection and add it to the state of its requests."""
        super().connection_made(transport)
        self._connection = Connection(self._connection_log.opened(), transport)
        self.app_state = {**self.app_state, "connection": self._connection}

    def connection_lost(self, exc: Exception | None) -> None:
        """Record a client that disconnected before its response was complete."""
        connection = self._connection
        incomplete = self.cycle is not None and not self.cycle.response_complete
        disconnect = None
        if incomplete and not connection.closed_here:
            now = time.monotonic()
            started = connection.received_at or now
            disconnect = Disconnect(connection.path, connection.number, now, now - started)
        super().connection_lost(exc)
        connection.gone.set()
        self._connection_log.closed(disconnect)

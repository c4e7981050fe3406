"""HTTP/1.1 on the emulator's connections, watched for clients that hang up."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from langchain_mimo.emulator.conversation.records import Disconnect
from langchain_mimo.emulator.http.connections import Connection, ConnectionLog


class WatchedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, with its connection handed to the application."""

    def __init__(self, *args: Any, connection_log: ConnectionLog, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connection_log = connection_log
        self._connection = Connection()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection and put it into the state of its requests."""
        super().connection_made(transport)
        self._connection = Connection(self._connection_log.opened(), transport)
        self.app_state = {**self.app_state, "connection": self._connection}

    def connection_lost(self, exc: Exception | None) -> None:
        """Record a client that hung up before its answer was whole."""
        connection = self._connection
        cut = self.cycle is not None and not self.cycle.response_complete
        record = None
        if cut and not connection.closed_here:
            now = time.monotonic()
            since = connection.received_at or now
            record = Disconnect(connection.path, connection.number, now, now - since)
        super().connection_lost(exc)
        connection.gone.set()
        self._connection_log.closed(record)

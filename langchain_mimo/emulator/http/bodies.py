"""Reads request bodies, of which only so much is held at the same time."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from langchain_mimo.emulator.refusals import http_error

if TYPE_CHECKING:  # part of the extra
    from starlette.requests import Request

_BODIES_IN_FLIGHT = 2
"""How many bodies of the largest size may be held at the same time."""


class Bodies:
    """Reads bodies within two limits.

    Args:
        at_most: Bytes of one body.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._free = at_most * _BODIES_IN_FLIGHT
        self._lock = threading.Lock()

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytearray]:
        """Read the body of a request, and hold it.

        Raises:
            Refusal: It is too large, or there is no room for it now.
        """
        too_large = http_error(413, f"Request body is larger than {self._at_most} bytes")
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._at_most:
            raise too_large
        body = bytearray()
        try:
            async for chunk in request.stream():
                if len(body) + len(chunk) > self._at_most:
                    raise too_large
                self._take(len(chunk))
                body += chunk
            yield body
        finally:
            self._take(-len(body))

    def _take(self, size: int) -> None:
        with self._lock:
            if size > self._free:
                raise http_error(503, "The emulator holds too many large requests at once")
            self._free -= size

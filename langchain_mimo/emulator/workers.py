"""Runs what takes time in threads, so that the event loop serves other requests meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_Result = TypeVar("_Result")

_LIGHT_BYTES = 4096
"""Larger bodies are never light. The rules for reading a prompt of this size take milliseconds."""

_HEAVY_MARKS = (b'"tools"', b"schema", b"base64", b"_url", b"json", b"JSON", b"\\u")
"""What may need work: generated values, media, and names written with escapes."""

_MAX_THREADS = 32


class Workers:
    """A few threads; they start when they are needed."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="mimo-emulator")

    async def run_for(
        self, body: bytes | bytearray, function: Callable[..., _Result], *arguments: Any
    ) -> _Result:
        """Call a function: at once if the request is light, else in a thread."""
        if is_light(body):
            return function(*arguments)
        return await self.run(function, *arguments)

    async def run(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Call a function in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, function, *arguments)


def is_light(body: bytes | bytearray) -> bool:
    """Return whether a request is answered in no time: short, without media, tools and JSON."""
    return len(body) <= _LIGHT_BYTES and not any(mark in body for mark in _HEAVY_MARKS)

"""Reads a response's body: in chunks, as the body of an error, or to the end after `[DONE]`."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, cast

import httpx2

from langchain_mimo._transport.attempt import ERROR_BODY_LIMIT, Attempt
from langchain_mimo._transport.timeouts import DRAIN_SECONDS
from langchain_mimo.errors import MiMoError


def _needs_client(response: httpx2.Response) -> bool:
    """Tell whether the body needs the client's own loops, which are slower.

    They decompress, and return the body that an event hook of the user's client has read already.
    """
    compressed = response.headers.get("content-encoding", "identity") != "identity"
    return bool(compressed or response.is_stream_consumed)


def chunks(response: httpx2.Response, attempt: Attempt) -> Iterator[bytes]:
    """Iterate over a body."""
    own_loop = _needs_client(response)
    source = response.iter_bytes() if own_loop else iter(cast("Any", response.stream))
    return source if attempt.keeps_deadlines else _checked(source, attempt)


def achunks(response: httpx2.Response, attempt: Attempt) -> AsyncIterator[bytes]:
    """Iterate over a body in an event loop."""
    own_loop = _needs_client(response)
    source = response.aiter_bytes() if own_loop else aiter(cast("Any", response.stream))
    return source if attempt.keeps_deadlines else _limited(source, attempt)


def _checked(source: Iterator[bytes], attempt: Attempt) -> Iterator[bytes]:
    """Check the time limits at every chunk: more is not possible with a user's own client."""
    for chunk in source:
        attempt.check()
        yield chunk


async def _limited(source: AsyncIterator[bytes], attempt: Attempt) -> AsyncIterator[bytes]:
    """Limit each wait for a chunk to the timer's deadline, whatever the client does."""
    while True:
        async with asyncio.timeout(attempt.timer.deadline.remaining()):
            chunk = await anext(source, None)
        if chunk is None:
            return
        yield chunk


def read_error(chunks: Iterator[bytes], attempt: Attempt) -> bytes:
    """Read an error's body, or as much of it as arrives."""
    body = bytearray()
    with suppress(*attempt.faults, MiMoError):
        for chunk in chunks:
            body += chunk
            if len(body) > ERROR_BODY_LIMIT:
                break
    return bytes(body)


async def aread_error(chunks: AsyncIterator[bytes], attempt: Attempt) -> bytes:
    """Read an error's body, or as much of it as arrives."""
    body = bytearray()
    with suppress(*attempt.faults, MiMoError):
        async for chunk in chunks:
            body += chunk
            if len(body) > ERROR_BODY_LIMIT:
                break
    return bytes(body)


def drain(attempt: Attempt, response: httpx2.Response, chunks: Iterator[bytes]) -> None:
    """Read a finished response to its end, so that its connection can be reused."""
    attempt.timer.expire_in(DRAIN_SECONDS)
    guard = None
    if not attempt.keeps_deadlines:  # the client would wait as long as for an event
        guard = threading.Timer(DRAIN_SECONDS, _shut_down, (response,))
        guard.start()
    with suppress(*attempt.faults, MiMoError):
        for _ in chunks:
            pass
    if guard is not None:
        guard.cancel()


async def adrain(attempt: Attempt, chunks: AsyncIterator[bytes]) -> None:
    """Read a finished response to its end, so that its connection can be reused."""
    attempt.timer.expire_in(DRAIN_SECONDS)
    with suppress(*attempt.faults, MiMoError):
        async for _ in chunks:
            pass


def _shut_down(response: httpx2.Response) -> None:
    """End a wait for a socket, from another thread."""
    stream = response.extensions.get("network_stream")
    sock = stream.get_extra_info("socket") if stream is not None else None
    if isinstance(sock, socket.socket):
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

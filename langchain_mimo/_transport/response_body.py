"""Reading an answer: chunk by chunk, to the end of an error, or past the end of a stream."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, cast

import httpx2

from langchain_mimo._transport.attempt import ERROR_BODY_LIMIT, Exchange
from langchain_mimo._transport.timeouts import DRAIN_SECONDS
from langchain_mimo.errors import MiMoError

FAULTS = (httpx2.HTTPError, httpx2.StreamError, OSError)
"""What httpx2 and sockets raise; asyncio's TimeoutError is an OSError."""


def _compressed(response: httpx2.Response) -> bool:
    return bool(response.headers.get("content-encoding", "identity") != "identity")


def chunks(response: httpx2.Response, exchange: Exchange) -> Iterator[bytes]:
    """Iterate over a body; past httpx2's own loops where there is nothing for them to decode."""
    compressed = _compressed(response)
    source = response.iter_bytes() if compressed else iter(cast("Any", response.stream))
    return source if exchange.strict else _checked(source, exchange)


def achunks(response: httpx2.Response, exchange: Exchange) -> AsyncIterator[bytes]:
    """Iterate over a body, in an event loop."""
    compressed = _compressed(response)
    source = response.aiter_bytes() if compressed else aiter(cast("Any", response.stream))
    return source if exchange.strict else _watched(source, exchange)


def _checked(source: Iterator[bytes], exchange: Exchange) -> Iterator[bytes]:
    """Look at the watch with every chunk: all that can be done beside a client of the user's."""
    for chunk in source:
        exchange.check()
        yield chunk


async def _watched(source: AsyncIterator[bytes], exchange: Exchange) -> AsyncIterator[bytes]:
    """Hold every wait for a chunk to the watch, whatever client waits."""
    while True:
        async with asyncio.timeout(exchange.watch.deadline.remaining()):
            chunk = await anext(source, None)
        if chunk is None:
            return
        yield chunk


def beginning(chunks: Iterator[bytes]) -> bytes:
    """Read an error's body, or what of it comes."""
    body = bytearray()
    with suppress(*FAULTS, MiMoError):
        for chunk in chunks:
            body += chunk
            if len(body) > ERROR_BODY_LIMIT:
                break
    return bytes(body)


async def abeginning(chunks: AsyncIterator[bytes]) -> bytes:
    """Read an error's body, or what of it comes."""
    body = bytearray()
    with suppress(*FAULTS, MiMoError):
        async for chunk in chunks:
            body += chunk
            if len(body) > ERROR_BODY_LIMIT:
                break
    return bytes(body)


def drain(exchange: Exchange, response: httpx2.Response, chunks: Iterator[bytes]) -> None:
    """Read on to the end of a finished answer, so that its connection can be used again."""
    exchange.watch.soon(DRAIN_SECONDS)
    guard = None
    if not exchange.strict:  # such a client would wait as long as for an event
        guard = threading.Timer(DRAIN_SECONDS, _shut_down, (response,))
        guard.start()
    with suppress(*FAULTS, MiMoError):
        for _ in chunks:
            pass
    if guard is not None:
        guard.cancel()


async def adrain(exchange: Exchange, chunks: AsyncIterator[bytes]) -> None:
    """Read on to the end of a finished answer, so that its connection can be used again."""
    exchange.watch.soon(DRAIN_SECONDS)
    with suppress(*FAULTS, MiMoError):
        async for _ in chunks:
            pass


def _shut_down(response: httpx2.Response) -> None:
    """End a wait for a socket from another thread."""
    stream = response.extensions.get("network_stream")
    sock = stream.get_extra_info("socket") if stream is not None else None
    if isinstance(sock, socket.socket):
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

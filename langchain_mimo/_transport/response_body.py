"""Reads a response's body: in chunks, as the body of an error, or to the end after `[DONE]`."""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, cast

import httpx2

from langchain_mimo._transport.attempt import ERROR_BODY_LIMIT, Attempt
from langchain_mimo._transport.http_packages import hang_up, hang_up_after_failure, is_shared
from langchain_mimo._transport.inflation import Inflater
from langchain_mimo._transport.timeouts import DRAIN_SECONDS
from langchain_mimo.errors import MiMoError


def chunks(response: httpx2.Response, attempt: Attempt) -> Iterator[bytes]:
    """Iterate over a body, inflated if it is compressed.

    A body that an event hook of the user's own client has read already comes from the client.
    """
    if response.is_stream_consumed:
        return response.iter_bytes()
    source: Iterator[bytes] = iter(cast("Any", response.stream))
    if not attempt.keeps_deadlines:
        source = _checked(source, attempt)
    return _inflated(source, attempt) if attempt.encoding else source


def achunks(response: httpx2.Response, attempt: Attempt) -> AsyncIterator[bytes]:
    """Iterate over a body in an event loop."""
    if response.is_stream_consumed:
        return response.aiter_bytes()
    source: AsyncIterator[bytes] = aiter(cast("Any", response.stream))
    if not attempt.keeps_deadlines:
        source = _limited(source, attempt)
    return _ainflated(source, attempt) if attempt.encoding else source


def _inflated(source: Iterator[bytes], attempt: Attempt) -> Iterator[bytes]:
    inflater = Inflater(attempt.encoding)
    for chunk in source:
        try:
            yield from inflater.feed(chunk)
        except zlib.error as error:
            raise attempt.decoding_error(error) from None


async def _ainflated(source: AsyncIterator[bytes], attempt: Attempt) -> AsyncIterator[bytes]:
    inflater = Inflater(attempt.encoding)
    async for chunk in source:
        try:
            for piece in inflater.feed(chunk):
                yield piece
        except zlib.error as error:
            raise attempt.decoding_error(error) from None


def read(chunks: Iterator[bytes], attempt: Attempt) -> bytes:
    """Read a whole response.

    Raises:
        MiMoInvalidResponseError: It is longer than the limit.
    """
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > attempt.max_bytes:
            raise attempt.too_long()
    return bytes(body)


async def aread(chunks: AsyncIterator[bytes], attempt: Attempt) -> bytes:
    """Read a whole response in an event loop."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > attempt.max_bytes:
            raise attempt.too_long()
    return bytes(body)


def _checked(source: Iterator[bytes], attempt: Attempt) -> Iterator[bytes]:
    """Check the time limits at every chunk: more is not possible with a user's own client."""
    while True:
        try:
            chunk = next(source, None)
        except Exception as error:  # noqa: BLE001 - of any kind
            raise attempt.client_error(error)  # noqa: B904 - it may be the error itself
        if chunk is None:
            return
        attempt.check()
        yield chunk


async def _limited(source: AsyncIterator[bytes], attempt: Attempt) -> AsyncIterator[bytes]:
    """Limit each wait for a chunk to the timer's deadline, whatever the client does."""
    while True:
        try:
            async with asyncio.timeout(attempt.timer.deadline.remaining()):
                chunk = await anext(source, None)
        except Exception as error:  # noqa: BLE001 - of any kind
            raise attempt.client_error(error)  # noqa: B904 - it may be the error itself
        if chunk is None:
            return
        yield chunk


def read_error(response: httpx2.Response, attempt: Attempt) -> bytes:
    """Read an error's body, or as much of it as arrives."""
    body = bytearray()
    with suppress(*attempt.faults, MiMoError):
        for chunk in chunks(response, attempt):
            body += chunk
            if len(body) > ERROR_BODY_LIMIT:
                break
    hang_up_after_failure(response)
    return bytes(body)


async def aread_error(response: httpx2.Response, attempt: Attempt) -> bytes:
    """Read an error's body, or as much of it as arrives."""
    body = bytearray()
    with suppress(*attempt.faults, MiMoError):
        async for chunk in achunks(response, attempt):
            body += chunk
            if len(body) > ERROR_BODY_LIMIT:
                break
    hang_up_after_failure(response)
    return bytes(body)


def drain(attempt: Attempt, response: httpx2.Response, chunks: Iterator[bytes]) -> None:
    """Read a finished response to its end, so that its connection can be reused."""
    if is_shared(response):  # it can be reused anyway
        return
    attempt.timer.expire_in(DRAIN_SECONDS)
    guard = None
    if not attempt.keeps_deadlines:  # the client would wait as long as for an event
        guard = threading.Timer(DRAIN_SECONDS, hang_up, (response,))
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

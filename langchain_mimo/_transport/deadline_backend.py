"""Network backends that apply one moving deadline to every socket operation.

httpx2 takes one read timeout per request and applies it to each read separately: a server that
sends a byte now and then never times out. A `Deadline` passes through httpx2 and httpcore2
unchanged, since it is a float, and takes effect here, next to the socket: no read, write, handshake
or name look-up lasts beyond it. Other timeouts are passed on as they are.

A request's head waits for the start of its body, so that both travel together: see `_Outgoing`.

A connection on which an operation fails or is cancelled closes itself: httpcore2 forgets it in the
middle of a handshake. Closing takes no step of the event loop, so no cancellation can interrupt a
pool in the middle of closing its connections.

This module imports httpcore2, which httpx2 loads with its first client: import it no sooner.
"""

# ruff: noqa: ASYNC109 - the timeouts are httpcore2's interface
from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import types
from collections.abc import Coroutine, Generator, Iterable, Sequence
from typing import Any

import httpcore2

from langchain_mimo._transport.timeouts import Deadline

_PIECE = 64 * 1024
"""Bytes written per operation: the deadline restarts with each piece that the socket accepts."""


def _left(timeout: float | None, expired: type[httpcore2.TimeoutException]) -> float | None:
    """Return the seconds that a timeout has left.

    Raises:
        httpcore2.TimeoutException: None are left; of the class `expired`.
    """
    if type(timeout) is not Deadline:
        return timeout
    left = timeout.remaining()
    if left <= 0:
        raise expired("the deadline has passed")
    return left


def _restart(timeout: float | None) -> None:
    if type(timeout) is Deadline:
        timeout.restart()


class _Outgoing:
    """Decides what a connection writes at once.

    httpcore2 writes the head of a request, then its body, then b"". Two small writes cost twice as
    much as one here, and may wake the server twice. So the first write after a read is held until
    the next write, which its body begins; at the latest, until the connection is read.
    """

    __slots__ = ("_head", "_is_first")

    def __init__(self) -> None:
        self._head = b""
        self._is_first = True

    def next(self, buffer: bytes) -> Sequence[bytes]:
        """Take what is to be written, and return what to write now, in pieces."""
        if self._is_first and buffer:
            self._head, self._is_first = buffer, False
            return ()
        head, self._head = self._head, b""
        if len(head) + len(buffer) <= _PIECE:
            return (head + buffer,) if head or buffer else ()
        view: Any = memoryview(buffer)  # not copied: it may have the size of a video
        pieces = [view[start : start + _PIECE] for start in range(0, len(view), _PIECE)]
        return [head, *pieces] if head else pieces

    def end(self) -> bytes:
        """Return what is still held, before the connection is read."""
        head, self._head, self._is_first = self._head, b"", True
        return head


class DeadlineBackend(httpcore2.NetworkBackend):
    """Connects within the deadline, even if a name has several addresses or never resolves."""

    def __init__(self, backend: httpcore2.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Try the addresses of a host one after another, all within the timeout."""
        _restart(timeout)
        failure: Exception | None = None
        for address in _addresses(host, port, timeout):
            left = _left(timeout, httpcore2.ConnectTimeout)
            try:
                stream = self._backend.connect_tcp(
                    address, port, left, local_address, socket_options
                )
            except httpcore2.ConnectError as error:
                failure = error
            else:
                return DeadlineStream(stream)
        raise failure or httpcore2.ConnectError(f"no address found for {host}")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.NetworkStream:
        """Connect within the timeout."""
        _restart(timeout)
        left = _left(timeout, httpcore2.ConnectTimeout)
        return DeadlineStream(self._backend.connect_unix_socket(path, left, socket_options))

    def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`."""
        self._backend.sleep(seconds)


class DeadlineStream(httpcore2.NetworkStream):
    """A connection on which every operation ends by its deadline."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream
        self._outgoing = _Outgoing()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read, and wait for bytes until the deadline."""
        try:
            if head := self._outgoing.end():
                self._stream.write(head, _left(timeout, httpcore2.WriteTimeout))
            return self._stream.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))
        except BaseException:
            self.close()
            raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write in pieces; the deadline restarts after each."""
        _restart(timeout)
        try:
            for piece in self._outgoing.next(buffer):
                self._stream.write(piece, _left(timeout, httpcore2.WriteTimeout))
                _restart(timeout)
        except httpcore2.WriteError:  # a response may be there already
            raise
        except BaseException:
            self.close()
            raise

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """Do the TLS handshake in what is left of the time to connect."""
        try:
            left = _left(timeout, httpcore2.ConnectTimeout)
            return DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """Return what the wrapped connection returns."""
        return self._stream.get_extra_info(info)


class AsyncDeadlineBackend(httpcore2.AsyncNetworkBackend):
    """The same for event loops, where name look-ups keep to the timeout anyway."""

    def __init__(self, backend: httpcore2.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect within the timeout."""
        _restart(timeout)
        left = _left(timeout, httpcore2.ConnectTimeout)
        return AsyncDeadlineStream(
            await self._backend.connect_tcp(host, port, left, local_address, socket_options)
        )

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """Connect within the timeout."""
        _restart(timeout)
        left = _left(timeout, httpcore2.ConnectTimeout)
        return AsyncDeadlineStream(
            await self._backend.connect_unix_socket(path, left, socket_options)
        )

    async def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`."""
        await self._backend.sleep(seconds)


class AsyncDeadlineStream(httpcore2.AsyncNetworkStream):
    """A connection on which every operation ends by its deadline."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._outgoing = _Outgoing()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read, and wait for bytes until the deadline."""
        try:
            if head := self._outgoing.end():
                await self._stream.write(head, _left(timeout, httpcore2.WriteTimeout))
            return await self._stream.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))
        except BaseException:
            await self.aclose()
            raise

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write in pieces; the deadline restarts after each."""
        _restart(timeout)
        try:
            for piece in self._outgoing.next(buffer):
                await self._stream.write(piece, _left(timeout, httpcore2.WriteTimeout))
                _restart(timeout)
        except httpcore2.WriteError:  # a response may be there already
            raise
        except BaseException:
            await self.aclose()
            raise

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Do the TLS handshake in what is left of the time to connect."""
        try:
            left = _left(timeout, httpcore2.ConnectTimeout)
            secure = await self._stream.start_tls(ssl_context, server_hostname, left)
        except BaseException:
            await self.aclose()
            raise
        return AsyncDeadlineStream(secure)

    async def aclose(self) -> None:
        """Close the connection."""
        await _without_pauses(self._stream.aclose())

    def get_extra_info(self, info: str) -> Any:
        """Return what the wrapped connection returns."""
        return self._stream.get_extra_info(info)


@types.coroutine
def _without_pauses(work: Coroutine[Any, Any, None]) -> Generator[Any, None, None]:
    """Run a coroutine to its end, without the steps that it only leaves to other tasks."""
    try:
        while True:
            awaited = work.send(None)
            if awaited is not None:
                yield awaited
    except StopIteration:
        pass
    finally:
        work.close()


def _addresses(host: str, port: int, timeout: float | None) -> list[str]:
    """Look a name up in a thread, since `getaddrinfo` takes no timeout."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return [host]
    result: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            result.put([str(each[4][0]) for each in found])
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller waits for it
            result.put(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=look_up, name="langchain-mimo-look-up", daemon=True).start()
    try:
        addresses = result.get(timeout=_left(timeout, httpcore2.ConnectTimeout))
    except queue.Empty:
        raise httpcore2.ConnectTimeout(f"timed out looking up {host}") from None
    if isinstance(addresses, OSError):
        raise httpcore2.ConnectError(str(addresses)) from addresses
    return addresses

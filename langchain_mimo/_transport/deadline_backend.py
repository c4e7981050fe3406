"""Network backends that hold every socket operation to a moving deadline.

httpx2 takes one read timeout per request and gives it to each read anew: a server that sends a byte
now and then is never late. A `Deadline` passes through httpx2 and httpcore2 unchanged, as the float
that it is, and is understood here, next to the socket: no read, write, handshake or name look-up
lasts beyond it. Other timeouts are passed on, so the backends behave like those they wrap.

This module imports httpcore2, which httpx2 loads with its first client: import it no sooner.
"""

# ruff: noqa: ASYNC109 - the timeouts are httpcore2's interface
from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

from langchain_mimo._transport.timeouts import Deadline

_PIECE = 64 * 1024
"""Bytes written at once: what a socket takes of it counts as one operation."""


def install(client: httpx2.Client | httpx2.AsyncClient) -> bool:
    """Give a client of ours, proxies included, the backends of this module.

    Args:
        client: A client that has made no connection yet.

    Returns:
        Whether httpx2 still is built as it must be for that; if not, `Deadline` is to the client
        the plain number of seconds that it also is.
    """
    mounts = getattr(client, "_mounts", {}).values()
    transports = [getattr(client, "_transport", None), *(each for each in mounts if each)]
    pools = [getattr(transport, "_pool", None) for transport in transports]
    backends = [getattr(pool, "_network_backend", None) for pool in pools]
    for pool, backend in zip(pools, backends, strict=True):
        if isinstance(backend, httpcore2.NetworkBackend):
            pool._network_backend = DeadlineBackend(backend)  # type: ignore[union-attr] # noqa: SLF001
        elif isinstance(backend, httpcore2.AsyncNetworkBackend):
            pool._network_backend = AsyncDeadlineBackend(backend)  # type: ignore[union-attr] # noqa: SLF001
        else:
            return False
    return True


def _left(timeout: float | None, expired: type[httpcore2.TimeoutException]) -> float | None:
    """Return the seconds that a timeout still leaves.

    Raises:
        httpcore2.TimeoutException: None, of the kind `expired`.
    """
    if type(timeout) is not Deadline:
        return timeout
    left = timeout.remaining()
    if left <= 0:
        raise expired("the deadline has passed")
    return left


def _began(timeout: float | None) -> None:
    if type(timeout) is Deadline:
        timeout.restart()


class DeadlineBackend(httpcore2.NetworkBackend):
    """Connects in time, also where a name has several addresses or is not answered."""

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
        """Try the addresses of a host one after the other, all within the timeout."""
        _began(timeout)
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
        raise failure or httpcore2.ConnectError(f"{host} has no address")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.NetworkStream:
        """Connect within the timeout."""
        _began(timeout)
        left = _left(timeout, httpcore2.ConnectTimeout)
        return DeadlineStream(self._backend.connect_unix_socket(path, left, socket_options))

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        self._backend.sleep(seconds)


class DeadlineStream(httpcore2.NetworkStream):
    """A connection whose every operation ends by the deadline it is given."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Wait for bytes until the deadline."""
        return self._stream.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write; each piece that is taken starts the deadline anew."""
        _began(timeout)
        view = memoryview(buffer)
        for start in range(0, len(view), _PIECE):
            piece = buffer if len(view) <= _PIECE else view[start : start + _PIECE]
            self._stream.write(piece, _left(timeout, httpcore2.WriteTimeout))  # type: ignore[arg-type]
            _began(timeout)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """Shake hands within what connecting has left of its time."""
        left = _left(timeout, httpcore2.ConnectTimeout)
        return DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def close(self) -> None:
        """Close."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """Answer as the connection beneath does."""
        return self._stream.get_extra_info(info)


class AsyncDeadlineBackend(httpcore2.AsyncNetworkBackend):
    """The same for event loops; names are looked up within the timeout there anyway."""

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
        _began(timeout)
        left = _left(timeout, httpcore2.ConnectTimeout)
        return AsyncDeadlineStream(
            await self._backend.connect_tcp(host, port, left, local_address, socket_options)
        )

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """Connect within the timeout."""
        _began(timeout)
        left = _left(timeout, httpcore2.ConnectTimeout)
        return AsyncDeadlineStream(
            await self._backend.connect_unix_socket(path, left, socket_options)
        )

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await self._backend.sleep(seconds)


class AsyncDeadlineStream(httpcore2.AsyncNetworkStream):
    """A connection whose every operation ends by the deadline it is given."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Wait for bytes until the deadline."""
        return await self._stream.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write; each piece that is taken starts the deadline anew."""
        _began(timeout)
        view = memoryview(buffer)
        for start in range(0, len(view), _PIECE):
            piece = buffer if len(view) <= _PIECE else view[start : start + _PIECE]
            await self._stream.write(piece, _left(timeout, httpcore2.WriteTimeout))  # type: ignore[arg-type]
            _began(timeout)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Shake hands within what connecting has left of its time."""
        left = _left(timeout, httpcore2.ConnectTimeout)
        return AsyncDeadlineStream(await self._stream.start_tls(ssl_context, server_hostname, left))

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        """Answer as the connection beneath does."""
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int, timeout: float | None) -> list[str]:
    """Look a name up in a thread, since nothing else can be given a time limit."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return [host]
    answer: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.put([str(each[4][0]) for each in found])
        except (OSError, UnicodeError) as error:
            answer.put(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=look_up, name="langchain-mimo-look-up", daemon=True).start()
    try:
        addresses = answer.get(timeout=_left(timeout, httpcore2.ConnectTimeout))
    except queue.Empty:
        raise httpcore2.ConnectTimeout(f"looking up {host}") from None
    if isinstance(addresses, OSError):
        raise httpcore2.ConnectError(str(addresses)) from addresses
    return addresses

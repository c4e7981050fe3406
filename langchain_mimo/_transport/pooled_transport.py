"""The transports of our own clients: httpcore2's connections, kept in pools of our own.

They differ from httpx2's transports in three ways:

- The work per request does not grow with the number of connections: see `connection_pool`.
- A `Deadline` limits every socket operation: see `deadline_backend`.
- A connection is closed if a request on it fails, whatever the failure. httpcore2 keeps one in its
  pool forever if the handshake behind a proxy fails.

Clients that a program brings keep their own transports.

This module imports httpcore2, which httpx2 loads with its first client: import it no sooner.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import httpcore2
import httpx2
from typing_extensions import override

from langchain_mimo._transport.connection_pool import ConnectionPool
from langchain_mimo._transport.deadline_backend import AsyncDeadlineBackend, DeadlineBackend

_FAULTS = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
)


class PooledTransport(httpx2.BaseTransport):
    """A transport over a pool of our own, for threads."""

    def __init__(
        self, context: ssl.SSLContext, limits: httpx2.Limits, proxy: httpx2.Proxy | None = None
    ) -> None:
        """Create the pool; nothing connects yet.

        Args:
            context: How certificates of servers are verified.
            limits: How many idle connections to keep, and how long. The number of connections in
                use has no limit.
            proxy: Proxy for all requests, or None.
        """
        factory = httpcore2.ConnectionPool(
            network_backend=DeadlineBackend(httpcore2.SyncBackend()),
            **_options(context, limits, proxy),
        )
        self._pool = ConnectionPool(factory.create_connection, _max_idle(limits))

    @override
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return the response, its body not yet read."""
        core_request = _core_request(request)
        connection, expired = self._pool.take(core_request.url.origin)
        try:
            _close(expired)
            response = connection.handle_request(core_request)
        except BaseException as error:
            connection.close()
            _close(self._pool.give_back(connection))
            _raise_as_httpx2(error)
            raise
        return _response(response, _Body(response.stream, connection, self._pool))

    @override
    def close(self) -> None:
        """Close all connections, also those in use."""
        _close(self._pool.close())


class AsyncPooledTransport(httpx2.AsyncBaseTransport):
    """The same for event loops."""

    def __init__(
        self, context: ssl.SSLContext, limits: httpx2.Limits, proxy: httpx2.Proxy | None = None
    ) -> None:
        """Create the pool; nothing connects yet.

        Args:
            context: How certificates of servers are verified.
            limits: How many idle connections to keep, and how long.
            proxy: Proxy for all requests, or None.
        """
        factory = httpcore2.AsyncConnectionPool(
            network_backend=AsyncDeadlineBackend(httpcore2.AnyIOBackend()),
            **_options(context, limits, proxy),
        )
        self._pool = ConnectionPool(factory.create_connection, _max_idle(limits))

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return the response, its body not yet read."""
        core_request = _core_request(request)
        connection, expired = self._pool.take(core_request.url.origin)
        try:
            await _aclose(expired)
            response = await connection.handle_async_request(core_request)
        except BaseException as error:
            await connection.aclose()
            await _aclose(self._pool.give_back(connection))
            _raise_as_httpx2(error)
            raise
        return _response(response, _AsyncBody(response.stream, connection, self._pool))

    @override
    async def aclose(self) -> None:
        """Close all connections, also those in use."""
        await _aclose(self._pool.close())


class _Body(httpx2.SyncByteStream):
    """The body of a response, which holds the connection until it is closed."""

    def __init__(self, stream: Any, connection: Any, pool: ConnectionPool) -> None:
        self._stream = stream
        self._connection = connection
        self._pool = pool

    @override
    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except _FAULTS as error:
            _raise_as_httpx2(error)

    @override
    def close(self) -> None:
        """Give the connection back; it is closed if the body was not read to its end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                self._stream.close()
            finally:
                _close(self._pool.give_back(connection))


class _AsyncBody(httpx2.AsyncByteStream):
    """The same for event loops."""

    def __init__(self, stream: Any, connection: Any, pool: ConnectionPool) -> None:
        self._stream = stream
        self._connection = connection
        self._pool = pool

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async with aclosing(aiter(self._stream)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except _FAULTS as error:
            _raise_as_httpx2(error)

    @override
    async def aclose(self) -> None:
        """Give the connection back; it is closed if the body was not read to its end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await self._stream.aclose()
            finally:
                await _aclose(self._pool.give_back(connection))


def _close(connections: list[Any]) -> None:
    for connection in connections:
        connection.close()


async def _aclose(connections: list[Any]) -> None:
    """Close connections; without a step of the event loop, so no cancellation can interrupt it."""
    for connection in connections:
        await connection.aclose()


def _core_request(request: httpx2.Request) -> httpcore2.Request:
    url = request.url
    core_request = httpcore2.Request(
        method=request.method,
        url=httpcore2.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        ),
        content=request.stream,
        extensions=request.extensions,
    )
    core_request.headers = request.headers.raw  # as an argument, each would be checked again
    return core_request


def _response(response: httpcore2.Response, body: Any) -> httpx2.Response:
    return httpx2.Response(
        response.status, headers=response.headers, stream=body, extensions=response.extensions
    )


def _raise_as_httpx2(error: BaseException) -> None:
    """Raise httpx2's exception for one of httpcore2; they have the same names."""
    if isinstance(error, httpcore2.ConnectionNotAvailable):
        raise httpx2.ConnectError("the client was closed meanwhile") from error
    if isinstance(error, _FAULTS):
        for kind in type(error).__mro__:
            if counterpart := getattr(httpx2, kind.__name__, None):
                raise counterpart(str(error)) from error


def _max_idle(limits: httpx2.Limits) -> int:
    return limits.max_keepalive_connections or 0


def _options(
    context: ssl.SSLContext, limits: httpx2.Limits, proxy: httpx2.Proxy | None
) -> dict[str, Any]:
    """Return how httpcore2 creates connections: as for httpx2's own transports."""
    return {
        "ssl_context": context,
        "keepalive_expiry": limits.keepalive_expiry,
        "proxy": proxy
        and httpcore2.Proxy(
            httpcore2.URL(
                scheme=proxy.url.raw_scheme,
                host=proxy.url.raw_host,
                port=proxy.url.port,
                target=proxy.url.raw_path,
            ),
            auth=proxy.raw_auth,
            headers=proxy.headers.raw,
            ssl_context=proxy.ssl_context,
        ),
    }

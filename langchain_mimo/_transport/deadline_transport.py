"""httpx2's transports over connection pools of our own, whose connections keep to deadlines.

httpx2 lets a pool choose its network backend, but a transport does not let its user choose the
pool. The classes here replace it: `_pool` is the one private name of httpx2 that they need.

This module imports httpcore2, which httpx2 loads with its first client: import it no sooner.
"""

from __future__ import annotations

import ssl
from functools import partial
from typing import Any
from weakref import ref

import httpcore2
import httpx2

from langchain_mimo._transport.deadline_backend import AsyncDeadlineBackend, DeadlineBackend


class DeadlineTransport(httpx2.HTTPTransport):
    """A transport on which a `Deadline` limits every socket operation.

    Attributes:
        keeps_deadlines: Whether it does. If httpx2 ever keeps its pool under another name, that
            pool stays in use, and a `Deadline` is the plain number of seconds that it also is.
    """

    def __init__(
        self, context: ssl.SSLContext, limits: httpx2.Limits, proxy: httpx2.Proxy | None = None
    ) -> None:
        """Create the pool; nothing connects yet.

        Args:
            context: How certificates of servers are verified.
            limits: Size of the pool.
            proxy: Proxy for all requests, or None.
        """
        super().__init__(verify=context, limits=limits, proxy=proxy)
        self.keeps_deadlines = isinstance(getattr(self, "_pool", None), httpcore2.ConnectionPool)
        if self.keeps_deadlines:
            self._pool = _Pool(
                network_backend=DeadlineBackend(httpcore2.SyncBackend()),
                **_pool_options(context, limits, proxy),
            )


class AsyncDeadlineTransport(httpx2.AsyncHTTPTransport):
    """The same for event loops."""

    def __init__(
        self, context: ssl.SSLContext, limits: httpx2.Limits, proxy: httpx2.Proxy | None = None
    ) -> None:
        """Create the pool; nothing connects yet.

        Args:
            context: How certificates of servers are verified.
            limits: Size of the pool.
            proxy: Proxy for all requests, or None.
        """
        super().__init__(verify=context, limits=limits, proxy=proxy)
        pool = getattr(self, "_pool", None)
        self.keeps_deadlines = isinstance(pool, httpcore2.AsyncConnectionPool)
        if self.keeps_deadlines:
            self._pool = _AsyncPool(
                network_backend=AsyncDeadlineBackend(httpcore2.AnyIOBackend()),
                **_pool_options(context, limits, proxy),
            )


class _Pool(httpcore2.ConnectionPool):
    """A pool that closes a connection on which a request fails, whatever the failure.

    httpcore2 keeps one in its pool forever if the handshake behind a proxy fails.
    """

    def create_connection(self, origin: httpcore2.Origin) -> httpcore2.ConnectionInterface:
        """Create a connection; nothing connects yet."""
        connection = super().create_connection(origin)
        connection.handle_request = partial(_handle, ref(connection))  # type: ignore[method-assign]
        return connection


class _AsyncPool(httpcore2.AsyncConnectionPool):
    """The same for event loops."""

    def create_connection(self, origin: httpcore2.Origin) -> httpcore2.AsyncConnectionInterface:
        """Create a connection; nothing connects yet."""
        connection = super().create_connection(origin)
        handle: Any = partial(_ahandle, ref(connection))
        connection.handle_async_request = handle  # type: ignore[method-assign]
        return connection


def _handle(reference: ref[Any], request: httpcore2.Request) -> httpcore2.Response:
    connection: Any = reference()
    try:
        response: httpcore2.Response = type(connection).handle_request(connection, request)
    except httpcore2.ConnectionNotAvailable:  # it serves another request
        raise
    except BaseException:
        connection.close()
        raise
    return response


async def _ahandle(reference: ref[Any], request: httpcore2.Request) -> httpcore2.Response:
    connection: Any = reference()
    try:
        response: httpcore2.Response = await type(connection).handle_async_request(
            connection, request
        )
    except httpcore2.ConnectionNotAvailable:
        raise
    except BaseException:
        await connection.aclose()
        raise
    return response


def _pool_options(
    context: ssl.SSLContext, limits: httpx2.Limits, proxy: httpx2.Proxy | None
) -> dict[str, Any]:
    """Return the pool's arguments: the same as httpx2's transport would pass."""
    return {
        "ssl_context": context,
        "max_connections": limits.max_connections,
        "max_keepalive_connections": limits.max_keepalive_connections,
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

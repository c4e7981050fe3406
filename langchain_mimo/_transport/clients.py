"""HTTP clients, made when first needed and shared by all models with the same settings.

One client for threads, one for each running event loop (closed with it), one SSL context for all of
them. Nothing of a parent process is used after a fork. Models come and go (a `configurable_fields`
model is built anew for each call) without a descriptor more.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies
from weakref import WeakSet

import httpx2
from typing_extensions import override

from langchain_mimo.errors import MiMoConfigurationError

if TYPE_CHECKING:
    import ssl

_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=200, keepalive_expiry=30.0)
"""Connections are not rationed: a pool that is full makes callers wait, and httpcore2's queue of
waiters costs the square of its length. Idle ones are kept for 30 s, for an agent's tools to run."""

AnyClient = TypeVar("AnyClient", httpx2.Client, httpx2.AsyncClient)


class _NoCookies(CookieJar):
    """Takes no cookies: keys share a client, no request sends any, and reading them costs time."""

    @override
    def extract_cookies(self, *_: object) -> None:
        """Leave them in the answer."""


@dataclass(frozen=True, slots=True, repr=False)
class ClientSettings:
    """Everything that makes two HTTP clients interchangeable.

    Attributes:
        proxy: URL of a proxy for everything, instead of those of the environment. HTTPS_PROXY,
            HTTP_PROXY, ALL_PROXY and NO_PROXY are read when `trust_env` is true.
        verify: True for certifi's authorities; a path to a file (PEM) or folder of other ones; an
            `ssl.SSLContext`, for client certificates too; False for no check at all.
        trust_env: Whether proxies, SSL_CERT_FILE and SSL_CERT_DIR of the environment count.
    """

    proxy: str | None = None
    verify: bool | str | ssl.SSLContext = True
    trust_env: bool = True

    def __repr__(self) -> str:
        """Name the proxy by its host alone: its URL may hold a password."""
        proxy = self.proxy and _host_of(self.proxy)
        return (
            f"ClientSettings(proxy={proxy!r}, verify={self.verify!r}, trust_env={self.trust_env})"
        )

    def key(self) -> tuple[Any, ...]:
        """Return what shared clients are found by: the settings and the environment they read."""
        if not self.trust_env:
            return (self,)
        certificates = (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        return (self, tuple(sorted(getproxies().items())), certificates)

    def build(self, kind: type[AnyClient]) -> SharedClient[AnyClient]:
        """Make a client of either kind.

        Raises:
            MiMoConfigurationError: The proxy's URL or the certificates' path cannot be used.
        """
        from langchain_mimo._transport.deadline_backend import install  # noqa: PLC0415 - imports httpcore2

        try:
            client = kind(
                verify=_ssl_context(self.verify, trust_env=self.trust_env),
                proxy=self.proxy,
                trust_env=self.trust_env,
                limits=_LIMITS,
                timeout=None,
                follow_redirects=False,
                cookies=_NoCookies(),
            )
        except MiMoConfigurationError:
            raise
        except (ValueError, ImportError, httpx2.InvalidURL):
            client = None
        if client is not None:
            return SharedClient(client, keeps_deadlines=install(client))
        # Raised out here, since httpx2's own error shows the URL, and a password that is in it.
        named = _host_of(self.proxy) if self.proxy else "of the environment"
        raise MiMoConfigurationError(
            f"The proxy {named} cannot be used: check how its URL is written, and its scheme "
            "(http, https; socks5 needs httpx2[socks])."
        )


def _host_of(url: str) -> str:
    """Return what of a URL may be shown."""
    try:
        return urlsplit(url).hostname or "…"
    except ValueError:
        return "…"


@dataclass(slots=True, eq=False)
class SharedClient(Generic[AnyClient]):
    """A client of ours and who uses it.

    Attributes:
        client: The client.
        keeps_deadlines: Whether it understands a moving `Deadline`.
        users: Whoever asked for it and has not closed it since; garbage does not count.
        guard: What closes an async client at the end of its loop.
    """

    client: AnyClient
    keeps_deadlines: bool
    users: WeakSet[Any] = field(default_factory=WeakSet)
    guard: AsyncGenerator[None] | None = None


class _Registry:
    """All shared clients of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sync: dict[tuple[Any, ...], SharedClient[httpx2.Client]] = {}
        self.by_loop: dict[
            asyncio.AbstractEventLoop, dict[tuple[Any, ...], SharedClient[httpx2.AsyncClient]]
        ] = {}
        self.contexts: dict[tuple[Any, ...], ssl.SSLContext] = {}

    def forget_closed_loops(self) -> None:
        for loop in [loop for loop in self.by_loop if loop.is_closed()]:
            del self.by_loop[loop]

    def close(self) -> None:
        """Close the threads' clients, at the end of the process."""
        while self.sync:
            self.sync.popitem()[1].client.close()


_registry = _Registry()
_inherited: list[_Registry] = []
"""Clients of parent processes: not used, and not closed either, the sockets are the parent's."""


def _begin_again() -> None:
    global _registry  # noqa: PLW0603 - a fork gives the child a process of its own
    _inherited.append(_registry)
    _registry = _Registry()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_again)


@atexit.register
def _close_at_exit() -> None:
    _registry.close()


def sync_client(settings: ClientSettings, key: Any, user: Any) -> SharedClient[httpx2.Client]:
    """Return the client for threads.

    Args:
        settings: What it must be like.
        key: `settings.key()`.
        user: Who asks; it counts as using the client until `release_sync` or its end.

    Raises:
        MiMoConfigurationError: There cannot be a client with such settings.
    """
    registry = _registry
    shared = registry.sync.get(key)
    if shared is not None and user in shared.users:
        return shared
    with registry.lock:  # so that the last user does not close it in this moment
        shared = registry.sync.get(key)
        if shared is None:
            shared = registry.sync[key] = settings.build(httpx2.Client)
        shared.users.add(user)
    return shared


def release_sync(key: Any, user: Any) -> None:
    """Note that `user` is done; the last one closes the client."""
    registry = _registry
    with registry.lock:
        shared = registry.sync.get(key)
        if shared is None:
            return
        shared.users.discard(user)
        if shared.users:
            return
        del registry.sync[key]
    shared.client.close()


async def async_client(
    settings: ClientSettings, key: Any, user: Any
) -> SharedClient[httpx2.AsyncClient]:
    """Return the client of the running loop.

    Args:
        settings: What it must be like.
        key: `settings.key()`.
        user: Who asks; it counts as using the client until `release_async` or its end.

    Raises:
        MiMoConfigurationError: There cannot be a client with such settings.
    """
    registry, loop = _registry, asyncio.get_running_loop()
    clients = registry.by_loop.get(loop)
    if clients is None:
        with registry.lock:
            registry.forget_closed_loops()
            clients = registry.by_loop[loop] = {}
    shared = clients.get(key)
    if shared is None:
        shared = clients[key] = settings.build(httpx2.AsyncClient)
        shared.guard = _closes_with_loop(shared.client, clients, key)
        await anext(shared.guard)
    if user not in shared.users:
        shared.users.add(user)
    return shared


async def release_async(key: Any, user: Any) -> None:
    """Note that `user` is done in the running loop; the last one closes the loop's client."""
    clients = _registry.by_loop.get(asyncio.get_running_loop(), {})
    shared = clients.get(key)
    if shared is None:
        return
    shared.users.discard(user)
    if not shared.users and shared.guard is not None:
        await shared.guard.aclose()


async def _closes_with_loop(
    client: httpx2.AsyncClient, clients: dict[tuple[Any, ...], Any], key: Any
) -> AsyncGenerator[None]:
    """Close a client when the loop ends: loops close their unfinished async generators then.

    `asyncio.run`, `asyncio.Runner` and whatever is built upon them call `shutdown_asyncgens`.
    """
    try:
        yield
    finally:
        clients.pop(key, None)
        await client.aclose()


def _ssl_context(verify: bool | str | ssl.SSLContext, *, trust_env: bool) -> ssl.SSLContext:
    """Return the one context for these authorities; loading them costs 20 ms and much memory.

    Raises:
        MiMoConfigurationError: There are no certificates at that path.
    """
    import ssl  # noqa: PLC0415 - not needed before the first connection

    if isinstance(verify, ssl.SSLContext):
        return verify
    environment = (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    key = (verify, environment if trust_env else None)
    context = _registry.contexts.get(key)
    if context is None:
        if isinstance(verify, str):
            path = Path(verify).expanduser()
            folder = path.is_dir()
            try:
                context = ssl.create_default_context(
                    cafile=None if folder else path, capath=path if folder else None
                )
            except OSError as error:
                raise MiMoConfigurationError(
                    f"The certificates at verify={verify!r} cannot be loaded: {error}."
                ) from error
        else:
            context = httpx2.create_ssl_context(verify=verify, trust_env=trust_env)
        _registry.contexts[key] = context
    return context

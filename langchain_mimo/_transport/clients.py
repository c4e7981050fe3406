"""HTTP clients, created when first needed and shared by all models with the same settings.

There is one client for threads, one for each running event loop (closed with it), and one SSL
context for all of them. A forked process uses nothing of its parent's. Models come and go (a
`configurable_fields` model is rebuilt for each call) without opening one more file descriptor.
"""

from __future__ import annotations

import asyncio
import atexit
import errno
import os
import threading
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies
from weakref import WeakSet

import httpx2
from typing_extensions import override

from langchain_mimo._forks import fork_lock
from langchain_mimo._transport.environment_proxies import (
    check_proxy,
    environment_proxies,
    proxy_variables,
)
from langchain_mimo.errors import MiMoConfigurationError

if TYPE_CHECKING:
    import ssl

_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=200, keepalive_expiry=30.0)
"""The number of connections is not limited, so that no call waits for another one. Idle connections
stay open for 30 s, so that they outlast an agent's tools."""

AnyClient = TypeVar("AnyClient", httpx2.Client, httpx2.AsyncClient)


class _NoCookies(CookieJar):
    """A cookie jar that stays empty: API keys share clients, and parsing Set-Cookie is slow."""

    @override
    def extract_cookies(self, *_: object) -> None:
        """Ignore the response's cookies."""


@dataclass(frozen=True, slots=True, repr=False)
class ClientSettings:
    """Everything that makes two HTTP clients interchangeable.

    Attributes:
        proxy: URL of a proxy for all requests, in place of those in the environment. HTTPS_PROXY,
            HTTP_PROXY, ALL_PROXY and NO_PROXY are read if `trust_env` is true.
        verify: True to trust the certificate authorities of the operating system, as httpx2 does; a
            path to a PEM file or to a folder of certificates to trust those instead; an
            `ssl.SSLContext`, which can hold client certificates too; False to verify nothing.
        trust_env: Whether to read proxies, SSL_CERT_FILE and SSL_CERT_DIR from the environment.
            The latter two replace the operating system's authorities.
    """

    proxy: str | None = None
    verify: bool | str | ssl.SSLContext = True
    trust_env: bool = True

    def __repr__(self) -> str:
        """Show only the host of the proxy: its URL may hold a password."""
        proxy = self.proxy and _host_of(self.proxy)
        return (
            f"ClientSettings(proxy={proxy!r}, verify={self.verify!r}, trust_env={self.trust_env})"
        )

    def key(self) -> tuple[Any, ...]:
        """Return what identifies a shared client: the settings and the environment they read."""
        own = (self.proxy, self.verify, self.trust_env)  # no `self`: its hash is slow
        if not self.trust_env:
            return own
        certificates = (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        return (*own, tuple(sorted(getproxies().items())), certificates)

    def build(self, kind: type[AnyClient]) -> SharedClient[AnyClient]:
        """Create a client.

        Args:
            kind: Its class, for threads or for event loops.

        Raises:
            MiMoConfigurationError: The proxy's URL or the path of the certificates is unusable.
        """
        context = _ssl_context(self.verify, trust_env=self.trust_env)
        proxies: dict[str, str | None] = {}
        if self.proxy is not None:
            _check_proxy(self.proxy, _host_of(self.proxy))
        elif self.trust_env:
            proxies = environment_proxies()
        for pattern, url in proxies.items():
            if url:
                _check_proxy(url, proxy_variables(pattern.partition(":")[0])[0])
        return self._build(kind, context, proxies)

    def _build(
        self, kind: type[AnyClient], context: ssl.SSLContext, proxies: Mapping[str, str | None]
    ) -> SharedClient[AnyClient]:
        from langchain_mimo._transport import pooled_transport  # noqa: PLC0415 - imports httpcore2

        transport_class: Any = (
            pooled_transport.PooledTransport
            if issubclass(kind, httpx2.Client)
            else pooled_transport.AsyncPooledTransport
        )

        def transport_over(proxy: str | None) -> Any:
            return transport_class(context, _LIMITS, httpx2.Proxy(proxy) if proxy else None)

        mounts: dict[str, Any] = {
            pattern: transport_over(url) if url else None for pattern, url in proxies.items()
        }
        transport = transport_over(self.proxy)
        client = kind(
            transport=transport,
            mounts=mounts,
            trust_env=self.trust_env,
            timeout=None,
            follow_redirects=False,
            cookies=_NoCookies(),
        )
        return SharedClient(client, None if mounts else transport)


def _check_proxy(url: str, source: str) -> None:
    """Check a proxy; `source` names where it is set.

    Raises:
        MiMoConfigurationError: Its URL is unusable, or it needs a package that is not installed.
    """
    try:
        check_proxy(url)
        if url.strip().lower().startswith("socks"):
            import_module("socksio")  # httpcore2 looks for it when it connects
    except ImportError:
        reason = "SOCKS needs one more package: pip install 'httpx2[socks]'"
    except ValueError as error:
        reason = f"{error}; correct it, or unset it to use no proxy"
    else:
        return
    raise MiMoConfigurationError(f"cannot use the proxy of {source}: {reason}")


def _host_of(url: str) -> str:
    """Return the part of a URL that may be shown."""
    try:
        return urlsplit(url).hostname or "…"
    except ValueError:
        return "…"


@dataclass(slots=True, eq=False)
class SharedClient(Generic[AnyClient]):
    """One of our clients and its users.

    Attributes:
        client: The client.
        transport: The client's only transport; None if the URL decides which one is used. Requests
            go to it directly: auth, redirects, cookies and hooks, which the client adds, have
            nothing to do here.
        users: Who requested it and has not released it since; held weakly.
        guard: Generator that closes an async client at the end of its loop.
    """

    client: AnyClient
    transport: Any = None
    users: WeakSet[Any] = field(default_factory=WeakSet)
    guard: AsyncGenerator[None] | None = None


def send(shared: SharedClient[httpx2.Client], request: httpx2.Request) -> httpx2.Response:
    """Send a request; returns the response, its body not yet read."""
    if shared.transport is None:
        return shared.client.send(request, stream=True, auth=None)
    response: httpx2.Response = shared.transport.handle_request(request)
    return response


async def asend(
    shared: SharedClient[httpx2.AsyncClient], request: httpx2.Request
) -> httpx2.Response:
    """Do the same in an event loop."""
    if shared.transport is None:
        return await shared.client.send(request, stream=True, auth=None)
    response: httpx2.Response = await shared.transport.handle_async_request(request)
    return response


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
        """Close the clients for threads, at the end of the process."""
        while self.sync:
            self.sync.popitem()[1].client.close()


_registry = _Registry()
_inherited: list[_Registry] = []
"""Clients of parent processes. They are neither used nor closed: the sockets are the parent's."""


def _replace_registry() -> None:
    global _registry  # noqa: PLW0603 - a forked process must not share connections
    _inherited.append(_registry)
    _registry = _Registry()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_replace_registry)


@atexit.register
def _close_at_exit() -> None:
    _registry.close()


def sync_client(settings: ClientSettings, key: Any, user: Any) -> SharedClient[httpx2.Client]:
    """Return the client for threads.

    Args:
        settings: The client's settings.
        key: `settings.key()`.
        user: Object that uses the client until it calls `release_sync` or is garbage-collected.

    Raises:
        MiMoConfigurationError: The settings are unusable.
    """
    registry = _registry
    shared = registry.sync.get(key)
    if shared is not None and user in shared.users:
        return shared
    with registry.lock:  # else the last user could close it meanwhile
        shared = registry.sync.get(key)
        if shared is None:
            shared = registry.sync[key] = settings.build(httpx2.Client)
        shared.users.add(user)
    return shared


def release_sync(key: Any, user: Any) -> None:
    """Release the client for threads; the last user to do so closes it."""
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
        settings: The client's settings.
        key: `settings.key()`.
        user: Object that uses the client until it calls `release_async` or is garbage-collected.

    Raises:
        MiMoConfigurationError: The settings are unusable.
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
        shared.guard = _close_with_loop(shared.client, clients, key)
        await anext(shared.guard)
    if user not in shared.users:
        shared.users.add(user)
    return shared


async def release_async(key: Any, user: Any) -> None:
    """Release the running loop's client; the last user to do so closes it."""
    clients = _registry.by_loop.get(asyncio.get_running_loop(), {})
    shared = clients.get(key)
    if shared is None:
        return
    shared.users.discard(user)
    if not shared.users and shared.guard is not None:
        await shared.guard.aclose()


async def _close_with_loop(
    client: httpx2.AsyncClient, clients: dict[tuple[Any, ...], Any], key: Any
) -> AsyncGenerator[None]:
    """Close a client when its loop ends, which is when loops close unfinished async generators.

    `asyncio.run` and `asyncio.Runner`, and whatever is built on them, call `shutdown_asyncgens`.
    """
    try:
        yield
    finally:
        clients.pop(key, None)
        await client.aclose()


def _ssl_context(verify: bool | str | ssl.SSLContext, *, trust_env: bool) -> ssl.SSLContext:
    """Return the context for these authorities, created once: loading them takes 20 ms and memory.

    Raises:
        MiMoConfigurationError: The certificates cannot be loaded.
    """
    import ssl  # noqa: PLC0415 - not needed before the first connection

    if isinstance(verify, ssl.SSLContext):
        return verify
    environment = tuple(map(os.environ.get, _CERTIFICATE_VARIABLES))
    key = (verify, environment if trust_env else None)
    context = _registry.contexts.get(key)
    if context is None:
        try:
            with fork_lock:  # OpenSSL holds locks meanwhile
                context = _registry.contexts[key] = _load_context(verify, trust_env=trust_env)
        except OSError as error:
            source, remedy = f"verify={verify!r}", "leave it out"
            if not isinstance(verify, str):
                name = "SSL_CERT_DIR" if isinstance(error, _NoFolderError) else "SSL_CERT_FILE"
                source, remedy = f"{name}={os.environ.get(name)!r}", f"unset {name}"
            raise MiMoConfigurationError(
                f"cannot load the certificates of {source}: {error.strerror or error}; correct the "
                f"path, or {remedy} to trust the authorities of the operating system"
            ) from error
    return context


class _NoFolderError(FileNotFoundError):
    """SSL_CERT_DIR names no folder."""


def _check_environment() -> None:
    """Refuse a folder that does not exist: OpenSSL would trust nobody, and say nothing.

    httpx2 reads the folder only if SSL_CERT_FILE is not set.

    Raises:
        _NoFolderError: There is none.
    """
    folders = None if os.environ.get("SSL_CERT_FILE") else os.environ.get("SSL_CERT_DIR")
    if folders and not any(Path(folder).is_dir() for folder in folders.split(os.pathsep)):
        raise _NoFolderError(errno.ENOENT, os.strerror(errno.ENOENT), folders)


def _load_context(verify: bool | str, *, trust_env: bool) -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 - not needed before the first connection

    if not isinstance(verify, str):
        if verify and trust_env:
            _check_environment()
        return httpx2.create_ssl_context(verify=verify, trust_env=trust_env)
    path = Path(verify).expanduser()
    if path.is_dir():
        return ssl.create_default_context(capath=path)
    return ssl.create_default_context(cafile=path)

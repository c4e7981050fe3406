"""What a fault of a connection means: where it happened, through which proxy, and what to do.

Everything in here runs after a failure, so the way of a request is looked up only then.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2

from langchain_mimo._redaction import redact
from langchain_mimo._transport.clients import ClientSettings
from langchain_mimo._transport.environment_proxies import environment_proxy, proxy_credentials
from langchain_mimo._transport.error_hints import ErrorContext
from langchain_mimo._transport.sse import CALL_AGAIN
from langchain_mimo.errors import MiMoConnectionError

_LIMIT = 1200
"""Bytes of a message: a server or a proxy may choose a part of it."""

_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN)
_EXPIRED, _NOT_YET_VALID, _WRONG_NAMES = 10, 9, (62, 64)
"""Values of `SSLCertVerificationError.verify_code` (OpenSSL's X509_V_ERR_…)."""


class Proxy(NamedTuple):
    """The proxy that a request goes through.

    Attributes:
        address: Its host and port.
        source: Where it is configured: an environment variable, or an argument.
        is_tls: Whether the connection to the proxy itself is encrypted.
        secrets: Its credentials, in the forms in which they are sent.
    """

    address: str
    source: str
    is_tls: bool = False
    secrets: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return address and source."""
        return f"the proxy {self.address} (set in {self.source})"


@dataclass(frozen=True, slots=True)
class Route:
    """The way of a request to its server.

    Attributes:
        url: URL of the request.
        settings: Settings of our own clients.
        client: The user's own client, or None.
        client_name: Its argument: "http_client" or "http_async_client".
    """

    url: httpx2.URL
    settings: ClientSettings
    client: Any = None
    client_name: str = "http_client"

    @property
    def target(self) -> str:
        """Host and port of the server."""
        place = self.url.netloc.decode("ascii")
        return place if self.url.port else f"{place}:{443 if self.url.scheme == 'https' else 80}"

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        host = self.url.host
        return host in ("localhost", "::1") or host.startswith("127.")

    def completed(self, context: ErrorContext) -> ErrorContext:
        """Return what errors may say, with what is looked up only after a failure.

        That is the place that responded, `auth=` of the user's client, and the credentials of
        proxies, which a proxy may repeat in its refusal.
        """
        proxy = self.proxy()
        secrets = (*context.secrets, *proxy_credentials(), *(proxy.secrets if proxy else ()))
        # Over plain HTTP, the proxy may respond itself.
        place = self.described() if self.url.scheme == "http" else self.target
        has_auth = getattr(self.client, "auth", None) is not None
        own_auth = self.client_name if has_auth else ""
        return replace(context, place=place, own_auth=own_auth, secrets=secrets)

    def described(self) -> str:
        """Return the target, and the proxy on the way if there is one."""
        proxy = self.proxy()
        return f"{self.target} through {proxy}" if proxy else self.target

    def proxy(self) -> Proxy | None:
        """Return the proxy of the request, or None.

        A client has no public name for its proxies, so a user's own is asked in private ones, and
        nothing is said if it has none of them.
        """
        from_environment = environment_proxy(self.url)
        if self.client is None:
            if self.settings.proxy is not None:
                return _named(self.settings.proxy, "the settings")
            found = from_environment if self.settings.trust_env else None
            return _named(*found) if found else None
        choose = getattr(self.client, "_transport_for_url", None)
        transport = choose(type(self.client.base_url)(str(self.url))) if choose else None
        pool = getattr(transport, "_pool", None)
        url = getattr(pool, "_proxy_url", None)
        if url is None:
            return None
        address = f"{url.host.decode('ascii')}:{url.port}" if url.port else url.host.decode("ascii")
        source = self.client_name
        if from_environment and _named(*from_environment).address == address:
            source = from_environment[1]
        headers = getattr(pool, "_proxy_headers", ())
        secrets = tuple(value.decode("latin-1") for _, value in headers)
        return Proxy(address, source, url.scheme == b"https", secrets)


def _named(url: str, source: str) -> Proxy:
    parts = urlsplit(url)
    return Proxy(parts.netloc.rpartition("@")[2], source, parts.scheme.lower() == "https")


def connection_error(
    http: Any, fault: Exception, route: Route, secrets: tuple[str, ...], progress: str = ""
) -> MiMoConnectionError:
    """Return the error for a fault of a connection.

    Args:
        http: The client's package, `httpx2` or `httpx`.
        fault: What the client or a socket raised.
        route: The way of the request.
        secrets: Values that must not be shown.
        progress: What had arrived of a response, such as "3 events (120 bytes)"; "" before it.
    """
    if isinstance(fault, http.PoolTimeout):
        return MiMoConnectionError(
            f"all connections of {route.client_name} are in use; raise max_connections of its "
            "Limits, or send fewer requests at once"
        )
    if isinstance(fault, (http.UnsupportedProtocol, http.LocalProtocolError)):
        return MiMoConnectionError(
            redact(f"cannot send the request to {route.target}: {_text(fault)}", secrets, _LIMIT),
            is_retryable=False,
        )
    proxy = route.proxy()
    way = f"{route.target} through {proxy}" if proxy else route.target
    diagnosis = _diagnose(http, fault, route, proxy, progress)
    if isinstance(fault, http.ProxyError):
        what = f"{proxy or 'the proxy'} refused the connection to {route.target}"
    elif isinstance(fault, http.ConnectError):
        what = f"cannot connect to {way}"
    else:
        state = f"after {progress}" if progress else "before a response"
        what = f"the connection to {way} broke {state}"
    hidden = (*secrets, *(proxy.secrets if proxy else ()))
    text = redact(f"{what}: {diagnosis.reason}", hidden, _LIMIT)
    return MiMoConnectionError(f"{text}; {diagnosis.remedy}", is_retryable=diagnosis.is_retryable)


class _Diagnosis(NamedTuple):
    """Why a connection failed.

    Attributes:
        reason: What happened; it may contain text of the server or a proxy.
        remedy: What to do.
        is_retryable: Whether a retry may help.
    """

    reason: str
    remedy: str
    is_retryable: bool = True


def _diagnose(
    http: Any, fault: Exception, route: Route, proxy: Proxy | None, progress: str
) -> _Diagnosis:
    causes = list(_causes(fault))
    is_connecting = isinstance(fault, http.ConnectError)
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            if is_connecting or "alert" in str(cause).lower():
                return _tls_diagnosis(cause, route, proxy)
            return _Diagnosis(_reason_of(cause), _after_break(route, progress))
    if isinstance(fault, http.ProxyError):
        return _refusal(fault, proxy)
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno is not None:
            return _socket_diagnosis(cause, route, proxy, progress)
    if isinstance(fault, http.DecodingError):
        remedy = "the response is not compressed as its headers say; check proxies in between"
        return _Diagnosis(_text(fault), remedy, is_retryable=False)
    remedy = _check_server(route, proxy) if is_connecting else _after_break(route, progress)
    return _Diagnosis(_text(fault), remedy)


def _socket_diagnosis(
    cause: OSError, route: Route, proxy: Proxy | None, progress: str
) -> _Diagnosis:
    reason = (cause.strerror or _text(cause)).rstrip(".")
    if isinstance(cause, socket.gaierror):
        where = f"the address in {proxy.source}" if proxy else "the host name in base_url"
        return _Diagnosis(
            f"the host name is not known ({reason})",
            f"check the spelling of {where}, and the network with its DNS",
        )
    # asyncio writes texts of its own.
    known = os.strerror(cause.errno or 0)
    reason = reason if known.startswith("Unknown error") else known  # as on Windows
    if cause.errno in _UNREACHABLE:
        return _Diagnosis(reason, "check the network, VPN and firewall")
    if cause.errno in (errno.EMFILE, errno.ENFILE):
        remedy = "too many files are open; raise the limit or lower the concurrency"
        return _Diagnosis(reason, remedy, is_retryable=False)
    if cause.errno in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
        return _Diagnosis(reason, _after_break(route, progress))
    return _Diagnosis(reason, _check_server(route, proxy))


def _check_server(route: Route, proxy: Proxy | None) -> str:
    """Say what to check if nothing answers."""
    if proxy:
        way_out = "" if route.client else f", or list {route.url.host} in NO_PROXY"
        return f"check that the proxy is running and that {proxy.source} has its address{way_out}"
    own = f" (the connection is made by {route.client_name})" if route.client else ""
    text = f"check that the server is running and that base_url names its host and port{own}"
    if route.is_loopback:
        text += "; MiMo's emulator is started by `python -m langchain_mimo.emulator`"
    return text


def _after_break(route: Route, progress: str) -> str:
    """Say what to check if the other side hung up."""
    if route.url.scheme == "http" and not progress:
        return "if the server expects TLS, start base_url with https://; else see the server's log"
    return CALL_AGAIN


def _refusal(fault: Exception, proxy: Proxy | None) -> _Diagnosis:
    """Diagnose what a proxy said to CONNECT, or in the handshake of SOCKS."""
    text = _text(fault)
    source = proxy.source if proxy else "its settings"
    if re.match(r"5\d\d", text):
        remedy = (
            "the proxy cannot reach the server; check base_url, or ask the operator of the proxy"
        )
        return _Diagnosis(text, remedy)
    if text.startswith("407") or "auth" in text.lower():
        remedy = f"check user name and password in {source}"
        return _Diagnosis(text, remedy, is_retryable=False)
    remedy = f"check what the proxy allows, and its URL in {source}"
    return _Diagnosis(text, remedy, is_retryable=False)


def _tls_diagnosis(cause: ssl.SSLError, route: Route, proxy: Proxy | None) -> _Diagnosis:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _certificate_diagnosis(cause, route)
    reason = _reason_of(cause)
    if "certificate required" in reason:
        remedy = "the server asks for a client certificate; load one into the SSLContext of verify="
        return _Diagnosis(reason, remedy, is_retryable=False)
    if "alert" in reason or "protocol" in reason:
        remedy = "the two sides share no TLS settings; compare the TLS versions that they allow"
        return _Diagnosis(reason, remedy, is_retryable=False)
    if isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        remedy = "the connection was closed during the TLS handshake; check the port in base_url"
        return _Diagnosis(reason, remedy)
    who, where = "the server", "base_url"
    if proxy and proxy.is_tls:
        who, where = "the proxy or the server", f"{proxy.source} or base_url"
    remedy = f"{who} does not speak TLS on its port; for plain HTTP, write http:// in {where}"
    return _Diagnosis(reason, remedy, is_retryable=False)


def _reason_of(cause: ssl.SSLError) -> str:
    return (cause.reason or _text(cause)).lower().replace("_", " ")


def _certificate_diagnosis(cause: ssl.SSLCertVerificationError, route: Route) -> _Diagnosis:
    reason = (cause.verify_message or _text(cause)).rstrip(".")
    code = cause.verify_code
    if code in (_EXPIRED, _NOT_YET_VALID):
        remedy = "renew the certificate of the server, and check the clock of this machine"
    elif code in _WRONG_NAMES:
        remedy = "use a host name of the certificate in base_url, or get one for this host"
    elif route.client is not None:
        remedy = f"create {route.client_name} with verify= a context that trusts its authority"
    else:
        remedy = "pass a private authority as verify='/path/to/ca.pem'"
    return _Diagnosis(f"the certificate is not trusted ({reason})", remedy, is_retryable=False)


def _text(fault: BaseException) -> str:
    return re.sub(r"^\[Errno -?\d+\] ", "", str(fault)).rstrip(".") or type(fault).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Return an exception, what caused it, and the members of groups, which anyio raises."""
    while error is not None:
        yield error
        for member in getattr(error, "exceptions", ()):
            yield from _causes(member)
        error = error.__cause__ or error.__context__

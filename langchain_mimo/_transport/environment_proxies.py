"""HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, read as httpx2 reads them.

httpx2 ignores the environment when a client is given its transport, as ours are, and has no public
function for it. A test compares the two.
"""

from __future__ import annotations

import ipaddress
import os
import re
from base64 import b64encode
from urllib.parse import unquote
from urllib.request import getproxies

import httpx2

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,19}")


def environment_proxies() -> dict[str, str | None]:
    """Return what the environment says about proxies, as keys and values of `mounts`.

    Returns:
        The proxy's URL by URL pattern; None where no proxy is to be used.
    """
    found = getproxies()
    proxies: dict[str, str | None] = {}
    for scheme in ("http", "https", "all"):
        if url := found.get(scheme):
            proxies[f"{scheme}://"] = url if "://" in url else f"http://{url}"
    excluded = [host.strip() for host in found.get("no", "").split(",")]
    if "*" in excluded:
        return {}
    for host in excluded:
        pattern = _pattern(host)
        if pattern and _is_valid(pattern):
            proxies[pattern] = None
    return proxies


def check_proxy(url: str) -> None:
    """Check the URL of a proxy, before a client reads it: its own errors show the password.

    Args:
        url: The URL, with its scheme.

    Raises:
        ValueError: It is unusable; the message says why, without its user name and password.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        raise ValueError("its URL must start with a scheme, as in http://host:port")
    if scheme.lower() not in ("http", "https", "socks5", "socks5h"):
        raise ValueError(f"its scheme must be http, https, socks5 or socks5h, got {scheme!r}")
    userinfo, _, place = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    # An "@" or "/" in a password that is not escaped makes a part of it look like the port.
    _check_place(place, shows_port="@" not in url)
    try:
        httpx2.Proxy(url)
    except (ValueError, httpx2.InvalidURL):
        remedy = "escape special characters in user name and password, as in %40 for @"
        text = f"its URL is not valid; {remedy}" if userinfo else "its URL is not valid"
    else:
        return
    raise ValueError(text)  # outside of the handler, whose error shows the URL


def _check_place(place: str, *, shows_port: bool) -> None:
    """Check host and port of a proxy's URL, as `check_proxy` does."""
    if place[:1] == "[":
        host, bracket, port = place.rpartition("]")
        port = port.removeprefix(":")
        if not bracket:
            raise ValueError('its IPv6 address has no closing "]"')
    else:
        host, _, port = place.partition(":")
    if not host:
        raise ValueError("its URL names no host, as http://host:port does")
    if re.search(r"\s", host):
        raise ValueError("the host in its URL contains a space")
    if port and not (re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        got = f", got {port[:20]!r}" if shows_port else ""
        raise ValueError(f"its port must be a number from 1 to 65535{got}")


class _ChosenError(Exception):
    """Raised by a transport to say that it was chosen."""


class _Marker(httpx2.BaseTransport):
    """A transport that sends nothing, and says under which pattern it was mounted."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def handle_request(self, _: httpx2.Request) -> httpx2.Response:
        """Say that this transport was chosen."""
        raise _ChosenError(self._pattern)


def environment_proxy(url: httpx2.URL) -> tuple[str, str] | None:
    """Return the proxy that the environment names for a URL, and the name of the variable.

    Which one it is, httpx2 decides: a client is asked that has a marker in place of each proxy.
    """
    proxies = environment_proxies()
    if not proxies:
        return None
    mounts = {pattern: _Marker(pattern) for pattern in proxies}
    with httpx2.Client(transport=_Marker(""), mounts=mounts, trust_env=False) as client:
        try:
            client.get(url)
        except _ChosenError as found:
            pattern = str(found)
    proxy = proxies.get(pattern)
    if proxy is None:
        return None
    return proxy, proxy_variables(pattern.partition(":")[0])[0]


def proxy_variables(*schemes: str) -> list[str]:
    """Return the names of the variables that are set and name a proxy for one of these schemes.

    Without schemes, all of them count. If none is set, the system's settings name the proxies.
    """
    names = [f"{scheme}_proxy" for scheme in schemes or ("http", "https", "all")]
    spellings = [spelling for name in names for spelling in (name, name.upper())]
    found = [name for name in spellings if os.environ.get(name)]
    return found or ["the system's settings"]


def proxy_credentials() -> list[str]:
    """Return the credentials in the environment's proxy URLs, in the forms that are sent."""
    found: list[str] = []
    for url in getproxies().values():
        userinfo, at, _ = url.rpartition("://")[2].rpartition("@")
        if at:
            user, _, password = map(unquote, userinfo.partition(":"))
            pair = f"{user}:{password}"
            found += [userinfo, pair, password, b64encode(pair.encode()).decode("ascii")]
    return found


def _pattern(host: str) -> str:
    """Return the URL pattern for an entry of NO_PROXY, or "" for one that means nothing.

    `example.com` and `.example.com` include subdomains, addresses and `localhost` do not.
    """
    if "://" in host:
        return host
    address, _, length = host.partition("/")
    version = _ip_version(address)
    if version == 6:
        return f"all://[{address}]/{length}" if "/" in host else f"all://[{address}]"
    if version == 4 or host.lower() == "localhost" or host.startswith("["):
        return f"all://{host}"
    if not host or "/" in host:
        return ""
    return f"all://{host}" if host.startswith("*.") else f"all://*{host}"


def _ip_version(address: str) -> int | None:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None


def _is_valid(pattern: str) -> bool:
    """Tell whether httpx2 can parse a pattern; entries of NO_PROXY that it cannot are ignored."""
    try:
        httpx2.Client(
            transport=httpx2.BaseTransport(), mounts={pattern: None}, trust_env=False
        ).close()
    except (ValueError, httpx2.InvalidURL):
        return False
    return True

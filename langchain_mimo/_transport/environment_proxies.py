"""HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, read as httpx2 reads them.

httpx2 ignores the environment when a client is given its transport, as ours are, and has no public
function for it. A test compares the two.
"""

from __future__ import annotations

import ipaddress
from base64 import b64encode
from urllib.parse import unquote
from urllib.request import getproxies

import httpx2


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

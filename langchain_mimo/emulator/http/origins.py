"""Keeps other programs' pages out: the names by which a request may call this machine, and CORS.

Any page in a browser can send requests to a port of the machine it runs on. It cannot choose the
`Host` header, unless its own name is made to lead here, and it cannot read responses without CORS.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

ALLOW_ORIGIN = (b"access-control-allow-origin", b"*")

PREFLIGHT = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type, api-key, authorization",
    "access-control-max-age": "1800",
}
"""The response to a preflight request, as measured on MiMo."""


def names_this_machine(header: str, listening_on: str) -> bool:
    """Return whether a `Host` header names this machine.

    Args:
        header: The header; "" if there is none.
        listening_on: The address that the emulator listens on. Other machines reach one that is
            not a loopback address by names that are not known here, so all pass then.
    """
    if not is_loopback(listening_on):
        return True
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    return name == listening_on.lower() or is_loopback(name)


def is_loopback(name: str) -> bool:
    """Return whether a name or an address always means this machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False

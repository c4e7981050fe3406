"""httpx2 and httpx: a user's own client may be of either package.

Both have classes of the same names that behave alike, so one piece of code serves both if it takes
them from the client's own package. httpx is not a dependency: it is looked up among the modules
that the program has imported, and never imported here.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from functools import cache
from typing import Any, Literal, TypeAlias

ClientKind: TypeAlias = Literal["Client", "AsyncClient"]


def package_of(client: object, kind: ClientKind) -> Any | None:
    """Return the package that a client belongs to.

    Args:
        client: The client.
        kind: The class that it should be an instance of.

    Returns:
        The module `httpx2` or `httpx`; None if the client is not an instance of that class of
        either.
    """
    for name in ("httpx2", "httpx"):
        package = sys.modules.get(name)
        expected = getattr(package, kind, None)
        if isinstance(expected, type) and isinstance(client, expected):
            return package
    return None


@cache
def faults_of(package: Any) -> tuple[type[Exception], ...]:
    """Return the exceptions that a package's clients and their sockets raise.

    asyncio's TimeoutError is an OSError.
    """
    return (package.HTTPError, package.StreamError, OSError)


def hang_up(response: Any) -> None:
    """Shut down the connection of a response, so that its client sends no other request on it.

    No client has a method for that. But all ask the socket of an idle connection whether its server
    has disconnected, which is how it looks now, and open another one. A connection of HTTP/2 is
    left alone, since other responses share it; so is a transport that shows no socket.

    Args:
        response: A response of a client of either package, sync or async.
    """
    stream = response.extensions.get("network_stream")
    sock = stream.get_extra_info("socket") if stream is not None else None
    if sock is None or is_shared(response):
        return
    # A duplicate: the sockets that uvloop shows do not let others shut them down.
    with suppress(OSError), socket.fromfd(sock.fileno(), sock.family, sock.type) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)


def hang_up_after_failure(response: Any) -> None:
    """Hang up if the server may drop the connection without saying so.

    vLLM does after a status of 5xx, and 408 says that it waits no longer (RFC 9110, 15.5.9). The
    next request on the connection would meet a reset.
    """
    if response.status_code >= 500 or response.status_code == 408:
        hang_up(response)


def is_shared(response: Any) -> bool:
    """Return whether other responses may share the connection."""
    return bool(response.extensions.get("http_version") == b"HTTP/2")

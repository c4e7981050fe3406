"""httpx2 and httpx: a user's own client may be of either package.

Both have classes of the same names that behave alike, so one piece of code serves both if it takes
them from the client's own package. httpx is not a dependency: it is looked up among the modules
that the program has imported, and never imported here.
"""

from __future__ import annotations

import errno
import ssl
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal


def package_of(client: object, kind: Literal["Client", "AsyncClient"]) -> Any | None:
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


def remedy_of(package: Any, fault: Exception) -> str:
    """Return what to do about a fault of a connection that a retry does not cure, or ""."""
    for cause in _causes(fault):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                "the certificate is not trusted; pass a private authority as "
                "verify='/path/to/ca.pem'"
            )
        if isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
            return "too many files are open; raise the limit or lower the concurrency"
    if isinstance(fault, package.ProxyError):
        return "the proxy refused the request; check its URL, user name and password"
    if isinstance(fault, package.DecodingError):
        return "the response is not compressed as its headers say"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

"""httpx2 and httpx: a user's own client may be of either package.

Both have classes of the same names that behave alike, so one piece of code serves both if it takes
them from the client's own package. httpx is not a dependency: it is looked up among the modules
that the program has imported, and never imported here.
"""

from __future__ import annotations

import sys
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

"""The API key that a request offers."""

from __future__ import annotations

from collections.abc import Mapping


def offered_key(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Return the API key of a request, "" if there is none.

    If there are several, the first counts: a wrong `api-key` is refused even if the
    `Authorization` header has the right one.

    Args:
        headers: The headers by lower-case name.
        names: The headers that may carry the key, in order, besides `Authorization: Bearer`.
    """
    for name in names:
        if name in headers:
            return headers[name]
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else ""

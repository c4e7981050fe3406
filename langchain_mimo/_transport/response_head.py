"""Headers of an accepted response, in the form that messages and traces may keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from langchain_mimo._redaction import redact

MAX_HEADERS = 64
"""Number of headers that are kept, the first ones."""

MAX_HEADER_BYTES = 1024
"""Bytes of a header's value that are kept; one with a longer name is left out."""

_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-mimo-request-id", "x-trace-id")
_MAX_REQUEST_ID_BYTES = 200

# Whoever reads a trace could continue the session.
_COOKIES = frozenset({"set-cookie", "set-cookie2"})


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The headers of a response, read when they are asked for.

    Attributes:
        raw: The headers as the client has them.
        secrets: Values that must not appear, which a server may repeat.
        attempt: Number of the attempt that got the response, starting at 1.
        host: Host of the server, with its port if the URL has one.
    """

    raw: Mapping[str, str]
    secrets: tuple[str, ...]
    attempt: int = 1
    host: str = ""

    @property
    def request_id(self) -> str | None:
        """The server's id of the request, or None."""
        return request_id(self.raw, None, self.secrets)

    @property
    def headers(self) -> dict[str, str]:
        """At most `MAX_HEADERS` headers without cookies: lower-case names, redacted values."""
        named = ((name.lower(), value) for name, value in self.raw.items())
        kept = [
            (name, value)
            for name, value in named
            if name not in _COOKIES and len(name) <= MAX_HEADER_BYTES
        ]
        return {
            name: redact(value, self.secrets, MAX_HEADER_BYTES)
            for name, value in kept[:MAX_HEADERS]
        }


def request_id(
    headers: Mapping[str, str], from_body: str | None, secrets: Iterable[str]
) -> str | None:
    """Return the server's id of a request from its response, redacted, or None.

    Args:
        headers: Headers of the response.
        from_body: The id in its body, if any; headers go first.
        secrets: Values that must not appear.
    """
    # `in` is fast, and most responses have none of them.
    present = (headers[name] for name in _REQUEST_ID_HEADERS if name in headers)
    found = next(filter(None, present), from_body)
    return redact(found, secrets, _MAX_REQUEST_ID_BYTES) if found else None

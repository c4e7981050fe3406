"""A request to the API, as the rest of the package hands it to the transport."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpx2

from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._transport.error_hints import ErrorContext
from langchain_mimo._transport.response_head import ResponseHead
from langchain_mimo._transport.retries import RetryPolicy
from langchain_mimo._transport.timeouts import MiMoTimeouts
from langchain_mimo.errors import MiMoConfigurationError

_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_KEY_HEADERS = ("api-key", "authorization", "x-api-key")
"""Headers that may hold the key. MiMo reads `api-key` first (docs/api-facts.md)."""

MAX_RESPONSE_BYTES = 64 << 20
"""Default of the largest response, in bytes; the longest answers of MiMo have less than 1 MiB."""

STREAM_FACTOR = 8

_HARMLESS = frozenset(
    (
        *("accept", "accept-encoding", "accept-language", "anthropic-version", "connection"),
        *("content-length", "content-type", "host", "transfer-encoding", "user-agent"),
    )
)
"""Headers whose values are no secrets; those of all others are masked in what a server says."""


@dataclass(slots=True)
class ApiRequest:
    """A request to the API, with its time limits and retries.

    Attributes:
        url: Full URL of the endpoint.
        headers: Headers, including the API key. Host, Content-Type, Content-Length and Accept are
            added.
        tree: JSON tree, with `DeferredMedia` leaves in place of media.
        timeouts: Time limits.
        retry: Which failures are retried, and when.
        media: Which files may be opened.
        max_response_bytes: Largest response, in bytes after decompression; a stream, which repeats
            a frame around every token, may have `STREAM_FACTOR` times as many.
        on_head: Called with the headers of each accepted response, before its body is read.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    tree: dict[str, Any] = field(repr=False)
    timeouts: MiMoTimeouts = field(default_factory=MiMoTimeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    media: MediaPolicy = field(default_factory=MediaPolicy)
    max_response_bytes: int = MAX_RESPONSE_BYTES
    on_head: Callable[[ResponseHead], None] | None = None

    def key(self) -> str:
        """Return the API key that the server reads, or ""."""
        return next(iter(_keys(self.headers).values()), "")


@lru_cache(maxsize=64)
def _parse(url: str) -> httpx2.URL:
    return httpx2.URL(url)


def parse_url(api_request: ApiRequest) -> httpx2.URL:
    """Parse a request's URL, and check its headers.

    Raises:
        MiMoConfigurationError: It is not an http or https URL, or a header cannot be sent. The
            error names the header, never its value.
    """
    try:
        url = _parse(api_request.url)
    except httpx2.InvalidURL as error:
        raise MiMoConfigurationError(f"base_url is not a valid URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise MiMoConfigurationError(
            "base_url must start with https:// or http:// and name a host, "
            f"got scheme {url.scheme!r} and host {url.host!r}"
        )
    for name, value in api_request.headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise MiMoConfigurationError(
                f"{name[:80]!r} in default_headers is not a valid header name"
            )
        if not _HEADER_VALUE.fullmatch(value):
            raise MiMoConfigurationError(
                f"the value of the header {name!r} cannot be sent: it contains a line break, a "
                "character that is not ASCII, or a space at its start or end; "
                "check that no whitespace was copied along with the API key"
            )
    return url


def error_context(
    api_request: ApiRequest, url: httpx2.URL, headers: Mapping[str, str] | None = None
) -> ErrorContext:
    """Return what errors may say about a request, and what they must not.

    Args:
        api_request: The request.
        url: Its URL.
        headers: All headers of the request, if the caller's own client adds some.
    """
    headers = api_request.headers if headers is None else headers
    keys = _keys(headers)
    secrets = [value for name, value in headers.items() if name.lower() not in _HARMLESS]
    key = next(iter(keys.values()), "")
    family = re.match(r"(?:sk|ttp|tp)-", key)
    model, tools = api_request.tree.get("model"), api_request.tree.get("tools")
    return ErrorContext(
        host=url.host,
        key_family=family[0] if family else "",
        has_key=bool(key),
        rival_headers=tuple(keys) if len(set(keys.values())) > 1 else (),
        model=model if isinstance(model, str) else "",
        searches=isinstance(tools, list) and any(map(_is_web_search, tools)),
        secrets=tuple(secrets),
    )


def _keys(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the keys in headers by the header's name, the one that MiMo reads first."""
    values = dict.fromkeys(_KEY_HEADERS, "")
    for name, value in headers.items():
        if name.lower() in values:
            values[name.lower()] = value.rpartition(" ")[2]
    return {name: key for name, key in values.items() if key}


def _is_web_search(tool: object) -> bool:
    return isinstance(tool, Mapping) and tool.get("type") == "web_search"

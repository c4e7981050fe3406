"""Where requests go and with which headers: checked and prepared once for all calls of a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx2

from langchain_mimo._transport.error_hints import ErrorContext
from langchain_mimo.errors import MiMoConfigurationError

_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_KEY_HEADERS = ("api-key", "authorization", "x-api-key")
"""Headers that may hold the key. MiMo reads `api-key` first (docs/api-facts.md)."""

_FRAMING = ("content-length", "transfer-encoding")

_HARMLESS = frozenset(
    (
        *("accept", "accept-encoding", "accept-language", "anthropic-version", "connection"),
        *("content-length", "content-type", "host", "transfer-encoding", "user-agent"),
    )
)
"""Headers whose values are no secrets; those of all others are masked in what a server says."""


class Destination:
    """URL and headers of requests, as they are sent.

    Attributes:
        url: The URL.
        host: Its host, with the port if the URL has one.
        key: The API key that the server reads, or "".
    """

    __slots__ = ("_given", "_headers", "_known", "host", "key", "url")

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        """Check and prepare URL and headers.

        Args:
            url: Full URL of the endpoint.
            headers: Headers, including the API key.

        Raises:
            MiMoConfigurationError: The URL is not an http or https URL, or a header cannot be sent.
                The error names the header, never its value.
        """
        self.url = _checked_url(url)
        _check_headers(headers)
        self.host = self.url.netloc.decode("ascii")
        self.key = next(iter(_keys(headers).values()), "")
        self._given = (url, dict(headers))
        self._known = _known_of(self.host, headers)
        self._headers = (self._prepared(stream=False), self._prepared(stream=True))

    def serves(self, url: str, headers: Mapping[str, str]) -> bool:
        """Return whether these are its URL and headers."""
        return self._given == (url, headers)

    def headers(self, length: int, *, stream: bool) -> httpx2.Headers:
        """Return the headers of a request.

        Args:
            length: Size of its body, in bytes.
            stream: Whether to ask for events.
        """
        headers = httpx2.Headers(self._headers[stream])
        headers["content-length"] = str(length)
        return headers

    def _prepared(self, *, stream: bool) -> httpx2.Headers:
        headers = {
            "host": self.host,
            "accept": "text/event-stream" if stream else "application/json",
            # Compression would delay events until a block is full.
            "accept-encoding": "identity" if stream else "gzip, deflate",
            "content-type": "application/json",
        }
        for name, value in self._given[1].items():
            if name.lower() not in _FRAMING:
                headers[name.lower()] = value
        return httpx2.Headers(headers)

    def context(
        self, tree: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> ErrorContext:
        """Return what errors may say about a request, and what they must not.

        Args:
            tree: Its body.
            headers: All of its headers, if the caller's own client adds some.
        """
        known = self._known if headers is None else _known_of(self.host, headers)
        model, tools = tree.get("model"), tree.get("tools")
        return ErrorContext(
            **known,
            model=model if isinstance(model, str) else "",
            searches=isinstance(tools, list) and any(map(_is_web_search, tools)),
        )


def _checked_url(given: str) -> httpx2.URL:
    try:
        url = httpx2.URL(given)
    except httpx2.InvalidURL as error:
        raise MiMoConfigurationError(f"base_url is not a valid URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise MiMoConfigurationError(
            "base_url must start with https:// or http:// and name a host, "
            f"got scheme {url.scheme!r} and host {url.host!r}"
        )
    return url


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
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


def secrets_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of a request's headers that must not appear in what a server says."""
    return tuple(value for name, value in headers.items() if name.lower() not in _HARMLESS)


def _known_of(host: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what an `ErrorContext` says about host and headers."""
    keys = _keys(headers)
    key = next(iter(keys.values()), "")
    family = re.match(r"(?:sk|ttp|tp)-", key)
    return {
        "host": host,
        "key_family": family[0] if family else "",
        "has_key": bool(key),
        "rival_headers": tuple(keys) if len(set(keys.values())) > 1 else (),
        "secrets": secrets_of(headers),
    }


def _keys(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the keys in headers by the header's name, the one that MiMo reads first."""
    values = dict.fromkeys(_KEY_HEADERS, "")
    for name, value in headers.items():
        if name.lower() in values:
            values[name.lower()] = value.rpartition(" ")[2]
    return {name: key for name, key in values.items() if key}


def _is_web_search(tool: object) -> bool:
    return isinstance(tool, Mapping) and tool.get("type") == "web_search"

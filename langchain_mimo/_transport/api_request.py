"""A request to the API, as the rest of the package hands it to the transport."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpx2

from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._transport.error_responses import ErrorContext
from langchain_mimo._transport.retries import RetryPolicy
from langchain_mimo._transport.timeouts import MiMoTimeouts
from langchain_mimo.errors import MiMoConfigurationError

_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_KEY_HEADERS = ("authorization", "api-key", "x-api-key")
_SECRET_LENGTH = 8


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
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    tree: dict[str, Any] = field(repr=False)
    timeouts: MiMoTimeouts = field(default_factory=MiMoTimeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    media: MediaPolicy = field(default_factory=MediaPolicy)

    def key(self) -> str:
        """Return the value of the header that holds the API key, or ""."""
        values = {name.lower(): value for name, value in self.headers.items()}
        return next((values[name] for name in _KEY_HEADERS if values.get(name)), "")


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


def error_context(api_request: ApiRequest, url: httpx2.URL) -> ErrorContext:
    """Return what errors may say about a request, and what they must not."""
    key = api_request.key().rpartition(" ")[2]
    family = re.match(r"(?:sk|ttp|tp)-", key)
    model = api_request.tree.get("model")
    return ErrorContext(
        host=url.host,
        key_family=family[0] if family else "",
        has_key=bool(key),
        model=model if isinstance(model, str) else "",
        secrets=(key,) if len(key) >= _SECRET_LENGTH else (),
    )

"""What a redirect is: an error that says where it leads, since it is never followed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urljoin, urlsplit

from langchain_mimo._redaction import redact
from langchain_mimo._transport.error_hints import ErrorContext
from langchain_mimo._transport.error_responses import redacted_response
from langchain_mimo._transport.response_head import request_id
from langchain_mimo.errors import MiMoRedirectError

_ENDPOINT = re.compile(r"/chat/completions/?$|/v1/messages/?$")
"""What the paths of requests add to a base URL."""


def redirect_error(
    status: int, headers: Mapping[str, str], context: ErrorContext, url: str
) -> MiMoRedirectError:
    """Return the exception for a 3xx.

    Args:
        status: HTTP status.
        headers: Headers of the response.
        context: What is known about the request.
        url: Its URL.
    """
    origin, path = _shown(url)
    location, target, there = headers.get("location", ""), "", ""
    with suppress(ValueError):
        target, there = _shown(urljoin(url, location))
    shown = redact(f"{target}{there}", context.secrets, 500) if target else "an invalid URL"
    shown = shown if location else "an address that it does not name"
    remedy = "Check base_url, and whether a login page or a gateway is in between."
    base = _ENDPOINT.sub("", there)
    if target and base != there and (target, base) != (origin, _ENDPOINT.sub("", path)):
        fitting = redact(f"{target}{base}", context.secrets, 500)
        remedy = f'If you trust that address, set base_url="{fitting}".'
    return MiMoRedirectError(
        f"{origin} redirects to {shown}",
        status_code=status,
        request_id=request_id(headers, None, context.secrets),
        hint=f"Not followed, because the API key would be sent along. {remedy}",
        response=redacted_response(status, headers, b"", context),
    )


def _shown(url: str) -> tuple[str, str]:
    """Return what may be shown of a URL: its scheme with host and port, and its path.

    Raises:
        ValueError: It is no URL of HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not a URL of HTTP")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path

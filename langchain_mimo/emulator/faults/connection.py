"""Faults of the connection and the HTTP layer: cuts, stalls, error responses, proxy pages.

The functions that alter or replace a response; `FAULTS` in `faults.table` says what each does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import chain
from typing import Any

import orjson

from langchain_mimo.emulator.http.delivery import Cut, HttpResponse, Step

_EVENT_STREAM = "text/event-stream"


def _html_page(title: str, server: str) -> bytes:
    """Return an error page in the form of nginx and its relatives."""
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>{server}</center>\r\n"
        "</body>\r\n</html>\r\n"
    ).encode()


_HTML = _html_page("502 Bad Gateway", "nginx")
_NOT_FOUND = _html_page("404 Not Found", "openresty")
GARBAGE = {
    "text": b"upstream connect error or disconnect/reset before headers",
    "html": _HTML,
    "binary": bytes(range(256)),
    "json": b'{"status":"ok"}',
}
"""The bodies that `garbage` can send, by its parameter `kind`."""

HIGH_RISK = "The request was rejected because it was considered high risk"
"""MiMo's sentence for moderation, in an error or as the answer."""

_RISK_CONTROL = (
    "Detected high-frequency non-compliant requests from you. Please consciously comply with the "
    "platform usage agreement. If you need to appeal, contact us through the official website "
    "channels."
)
"""MiMo's text for risk control; it is also sent in Chinese."""

RETRY_AFTER = ("none", "seconds", "milliseconds", "date")
"""The forms of the Retry-After header of `rate_limit`."""

_CONNECTION_REFUSED = (
    "finishConnect(..) failed: Connection refused: "
    "s-20260501.abcstackcn-nx-prod-cloudml.xiaomi.srv/10.137.1.77:80"
)


def cut_after(response: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """End the connection after a number of bytes of the body."""
    cut = Cut.RESET if options["reset"] else Cut.CLOSE
    return replace(
        _as_steps(response),
        steps=_cut_steps(_steps_of(response), int(options["bytes"]), cut),
        until_close=bool(options["clean"]),
    )


def cut_before_headers(response: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """End the connection instead of responding."""
    return replace(response, cut=Cut.RESET if options["reset"] else Cut.CLOSE)


def reset(response: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Reset the connection instead of responding."""
    return replace(response, cut=Cut.RESET)


def close_idle(response: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Close the connection after the complete response."""
    return replace(response, close_after=True)


def stall(response: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """Send nothing for a while, before the status line or after a number of events."""
    seconds = float(options["seconds"])
    if options["after_events"] is None:
        return replace(response, delay=response.delay + seconds)
    return replace(response, steps=_insert(response.steps, int(options["after_events"]), [seconds]))


def pings_only(response: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """Send SSE comments instead of events for a while."""
    interval = float(options["interval"])
    count = math.ceil(float(options["seconds"]) / interval)
    ping = str(options["text"]).encode()
    pings = (step for _ in range(count) for step in (ping, interval))
    inserted = _insert(response.steps, int(options["after_events"]), pings)
    return replace(response, steps=inserted)


def slow_loris(response: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """Send the headers or the body slowly, in small pieces."""
    interval = float(options["interval"])
    if options["part"] == "headers":
        return replace(response, header_interval=interval)
    return replace(_as_steps(response), steps=_split_body(response, int(options["size"]), interval))


def split_writes(response: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """Split the body into small writes, at any byte."""
    return slow_loris(response, {"part": "body", **options})


def keep_open_after_done(response: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """Keep the body open after its last event."""
    return replace(response, steps=chain(response.steps, [float(options["seconds"])]))


def rate_limit(options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """429 with one of the forms of Retry-After, or without it."""
    seconds = float(options["seconds"])
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    forms: list[list[tuple[bytes, bytes]]] = [
        [],
        [(b"retry-after", f"{seconds:g}".encode())],
        [(b"retry-after-ms", f"{seconds * 1000:g}".encode())],
        [(b"retry-after", format_datetime(due, usegmt=True).encode())],
    ]
    error = {"code": "429", "message": "Too many requests", "type": "limitation"}
    response = _error(429, error, streaming)
    return replace(response, headers=forms[RETRY_AFTER.index(options["retry_after"])])


def quota(_options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """429 for an exhausted quota of the Token Plan."""
    error = {"code": "429", "message": "quota exhausted", "param": "", "type": "limitation"}
    return _error(429, error, streaming)


def payment_required(_options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """402 for an insufficient balance."""
    error = {
        "code": "402",
        "message": "Insufficient account balance",
        "type": "insufficient_balance",
    }
    return _error(402, error, streaming)


def payment_burst(_options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """402 for requests that come too fast, with the text of an insufficient balance."""
    message = "Upstream request failed: Insufficient account funds"
    return _error(402, {"type": "server_error", "message": message}, streaming)


def search_quota(_options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """409 for an exhausted quota of web searches; the body is ours."""
    error = {"code": "409", "message": "Web search quota exhausted", "param": "", "type": ""}
    return _error(409, error, streaming)


def forbidden(_options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """403 for a blocked region or risk control."""
    error = {"code": "403", "message": "Illegal access", "type": "illegal_access"}
    return _error(403, error, streaming)


def moderation(options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """A refusal by the content filter: code 421 inside a 400."""
    error = {
        "code": "421",
        "message": "Moderation Block",
        "param": HIGH_RISK,
        "type": "content_filter",
    }
    return _error(int(options["status"]), error, streaming)


def risk_control(_options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """A refusal of the account or its address: code 441 inside a 400."""
    error = {"code": "441", "message": _RISK_CONTROL, "type": "risk_control"}
    return _error(400, error, streaming)


def media_corrupted(_options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """400 for media that are whole; the same request succeeds when it is sent again."""
    message = "Multimodal data is corrupted or cannot be processed."
    error = {"code": "400", "message": message, "param": "", "type": "BadRequestError"}
    return _error(400, error, streaming)


def server_error(options: Mapping[str, Any], _streaming: bool) -> HttpResponse:
    """5xx with a plain-text body."""
    return HttpResponse(int(options["status"]), "text/plain", body=str(options["body"]).encode())


def connection_refused(_options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """400 for a temporary outage inside MiMo."""
    error = {"code": "400", "message": _CONNECTION_REFUSED, "param": "", "type": ""}
    return _error(400, error, streaming)


def string_error(options: Mapping[str, Any], _streaming: bool) -> HttpResponse:
    """An error that is a string instead of an object, like vLLM's 401."""
    return HttpResponse(int(options["status"]), body=orjson.dumps({"error": options["error"]}))


def html_error_page(options: Mapping[str, Any], _streaming: bool) -> HttpResponse:
    """The HTML error page of a proxy."""
    return HttpResponse(int(options["status"]), "text/html", body=_HTML)


def not_found_page(_options: Mapping[str, Any], _streaming: bool) -> HttpResponse:
    """The 404 page of MiMo's web server."""
    return HttpResponse(404, "text/html", body=_NOT_FOUND)


def empty_error(options: Mapping[str, Any], _streaming: bool) -> HttpResponse:
    """An error status without a body."""
    return HttpResponse(int(options["status"]), body=b"")


def redirect(options: Mapping[str, Any], _streaming: bool) -> HttpResponse:
    """A redirect to another URL."""
    headers = [(b"location", str(options["location"]).encode("latin-1"))]
    return HttpResponse(int(options["status"]), "text/plain", body=b"", headers=headers)


def garbage(options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """200 with a body that is not an API response."""
    content_type = _EVENT_STREAM if streaming else "application/json"
    return HttpResponse(200, content_type, body=GARBAGE[str(options["kind"])])


def _error(status: int, error: Mapping[str, str], streaming: bool) -> HttpResponse:
    encoded = orjson.dumps({"error": error})
    if streaming:
        return HttpResponse(status, _EVENT_STREAM, body=b"data:" + encoded)
    return HttpResponse(status, body=encoded)


def _as_steps(response: HttpResponse) -> HttpResponse:
    if response.body is None:
        return response
    return replace(response, body=None, declared_length=len(response.body))


def _steps_of(response: HttpResponse) -> Iterable[Step]:
    return response.steps if response.body is None else [response.body]


def _cut_steps(steps: Iterable[Step], limit: int, cut: Cut) -> Iterator[Step]:
    for step in steps:
        if isinstance(step, bytes) and len(step) >= limit:
            if limit:
                yield step[:limit]
            break
        yield step
        if isinstance(step, bytes):
            limit -= len(step)
    yield cut


def _insert(steps: Iterable[Step], position: int, inserted: Iterable[Step]) -> Iterator[Step]:
    remaining = iter(steps)
    for _ in range(position):
        step = next(remaining, None)
        if step is None:
            break
        yield step
    yield from inserted
    yield from remaining


def _split_body(response: HttpResponse, size: int, interval: float) -> Iterator[Step]:
    for step in _steps_of(response):
        if not isinstance(step, bytes):
            yield step
            continue
        for start in range(0, len(step), size):
            yield step[start : start + size]
            yield interval

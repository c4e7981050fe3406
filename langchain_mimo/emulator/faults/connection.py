"""Faults of the connection and of the HTTP layer: cuts, silence, refusals, foreign pages."""

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
_HTML = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n"
    b"</body>\r\n</html>\r\n"
)
GARBAGE = {
    "text": b"upstream connect error or disconnect/reset before headers",
    "html": _HTML,
    "binary": bytes(range(256)),
    "json": b'{"status":"ok"}',
}
"""What `garbage` can send, by its parameter `kind`."""

RETRY_AFTER = ("none", "seconds", "milliseconds", "date")
"""The forms in which `rate_limit` can say when to come again."""

_REFUSED_INSIDE = (
    "finishConnect(..) failed: Connection refused: "
    "s-20260501.abcstackcn-nx-prod-cloudml.xiaomi.srv/10.137.1.77:80"
)


def cut_after(answer: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """End the connection after so many bytes of the body."""
    cut = Cut.RESET if options["reset"] else Cut.CLOSE
    return replace(
        _as_steps(answer),
        steps=_until(_steps_of(answer), int(options["bytes"]), cut),
        until_close=bool(options["clean"]),
    )


def cut_before_headers(answer: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """End the connection in place of an answer."""
    return replace(answer, cut=Cut.RESET if options["reset"] else Cut.CLOSE)


def reset(answer: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Reset the connection in place of an answer."""
    return replace(answer, cut=Cut.RESET)


def close_idle(answer: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Close the connection when the answer is whole."""
    return replace(answer, close_after=True)


def stall(answer: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """Fall silent before the status line, or after some events."""
    seconds = float(options["seconds"])
    if options["after_events"] is None:
        return replace(answer, delay=answer.delay + seconds)
    return replace(answer, steps=_insert(answer.steps, int(options["after_events"]), [seconds]))


def pings_only(answer: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """Send comments in place of events."""
    interval = float(options["interval"])
    count = math.ceil(float(options["seconds"]) / interval)
    ping = str(options["text"]).encode()
    pings = (step for _ in range(count) for step in (ping, interval))
    inserted = _insert(answer.steps, int(options["after_events"]), pings)
    return replace(answer, steps=inserted)


def slow_loris(answer: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """Let headers or body trickle."""
    interval = float(options["interval"])
    if options["part"] == "headers":
        return replace(answer, header_interval=interval)
    return replace(_as_steps(answer), steps=_trickle(answer, int(options["size"]), interval))


def split_writes(answer: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """Cut the body into small writes, anywhere."""
    return slow_loris(answer, {"part": "body", **options})


def keep_open_after_done(answer: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """Leave the body open behind its last event."""
    return replace(answer, steps=chain(answer.steps, [float(options["seconds"])]))


def rate_limit(options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """429, with Retry-After in one of its forms or without."""
    seconds = float(options["seconds"])
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    forms: list[list[tuple[bytes, bytes]]] = [
        [],
        [(b"retry-after", f"{seconds:g}".encode())],
        [(b"retry-after-ms", f"{seconds * 1000:g}".encode())],
        [(b"retry-after", format_datetime(due, usegmt=True).encode())],
    ]
    error = {"code": "429", "message": "Too many requests", "type": "limitation"}
    answer = _error(429, error, streaming)
    return replace(answer, headers=forms[RETRY_AFTER.index(options["retry_after"])])


def quota(_options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """429, the Token Plan's quota is used up."""
    error = {"code": "429", "message": "quota exhausted", "param": "", "type": "limitation"}
    return _error(429, error, streaming)


def payment_required(_options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """402, no money left."""
    error = {
        "code": "402",
        "message": "Insufficient account balance",
        "type": "insufficient_balance",
    }
    return _error(402, error, streaming)


def forbidden(_options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """403, region or risk."""
    error = {"code": "403", "message": "Illegal access", "type": "illegal_access"}
    return _error(403, error, streaming)


def moderation(_options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """421, the content filter."""
    error = {
        "code": "421",
        "message": "Moderation Block",
        "param": "The request was rejected because it was considered high risk",
        "type": "content_filter",
    }
    return _error(421, error, streaming)


def server_error(options: Mapping[str, Any], _streaming: bool) -> HttpResponse:
    """A bare 5xx."""
    return HttpResponse(int(options["status"]), "text/plain", body=str(options["body"]).encode())


def connection_refused(_options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """A transient failure inside MiMo, dressed as 400."""
    error = {"code": "400", "message": _REFUSED_INSIDE, "param": "", "type": ""}
    return _error(400, error, streaming)


def string_error(options: Mapping[str, Any], _streaming: bool) -> HttpResponse:
    """An error that is no object, as vLLM's 401."""
    return HttpResponse(int(options["status"]), body=orjson.dumps({"error": options["error"]}))


def html_error_page(options: Mapping[str, Any], _streaming: bool) -> HttpResponse:
    """A proxy's page."""
    return HttpResponse(int(options["status"]), "text/html", body=_HTML)


def empty_error(options: Mapping[str, Any], _streaming: bool) -> HttpResponse:
    """A status and nothing else."""
    return HttpResponse(int(options["status"]), body=b"")


def redirect(options: Mapping[str, Any], _streaming: bool) -> HttpResponse:
    """Another address."""
    headers = [(b"location", str(options["location"]).encode("latin-1"))]
    return HttpResponse(int(options["status"]), "text/plain", body=b"", headers=headers)


def garbage(options: Mapping[str, Any], streaming: bool) -> HttpResponse:
    """200, and a body of something else."""
    content_type = _EVENT_STREAM if streaming else "application/json"
    return HttpResponse(200, content_type, body=GARBAGE[str(options["kind"])])


def _error(status: int, error: Mapping[str, str], streaming: bool) -> HttpResponse:
    encoded = orjson.dumps({"error": error})
    if streaming:
        return HttpResponse(status, _EVENT_STREAM, body=b"data:" + encoded)
    return HttpResponse(status, body=encoded)


def _as_steps(answer: HttpResponse) -> HttpResponse:
    if answer.body is None:
        return answer
    return replace(answer, body=None, declared_length=len(answer.body))


def _steps_of(answer: HttpResponse) -> Iterable[Step]:
    return answer.steps if answer.body is None else [answer.body]


def _until(steps: Iterable[Step], limit: int, cut: Cut) -> Iterator[Step]:
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


def _trickle(answer: HttpResponse, size: int, interval: float) -> Iterator[Step]:
    for step in _steps_of(answer):
        if not isinstance(step, bytes):
            yield step
            continue
        for start in range(0, len(step), size):
            yield step[start : start + size]
            yield interval

"""HTTP responses of scripted replies, streams and refusals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from langchain_mimo.emulator.api.chat_response import DONE
from langchain_mimo.emulator.conversation.reply import Reply
from langchain_mimo.emulator.encoding import dump, encode_event
from langchain_mimo.emulator.http.delivery import HttpResponse, header_list
from langchain_mimo.emulator.refusals import NOT_FOUND_PAGE, Refusal

EVENT_STREAM = "text/event-stream"

PROCESSING = b": PROCESSING\n\n"
"""The comment that MiMo sends before the first chunk of some streams."""


def raw_response(reply: Reply) -> HttpResponse:
    """Return the response of a raw scripted reply, which is sent unchanged."""
    status = reply.status if reply.status is not None else 200
    if reply.events is not None:
        response = HttpResponse(status, EVENT_STREAM, steps=map(encode_event, reply.events))
    elif isinstance(reply.body, bytes | str):
        body = (
            reply.body.encode("utf-8", "surrogatepass")
            if isinstance(reply.body, str)
            else reply.body
        )
        response = HttpResponse(status, body=body)
    else:
        response = HttpResponse(status, body=b"" if reply.body is None else dump(reply.body))
    return with_headers_and_delays(response, reply)


def with_headers_and_delays(response: HttpResponse, reply: Reply) -> HttpResponse:
    """Return a response with the headers and delays of a scripted reply."""
    headers = response.headers + header_list(list(reply.headers.items()))
    return replace(response, headers=headers, delay=reply.delay, pause=reply.pause)


def encoded_events(events: Iterable[dict[str, Any]], *, comment: bool) -> Iterator[bytes]:
    """Yield the encoded events of a stream, and its end.

    Args:
        events: The events.
        comment: Whether to begin with MiMo's comment.
    """
    if comment:
        yield PROCESSING
    yield from map(encode_event, events)
    # The Anthropic format sends it too, after its own last event (recorded June 2026).
    yield DONE


def refused(refusal: Refusal, *, streaming: bool = False) -> HttpResponse:
    """Return the response of a refusal.

    Args:
        refusal: The refusal.
        streaming: Whether the request set `stream: true`.
    """
    as_event = streaming and not refusal.by_gateway
    content_type = EVENT_STREAM if as_event else "application/json"
    return HttpResponse(refusal.status, content_type, body=refusal.body(streaming=streaming))


def not_found() -> HttpResponse:
    """Return the response to a request for an unknown path."""
    return HttpResponse(404, "text/html", body=NOT_FOUND_PAGE)

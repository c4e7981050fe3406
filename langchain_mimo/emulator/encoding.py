"""JSON and server-sent events as bytes."""

from __future__ import annotations

import json
from typing import Any

import orjson


def dump(value: Any) -> bytes:
    """Encode as compact JSON.

    Lone surrogates, which MiMo is known to send, are no UTF-8: a value that holds them is encoded
    in ASCII with escapes.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def encode_event(event: Any) -> bytes:
    """Return one server-sent event; text and bytes pass as they stand.

    An object with a `type` and no `choices` is of the Anthropic format, which names its events.
    """
    if isinstance(event, bytes):
        return event
    if isinstance(event, str):
        return event.encode("utf-8", "surrogatepass")
    name = f"event: {event['type']}\n" if "type" in event and "choices" not in event else ""
    return name.encode() + b"data: " + dump(event) + b"\n\n"

"""Encoding of JSON and of server-sent events."""

from __future__ import annotations

import json
from typing import Any

import orjson


def dump(value: Any) -> bytes:
    """Encode as compact JSON.

    MiMo is known to send lone surrogates. They have no UTF-8 form, so a value that contains them is
    encoded in ASCII with escapes.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def encode_event(event: Any) -> bytes:
    """Encode one server-sent event; strings and bytes are already encoded and pass unchanged.

    An object with `type` but without `choices` is in the Anthropic format, which names its events.
    """
    if isinstance(event, bytes):
        return event
    if isinstance(event, str):
        return event.encode("utf-8", "surrogatepass")
    name = f"event: {event['type']}\n" if "type" in event and "choices" not in event else ""
    return name.encode() + b"data: " + dump(event) + b"\n\n"

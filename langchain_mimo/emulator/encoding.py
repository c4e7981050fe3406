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
    """Return one server-sent event; text and bytes pass as they stand."""
    if isinstance(event, bytes):
        return event
    if isinstance(event, str):
        return event.encode("utf-8", "surrogatepass")
    return b"data: " + dump(event) + b"\n\n"

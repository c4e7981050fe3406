"""An incremental decoder of server-sent events: bytes in, JSON objects out.

It follows https://html.spec.whatwg.org/multipage/server-sent-events.html (lines end with LF, CR or
CRLF; comments; several `data` lines; a byte order mark; one optional space) and reads only `data`,
since the JSON of each event contains its type. It differs in three points: `[DONE]` ends a stream,
a complete event at the very end needs no blank line, and every event must be a JSON object.

It is fast because it splits once per packet instead of once per line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from langchain_mimo._redaction import redact
from langchain_mimo.errors import MiMoError, MiMoIncompleteStreamError

DONE = b"[DONE]"
MAX_EVENT_BYTES = 64 << 20
"""Largest event accepted, in bytes; an event that carries audio can be large."""

CALL_AGAIN = "call again; if it happens often, check the server and the proxies in between"
"""What to do about a response that was cut."""

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
_BOM = b"\xef\xbb\xbf"
_EXCERPT = 300


class EventDecoder:
    """Decodes a stream to the same JSON objects, however its bytes are split into chunks.

    Args:
        secrets: Strings to mask in errors that quote the stream.
        source: Host that sends the stream, for errors; "" if unknown.

    Attributes:
        done: Whether `[DONE]` was received; everything after it is ignored.
        failure: The error to raise once the events before it have been yielded, or None. It is not
            raised here, since the same packet may contain complete events before a broken one.
    """

    __slots__ = (
        "_ends_line", "_rest", "_secrets", "_skip_newline", "_start", "_stream", "done", "failure",
    )  # fmt: skip

    def __init__(self, secrets: Sequence[str] = (), source: str = "") -> None:
        self._secrets = secrets
        self._stream = f"the stream from {source}" if source else "the stream"
        self.done = False
        self.failure: MiMoError | None = None
        self._rest = bytearray()  # not a list: servers may send two bytes at a time
        self._ends_line = False
        self._skip_newline = False
        self._start: bytes | None = b""

    def feed(self, chunk: bytes) -> list[dict[str, Any]]:
        """Decode the next bytes.

        Args:
            chunk: Any piece of the stream, even an empty one.

        Returns:
            The objects of the events that it completes.
        """
        if self._start is not None:
            chunk = self._strip_byte_order_mark(chunk)
        elif not self._rest and (event := self._single(chunk)):
            return [event]
        if self._skip_newline and chunk:
            self._skip_newline = False
            if chunk[:1] == b"\n":
                chunk = chunk[1:]
        if b"\r" in chunk:
            self._skip_newline = chunk[-1:] == b"\r"
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not chunk or self.done or self.failure:
            return []
        complete = b"\n\n" in chunk or (self._ends_line and chunk[:1] == b"\n")
        self._ends_line = chunk[-1:] == b"\n"
        if not complete:
            self._keep(chunk)
            return []
        if self._rest:
            chunk = bytes(self._rest + chunk)
            self._rest.clear()
        blocks, _, rest = chunk.rpartition(b"\n\n")
        if rest:
            self._keep(rest)
        return self._objects(_payloads(blocks))

    def _single(self, chunk: bytes) -> dict[str, Any] | None:
        """Return the object of a chunk that is one event on one line, as servers write them.

        None means that the chunk must be decoded with care, as all others.
        """
        if (
            chunk[:7] != b"data: {"
            or chunk[-3:] != b"}\n\n"
            or chunk.count(b"\n") != 2
            or b"\r" in chunk
            or self.done
            or self.failure
        ):
            return None
        try:
            event: dict[str, Any] = orjson.loads(chunk[6:])
        except orjson.JSONDecodeError:
            return None
        self._skip_newline, self._ends_line = False, True
        return event

    def finish(self) -> list[dict[str, Any]]:
        """End the stream, where a complete event may lack its blank line.

        Returns:
            The object of that event, if there is one.
        """
        rest = (self._start or b"") + bytes(self._rest)
        self._start = None
        self._rest.clear()
        if self.done or self.failure or not rest:
            return []
        objects = self._objects([_data_of(rest)])
        if self.failure is not None:
            self.failure = MiMoIncompleteStreamError(
                f"{self._stream} ended in the middle of an event: {self._excerpt(rest)!r}; "
                f"{CALL_AGAIN}"
            )
        return objects

    def _excerpt(self, payload: bytes) -> str:
        return redact(payload, self._secrets, _EXCERPT)

    def _strip_byte_order_mark(self, chunk: bytes) -> bytes:
        """Remove a byte order mark from the start of the stream, even one split over chunks."""
        chunk = (self._start or b"") + chunk
        if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
            self._start = chunk
            return b""
        self._start = None
        return chunk.removeprefix(_BOM)

    def _keep(self, part: bytes) -> None:
        self._rest += part
        if len(self._rest) > MAX_EVENT_BYTES:
            self._rest.clear()
            self.failure = MiMoIncompleteStreamError(
                f"{self._stream} contains an event of more than {MAX_EVENT_BYTES >> 20} MiB"
            )

    def _objects(self, payloads: Iterable[bytes]) -> list[dict[str, Any]]:
        objects: list[dict[str, Any]] = []
        loads = orjson.loads
        for payload in payloads:
            if payload[:1] != b"{":
                payload = payload.strip()  # noqa: PLW2901 - same payload, without white space
                if not payload:
                    continue
                if payload == DONE:
                    self.done = True
                    break
            try:
                event = loads(payload)
            except orjson.JSONDecodeError:
                event = parse_json(payload)
            if type(event) is not dict:
                self.failure = MiMoIncompleteStreamError(
                    f"{self._stream} contains an event that is not a JSON object: "
                    f"{self._excerpt(payload)}"
                )
                break
            objects.append(event)
        return objects


def starts_stream(body: bytes, content_type: str) -> bool:
    """Return whether a body without any event is the start of a stream, which was cut.

    Args:
        body: The body.
        content_type: Its type, which tells of a body that ends before the first field does.
    """
    start = body.removeprefix(_BOM).lstrip()
    is_stream = content_type.lower().startswith("text/event-stream")
    return start.startswith(_FIELDS) or (
        is_stream and any(field.startswith(start) for field in _FIELDS)
    )


def _payloads(blocks: bytes) -> Iterable[bytes]:
    """Split complete events, and return the data of each.

    Servers usually write an event as one line, `data: {...}`. If all events have that form, which
    the number of line breaks tells, one split removes their field names as well.
    """
    if blocks[:6] == b"data: ":
        payloads = blocks[6:].split(b"\n\ndata: ")
        if blocks.count(b"\n") == 2 * (len(payloads) - 1):
            return payloads
    return map(_data_of, blocks.split(b"\n\n"))


def _data_of(block: bytes) -> bytes:
    """Join the `data` lines of an event; a line without a colon is a field with no value."""
    lines = []
    for line in block.split(b"\n"):
        if line[:5] == b"data:":
            lines.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line == b"data":
            lines.append(b"")
    return b"\n".join(lines)


def parse_json(payload: bytes) -> Any:
    """Parse JSON, and accept lone surrogates and invalid UTF-8, which orjson rejects.

    Returns:
        The value, or None if it is not JSON.
    """
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(payload.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None

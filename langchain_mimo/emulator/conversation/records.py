"""What the emulator records for tests: requests, the media in them, and disconnects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_mimo.emulator.conversation.request import MediaItem, MediaKind


@dataclass(frozen=True, slots=True)
class RecordedMedium:
    """One image, video or audio item of a request, as received.

    Attributes:
        kind: The kind that the request declared.
        mime_type: The declared MIME type; "" for a URL.
        url: Its URL, or None if it was sent inline.
        size: Size in bytes; 0 for a URL that is not mapped to a local folder.
        sha256: Hexadecimal digest of the bytes, or of the URL if there are none.
        data: The bytes; None for an unmapped URL, and with `keep_bodies=False`.
        fps: The requested frames per second, or None.
        media_resolution: The requested resolution, or None.
    """

    kind: MediaKind
    mime_type: str
    url: str | None
    size: int
    sha256: str
    data: bytes | None
    fps: float | None
    media_resolution: str | None

    @classmethod
    def of(cls, item: MediaItem, *, keep_data: bool) -> RecordedMedium:
        """Record a media item, with or without its bytes."""
        return cls(
            item.kind,
            item.mime_type,
            item.url,
            len(item.data or b""),
            item.sha256,
            item.data if keep_data else None,
            item.fps,
            item.media_resolution,
        )


@dataclass(slots=True)
class RecordedRequest:
    """A request as received.

    Attributes:
        method: HTTP method.
        path: Path without the query.
        headers: Headers by lower-case name, including the API key. If a header is repeated, its
            last value.
        body: The decoded JSON body; None if there is none, if it is not JSON, and with
            `keep_bodies=False`.
        raw_length: Size of the body as sent, in bytes.
        connection: Number of its TCP connection, from 1; 0 without a socket.
        received_at: `time.monotonic()` when the body was complete.
        media: The media in it, in order; empty if the request was refused before they were read.
        status: HTTP status of the response; 0 until there is one.
        fault: Name of the fault that was applied to it, or None.
        usage: The `usage` object of its response, which is what it costs, also where a fault or a
            setting keeps it from the client; None for refusals and raw replies.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    raw_length: int
    connection: int
    received_at: float
    media: list[RecordedMedium] = field(default_factory=list)
    status: int = 0
    fault: str | None = None
    usage: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A client that disconnected before its response was complete.

    Attributes:
        path: Path of the request.
        connection: Number of its TCP connection.
        at: `time.monotonic()` when the disconnect was noticed.
        elapsed: Seconds since the request was complete.
    """

    path: str
    connection: int
    at: float
    elapsed: float

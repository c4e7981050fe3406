"""What arrived: requests, the media in them, and clients that hung up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_mimo.emulator.conversation.request import MediaItem, MediaKind


@dataclass(frozen=True, slots=True)
class RecordedMedium:
    """A medium as it arrived.

    Attributes:
        kind: What the request called it.
        mime_type: As declared; "" for an address.
        url: Its address, or None when its bytes came along.
        size: Bytes; 0 for an address that is not served from a folder.
        sha256: Hexadecimal digest of the bytes, or of the address.
        data: The bytes; None for an address, and with `keep_bodies=False`.
        fps: As asked for, or None.
        media_resolution: As asked for, or None.
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
    def of(cls, medium: MediaItem, *, keep_data: bool) -> RecordedMedium:
        """Record a medium, with its bytes or without."""
        return cls(
            medium.kind,
            medium.mime_type,
            medium.url,
            len(medium.data or b""),
            medium.sha256,
            medium.data if keep_data else None,
            medium.fps,
            medium.media_resolution,
        )


@dataclass(slots=True)
class RecordedRequest:
    """A request as it arrived.

    Attributes:
        method: HTTP method.
        path: Path without the query.
        headers: By lower-case name, the key among them; of repeated headers the last.
        body: The decoded JSON body; None without one, when it is not JSON, and with
            `keep_bodies=False`.
        raw_length: Bytes of the body as sent.
        connection: Number of the TCP connection it came by, from 1; 0 without a socket.
        received_at: `time.monotonic()` when the body was whole.
        media: The media in it, in order; empty when the request was refused before they were read.
        status: HTTP status of the answer; 0 while there is none.
        fault: Name of the fault that it met, or None.
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


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A client that hung up before its answer was whole.

    Attributes:
        path: Of the request.
        connection: Number of its TCP connection.
        at: `time.monotonic()` of the moment it was noticed.
        elapsed: Seconds since its request was whole.
    """

    path: str
    connection: int
    at: float
    elapsed: float

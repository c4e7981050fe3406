"""What a medium is and how large, before it is sent, from its headers alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from langchain_mimo._media import formats, limits
from langchain_mimo._media.headers.images import MAX_FRAMES_COUNTED
from langchain_mimo._media.headers.probe import probe
from langchain_mimo._media.headers.reader import MediaHeader, ImageHeader, AVHeader
from langchain_mimo._media.identify import HEAD_BYTES, mime_type_for, refusal
from langchain_mimo._media.local_files import open_trusted_file
from langchain_mimo._media.readers import FileReader, MemoryReader, Reader
from langchain_mimo._media.references import MediaKind
from langchain_mimo.errors import MediaError

BOMB_PIXELS = 89_478_485
"""Pixels above which Pillow, and servers built on it, suspect a decompression bomb."""

_STILL_IMAGE_CODECS = frozenset({"jpeg", "png "})


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found.

    Attributes:
        mime_type: What to state, as MiMo spells it.
        format: The format, or None when the bytes did not tell it.
        header: What its header says, or None when it says nothing or too much.
        warning: Why the server may balk at it although it is within the limits, or None.
    """

    mime_type: str
    format: formats.Format | None
    header: MediaHeader | None
    warning: str | None


def inspect(
    kind: MediaKind, stated_mime_type: str | None, reader: Reader, limit: int | None = None
) -> Inspection:
    """Look at a medium's headers.

    Args:
        kind: The kind of its block.
        stated_mime_type: What the block says it is, or None.
        reader: Its bytes.
        limit: Most characters of base64 it may have; None for MiMo's own limit.

    Raises:
        ValueError: It is empty, too long, damaged, or nothing MiMo takes; the text is the reason.
    """
    reason = limits.wrong_length(-(-reader.size // 3) * 4, limit)
    if reason is not None:
        raise ValueError(reason)
    head = reader.read(0, HEAD_BYTES)
    mime_type, found = mime_type_for(kind, head, stated_mime_type)
    header = probe(reader, found) if found is not None else None
    if found is not None and isinstance(header, AVHeader):
        _check_tracks(kind, found, header)
    return Inspection(mime_type, found, header, _warning(found, header))


def inspect_source(kind: MediaKind, source: str | os.PathLike[str] | bytes) -> Inspection:
    """Look at the headers of a medium that the program itself names.

    Args:
        kind: What it is meant to be.
        source: A path, or the bytes.

    Raises:
        MediaError: As `inspect`, or the file cannot be opened.
    """
    if isinstance(source, bytes):
        return _inspected(kind, MemoryReader(source), "given")
    try:
        descriptor = open_trusted_file(source)
    except ValueError as error:
        raise MediaError(str(error)) from None
    try:
        return _inspected(kind, FileReader(descriptor), repr(str(Path(source).absolute())))
    finally:
        os.close(descriptor)


def _inspected(kind: MediaKind, reader: Reader, name: str) -> Inspection:
    try:
        return inspect(kind, None, reader)
    except ValueError as error:
        raise MediaError(f"the {kind} {name} cannot be used: {error}") from None


def _check_tracks(kind: MediaKind, found: formats.Format, header: AVHeader) -> None:
    """Refuse a sound in a video block, and a film in an audio block, once the tracks tell them."""
    if kind == "video" and header.has_video is False:
        raise ValueError(
            f"it is {found.name} without any video track; use a block of type 'audio'."
        )
    is_video = header.has_video and header.video_codec not in _STILL_IMAGE_CODECS
    if kind == "audio" and is_video and found is not formats.M4A:
        raise ValueError(refusal(formats.VIDEO, kind))


def _warning(found: formats.Format | None, header: MediaHeader | None) -> str | None:
    """Say what is strange about a medium that is sent all the same."""
    if found is None:
        return None
    if header is None:
        return (
            f"has more parts in its {found.name} header than an honest file; it is sent unmeasured."
        )
    if not isinstance(header, ImageHeader):
        return None
    pixels = header.width * header.height
    if pixels > BOMB_PIXELS:
        return (
            f"has {pixels / 1e6:.0f} million pixels; a server may take it for a decompression "
            "bomb. Shrink it with langchain_mimo.prepare.prepare_image."
        )
    if header.frames is not None and header.frames >= MAX_FRAMES_COUNTED:
        return f"has {MAX_FRAMES_COUNTED} frames or more; MiMo may look at the first one only."
    return None

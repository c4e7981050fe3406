"""Inspects media before they are sent: format, size and shape, from their headers alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from langchain_mimo._media import formats, limits
from langchain_mimo._media.headers.images import MAX_FRAMES_COUNTED
from langchain_mimo._media.headers.probe import probe
from langchain_mimo._media.headers.reader import AVHeader, ImageHeader, MediaHeader
from langchain_mimo._media.identify import HEAD_BYTES, mime_type_for, refusal_reason
from langchain_mimo._media.local_files import open_trusted_file
from langchain_mimo._media.readers import FileReader, MemoryReader, Reader
from langchain_mimo._media.references import MediaKind
from langchain_mimo.errors import MediaError

_STILL_IMAGE_CODECS = frozenset({"jpeg", "png "})


@dataclass(frozen=True, slots=True)
class Inspection:
    """The result of an inspection.

    Attributes:
        mime_type: The MIME type to send, in MiMo's spelling.
        format: The format, or None when the file signature is unknown.
        header: What its header says, or None when it was not measured or is too complex.
        warning: Why a server may refuse it although it is within the limits, or None.
    """

    mime_type: str
    format: formats.Format | None
    header: MediaHeader | None
    warning: str | None


def inspect(
    kind: MediaKind, stated_mime_type: str | None, reader: Reader, limit: int | None = None
) -> Inspection:
    """Check the size of media, then inspect their headers.

    Args:
        kind: The kind of the block.
        stated_mime_type: The MIME type that the block states, or None.
        reader: The bytes.
        limit: Most characters of base64 allowed. Default: MiMo's limit.

    Raises:
        ValueError: It is empty, too large, damaged, or not accepted by MiMo; the text is the
            reason.
    """
    limits.check_base64_length(limits.base64_length(reader.size), limit)
    return inspect_headers(kind, stated_mime_type, reader)


def inspect_headers(kind: MediaKind, stated_mime_type: str | None, reader: Reader) -> Inspection:
    """Inspect the headers of media whose size has been checked.

    Args:
        kind: The kind of the block.
        stated_mime_type: The MIME type that the block states, or None.
        reader: The bytes.

    Raises:
        ValueError: It is damaged or not accepted by MiMo; the text is the reason.
    """
    head = reader.read(0, HEAD_BYTES)
    mime_type, found = mime_type_for(kind, head, stated_mime_type)
    header = probe(reader, found) if found is not None else None
    if found is not None and isinstance(header, AVHeader):
        _check_tracks(kind, found, header)
    return Inspection(mime_type, found, header, _warning(found, header))


def inspect_source(kind: MediaKind, source: str | os.PathLike[str] | bytes) -> Inspection:
    """Inspect media that the program itself passed to a function.

    Args:
        kind: What it is meant to be.
        source: A path, or the bytes.

    Raises:
        MediaError: As `inspect`, or the file cannot be opened.
    """
    if isinstance(source, bytes):
        return _inspect_named(kind, MemoryReader(source), "given")
    try:
        descriptor = open_trusted_file(source)
    except ValueError as error:
        raise MediaError(str(error)) from None
    try:
        return _inspect_named(kind, FileReader(descriptor), repr(str(Path(source).absolute())))
    finally:
        os.close(descriptor)


def _inspect_named(kind: MediaKind, reader: Reader, name: str) -> Inspection:
    try:
        return inspect(kind, None, reader)
    except ValueError as error:
        raise MediaError(f"the {kind} {name} cannot be used: {error}") from None


def _check_tracks(kind: MediaKind, found: formats.Format, header: AVHeader) -> None:
    """Refuse audio in a video block and video in an audio block, now that the tracks are known."""
    if kind == "video" and header.has_video is False:
        raise ValueError(f"it is {found.name} without a video track; use a block of type 'audio'")
    is_video = header.has_video and header.video_codec not in _STILL_IMAGE_CODECS
    if kind == "audio" and is_video and found is not formats.M4A:
        raise ValueError(refusal_reason(formats.MP4_WITH_VIDEO, kind))


def _warning(found: formats.Format | None, header: MediaHeader | None) -> str | None:
    """Return what is unusual about media that are sent nevertheless."""
    if found is None:
        return None
    if header is None:
        return f"has too many entries in its {found.name} header to be measured; it is sent as is"
    if not isinstance(header, ImageHeader):
        return None
    pixels = header.width * header.height
    if pixels > limits.BOMB_PIXELS:
        return (
            f"has {pixels / 1e6:.0f} million pixels, which a server may refuse as a decompression "
            "bomb; shrink it with langchain_mimo.prepare.prepare_image"
        )
    if header.frames is not None and header.frames >= MAX_FRAMES_COUNTED:
        return f"has {MAX_FRAMES_COUNTED} or more frames; MiMo may read only the first one"
    return None

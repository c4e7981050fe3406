"""Tells images, videos and audio from all other files by their first bytes, as folders are read."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from langchain_mimo._media import formats
from langchain_mimo._media.formats import Format
from langchain_mimo._media.identify import HEAD_BYTES, identify_file
from langchain_mimo._media.inspection import identify_by_tracks
from langchain_mimo._media.local_files import check_source, open_trusted_file
from langchain_mimo._media.readers import FileReader, MemoryReader, Reader
from langchain_mimo._media.references import MediaKind
from langchain_mimo._media.unreadable_formats import has_controls, refusal_of
from langchain_mimo.errors import MediaError

_FOREIGN: dict[str, str] = {
    "Matroska": "x-matroska",
    "WebM": "webm",
    "Flash video": "x-flv",
    "MPEG program stream": "mpeg",
    "MPEG transport stream": "mp2t",
    "MXF": "mxf",
    "OGG with Theora video": "ogg",
    "HEIC": "heic",
    "AVIF": "avif",
    "TIFF": "tiff",
    "JPEG 2000": "jp2",
    "JPEG XL": "jxl",
    "WMA": "x-ms-wma",
    "raw AAC (ADTS)": "aac",
    "AMR": "amr",
    "AIFF": "aiff",
    "Core Audio (CAF)": "x-caf",
    "AU": "basic",
    "AC-3": "ac3",
    "E-AC-3": "eac3",
}
"""Subtypes of formats that MiMo does not take: those registered with IANA, or in use."""

_NETPBM = re.compile(rb"P[1-6](?:\s+|#[^\r\n]*)*\s\d")
_WRITTEN_AS_TEXT = (formats.NETPBM, formats.YUV4MPEG, formats.MP3)
"""Formats whose first bytes may be without control characters; an MP3's are text within tags."""


class MediaType(NamedTuple):
    """What a media file is.

    Attributes:
        kind: "image", "video" or "audio", by its tracks: an MP4 without video is audio.
        format: The format's usual name, such as "MP4".
        mime_type: Its MIME type, also where MiMo does not take it; "video/octet-stream" and the
            like where it has none.
        refusal: Why neither MiMo nor `langchain_mimo.prepare` reads it, and what to do; None if
            one of them does.
    """

    kind: MediaKind
    format: str
    mime_type: str
    refusal: str | None = None


def identify(source: str | os.PathLike[str] | bytes) -> MediaType | None:
    """Tell by its first bytes whether a file is an image, a video or audio.

    Reads a kilobyte, and of containers the headers of their tracks; `probe` measures as well. Needs
    no other package. The name of the file does not count, and damage behind its first bytes is not
    looked for.

    Args:
        source: A local path, or the bytes of a file.

    Returns:
        What it is; None for all other files, such as documents, text and empty files.

    Raises:
        MediaError: The source is not a local file or bytes, or cannot be opened or read.
    """
    source = check_source("identify", source)
    if isinstance(source, bytes):
        return _identify(MemoryReader(source))
    try:
        descriptor = open_trusted_file(source)
    except ValueError as error:
        raise MediaError(str(error)) from None
    try:
        return _identify(FileReader(descriptor))
    except OSError as error:
        name = repr(str(Path(source).absolute()))
        raise MediaError(f"{name} cannot be read: {error.strerror or error}") from error
    finally:
        os.close(descriptor)


def _identify(reader: Reader) -> MediaType | None:
    found, _ = identify_file(reader)
    kind = _kind(found)
    if found is None or kind is None or _is_text(found, reader.read(0, HEAD_BYTES)):
        return None
    if kind == "video":
        actual = identify_by_tracks(reader).actual
        kind = _kind(actual) or kind
        if actual is formats.WMA:
            found = actual
    refusal = None
    if not found.mime_types and found.preparer is None:
        refusal = refusal_of(found, "cannot be read")
    subtype = _FOREIGN.get(found.name, "octet-stream")
    mime_type = found.mime_types.get(kind, f"{kind}/{subtype}")
    return MediaType(kind, found.name, mime_type, refusal)


def _kind(found: Format | None) -> MediaKind | None:
    """Return what a format is, a container as video; None for what is no media."""
    words = "" if found is None else found.description
    if words.startswith("video"):
        return "video"
    if words == "audio":
        return "audio"
    return "image" if "image" in words else None


def _is_text(found: Format, head: bytes) -> bool:
    """Return whether a file only begins like one of this format: "MAC ", "caff", "P1 "."""
    if found is formats.NETPBM:
        return not _NETPBM.match(head)
    return found not in _WRITTEN_AS_TEXT and not has_controls(head)

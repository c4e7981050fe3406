"""Describes media that MiMo refused as "corrupted", and how to repair them."""

from __future__ import annotations

import binascii
import io
import os
from contextlib import closing, suppress
from typing import IO

from langchain_mimo._media import av_container
from langchain_mimo._media.av_container import open_container
from langchain_mimo._media.headers.reader import AVHeader, ImageHeader, MediaHeader
from langchain_mimo._media.limits import refused_sides
from langchain_mimo._media.local_files import open_allowed_file
from langchain_mimo._media.opening import MediaPolicy, inspect_media
from langchain_mimo._media.references import (
    InlineBase64,
    LocalFile,
    MediaReference,
    MediaSource,
    RemoteURL,
)

_SAFE_PIXEL_FORMATS = frozenset({"yuv420p", "yuvj420p"})


def describe_rejected_media(reference: MediaReference, policy: MediaPolicy) -> str:
    """Describe media that MiMo refused, and the call that converts them to what MiMo accepts.

    Called after MiMo refused a request. Headers are read again, also with PyAV if it is installed.

    Args:
        reference: The media.
        policy: Which files may be opened.

    Returns:
        One sentence without a period that names container, codecs, pixel format and size as far as
        they are known, and the remedy. Never raises.
    """
    place = f"messages[{reference.message_index}], block {reference.block_index}"
    if isinstance(reference.source, RemoteURL):
        what = f"{reference.kind} by URL, which this package does not open"
    else:
        what = f"{reference.kind} that can no longer be read"
        with suppress(Exception):  # the API's error is on its way, and counts more
            what = _describe(reference, policy)
    return f"{place}: {what}; {_remedy(reference)}"


def _describe(reference: MediaReference, policy: MediaPolicy) -> str:
    inspection = inspect_media(reference, policy)
    words = [inspection.format.name if inspection.format else inspection.mime_type]
    pixel_format = None
    if reference.kind != "image":
        with suppress(Exception):  # PyAV may be missing, or fail in any way
            codecs, pixel_format = _codecs(reference.source, policy)
            words += codecs
    header = inspection.header
    if isinstance(header, AVHeader) and len(words) == 1:
        words += [codec for codec in (header.video_codec, header.audio_codec) if codec]
        pixel_format = header.pixel_format
    words += [pixel_format] if pixel_format else []
    words += _dimensions(header)
    return ", ".join(words) + _known_cause(header, pixel_format)


def _codecs(source: MediaSource, policy: MediaPolicy) -> tuple[list[str], str | None]:
    """Read the names of the codecs and the pixel format with PyAV."""
    with _open_source(source, policy) as file, closing(open_container(file)) as container:
        names = [
            f"{stream.type} {stream.codec_context.name}"
            for stream in container.streams
            if stream.type in ("video", "audio") and stream.codec_context is not None
        ]
        known = (s.codec_context for s in container.streams.video if s.codec_context is not None)
        pixel_formats = (av_container.pixel_format(context) for context in known)
        return names, next(pixel_formats, None)


def _open_source(source: MediaSource, policy: MediaPolicy) -> IO[bytes]:
    if isinstance(source, LocalFile):
        return os.fdopen(open_allowed_file(source, policy.allowed_dirs), "rb")
    if isinstance(source, InlineBase64):
        return io.BytesIO(binascii.a2b_base64(source.text[source.start :]))
    raise ValueError("URLs are never opened")


def _dimensions(header: MediaHeader | None) -> list[str]:
    if header is None:
        return []
    size = f"{header.width} x {header.height} pixels" if header.width and header.height else None
    seconds = header.duration if isinstance(header, AVHeader) else None
    return [*([size] if size else []), *([f"{seconds:.1f} s"] if seconds is not None else [])]


def _known_cause(header: MediaHeader | None, pixel_format: str | None) -> str:
    """Return the property of the media that MiMo is known to refuse, or an empty string."""
    sides = refused_sides(header.width, header.height) if isinstance(header, ImageHeader) else None
    if sides is not None:
        return f" ({sides})"
    if pixel_format is not None and pixel_format not in _SAFE_PIXEL_FORMATS:
        return " (MiMo is known to refuse pixel formats other than yuv420p)"
    return ""


def _remedy(reference: MediaReference) -> str:
    kind, source = reference.kind, reference.source
    if isinstance(source, RemoteURL):
        call = f"langchain_mimo.prepare.prepare_{kind}(path, convert=True)"
        return f"download it and convert it with {call}"
    argument = repr(source.path[:200]) if isinstance(source, LocalFile) else "data"
    if isinstance(source, LocalFile) and source.time_range is not None:
        argument += f", start_s={source.time_range.start_s:g}"
        if source.time_range.end_s is not None:
            argument += f", end_s={source.time_range.end_s:g}"
    return f"re-encode it with langchain_mimo.prepare.prepare_{kind}({argument}, convert=True)"

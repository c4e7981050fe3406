"""Inspects media before they are sent: format, size and shape, from their headers alone."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from langchain_mimo._media import formats, limits
from langchain_mimo._media.headers.images import MAX_FRAMES_COUNTED
from langchain_mimo._media.headers.probe import probe
from langchain_mimo._media.headers.reader import (
    AVHeader,
    ImageHeader,
    MediaHeader,
    TruncatedMediaError,
)
from langchain_mimo._media.headers.track_kinds import read_track_kinds
from langchain_mimo._media.identify import accepted_mime_type, behind_tags, identify_file
from langchain_mimo._media.local_files import open_trusted_file
from langchain_mimo._media.readers import FileReader, MemoryReader, OffsetReader, Reader
from langchain_mimo._media.references import MediaKind
from langchain_mimo.errors import MediaError

_STILL_IMAGE_CODECS = frozenset({"jpeg", "mjpeg", "png ", "png"})


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
    limits.check_base64_length(limits.base64_length(reader.size), kind, limit)
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
    found, actual, header, fault = identify_by_tracks(reader)
    mime_type = accepted_mime_type(kind, actual, stated_mime_type)
    if fault is not None:
        raise _with_remedy(fault, kind)
    return Inspection(mime_type, found, header, _warning(found, header))


class TracksIdentified(NamedTuple):
    """What a file is, by its first bytes and by its tracks.

    Attributes:
        found: The format by the first bytes, or None.
        actual: The format as MiMo takes it: a container as the video or audio that it holds.
        header: As `measure_headers` returns it.
        fault: As `measure_headers` returns it.
    """

    found: formats.Format | None
    actual: formats.Format | None
    header: MediaHeader | None
    fault: ValueError | None


def identify_by_tracks(reader: Reader) -> TracksIdentified:
    """Identify a file by its first bytes and, if it is a container, by its tracks."""
    found, offset = identify_file(reader)
    header, fault = measure_headers(reader, found, offset)
    actual = behind_tags(_by_tracks(found, header or _tracks(reader, found)), offset)
    return TracksIdentified(found, actual, header, fault)


def measure_headers(
    reader: Reader, found: formats.Format | None, offset: int
) -> tuple[MediaHeader | None, ValueError | None]:
    """Measure a file, or return why that is impossible.

    What the file is called in an error depends on its tracks, and comes before its damage.

    Args:
        reader: The bytes.
        found: The format, from `identify_file`.
        offset: Where it begins.

    Returns:
        The header, and the reason. A truncated file may have both.
    """
    if found is None:
        return None, None
    # Tags around an MP3 belong to it.
    whole = reader if found is formats.MP3 or not offset else OffsetReader(reader, offset)
    try:
        return probe(whole, found), None
    except TruncatedMediaError as error:
        return error.header, error
    except ValueError as error:
        return None, error


def _tracks(reader: Reader, found: formats.Format | None) -> AVHeader | None:
    """Return what a container holds that is not measured, as far as an error needs to know."""
    kinds = read_track_kinds(reader, found) if found is not None and found.preparer else None
    return None if kinds is None else AVHeader(has_video=kinds.has_video, has_audio=kinds.has_audio)


def _with_remedy(fault: ValueError, kind: MediaKind) -> ValueError:
    """Return the error for a damaged file, with the call that keeps what is there of it."""
    header = fault.header if isinstance(fault, TruncatedMediaError) else None
    if header is None or not (header.duration or any(header.duration_range or ())):
        return fault
    return ValueError(f"{fault}, or keep what is there with langchain_mimo.prepare.prepare_{kind}")


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


def _by_tracks(found: formats.Format | None, header: MediaHeader | None) -> formats.Format | None:
    """Return a container as the video or the audio that it is, now that its tracks are known."""
    if found is None or not isinstance(header, AVHeader) or header.has_video is None:
        return found
    is_video = _has_moving_images(found, header)
    if found is formats.M4A and is_video:
        found = formats.MP4
    if found.description != "video or audio" or (header.has_video and not is_video):
        return found
    if not header.has_video:
        return _without_video(found, header)
    mime_types: dict[MediaKind, str] = {
        kind: name for kind, name in found.mime_types.items() if kind == "video"
    }
    description = "video without audio" if header.has_audio is False else "video with audio"
    return replace(found, mime_types=mime_types, description=description)


def _has_moving_images(found: formats.Format, header: AVHeader) -> bool:
    """Whether there is a video: still images beside audio are covers, but Motion JPEG in a MOV."""
    is_still = header.video_codec in _STILL_IMAGE_CODECS and found is not formats.MOV
    return bool(header.has_video) and not (is_still and header.has_audio)


def _without_video(found: formats.Format, header: AVHeader) -> formats.Format:
    """Return a container that holds audio alone, or nothing."""
    if header.has_audio is False:
        name, advice = f"{found.name} without video and audio", "check the file: it has no tracks"
        return formats.Format(name, advice=advice)
    if found is formats.WMV:
        return formats.WMA
    return replace(
        found,
        name=f"{found.name} without a video track",
        mime_types={kind: name for kind, name in found.mime_types.items() if kind == "audio"},
        description="audio",
        preparer="prepare_audio",
    )


def _warning(found: formats.Format | None, header: MediaHeader | None) -> str | None:
    """Return what is unusual about media that are sent nevertheless."""
    if found is None:
        return None
    if header is None:
        return f"has too many entries in its {found.name} header to be measured; it is sent as is"
    return _image_warning(found, header) if isinstance(header, ImageHeader) else None


def _image_warning(found: formats.Format, header: ImageHeader) -> str | None:
    pixels = header.width * header.height
    if pixels > limits.BOMB_PIXELS:
        remedy = "a program you trust"
        if found is formats.JPEG:
            remedy = "langchain_mimo.prepare.prepare_image, unless it is progressive"
        return (
            f"has {pixels / 1e6:.0f} million pixels, which a server may refuse as a decompression "
            f"bomb; shrink it with {remedy}"
        )
    if header.frames is not None and header.frames >= MAX_FRAMES_COUNTED:
        return f"has {MAX_FRAMES_COUNTED} or more frames; MiMo may read only the first one"
    if cause := limits.refused_sides(header.width, header.height):
        return (
            f"has {header.width} x {header.height} pixels, which MiMo may refuse ({cause}); "
            "convert it with langchain_mimo.prepare.prepare_image"
        )
    return None

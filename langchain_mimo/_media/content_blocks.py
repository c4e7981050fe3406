"""Creates LangChain content blocks: `image_block`, `video_block` and `audio_block`.

The program itself names the file here, so it is opened, inspected and hashed at once. The block
states the file's path, size and digest; it does not contain the file.
"""

from __future__ import annotations

import io
import os
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias

from langchain_mimo._checks import choice, integer, number, shown, spelled_number
from langchain_mimo._media import formats, limits
from langchain_mimo._media.block_arguments import (
    check_source_of_range,
    checked_range,
    naming_unknown_arguments,
)
from langchain_mimo._media.digests import digest_of
from langchain_mimo._media.inspection import inspect
from langchain_mimo._media.local_files import URL_SCHEME, open_trusted_file
from langchain_mimo._media.pil_images import PillowImage, is_pil_image, save_pil_image
from langchain_mimo._media.ranged_files import inspect_source, plan_file
from langchain_mimo._media.readers import Base64Reader, FileReader, MemoryReader, Reader
from langchain_mimo._media.references import MediaKind, TimeRange, parse_file_url, split_data_url
from langchain_mimo.catalogue import FPS_RANGE, MEDIA_RESOLUTIONS
from langchain_mimo.errors import MediaError, MiMoInputError, as_input_error

Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
"""A URL (http, https, data, file), a path, bytes, or a binary file object."""


_OTHER_TYPE = re.compile(r"use a block of type '(\w+)'")


@naming_unknown_arguments("image")
def image_block(
    source: Source | PillowImage,
    *,
    mime_type: str | None = None,
    size: int | None = None,
) -> dict[str, Any]:
    """Create an image block.

    Args:
        source: An http or https URL, which is sent to MiMo unchanged; a path, which becomes a
            `file://` URL with size and SHA-256 and is read again while a request is sent; bytes or
            a binary file object, which become base64; or a PIL image, which is saved as PNG.
        mime_type: The MIME type. Default: detected from the bytes; not set for URLs. For a PIL
            image: "image/png" (default), "image/jpeg" or "image/webp", the latter two at quality
            95.
        size: Size in bytes of media given by URL, if known. A size above MiMo's limit for URLs
            (50 MB for images, 300 MB for videos, 100 MB for audio) is refused here.

    Returns:
        A LangChain content block of type "image".

    Raises:
        MediaError: The file does not exist or is not readable, or MiMo would refuse it.
        MiMoInputError: `mime_type` is not a string, `size` is not an integer >= 0, or there is no
            such argument.
    """
    _check_mime_type("image", mime_type)
    if is_pil_image(source):
        source, mime_type = save_pil_image(source, mime_type)
    return _block("image", source, mime_type, size, {})  # type: ignore[arg-type]  # not a PIL image


@naming_unknown_arguments("video")
def video_block(
    source: Source,
    *,
    mime_type: str | None = None,
    size: int | None = None,
    fps: float | None = None,
    media_resolution: str | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
) -> dict[str, Any]:
    """Create a video block.

    With `start_s` or `end_s` the block names a time range of a local MP4 or MOV with H.264 (8-bit
    4:2:0) and with AAC, MP3 or no audio. The file stays as it is, and the block holds no bytes of
    it. When the request is written, the range is copied without encoding to a temporary MP4 with
    the first video and the first audio track, and that is sent. The copy begins at the key frame at
    or before `start_s`, and ends at `end_s` or a few frames later where frames refer to later ones;
    `extras` of the block say where, as `shown_start_s` and `shown_end_s`. Times in the model's
    answer count from `shown_start_s`. The packets of a file are read once to know this, which takes
    as long as copying it, and needs the extra `av`.

    Args:
        source: As for `image_block`, without PIL images.
        mime_type: The MIME type. Default: detected from the bytes; not set for URLs.
        size: Size in bytes, if given by URL and known.
        fps: Frames that MiMo samples per second, 0.1 to 10; a string that spells a number is taken
            as one. Default: the model's setting, or MiMo's default of 2.
        media_resolution: "default" or "max". Default: the model's setting, or "default".
        start_s: Start of the time range, in seconds from the first moment shown; as for `fps`, a
            string that spells a number is taken as one. Default: the beginning.
        end_s: End of the time range, likewise; behind the end of the file it means that end.
            Default: the end.

    Returns:
        A LangChain content block of type "video". `fps`, `media_resolution` and the time range are
        stored in `extras`. A range of the whole file is the file, without a range.

    Raises:
        MediaError: As `image_block`; or the range cannot be copied, is too large to be sent, or is
            one of a URL, bytes or a file object. `prepare_video(path, start_s=…, end_s=…)` encodes
            ranges of any video.
        MiMoInputError: As `image_block`; or `fps`, `media_resolution`, `start_s` or `end_s` is out
            of range.
    """
    extras: dict[str, Any] = {}
    time_range = checked_range("video", start_s, end_s)
    with as_input_error():
        if fps is not None:
            extras["fps"] = number("video_block's fps", spelled_number(fps), *FPS_RANGE)
        if media_resolution is not None:
            choice("video_block's media_resolution", media_resolution, MEDIA_RESOLUTIONS)
            extras["media_resolution"] = media_resolution
    return _block("video", source, mime_type, size, extras, time_range=time_range)


@naming_unknown_arguments("audio")
def audio_block(
    source: Source,
    *,
    mime_type: str | None = None,
    size: int | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
) -> dict[str, Any]:
    """Create an audio block.

    With `start_s` or `end_s` the block names a time range of a local MP3, WAV (PCM), FLAC, M4A (AAC
    or ALAC) or OGG (Opus or Vorbis), which is copied without encoding as `video_block` says. The
    copy begins at the packet at `start_s`, or up to a few packets earlier where its decoder needs
    them; `shown_start_s` in `extras` says where. Audio of a video is extracted by
    `langchain_mimo.prepare.prepare_audio(path, start_s=…, end_s=…)`.

    Args:
        source: As for `image_block`, without PIL images.
        mime_type: The MIME type. Default: detected from the bytes; not set for URLs.
        size: Size in bytes, if given by URL and known.
        start_s: As for `video_block`.
        end_s: As for `video_block`.

    Returns:
        A LangChain content block of type "audio". The time range is stored in `extras`.

    Raises:
        MediaError: As `video_block`, with `prepare_audio`.
        MiMoInputError: As `image_block`; or `start_s` or `end_s` is out of range.
    """
    time_range = checked_range("audio", start_s, end_s)
    return _block("audio", source, mime_type, size, {}, time_range=time_range)


def _block(
    kind: MediaKind,
    source: Source,
    mime_type: str | None,
    size: int | None,
    extras: dict[str, Any],
    *,
    time_range: TimeRange | None = None,
) -> dict[str, Any]:
    _check_mime_type(kind, mime_type)
    if size is not None:
        with as_input_error():
            size = integer(f"{kind}_block's size", size, 0)
        try:
            limits.check_url_size(kind, size)
        except ValueError as error:
            raise MediaError(f"{kind}_block cannot use it: {error}") from None
    if time_range is not None:
        check_source_of_range(kind, source)
    block: dict[str, Any]
    if isinstance(source, bytes | bytearray | memoryview):
        block = _from_bytes(kind, bytes(source), mime_type)
    elif isinstance(source, str | os.PathLike):
        block = _from_location(kind, os.fspath(source), mime_type, extras, time_range)
    elif callable(getattr(source, "read", None)):
        block = _from_bytes(kind, _read_all(kind, source), mime_type)
    elif isinstance(source, dict):
        raise MediaError(f"{kind}_block got a content block; put it into the message as it is")
    else:
        raise MediaError(
            f"{kind}_block takes a URL, a path, bytes or a binary file object, "
            f"not {type(source).__name__}"
        )
    return {"type": kind, **block, **({"extras": extras} if extras else {})}


def _check_mime_type(kind: MediaKind, mime_type: object) -> None:
    if mime_type is not None and not isinstance(mime_type, str):
        raise MiMoInputError(
            f"{kind}_block's mime_type must be a string or None, got {shown(mime_type)}"
        )


def _from_location(
    kind: MediaKind,
    location: str,
    mime_type: str | None,
    extras: dict[str, Any],
    time_range: TimeRange | None,
) -> dict[str, Any]:
    """Return the block's keys for a string: a URL if it has a scheme, otherwise a path."""
    if not isinstance(location, str):  # os.fspath of a path in bytes
        raise MediaError(f"{kind}_block takes paths of str, not {type(location).__name__}")
    if not location.strip():
        raise MediaError(f"{kind}_block got an empty string; give a URL or the path of a file")
    scheme = URL_SCHEME.match(location)
    name = scheme.group().lower() if scheme else ""
    if name in ("http:", "https:"):
        stated = formats.normalise_mime_type(mime_type)
        return {"url": location, **({"mime_type": stated} if stated else {})}
    if name == "data:":
        return _from_data_url(kind, location, mime_type)
    if name == "file:":
        return _from_file(kind, parse_file_url(location).path, mime_type, extras, time_range)
    if name:
        raise MediaError(
            f"{kind}_block does not support the URL scheme {name[:-1]!r}; give an http or https "
            "URL that MiMo can reach, or a local path"
        )
    return _from_file(kind, location, mime_type, extras, time_range)


def _from_file(
    kind: MediaKind,
    path: str,
    mime_type: str | None,
    extras: dict[str, Any],
    time_range: TimeRange | None,
) -> dict[str, Any]:
    """Open the file once to inspect and hash it; return the block's keys that refer to it."""
    try:
        descriptor = open_trusted_file(path)
    except ValueError as error:
        raise MediaError(f"{kind}_block {error}") from None
    absolute = Path(path).absolute()
    try:
        reader, name = FileReader(descriptor), repr(str(absolute))
        detected, stated = _detect_in_file(kind, descriptor, mime_type, name, time_range)
        extras |= {"size": reader.size, "sha256": digest_of(descriptor), **stated}
    finally:
        os.close(descriptor)
    return {"url": absolute.as_uri(), "mime_type": detected}


def _detect_in_file(
    kind: MediaKind,
    descriptor: int,
    mime_type: str | None,
    name: str,
    time_range: TimeRange | None,
) -> tuple[str, dict[str, Any]]:
    """Return the MIME type, and what `extras` state of the time range."""
    with _naming(kind, name):
        reader = FileReader(descriptor)
        if time_range is None:
            return inspect(kind, mime_type, reader).mime_type, {}
        inspection = inspect_source(kind, mime_type, reader, time_range)
        with os.fdopen(os.dup(descriptor), "rb") as file:
            ranged = plan_file(kind, file, inspection, time_range)
        if ranged.plan is None:
            return inspect(kind, mime_type, reader).mime_type, {}
        end_s = ranged.index.duration
        if time_range.end_s is not None:
            end_s = min(time_range.end_s, end_s)
        stated: dict[str, Any] = {"start_s": time_range.start_s, "end_s": end_s}
        stated |= dict(zip(("shown_start_s", "shown_end_s"), ranged.shown, strict=True))
        stated["copy_seconds"] = ranged.seconds
        if kind == "video":
            stated["copy_has_audio"] = ranged.has_audio
        return inspection.mime_type, stated


def _from_bytes(kind: MediaKind, data: bytes, mime_type: str | None) -> dict[str, Any]:
    detected = _detect_mime_type(kind, MemoryReader(data), mime_type, "the given bytes")
    return {"base64": b64encode(data).decode("ascii"), "mime_type": detected}


def _from_data_url(kind: MediaKind, url: str, mime_type: str | None) -> dict[str, Any]:
    split = split_data_url(url)
    if split is None:
        raise MediaError(
            f"{kind}_block got a data URL that is not base64; write data:<MIME type>;base64,<data>"
        )
    stated, source = split
    reader = Base64Reader(source)
    detected = _detect_mime_type(kind, reader, mime_type or stated, "the given data URL")
    return {"base64": url[source.start :], "mime_type": detected}


def _detect_mime_type(kind: MediaKind, reader: Reader, stated: str | None, name: str) -> str:
    """Return the MIME type by the bytes, or refuse now what MiMo would refuse later."""
    with _naming(kind, name):
        return inspect(kind, stated, reader).mime_type


@contextmanager
def _naming(kind: MediaKind, name: str) -> Iterator[None]:
    """Name the function and the source in whatever is raised."""
    try:
        yield
    except ValueError as error:
        # Here, a block of another type comes from another function.
        source = "…" if name.startswith("the given") else "path"
        reason = _OTHER_TYPE.sub(rf"use \1_block({source})", str(error))
        raise MediaError(f"{kind}_block cannot use {name}: {reason}") from None


def _read_all(kind: MediaKind, source: IO[bytes]) -> bytes:
    """Read a file object, but not more than could be sent."""
    data: object = ""
    if not isinstance(source, io.TextIOBase):  # it could fail to decode what is no text
        try:
            data = source.read(limits.MAX_INLINE_BYTES + 1)
        except ValueError as error:
            raise MediaError(
                f"{kind}_block cannot read the file object: {error}; give an open one"
            ) from error
    if not isinstance(data, bytes):
        raise MediaError(
            f"{kind}_block got a file object that returns text, not bytes; open the file with "
            'mode "rb"'
        )
    if not data and _position(source) > 0:
        raise MediaError(
            f"{kind}_block got a file object that is at its end; call its seek(0) before"
        )
    return data


def _position(source: IO[bytes]) -> int:
    try:
        return source.tell()
    except (AttributeError, OSError, ValueError):  # not every file object has a position
        return 0

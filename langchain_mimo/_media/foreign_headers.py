"""Headers of formats that the package does not read itself, by PyAV and Pillow."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import IO, Any, cast

from langchain_mimo._media.av_container import (
    ffmpeg_errors,
    open_container,
    pixel_format,
)
from langchain_mimo._media.cutting.index import MAX_PRIMING
from langchain_mimo._media.headers.images import MAX_FRAMES_COUNTED
from langchain_mimo._media.headers.reader import AVHeader, ImageHeader, StreamInfo
from langchain_mimo._media.joined_streams import joined_seconds, may_be_joined
from langchain_mimo._media.shown_length import counted_seconds, seconds_by_ends
from langchain_mimo.errors import MediaError

_WITHOUT_DURATION = frozenset(
    {"aac", "ac3", "amr", "dts", "eac3", "flac", "h264", "hevc", "loas", "mp3", "mpegvideo", "wv"}
)
"""Containers without a duration: FFmpeg guesses it from the first frames, often wrongly."""

_WITHOUT_TIMES = frozenset({"h264", "hevc"})
"""Containers without times, for which FFmpeg assumes 25 frames per second."""

_STATING_DURATION = frozenset(
    {"aiff", "asf", "au", "avi", "caf", "flac", "flv", "matroska", "mov", "mp3", "w64"}
)
"""Containers whose header states a duration. FFmpeg estimates that of an MP3 without a count of
frames, but such a file has no length that could be wrong."""

_FROM_ZERO = "matroska"
"""Its duration may count from time 0, or from the first frame: writers differ."""

_MAX_START = 0.1

_UNROTATED = frozenset({"avi", "asf", "flv", "mpeg", "mpegts", "ogg"})
"""Containers that cannot say that a video is to be rotated."""

_MAX_READ = 64 << 20
"""Bytes that FFmpeg may read; where a file is damaged or empty, it would search all of it."""

_ORIENTATION, _TIFF_WIDTH, _TIFF_HEIGHT = 274, 256, 257
_ROTATIONS = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
_DECODED_BY_SEEKING = frozenset({"GIF", "PNG", "WEBP"})
"""Formats of which Pillow decodes frames to count them; their own headers tell, if undamaged."""

_READABLE = (
    "PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "ICO", "ICNS", "JPEG2000", "PPM",
    "TGA", "PSD", "PCX", "DIB",
)  # fmt: skip


class _BoundedFile:
    """A file that seems to end when too much of it has been read.

    Attributes:
        is_exhausted: Whether that happened.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = _MAX_READ
        self.is_exhausted = False
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes."""
        self.is_exhausted = self.is_exhausted or size > self._left
        data = b"" if self.is_exhausted else self._file.read(size)
        self._left -= len(data)
        return data


def main_streams(container: Any) -> list[Any]:
    """Return the first video that is not a cover, and the first audio."""
    videos = [stream for stream in container.streams.video if not _is_cover(stream)]
    return [*videos[:1], *container.streams.audio[:1]]


def measure_container(file: IO[bytes]) -> tuple[AVHeader, str]:
    """Measure a video or audio file with PyAV.

    Returns:
        The header, and FFmpeg's name of the format.

    Raises:
        MediaError: FFmpeg does not recognise it, or it has neither video nor audio.
        MiMoConfigurationError: PyAV is not installed.
    """
    file.seek(0)
    bounded = _BoundedFile(file)
    opened = open_container(cast("IO[bytes]", bounded))
    with closing(opened) as container, ffmpeg_errors("its header cannot be read"):
        names = _names(container)
        streams = tuple(_stream_info(stream, names) for stream in container.streams)
        main = main_streams(container)
        if not main:
            raise MediaError("it holds neither video nor audio; check the file")
        video = main[0] if main[0].type == "video" else None
        audio = next((stream for stream in main if stream.type == "audio"), None)
        header = AVHeader(
            has_video=video is not None,
            has_audio=audio is not None,
            video_codec=_codec(video) if video is not None else None,
            audio_codec=_codec(audio) if audio is not None else None,
            streams=streams,
        )
        measured = _with_duration(header, container, main)
        name, is_joinable = container.format.long_name, may_be_joined(container)
        positions = [stream.index for stream in main]
        if bounded.is_exhausted:
            return header, name
        if video is not None and _has_duration(container):
            measured = _as_shown(measured, bounded, container, main)
    if is_joinable:
        is_joined, seconds = joined_seconds(file, positions)
        measured = replace(measured, duration=seconds) if is_joined else measured
    return measured, name


def _with_duration(header: AVHeader, container: Any, main: list[Any]) -> AVHeader:
    """Add the duration, as far as it is known."""
    names = _names(container)
    if not _has_duration(container):
        return replace(header, duration=counted_seconds(container, main))
    seconds = container.duration / 1_000_000
    start = (container.start_time or 0) / 1_000_000
    if _FROM_ZERO in names and start > _MAX_START:
        return replace(header, duration_range=(max(0.0, seconds - start), seconds))
    return replace(header, duration=seconds)


def _has_duration(container: Any) -> bool:
    # Damage may make it negative.
    return not _names(container) & _WITHOUT_DURATION and (container.duration or 0) > 0


def _as_shown(header: AVHeader, file: _BoundedFile, container: Any, main: list[Any]) -> AVHeader:
    """Return the header of a video with the seconds that are shown, or with their bounds."""
    seconds = None
    with suppress(MediaError), ffmpeg_errors("its end cannot be read"):
        seconds = seconds_by_ends(container, main)
    if seconds is not None and not file.is_exhausted:
        return replace(header, duration=seconds, duration_range=None)
    if header.has_audio is False or header.duration is None:
        return header
    slack = float(MAX_PRIMING)
    bounds = (max(0.0, header.duration - slack), header.duration + slack)
    return replace(header, duration=None, duration_range=bounds)


def stated_seconds(file: IO[bytes]) -> float | None:
    """Return the seconds that a container states; None where FFmpeg would estimate them."""
    file.seek(0)
    with closing(open_container(file)) as container:
        seconds = (container.duration or 0) / 1_000_000
        return seconds or None if _names(container) & _STATING_DURATION else None


def _names(container: Any) -> frozenset[str]:
    return frozenset(container.format.name.split(","))


def _stream_info(stream: Any, names: frozenset[str]) -> StreamInfo:
    context = stream.codec_context  # None where FFmpeg does not know the codec
    if stream.type == "audio":
        return StreamInfo(
            "audio",
            _codec(stream),
            sample_rate=context.sample_rate or None if context is not None else None,
            channels=context.channels or None if context is not None else None,
        )
    if stream.type != "video":
        return StreamInfo("subtitle" if stream.type == "subtitle" else "data", _codec(stream))
    rate = stream.average_rate if not names & _WITHOUT_TIMES else None
    return StreamInfo(
        "image" if _is_cover(stream) else "video",
        _codec(stream),
        width=context.width or None if context is not None else None,
        height=context.height or None if context is not None else None,
        rotation=0 if names & _UNROTATED else None,
        frame_rate=float(rate) if rate else None,
        pixel_format=pixel_format(context) if context is not None else None,
    )


def _codec(stream: Any) -> str | None:
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else None


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & stream.disposition.__class__.attached_pic)


def measure_image(file: IO[bytes]) -> tuple[ImageHeader, str]:
    """Measure an image with Pillow.

    Returns:
        The header, and Pillow's name of the format.

    Raises:
        MediaError: Pillow does not recognise it.
    """
    with _opened_image(file) as image:
        (width, height), rotation = image.size, 0
        if image.format == "TIFF":  # Pillow states the size as shown
            width, height = image.tag_v2[_TIFF_WIDTH], image.tag_v2[_TIFF_HEIGHT]
            rotation = _ROTATIONS.get(image.tag_v2.get(_ORIENTATION, 1), 0)
        has_pages = image.format not in _DECODED_BY_SEEKING and getattr(image, "is_animated", False)
        frames = 1
        with suppress(EOFError, ValueError):
            while has_pages and frames < MAX_FRAMES_COUNTED:
                image.seek(frames)
                frames += 1
        return ImageHeader(width, height, frames, rotation), str(image.format)


def exif_rotation(file: IO[bytes]) -> int:
    """Return by how many degrees clockwise the EXIF of a JPEG, PNG or WebP wants it turned."""
    from PIL import Image as pillow  # noqa: N813, PLC0415 - Pillow is slow to import

    if file.seek(0, os.SEEK_END) > _MAX_READ:  # Pillow reads a WebP whole
        return 0
    with suppress(MediaError), _opened_image(file) as image:
        exif = pillow.Exif()
        exif.load(image.info.get("exif"))
        return _ROTATIONS.get(exif.get(_ORIENTATION, 1), 0)
    return 0


@contextmanager
def _opened_image(file: IO[bytes]) -> Iterator[Any]:
    """Open an image; its pixels are not read.

    Raises:
        MediaError: Pillow does not recognise it, or fails to read it within the block.
    """
    from PIL import Image as pillow  # noqa: N813, PLC0415 - Pillow is slow to import

    pillow.init()
    readable = [name for name in _READABLE if name in pillow.OPEN]
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield pillow.open(file, formats=readable)
    except pillow.DecompressionBombError as error:
        raise MediaError(f"it is too large for an image: {error}") from None
    except Exception as error:
        raise MediaError("it is not an image that Pillow can read") from error

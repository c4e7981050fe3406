"""The contents of media headers, and a reader whose work is bounded for malicious files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from langchain_mimo._media.readers import Reader

MAX_STEPS = 40_000
"""Most reads per header; a file that needs more is not measured."""

MAX_BYTES = 8 << 20
"""Most bytes of a file that are read to measure it."""

_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """The header of an image.

    Attributes:
        width: Pixels as stored. Whether MiMo applies the EXIF orientation is not known; the number
            of tokens does not depend on it.
        height: Pixels as stored.
        frames: Number of frames, counted up to 1000, or None when they were not counted.
        rotation: Degrees clockwise that a viewer turns the pixels, where the container says so.
    """

    width: int
    height: int
    frames: int | None = None
    rotation: int = 0


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of a video or audio file, or an image. None stands for what the file does not say.

    Attributes:
        kind: "video", "audio", "image" (an image file, or a cover within a video or audio file),
            "subtitle" or "data".
        codec: FFmpeg's name of the codec, such as "h264" or "aac"; the file's own code for a codec
            without such a name here.
        width: Pixels as coded; None for streams that are not shown.
        height: Pixels as coded; None for streams that are not shown.
        rotation: Degrees clockwise that a player turns the frames: 0, 90, 180 or 270; None also
            for audio.
        frame_rate: Mean frames per second of a video.
        is_variable_frame_rate: Whether the times between frames differ.
        pixel_format: FFmpeg's name of the pixel format, such as "yuv420p".
        sample_rate: Samples per second of audio.
        channels: Number of channels of audio.
    """

    kind: Literal["video", "audio", "image", "subtitle", "data"]
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    rotation: int | None = None
    frame_rate: float | None = None
    is_variable_frame_rate: bool | None = None
    pixel_format: str | None = None
    sample_rate: int | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class AVHeader:
    """The header of a video or audio file. None stands for what the header does not say.

    Attributes:
        duration: Seconds from the first moment shown to the last.
        width: Pixels of the first video track as coded.
        height: Pixels of the first video track as coded.
        has_video: Whether there is a video track.
        has_audio: Whether there is an audio track.
        video_codec: Name or four-character code of the video codec.
        audio_codec: Name or four-character code of the audio codec.
        pixel_format: FFmpeg's name of the pixel format, such as "yuv420p".
        duration_range: Least and most seconds, where the exact duration is not known but bounds
            are; None if nothing is known, and when `duration` is.
        display_width: Pixels of the first video track as shown: stretched to its aspect ratio and
            rotated. None where the header states nothing but the coded size.
        display_height: As `display_width`.
        streams: The streams in the file's order; may be empty although there are some.
        has_true_lengths: False for audio whose stated length is a placeholder or wrong, so that the
            duration was measured otherwise; `prepare_audio` corrects such files.
    """

    duration: float | None = None
    width: int | None = None
    height: int | None = None
    has_video: bool | None = None
    has_audio: bool | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    pixel_format: str | None = None
    duration_range: tuple[float, float] | None = None
    display_width: int | None = None
    display_height: int | None = None
    streams: tuple[StreamInfo, ...] = ()
    has_true_lengths: bool = True

    def bounded(self) -> AVHeader:
        """Return it with its duration as an upper bound: the file is incomplete."""
        if self.duration is None:
            return self
        return replace(self, duration=None, duration_range=(0.0, self.duration))


MediaHeader = ImageHeader | AVHeader


class HeaderTooComplexError(Exception):
    """The header has more entries than are read; the file is not measured."""


class TruncatedMediaError(ValueError):
    """The end of the file is missing.

    Attributes:
        header: What the part that is there says, or None.
        stated: Seconds that the complete file lasted, where `header` does not tell; or None.
    """

    def __init__(
        self, reason: str, header: AVHeader | None = None, stated: float | None = None
    ) -> None:
        super().__init__(reason)
        self.header = header
        self.stated = stated


class HeaderReader:
    """Reads small pieces of a file through a buffer, up to `MAX_STEPS` reads and `MAX_BYTES` bytes.

    Attributes:
        size: Size of the file in bytes.
    """

    def __init__(self, reader: Reader) -> None:
        self.size = reader.size
        self._reader = reader
        self._steps = MAX_STEPS
        self._bytes = MAX_BYTES
        self._block = b""
        self._block_at = 0

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; fewer only at the end of the file.

        Raises:
            HeaderTooComplexError: `MAX_STEPS` or `MAX_BYTES` is exceeded.
        """
        return self._buffered(offset, length, _BLOCK)

    def peek(self, offset: int, length: int) -> bytes:
        """Return what `read` returns, without reading ahead: for a few bytes every now and then.

        Raises:
            HeaderTooComplexError: As `read`.
        """
        return self._buffered(offset, length, length)

    def _buffered(self, offset: int, length: int, wanted: int) -> bytes:
        self._steps -= 1
        if self._steps < 0:
            raise HeaderTooComplexError
        start = offset - self._block_at
        if start < 0 or start + length > len(self._block):
            wanted = max(length, wanted)
            self._bytes -= wanted
            if self._bytes < 0:
                raise HeaderTooComplexError
            self._block, self._block_at = self._reader.read(offset, wanted), offset
            start = 0
        return self._block[start : start + length]

    def exactly(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from `offset`.

        Raises:
            ValueError: The file ends before that.
            HeaderTooComplexError: As `read`.
        """
        data = self.read(offset, length)
        if len(data) != length:
            raise truncated()
        return data

    def little(self, offset: int, length: int) -> int:
        """Read a little-endian unsigned integer."""
        return int.from_bytes(self.exactly(offset, length), "little")

    def big(self, offset: int, length: int) -> int:
        """Read a big-endian unsigned integer."""
        return int.from_bytes(self.exactly(offset, length), "big")


def truncated(
    detail: str = "it ends before its header says",
    header: AVHeader | None = None,
    stated: float | None = None,
) -> TruncatedMediaError:
    """Return the error for a file whose end is missing.

    Args:
        detail: How that shows.
        header: What the part that is there says. Its duration is taken for that of the complete
            file, so only bounds of it are kept.
        stated: Seconds that the complete file lasted, where that of `header` is another length.
    """
    bounded = header.bounded() if header is not None else None
    return TruncatedMediaError(f"it is truncated: {detail}; get the complete file", bounded, stated)


def damaged(detail: str) -> ValueError:
    """Return the error for a file whose header contradicts itself."""
    return ValueError(f"it is damaged: {detail}; repair it or get another copy")

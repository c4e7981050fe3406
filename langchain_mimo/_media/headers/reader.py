"""The contents of media headers, and a reader whose work is bounded for malicious files."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    width: int
    height: int
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class AVHeader:
    """The header of a video or audio file. None stands for what the header does not say.

    Attributes:
        duration: Seconds, as the container states them.
        width: Pixels of the first video track as coded.
        height: Pixels of the first video track as coded.
        has_video: Whether there is a video track.
        has_audio: Whether there is an audio track.
        video_codec: Name or four-character code of the video codec.
        audio_codec: Name or four-character code of the audio codec.
        pixel_format: FFmpeg's name of the pixel format, such as "yuv420p".
    """

    duration: float | None = None
    width: int | None = None
    height: int | None = None
    has_video: bool | None = None
    has_audio: bool | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    pixel_format: str | None = None


MediaHeader = ImageHeader | AVHeader


class HeaderTooComplexError(Exception):
    """The header has more entries than are read; the file is not measured."""


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
        self._steps -= 1
        if self._steps < 0:
            raise HeaderTooComplexError
        start = offset - self._block_at
        if start < 0 or start + length > len(self._block):
            wanted = max(length, _BLOCK)
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


def truncated(detail: str = "it ends before its header says") -> ValueError:
    """Return the error for a file whose end is missing."""
    return ValueError(f"it is truncated: {detail}; get the complete file")


def damaged(detail: str) -> ValueError:
    """Return the error for a file whose header contradicts itself."""
    return ValueError(f"it is damaged: {detail}; repair it or get another copy")

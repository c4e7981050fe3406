"""What the header of a medium says, and a reader that hostile headers cannot keep busy."""

from __future__ import annotations

from dataclasses import dataclass

from langchain_mimo._media.readers import Reader

MAX_STEPS = 40_000
"""Parts of a header that are looked at; a file that has more is not measured any further."""

MAX_BYTES = 8 << 20
"""Bytes of a file that are read to measure it."""

_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """A picture by its header.

    Attributes:
        width: Pixels as stored; whether MiMo turns a picture by its EXIF tag is not known, and its
            tokens do not depend on it.
        height: Pixels as stored.
        frames: Pictures in it, counted up to 1000, or None when it was not counted.
    """

    width: int
    height: int
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class AVHeader:
    """A video or a sound by its header. None stands for what the header does not say.

    Attributes:
        duration: Seconds by the container's own account.
        width: Pixels of the first video track as coded.
        height: Pixels of the first video track as coded.
        has_video: Whether there is a video track.
        has_audio: Whether there is a sound track.
        video_codec: Name or four-character code of the picture's codec.
        audio_codec: Name or four-character code of the sound's codec.
        pixel_format: How colours are stored, in FFmpeg's words, such as "yuv420p".
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
    """A header has more parts than an honest one; it is left unmeasured."""


class HeaderReader:
    """Reads small pieces of a medium from blocks it keeps, and stops after a fixed effort.

    Attributes:
        size: Bytes of the whole medium.
    """

    def __init__(self, reader: Reader) -> None:
        self.size = reader.size
        self._reader = reader
        self._steps = MAX_STEPS
        self._bytes = MAX_BYTES
        self._block = b""
        self._block_at = 0

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset` on; fewer only at the end of the medium.

        Raises:
            HeaderTooComplexError: The effort that any honest header needs is spent.
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
        """Return exactly `length` bytes from `offset` on.

        Raises:
            ValueError: The medium ends before.
            HeaderTooComplexError: As `read`.
        """
        data = self.read(offset, length)
        if len(data) != length:
            raise cut_off()
        return data

    def little(self, offset: int, length: int) -> int:
        """Return a number written with its least byte first."""
        return int.from_bytes(self.exactly(offset, length), "little")

    def big(self, offset: int, length: int) -> int:
        """Return a number written with its greatest byte first."""
        return int.from_bytes(self.exactly(offset, length), "big")


def cut_off(detail: str = "it ends before its header says") -> ValueError:
    """Return the refusal of a medium of which a piece is missing."""
    return ValueError(f"it is cut off: {detail}; get the whole file.")


def damaged(detail: str) -> ValueError:
    """Return the refusal of a medium whose header contradicts itself."""
    return ValueError(f"it is damaged: {detail}; repair it or get another copy.")

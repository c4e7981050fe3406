"""The bytes of a file, as Pillow and FFmpeg read them: never longer than the request has time."""

from __future__ import annotations

import io

from langchain_mimo.emulator.media.limits import Clock


class WatchedBytes(io.BytesIO):
    """Bytes in memory that can be read until the time is over.

    Args:
        data: The bytes.
        clock: The time that is left; asked before every read.
    """

    def __init__(self, data: bytes, clock: Clock) -> None:
        super().__init__(data)
        self._clock = clock

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, as `io.BytesIO.read` does.

        Raises:
            Refusal: The time is over.
        """
        self._clock.check()
        return super().read(size)

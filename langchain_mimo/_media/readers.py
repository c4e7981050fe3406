"""Random access to the bytes of media in a file, in base64 text, or in memory."""

from __future__ import annotations

import binascii
import os
import threading
from typing import IO, Protocol

from langchain_mimo._media.references import InlineBase64


class Reader(Protocol):
    """Bytes that can be read at any offset.

    Attributes:
        size: Number of bytes.
    """

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; fewer only at the end of the data."""


_LARGEST_OFFSET = 1 << 62
"""No file is larger. Damaged headers state lengths of 64 bits, and operating systems take 63."""


class MemoryReader:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self._data = data

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        return self._data[offset : offset + length]


class OffsetReader:
    """The bytes of another reader from an offset on.

    Attributes:
        size: Number of bytes from the offset on.
    """

    def __init__(self, reader: Reader, offset: int) -> None:
        self.size = max(0, reader.size - offset)
        self._reader = reader
        self._offset = offset

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        return self._reader.read(self._offset + offset, length)


class FileReader:
    """An open file descriptor, which the caller owns and closes.

    Attributes:
        size: Size of the file when this reader was created.
    """

    def __init__(self, descriptor: int) -> None:
        self.size = os.fstat(descriptor).st_size
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        if offset > _LARGEST_OFFSET:
            return b""
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, length, offset)
        with self._lock:  # Windows has no pread
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, length)


class SeekingReader:
    """An open binary file, whose position reading moves.

    Attributes:
        size: Size of the file when this reader was created.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.size = file.seek(0, os.SEEK_END)
        self._file = file

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        if offset >= self.size:  # file systems refuse to seek far beyond the end
            return b""
        self._file.seek(offset)
        return self._file.read(length)


class Base64Reader:
    """The bytes that base64 text encodes; only the parts that are read are decoded.

    Attributes:
        size: Number of bytes that the complete text encodes.
    """

    def __init__(self, source: InlineBase64) -> None:
        self._text = source.text
        self._start = source.start
        length = len(source.text) - source.start
        padding = 2 if source.text.endswith("==") else 1 if source.text.endswith("=") else 0
        self.size = max(0, length // 4 * 3 - padding)

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`.

        Raises:
            ValueError: That part of the text is not valid base64.
        """
        first, last = offset // 3, -(-(offset + length) // 3)
        text = self._text[self._start + first * 4 : self._start + last * 4]
        try:
            decoded = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
        except (binascii.Error, UnicodeEncodeError):
            raise ValueError("its base64 is invalid; encode it again") from None
        skip = offset - first * 3
        return decoded[skip : skip + length]

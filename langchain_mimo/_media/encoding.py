"""Base64 in slices, from text that is already base64 or from a file."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from langchain_mimo._media.digests import changed
from langchain_mimo._media.limits import base64_length
from langchain_mimo._media.readers import Reader
from langchain_mimo._media.references import InlineBase64, LocalFile

if TYPE_CHECKING:
    import hashlib

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_CHECK_CHUNK = 256 * 1024


class Encoder(Protocol):
    """Base64 that can be generated repeatedly, once for each attempt to send it.

    Attributes:
        encoded_length: Characters of base64.
    """

    encoded_length: int

    def slices(self, characters: int) -> Iterator[bytes]:
        """Yield slices of `characters` characters, a multiple of four; the last may be shorter."""


class TextEncoder:
    """Base64 text of a message, checked in place and sliced without ever copying it completely.

    Attributes:
        encoded_length: Characters of base64.
    """

    def __init__(self, source: InlineBase64) -> None:
        """Check the text, whose length is within the limits.

        Args:
            source: Where the base64 is.

        Raises:
            ValueError: It is not standard base64 with padding. Line breaks and the URL-safe
                alphabet are refused and not repaired, since it is not known how the server
                decodes them.
        """
        self._text = source.text
        self._start = source.start
        self.encoded_length = len(source.text) - source.start
        self._check_alphabet()
        if self.encoded_length % 4:
            raise ValueError("its base64 is truncated or lacks its padding; encode it again")

    def slices(self, characters: int) -> Iterator[bytes]:
        """Yield the text in slices of `characters` characters."""
        for at in range(self._start, len(self._text), characters):
            yield self._text[at : at + characters].encode("ascii")

    def _check_alphabet(self) -> None:
        invalid = b""
        try:
            for piece in self.slices(_CHECK_CHUNK):
                if invalid.strip(b"="):
                    break
                invalid += piece.translate(None, _ALPHABET)
        except UnicodeEncodeError:
            invalid = b"?"
        if not invalid or (invalid in (b"=", b"==") and self._text.endswith(invalid.decode())):
            return
        invalid = invalid.strip(b"=")
        if invalid.isspace():
            raise ValueError("its base64 has line breaks or spaces; remove them")
        if invalid and not invalid.strip(b"-_"):
            raise ValueError(
                "its base64 uses the URL-safe alphabet; encode it with base64.b64encode"
            )
        raise ValueError("its base64 has invalid characters; encode it again")


class FileEncoder:
    """A file that is read and encoded slice by slice, and compared with what its block states.

    Attributes:
        encoded_length: Characters of base64.
    """

    def __init__(self, reader: Reader, source: LocalFile) -> None:
        """Check the size.

        Args:
            reader: The open file.
            source: What the block states about it: its size and digest, if any.

        Raises:
            ValueError: The file does not have the size that the block states.
        """
        self._reader = reader
        self._source = source
        self.encoded_length = base64_length(reader.size)
        if source.size is not None and source.size != reader.size:
            raise changed(self._source)

    def slices(self, characters: int) -> Iterator[bytes]:
        """Yield the base64 in slices of `characters` characters.

        Raises:
            ValueError: In place of the last slice: the file has changed.
        """
        import hashlib  # noqa: PLC0415 - only files need it

        digest = hashlib.sha256() if self._source.sha256 is not None else None
        size, step = self._reader.size, characters // 4 * 3
        for offset in range(0, size, step):
            wanted = min(step, size - offset)
            piece = self._reader.read(offset, wanted)
            if digest is not None:
                digest.update(piece)
            is_last = offset + wanted == size
            if len(piece) != wanted or (is_last and self._has_changed(digest)):
                raise changed(self._source)
            yield binascii.b2a_base64(piece, newline=False)

    def _has_changed(self, digest: hashlib._Hash | None) -> bool:
        """Whether the file has grown or has another digest than the block states."""
        if self._reader.read(self._reader.size, 1):
            return True
        return digest is not None and digest.hexdigest() != self._source.sha256

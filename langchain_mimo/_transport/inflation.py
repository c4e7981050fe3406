"""Decompresses responses in pieces of bounded size.

The HTTP client would inflate each packet whole, however many layers and gigabytes it holds, before
anything could count its bytes. Here one layer of gzip or deflate is inflated, 64 KiB at a time.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

PIECE_BYTES = 64 * 1024
"""Largest piece of inflated bytes that exists at a time."""

_AUTOMATIC = 32 + zlib.MAX_WBITS  # gzip or zlib, by the first bytes
_RAW = -zlib.MAX_WBITS  # some servers send deflate without its zlib header


def content_encoding(headers: Mapping[str, str]) -> str:
    """Return how a body is encoded: "", "gzip", "deflate", or anything else, such as "gzip, br"."""
    value = headers.get("content-encoding")
    if not value:
        return ""
    names = [name.strip().lower() for name in value.split(",")]
    named = ", ".join(name for name in names if name not in ("", "identity"))
    return "gzip" if named == "x-gzip" else named


class Inflater:
    """Inflates one body.

    Args:
        encoding: "gzip" or "deflate".
    """

    def __init__(self, encoding: str) -> None:
        self._start = b"" if encoding == "deflate" else None
        self._inflate = zlib.decompressobj(_AUTOMATIC)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Inflate the next bytes; yields pieces of at most `PIECE_BYTES`.

        Raises:
            zlib.error: The bytes are not compressed as they should be.
        """
        if self._start is not None:
            data = self._start + data
            if len(data) < 2:
                self._start = data
                return
            self._start = None
            if data[0] & 15 != zlib.DEFLATED or int.from_bytes(data[:2], "big") % 31:
                self._inflate = zlib.decompressobj(_RAW)
        while data:
            if self._inflate.eof:  # gzip files may be concatenated
                self._inflate = zlib.decompressobj(_AUTOMATIC)
            piece = self._inflate.decompress(data, PIECE_BYTES)
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
            if piece:
                yield piece

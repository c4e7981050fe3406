"""Measures ID3v2 tags, which taggers put in front of files of any format."""

from __future__ import annotations

from langchain_mimo._media.readers import Reader

_MAX_TAGS = 100
_FOOTER = 0x10


def id3_length(reader: Reader) -> int:
    """Return the length of the ID3v2 tags at the beginning, in bytes; 0 without any.

    A tag states its length in seven bits per byte; a footer repeats its header. The result is
    beyond the end of the file when the last tag is incomplete.
    """
    offset = 0
    for _ in range(_MAX_TAGS):
        header = reader.read(offset, 10)
        if not header.startswith(b"ID3") or len(header) < 4:
            break
        sizes = header[6:10].ljust(4, b"\0")
        length = sum(
            (byte & 0x7F) << shift for byte, shift in zip(sizes, (21, 14, 7, 0), strict=True)
        )
        offset += 10 + length + (10 if header[5:6] and header[5] & _FOOTER else 0)
    return offset

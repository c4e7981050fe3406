"""The boxes of MP4, MOV and M4A files: a size, a name, and contents that may be boxes again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from langchain_mimo._media.headers.reader import HeaderReader, damaged


class Box(NamedTuple):
    """A box.

    Attributes:
        name: Its four-byte name.
        start: Offset of its contents.
        end: Offset of what follows it, which may be beyond the end of the file.
    """

    name: bytes
    start: int
    end: int


def read_box(reader: HeaderReader, offset: int, end: int) -> Box:
    """Read the size and the name of the box at `offset`.

    Args:
        reader: The file.
        offset: Where the box starts; at least 8 bytes before `end`.
        end: Where its parent ends, and thus a box that states size 0.

    Raises:
        ValueError: It states a size that is smaller than its own header.
    """
    head = reader.peek(offset, 16)
    size, name, start = int.from_bytes(head[:4], "big"), head[4:8], offset + 8
    if size == 1:
        size, start = int.from_bytes(head[8:16], "big"), offset + 16
    elif size == 0:
        size = end - offset
    if size < start - offset:
        raise damaged(f"one of its boxes states an invalid size of {size} bytes")
    return Box(name, start, offset + size)


def inner_boxes(reader: HeaderReader, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes within a box, none of which may extend beyond it."""
    while start + 8 <= end:
        reader.read(start, 16)  # the boxes of an index are small and close together: read ahead
        box = read_box(reader, start, end)
        if box.end > end:
            raise damaged("one of its boxes extends beyond its parent")
        yield box
        start = box.end


def signed(number: int) -> int:
    """Return a 32-bit number as a signed one."""
    return number - (1 << 32) if number >> 31 else number

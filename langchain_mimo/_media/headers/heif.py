"""Measures HEIC and AVIF by the properties of their primary item."""

from __future__ import annotations

from collections.abc import Iterator

from langchain_mimo._media.headers.mp4_boxes import Box, inner_boxes, read_box
from langchain_mimo._media.headers.reader import HeaderReader, ImageHeader, damaged, truncated

_MAX_ITEMS = 1000


def probe_heif(reader: HeaderReader) -> ImageHeader:
    """Measure a HEIC or AVIF image; of a sequence, the still that represents it.

    Raises:
        ValueError: It has no index, or its primary item has no size.
    """
    offset = 0
    while offset + 8 <= reader.size:
        box = read_box(reader, offset, reader.size)
        if box.end > reader.size:
            raise truncated()
        if box.name == b"meta":
            return _measure_primary_item(reader, Box(b"meta", box.start + 4, box.end))
        offset = box.end
    raise truncated("its index (the meta box) is missing")


def _measure_primary_item(reader: HeaderReader, meta: Box) -> ImageHeader:
    inner = {name: (at, stop) for name, at, stop in inner_boxes(reader, meta.start, meta.end)}
    item_at, _ = inner.get(b"pitm", (0, 0))
    item = reader.big(item_at + 4, 4 if reader.big(item_at, 1) else 2) if item_at else 0
    size, rotation = (0, 0), 0
    for name, at, _ in _properties(reader, *inner.get(b"iprp", (0, 0)), item):
        if name == b"ispe":
            size = reader.big(at + 4, 4), reader.big(at + 8, 4)
        elif name == b"irot":
            rotation = -90 * (reader.big(at, 1) & 3) % 360
    if not all(size):
        raise damaged("its primary item has no size")
    return ImageHeader(*size, rotation=rotation)


def _properties(reader: HeaderReader, start: int, end: int, item: int) -> Iterator[Box]:
    """Yield the properties of an item."""
    known = list[Box]()
    for name, at, stop in inner_boxes(reader, start, end):
        if name == b"ipco":
            known = list(inner_boxes(reader, at, stop))
        elif name == b"ipma":
            numbers = _associations(reader, at, item)
            yield from (known[number - 1] for number in numbers if 0 < number <= len(known))


def _associations(reader: HeaderReader, at: int, item: int) -> Iterator[int]:
    """Yield the numbers of an item's properties, from 1."""
    id_width = 4 if reader.big(at, 1) else 2
    width = 2 if reader.big(at + 3, 1) & 1 else 1
    count, at = reader.big(at + 4, 4), at + 8
    for _ in range(min(count, _MAX_ITEMS)):
        number, properties = reader.big(at, id_width), reader.big(at + id_width, 1)
        at += id_width + 1
        for index in range(properties):
            if number == item:
                yield reader.big(at + index * width, width) & (0x7FFF if width == 2 else 0x7F)
        at += properties * width

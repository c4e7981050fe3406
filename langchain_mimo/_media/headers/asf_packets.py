"""Reads the times in the data packets of WMV and WMA (ASF).

A packet starts with error correction and flags, which give the width of each field that follows:
0, 1, 2 or 4 bytes. It holds one payload or several. A payload belongs to a media object, such as a
frame, and states the time at which that is shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from langchain_mimo._media.headers.reader import HeaderReader

_WIDTHS = (0, 1, 2, 4)
_MAX_FRAME_SECONDS = 1.0
_MAX_PACKET = 1 << 16


@dataclass(slots=True)
class Times:
    """Seconds at which the first object starts, and at which the last one ends; None if unknown."""

    begin: float | None = None
    end: float | None = None


def packet_times(
    reader: HeaderReader, offsets: Iterable[int], size: int, streams: Collection[int]
) -> Times:
    """Return when the objects in some packets are shown.

    Args:
        reader: The file.
        offsets: Where the packets start, in the file's order.
        size: Bytes per packet.
        streams: Numbers of the streams that count.
    """
    shown: dict[int, set[float]] = {}
    for offset in offsets if 0 < size <= _MAX_PACKET else ():
        for stream, seconds in _payloads(reader.read(offset, size)):
            if stream in streams:
                shown.setdefault(stream, set()).add(seconds)
    if not shown:
        return Times()
    begin = min(min(times) for times in shown.values())
    return Times(begin, max(_end(sorted(times)) for times in shown.values()))


def _end(times: list[float]) -> float:
    """Return the end of the last object, which lasts as long as the one before it."""
    gap = times[-1] - times[-2] if len(times) > 1 else 0.0
    return times[-1] + (gap if gap <= _MAX_FRAME_SECONDS else 0.0)


class _Fields:
    """Reads fields from the start of a packet; one beyond its end is an IndexError."""

    def __init__(self, packet: bytes) -> None:
        self.packet = packet
        self.at = 0

    def take(self, width: int) -> int:
        """Return the next field, 0 if its width is 0."""
        self.skip(width)
        return int.from_bytes(self.packet[self.at - width : self.at], "little")

    def skip(self, width: int) -> None:
        """Pass over some bytes."""
        self.at += width
        if self.at > len(self.packet):
            raise IndexError


def _payloads(packet: bytes) -> Iterator[tuple[int, float]]:
    """Yield stream number and seconds of each payload, as far as the packet can be read."""
    fields = _Fields(packet)
    try:
        yield from _read_packet(fields)
    except IndexError:
        return


class _Layout(NamedTuple):
    """The widths of the fields of a payload."""

    replicated: int
    offset: int
    number: int
    length: int


def _read_packet(fields: _Fields) -> Iterator[tuple[int, float]]:
    flags = fields.take(1)
    if flags & 0x80:
        fields.skip(flags & 0x0F)
        flags = fields.take(1)
    properties = fields.take(1)
    for shift in (5, 1, 3):  # packet length, sequence, padding
        fields.skip(_WIDTHS[flags >> shift & 3])
    fields.skip(6)  # send time and duration
    count, length = 1, 0
    if flags & 1:
        several = fields.take(1)
        count, length = several & 0x3F, _WIDTHS[several >> 6]
    replicated, offset, number = (_WIDTHS[properties >> shift & 3] for shift in (0, 2, 4))
    layout = _Layout(replicated, offset, number, length)
    for _ in range(count):
        stream = fields.take(1) & 0x7F
        yield stream, _read_payload(fields, layout) / 1000


def _read_payload(fields: _Fields, layout: _Layout) -> int:
    """Return the time of a payload in milliseconds, and pass over its content."""
    fields.skip(layout.number)
    milliseconds = fields.take(layout.offset)
    replicated = fields.take(layout.replicated)
    if replicated == 1:  # a group of small objects, whose offset is the time of the first
        fields.skip(1)
    else:
        fields.skip(4)
        milliseconds = fields.take(4)
        fields.skip(max(0, replicated - 8))
    if layout.length:
        fields.skip(fields.take(layout.length))
    return milliseconds

"""Measures the fragments of an MP4: `moof` boxes with the times of the samples that follow them.

A fragment states at which time it starts. So the first and the last ones tell the duration, and
those between are only counted. Where a file has more boxes than are walked, the last fragments are
found by their names near the end of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from langchain_mimo._media.headers.mp4_boxes import Box, inner_boxes
from langchain_mimo._media.headers.mp4_tracks import Movie, Track
from langchain_mimo._media.headers.reader import HeaderReader, HeaderTooComplexError

AT_EACH_END = 32
"""Fragments that are read at the beginning and at the end."""

_TAIL = 1 << 20
_MAX_RUN = 4 << 20
_SLICE = 1 << 16


class _Run(NamedTuple):
    """The layout of the samples of a `trun` box."""

    flags: int
    samples: int
    at: int
    gap: int

    @property
    def width(self) -> int:
        """Bytes per sample."""
        return 4 * (self.flags & 0xF00).bit_count()


def read_fragments(reader: HeaderReader, movie: Movie, fragments: list[Box]) -> None:
    """Read when the first and the last samples in fragments are shown.

    Args:
        reader: The file.
        movie: The movie, which gets the times.
        fragments: All `moof` boxes in the file's order.
    """
    for place, box in enumerate(fragments):
        is_between = AT_EACH_END <= place < len(fragments) - AT_EACH_END
        if not is_between or not all(track.is_timed for track in movie.tracks):
            _read_fragment(reader, box, movie)


def read_last_fragments(reader: HeaderReader, movie: Movie) -> bool:
    """Read when the last samples are shown, by fragments near the end of the file.

    Returns:
        Whether fragments that state their time were found.
    """
    tail_at = max(0, reader.size - _TAIL)
    tail = reader.peek(tail_at, _TAIL)
    found: list[Box] = []
    at = len(tail)
    while len(found) < AT_EACH_END and (at := tail.rfind(b"moof", 4, at)) >= 0:
        end = tail_at + at - 4 + int.from_bytes(tail[at - 4 : at], "big")
        if tail[at + 8 : at + 12] == b"mfhd" and end <= reader.size:
            found.append(Box(b"moof", tail_at + at + 4, end))
    for box in reversed(found):
        _read_fragment(reader, box, movie)
    return bool(found) and all(track.is_timed for track in movie.tracks)


def segments_seconds(reader: HeaderReader, at: int, stop: int) -> float:
    """Return the length of the segments that a `sidx` box lists."""
    scale = reader.big(at + 8, 4)
    first = at + (32 if reader.big(at, 1) == 1 else 24)
    count = min(reader.big(first - 2, 2), (stop - first) // 12)
    table = reader.exactly(first, count * 12)
    rows = struct.iter_unpack(">III", table)
    return sum(length for size, length, _ in rows if not size >> 31) / scale if scale else 0.0


def _read_fragment(reader: HeaderReader, box: Box, movie: Movie) -> None:
    for name, at, stop in inner_boxes(reader, box.start, box.end):
        if name == b"traf":
            _read_track_fragment(reader, at, stop, movie)


def _read_track_fragment(reader: HeaderReader, start: int, end: int, movie: Movie) -> None:
    track, gap, is_timed = None, 0, False
    for name, at, stop in inner_boxes(reader, start, end):
        if name == b"tfhd":
            flags = reader.big(at + 1, 3)
            track = movie.track(reader.big(at + 4, 4))
            if track is None:
                return
            gap = track.fragment_gap
            if flags & 0x08:
                skipped = (8 if flags & 0x01 else 0) + (4 if flags & 0x02 else 0)
                gap = reader.big(at + 8 + skipped, 4)
        elif name == b"tfdt" and track is not None:
            track.decoded = reader.big(at + 4, 8 if reader.big(at, 1) == 1 else 4)
            is_timed = True
        elif name == b"trun" and track is not None:
            track.is_timed = track.is_timed and is_timed
            _read_run(reader, at, stop, track, gap)


def _read_run(reader: HeaderReader, at: int, stop: int, track: Track, gap: int) -> None:
    """Read when the samples of a run are shown."""
    flags, count = reader.big(at + 1, 3), reader.big(at + 4, 4)
    first = at + 8 + (4 if flags & 0x01 else 0) + (4 if flags & 0x04 else 0)
    run = _Run(flags, count, first, gap)
    if run.width * count > min(stop - first, _MAX_RUN):
        raise HeaderTooComplexError
    if not flags & 0x900:
        track.add_samples(count, gap)
        _show(track, track.decoded, track.decoded + gap * count)
        track.decoded += gap * count
        return
    for length, shift in _samples(reader, run):
        track.add_samples(1, length)
        _show(track, track.decoded + shift, track.decoded + shift + length)
        track.decoded += length


def _samples(reader: HeaderReader, run: _Run) -> Iterator[tuple[int, int]]:
    """Yield how long each sample of a run is shown, and how long after it is decoded."""
    width = run.width
    per_slice = _SLICE // width
    for done in range(0, run.samples, per_slice):
        rows = min(per_slice, run.samples - done)
        table = reader.exactly(run.at + done * width, rows * width)
        for at in range(0, len(table), width):
            length, shift = run.gap, 0
            if run.flags & 0x100:
                (length,) = struct.unpack_from(">I", table, at)
            if run.flags & 0x800:
                (shift,) = struct.unpack_from(">i", table, at + width - 4)
            yield length, shift


def _show(track: Track, begin: int, end: int) -> None:
    track.begin = begin if track.begin is None else min(track.begin, begin)
    track.end = max(track.end, end)

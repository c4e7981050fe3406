"""Reads the index of MP4, MOV and M4A: the `moov` box with its tracks."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeAlias

from langchain_mimo._media.headers.mp4_boxes import inner_boxes, signed
from langchain_mimo._media.headers.reader import HeaderReader, HeaderTooComplexError

_MAX_TABLE = 4 << 20
_SLICE = 1 << 16
_MAX_GAPS = 1000
_MAX_EDITS = 64
_AT_EACH_END = 16
_MAX_DEPTH = 8
_PARENTS = frozenset({b"mdia", b"minf", b"stbl", b"edts", b"tref"})
_AVC_PIXEL_FORMATS = {66: "yuv420p", 77: "yuv420p", 88: "yuv420p", 100: "yuv420p"}
_AVC_PIXEL_FORMATS |= {110: "yuv420p10le", 122: "yuv422p10le", 244: "yuv444p"}
_CHROMA = {0: "gray", 1: "yuv420p", 2: "yuv422p", 3: "yuv444p"}
_MP3_IN_MP4 = (b"\x69", b"\x6b")
_MAX_ENTRY = 512
_RATE_FOLLOWS = 15
_AAC_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8) + (0,) * 8
_TRUE_CHANNELS = frozenset(
    {"fLaC", "alac", "sowt", "twos", "raw ", "in24", "in32", "fl32", "fl64", "ulaw", "alaw", "ima4"}
)
_Pairs: TypeAlias = list[tuple[int, int]]


@dataclass(slots=True)
class Track:
    """What is known of a track; times are in units of its own timescale.

    Attributes:
        number: Its id, by which fragments and other tracks refer to it.
        handler: Four-byte kind, such as `vide`.
        chapters: Ids of the tracks with its chapters.
        timescale: Units per second.
        duration: Length of its samples by its header; 0 if unknown.
        samples: Number of samples; 0 if their table is too long.
        length: How long they last together.
        gaps: Number of samples by how long each lasts, of at most `_MAX_GAPS` lengths.
        indexed: Length of the samples that the index lists.
        gaps_at_ends: How long each of the first and the last few samples lasts until the next one
            is decoded.
        shifts_at_ends: Time from decoding to showing of the same samples; empty if always 0.
        edits: Lengths in the movie's timescale and starts, -1 for a gap.
        shown_size: Width and height to be shown before rotation, or zeros.
        rotation: Degrees clockwise.
        fragment_gap: How long a sample in a fragment is shown that does not say so.
        begin: First time shown in a fragment, or None without fragments.
        end: End of the last sample shown in a fragment.
        decoded: End of the samples so far, by the time of decoding.
        is_timed: Whether all its fragments so far state their time.
    """

    number: int = 0
    handler: bytes = b""
    chapters: tuple[int, ...] = ()
    timescale: int = 0
    duration: int = 0
    samples: int = 0
    length: int = 0
    gaps: Counter[int] = field(default_factory=Counter)
    indexed: int = 0
    gaps_at_ends: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    shifts_at_ends: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    edits: list[tuple[int, int]] = field(default_factory=list)
    codec: str = ""
    width: int = 0
    height: int = 0
    shown_size: tuple[int, int] = (0, 0)
    rotation: int = 0
    pixel_format: str | None = None
    sample_rate: int = 0
    channels: int = 0
    fragment_gap: int = 0
    begin: int | None = None
    end: int = 0
    decoded: int = 0
    is_timed: bool = True

    def add_samples(self, count: int, gap: int) -> None:
        """Count samples that last so long each."""
        self.samples += count
        self.length += count * gap
        if gap in self.gaps or len(self.gaps) < _MAX_GAPS:
            self.gaps[gap] += count

    @property
    def shown(self) -> tuple[int, int]:
        """When the first sample in the index is shown, and the end of the last one.

        Frames are shown in another order than they are decoded, so a few at each end count.
        """
        (first, last), (first_shifts, last_shifts) = self.gaps_at_ends, self.shifts_at_ends
        starts = accumulate(first, initial=0)
        begin = min(
            (at + shift for at, shift in zip(starts, first_shifts, strict=False)), default=0
        )
        end, at = self.indexed, self.indexed
        for gap, shift in zip(reversed(last), reversed(last_shifts), strict=False):
            at -= gap
            end = max(end, at + shift + gap)
        return begin, max(begin, end)


@dataclass(slots=True)
class Movie:
    """What is known of the movie; times are in units of its timescale.

    Attributes:
        duration: As its header states it; 0 if unknown.
        is_fragmented: Whether the index announces fragments.
        fragments_duration: Length with all fragments, where the index states it; else 0.
        segments_seconds: Length by the segment indexes; 0 without one.
        is_compressed: Whether the index itself is compressed, and was not read.
    """

    timescale: int = 0
    duration: int = 0
    is_fragmented: bool = False
    fragments_duration: int = 0
    segments_seconds: float = 0.0
    is_compressed: bool = False
    tracks: list[Track] = field(default_factory=list)

    @property
    def chapters(self) -> set[int]:
        """Ids of the tracks that hold the chapters of others, such as their thumbnails."""
        return {number for track in self.tracks for number in track.chapters}

    def track(self, number: int) -> Track | None:
        """Return the track with this id."""
        return next((track for track in self.tracks if track.number == number), None)


def read_movie(reader: HeaderReader, start: int, end: int) -> Movie:
    """Read the contents of a `moov` box."""
    movie = Movie()
    for name, at, stop in inner_boxes(reader, start, end):
        if name == b"mvhd":
            movie.timescale, movie.duration = _scale_and_duration(reader, at)
        elif name == b"trak":
            track = Track()
            _read_track(reader, at, stop, track)
            track.decoded = track.indexed = track.length
            movie.tracks.append(track)
        elif name == b"mvex":
            _read_extensions(reader, at, stop, movie)
        elif name == b"cmov":
            movie.is_compressed = True
    return movie


def _scale_and_duration(reader: HeaderReader, at: int) -> tuple[int, int]:
    """Read timescale and duration of `mvhd` or `mdhd`; all bits set mean an unknown duration."""
    if reader.big(at, 1) == 1:
        scale, duration, unknown = reader.big(at + 20, 4), reader.big(at + 24, 8), (1 << 64) - 1
    else:
        scale, duration, unknown = reader.big(at + 12, 4), reader.big(at + 16, 4), (1 << 32) - 1
    return scale, 0 if duration == unknown else duration


def _read_track(reader: HeaderReader, start: int, end: int, track: Track, depth: int = 0) -> None:
    if depth > _MAX_DEPTH:
        raise HeaderTooComplexError
    for name, at, stop in inner_boxes(reader, start, end):
        if name in _PARENTS:
            _read_track(reader, at, stop, track, depth + 1)
        elif name == b"stsd" and stop - at >= 16:
            _read_sample_entry(reader, at + 8, stop, track)
        elif name == b"hdlr" and not track.handler:
            track.handler = reader.exactly(at + 8, 4)
        elif name == b"tkhd":
            _read_track_header(reader, at, stop, track)
        elif name == b"chap":
            count = min((stop - at) // 4, _MAX_EDITS)
            track.chapters = tuple(reader.big(at + 4 * index, 4) for index in range(count))
        else:
            _read_times(reader, name, at, stop, track)


def _read_track_header(reader: HeaderReader, at: int, stop: int, track: Track) -> None:
    """Read the id, the size to be shown and the rotation in the matrix."""
    wide = 12 if reader.big(at, 1) == 1 else 0
    track.number = reader.big(at + (20 if wide else 12), 4)
    if at + wide + 84 > stop:
        return
    a, b = struct.unpack(">2i", reader.exactly(at + wide + 40, 8))
    track.rotation = round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360
    size = reader.big(at + wide + 76, 4) >> 16, reader.big(at + wide + 80, 4) >> 16
    track.shown_size = size[::-1] if track.rotation % 180 else size


def _read_times(reader: HeaderReader, name: bytes, at: int, stop: int, track: Track) -> None:
    """Read the boxes that state a track's duration and which parts of it are played."""
    if name == b"mdhd":
        track.timescale, track.duration = _scale_and_duration(reader, at)
    elif name == b"stts":
        for count, gap in _pairs(reader, at + 4, stop):
            track.add_samples(count, gap)
        track.gaps_at_ends = _at_ends(*_pairs_at_ends(reader, at + 4, stop))
    elif name == b"ctts":
        first, last = _pairs_at_ends(reader, at + 4, stop)
        shifts = _at_ends(first, last)
        track.shifts_at_ends = [signed(s) for s in shifts[0]], [signed(s) for s in shifts[1]]
    elif name == b"elst":
        track.edits = _edits(reader, at)


def _pairs(reader: HeaderReader, at: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield the rows of a table of counts and values, or none if it is too long to read.

    There may be a row for each frame. Equal ones are merged within slices of the table, which is
    several times as fast as yielding all.
    """
    size = reader.big(at, 4) * 8
    if size > min(stop - at - 4, _MAX_TABLE):
        return
    for offset in range(0, size, _SLICE):
        table = reader.exactly(at + 4 + offset, min(_SLICE, size - offset))
        for (count, value), rows in Counter(struct.iter_unpack(">II", table)).items():
            yield count * rows, value


def _pairs_at_ends(reader: HeaderReader, at: int, stop: int) -> tuple[_Pairs, _Pairs]:
    """Return the first and the last few rows of a two-column table of any length."""
    rows = min(reader.big(at, 4), (stop - at - 4) // 8)
    size = min(rows, _AT_EACH_END) * 8
    first = reader.exactly(at + 4, size)
    last = reader.exactly(at + 4 + rows * 8 - size, size)
    return list(struct.iter_unpack(">II", first)), list(struct.iter_unpack(">II", last))


def _at_ends(first: _Pairs, last: _Pairs) -> tuple[list[int], list[int]]:
    """Return the values of the first and the last few samples of a table of counts and values."""
    head = [value for count, value in first for _ in range(min(count, _AT_EACH_END))]
    tail = [value for count, value in last for _ in range(min(count, _AT_EACH_END))]
    return head[:_AT_EACH_END], tail[-_AT_EACH_END:]


def _edits(reader: HeaderReader, at: int) -> list[tuple[int, int]]:
    """Return the edit list; one of more than `_MAX_EDITS` entries is ignored."""
    is_wide, count = reader.big(at, 1) == 1, reader.big(at + 4, 4)
    if count > _MAX_EDITS:
        return []
    row, layout = (20, ">Qq") if is_wide else (12, ">Ii")
    rows = (reader.exactly(at + 8 + row * index, row - 4) for index in range(count))
    return [struct.unpack(layout, data) for data in rows]


def _read_sample_entry(reader: HeaderReader, at: int, stop: int, track: Track) -> None:
    """Read codec and shape from the first sample entry."""
    end = min(stop, at + reader.big(at, 4))
    track.codec = reader.exactly(at + 4, 4).decode("latin-1")
    if track.handler == b"soun":
        if end - at >= 36:
            _read_audio_entry(reader, at, end, track)
        return
    if end - at < 86:
        return
    track.width, track.height = reader.big(at + 32, 2), reader.big(at + 34, 2)
    for name, inner_at, _ in inner_boxes(reader, at + 86, end):
        if name == b"avcC":
            track.pixel_format = _AVC_PIXEL_FORMATS.get(reader.big(inner_at + 1, 1))
        elif name == b"hvcC":
            chroma, depth = reader.big(inner_at + 16, 1) & 3, 8 + (reader.big(inner_at + 17, 1) & 7)
            track.pixel_format = _CHROMA[chroma] + ("" if depth == 8 else f"{depth}le")
        elif name == b"pasp":
            _stretch(track, reader.big(inner_at, 4), reader.big(inner_at + 4, 4))


def _stretch(track: Track, horizontal: int, vertical: int) -> None:
    """Apply the shape of a pixel to the size to be shown, unless the track header has done it."""
    if not horizontal or not vertical:
        return
    is_turned = bool(track.rotation % 180)
    coded = (track.height, track.width) if is_turned else (track.width, track.height)
    if track.shown_size in ((0, 0), coded):
        width = round(track.width * horizontal / vertical)
        track.shown_size = (track.height, width) if is_turned else (width, track.height)


def _read_audio_entry(reader: HeaderReader, at: int, end: int, track: Track) -> None:
    """Read rate and channels; MP4 fixes the field for channels at 2, whatever the codec."""
    track.sample_rate = reader.big(at + 32, 4) >> 16
    if track.codec in _TRUE_CHANNELS:
        track.channels = reader.big(at + 24, 2)
    if reader.big(at + 16, 2) == 2 and end - at >= 52:  # QuickTime's for high rates
        (rate,) = struct.unpack(">d", reader.exactly(at + 40, 8))
        track.sample_rate = int(rate) if 0 < rate < 1e7 else 0
        track.channels = reader.big(at + 48, 4)
    entry = reader.read(at, min(end - at, _MAX_ENTRY))
    if (place := entry.find(b"dOps")) >= 0:
        track.channels = int.from_bytes(entry[place + 5 : place + 6], "big")
    elif (place := entry.find(b"esds")) >= 0:
        _read_descriptors(entry[place + 8 :], track)


def _read_descriptors(data: bytes, track: Track) -> None:
    """Read MPEG-4's descriptors: of the stream (3), in it of the decoder (4), in it of AAC (5)."""
    decoder = _descriptor(_descriptor(data, 3)[3:], 4)
    if decoder[:1] in _MP3_IN_MP4:
        track.codec = ".mp3"
        return
    config = int.from_bytes(_descriptor(decoder[13:], 5)[:2].ljust(2, b"\0"), "big")
    if config >> 7 & 15 != _RATE_FOLLOWS:
        track.channels = _AAC_CHANNELS[config >> 3 & 15]


def _descriptor(data: bytes, kind: int) -> bytes:
    """Return the contents of a descriptor, which has a length of up to four bytes; else nothing."""
    if data[:1] != bytes([kind]):
        return b""
    at = 1
    while at < 4 and data[at : at + 1] >= b"\x80":
        at += 1
    return data[at + 1 :]


def _read_extensions(reader: HeaderReader, start: int, end: int, movie: Movie) -> None:
    movie.is_fragmented = True
    for name, at, _ in inner_boxes(reader, start, end):
        if name == b"trex":
            track = movie.track(reader.big(at + 4, 4))
            if track is not None:
                track.fragment_gap = reader.big(at + 12, 4)
        elif name == b"mehd":
            movie.fragments_duration = reader.big(at + 4, 8 if reader.big(at, 1) == 1 else 4)

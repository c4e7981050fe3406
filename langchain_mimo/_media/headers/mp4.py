"""Measures MP4, MOV and M4A: duration, size and codecs from the boxes of their index."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from langchain_mimo._media.headers.reader import (
    AVHeader,
    HeaderReader,
    HeaderTooComplexError,
    damaged,
    truncated,
)

_TOP_BOXES = frozenset(
    b"ftyp moov mdat moof free skip wide uuid meta sidx mfra udta pnot styp emsg pdin".split()
)
_MAX_TABLE = 1 << 20
_MAX_DEPTH = 8
_AVC_PIXEL_FORMATS = {66: "yuv420p", 77: "yuv420p", 88: "yuv420p", 100: "yuv420p"}
_AVC_PIXEL_FORMATS |= {110: "yuv420p10le", 122: "yuv422p10le", 244: "yuv444p"}
_CHROMA = {0: "gray", 1: "yuv420p", 2: "yuv422p", 3: "yuv444p"}


@dataclass(slots=True)
class _Track:
    """What is known of a track; times are in units of its own timescale."""

    number: int = 0
    handler: bytes = b""
    timescale: int = 0
    duration: int = 0
    codec: str = ""
    width: int = 0
    height: int = 0
    pixel_format: str | None = None
    samples_duration: int = 0
    first_shift: int = 0
    edits: list[tuple[int, int]] = field(default_factory=list)
    fragment_sample_duration: int = 0
    fragments_begin: int | None = None
    fragments_duration: int = 0


@dataclass(slots=True)
class _Movie:
    """What is known of the movie; times are in units of its timescale."""

    timescale: int = 0
    duration: int = 0
    is_fragmented: bool = False
    tracks: list[_Track] = field(default_factory=list)


def probe_mp4(reader: HeaderReader) -> AVHeader:
    """Measure a file of the MP4 family.

    Raises:
        ValueError: Its index is missing, or a box extends beyond the end of the file.
        HeaderTooComplexError: It has more boxes than are read.
    """
    movie: _Movie | None = None
    for name, start, end in _boxes(reader, 0, reader.size):
        if end > reader.size:
            if movie is not None and name not in _TOP_BOXES:
                break  # data appended to a complete file
            raise truncated()
        if name == b"moov" and movie is None:
            movie = _read_movie(reader, start, end)
        elif name == b"moof" and movie is not None:
            _read_fragment(reader, start, end, movie)
    if movie is None:
        raise truncated("its index (the moov box) is missing, as in a file that was never finished")
    return _header(movie)


def _boxes(reader: HeaderReader, offset: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, content start and end of each box; the end may be beyond the file."""
    while offset + 8 <= end:
        size, name, start = reader.big(offset, 4), reader.exactly(offset + 4, 4), offset + 8
        if size == 1:
            size, start = reader.big(offset + 8, 8), offset + 16
        elif size == 0:
            size = end - offset
        if size < start - offset:
            raise damaged(f"one of its boxes states an invalid size of {size} bytes")
        yield name, start, offset + size
        offset += size


def _inner_boxes(reader: HeaderReader, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes within a box, none of which may extend beyond it."""
    for name, inner_start, inner_end in _boxes(reader, start, end):
        if inner_end > end:
            raise damaged("one of its boxes extends beyond its parent")
        yield name, inner_start, inner_end


def _read_movie(reader: HeaderReader, start: int, end: int) -> _Movie:
    movie = _Movie()
    for name, at, stop in _inner_boxes(reader, start, end):
        if name == b"mvhd":
            movie.timescale, movie.duration = _scale_and_duration(reader, at)
        elif name == b"trak":
            track = _Track()
            _read_track(reader, at, stop, track)
            movie.tracks.append(track)
        elif name == b"mvex":
            _read_extensions(reader, at, stop, movie)
    return movie


def _scale_and_duration(reader: HeaderReader, at: int) -> tuple[int, int]:
    """Read timescale and duration of `mvhd` or `mdhd`; all bits set mean an unknown duration."""
    if reader.big(at, 1) == 1:
        scale, duration, unknown = reader.big(at + 20, 4), reader.big(at + 24, 8), (1 << 64) - 1
    else:
        scale, duration, unknown = reader.big(at + 12, 4), reader.big(at + 16, 4), (1 << 32) - 1
    return scale, 0 if duration == unknown else duration


def _read_track(reader: HeaderReader, start: int, end: int, track: _Track, depth: int = 0) -> None:
    if depth > _MAX_DEPTH:
        raise HeaderTooComplexError
    for name, at, stop in _inner_boxes(reader, start, end):
        if name in (b"mdia", b"minf", b"stbl", b"edts"):
            _read_track(reader, at, stop, track, depth + 1)
        elif name == b"stsd" and stop - at >= 16:
            _read_sample_entry(reader, at + 8, stop, track)
        elif name == b"hdlr" and not track.handler:
            track.handler = reader.exactly(at + 8, 4)
        elif name == b"tkhd":
            track.number = reader.big(at + (20 if reader.big(at, 1) == 1 else 12), 4)
        else:
            _read_times(reader, name, at, stop, track)


def _read_times(reader: HeaderReader, name: bytes, at: int, stop: int, track: _Track) -> None:
    """Read the boxes that state a track's duration and which parts of it are played."""
    if name == b"mdhd":
        track.timescale, track.duration = _scale_and_duration(reader, at)
    elif name == b"stts":
        pairs = _pairs(reader, at + 4, stop)
        track.samples_duration = sum(count * duration for count, duration in pairs)
    elif name == b"ctts" and stop - at >= 16:
        track.first_shift = _signed(reader.big(at + 12, 4))
    elif name == b"elst":
        track.edits = _edits(reader, at)


def _pairs(reader: HeaderReader, at: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield the rows of a two-column table, or none if the table is too long to read."""
    size = reader.big(at, 4) * 8
    if size > min(stop - at - 4, _MAX_TABLE):
        return
    yield from struct.iter_unpack(">II", reader.exactly(at + 4, size))


def _edits(reader: HeaderReader, at: int) -> list[tuple[int, int]]:
    """Return the edit list: lengths in the movie's timescale, starts in the track's, -1 for a gap.

    An edit list of more than 64 entries is ignored.
    """
    is_wide, count = reader.big(at, 1) == 1, reader.big(at + 4, 4)
    if count > 64:
        return []
    row, layout = (20, ">Qq") if is_wide else (12, ">Ii")
    rows = (reader.exactly(at + 8 + row * index, row - 4) for index in range(count))
    return [struct.unpack(layout, data) for data in rows]


def _signed(number: int) -> int:
    return number - (1 << 32) if number >> 31 else number


def _read_sample_entry(reader: HeaderReader, at: int, stop: int, track: _Track) -> None:
    """Read the codec and, for video, the frame size from the first sample entry."""
    end = min(stop, at + reader.big(at, 4))
    track.codec = reader.exactly(at + 4, 4).decode("latin-1")
    if track.handler == b"soun" or end - at < 86:
        return
    track.width, track.height = reader.big(at + 32, 2), reader.big(at + 34, 2)
    for name, inner_at, _ in _boxes(reader, at + 86, end):
        if name == b"avcC":
            track.pixel_format = _AVC_PIXEL_FORMATS.get(reader.big(inner_at + 1, 1))
        elif name == b"hvcC":
            chroma, depth = reader.big(inner_at + 16, 1) & 3, 8 + (reader.big(inner_at + 17, 1) & 7)
            track.pixel_format = _CHROMA[chroma] + ("" if depth == 8 else f"{depth}le")


def _read_extensions(reader: HeaderReader, start: int, end: int, movie: _Movie) -> None:
    movie.is_fragmented = True
    for name, at, _ in _inner_boxes(reader, start, end):
        if name == b"trex":
            number, sample_duration = reader.big(at + 4, 4), reader.big(at + 12, 4)
            for track in movie.tracks:
                if track.number == number:
                    track.fragment_sample_duration = sample_duration


def _read_fragment(reader: HeaderReader, start: int, end: int, movie: _Movie) -> None:
    for name, at, stop in _inner_boxes(reader, start, end):
        if name == b"traf":
            _read_track_fragment(reader, at, stop, movie)


def _read_track_fragment(reader: HeaderReader, start: int, end: int, movie: _Movie) -> None:
    track, sample_duration, decode_time = None, 0, 0
    for name, at, _ in _inner_boxes(reader, start, end):
        if name == b"tfhd":
            number, flags = reader.big(at + 4, 4), reader.big(at + 1, 3)
            track = next((t for t in movie.tracks if t.number == number), None)
            if track is None:
                return
            sample_duration = track.fragment_sample_duration
            if flags & 0x08:
                skipped = (8 if flags & 0x01 else 0) + (4 if flags & 0x02 else 0)
                sample_duration = reader.big(at + 8 + skipped, 4)
        elif name == b"tfdt":
            decode_time = reader.big(at + 4, 8 if reader.big(at, 1) == 1 else 4)
        elif name == b"trun" and track is not None:
            _add_run(reader, at, track, sample_duration, decode_time)


def _add_run(
    reader: HeaderReader, at: int, track: _Track, sample_duration: int, decode_time: int
) -> None:
    """Add the samples of a run to the duration of its track."""
    flags, count = reader.big(at + 1, 3), reader.big(at + 4, 4)
    first = at + 8 + (4 if flags & 0x01 else 0) + (4 if flags & 0x04 else 0)
    width = 4 * (flags & 0xF00).bit_count()
    if track.fragments_begin is None:
        shift = reader.big(first + width - 4, 4) if flags & 0x800 and count else 0
        track.fragments_begin = decode_time + _signed(shift)
    if not flags & 0x100:
        track.fragments_duration += count * sample_duration
        return
    table = reader.exactly(first, min(count * width, _MAX_TABLE))
    for offset in range(0, len(table), width):
        track.fragments_duration += int.from_bytes(table[offset : offset + 4], "big")


def _header(movie: _Movie) -> AVHeader:
    video = next((t for t in movie.tracks if t.handler == b"vide"), None)
    audio = next((t for t in movie.tracks if t.handler == b"soun"), None)
    return AVHeader(
        duration=_duration(movie),
        width=video.width or None if video else None,
        height=video.height or None if video else None,
        has_video=video is not None,
        has_audio=audio is not None,
        video_codec=video.codec if video else None,
        audio_codec=audio.codec if audio else None,
        pixel_format=video.pixel_format if video else None,
    )


def _duration(movie: _Movie) -> float | None:
    """Return the seconds from the start of the earliest track to the end of the last."""
    tracks = [t for t in movie.tracks if t.timescale and t.handler in (b"vide", b"soun")]
    measure = _fragments_span if movie.is_fragmented else _span
    spans = [span for t in tracks if (span := measure(t, movie.timescale)) is not None]
    if spans:
        return max(end for _, end in spans) - min(start for start, _ in spans)
    return movie.duration / movie.timescale if movie.timescale and movie.duration else None


def _span(track: _Track, movie_timescale: int) -> tuple[float, float] | None:
    """Return the start and end of a track in seconds, by its edit list."""
    duration = track.samples_duration or track.duration
    if not duration:
        return None
    seconds = duration / track.timescale
    if not track.edits or not movie_timescale:
        start = track.first_shift / track.timescale
        return start, start + seconds
    gap = sum(length for length, start in track.edits if start < 0) / movie_timescale
    played = sum(length for length, start in track.edits if start >= 0) / movie_timescale
    return gap, gap + (min(seconds, played) if played else seconds)


def _fragments_span(track: _Track, _: int) -> tuple[float, float] | None:
    """Return the start and end of a track in seconds, by its index and its fragments."""
    length = track.samples_duration + track.fragments_duration
    if not length:
        return None
    begin = track.first_shift if track.samples_duration else track.fragments_begin or 0
    skipped = next((start for _, start in track.edits if start > 0), 0)
    start = max(0, begin - skipped) / track.timescale
    return start, start + length / track.timescale

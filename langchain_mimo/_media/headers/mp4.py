"""Measures MP4, MOV and M4A: duration, size and codecs from their index and their fragments.

The duration is that of what a player shows: from the first moment of the earliest track to the end
of the last one, by the samples' times and the edit lists. The duration that the file's header
states is used only where the tracks state none, because it is wrong more often.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from langchain_mimo._media.headers.mp4_boxes import Box, read_box
from langchain_mimo._media.headers.mp4_fragments import (
    AT_EACH_END,
    read_fragments,
    read_last_fragments,
    segments_seconds,
)
from langchain_mimo._media.headers.mp4_tracks import Movie, Track, read_movie
from langchain_mimo._media.headers.reader import (
    AVHeader,
    HeaderReader,
    HeaderTooComplexError,
    StreamInfo,
    TruncatedMediaError,
    truncated,
)

_TOP_BOXES = frozenset(
    b"ftyp moov mdat moof free skip wide uuid meta sidx mfra udta pnot styp emsg pdin".split()
)
_MAX_TOP_BOXES = 10_000
_SUBTITLES = frozenset({b"text", b"sbtl", b"subt", b"subp", b"clcp"})
_GAP_TOLERANCE = 1.5
_MAX_IRREGULAR_SHARE = 0.02
_MAX_IRREGULAR_GAPS = 2


@dataclass(slots=True)
class _Walk:
    """What the boxes at the top of a file hold."""

    movie: Movie | None = None
    fragments: list[Box] = field(default_factory=list)
    boxes: int = 0
    is_truncated: bool = False


def probe_mp4(reader: HeaderReader) -> AVHeader:
    """Measure a file of the MP4 family.

    Raises:
        TruncatedMediaError: Its index is missing, or a box extends beyond the end of the file.
        ValueError: It is damaged.
        HeaderTooComplexError: It has more boxes than are read.
    """
    walk = _walk(reader)
    movie, has_more = walk.movie, walk.boxes == _MAX_TOP_BOXES
    if movie is None and has_more:
        raise HeaderTooComplexError
    if movie is None and walk.is_truncated:
        raise truncated()
    if movie is None:
        raise truncated("its index (the moov box) is missing, as in a file that was never finished")
    if movie.is_compressed:
        return AVHeader()
    read_fragments(reader, movie, walk.fragments[: AT_EACH_END if has_more else None])
    if has_more and not read_last_fragments(reader, movie):
        return _header(movie, _stated_seconds(movie))
    header = _header(movie, _duration(movie))
    if walk.is_truncated and walk.fragments:
        raise TruncatedMediaError(str(truncated()), header)
    if walk.is_truncated:
        raise truncated(header=header)
    return header


def _walk(reader: HeaderReader) -> _Walk:
    """Go from box to box to the end of the file."""
    walk, offset = _Walk(), 0
    while offset + 8 <= reader.size and walk.boxes < _MAX_TOP_BOXES:
        try:
            box = read_box(reader, offset, reader.size)
        except ValueError:
            if walk.movie is None:
                raise
            break  # data appended to a complete file
        if box.end > reader.size:
            # What has another name was appended to a complete file.
            walk.is_truncated = walk.movie is None or box.name in _TOP_BOXES
            break
        if box.name == b"moov" and walk.movie is None:
            walk.movie = read_movie(reader, box.start, box.end)
        elif box.name == b"moof":
            walk.fragments.append(box)
        elif box.name == b"sidx" and walk.movie is not None:
            walk.movie.segments_seconds += segments_seconds(reader, box.start, box.end)
        offset = box.end
        walk.boxes += 1
    return walk


def _stated_seconds(movie: Movie) -> float:
    """Return the duration that the file states for all its fragments."""
    seconds = movie.segments_seconds
    if not seconds and movie.timescale:
        seconds = movie.fragments_duration / movie.timescale
    if not seconds:
        raise HeaderTooComplexError
    return seconds


def _header(movie: Movie, duration: float | None) -> AVHeader:
    tracks = [track for track in movie.tracks if track.number not in movie.chapters]
    video = next((t for t in tracks if t.handler == b"vide"), None)
    audio = next((t for t in tracks if t.handler == b"soun"), None)
    return AVHeader(
        duration=duration,
        width=video.width or None if video else None,
        height=video.height or None if video else None,
        has_video=video is not None,
        has_audio=audio is not None,
        video_codec=video.codec if video else None,
        audio_codec=audio.codec if audio else None,
        pixel_format=video.pixel_format if video else None,
        display_width=video.shown_size[0] or None if video else None,
        display_height=video.shown_size[1] or None if video else None,
        streams=tuple(_stream(track, track.number in movie.chapters) for track in movie.tracks),
    )


def _stream(track: Track, is_chapters: bool) -> StreamInfo:
    codec = track.codec or None
    if track.handler == b"soun":
        return StreamInfo(
            "audio",
            codec,
            sample_rate=track.sample_rate or None,
            channels=track.channels or None,
        )
    if track.handler != b"vide":
        return StreamInfo("subtitle" if track.handler in _SUBTITLES else "data", codec)
    rate, is_variable = _frame_rate(track)
    return StreamInfo(
        "image" if is_chapters else "video",
        codec,
        width=track.width or None,
        height=track.height or None,
        rotation=track.rotation,
        frame_rate=rate,
        is_variable_frame_rate=is_variable,
        pixel_format=track.pixel_format,
    )


def _frame_rate(track: Track) -> tuple[float | None, bool | None]:
    """Return the mean frame rate, and whether it varies by more than a few irregular gaps."""
    if not track.length or not track.timescale:
        return None, None
    usual = max(track.gaps, key=track.gaps.__getitem__)
    regular = sum(
        count
        for gap, count in track.gaps.items()
        if usual / _GAP_TOLERANCE < gap < usual * _GAP_TOLERANCE
    )
    irregular, length = track.samples - regular, track.length
    is_variable = irregular > max(_MAX_IRREGULAR_GAPS, track.samples * _MAX_IRREGULAR_SHARE)
    if track.begin is None:
        length = track.shown[1] - track.shown[0]
    return track.samples * track.timescale / length if length else None, is_variable


def _duration(movie: Movie) -> float | None:
    """Return the seconds from the start of the earliest track to the end of the last."""
    tracks = [
        track
        for track in movie.tracks
        if track.timescale
        and track.handler in (b"vide", b"soun")
        and track.number not in movie.chapters
    ]
    spans = [span for t in tracks if (span := _span(t, movie.timescale)) is not None]
    if spans:
        return max(end for _, end in spans) - min(start for start, _ in spans)
    return movie.duration / movie.timescale if movie.timescale and movie.duration else None


def _span(track: Track, movie_timescale: int) -> tuple[float, float] | None:
    """Return the start and end of a track in seconds."""
    if track.begin is not None:
        return _fragments_span(track, track.begin, movie_timescale)
    first, last = track.shown if track.indexed else (0, track.duration)
    if not last:
        return None
    begin, end = first / track.timescale, last / track.timescale
    if not track.edits or not movie_timescale:
        return begin, end
    gap = played = 0.0
    for length, start in track.edits:
        if start < 0:
            gap += length / movie_timescale
            continue
        rest = max(0.0, end - max(begin, start / track.timescale))
        played += min(rest, length / movie_timescale) if length else rest
    return (gap, gap + played) if played else (gap, gap + end - begin)


def _fragments_span(track: Track, begin: int, movie_timescale: int) -> tuple[float, float]:
    """Return the start and end of a track in seconds, by its index and its fragments."""
    first = min(begin, track.shown[0]) if track.indexed else begin
    skipped = next((start for _, start in track.edits if start > 0), 0)
    gap = track.edits[0][0] / movie_timescale if track.edits and track.edits[0][1] < 0 else 0.0
    start = max(0, first - skipped) / track.timescale + gap
    return start, start + (track.end - first) / track.timescale

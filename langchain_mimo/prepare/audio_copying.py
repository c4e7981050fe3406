"""Copies audio packets for prepare_audio without encoding them."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from langchain_mimo._media.av_container import ffmpeg_errors
from langchain_mimo._media.cutting.copying import write_copy
from langchain_mimo._media.cutting.planning import CannotCopyError, CopyPlan, plan_copy
from langchain_mimo._media.cutting.reading import read_from
from langchain_mimo._media.cutting.times import Span, Tick, exact
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare.audio_source import AudioPart

COPIED = {
    "mp3": ("mp3", "audio/mpeg"),
    "mp3float": ("mp3", "audio/mpeg"),
    "aac": ("ipod", "audio/mp4"),
    "alac": ("ipod", "audio/mp4"),
    "opus": ("ogg", "audio/ogg"),
    "vorbis": ("ogg", "audio/ogg"),
}
"""Codecs that are copied: FFmpeg's container format and the MIME type."""

_MP3 = frozenset({"mp3", "mp3float"})
_MAX_GAP = Fraction(1, 20)
"""Seconds of a gap that a copy may have, since it loses gaps."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What to copy.

    Attributes:
        start_s: Where it starts, in seconds.
        seconds: How long it is; None for the end of the source.
        leaves_out_damage: Whether to leave out packets that do not decode.
    """

    start_s: float
    seconds: float | None
    leaves_out_damage: bool = False


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied: how many seconds, and how many damaged packets were left out."""

    seconds: float
    damaged: int


def copy_audio(
    part: AudioPart,
    segment: Segment,
    target: Path,
    container: str,
    tick: Tick,
) -> Copied | None:
    """Copy a segment without encoding.

    Args:
        part: The source.
        segment: What to copy.
        target: The path to write to.
        container: FFmpeg's name of the container to write.
        tick: Called for every packet.

    Returns:
        What was copied; None if there is no copy that keeps the times.

    Raises:
        MediaError: FFmpeg cannot write it.
    """
    start_s, seconds = segment.start_s, segment.seconds
    if part.codec in _MP3 and start_s > 0:
        return None  # its first frames would need the ones before
    start = part.begin + exact(start_s) if start_s else part.first_packet
    end = part.end if seconds is None else part.begin + exact(start_s + seconds)
    try:
        plan = plan_copy(part.source.index, Span(start, end), "exact")
    except CannotCopyError:
        return None
    if _has_gaps(part, plan, start):
        return None
    damaged = _damaged(part, plan, tick) if segment.leaves_out_damage else set()
    if segment.leaves_out_damage:
        if not damaged:
            return None  # that copy is the one that leaves out nothing
        plan = _without(plan, damaged)
    if not plan.streams[0].ordinals:
        return None
    write_copy(part.source, plan, target, container, tick)
    lost = sum(part.audio.durations[ordinal] for ordinal in damaged) * part.audio.time_base
    last = min(end, part.audio.end or end)
    return Copied(float(last - start - lost), len(damaged))


def _has_gaps(part: AudioPart, plan: CopyPlan, start: Fraction) -> bool:
    """Whether the packets do not follow each other, or begin later than the segment."""
    audio, (stream,) = part.audio, plan.streams
    if stream.pts[0] * audio.time_base - start > _MAX_GAP:
        return True
    durations = (audio.durations[ordinal] for ordinal in stream.ordinals)
    return any(
        duration and abs(after - before - duration) * audio.time_base > _MAX_GAP
        for (before, after), duration in zip(pairwise(stream.pts), durations, strict=False)
    )


def _damaged(part: AudioPart, plan: CopyPlan, tick: Tick) -> set[int]:
    """Return the ordinals of the planned packets that do not decode."""
    (stream,) = plan.streams
    damaged: set[int] = set()
    for packet, ordinal in read_from(part.source, {stream.position: stream.ordinals[0]}, tick):
        if ordinal > stream.ordinals[-1]:
            break
        try:
            with ffmpeg_errors("a packet does not decode"):
                packet.decode()
        except MediaError:
            damaged.add(ordinal)
    return damaged


def _without(plan: CopyPlan, damaged: set[int]) -> CopyPlan:
    (stream,) = plan.streams
    kept = [at for at, ordinal in enumerate(stream.ordinals) if ordinal not in damaged]
    ordinals = array("q", (stream.ordinals[at] for at in kept))
    pts = array("q", (stream.pts[at] for at in kept))
    return replace(plan, streams=(replace(stream, ordinals=ordinals, pts=pts),))

"""Writes planned packets to a new container, without decoding them."""

from __future__ import annotations

import itertools
import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from langchain_mimo._media.av_container import ffmpeg_errors, import_av, open_container
from langchain_mimo._media.cutting.decoding import decode_span
from langchain_mimo._media.cutting.flac_copies import write_flac
from langchain_mimo._media.cutting.index import DEFAULT_FRAME_INTERVAL, Index, IndexedFile
from langchain_mimo._media.cutting.mp3_copies import write_mp3
from langchain_mimo._media.cutting.planning import (
    CannotCopyError,
    CopyPlan,
    Mode,
    StreamPlan,
    plan_copy,
)
from langchain_mimo._media.cutting.reading import read_from
from langchain_mimo._media.cutting.times import Span, Tick
from langchain_mimo._media.cutting.verification import Promise, verify
from langchain_mimo._media.references import MediaKind
from langchain_mimo.errors import MediaError


@dataclass(frozen=True, slots=True)
class CopyTarget:
    """Where a copy is written.

    Attributes:
        path: The file.
        format_name: FFmpeg's name of the new container, for example "mp4".
        kind: The kind of block that has to take it.
    """

    path: str | os.PathLike[str]
    format_name: str
    kind: MediaKind


_FRAME_WRITERS = {"flac": write_flac, "mp3": write_mp3}
"""Formats that are frames one after the other, whose headers FFmpeg copies from the source."""

_FASTSTART = frozenset({"mp4", "mov", "ipod"})


def copy_span(
    source: IndexedFile,
    span: Span,
    mode: Mode,
    target: CopyTarget,
    tick: Tick,
) -> CopyPlan:
    """Copy a span to a new file without encoding, and verify the result.

    When this returns, the target is right: it passes the inspection of blocks, begins with a key
    frame, has the frames, the length and the rotation promised, and decodes.

    Args:
        source: The source; its index decides which streams are copied.
        span: The time range, on the time line of the container.
        mode: "exact" shows exactly the span, or fails. "keyframe" starts at the key frame at or
            before the start, and ends where the end can be decoded; see `planning`.
        target: Where and as what to write.
        tick: Called for every packet and frame.

    Returns:
        What was copied: the actual start and end.

    Raises:
        CannotCopyError: There is no such copy, or the copy failed its verification; the text says
            why, as a clause.
        MediaError: Raised by `tick`.
    """
    plan = plan_copy(source.index, span, mode)
    copy_planned(source, plan, target, tick)
    return plan


def copy_planned(
    source: IndexedFile,
    plan: CopyPlan,
    target: CopyTarget,
    tick: Tick,
    *,
    places: int | None = None,
) -> None:
    """Write a planned copy and verify it, as `copy_span` does.

    Args:
        source: The source.
        plan: What to copy.
        target: Where and as what to write.
        tick: Called for every packet and frame.
        places: How many places are decoded to verify it, of a copy whose packets stay as they are;
            they are compared with those of the source. Default: as `verify`.

    Raises:
        CannotCopyError: It failed its verification.
        MediaError: Raised by `tick`.
    """
    try:
        promise = _promise(source, plan, target.kind, tick)
        if places is not None:
            keeps_packets = target.format_name not in _FRAME_WRITERS
            sizes = _planned_sizes(source, plan) if keeps_packets else None
            promise = replace(promise, places=places, sizes=sizes)
        writer = _FRAME_WRITERS.get(target.format_name)
        if writer is not None:
            with Path(target.path).open("wb") as file:
                writer(source, plan.streams[0], file, tick)
        else:
            write_copy(source, plan, target.path, target.format_name, tick)
        verify(target.path, promise, tick)
    except MediaError as error:
        tick(0)  # raises again if it was the clock
        raise CannotCopyError(f"the copy failed its verification: {error.reason}") from error


def _planned_sizes(source: IndexedFile, plan: CopyPlan) -> dict[str, list[int]]:
    """Return the bytes of each packet of a plan, by the kind of its stream."""
    streams = ((source.index.streams[each.position], each.ordinals) for each in plan.streams)
    return {stream.kind: [stream.sizes[i] for i in ordinals] for stream, ordinals in streams}


def _promise(source: IndexedFile, plan: CopyPlan, kind: MediaKind, tick: Tick) -> Promise:
    """Return what a copy has to be."""
    video, audio = source.index.video, source.index.audio
    reach, interval, rotation = Fraction(0), DEFAULT_FRAME_INTERVAL, None
    if video is not None:
        pts = next(s.pts for s in plan.streams if s.position == video.position)
        reach, interval = (max(pts) - min(pts)) * video.time_base, video.interval
        beginning = Span(plan.start, plan.start + interval)
        frames = decode_span(source, [video.position], beginning, tick, lambda _: None)
        rotation = next((frame.rotation for frame, _ in frames), None)
    heard = next((s for s in plan.streams if audio and s.position == audio.position), None)
    audio_seconds = None
    if heard is not None and audio is not None:
        ticks = heard.pts[-1] - heard.pts[0] + audio.durations[heard.ordinals[-1]]
        audio_seconds = ticks * audio.time_base
    frame_count = plan.frames if video is not None else None
    return Promise(kind, reach, frame_count, interval, audio_seconds, rotation)


def write_copy(
    source: IndexedFile,
    plan: CopyPlan,
    target: str | os.PathLike[str],
    format_name: str,
    tick: Tick,
) -> None:
    """Write a planned copy.

    Times of the copy start at 0, which is `plan.start` of the source. Rotation and other
    properties of the streams are kept. Times of decoding are computed again, because some
    containers do not state them, and others state them for what is cut away. Two copies of the
    same packets are the same bytes.

    Args:
        source: The source.
        plan: What to copy.
        target: The path to write to.
        format_name: FFmpeg's name of the new container, for example "mp4".
        tick: Called for every packet.

    Raises:
        MediaError: FFmpeg cannot read the source or write the copy, for example because the
            container cannot hold the streams.
    """
    options = {"fflags": "+bitexact"}  # no serial numbers by chance, and no names of versions
    if format_name in _FASTSTART:
        options["movflags"] = "faststart"
    done, total = 0, sum(len(stream.ordinals) for stream in plan.streams)
    with ExitStack() as stack:
        source.file.seek(0)
        template = stack.enter_context(closing(open_container(source.file)))
        with ffmpeg_errors("its streams cannot be copied", "encode them"):
            out = import_av().open(os.fspath(target), "w", format=format_name, options=options)
        stack.enter_context(closing_writer(out))
        copies = {}
        for stream in plan.streams:
            with ffmpeg_errors("its streams cannot be copied", "encode them"):
                copy = out.add_stream_from_template(template.streams[stream.position])
            copies[stream.position] = _Copy(copy, stream, plan, source.index)
        first = {stream.position: stream.ordinals[0] for stream in plan.streams}
        for packet, ordinal in read_from(source, first, tick):
            copy = copies[packet.stream.index]
            if copy.is_next(ordinal):
                copy.write(out, packet)
                done += 1
                tick(done / total)
            if done == total:
                break


def copied_seconds(index: Index, plan: CopyPlan) -> float:
    """Return how long an MP4 that `write_copy` writes lasts, to the end of its last packet.

    Audio may go on behind the last frame by the rest of a packet, or end before it.

    Args:
        index: The index of the source.
        plan: What is copied.
    """
    return float(max(_Copy(None, each, plan, index).seconds for each in plan.streams))


@contextmanager
def closing_writer(out: Any) -> Iterator[None]:
    """Close an output container, which writes its index.

    Raises:
        MediaError: FFmpeg cannot write the end of the file, for example because the disk is full.
    """
    try:
        yield
    except BaseException:
        with suppress(Exception):  # the first error counts
            out.close()
        raise
    with ffmpeg_errors("the result cannot be written to its end", "encode it"):
        out.close()


class _Copy:
    """One stream of a copy and the new times of its packets."""

    def __init__(self, stream: Any, planned: StreamPlan, plan: CopyPlan, index: Index) -> None:
        source = index.streams[planned.position]
        start = round(plan.start / source.time_base)
        end = max(round(plan.end / source.time_base), max(planned.pts) + 1)
        self._stream = stream
        self._ordinals = planned.ordinals
        self._pts = array("q", (max(0, pts - start) for pts in planned.pts))
        self._dts = decode_times(self._pts)
        self._end = end - start
        self._durations = source.durations
        self._is_video = source.kind == "video"
        self._time_base = source.time_base
        self._next = 0

    @property
    def seconds(self) -> Fraction:
        """When this stream ends in an MP4, which states where it begins in milliseconds."""
        begin = min(self._pts)
        end = max(pts + self._duration(at) for at, pts in enumerate(self._pts))
        return Fraction(int(begin * self._time_base * 1000), 1000) + (end - begin) * self._time_base

    def is_next(self, ordinal: int) -> bool:
        """Whether a packet is the next one to copy."""
        return self._next < len(self._ordinals) and ordinal == self._ordinals[self._next]

    def write(self, out: Any, packet: Any) -> None:
        at, self._next = self._next, self._next + 1
        with ffmpeg_errors("its packets cannot be copied", "encode them"):
            packet.pts, packet.dts = self._pts[at], self._dts[at]
            packet.duration = self._duration(at)
            packet.stream = self._stream
            out.mux(packet)

    def _duration(self, at: int) -> int:
        """Return how long the packet at a position lasts, in decode order.

        MP4 stores the distances between the times of decoding, and for the last packet its
        duration, which therefore decides how long the whole stream is.
        """
        if not self._is_video:
            return self._durations[self._ordinals[at]]
        if at + 1 < len(self._dts):
            return self._dts[at + 1] - self._dts[at]
        return max(1, self._end - (self._dts[at] - self._dts[0]))


def decode_times(pts: Sequence[int]) -> array[int]:
    """Return times of decoding for packets in decode order, from the times they are shown at.

    Each packet is decoded at the time of the frame shown `delay` frames before it in the order of
    showing, with the smallest delay at which nothing is shown before it is decoded. So the times
    ascend strictly and never exceed `pts`. The first ones, which have no such frame, go on before
    it at the smallest distance of two frames.

    Args:
        pts: Distinct times in ticks.
    """
    shown = sorted(pts)
    delay = max((at - bisect_left(shown, time) for at, time in enumerate(pts)), default=0)
    step = min((b - a for a, b in itertools.pairwise(shown)), default=1)
    early = (shown[0] - step * (delay - at) for at in range(min(delay, len(shown))))
    return array("q", (*early, *shown[: len(shown) - delay]))

"""Plans copies without encoding: which packets are needed, and what they will show.

Decode order is not the order in which frames are shown. A frame refers only to frames before it in
decode order, and, after the key frame of a closed group, to none before that key frame. So a run
of packets in decode order that begins with such a key frame always decodes. A copy is such a run;
the two modes differ in what the run may show:

- `exact`: exactly the frames that start within the span, and nothing is in the file that is not
  shown. Where that is impossible, there is no plan, and the caller encodes.
- `keyframe`: everything from the key frame at or before the start. Frames that precede the end
  may refer to frames behind it; the run then goes on to the next place at which every frame shown
  before is also decoded before. Nothing is hidden: the plan states where the run starts and ends.
  An open group loses its leading frames, which are shown before its key frame.
"""

from __future__ import annotations

import itertools
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from langchain_mimo._media.cutting.index import Index, StreamIndex
from langchain_mimo._media.cutting.key_frames import GroupStart
from langchain_mimo._media.cutting.times import Span

Mode: TypeAlias = Literal["exact", "keyframe"]


class CannotCopyError(ValueError):
    """There is no copy that keeps the promise; the text says why, as a clause."""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """The packets of one stream that are copied.

    Attributes:
        position: The stream's position in the container.
        ordinals: What to copy, in decode order.
        pts: When each of them is shown, in ticks of the source.
    """

    position: int
    ordinals: array[int]
    pts: array[int]


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """A copy without encoding.

    Attributes:
        streams: What is copied of each stream; streams without a packet in the span are left out.
        start: Where the copy starts, in seconds on the time line of the source; its own time 0.
        end: Where it ends, likewise.
        frames: How many video frames it shows.
    """

    streams: tuple[StreamPlan, ...]
    start: Fraction
    end: Fraction
    frames: int


def plan_copy(index: Index, span: Span, mode: Mode) -> CopyPlan:
    """Plan a copy of a span.

    Audio is copied by packets, of 20 to 100 ms each: those that start within what the video shows.
    So adjacent copies neither lose nor repeat any.

    Args:
        index: The index of the source, of the streams to copy.
        span: The time range wanted.
        mode: What the copy promises; see above.

    Raises:
        CannotCopyError: The promise cannot be kept.
    """
    video = index.video
    if video is None:
        return _plan_audio(index, span)
    if not video.knows_order or not video.has_distinct_times:
        raise CannotCopyError("its container does not state when each frame is shown")
    wanted = video.between(span)
    if not wanted:
        raise CannotCopyError("the span contains no video frame")
    run = _exact_run(video, wanted, span) if mode == "exact" else _keyframe_run(video, wanted)
    pts = array("q", (video.pts[ordinal] for ordinal in run))
    start, end = min(pts) * video.time_base, span.end
    if mode == "keyframe":
        end = _end_of_run(video, max(pts), span)
    plans = [StreamPlan(video.position, run, pts)]
    for stream in index.streams.values():
        if stream.kind == "audio":
            plans += _audio_plan(stream, Span(start, end), index.end)
    return CopyPlan(tuple(plans), start, end, len(run))


def _exact_run(video: StreamIndex, wanted: array[int], span: Span) -> array[int]:
    first, last = min(wanted), max(wanted)
    start = video.pts[wanted[0]] * video.time_base
    if start - span.start >= video.interval:
        raise CannotCopyError("the span starts before the first frame")
    if first != wanted[0] or video.starts[first] != GroupStart.CLOSED:
        raise CannotCopyError("it does not start on a key frame of a closed group")
    if any(video.hidden[first : last + 1]):
        raise CannotCopyError("it contains frames that an edit list hides")
    if last - first + 1 != len(wanted):
        raise CannotCopyError("frames before its end refer to frames behind it")
    return array("q", range(first, last + 1))


def _keyframe_run(video: StreamIndex, wanted: array[int]) -> array[int]:
    key = video.key_frame_before(wanted[0])
    if key is None:
        raise CannotCopyError("there is no key frame at or before its start")
    if video.hidden[key]:
        raise CannotCopyError("an edit list hides the key frame before its start")
    earliest, last = video.pts[key], max(wanted)
    first = bisect_left(video.shown, earliest)
    while True:
        run = [i for i in range(key, last + 1) if video.pts[i] >= earliest]
        behind = bisect_left(video.shown, max(video.pts[i] for i in run) + 1)
        through = max(video.order[first:behind])
        if through == last:
            break
        last = through
    if any(video.hidden[i] for i in run):
        raise CannotCopyError("it contains frames that an edit list hides")
    return array("q", run)


def _end_of_run(video: StreamIndex, last: int, span: Span) -> Fraction:
    """Return when the last frame of a run ends: where the next one starts.

    The last frame of the stream lasts to the end of the span: audio may go on behind it.
    """
    behind = bisect_left(video.shown, last + 1)
    if behind < len(video.shown):
        return video.shown[behind] * video.time_base
    return max(video.end or span.end, span.end)


def _audio_plan(stream: StreamIndex, span: Span, shown_end: Fraction) -> list[StreamPlan]:
    """Return the plan for one audio stream; an empty list when nothing of it is in the span.

    A packet that reaches beyond the end of all that is shown holds audio that an edit list hides.
    """
    wanted = stream.between(span)
    while wanted and end_of(stream, wanted[-1]) > shown_end:
        wanted.pop()
    if not wanted:
        return []
    if list(wanted) != list(range(wanted[0], wanted[0] + len(wanted))):
        raise CannotCopyError("the packets of its audio are out of order")
    pts = array("q", (stream.pts[i] for i in wanted))
    if any(a >= b for a, b in itertools.pairwise(pts)):
        raise CannotCopyError("the times of its audio do not ascend")
    return [StreamPlan(stream.position, wanted, pts)]


def end_of(stream: StreamIndex, ordinal: int) -> Fraction:
    """Return when a packet is no longer shown, as far as it says so itself, in seconds."""
    return (stream.pts[ordinal] + stream.durations[ordinal]) * stream.time_base


def _plan_audio(index: Index, span: Span) -> CopyPlan:
    """Plan a copy of audio without video; it starts with the first packet inside."""
    plans = [
        plan for stream in index.streams.values() for plan in _audio_plan(stream, span, index.end)
    ]
    if not plans:
        raise CannotCopyError("the span contains no audio")
    first = min(plan.pts[0] * index.streams[plan.position].time_base for plan in plans)
    return CopyPlan(tuple(plans), max(first, span.start), span.end, 0)

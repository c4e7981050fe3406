"""Opens what was written and checks that it is what was promised.

FFmpeg conceals damage: for a reference that is missing it repeats another frame and reports
nothing. So this check is the second one. The first is the plan, by which a copy refers to nothing
that is left out; what is checked here is what a plan cannot know, that the file was written as
meant and decodes.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from langchain_mimo._media.av_container import open_container
from langchain_mimo._media.cutting.decoding import decode_span
from langchain_mimo._media.cutting.index import (
    Index,
    IndexedFile,
    StreamIndex,
    build_index,
    streams_to_cut,
)
from langchain_mimo._media.cutting.times import Span, Tick
from langchain_mimo._media.inspection import Inspection, inspect_headers
from langchain_mimo._media.readers import FileReader, MemoryReader
from langchain_mimo._media.references import MediaKind
from langchain_mimo.errors import MediaError

MAX_PIXELS_DECODED = 2_000_000_000
"""Pixels up to which a video is decoded whole: 1,000 frames of 1920 x 1080, or 14 minutes of
320 x 240 at 30 frames per second. Of a longer one, samples are decoded."""

MAX_AUDIO_DECODED = Fraction(3600)
"""Seconds up to which audio without video is decoded whole."""

SAMPLES = 16
"""Places at which a longer file is decoded: evenly spread, the first and the last one included."""

_SAMPLE_SECONDS = Fraction(1)
"""Seconds that are decoded at each place."""

_AUDIO_TOLERANCE = Fraction(1, 10)
"""Seconds by which audio may be shorter or longer than promised: packets are 20 to 100 ms long."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a result is meant to be.

    Attributes:
        kind: The kind of block that has to take it.
        reach: Seconds from the start of the first video frame to the start of the last. (How long
            the last one lasts is not stated by every container.) 0 for audio.
        frames: The number of video frames; None for audio.
        interval: Seconds from one frame to the next, by which lengths may differ.
        audio_seconds: The length of the audio; None without audio.
        rotation: The rotation as PyAV states it, in degrees; None if it does not matter.
        hides_nothing: Whether it must hold no frame that is not shown.
        sizes: Bytes of each packet of each stream in decode order, by its kind; None if its packets
            are not those of the source.
        places: How many places are decoded; None for all of it, or `SAMPLES` of a large file.
    """

    kind: MediaKind
    reach: Fraction
    frames: int | None
    interval: Fraction
    audio_seconds: Fraction | None = None
    rotation: int | None = None
    hides_nothing: bool = True
    sizes: Mapping[str, Sequence[int]] | None = None
    places: int | None = None


def verify(path: str | os.PathLike[str], promise: Promise, tick: Tick) -> str:
    """Open a result and check it.

    It has to pass the inspection of blocks, to begin with a key frame, to have the frames and the
    length promised (within one frame), audio of its length, and to decode from the first frame to
    the last. Large results are decoded at `SAMPLES` places.

    Args:
        path: The result.
        promise: What it is meant to be.
        tick: Called for every packet and frame.

    Returns:
        What was decoded, for a note: "all 30 frames".

    Raises:
        MediaError: It is not what was promised; the text says in what, as a clause.
    """
    with Path(path).open("rb") as file:
        inspect_file(promise.kind, file)
        with closing(open_container(file)) as container:
            streams = streams_to_cut(container, promise.kind)
            index = build_index(container, streams, tick)
            video = next((s.codec_context for s in streams if s.type == "video"), None)
            pixels = (video.width or 1) * (video.height or 1) if video is not None else 0
        if promise.frames is not None:
            _check_video(index, promise)
        _check_audio(index, promise)
        if promise.sizes is not None:
            _check_packets(index, promise.sizes)
        return _check_decoding(IndexedFile(file, index), promise, pixels, tick)


def inspect_file(kind: MediaKind, file: IO[bytes]) -> Inspection:
    """Inspect a file as blocks do, except for its size: it may be meant for a URL.

    Raises:
        MediaError: MiMo does not accept it; the text is the reason.
    """
    reader = (
        MemoryReader(file.getvalue()) if isinstance(file, BytesIO) else FileReader(file.fileno())
    )
    try:
        return inspect_headers(kind, None, reader)
    except ValueError as error:
        raise MediaError(str(error)) from error


def _check_video(index: Index, promise: Promise) -> None:
    video = index.video
    if video is None or not video.pts:
        raise MediaError("it has no video")
    if not video.starts[0]:
        raise MediaError("its first packet is not a key frame")
    if promise.hides_nothing and any(video.hidden):
        raise MediaError("it contains frames that are not shown")
    assert promise.frames is not None
    if abs(len(video.shown) - promise.frames) > 1:
        raise MediaError(f"it has {len(video.shown)} frames instead of {promise.frames}")
    reach = (video.shown[-1] - video.shown[0]) * video.time_base
    _check_seconds("it reaches over", reach, promise.reach, promise.interval + video.time_base)


def _check_audio(index: Index, promise: Promise) -> None:
    audio = index.audio
    if promise.audio_seconds is None:
        return
    if audio is None or not audio.pts:
        raise MediaError("it has no audio")
    tolerance = promise.interval + _AUDIO_TOLERANCE
    _check_seconds("its audio lasts", audio.length, promise.audio_seconds, tolerance)


def _check_packets(index: Index, sizes: Mapping[str, Sequence[int]]) -> None:
    for stream in index.streams.values():
        if list(stream.sizes) != list(sizes.get(stream.kind, ())):
            raise MediaError(f"its {stream.kind} packets are not those of the source")


def _check_seconds(what: str, found: Fraction, promised: Fraction, tolerance: Fraction) -> None:
    if abs(found - promised) > tolerance:
        raise MediaError(f"{what} {float(found):.3f} s instead of {float(promised):.3f} s")


def _check_decoding(source: IndexedFile, promise: Promise, pixels: int, tick: Tick) -> str:
    """Decode all of it, or samples, and return what was decoded."""
    index = source.index
    video = index.video if promise.frames is not None else None
    if video is not None:
        is_short = len(video.shown) * pixels <= MAX_PIXELS_DECODED
    else:
        is_short = index.end - index.start <= MAX_AUDIO_DECODED
    places = promise.places or SAMPLES
    is_short = is_short and promise.places is None
    whole = Span(min(index.start, Fraction(0)), index.end)
    spans = [whole] if is_short else list(_samples(index, video, places))
    for number, span in enumerate(spans):
        rotation = promise.rotation if number == 0 else None
        _check_span(source, span, rotation, tick)
    if not is_short:
        return f"{len(spans)} samples of {float(_SAMPLE_SECONDS):g} s"
    return f"all {len(video.shown)} frames" if video is not None else "all of it"


def _samples(index: Index, video: StreamIndex | None, places: int) -> Iterator[Span]:
    """Yield spans that start at key frames, evenly spread, and the end of the last group."""
    length = index.end - index.start
    keys = [video.pts[i] * video.time_base for i in video.key_frames] if video else []
    starts = set()
    for number in range(places - 1):
        time = index.start + length * number / (places - 1)
        starts.add(keys[max(0, bisect_right(keys, time) - 1)] if keys else time)
    yield from (Span(start, start + _SAMPLE_SECONDS) for start in sorted(starts))
    yield Span(index.end - _SAMPLE_SECONDS, index.end)


def _check_span(source: IndexedFile, span: Span, rotation: int | None, tick: Tick) -> None:
    """Decode a span and compare what comes out with the packets that went in."""
    damaged: list[int] = []
    frames = _Frames(rotation)
    heard = Fraction(0)
    streams = source.index.streams
    for frame, time in decode_span(source, streams, span, tick, damaged.append):
        if hasattr(frame, "samples"):
            heard += Fraction(frame.samples, frame.sample_rate)
        else:
            frames.add(frame, time)
    if damaged:
        raise MediaError(f"{damaged[0]} of its packets do not decode")
    for stream in streams.values():
        packets = stream.between(span)
        if stream.kind == "video" and abs(frames.count - len(packets)) > 1:
            raise MediaError(f"{frames.count} of {len(packets)} frames decode")
        seconds = sum(stream.durations[ordinal] for ordinal in packets) * stream.time_base
        if stream.kind == "audio" and abs(heard - seconds) > 2 * _AUDIO_TOLERANCE + seconds / 50:
            raise MediaError(f"{float(heard):.2f} of {float(seconds):.2f} s of its audio decode")


class _Frames:
    """Counts decoded frames and checks that they belong together."""

    def __init__(self, rotation: int | None) -> None:
        self.count = 0
        self._rotation = rotation
        self._last: Fraction | None = None
        self._size: tuple[int, int] | None = None

    def add(self, frame: Any, time: Fraction) -> None:
        size = (frame.width, frame.height)
        if self._last is not None and time <= self._last:
            raise MediaError("the times of its frames do not ascend")
        if self._size not in (None, size):
            raise MediaError("the size of its frames changes")
        if self._rotation not in (None, frame.rotation):
            raise MediaError("its rotation is lost")
        self.count, self._last, self._size = self.count + 1, time, size

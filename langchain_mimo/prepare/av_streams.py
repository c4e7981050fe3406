"""What videos and sounds have in common when they are prepared: looking, copying, decoding."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

from langchain_mimo._checks import number
from langchain_mimo._media.av_container import import_av, open_container
from langchain_mimo._media.formats import Format
from langchain_mimo._media.identify import HEAD_BYTES, identify
from langchain_mimo.errors import MediaError, as_input_error
from langchain_mimo.prepare.output import Output, Work

KEY_FRAME_TOLERANCE = 0.5
"""Seconds that a copied piece may begin before the start asked for, to begin with a key frame."""

MAX_DAMAGED_PACKETS = 100
"""Packets that cannot be decoded and are skipped, before a medium is given up."""

_STEADY = 1.5
_ODD_GAPS = 2
_ODD_SHARE = 0.02
_SPEECH_RATE = 16_000
_SPEECH_BITS = 48_000


@dataclass(slots=True)
class Survey:
    """What a pass over the packets showed, with nothing decoded. Times are seconds from the start.

    Attributes:
        begin: Time stamp of the start in the container.
        duration: Length.
        keys: Times of the key frames, in order.
        rate: Frames per second where they come the fastest, or None.
        is_variable: Whether the frames come at an uneven pace.
    """

    begin: float
    duration: float
    keys: list[float] = field(default_factory=list)
    rate: Fraction | None = None
    is_variable: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """The piece that is wanted, in seconds from the start."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


@dataclass(slots=True)
class Job:
    """One preparation.

    Attributes:
        file: The source, open.
        draft: Where the result is written.
        output: Where it will go, which says by its name what it may be.
        max_bytes: Bytes the result may have.
        found: What a first look showed.
        span: The piece that is wanted.
        work: Progress and time limit.
        notes: What was done, one sentence each.
    """

    file: IO[bytes]
    draft: Path
    output: Output
    max_bytes: int
    found: Survey
    span: Span
    work: Work
    notes: list[str]

    @property
    def is_whole(self) -> bool:
        """Whether all of it is wanted."""
        return self.span.start == 0 and self.span.end == self.found.duration

    def container(self) -> closing[Any]:
        """Open the source from its beginning."""
        self.file.seek(0)
        return closing(open_container(self.file))

    def accepted_format(self) -> Format | None:
        """Return the format of the source when it is small enough to be sent as it is."""
        size = self.file.seek(0, os.SEEK_END)
        self.file.seek(0)
        found = identify(self.file.read(HEAD_BYTES))
        return found if size <= self.max_bytes else None

    def copy_file(self) -> None:
        """Take the source as it is."""
        self.file.seek(0)
        with self.draft.open("wb") as copy:
            shutil.copyfileobj(self.file, copy)
        self.notes.append("MiMo takes it as it is.")


def known_audio(container: Any) -> list[Any]:
    """Return the sound streams whose codec FFmpeg knows."""
    return [stream for stream in container.streams.audio if stream.codec_context is not None]


def check_span(start: float | None, end: float | None) -> None:
    """Check the ends of a piece before anything is opened.

    Raises:
        MiMoInputError: One of them is no number, or negative.
    """
    with as_input_error():
        for name, seconds in (("start", start), ("end", end)):
            if seconds is not None:
                number(name, seconds, 0, allow_infinity=name == "end")


def wanted_span(start: float | None, end: float | None, duration: float) -> Span:
    """Return the piece from `start` to `end`, or complain about it.

    Raises:
        MediaError: It is empty or begins behind the end.
    """
    span = Span(start or 0.0, min(duration, duration if end is None else end))
    if span.seconds <= 0:
        raise MediaError(
            f"from {span.start:g} s to {span.end:g} s there is nothing: it has {duration:.1f} s."
        )
    return span


def survey(container: Any, streams: Iterable[Any], work: Work) -> Survey:
    """Look at every packet once.

    Raises:
        MediaError: There is not a single packet, or the time limit has passed.
    """
    times: dict[int, list[float]] = {stream.index: [] for stream in streams}
    keys: list[float] = []
    last = 0.0
    for packet in container.demux(*streams):
        if packet.pts is None:
            continue
        time = float(packet.pts * packet.time_base)
        times[packet.stream.index].append(time)
        last = max(last, time + float((packet.duration or 0) * packet.time_base))
        if packet.stream.type == "video" and packet.is_keyframe:
            keys.append(time)
        work.at(0)
    if not any(times.values()):
        raise MediaError("it holds no picture and no sound that could be read; check the file.")
    frames = sorted(next((times[s.index] for s in streams if s.type == "video"), []))
    begin = min(min(found) for found in times.values() if found)
    if frames and frames[0] - begin < KEY_FRAME_TOLERANCE:
        begin = frames[0]  # sound may begin a little earlier, to let its decoder settle
    stated = container.duration / import_av().time_base if container.duration else 0.0
    rate, is_variable = _pace(frames)
    return Survey(
        begin, stated or last - begin, sorted(key - begin for key in keys), rate, is_variable
    )


def _pace(times: list[float]) -> tuple[Fraction | None, bool]:
    """Return the pace of frames where they come the fastest, and whether it is uneven.

    A few odd gaps are what containers do to the frames at their ends.
    """
    gaps = sorted(b - a for a, b in itertools.pairwise(times) if b > a)
    if not gaps:
        return None, False
    usual = gaps[len(gaps) // 2]
    odd = sum(1 for gap in gaps if not usual / _STEADY < gap < usual * _STEADY)
    fastest = Fraction(1 / gaps[len(gaps) // 10]).limit_denominator(1001)
    return fastest, odd > max(_ODD_GAPS, len(gaps) * _ODD_SHARE)


def copy_packets(job: Job, streams: list[Any], format_name: str, begin: float) -> None:
    """Write a piece of some streams into a new container without decoding them.

    Args:
        job: What is prepared.
        streams: Which of the open source's streams.
        format_name: The new container, in FFmpeg's words.
        begin: Where to begin; of a video a key frame.

    Raises:
        av.error.FFmpegError: The new container cannot hold them.
    """
    av = import_av()
    start, end = job.found.begin + begin, job.found.begin + job.span.end
    container = streams[0].container
    container.seek(int(start * av.time_base))
    options = {"movflags": "faststart"} if format_name in ("mp4", "ipod") else {}
    with av.open(os.fspath(job.draft), "w", format=format_name, options=options) as out:
        copies = {stream.index: _copy_of(out, stream) for stream in streams}
        for packet in container.demux(*streams):
            if packet.dts is None or packet.pts is None:
                continue
            time = float(packet.pts * packet.time_base)
            if not start - 1e-6 <= time < end:
                continue
            shift = round(Fraction(start).limit_denominator(10**6) / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = copies[packet.stream.index]
            out.mux(packet)


def _copy_of(out: Any, stream: Any) -> Any:
    """Add a stream like another one; PyAV renamed this in version 14."""
    if hasattr(out, "add_stream_from_template"):
        return out.add_stream_from_template(stream)
    return out.add_stream(template=stream)


def decoded(job: Job, streams: list[Any]) -> Iterator[tuple[Any, float]]:
    """Decode the piece that is wanted.

    Yields:
        Frames with their time in seconds from the start of the piece; those that begin before it
        or after it are left out.

    Raises:
        MediaError: Too much of it is damaged, or the time limit has passed.
    """
    av = import_av()
    container, span = streams[0].container, job.span
    start = job.found.begin + span.start
    container.seek(int(start * av.time_base))
    damaged = 0
    for packet in container.demux(*streams):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            damaged += 1
            if damaged > MAX_DAMAGED_PACKETS:
                raise MediaError(
                    f"more than {MAX_DAMAGED_PACKETS} of its packets are damaged; get another copy."
                ) from None
            continue
        for frame in frames:
            if frame.pts is None:
                continue
            time = float(frame.pts * frame.time_base) - start
            if -1e-6 <= time < span.seconds:
                job.work.at(0.05 + 0.9 * time / span.seconds)
                yield frame, max(0.0, time)
    if damaged:
        job.notes.append(f"{damaged} damaged packets were left out.")


class AudioEncoder:
    """Encodes decoded sound into a stream of a new container.

    Args:
        out: The new container.
        codec: The encoder's name.
        source: The stream the frames come from.
        bit_rate: Bits per second.
    """

    def __init__(self, out: Any, codec: str, source: Any, bit_rate: int) -> None:
        context = source.codec_context
        is_fine = bit_rate >= _SPEECH_BITS
        rate = context.sample_rate if context.sample_rate in (44100, 48000) else 44100
        rate = rate if is_fine else _SPEECH_RATE
        layout = "stereo" if is_fine and context.layout.nb_channels > 1 else "mono"
        self._out = out
        self._stream = out.add_stream(codec, rate=rate, layout=layout)
        self._stream.bit_rate = bit_rate
        self._resampler = import_av().AudioResampler(self._stream.format.name, layout, rate)
        self._rate = rate
        self._next = 0

    def encode(self, frame: Any, time: float) -> None:
        """Encode a frame that begins at `time` seconds."""
        frame.pts = None
        wanted = round(time * self._rate)
        if abs(wanted - self._next) > self._rate // 10:  # a gap in the sound stays a gap
            self._next = max(self._next, wanted)
        self._mux(self._resampler.resample(frame))

    def finish(self) -> None:
        """Encode what is left."""
        self._mux(self._resampler.resample(None))
        self._out.mux(self._stream.encode(None))

    def _mux(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            frame.pts, frame.time_base = self._next, Fraction(1, self._rate)
            self._next += frame.samples
            self._out.mux(self._stream.encode(frame))

"""What prepare_video and prepare_audio share: surveying, copying and decoding streams."""

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
from langchain_mimo.prepare.output import Output, ProgressMonitor

KEY_FRAME_TOLERANCE = 0.5
"""Seconds by which a copied segment may start before `start_s`, to start at a key frame."""

MAX_DAMAGED_PACKETS = 100
"""Undecodable packets that are skipped before the source is given up."""

_GAP_TOLERANCE = 1.5
"""A gap between frames is regular within this factor of the median gap."""

_MAX_IRREGULAR_GAPS = 2
_MAX_IRREGULAR_SHARE = 0.02
_SPEECH_SAMPLE_RATE = 16_000
_SPEECH_BIT_RATE = 48_000
"""Bits per second below which audio is encoded as mono at the sample rate of speech."""


@dataclass(slots=True)
class Survey:
    """Result of one pass over the packets, without decoding. Times count from the start.

    Attributes:
        start_time: Timestamp of the start in the container, in seconds.
        duration: Seconds.
        key_frames: Times of the key frames in seconds, in order.
        frame_rate: Frames per second where frames are densest, or None without video.
        is_variable_rate: Whether the frame rate varies.
    """

    start_time: float
    duration: float
    key_frames: list[float] = field(default_factory=list)
    frame_rate: Fraction | None = None
    is_variable_rate: bool = False


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The segment to keep, in seconds from the start."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        """The duration of the segment."""
        return self.end_s - self.start_s


@dataclass(slots=True)
class Job:
    """The state of one prepare call.

    Attributes:
        file: The open source.
        draft: Path of the draft to write.
        output: Final path; its suffix decides which formats are possible.
        max_bytes: Maximum size of the result.
        survey: What the first pass over the packets found.
        time_range: The segment to keep.
        monitor: Progress and time limit.
        notes: What was done, one sentence each.
    """

    file: IO[bytes]
    draft: Path
    output: Output
    max_bytes: int
    survey: Survey
    time_range: TimeRange
    monitor: ProgressMonitor
    notes: list[str]

    @property
    def is_whole(self) -> bool:
        """Whether the segment is the whole source."""
        return self.time_range.start_s == 0 and self.time_range.end_s == self.survey.duration

    def container(self) -> closing[Any]:
        """Open the source from its beginning."""
        self.file.seek(0)
        return closing(open_container(self.file))

    def accepted_format(self) -> Format | None:
        """Return the format of the source, or None when it is unknown or the file is too large."""
        size = self.file.seek(0, os.SEEK_END)
        self.file.seek(0)
        found = identify(self.file.read(HEAD_BYTES))
        return found if size <= self.max_bytes else None

    def copy_file(self) -> None:
        """Copy the source to the draft unchanged."""
        self.file.seek(0)
        with self.draft.open("wb") as copy:
            shutil.copyfileobj(self.file, copy)
        self.notes.append("Left unchanged: MiMo accepts it.")


def decodable_audio(container: Any) -> list[Any]:
    """Return the audio streams whose codec FFmpeg knows."""
    return [stream for stream in container.streams.audio if stream.codec_context is not None]


def check_time_range(start_s: float | None, end_s: float | None) -> None:
    """Check `start_s` and `end_s` before anything is opened.

    Raises:
        MiMoInputError: One of them is not a number or is negative.
    """
    with as_input_error():
        for name, seconds in (("start_s", start_s), ("end_s", end_s)):
            if seconds is not None:
                number(name, seconds, 0, allow_infinity=name == "end_s")


def resolve_time_range(start_s: float | None, end_s: float | None, duration: float) -> TimeRange:
    """Return the segment from `start_s` to `end_s` within a source of `duration` seconds.

    Raises:
        MediaError: The segment is empty or starts after the end of the source.
    """
    time_range = TimeRange(start_s or 0.0, min(duration, duration if end_s is None else end_s))
    if time_range.seconds <= 0:
        raise MediaError(
            f"the segment from {time_range.start_s:g} s to {time_range.end_s:g} s is empty; "
            f"the source lasts {duration:.1f} s"
        )
    return time_range


def survey_packets(container: Any, streams: Iterable[Any], monitor: ProgressMonitor) -> Survey:
    """Read every packet once.

    Raises:
        MediaError: There are no packets, or the time limit has expired.
    """
    times: dict[int, list[float]] = {stream.index: [] for stream in streams}
    key_frames: list[float] = []
    last = 0.0
    for packet in container.demux(*streams):
        if packet.pts is None:
            continue
        time = float(packet.pts * packet.time_base)
        times[packet.stream.index].append(time)
        last = max(last, time + float((packet.duration or 0) * packet.time_base))
        if packet.stream.type == "video" and packet.is_keyframe:
            key_frames.append(time)
        monitor.report(0)
    if not any(times.values()):
        raise MediaError("it contains no readable video or audio; check the file")
    frames = sorted(next((times[s.index] for s in streams if s.type == "video"), []))
    start = min(min(found) for found in times.values() if found)
    if frames and frames[0] - start < KEY_FRAME_TOLERANCE:
        start = frames[0]  # audio may start a little earlier to prime its decoder
    stated = container.duration / import_av().time_base if container.duration else 0.0
    frame_rate, is_variable_rate = _frame_rate(frames)
    return Survey(
        start,
        stated or last - start,
        sorted(time - start for time in key_frames),
        frame_rate,
        is_variable_rate,
    )


def _frame_rate(times: list[float]) -> tuple[Fraction | None, bool]:
    """Return the frame rate where frames are densest, and whether the rate varies.

    A few irregular gaps do not count: containers produce them at the start and end.
    """
    gaps = sorted(b - a for a, b in itertools.pairwise(times) if b > a)
    if not gaps:
        return None, False
    median = gaps[len(gaps) // 2]
    irregular = sum(
        1 for gap in gaps if not median / _GAP_TOLERANCE < gap < median * _GAP_TOLERANCE
    )
    fastest = Fraction(1 / gaps[len(gaps) // 10]).limit_denominator(1001)
    return fastest, irregular > max(_MAX_IRREGULAR_GAPS, len(gaps) * _MAX_IRREGULAR_SHARE)


def copy_packets(job: Job, streams: list[Any], format_name: str, start: float) -> None:
    """Write a segment of some streams into a new container without decoding them.

    Args:
        job: The prepare call.
        streams: Streams of the open source.
        format_name: FFmpeg's name of the new container.
        start: Where to start, in seconds; for a video, the time of a key frame.

    Raises:
        av.error.FFmpegError: The new container cannot hold the streams.
    """
    av = import_av()
    first, end = job.survey.start_time + start, job.survey.start_time + job.time_range.end_s
    container = streams[0].container
    container.seek(int(first * av.time_base))
    options = {"movflags": "faststart"} if format_name in ("mp4", "ipod") else {}
    with av.open(os.fspath(job.draft), "w", format=format_name, options=options) as out:
        copies = {stream.index: _add_copy(out, stream) for stream in streams}
        for packet in container.demux(*streams):
            if packet.dts is None or packet.pts is None:
                continue
            time = float(packet.pts * packet.time_base)
            if not first - 1e-6 <= time < end:
                continue
            shift = round(Fraction(first).limit_denominator(10**6) / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = copies[packet.stream.index]
            out.mux(packet)


def _add_copy(out: Any, stream: Any) -> Any:
    """Add a stream with the parameters of another one; PyAV 14 renamed the method."""
    if hasattr(out, "add_stream_from_template"):
        return out.add_stream_from_template(stream)
    return out.add_stream(template=stream)


def decode_frames(job: Job, streams: list[Any]) -> Iterator[tuple[Any, float]]:
    """Decode the segment to keep.

    Yields:
        Each frame that starts within the segment, with its time in seconds from the segment's
        start.

    Raises:
        MediaError: Too many packets are damaged, or the time limit has expired.
    """
    av = import_av()
    container, seconds = streams[0].container, job.time_range.seconds
    start = job.survey.start_time + job.time_range.start_s
    container.seek(int(start * av.time_base))
    damaged = 0
    for packet in container.demux(*streams):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            damaged += 1
            if damaged > MAX_DAMAGED_PACKETS:
                raise MediaError(
                    f"more than {MAX_DAMAGED_PACKETS} of its packets are damaged; get another copy"
                ) from None
            continue
        for frame in frames:
            if frame.pts is None:
                continue
            time = float(frame.pts * frame.time_base) - start
            if -1e-6 <= time < seconds:
                job.monitor.report(0.05 + 0.9 * time / seconds)
                yield frame, max(0.0, time)
    if damaged:
        job.notes.append(f"Skipped {damaged} damaged packets.")


class AudioEncoder:
    """Encodes decoded audio into a stream of a new container.

    Args:
        out: The new container.
        codec: FFmpeg's name of the encoder.
        source: The stream that the frames come from.
        bit_rate: Bits per second.
    """

    def __init__(self, out: Any, codec: str, source: Any, bit_rate: int) -> None:
        context = source.codec_context
        is_full_quality = bit_rate >= _SPEECH_BIT_RATE
        rate = context.sample_rate if context.sample_rate in (44100, 48000) else 44100
        rate = rate if is_full_quality else _SPEECH_SAMPLE_RATE
        layout = "stereo" if is_full_quality and context.layout.nb_channels > 1 else "mono"
        self._out = out
        self._stream = out.add_stream(codec, rate=rate, layout=layout)
        self._stream.bit_rate = bit_rate
        self._resampler = import_av().AudioResampler(self._stream.format.name, layout, rate)
        self._rate = rate
        self._next = 0

    def encode(self, frame: Any, time: float) -> None:
        """Encode a frame that starts at `time` seconds."""
        frame.pts = None
        expected = round(time * self._rate)
        if abs(expected - self._next) > self._rate // 10:  # keep gaps in the audio
            self._next = max(self._next, expected)
        self._mux(self._resampler.resample(frame))

    def finish(self) -> None:
        """Encode the buffered rest."""
        self._mux(self._resampler.resample(None))
        self._out.mux(self._stream.encode(None))

    def _mux(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            frame.pts, frame.time_base = self._next, Fraction(1, self._rate)
            self._next += frame.samples
            self._out.mux(self._stream.encode(frame))

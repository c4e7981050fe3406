"""What prepare_video and prepare_audio share: the state of a call, copying, encoding audio."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from langchain_mimo._checks import number
from langchain_mimo._media.av_container import ffmpeg_errors, import_av, open_container
from langchain_mimo._media.cutting.copying import CopyTarget, copy_span
from langchain_mimo._media.cutting.decoding import decode_span
from langchain_mimo._media.cutting.index import Index, IndexedFile, StreamIndex, build_index
from langchain_mimo._media.cutting.planning import CannotCopyError
from langchain_mimo._media.cutting.times import Span, exact
from langchain_mimo._media.cutting.verification import Promise, inspect_file, verify
from langchain_mimo._media.file_kinds import unopenable_reason
from langchain_mimo._media.inspection import Inspection
from langchain_mimo._media.readers import SeekingReader
from langchain_mimo._media.references import MediaKind
from langchain_mimo.errors import MediaError, as_input_error
from langchain_mimo.prepare.output import Output, ProgressMonitor

if TYPE_CHECKING:
    from av.container import InputContainer

_SPEECH_SAMPLE_RATE = 16_000
_SPEECH_BIT_RATE = 48_000
"""Bits per second below which audio is encoded as mono at the sample rate of speech."""

UNCHANGED = "Left unchanged: MiMo accepts it."
"""The note on a source that is copied as it is."""

_MIN_GAP = Fraction(1, 10)
"""Seconds from which a gap in the audio is kept; shorter ones are rounding of time stamps."""


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
        index: What the first pass over the packets found.
        time_range: The segment to keep.
        monitor: Progress and time limit.
        notes: What was done, one sentence each.
    """

    file: IO[bytes]
    draft: Path
    output: Output
    max_bytes: int
    index: Index
    time_range: TimeRange
    monitor: ProgressMonitor
    notes: list[str]

    @property
    def source(self) -> IndexedFile:
        """The source with its index."""
        return IndexedFile(self.file, self.index)

    @property
    def is_whole(self) -> bool:
        """Whether the segment is the whole source."""
        return self.time_range.start_s == 0 and self.time_range.end_s == self.index.duration

    @property
    def span(self) -> Span:
        """The segment on the time line of the container."""
        start = self.index.start + exact(self.time_range.start_s)
        is_to_the_end = self.time_range.end_s == self.index.duration
        end = self.index.end if is_to_the_end else self.index.start + exact(self.time_range.end_s)
        return Span(start, end)

    def container(self) -> closing[Any]:
        """Open the source from its beginning."""
        self.file.seek(0)
        return closing(open_container(self.file))

    def inspection(self, kind: MediaKind) -> Inspection | None:
        """Return what blocks would find; None when they refuse the source, or it is too large.

        A source passes unchanged only if blocks take it as it is.
        """
        if self.file.seek(0, os.SEEK_END) > self.max_bytes:
            return None
        try:
            return inspect_file(kind, self.file)
        except MediaError:
            return None

    def copy_file(self) -> None:
        """Copy the source to the draft unchanged."""
        self.file.seek(0)
        with self.draft.open("wb") as copy:
            shutil.copyfileobj(self.file, copy)
        self.notes.append(UNCHANGED)


def open_as(kind: MediaKind, file: IO[bytes]) -> InputContainer:
    """Open the source of a call.

    Raises:
        MediaError: FFmpeg does not recognise it; the reason says what it is instead, if known.
        MiMoConfigurationError: PyAV is not installed.
    """
    try:
        return open_container(file)
    except MediaError as error:
        reason = unopenable_reason(kind, SeekingReader(file))
        raise MediaError(reason or error.reason) from error.__cause__


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
    if time_range.start_s >= duration:
        raise MediaError(
            f"the segment starts at {time_range.start_s:g} s, after the end ({duration:.1f} s)"
        )
    if time_range.seconds <= 0:
        raise MediaError(
            f"the segment from {time_range.start_s:g} s to {time_range.end_s:g} s is empty; "
            f"the source lasts {duration:.1f} s"
        )
    return time_range


def other_tracks(audio_tracks: int) -> list[str]:
    """Return the note on audio tracks that are left out, if there are any."""
    if audio_tracks < 2:
        return []
    return [f"It has {audio_tracks} audio tracks; the first is kept."]


def survey_packets(container: Any, streams: Iterable[Any], monitor: ProgressMonitor) -> Index:
    """Read every packet once, without decoding.

    Raises:
        MediaError: There are no packets, FFmpeg cannot read them, or the time limit has expired.
    """
    return build_index(container, streams, lambda _: monitor.report(0))


def copy_exactly(job: Job, kind: MediaKind, format_name: str) -> None:
    """Write the segment into a new container without decoding it, and verify the result.

    The streams copied are those of the index. When this returns, the draft is right: it passes the
    inspection of blocks, decodes, and shows exactly the segment.

    Args:
        job: The prepare call.
        kind: The kind of block that has to take the result.
        format_name: FFmpeg's name of the new container.

    Raises:
        CannotCopyError: There is no such copy; the text says why, as a clause. The caller encodes.
        MediaError: The time limit has expired.
    """
    target = CopyTarget(job.draft, format_name, kind)
    copy_span(job.source, job.span, "exact", target, lambda _: job.monitor.report(0.05))


def check_unchanged(job: Job, kind: MediaKind) -> None:
    """Verify a draft that is the source itself; see `copy_file`.

    Raises:
        CannotCopyError: It is damaged; the text says how, as a clause.
        MediaError: The time limit has expired.
    """
    video, audio = job.index.video, job.index.audio
    shown = video.shown if video is not None and kind == "video" else None
    promise = Promise(
        kind,
        (shown[-1] - shown[0]) * video.time_base if video and shown else Fraction(0),
        len(shown) if shown is not None else None,
        video.interval if video is not None else Fraction(1, 10),
        audio.length if audio is not None and audio.shown else None,
        hides_nothing=False,
    )
    try:
        verify(job.draft, promise, lambda _: job.monitor.report(0.05))
    except MediaError as error:
        job.monitor.report(0)  # raises when the time limit is the reason
        raise CannotCopyError(f"as it is, it fails a check: {error.reason}") from error


def decode_frames(job: Job, positions: Iterable[int]) -> Generator[tuple[Any, float]]:
    """Decode the segment to keep.

    Args:
        job: The prepare call.
        positions: Which streams to decode, by their positions in the container.

    Yields:
        Each frame that starts within the segment, with its time in seconds from the segment's
        start. A frame that is still shown at the start, and audio that reaches into the segment,
        have negative times.

    Raises:
        MediaError: Too many packets are damaged, or the time limit has expired.
    """

    def skipped(count: int) -> None:
        job.notes.append(f"Skipped {count} damaged packets.")

    def tick(share: float) -> None:
        job.monitor.report(0.05 + 0.85 * share)

    for frame, time in decode_span(job.source, positions, job.span, tick, skipped):
        yield frame, float(time)


class AudioEncoder:
    """Encodes decoded audio into a stream of a new container.

    Audio outside the segment is cut off to the sample.

    Args:
        out: The new container.
        codec: FFmpeg's name of the encoder.
        source: The index of the stream that the frames come from.
        bit_rate: Bits per second.
        seconds: The length of the segment.
    """

    def __init__(
        self, out: Any, codec: str, source: StreamIndex, bit_rate: int, seconds: float
    ) -> None:
        is_full_quality = bit_rate >= _SPEECH_BIT_RATE
        rate = source.sample_rate if source.sample_rate in (44100, 48000) else 44100
        rate = rate if is_full_quality else _SPEECH_SAMPLE_RATE
        layout = "stereo" if is_full_quality and source.channels > 1 else "mono"
        self._out = out
        with ffmpeg_errors("its audio cannot be encoded"):
            self._stream = out.add_stream(codec, rate=rate, layout=layout)
            self._stream.bit_rate = bit_rate
            self._resampler = import_av().AudioResampler(self._stream.format.name, layout, rate)
        self._trim = _Trimmer(rate, seconds)
        self._rate = rate

    def encode(self, frame: Any, time: float) -> None:
        """Encode a frame that starts at `time` seconds."""
        frame.pts = None
        self._trim.expect(time)
        with ffmpeg_errors("its audio cannot be encoded"):
            self._mux(self._resampler.resample(frame))

    @property
    def seconds(self) -> Fraction:
        """How long the audio is that was encoded, from its first sample, gaps included."""
        return Fraction(self._trim.end - (self._trim.start or 0), self._rate)

    def finish(self) -> None:
        """Encode the buffered rest."""
        with ffmpeg_errors("its audio cannot be encoded"):
            self._mux(self._resampler.resample(None))
            self._out.mux(self._stream.encode(None))

    def _mux(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            if (kept := self._trim.cut(frame)) is not None:
                self._out.mux(self._stream.encode(kept))


class _Trimmer:
    """Gives resampled frames their times and cuts off what is outside the segment."""

    def __init__(self, rate: int, seconds: float) -> None:
        self._rate = rate
        self._limit = round(seconds * rate)
        self._next: int | None = None
        self.start: int | None = None
        self.end = 0

    def expect(self, time: float) -> None:
        """Say when the next frame starts; gaps are kept, small differences are not."""
        expected = round(time * self._rate)
        if self._next is None or expected - self._next > self._rate * _MIN_GAP:
            self._next = expected

    def cut(self, frame: Any) -> Any | None:
        """Return the part of a frame that is inside, with its time; None if there is none."""
        first = self._next or 0
        self._next = end = first + frame.samples
        limit = min(end, self._limit)
        start = max(0, first)
        if limit <= start:
            return None
        if (start, limit) != (first, end):
            frame = _part(frame, start - first, limit - start)
        frame.pts, frame.time_base = start, Fraction(1, self._rate)
        self.start = start if self.start is None else self.start
        self.end = limit
        return frame


def _part(frame: Any, skip: int, count: int) -> Any:
    """Return `count` samples of a frame from position `skip` on."""
    fifo = import_av().AudioFifo()
    frame.pts = None
    fifo.write(frame)
    if skip:
        fifo.read(skip)
    return fifo.read(count)

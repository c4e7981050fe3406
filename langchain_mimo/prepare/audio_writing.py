"""Writes audio for prepare_audio: encoded as MP3, losslessly as FLAC or WAV, or copied."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from langchain_mimo._media.av_container import ffmpeg_errors, import_av
from langchain_mimo._media.cutting.copying import closing_writer
from langchain_mimo.errors import MediaError

_MIN_GAP = Fraction(1, 20)
"""Seconds from which a gap is filled with silence, and audio that overlaps is left out; smaller
differences are rounding of time stamps."""

_MAX_GAP_S = 3600
"""Seconds up to which a gap is filled; longer ones are damaged time stamps."""

_SILENCE_SAMPLES = 4096


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What to encode.

    Attributes:
        container: FFmpeg's name of the container format.
        codec: FFmpeg's name of the encoder.
        mime_type: MIME type of the result.
        rate: Samples per second.
        layout: FFmpeg's name of the channels.
        sample_format: FFmpeg's name of the samples; None for the encoder's own choice.
        bit_rate: Bits per second; None for lossless formats.
    """

    container: str
    codec: str
    mime_type: str
    rate: int
    layout: str
    sample_format: str | None = None
    bit_rate: int | None = None


def encode_audio(
    frames: Iterable[tuple[Any, Fraction]],
    target: Path,
    wanted: AudioFormat,
    seconds: float | None,
    tick: Callable[[], None],
) -> float:
    """Encode frames, cut to the sample.

    Gaps between them become silence, so that times in the result are those of the source.

    Args:
        frames: Frames with their times in seconds.
        target: The path to write to.
        wanted: What to encode.
        seconds: Where to stop, in seconds; None for the end of the frames.
        tick: Called for every piece that is written.

    Returns:
        How many seconds were encoded.

    Raises:
        MediaError: FFmpeg cannot encode them.
    """
    with ExitStack() as stack:
        with ffmpeg_errors("its audio cannot be encoded"):
            out = import_av().open(os.fspath(target), "w", format=wanted.container)
            stack.enter_context(closing_writer(out))
            stream = out.add_stream(wanted.codec, rate=wanted.rate, layout=wanted.layout)
            if wanted.bit_rate is not None:
                stream.bit_rate = wanted.bit_rate
            if wanted.sample_format is not None:
                stream.format = wanted.sample_format
        line = _SampleLine(stream.format.name, wanted.layout, wanted.rate, seconds)
        for frame, time in frames:
            for piece in line.add(frame, time):
                tick()
                _write(out, stream, piece)
        for piece in line.finish():
            _write(out, stream, piece)
        _write(out, stream, None)
        return line.position / wanted.rate


def _write(out: Any, stream: Any, frame: Any) -> None:
    with ffmpeg_errors("its audio cannot be encoded"):
        out.mux(stream.encode(frame))


class _SampleLine:
    """Turns frames of any kind into one line of samples without gaps.

    Attributes:
        position: Samples of the line so far.
    """

    def __init__(self, sample_format: str, layout: str, rate: int, seconds: float | None) -> None:
        self._target = (sample_format, layout, rate)
        self._rate = rate
        self._limit = None if seconds is None else round(seconds * rate)
        self._source: tuple[Any, ...] | None = None
        self._resampler: Any = None
        self._drop = 0
        self.position = 0

    def add(self, frame: Any, time: Fraction) -> Iterator[Any]:
        """Yield what a frame that starts at `time` seconds adds to the line."""
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if source != self._source:
            yield from self.finish()
            self._source = source
            with ffmpeg_errors("its audio cannot be converted"):
                self._resampler = import_av().AudioResampler(*self._target)
        ahead = round(time * self._rate) - self.position
        if time < 0 or ahead < -self._rate * _MIN_GAP:
            self._drop = -ahead
        elif ahead > self._rate * _MAX_GAP_S:
            raise MediaError(
                f"its audio pauses for {ahead // self._rate:,} s, as damaged times do; cut out "
                "what you need with start_s and end_s"
            )
        elif ahead > self._rate * _MIN_GAP:
            yield from self._silence(ahead)
        frame.pts = None
        with ffmpeg_errors("its audio cannot be converted"):
            resampled = self._resampler.resample(frame)
        yield from self._kept(resampled)

    def finish(self) -> Iterator[Any]:
        """Yield the rest that the resampler holds."""
        if self._resampler is None:
            return
        with ffmpeg_errors("its audio cannot be converted"):
            rest = self._resampler.resample(None)
        self._resampler = self._source = None
        yield from self._kept(rest)

    def _silence(self, samples: int) -> Iterator[Any]:
        av = import_av()
        sample_format, layout, rate = self._target
        while samples > 0 and (self._limit is None or self.position < self._limit):
            count = min(samples, _SILENCE_SAMPLES)
            frame = av.AudioFrame(sample_format, layout, count)
            silent = b"\x80" if sample_format.startswith("u8") else b"\0"
            for plane in frame.planes:
                plane.update(silent * plane.buffer_size)
            frame.sample_rate = rate
            samples -= count
            yield from self._kept([frame])

    def _kept(self, frames: Iterable[Any]) -> Iterator[Any]:
        """Yield the parts of frames that are on the line, with their places."""
        for frame in frames:
            skip = min(self._drop, frame.samples)
            self._drop -= skip
            count = frame.samples - skip
            if self._limit is not None:
                count = min(count, self._limit - self.position)
            if count <= 0:
                continue
            kept = frame if count == frame.samples else _part(frame, skip, count)
            kept.pts, kept.time_base = self.position, Fraction(1, self._rate)
            self.position += count
            yield kept


def _part(frame: Any, skip: int, count: int) -> Any:
    """Return `count` samples of a frame from position `skip` on."""
    fifo = import_av().AudioFifo()
    frame.pts = None
    with ffmpeg_errors("its audio cannot be cut"):
        fifo.write(frame)
        if skip:
            fifo.read(skip)
        return fifo.read(count)

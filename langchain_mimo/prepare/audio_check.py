"""Opens what prepare_audio wrote and checks that it is what was promised."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from langchain_mimo._media.av_container import ffmpeg_errors, import_av, open_container, packets_of
from langchain_mimo._media.cutting.times import Tick
from langchain_mimo._media.headers.reader import AVHeader
from langchain_mimo._media.inspection import inspect
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare.audio_source import reader_of

SILENCE = 33
"""Peak of 16-bit samples up to which audio counts as silent: 60 dB below full scale."""

_PRIMING_S = 0.1
"""Seconds by which a length may differ, besides two frames: encoders add up to 80 ms."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in a file that was decoded to its end.

    Attributes:
        seconds: How long it is.
        peak: The largest sample, 0 to 32768.
        frame_seconds: How long its longest frame is.
        stated: How long its header says it is, which MiMo bills; 0 if that is not asked.
    """

    seconds: float
    peak: int
    frame_seconds: float
    stated: float = 0.0


def check_audio(draft: Path, mime_type: str, seconds: float, tick: Tick) -> Heard:
    """Check a result: what blocks say to it, whether all of it decodes, and how long it is.

    Args:
        draft: The result.
        mime_type: The MIME type that blocks must find.
        seconds: The length promised.
        tick: Called for every packet.

    Returns:
        What was heard.

    Raises:
        MediaError: It is not what was promised; the text says in what, as a clause.
    """
    with draft.open("rb") as file:
        try:
            inspection = inspect("audio", None, reader_of(file))
        except ValueError as error:
            raise MediaError(str(error)) from None
        if inspection.mime_type != mime_type:
            raise MediaError(f"it is {inspection.mime_type} instead of {mime_type}")
        heard = listen(file, tick)
    header = inspection.header
    stated = header.duration if isinstance(header, AVHeader) else None
    tolerance = 2 * heard.frame_seconds + _PRIMING_S
    for what, length in (("it lasts", heard.seconds), ("its header states", stated)):
        if length is None or abs(length - seconds) > tolerance:
            shown = "no length" if length is None else f"{length:.3f} s"
            raise MediaError(f"{what} {shown} instead of {seconds:.3f} s")
    return replace(heard, stated=stated or 0.0)


def listen(file: IO[bytes], tick: Tick) -> Heard:
    """Decode the first audio stream of a file to its end.

    Raises:
        MediaError: A packet does not decode, or nothing does.
    """
    file.seek(0)
    with closing(open_container(file)) as container:
        stream = next(
            (each for each in container.streams.audio if each.codec_context is not None), None
        )
        if stream is None:
            raise MediaError("it has no audio")
        meter = _Meter()
        for packet in packets_of(container, [stream]):
            tick(0)
            with ffmpeg_errors("a packet does not decode"):
                meter.add(packet.decode())
        with ffmpeg_errors("its last packet does not decode"):
            meter.add(stream.codec_context.decode(None))
    if not meter.seconds:
        raise MediaError("none of it decodes")
    return Heard(meter.seconds, meter.peak, meter.frame_seconds)


def peak_of(frames: Iterable[tuple[Any, Any]]) -> int:
    """Return the largest sample of frames with their times, 0 to 32768, up to a loud one."""
    meter = _Meter()
    for frame, _ in frames:
        meter.add([frame])
        if meter.peak > 2 * SILENCE:
            break
    return meter.peak


class _Meter:
    """Measures the length and the peak of frames."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.peak = 0
        self.frame_seconds = 0.0
        self._source: tuple[Any, ...] | None = None
        self._resampler: Any = None

    def add(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            if not frame.samples:
                continue
            length = frame.samples / frame.sample_rate
            self.seconds += length
            self.frame_seconds = max(self.frame_seconds, length)
            if self.peak <= SILENCE:
                self._measure(frame)

    def _measure(self, frame: Any) -> None:
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if source != self._source:
            self._source = source
            self._resampler = import_av().AudioResampler("s16", "mono", frame.sample_rate)
        frame.pts = None
        for piece in self._resampler.resample(frame):
            samples = array("h", bytes(piece.planes[0])[: piece.samples * 2])
            self.peak = max(self.peak, -min(samples, default=0), max(samples, default=0))

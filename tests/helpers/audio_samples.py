"""What is heard in an audio file: its length, and the pitch and level of every quarter second.

Import it as `audio_samples`: tests/helpers is on pytest's pythonpath.
"""

from __future__ import annotations

import io
import itertools
import math
from array import array
from dataclasses import dataclass

import av

RATE = 16_000
WINDOW = RATE // 4
"""Samples of a quarter second, after which the tone of the collection changes its pitch."""

_MARGIN = RATE // 20
"""Samples at both ends of a window that are not measured: a codec may shift the change."""


@dataclass(frozen=True)
class Heard:
    """What was heard.

    Attributes:
        samples: 16-bit mono samples at `RATE`.
        damaged: Packets that did not decode.
        channels: Number of channels of the first frame.
        sample_rate: Its samples per second.
    """

    samples: array
    damaged: int
    channels: int
    sample_rate: int

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return len(self.samples) / RATE

    @property
    def pitches(self) -> list[int]:
        """The pitch of each complete quarter second in Hz, by its zero crossings; 0 if silent."""
        return [0 if level(window) < 300 else pitch(window) for window in windows(self.samples)]


def hear(data: bytes) -> Heard:
    """Decode the first audio stream of a file to its end; packets that fail are counted."""
    samples, damaged, properties = array("h"), 0, (0, 0)
    resampler = None
    with av.open(io.BytesIO(data)) as container:
        for packet in container.demux(container.streams.audio[0]):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                damaged += 1
                continue
            for frame in frames:
                if resampler is None:
                    properties = (frame.layout.nb_channels, frame.sample_rate)
                    resampler = av.AudioResampler("s16", "mono", RATE)
                frame.pts = None
                _collect(samples, resampler.resample(frame))
    if resampler is not None:
        _collect(samples, resampler.resample(None))
    return Heard(samples, damaged, *properties)


def _collect(samples, frames):
    for frame in frames:
        samples.frombytes(bytes(frame.planes[0])[: frame.samples * 2])


def windows(samples):
    """Return the inner parts of each complete quarter second."""
    starts = range(0, len(samples) - WINDOW + 1, WINDOW)
    return [samples[at + _MARGIN : at + WINDOW - _MARGIN] for at in starts]


def pitch(window):
    """Return the pitch of a pure tone in Hz: half as many as it crosses zero per second."""
    signs = [value >= 0 for value in window if abs(value) > 100]
    crossings = sum(a != b for a, b in itertools.pairwise(signs))
    return round(crossings / 2 * RATE / len(window))


def level(window):
    """Return the root mean square of samples."""
    return math.sqrt(sum(value * value for value in window) / len(window))


def rising(seconds, start_s=0.0):
    """Return the pitches of the collection's tone: 300 Hz, 50 Hz more every quarter second."""
    first = round(start_s * 4)
    return [300 + 50 * number for number in range(first, first + int(seconds * 4 + 0.02))]


def is_same_tone(pitches, expected, tolerance=20):
    """Whether pitches are those expected, within a tolerance in Hz."""
    return all(abs(a - b) <= tolerance for a, b in zip(pitches, expected, strict=False)) and (
        abs(len(pitches) - len(expected)) <= 1
    )

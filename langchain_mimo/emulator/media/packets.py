"""Reads the packets of a video or audio file: what decodes at the start, and how long it is."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import av
from av.audio.resampler import AudioResampler
from av.video.reformatter import VideoReformatter

from langchain_mimo.emulator.media.audio_details import SAMPLE_RATE
from langchain_mimo.emulator.media.colours import main_colours
from langchain_mimo.emulator.media.limits import (
    DECODED_FRAME_PIXELS,
    DECODED_FRAMES,
    DECODED_SAMPLES,
    DECODED_SECONDS,
    MAX_BAD_SHARE,
    MAX_FRAME_PIXELS,
    MAX_PACKETS,
    MAX_SAMPLE_RATE,
    Clock,
    beyond_limit,
)

_PACKETS_PER_CHECK = 256
_SMALL_FRAME_PIXELS = 8 * 10**6
_COLOUR_SIDE = 512
"""Frames larger than that are reduced to this square before they become an image of Pillow's."""


@dataclass(slots=True)
class Track:
    """What the packets of one stream showed; times are ticks of its time base.

    Attributes:
        stream: The stream, as PyAV opened it.
        count: Number of packets that are shown: an edit list may hide some.
        keys: How many of them are key frames.
        untimed: How many of them state no duration.
        decoded: Number of frames that were decoded.
        failed: Number of packets that did not decode.
    """

    stream: Any
    count: int = 0
    keys: int = 0
    untimed: int = 0
    decoded: int = 0
    failed: int = 0
    _sum: int = 0
    _first: int | None = None
    _last: int = 0
    _end: int = 0

    def add(self, packet: Any) -> None:
        """Count a packet that is shown."""
        duration = packet.duration or 0
        self.count += 1
        self.keys += bool(packet.is_keyframe)
        self.untimed += not duration
        self._sum += duration
        time = packet.dts if packet.pts is None else packet.pts
        if time is None:
            return
        self._first = time if self._first is None else min(self._first, time)
        self._last = max(self._last, time)
        self._end = max(self._end, time + duration)

    @property
    def has_times(self) -> bool:
        """Whether any packet states when it begins."""
        return self._first is not None

    @property
    def seconds(self) -> float:
        """What is there: the durations of all packets, or the span where some state none."""
        return self.span if self.untimed else self._in_seconds(self._sum)

    @property
    def first(self) -> float:
        """When the earliest packet begins, in seconds."""
        return self._in_seconds(self._first or 0)

    @property
    def span(self) -> float:
        """Seconds from the start of the earliest packet to the end of the latest."""
        if self._first is None:
            return 0.0
        last = Fraction(self._last)
        if self.untimed and self.count > 1:
            # The length of the last packet: the mean distance of all.
            last += Fraction(self._last - self._first, self.count - 1)
        return self._in_seconds(max(Fraction(self._end), last) - self._first)

    def _in_seconds(self, ticks: Fraction | int) -> float:
        # Rounded once: a sum of floats would fall short of a token's edge.
        return float(ticks * Fraction(self.stream.time_base or 0))

    @property
    def is_unusable(self) -> bool:
        """Whether nothing decodes, or too little of what was tried."""
        tried = self.decoded + self.failed
        return self.decoded == 0 or self.failed > MAX_BAD_SHARE * tried


class Reader(Protocol):
    """What reads the packets of one track."""

    track: Track

    @property
    def is_done(self) -> bool:
        """Whether nothing more is decoded; packets are counted to the end."""

    def take(self, frame: Any) -> None:
        """Look at a decoded frame."""


@dataclass(slots=True)
class VideoStart:
    """Decodes the first frames of a video.

    Attributes:
        track: Its track.
        colours: The main colours of its first frame; None if no frame has decoded.
    """

    track: Track
    colours: str | None = None
    _pixels: int = 0

    @property
    def is_done(self) -> bool:
        """Whether enough was decoded, or too much was tried in vain."""
        tried = self.track.decoded + self.track.failed
        return tried >= DECODED_FRAMES or self._pixels >= DECODED_FRAME_PIXELS

    def take(self, frame: Any) -> None:
        """Look at a decoded frame."""
        pixels = frame_pixels(frame)
        self._pixels += pixels
        if self.colours is None:
            small = pixels <= _SMALL_FRAME_PIXELS
            side = None if small else _COLOUR_SIDE
            # A converter of its own: PyAV 19 keeps that of `to_image`, and forks wait for it.
            as_rgb: Any = VideoReformatter().reformat(frame, side, side, "rgb24")
            self.colours = main_colours(as_rgb.to_image())


@dataclass(slots=True)
class AudioStart:
    """Decodes the first seconds of audio.

    Attributes:
        track: Its track.
        most_seconds: Seconds that are decoded at most.
        most_samples: Samples of all channels that are decoded at most.
        samples: What was decoded, as mono 16-bit samples at `SAMPLE_RATE`.
        first: When the first of them is heard, in seconds.
    """

    track: Track
    most_seconds: float = DECODED_SECONDS
    most_samples: int = DECODED_SAMPLES
    samples: array[int] = field(default_factory=lambda: array("h"))
    first: float | None = None
    _taken: int = 0
    _resampler: AudioResampler | None = None
    _form: tuple[object, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether enough was decoded."""
        enough = len(self.samples) >= self.most_seconds * SAMPLE_RATE
        return enough or self._taken >= self.most_samples

    def take(self, frame: Any) -> None:
        """Look at a decoded frame."""
        if frame.samples > 2 * DECODED_SECONDS * frame.sample_rate:
            raise beyond_limit(f"frames of more than {2 * DECODED_SECONDS:g} seconds")
        if frame.sample_rate > MAX_SAMPLE_RATE:
            raise beyond_limit(f"more than {MAX_SAMPLE_RATE} samples per second")
        if self.first is None:
            self.first = frame.time
        self._taken += frame.samples * len(frame.layout.channels)
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or form != self._form:
            # Parts of joined files may have other rates and channels than the first.
            self._resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
            self._form = form
        for piece in self._resampler.resample(frame):
            self.samples.frombytes(bytes(piece.planes[0])[: piece.samples * 2])


def frame_pixels(frame: Any) -> int:
    """Return the number of pixels of a frame.

    Raises:
        Refusal: There are too many.
    """
    pixels = int(frame.width * frame.height)
    if pixels > MAX_FRAME_PIXELS:
        raise beyond_limit(f"frames of more than {MAX_FRAME_PIXELS} pixels")
    return pixels


def read_packets(source: Any, readers: Sequence[Reader], clock: Clock) -> None:
    """Read every packet once; decode the first ones of each track.

    As in FFmpeg's own tool, a packet that does not decode is left out, and a read error ends the
    file: what came before it counts.

    Args:
        source: The container, as PyAV opened it.
        readers: What decodes each of the tracks; other tracks are skipped.
        clock: The time that is left.

    Raises:
        Refusal: A limit of the emulator is exceeded.
    """
    by_index = {reader.track.stream.index: reader for reader in readers}
    streams = [reader.track.stream for reader in readers]
    for number, packet in enumerate(tolerant(source.demux(*streams))):
        if number % _PACKETS_PER_CHECK == 0:
            clock.check()
        if number >= MAX_PACKETS:
            raise beyond_limit(f"more than {MAX_PACKETS} packets")
        reader = by_index[packet.stream.index]
        if packet.size and not packet.is_discard:
            reader.track.add(packet)
        if not reader.is_done:
            _decode(packet, reader.track, reader.take)


def tolerant(items: Iterator[Any]) -> Iterator[Any]:
    """Yield packets or frames up to the first error of FFmpeg."""
    try:
        yield from items
    except (av.FFmpegError, OSError, ValueError):
        return


def _decode(packet: Any, track: Track, take: Callable[[Any], None]) -> None:
    try:
        frames = packet.decode()
    except (av.FFmpegError, OSError, ValueError):
        # The packet at the end has no content: it asks a decoder for what it still holds.
        track.failed += bool(packet.size)
        return
    for frame in frames:
        track.decoded += 1
        take(frame)

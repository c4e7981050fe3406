"""The index of a video or audio file: what is in each packet, and what is shown when."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import IO, Any

from langchain_mimo._media.av_container import AV_TIME_BASE, import_av, packets_of
from langchain_mimo._media.cutting.joints import Joints
from langchain_mimo._media.cutting.key_frames import GroupStart, group_start
from langchain_mimo._media.cutting.rates import frame_rate
from langchain_mimo._media.cutting.times import Span, Tick
from langchain_mimo._media.headers.flac import parse_frame_header
from langchain_mimo.errors import MediaError

MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 50, 1_536_000
"""Samples of audio per second: those of slow sensors, and twice the highest that is sold."""

MAX_PACKETS = 40_000_000
"""Packets that an index holds, about 22 bytes each: 200 hours of video at 30 frames per second,
with audio."""

MAX_PRIMING = Fraction(1, 10)
"""Seconds by which audio may start before the video to prime its decoder; such audio is not
counted as the beginning."""

DEFAULT_FRAME_INTERVAL = Fraction(1, 10)
"""Seconds that a single frame lasts when nothing states it."""

_HIDES_NEGATIVE_TIMES = frozenset({"mov", "matroska"})
"""Formats in which a time below 0 means: for the decoder alone."""

_WITHOUT_PRESENTATION_TIMES = frozenset({"avi", "asf"})
"""Formats whose H.264 and H.265 packets carry the time of decoding alone."""


@dataclass(eq=False)
class StreamIndex:
    """The packets of one stream, in decode order.

    A packet is named by its ordinal: its position in decode order, from 0.

    Attributes:
        position: The stream's position in the container.
        kind: "video" or "audio".
        codec: FFmpeg's name of the codec, or "" when it is unknown.
        time_base: Seconds per tick.
        sample_rate: Samples per second of audio; 0 for video.
        channels: Channels of audio; 0 for video.
        padding: Samples that a decoder drops wherever it starts, as FFmpeg 9 does with the hidden
            beginning of a file.
        pts: When each packet is shown, in ticks.
        durations: How long each is shown, in ticks; 0 when not stated.
        sizes: Bytes of each packet.
        starts: How decoding can start at each packet, as `GroupStart`.
        hidden: 1 for packets that serve decoding alone: an edit list hides them, or they prime
            the decoder.
        knows_order: Whether `pts` says which packet is shown when. If not, the times are right as
            a sorted list, but it is not known which packet belongs to which.
    """

    position: int
    kind: str
    codec: str
    time_base: Fraction
    sample_rate: int = 0
    channels: int = 0
    padding: int = 0
    pts: array[int] = field(default_factory=lambda: array("q"))
    durations: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("i"))
    starts: bytearray = field(default_factory=bytearray)
    hidden: bytearray = field(default_factory=bytearray)
    knows_order: bool = True

    @cached_property
    def by_time(self) -> array[int]:
        """The ordinals of all packets, sorted by time."""
        return array("q", sorted(range(len(self.pts)), key=self.pts.__getitem__))

    @cached_property
    def order(self) -> array[int]:
        """The ordinals of the packets that are shown, sorted by time."""
        return array("q", (ordinal for ordinal in self.by_time if not self.hidden[ordinal]))

    @cached_property
    def shown(self) -> array[int]:
        """The times of the packets that are shown, in ticks, sorted."""
        return array("q", (self.pts[ordinal] for ordinal in self.order))

    @cached_property
    def rate(self) -> tuple[Fraction | None, bool]:
        """Frames per second where they are densest (None if unknown), and whether it varies."""
        return frame_rate(self.shown, self.time_base)

    @property
    def interval(self) -> Fraction:
        """Seconds from one frame to the next where frames are densest."""
        rate, _ = self.rate
        return 1 / rate if rate else DEFAULT_FRAME_INTERVAL

    @property
    def has_distinct_times(self) -> bool:
        """Whether no two packets are shown at one time."""
        shown = self.shown
        return all(shown[i] < shown[i + 1] for i in range(len(shown) - 1))

    @property
    def start(self) -> Fraction | None:
        """When the first packet is shown, in seconds; None if none is."""
        return self.shown[0] * self.time_base if self.shown else None

    @property
    def end(self) -> Fraction | None:
        """When the last packet is no longer shown, in seconds; None if none is."""
        if not self.shown:
            return None
        last = self.order[-1]
        length = self.durations[last] * self.time_base
        if length <= 0 and self.kind == "video":
            length = self.interval
        return self.pts[last] * self.time_base + length

    @property
    def length(self) -> Fraction:
        """How long the stream is shown, in seconds."""
        return (self.end or Fraction(0)) - (self.start or Fraction(0))

    @cached_property
    def key_frames(self) -> list[int]:
        """Ordinals of the shown packets at which decoding can start, sorted by time."""
        return [ordinal for ordinal in self.order if self.starts[ordinal]]

    def between(self, span: Span) -> array[int]:
        """Return the ordinals of the packets that are shown from within a span, sorted by time."""
        first, stop = span.ticks(self.time_base)
        return self.order[bisect_left(self.shown, first) : bisect_left(self.shown, stop)]

    def key_frame_before(self, ordinal: int) -> int | None:
        """Return the last packet at which decoding can start so that a packet is shown correctly.

        Args:
            ordinal: The packet that has to be shown.

        Returns:
            The ordinal of the last key frame that is not shown later, also a hidden one; None if
            there is none.
        """
        wanted = self.pts[ordinal]
        for candidate in range(ordinal, -1, -1):
            if self.starts[candidate] and self.pts[candidate] <= wanted:
                return candidate
        return None


@dataclass(eq=False, slots=True)
class Index:
    """What one pass over the packets found, without decoding.

    Attributes:
        streams: The streams that were read, by their position in the container.
        start: The beginning as shown, in seconds on the time line of the container: the first
            frame, or earlier audio that is more than the priming of its decoder.
        end: The end of what is shown, likewise.
        offsets: Seconds by which the times of each part were moved, if the file consists of parts
            in each of which the times start again; the first is 0. Packets of such a file are found
            only by reading it from the beginning.
    """

    streams: dict[int, StreamIndex]
    start: Fraction
    end: Fraction
    offsets: tuple[Fraction, ...] = (Fraction(0),)

    @property
    def video(self) -> StreamIndex | None:
        """The first video stream."""
        return next((s for s in self.streams.values() if s.kind == "video"), None)

    @property
    def audio(self) -> StreamIndex | None:
        """The first audio stream."""
        return next((s for s in self.streams.values() if s.kind == "audio"), None)

    @property
    def duration(self) -> float:
        """The length as shown, in seconds."""
        return float(self.end - self.start)

    @property
    def frame_rate(self) -> Fraction | None:
        """Frames per second where they are densest, or None."""
        return self.video.rate[0] if self.video else None

    @property
    def is_variable_rate(self) -> bool:
        """Whether the frame rate varies."""
        return self.video is not None and self.video.rate[1]

    @property
    def is_joined(self) -> bool:
        """Whether it consists of parts; see `offsets`."""
        return len(self.offsets) > 1

    def key_frames(self) -> list[Fraction]:
        """Return where decoding can start, in seconds from the start, in order.

        Hidden key frames are left out, and marked ones that are no real starts.
        """
        video = self.video
        if video is None or not video.knows_order:
            return []
        return [video.pts[i] * video.time_base - self.start for i in video.key_frames]


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file and its index.

    Attributes:
        file: A seekable binary file.
        index: What one pass over it found.
    """

    file: IO[bytes]
    index: Index


def streams_to_cut(container: Any, kind: str) -> list[Any]:
    """Return the streams of a container that a cut keeps.

    Args:
        container: The container.
        kind: "video" for the first video stream and the first audio stream; "audio" for the latter
            alone. Covers are no videos. Streams whose codec FFmpeg does not know are left out.
    """
    known = [stream for stream in container.streams if _is_known(stream)]
    audio = [stream for stream in known if stream.type == "audio"][:1]
    if kind == "audio":
        return audio
    videos = [stream for stream in known if stream.type == "video" and not is_cover(stream)]
    return [*videos[:1], *audio]


def _is_known(stream: Any) -> bool:
    return stream.type in ("video", "audio") and stream.codec_context is not None


def is_cover(stream: Any) -> bool:
    """Return whether a video stream is an image attached to the file."""
    return bool(stream.disposition & import_av().stream.Disposition.attached_pic)


def build_index(container: Any, streams: Iterable[Any], tick: Tick) -> Index:
    """Read every packet of some streams once, without decoding.

    Args:
        container: A container that was opened just now, read from its beginning.
        streams: Its streams to index.
        tick: Called for every packet.

    Raises:
        MediaError: No packet is shown, there are more than `MAX_PACKETS`, or FFmpeg cannot read
            the file.
    """
    streams = list(streams)
    formats = frozenset(container.format.name.split(","))
    builders = {stream.index: _Builder(stream, formats) for stream in streams}
    joints = Joints(container)
    for count, packet in enumerate(packets_of(container, streams)):
        joints.correct(packet)
        builders[packet.stream.index].add(packet)
        if count >= MAX_PACKETS:
            raise MediaError(f"it has more than {MAX_PACKETS:,} packets; cut it into files first")
        tick(0)
    indexes = {position: builder.finish() for position, builder in builders.items()}
    start, end = _shown_range(indexes)
    end = _end_by_edit_list(container, indexes, end)
    return Index(indexes, start, end, tuple(joints.offsets))


def _checked_rate(rate: int) -> int:
    """Refuse a sample rate with which FFmpeg's resampler would take gigabytes."""
    if rate and not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
        raise MediaError(
            f"it is damaged: it states {rate:,} samples of audio per second; get another copy"
        )
    return rate


class _Builder:
    """Collects the packets of one stream."""

    def __init__(self, stream: Any, formats: frozenset[str]) -> None:
        context = stream.codec_context  # None where FFmpeg does not know the codec
        codec = context.name if context is not None else ""
        self._index = StreamIndex(stream.index, stream.type, codec, Fraction(stream.time_base))
        if stream.type == "audio" and context is not None:
            self._index.sample_rate = _checked_rate(context.sample_rate or 0)
            self._index.channels = context.layout.nb_channels
            self._index.padding = getattr(context, "initial_padding", 0) or 0
        self._extradata = bytes(context.extradata or b"") if context is not None else b""
        self._hides_negative = bool(formats & _HIDES_NEGATIVE_TIMES)
        self._reorders = bool(getattr(context, "has_b_frames", False))
        if formats & _WITHOUT_PRESENTATION_TIMES and codec in ("h264", "hevc") and self._reorders:
            self._index.knows_order = False
        rate = getattr(stream, "average_rate", None) or getattr(stream, "guessed_rate", None)
        interval = 1 / Fraction(rate) if rate else DEFAULT_FRAME_INTERVAL
        self._step = max(1, round(interval / self._index.time_base))

    def add(self, packet: Any) -> None:
        index = self._index
        pts = packet.pts
        if pts is None:
            index.knows_order = index.knows_order and packet.dts is not None and not self._reorders
            pts = packet.dts
        if pts is None:  # not even a time of decoding: one frame after the other
            pts = index.pts[-1] + (index.durations[-1] or self._step) if index.pts else 0
        start = GroupStart.NONE
        if packet.is_keyframe:
            start = GroupStart.CLOSED
            if index.kind == "video" and index.codec in ("h264", "hevc"):
                start = group_start(index.codec, self._extradata, bytes(packet))
        index.pts.append(pts)
        index.durations.append(max(packet.duration or 0, 0) or self._flac_duration(packet))
        index.sizes.append(packet.size)
        index.starts.append(start)
        index.hidden.append(packet.is_discard or (self._hides_negative and pts < 0))

    def _flac_duration(self, packet: Any) -> int:
        """Return how long a FLAC frame is, in ticks; 0 if it is unknown, or no FLAC.

        FFmpeg does not know it when STREAMINFO alone states the sample rate.
        """
        index = self._index
        frame = parse_frame_header(bytes(packet), 0, 0) if index.codec == "flac" else None
        if frame is None or not index.sample_rate:
            return 0
        return round(Fraction(frame.samples, index.sample_rate) / index.time_base)

    def finish(self) -> StreamIndex:
        """Return the index, with groups found to be open by their leading frames."""
        index = self._index
        if index.kind == "video":
            _mark_open_groups(index)
        return index


def _mark_open_groups(index: StreamIndex) -> None:
    """Mark the groups as open that have frames shown before their key frame."""
    key: int | None = None
    for ordinal, pts in enumerate(index.pts):
        if index.starts[ordinal]:
            key = ordinal
        elif key is not None and pts < index.pts[key]:
            index.starts[key] = min(index.starts[key], GroupStart.OPEN)


def _end_by_edit_list(container: Any, indexes: dict[int, StreamIndex], end: Fraction) -> Fraction:
    """Return the end that an edit list sets within the last audio packet, or the end found."""
    if not container.duration or not any(1 in each.hidden for each in indexes.values()):
        return end
    stated = Fraction((container.start_time or 0) + container.duration, AV_TIME_BASE)
    return stated if 0 < end - stated < MAX_PRIMING else end


def _shown_range(indexes: dict[int, StreamIndex]) -> tuple[Fraction, Fraction]:
    starts = {s.position: start for s in indexes.values() if (start := s.start) is not None}
    if not starts:
        raise MediaError("it contains no readable video or audio; check the file")
    start = min(starts.values())
    for index in indexes.values():
        if index.kind == "video" and index.position in starts and 1 not in index.hidden:
            first = starts[index.position]
            start = first if first - start <= MAX_PRIMING else start
            break
    return start, max(end for s in indexes.values() if (end := s.end) is not None)

"""What the packets of a video or audio file say about how it can be divided.

A copy of a video may start where a group of frames is closed, and its neighbour may end there, if
every packet before that place is shown before it and every packet from it on is not. Between two
such places a copy is a run of packets, so its size is known from sums that are made once.
"""

from __future__ import annotations

import itertools
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import IO

from langchain_mimo._media.av_container import open_container, pixel_format
from langchain_mimo._media.content_changes import quiet_ranges, scene_changes
from langchain_mimo._media.cutting.copying import copied_seconds
from langchain_mimo._media.cutting.index import (
    Index,
    IndexedFile,
    StreamIndex,
    build_index,
    streams_to_cut,
)
from langchain_mimo._media.cutting.key_frames import GroupStart
from langchain_mimo._media.cutting.known_indexes import index_of
from langchain_mimo._media.cutting.planning import CannotCopyError, end_of, plan_copy
from langchain_mimo._media.cutting.ranges import (
    copy_refusal,
    has_audio,
    plan_range,
    range_size,
    shown_range,
    size_around,
    video_refusal,
)
from langchain_mimo._media.cutting.times import Span, exact, first_tick
from langchain_mimo._media.formats import Format
from langchain_mimo._media.headers.reader import AVHeader
from langchain_mimo._media.opened_source import Source, named, opened
from langchain_mimo._media.references import MediaKind
from langchain_mimo.errors import MediaError


@dataclass(frozen=True, slots=True)
class CopiedRange:
    """A time range of a file as it is copied, without encoding.

    Attributes:
        start_s: Where the copy starts, in seconds from the first moment of the file that is shown.
        end_s: Where it ends, likewise.
        seconds: How long the copy lasts. Its last audio packet may go on behind its last frame, by
            up to 0.1 s.
        size: The most bytes that it has.
        has_audio: Whether it has audio. That of a video may begin late or end early.
    """

    start_s: float
    end_s: float
    seconds: float
    size: int
    has_audio: bool


class PacketTable:
    """The packets of the first video and the first audio of a file; nothing is decoded.

    `MediaInfo.packets` makes it. Seconds count from the first moment that the file shows.

    Attributes:
        kind: "video" or "audio".
        duration_s: Seconds to the end of the last packet shown.
        frames: Video frames that are shown; 0 for audio.
        copy_refusal: Why no range of the file can be sent as a copy, as a clause; None if ranges
            can.
        is_copied_by_prepare: Whether `prepare_video` copies what lies between two `copy_starts`
            into an MP4, without encoding: H.264 in 8-bit 4:2:0 at a constant rate, with AAC or MP3,
            in any container that states when each frame is shown.
    """

    def __init__(
        self,
        index: Index,
        source: Source = b"",
        found: Format | None = None,
        header: AVHeader | None = None,
        pixels: str | None = None,
    ) -> None:
        self._index = index
        self._source = source
        video = index.video
        self.kind: MediaKind = "audio" if video is None else "video"
        self.duration_s = index.duration
        self.frames = len(video.shown) if video is not None else 0
        self.copy_refusal = copy_refusal(self.kind, found, header, index)
        if video is not None and not (video.knows_order and video.has_distinct_times):
            self.copy_refusal = "its container does not state when each frame is shown"
        self.is_copied_by_prepare = (
            video is not None
            and video.knows_order
            and video.has_distinct_times
            and not index.is_variable_rate
            and video_refusal(index, pixels) is None
        )
        self._places = _places(index) if video is not None else _packet_times(index)
        places = self._places if video is not None else array("d")
        self._totals = [_Totals(each, index, places) for each in index.streams.values()]

    @cached_property
    def key_frames(self) -> tuple[float, ...]:
        """Where decoding of the video can start, in seconds; empty for audio."""
        return tuple(float(time) for time in self._index.key_frames())

    @property
    def copy_starts(self) -> Sequence[float]:
        """Where a copy can start and the copy before it can end, in seconds, ascending.

        Copies between two of them neither lose nor repeat a video frame. They are the key frames of
        closed groups of a video, and the packets of audio. The end of the file is not among them.
        """
        return self._places

    def copy_range(self, start_s: float, end_s: float) -> CopiedRange:
        """Return what a copy of a time range shows, and how large it is.

        Args:
            start_s: Start in seconds; the copy starts there or at the key frame before.
            end_s: End in seconds; the copy ends there or a few frames later, where frames before
                it need those. What lies behind the end of the file means its end.

        Raises:
            MediaError: No range of this file, or not this one, can be copied.
        """
        if self.copy_refusal is not None:
            raise MediaError(self.copy_refusal)
        return self._copied(start_s, end_s)

    def prepared_range(self, start_s: float, end_s: float) -> CopiedRange:
        """Return what `prepare_video` copies of a time range from one of `copy_starts` to another.

        Raises:
            MediaError: It does not copy this file, or not this range.
        """
        if not self.is_copied_by_prepare:
            raise MediaError("prepare_video encodes it")
        return self._copied(start_s, end_s)

    def exact_copy(self, start_s: float, end_s: float) -> CopiedRange | None:
        """Return what `prepare_video` copies of a time range; None if it encodes it.

        Such a copy starts at a key frame and shows exactly the range, which may end at any frame
        before which none refers to a later one.
        """
        if not self.is_copied_by_prepare:
            return None
        index = self._index
        end = index.end if end_s >= self.duration_s else index.start + exact(end_s)
        try:
            plan = plan_copy(index, Span(index.start + exact(start_s), end), "exact")
        except CannotCopyError:
            return None
        seconds, size = copied_seconds(index, plan), range_size(index, plan)
        return CopiedRange(start_s, end_s, seconds, size, has_audio(index, plan))

    def copy_bounds(self, start_s: float, end_s: float) -> CopiedRange:
        """Return the most that such a copy is, of a video from sums alone: for many ranges.

        Raises:
            MediaError: Neither a block nor `prepare_video` copies this range.
        """
        if self.copy_refusal is not None and not self.is_copied_by_prepare:
            raise MediaError(self.copy_refusal)
        if self.kind == "video":
            first, behind = self._place(start_s), self._place(end_s)
            if first is not None and behind is not None and first < behind:
                return self._between_places(first, behind)
        return self._copied(start_s, end_s)

    def _copied(self, start_s: float, end_s: float) -> CopiedRange:
        try:
            plan = plan_range(self.kind, self._index, start_s, end_s)
        except CannotCopyError as error:
            raise MediaError(str(error)) from None
        shown = shown_range(self._index, plan)
        seconds = shown[1] - shown[0]
        if self.kind == "video":
            seconds = copied_seconds(self._index, plan)
        size = range_size(self._index, plan)
        return CopiedRange(*shown, seconds, size, has_audio(self._index, plan))

    def scene_changes(self) -> list[tuple[float, float]]:
        """Return where the scenes of the video change, by its key frames, which are decoded.

        Returns:
            Seconds, and how strong each change is, 0 to 1. Empty for audio.

        Raises:
            MediaError: The file is gone, or it cannot be read to its end.
        """
        with opened(self._source) as file, named(file.name):
            return list(scene_changes(IndexedFile(file.file, self._index)))

    def quiet_ranges(self) -> list[tuple[float, float]]:
        """Return the quiet ranges of the audio, which is decoded: 0.3 s or longer.

        Returns:
            Start and end in seconds. Empty without audio.

        Raises:
            MediaError: The file is gone, it cannot be read to its end, or it is damaged.
        """
        with opened(self._source) as file, named(file.name):
            return list(quiet_ranges(IndexedFile(file.file, self._index)))

    def _place(self, seconds: float) -> int | None:
        """Return the number of the place at a time, that behind the last for the end, or None."""
        at = bisect_left(self._places, seconds)
        if at < len(self._places) and self._places[at] == seconds:
            return at
        return len(self._places) if seconds == self.duration_s else None

    def _between_places(self, first: int, behind: int) -> CopiedRange:
        """Return a copy of a video from one place to another, from the sums alone."""
        start_s = self._places[first]
        end_s = self._places[behind] if behind < len(self._places) else self.duration_s
        packets = payload = 0
        last, is_heard = end_s, False
        for totals in self._totals:
            begin, stop = totals.places[first], totals.places[behind]
            packets += stop - begin
            payload += totals.bytes[stop] - totals.bytes[begin]
            if totals.hides_between(begin, stop):
                raise MediaError("it contains frames that an edit list hides")
            if totals.stream.kind == "audio" and stop > begin:
                is_heard = True
                ends = end_of(totals.stream, totals.stream.order[stop - 1])
                last = min(max(last, float(ends - self._index.start)), self.duration_s)
        size = size_around(payload, packets)
        return CopiedRange(start_s, end_s, last - start_s, size, is_heard)


class _Totals:
    """The sums of a stream's shown packets, in the order of showing.

    Attributes:
        bytes: Bytes of the packets before each, and of all of them.
        places: How many packets there are before each place of the file, and in all.
    """

    def __init__(self, stream: StreamIndex, index: Index, places: array[float]) -> None:
        self.stream = stream
        sizes = (stream.sizes[ordinal] for ordinal in stream.order)
        self.bytes = array("q", itertools.accumulate(sizes, initial=0))
        ticks = (first_tick(index.start + exact(each), stream.time_base) for each in places)
        self.places = array("q", (bisect_left(stream.shown, each) for each in ticks))
        self.places.append(len(stream.shown))
        self._has_hidden = stream.kind == "video" and 1 in stream.hidden

    def hides_between(self, first: int, stop: int) -> bool:
        """Whether packets that are not shown lie among those of a video from one to another."""
        if not self._has_hidden or first == stop:
            return False
        ordinals = self.stream.order[first:stop]
        return 1 in self.stream.hidden[min(ordinals) : max(ordinals) + 1]


def _places(index: Index) -> array[float]:
    """Return where copies of a video can start and end without losing or repeating a frame."""
    video = index.video
    if video is None or not (video.knows_order and video.has_distinct_times):
        return array("d")
    earliest = array("q", itertools.accumulate(reversed(video.pts), min))
    earliest.reverse()
    places = array("d")
    latest: int | None = None
    for ordinal, pts in enumerate(video.pts):
        is_start = video.starts[ordinal] == GroupStart.CLOSED and not video.hidden[ordinal]
        if is_start and earliest[ordinal] == pts and (latest is None or latest < pts):
            time = video.pts[ordinal] * video.time_base - index.start
            # The first frame may start a little late; a copy that begins with it loses nothing.
            places.append(0.0 if not places and time < video.interval else float(time))
        latest = pts if latest is None else max(latest, pts)
    return places


def _packet_times(index: Index) -> array[float]:
    audio = index.audio
    if audio is None:
        return array("d")
    start, base = index.start, audio.time_base
    return array("d", (float(pts * base - start) for pts in audio.shown))


def read_packets(
    file: IO[bytes], source: Source, kind: MediaKind, found: Format | None, header: AVHeader | None
) -> PacketTable:
    """Read the packets of a file.

    Args:
        file: The open file.
        source: What was opened.
        kind: "video" or "audio".
        found: Its format by the first bytes.
        header: What its header says.

    Raises:
        MediaError: It has no packets, or FFmpeg cannot read it to its end.
        MiMoConfigurationError: PyAV is not installed.
    """

    def build() -> Index:
        with closing(open_container(file)) as container:
            return build_index(container, streams_to_cut(container, kind), lambda _: None)

    file.seek(0)
    index = index_of(file, build, kind)
    pixels = header.pixel_format if header is not None else None
    if index.video is not None and pixels is None:
        file.seek(0)
        with closing(open_container(file)) as container:
            pixels = pixel_format(container.streams[index.video.position].codec_context)
    return PacketTable(index, source, found, header, pixels)

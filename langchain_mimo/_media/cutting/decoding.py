"""Decodes a time range: the frames that start within it, whatever the container is like."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any

from langchain_mimo._media.av_container import ffmpeg_errors
from langchain_mimo._media.cutting.index import IndexedFile, StreamIndex
from langchain_mimo._media.cutting.reading import read_from
from langchain_mimo._media.cutting.times import Span, Tick
from langchain_mimo.errors import MediaError

MAX_DAMAGED_PACKETS = 100
"""Undecodable packets that are skipped before the source is given up."""

_PREROLL = Fraction(1, 5)
"""Seconds of audio that are decoded before the span, because audio decoders settle slowly."""


def decode_span(
    source: IndexedFile,
    positions: Iterable[int],
    span: Span,
    tick: Tick,
    on_damage: Callable[[int], None],
) -> Iterator[tuple[Any, Fraction]]:
    """Decode the frames of some streams that start within a span.

    Frames that an edit list hides are left out, and so are frames whose references are missing.

    Args:
        source: The source.
        positions: The positions of the streams in the container.
        span: The time range, on the time line of the container.
        tick: Called for every packet, with the share of the span that is done.
        on_damage: Called at the end with the number of packets that could not be decoded, if any.

    Yields:
        Each frame with its time in seconds from `span.start`. Times are negative for a frame that
        is still shown at the start of the span, where the next one is late, and for audio that
        begins before the span. The last audio frame may reach beyond the end.

    Raises:
        MediaError: More than `MAX_DAMAGED_PACKETS` packets are damaged, or FFmpeg cannot read the
            file.
    """
    streams = (source.index.streams[position] for position in positions)
    decoders = {each.position: _Decoder(each, span) for each in streams if each.pts}
    first = {position: decoder.first for position, decoder in decoders.items()}
    length = span.end - span.start
    damaged = 0
    for packet, ordinal in read_from(source, first, tick):
        decoder = decoders[packet.stream.index]
        try:
            frames = decoder.decode(packet, ordinal)
        except MediaError:
            damaged += 1
            if damaged > MAX_DAMAGED_PACKETS:
                raise MediaError(
                    f"more than {MAX_DAMAGED_PACKETS} of its packets are damaged; get another copy"
                ) from None
            continue
        for frame, time in frames:
            tick(min(1.0, max(0.0, float(time / length))))
            yield frame, time
        if all(each.is_finished for each in decoders.values()):
            break
    if damaged:
        on_damage(damaged)


class _Decoder:
    """Decodes one stream.

    Attributes:
        first: Ordinal of the first packet needed.
        is_finished: Whether all packets needed were decoded.
    """

    def __init__(self, stream: StreamIndex, span: Span) -> None:
        self._stream = stream
        self._span = span
        self._from, self._to = span.ticks(stream.time_base)
        self._count = 0
        self._ends: Fraction | None = None
        self.is_finished = False
        if stream.kind == "video":
            self._include_held_frame()
        self.first, self._stop = self._packets_needed()

    def _include_held_frame(self) -> None:
        """Begin with the frame on display at the start, if no other starts soon or in the span."""
        shown = self._stream.shown
        at = bisect_left(shown, self._from)
        next_time = shown[at] * self._stream.time_base if at < len(shown) else self._span.end
        is_alone = at == len(shown) or shown[at] >= self._to
        if at > 0 and (is_alone or next_time - self._span.start >= self._stream.interval):
            self._from = shown[at - 1]

    def _packets_needed(self) -> tuple[int, int]:
        """Return the first ordinal to decode and the one behind the last."""
        stream = self._stream
        if not stream.knows_order:
            return 0, len(stream.pts)
        at, stop = bisect_left(stream.shown, self._from), bisect_left(stream.shown, self._to)
        wanted = stream.order[at:stop]
        last = max(wanted, default=0) + 1
        if not wanted:
            return 0, last
        if stream.kind == "video":
            return stream.key_frame_before(wanted[0]) or 0, last
        preroll = _PREROLL + Fraction(stream.padding, stream.sample_rate or 1)
        earlier = self._from - int(preroll / stream.time_base)
        by_time = stream.by_time
        return by_time[bisect_left(by_time, earlier, key=stream.pts.__getitem__)], last

    def decode(self, packet: Any, ordinal: int) -> list[tuple[Any, Fraction]]:
        """Decode a packet, and after the last one needed also what the decoder holds back.

        Raises:
            MediaError: The packet is damaged.
        """
        if self.is_finished or ordinal >= self._stop:
            self.is_finished = True
            return []
        frames: list[Any] = []
        is_last = ordinal + 1 >= self._stop
        try:
            with ffmpeg_errors("a packet is damaged"):
                frames = list(packet.decode())
        finally:
            self.is_finished = is_last
        if is_last:
            with ffmpeg_errors("a packet is damaged"):
                frames += packet.stream.codec_context.decode(None)
        return [timed for frame in frames if (timed := self._timed(frame)) is not None]

    def _timed(self, frame: Any) -> tuple[Any, Fraction] | None:
        """Return a frame with its time from the start of the span, or None if it is outside."""
        stream = self._stream
        at, self._count = self._count, self._count + 1
        if stream.knows_order:
            pts, time_base = frame.pts, frame.time_base or stream.time_base
        else:
            pts, time_base = stream.shown[min(at, len(stream.shown) - 1)], stream.time_base
        if pts is None and self._ends is None:
            return None
        time = self._ends if pts is None else pts * Fraction(time_base)
        assert time is not None
        if stream.kind == "video":
            is_inside = self._from <= round(time / stream.time_base) < self._to
        else:
            # The last frame of WMA has no time: it follows the one before.
            self._ends = ends = time + Fraction(frame.samples, frame.sample_rate)
            is_inside = ends > self._span.start and time < self._span.end
        return (frame, time - self._span.start) if is_inside else None

"""Measures how long a video is shown, by the times of its first and last packets.

The duration that a container states is not that: audio may begin before the first frame by what
primes its decoder, and end after the last frame by the rest of a packet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from langchain_mimo._media.av_container import AV_TIME_BASE, packets_of
from langchain_mimo._media.cutting.index import DEFAULT_FRAME_INTERVAL, MAX_PRIMING

_MAX_PACKETS = 20_000

_END = 2 * AV_TIME_BASE
"""How much of the end is read, at least."""


def counted_seconds(container: Any, main: list[Any]) -> float | None:
    """Return the seconds by the times of all packets; None if there are too many, or no times.

    Args:
        container: The container, at its beginning.
        main: The streams that count.
    """
    begins, ends, is_complete = _times(container, main)
    return _shown(main, begins, ends) if is_complete else None


def seconds_by_ends(container: Any, main: list[Any]) -> float | None:
    """Return the seconds by the first times, which the header tells, and the last packets.

    Reads at least the last two seconds; None if that is too much, or if it has no times.

    Args:
        container: The container; it is at its end afterwards.
        main: The streams that count.
    """
    begins = {
        stream.index: stream.start_time * stream.time_base
        for stream in main
        if stream.start_time is not None
    }
    stated = (container.start_time or 0) + container.duration
    # MPEG-TS has no index: FFmpeg goes to that time, behind which the last frame shown may not be.
    container.seek(max(container.start_time or 0, stated - _END))
    _, ends, is_complete = _times(container, main)
    if not is_complete or main[0].index not in ends:
        return None
    stated_s = Fraction(stated, AV_TIME_BASE)
    if "matroska" in container.format.name and any(map(_is_opus, main)):
        # Its first packet begins before time 0, and of its last one not all is shown.
        ends = {
            position: stated_s if 0 < end - stated_s < MAX_PRIMING else end
            for position, end in ends.items()
        }
    return _shown(main, begins, ends)


_Times = dict[int, Fraction]


def _times(container: Any, main: list[Any]) -> tuple[_Times, _Times, bool]:
    """Return when each stream begins and ends from here on, and whether all packets were read."""
    intervals = {stream.index: _interval(stream) for stream in main}
    begins: _Times = {}
    ends: _Times = {}
    for count, packet in enumerate(packets_of(container, main)):
        if count == _MAX_PACKETS:
            return begins, ends, False
        if packet.pts is None or packet.time_base is None or packet.is_discard:
            continue
        position, at = packet.stream.index, packet.pts * packet.time_base
        length = max(packet.duration or 0, 0) * packet.time_base or intervals[position]
        begins[position] = min(begins.get(position, at), at)
        ends[position] = max(ends.get(position, at), at + length)
    return begins, ends, True


def _is_opus(stream: Any) -> bool:
    context = stream.codec_context
    return context is not None and context.codec.canonical_name == "opus"


def _interval(stream: Any) -> Fraction:
    """Return the seconds of a packet that does not state them."""
    if stream.type != "video":
        return Fraction(0)
    return 1 / Fraction(stream.average_rate) if stream.average_rate else DEFAULT_FRAME_INTERVAL


def _shown(
    main: Iterable[Any], begins: Mapping[int, Fraction], ends: Mapping[int, Fraction]
) -> float | None:
    """Return the seconds from the first frame, or from audio long before it, to the last end."""
    if not begins or not ends:
        return None
    start = min(begins.values())
    for stream in main:
        if stream.type == "video" and begins.get(stream.index, start) - start <= MAX_PRIMING:
            start = begins.get(stream.index, start)
    seconds = float(max(ends.values()) - start)
    return seconds if seconds > 0 else None

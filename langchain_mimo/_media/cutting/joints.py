"""Makes the times of joined recordings go on.

MPEG-TS and MPEG-PS are often joined end to end: parts of a recorder, segments of a stream. In each
part the times start again. Without correction the parts lie on top of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

JOINED_FORMATS = frozenset({"mpegts", "mpeg"})
_JUMP = Fraction(1)
"""Seconds by which times of decoding go back at a joint; within a part they never do."""


class Joints:
    """Corrects the times of packets, which have to come from the beginning of the file, in order.

    Args:
        container: The open container.
        offsets: What an earlier reading found, which may have read more streams.

    Attributes:
        offsets: Seconds that are added to the times of each part; the first is 0.
    """

    def __init__(self, container: Any, offsets: Sequence[Fraction] = (Fraction(0),)) -> None:
        self.offsets = list(offsets)
        self._is_watching = bool(JOINED_FORMATS & frozenset(container.format.name.split(",")))
        self._parts: dict[int, int] = {}
        self._last: dict[int, Fraction] = {}
        self._end = Fraction(0)

    def correct(self, packet: Any) -> None:
        """Move the times of a packet behind those of the parts before its own."""
        ticks = packet.dts if packet.dts is not None else packet.pts
        if not self._is_watching or ticks is None:
            return
        position, time = packet.stream.index, ticks * packet.time_base
        part = self._parts.get(position, 0)
        if position in self._last and time < self._last[position] - _JUMP:
            part += 1
            if part == len(self.offsets):  # the first stream to get there
                self.offsets.append(self._end - time)
        self._parts[position], self._last[position] = part, time
        offset = round(self.offsets[part] / packet.time_base)
        if packet.pts is not None:
            packet.pts += offset
        if packet.dts is not None:
            packet.dts += offset
        self._end = max(self._end, (ticks + offset + (packet.duration or 0)) * packet.time_base)

"""Decoded frames on their way to the encoder."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from langchain_mimo._media.av_container import import_av


def rotation_of(frame: Any) -> int:
    """Return by how many degrees, counter-clockwise, players turn a frame; 0 when unsaid."""
    return int(getattr(frame, "rotation", 0) or 0)


class SteadyFrames:
    """Turns frames upright, brings them to one size and pixel format, and to an even pace.

    Args:
        first: The first frame, which says what the others are like.
        width: Pixels, upright.
        height: Pixels, upright.
        rate: Frames per second.
    """

    _TURNS = ((-90, ("transpose", "clock")), (90, ("transpose", "cclock")))

    def __init__(self, first: Any, width: int, height: int, rate: Fraction) -> None:
        av = import_av()
        self._rate = rate
        self._next = 0
        self._last: Any = None
        self._graph = graph = av.filter.Graph()
        source = graph.add_buffer(
            width=first.width,
            height=first.height,
            format=first.format,
            time_base=1 / self._rate,
        )
        rotation = rotation_of(first)
        steps = [graph.add(*turn) for angle, turn in self._TURNS if angle == rotation]
        if abs(rotation) == 180:
            steps = [graph.add("hflip"), graph.add("vflip")]
        steps += [
            graph.add("scale", f"{width}:{height}"),
            graph.add("setsar", "1"),
            graph.add("format", "yuv420p"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(source, *steps).configure()
        self._size = first.width, first.height, first.format.name

    def push(self, frame: Any, time: float) -> Iterator[Any]:
        """Take a frame that is shown at `time`; yield what is ready to be encoded.

        A frame that comes too soon after another one is left out; one that comes late is preceded
        by as many of its predecessor as fill the gap.
        """
        index = round(time * self._rate)
        if index < self._next:
            return
        if self._last is not None:
            yield from self._repeated(index)
        width, height, name = self._size
        if (frame.width, frame.height, frame.format.name) != self._size:
            frame = frame.reformat(width, height, name)
        frame.pts, frame.time_base = index, 1 / self._rate
        self._graph.push(frame)
        self._last = self._graph.pull()
        self._last.pict_type = 0  # the encoder chooses key frames itself
        self._next = index
        yield from self._repeated(index + 1)

    def until(self, time: float) -> Iterator[Any]:
        """Yield the last frame as often as it takes to `time`."""
        yield from self._repeated(round(time * self._rate))

    def _repeated(self, end: int) -> Iterator[Any]:
        while self._next < end:
            self._last.pts, self._last.time_base = self._next, 1 / self._rate
            self._next += 1
            yield self._last

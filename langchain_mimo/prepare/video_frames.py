"""Normalizes decoded frames for the encoder: upright, one size, constant frame rate."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from langchain_mimo._media.av_container import ffmpeg_errors, import_av
from langchain_mimo._media.cutting.times import exact


def rotation_of(frame: Any) -> int:
    """Return the counter-clockwise rotation of a frame in degrees; 0 when not set."""
    return int(getattr(frame, "rotation", 0) or 0)


class FrameNormalizer:
    """Rotates frames upright and converts them to one size, pixel format and frame rate.

    Args:
        first: The first frame; its size, format and rotation configure the conversion.
        width: Width of the upright result in pixels.
        height: Height of the upright result in pixels.
        rate: Frames per second of the result.
    """

    _ROTATIONS = ((-90, ("transpose", "clock")), (90, ("transpose", "cclock")))

    def __init__(self, first: Any, width: int, height: int, rate: Fraction) -> None:
        self._rate = rate
        self._next = 0
        self._last: Any = None
        with ffmpeg_errors("its frames cannot be converted"):
            self._graph = self._new_graph(first, width, height)
        self._size = first.width, first.height, first.format.name

    def _new_graph(self, first: Any, width: int, height: int) -> Any:
        graph = import_av().filter.Graph()
        source = graph.add_buffer(
            width=first.width,
            height=first.height,
            format=first.format,
            time_base=1 / self._rate,
        )
        rotation = rotation_of(first)
        steps = [graph.add(*step) for angle, step in self._ROTATIONS if angle == rotation]
        if abs(rotation) == 180:
            steps = [graph.add("hflip"), graph.add("vflip")]
        steps += [
            graph.add("scale", f"{width}:{height}"),
            graph.add("setsar", "1"),
            graph.add("format", "yuv420p"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(source, *steps).configure()
        return graph

    def push(self, frame: Any, time: float) -> Iterator[Any]:
        """Add the frame shown at `time` seconds; yield the frames that are ready to be encoded.

        A frame too close to its predecessor is dropped. A gap is filled by repeating the
        predecessor, and a gap before the first frame by the first frame.
        """
        index = round(time * self._rate) if self._last is not None else 0
        if index < self._next:
            return
        yield from self._repeat_until(index)
        width, height, name = self._size
        with ffmpeg_errors("its frames cannot be converted"):
            if (frame.width, frame.height, frame.format.name) != self._size:
                frame = frame.reformat(width, height, name)
            frame.pts, frame.time_base = index, 1 / self._rate
            self._graph.push(frame)
            self._last = self._graph.pull()
            self._last.pict_type = 0  # the encoder chooses key frames itself
        self._next = index
        yield from self._repeat_until(index + 1)

    def fill_until(self, time: float) -> Iterator[Any]:
        """Yield repetitions of the last frame, as many as end before `time` seconds."""
        yield from self._repeat_until(int(exact(time) * self._rate))

    def _repeat_until(self, end: int) -> Iterator[Any]:
        while self._next < end:
            self._last.pts, self._last.time_base = self._next, 1 / self._rate
            self._next += 1
            yield self._last

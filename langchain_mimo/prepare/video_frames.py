"""Normalizes decoded frames for the encoder: upright, one size, constant frame rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from langchain_mimo._media.av_container import ffmpeg_errors, import_av, new_reformatter
from langchain_mimo._media.cutting.times import exact

_ROUNDING = Fraction(1, 500)
"""Seconds by which containers round times: Matroska, FLV and WMV to whole milliseconds."""

_WHOLE = Fraction(1, 1000)
"""Of a frame: a length that was rounded to be 2.9999999 frames is three."""


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
        is_lowered: Whether the source has more frames per second than the result.
    """

    _ROTATIONS = ((-90, ("transpose", "clock")), (90, ("transpose", "cclock")))

    def __init__(
        self, first: Any, width: int, height: int, rate: Fraction, *, is_lowered: bool
    ) -> None:
        self._rate = rate
        self._is_lowered = is_lowered
        # A frame counts from this many frames of the result before its time: times are rounded.
        self._early = _ROUNDING * rate if is_lowered else Fraction(1, 2)
        self._next = self._index = 0
        self._frame: Any = None
        self._converted: Any = None
        self._reformatter = new_reformatter()
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
            graph.add("format", "yuv420p"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(source, *steps).configure()
        return graph

    def push(self, frame: Any, time: float) -> Iterator[Any]:
        """Add the frame shown from `time` seconds on; yield those ready to be encoded.

        Each frame of the result is the one shown at its time: a frame is repeated over a gap, one
        that is replaced before its time comes is dropped, and the first one begins the result.
        """
        index = math.ceil(exact(time) * self._rate - self._early) if self._frame is not None else 0
        yield from self._repeat_until(index)
        self._frame, self._converted, self._index = frame, None, max(index, self._next)

    def fill_until(self, time: float) -> Iterator[Any]:
        """Yield the last frame, as often as fits before `time` seconds; at its own rate once."""
        frames = exact(time) * self._rate
        last = self._index + 1
        if self._is_lowered:
            last = min(last, max(1, math.ceil(frames - self._early)))
        yield from self._repeat_until(max(int(frames + _WHOLE), last))

    def _repeat_until(self, end: int) -> Iterator[Any]:
        while self._next < end:
            if self._converted is None:
                self._converted = self._convert(self._frame)
            self._converted.pts, self._converted.time_base = self._next, 1 / self._rate
            self._next += 1
            yield self._converted

    def _convert(self, frame: Any) -> Any:
        width, height, name = self._size
        with ffmpeg_errors("its frames cannot be converted"):
            if (frame.width, frame.height, frame.format.name) != self._size:
                frame = self._reformatter.reformat(frame, width, height, name)
            frame.pts, frame.time_base = self._next, 1 / self._rate
            self._graph.push(frame)
            converted = self._graph.pull()
            converted.pict_type = 0  # the encoder chooses key frames itself
        return converted

"""The bounds of segments: tokens, seconds and bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from langchain_mimo._checks import choice, integer, number
from langchain_mimo.catalogue import FPS_RANGE, MEDIA_RESOLUTIONS
from langchain_mimo.media import MediaInfo
from langchain_mimo.tokens import (
    CELL,
    FRAMES_PER_GRID,
    MAX_FRAMES,
    MAX_VIDEO_PIXELS,
    MediaResolution,
    VideoTokens,
    audio_tokens,
    image_tokens,
    video_tokens,
)

Oversize: TypeAlias = Literal["shrink", "split", "raise"]

OVERSIZES = ("shrink", "split", "raise")

SHORTEST_S = 0.1
"""Seconds below which no segment is planned."""

_ROUNDING_S = 2e-6
"""Seconds by which a length may exceed its bound: places are rounded to microseconds."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What every segment has to be within, and how its video will be sampled.

    Attributes:
        budget_tokens: Most tokens.
        max_seconds: Most seconds.
        max_bytes: Most bytes.
        fps: Frames per second that the block will set.
        media_resolution: "default" or "max", likewise.
        oversize: What happens to what exceeds them.
    """

    budget_tokens: int
    max_seconds: float
    max_bytes: int
    fps: float
    media_resolution: MediaResolution
    oversize: Oversize

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ValueError: One is out of range.
        """
        integer("budget_tokens", self.budget_tokens, 1)
        number("max_seconds", self.max_seconds, SHORTEST_S, allow_infinity=True)
        integer("max_bytes", self.max_bytes, 1)
        number("fps", self.fps, *FPS_RANGE)
        choice("media_resolution", self.media_resolution, MEDIA_RESOLUTIONS)
        choice("oversize", self.oversize, OVERSIZES)

    def longest(self, kind: str) -> float:
        """Return the most seconds of a segment: of video, not more than the frames MiMo samples."""
        return min(self.max_seconds, MAX_FRAMES / self.fps) if kind == "video" else self.max_seconds

    def holds(self, seconds: float, kind: str) -> bool:
        """Whether a length is within the bounds."""
        return seconds <= self.longest(kind) + _ROUNDING_S

    def tokens(self, info: MediaInfo, seconds: float, *, has_audio: bool = True) -> int:
        """Return the tokens of a segment of a file, in the size of its frames.

        Args:
            info: The file.
            seconds: Length of the segment.
            has_audio: Whether the segment has audio if the file has.
        """
        width, height = info.width or 1, info.height or 1
        if info.kind == "image":
            return image_tokens(width, height)
        if info.kind == "audio":
            return audio_tokens(seconds)
        mute = not (has_audio and info.has_audio)
        return self._video_tokens(seconds, width, height, mute=mute).total

    def most_tokens(self, info: MediaInfo, seconds: float) -> int:
        """Return a bound of the tokens of a segment that never falls when it gets longer.

        Frames of longer videos are smaller, and rounding may make such a video cheaper.
        """
        if info.kind != "video":
            return self.tokens(info, seconds)
        width, height = info.width or 1, info.height or 1
        mute = not info.has_audio
        one_grid = self._video_tokens(1 / self.fps, width, height, mute=mute).vision
        smallest = self._video_tokens(seconds, 1, 1, mute=mute)
        grids = smallest.frames // FRAMES_PER_GRID
        most = max(MAX_VIDEO_PIXELS // CELL**2, grids)
        return smallest.total - smallest.vision + min(grids * one_grid, most)

    def _video_tokens(self, seconds: float, width: int, height: int, *, mute: bool) -> VideoTokens:
        return video_tokens(
            seconds,
            width,
            height,
            fps=self.fps,
            media_resolution=self.media_resolution,
            mute=mute,
        )

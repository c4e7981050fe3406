"""Fits video and audio into a token budget: sampling settings and segments."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from langchain_mimo._checks import choice, integer, number
from langchain_mimo._media.headers.reader import AVHeader
from langchain_mimo._media.inspection import inspect_source
from langchain_mimo._media.local_files import check_source
from langchain_mimo.catalogue import FPS_RANGE, MEDIA_RESOLUTIONS
from langchain_mimo.errors import MediaError, MiMoInputError, as_input_error
from langchain_mimo.tokens import (
    DEFAULT_FPS,
    MediaResolution,
    VideoTokens,
    audio_tokens,
    video_tokens,
)

_FPS_STEP = 0.1


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """How to send a video.

    Attributes:
        fps: For `video_block(fps=...)`.
        media_resolution: For `video_block(media_resolution=...)`.
        tokens: The tokens at these settings.
        fits: Whether they are within the budget.
        explanation: Why these settings were chosen, in one sentence.
    """

    fps: float
    media_resolution: MediaResolution
    tokens: VideoTokens
    fits: bool
    explanation: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A time range of a video or of audio.

    Attributes:
        start_s: Start in seconds.
        end_s: End in seconds.
        tokens: The tokens of the segment.
    """

    start_s: float
    end_s: float
    tokens: int


def plan_video(
    source: str | os.PathLike[str] | bytes,
    *,
    budget_tokens: int,
    fps: float = DEFAULT_FPS,
    media_resolution: MediaResolution = "max",
) -> VideoPlan:
    """Choose the sampling settings of a video that fit a token budget.

    Tries the requested settings first, then the same fps at "default" resolution, which costs at
    most 300 tokens per pair of frames, then lower fps. Only the file's header is read.

    Args:
        source: Local path or bytes of a video.
        budget_tokens: Maximum tokens that the video may add to the prompt.
        fps: Preferred frames per second, 0.1 to 10. Default: 2, MiMo's own.
        media_resolution: Preferred resolution, "default" or "max". Default: "max".

    Returns:
        The first settings that fit. If none fit, the cheapest, with `fits` False and a suggestion
        in `explanation`.

    Raises:
        MediaError: The source is not a local file or bytes, cannot be opened, is not a video that
            MiMo accepts, or its header does not state duration and size.
        MiMoInputError: `budget_tokens`, `fps` or `media_resolution` is out of range.
    """
    source = check_source("plan_video", source)
    with as_input_error():
        number("budget_tokens", budget_tokens, 1)
        number("fps", fps, *FPS_RANGE)
        choice("media_resolution", media_resolution, MEDIA_RESOLUTIONS)
    header = inspect_source("video", source).header
    if not isinstance(header, AVHeader) or not (header.duration and header.width and header.height):
        name = "the video" if isinstance(source, bytes) else repr(str(Path(source).absolute()))
        raise MediaError(
            f"the header of {name} does not state its duration and size; re-encode it with "
            "langchain_mimo.prepare.prepare_video"
        )
    duration, size, mute = header.duration, (header.width, header.height), not header.has_audio

    def cost(fps: float, resolution: MediaResolution) -> VideoTokens:
        return video_tokens(duration, *size, fps=fps, media_resolution=resolution, mute=mute)

    candidates = _candidates(fps, media_resolution)
    chosen = next((c for c in candidates if cost(*c).total <= budget_tokens), candidates[-1])
    tokens = cost(*chosen)
    fits = tokens.total <= budget_tokens
    explanation = (
        f'{duration:.1f} s at {chosen[0]:g} fps and "{chosen[1]}" cost {tokens.total} tokens'
    )
    if not fits:
        explanation += (
            f", more than the budget of {budget_tokens}; cut it with plan_segments and "
            "prepare_video, or shrink it with prepare_video."
        )
    elif chosen == (fps, media_resolution):
        explanation += f", within the budget of {budget_tokens}, as requested."
    else:
        explanation += (
            f', within the budget of {budget_tokens}; {fps:g} fps and "{media_resolution}" would '
            f"cost {cost(fps, media_resolution).total}."
        )
    return VideoPlan(*chosen, tokens, fits, explanation)


def _candidates(
    fps: float, media_resolution: MediaResolution
) -> list[tuple[float, MediaResolution]]:
    """Return the settings to try, best first."""
    steps = round((fps - FPS_RANGE[0]) / _FPS_STEP)
    lower_rates = [round(FPS_RANGE[0] + _FPS_STEP * step, 1) for step in range(steps, -1, -1)]
    return [
        (fps, media_resolution),
        (fps, "default"),
        *((rate, "default") for rate in lower_rates if rate < fps),
    ]


def plan_segments(
    duration: float,
    *,
    budget_tokens: int,
    kind: Literal["video", "audio"] = "video",
    width: int = 1920,
    height: int = 1080,
    fps: float = DEFAULT_FPS,
    media_resolution: MediaResolution = "default",
    mute: bool = False,
    overlap: float = 0.0,
    max_seconds: float = math.inf,
) -> list[Segment]:
    """Split a duration into the fewest equal segments that fit a token budget each.

    Args:
        duration: Total seconds, above 0.
        budget_tokens: Maximum tokens per segment.
        kind: "video" or "audio".
        width: Width of the video frames in pixels.
        height: Height of the video frames in pixels.
        fps: Frames per second that will be sampled, 0.1 to 10. Default: 2, MiMo's own.
        media_resolution: "default" or "max".
        mute: Whether the video has no audio.
        overlap: Seconds that adjacent segments share, so that nothing is lost at a boundary.
        max_seconds: Maximum duration of a segment.

    Returns:
        The segments in order, without gaps: the first starts at 0, the last ends at `duration`.

    Raises:
        MiMoInputError: An argument is not a number or is out of range, or even the shortest
            segment that the overlap allows exceeds the budget.
    """
    with as_input_error():
        number("budget_tokens", budget_tokens, 1)
        number("overlap", overlap, 0)
        number("max_seconds", max_seconds, 0, allow_infinity=True)
        number("fps", fps, *FPS_RANGE)
        choice("kind", kind, ("video", "audio"))
        choice("media_resolution", media_resolution, MEDIA_RESOLUTIONS)
        width, height = integer("width", width, 1), integer("height", height, 1)
        number("duration", duration, 0)
    if duration == 0:
        raise MiMoInputError("duration must be above 0, got 0")

    def cost(seconds: float) -> int:
        if kind == "audio":
            return audio_tokens(seconds)
        return video_tokens(
            seconds, width, height, fps=fps, media_resolution=media_resolution, mute=mute
        ).total

    count = _min_count(duration, overlap, lambda s: s <= max_seconds and cost(s) <= budget_tokens)
    if count is None:
        raise MiMoInputError(
            f"budget_tokens={budget_tokens} and max_seconds={max_seconds:g} allow no {kind} "
            f"segment with overlap={overlap:g}; raise them, or lower overlap or fps"
        )
    segments = _equal_segments(duration, overlap, count, cost)
    if any(segment.tokens > budget_tokens for segment in segments):  # rounding at the limit
        segments = _equal_segments(duration, overlap, count + 1, cost)
    return segments


def _min_count(duration: float, overlap: float, fits: Callable[[float], bool]) -> int | None:
    """Return the smallest number of equal segments that fit, or None.

    Costs grow with the duration, except for rounding. Doubling and then bisecting therefore finds a
    count that fits while one less does not.
    """
    shortest = max(overlap * 1.01, 0.1)
    max_count = (
        max(1, int((duration - overlap) / (shortest - overlap))) if duration > overlap else 1
    )
    low, high = 0, 1
    while not fits((duration + (high - 1) * overlap) / high):
        if high >= max_count:
            return None
        low, high = high, min(high * 2, max_count)
    while high - low > 1:
        middle = (low + high) // 2
        if fits((duration + (middle - 1) * overlap) / middle):
            high = middle
        else:
            low = middle
    return high


def _equal_segments(
    duration: float, overlap: float, count: int, cost: Callable[[float], int]
) -> list[Segment]:
    length = (duration + (count - 1) * overlap) / count
    starts = [index * (length - overlap) for index in range(count)]
    ends = [*(start + length for start in starts[:-1]), duration]
    return [Segment(a, b, cost(b - a)) for a, b in zip(starts, ends, strict=True)]

"""Fitting videos and sounds into a budget of tokens: how finely to look, and where to cut."""

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
        tokens: What it then costs.
        fits: Whether that is within the budget.
        explanation: Why it is this and not more, in a sentence or two.
    """

    fps: float
    media_resolution: MediaResolution
    tokens: VideoTokens
    fits: bool
    explanation: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a video or a sound.

    Attributes:
        start: Seconds from the beginning.
        end: Seconds from the beginning.
        tokens: What the piece costs.
    """

    start: float
    end: float
    tokens: int


def plan_video(
    source: str | os.PathLike[str] | bytes,
    *,
    budget_tokens: int,
    fps: float = DEFAULT_FPS,
    media_resolution: MediaResolution = "max",
) -> VideoPlan:
    """Choose how finely MiMo is to look at a video, within a budget.

    The wish comes first; then the same pace with "default" resolution, which costs at most 300
    tokens a pair of frames; then fewer and fewer frames. Only the file's header is read.

    Args:
        source: A local path, which is opened, or the bytes of a video.
        budget_tokens: Tokens the video may add to the prompt.
        fps: The pace wished for, 0.1 to 10 frames per second. Default: MiMo's own, 2.
        media_resolution: The resolution wished for. Default: "max".

    Returns:
        The first that fits; if none does, the cheapest, with `fits` false and a way out.

    Raises:
        MediaError: The source is no local file and no bytes, cannot be opened, is no video MiMo
            takes, or does not state its length and size.
        MiMoInputError: `budget_tokens`, `fps` or `media_resolution` is out of range.
    """
    source = check_source("plan_video", source)
    with as_input_error():
        number("budget_tokens", budget_tokens, 1)
        number("fps", fps, *FPS_RANGE)
        choice("media_resolution", media_resolution, MEDIA_RESOLUTIONS)
    header = inspect_source("video", source).header
    if not isinstance(header, AVHeader) or not (
        header.duration and header.width and header.height
    ):
        name = "given" if isinstance(source, bytes) else repr(str(Path(source).absolute()))
        raise MediaError(
            f"the header of the video {name} does not state its length and size; write it anew "
            "with langchain_mimo.prepare.prepare_video."
        )
    duration, size, mute = header.duration, (header.width, header.height), not header.has_audio

    def cost(pace: float, resolution: MediaResolution) -> VideoTokens:
        return video_tokens(duration, *size, fps=pace, media_resolution=resolution, mute=mute)

    candidates = _candidates(fps, media_resolution)
    pace, resolution = next(
        (c for c in candidates if cost(*c).total <= budget_tokens), candidates[-1]
    )
    tokens = cost(pace, resolution)
    fits = tokens.total <= budget_tokens
    wished = cost(fps, media_resolution)
    explanation = f'{duration:.1f} s at {pace:g} fps and "{resolution}" cost {tokens.total} tokens'
    if not fits:
        explanation += (
            f", more than {budget_tokens}; cut it with plan_segments and prepare_video, or make it "
            "smaller with prepare_video."
        )
    elif (pace, resolution) == (fps, media_resolution):
        explanation += f", within {budget_tokens}, as wished."
    else:
        explanation += (
            f', within {budget_tokens}; {fps:g} fps and "{media_resolution}" would cost '
            f"{wished.total}."
        )
    return VideoPlan(pace, resolution, tokens, fits, explanation)


def _candidates(
    fps: float, media_resolution: MediaResolution
) -> list[tuple[float, MediaResolution]]:
    """Return what is tried, the best first."""
    steps = round((fps - FPS_RANGE[0]) / _FPS_STEP)
    slower = [round(FPS_RANGE[0] + _FPS_STEP * step, 1) for step in range(steps, -1, -1)]
    wish: list[tuple[float, MediaResolution]] = [(fps, media_resolution), (fps, "default")]
    return wish + [(pace, "default") for pace in slower if pace < fps]


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
    """Cut a length into as few equal pieces as a budget per piece allows.

    Args:
        duration: Seconds of the whole, above 0.
        budget_tokens: Tokens a piece may cost at most.
        kind: "video" or "audio".
        width: Pixels of the video's picture.
        height: Pixels of the video's picture.
        fps: Frames per second that will be sampled, 0.1 to 10.
        media_resolution: "default" or "max".
        mute: Whether the video has no sound.
        overlap: Seconds that neighbouring pieces share, so that nothing is lost on a seam.
        max_seconds: Length of a piece at most.

    Returns:
        The pieces in order, without a gap: the first begins at 0, the last ends at `duration`.

    Raises:
        MiMoInputError: A number is impossible, or not even a piece as short as the overlap allows
            is within the budget.
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
        raise MiMoInputError("duration is 0: there is nothing to split.")

    def cost(seconds: float) -> int:
        if kind == "audio":
            return audio_tokens(seconds)
        return video_tokens(
            seconds, width, height, fps=fps, media_resolution=media_resolution, mute=mute
        ).total

    count = _fewest(duration, overlap, lambda s: s <= max_seconds and cost(s) <= budget_tokens)
    if count is None:
        raise MiMoInputError(
            f"{budget_tokens} tokens and {max_seconds:g} s are too little for any piece of this "
            f"{kind} with an overlap of {overlap:g} s; allow more, or sample fewer frames."
        )
    pieces = _equal_pieces(duration, overlap, count, cost)
    if any(piece.tokens > budget_tokens for piece in pieces):  # rounding, at the very edge
        pieces = _equal_pieces(duration, overlap, count + 1, cost)
    return pieces


def _fewest(duration: float, overlap: float, fits: Callable[[float], bool]) -> int | None:
    """Return the least number of equal pieces that fit, or None.

    Costs grow with the length but for rounding, so a search by doubling and halving finds a number
    that fits, and the step before it does not.
    """
    shortest = max(overlap * 1.01, 0.1)
    most = max(1, int((duration - overlap) / (shortest - overlap))) if duration > overlap else 1
    low, high = 0, 1
    while not fits((duration + (high - 1) * overlap) / high):
        if high >= most:
            return None
        low, high = high, min(high * 2, most)
    while high - low > 1:
        middle = (low + high) // 2
        if fits((duration + (middle - 1) * overlap) / middle):
            high = middle
        else:
            low = middle
    return high


def _equal_pieces(
    duration: float, overlap: float, count: int, cost: Callable[[float], int]
) -> list[Segment]:
    length = (duration + (count - 1) * overlap) / count
    starts = [index * (length - overlap) for index in range(count)]
    ends = [*(start + length for start in starts[:-1]), duration]
    return [Segment(a, b, cost(b - a)) for a, b in zip(starts, ends, strict=True)]

"""Fits video and audio into a token budget: sampling settings and segments."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypedDict

from langchain_mimo._checks import choice, integer, known_keywords, number
from langchain_mimo._media.media_info import MediaInfo
from langchain_mimo.catalogue import FPS_RANGE, MEDIA_RESOLUTIONS
from langchain_mimo.cost.files import MeasuredFile, Source, measure
from langchain_mimo.cost.plan_texts import (
    LEAST_SEGMENT_S,
    frame_limit,
    most_seconds,
    no_segments,
    over_budget,
)
from langchain_mimo.cost.segments import MediaSegment
from langchain_mimo.errors import MiMoInputError, as_input_error
from langchain_mimo.tokens import (
    DEFAULT_FPS,
    MediaResolution,
    VideoTokens,
    audio_tokens,
    video_tokens,
)

Kind: TypeAlias = Literal["video", "audio"]

_FPS_STEP = 0.1

_BUDGET = dict.fromkeys(("budget", "max_tokens", "token_budget"), "did you mean 'budget_tokens'?")
"""What the budget is called elsewhere; `prepare_video` takes `token_budget`."""


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """How to send a video.

    Attributes:
        fps: For `video_block(fps=...)`.
        media_resolution: For `video_block(media_resolution=...)`.
        tokens: The tokens at these settings, of the file as it is or as it will be prepared.
        fits: Whether they are within the budget and the file fits into one block.
        explanation: Why these settings were chosen, and what has to be done first.
        preparation: The call that makes the file acceptable; None if MiMo takes it as it is, and
            where only cutting helps.
    """

    fps: float
    media_resolution: MediaResolution
    tokens: VideoTokens
    fits: bool
    explanation: str
    preparation: str | None = None


@known_keywords(MiMoInputError, _BUDGET.get)
def plan_video(
    source: Source,
    *,
    budget_tokens: int,
    fps: float = DEFAULT_FPS,
    media_resolution: MediaResolution = "max",
) -> VideoPlan:
    """Choose the sampling settings of a video that fit a token budget.

    Tries the requested settings first, then the same fps at "default" resolution, which costs at
    most 300 tokens per pair of frames, then lower fps. Any video that `prepare_video` reads can be
    planned, of any size and format; only its headers are read.

    Args:
        source: Local path or bytes of a video, or the `MediaInfo` that `media.probe` returned.
        budget_tokens: Maximum tokens that the video may add to the prompt.
        fps: Preferred frames per second, 0.1 to 10. Default: 2, MiMo's own.
        media_resolution: Preferred resolution, "default" or "max". Default: "max".

    Returns:
        The first settings that fit. If none fit, the cheapest, with `fits` False and a suggestion
        in `explanation`, which also says where MiMo's limit of 2,048 frames leaves some out. Where
        the headers give a range of durations, the longest counts.

    Raises:
        MediaError: The source is not a local file, bytes or a `MediaInfo`, cannot be measured, is
            not a video, can neither be sent nor prepared, or does not state duration and size.
        MiMoInputError: `budget_tokens`, `fps` or `media_resolution` is out of range.
    """
    with as_input_error():
        number("budget_tokens", budget_tokens, 1)
        fps = number("fps", fps, *FPS_RANGE)
        choice("media_resolution", media_resolution, MEDIA_RESOLUTIONS)
    file = measure("plan_video", source, "video")
    seconds = file.planned_seconds()

    def cost(fps: float, resolution: MediaResolution) -> int:
        return _video_tokens(file, seconds, fps, resolution).total

    candidates = _candidates(fps, media_resolution)
    chosen = next((c for c in candidates if cost(*c) <= budget_tokens), candidates[-1])
    tokens = _video_tokens(file, seconds, *chosen)
    fits = tokens.total <= budget_tokens
    length = f"{seconds:.1f} s" if file.info.duration_s else f"At most {seconds:.1f} s"
    explanation = f'{length} at {chosen[0]:g} fps and "{chosen[1]}" cost {tokens.total} tokens, '
    sampling: _Sampling = {"fps": chosen[0], "media_resolution": chosen[1]}
    if fits:
        explanation += f"within the budget of {budget_tokens}"
        if chosen != (fps, media_resolution):
            explanation += (
                f'; {fps:g} fps and "{media_resolution}" would cost {cost(fps, media_resolution)}'
            )
        limit, advice = frame_limit(seconds, chosen[0]), file.advice(**sampling)
        explanation = ". ".join(filter(None, (explanation, limit))) + "."
        explanation += f" {advice}" if advice else ""
    else:
        explanation += over_budget(
            lambda s, width, height: video_tokens(
                s, width, height, **sampling, mute=not file.info.has_audio
            ),
            seconds,
            (file.info.width or 1, file.info.height or 1),
            budget_tokens,
            fits_a_block=not file.is_too_long,
        )
    fits = fits and not file.is_too_long
    return VideoPlan(*chosen, tokens, fits, explanation, file.preparation(**sampling))


def _video_tokens(
    file: MeasuredFile, seconds: float, fps: float, resolution: MediaResolution
) -> VideoTokens:
    info = file.info
    return video_tokens(
        seconds,
        info.width or 1,
        info.height or 1,
        fps=fps,
        media_resolution=resolution,
        mute=not info.has_audio,
    )


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


@known_keywords(MiMoInputError, _BUDGET.get)
def plan_segments(
    source: Source | float,
    *,
    budget_tokens: int,
    kind: Kind | None = None,
    width: int | None = None,
    height: int | None = None,
    fps: float = DEFAULT_FPS,
    media_resolution: MediaResolution = "default",
    mute: bool | None = None,
    overlap: float = 0.0,
    max_seconds: float = math.inf,
) -> list[MediaSegment]:
    """Split a video or audio file, or a duration, into the fewest equal segments within a budget.

    Any file that `prepare_video` or `prepare_audio` reads can be planned, of any size and format;
    only its headers are read. `prepare_video(source, start_s=…, end_s=…, fps=…,
    media_resolution=…)` cuts a segment, which then costs the tokens planned: those of a copy may
    differ by what a frame or an audio packet lasts.

    Args:
        source: Local path or bytes of a file, the `MediaInfo` that `media.probe` returned, or a
            number of seconds above 0.
        budget_tokens: Maximum tokens per segment.
        kind: "video", or "audio" for the audio alone, also that of a video. Default: what the file
            is; "video" for a number of seconds.
        width: Width of the video frames in pixels, with a number of seconds. Default: 1920.
        height: Height of the video frames, likewise. Default: 1080.
        fps: Frames per second that will be sampled, 0.1 to 10. Default: 2, MiMo's own.
        media_resolution: "default" or "max".
        mute: Whether the video has no audio, with a number of seconds. Default: it has.
        overlap: Seconds that adjacent segments share, so that nothing is lost at a boundary.
        max_seconds: Maximum duration of a segment. Segments of video are not longer than 2,048
            frames at `fps`, the most that MiMo looks at (17 minutes at 2 fps), and those of a file
            not longer than what fits into a block when it is encoded: about 2.3 hours of video
            with audio.

    Returns:
        The segments in order, without gaps: the first starts at 0, the last ends at the end.

    Raises:
        MediaError: The source cannot be measured, is not of that kind, can neither be sent nor
            prepared, or does not state its duration.
        MiMoInputError: An argument is not a number or is out of range, width, height or mute are
            given with a file, or even the shortest segment that the overlap allows exceeds the
            budget.
    """
    with as_input_error():
        number("budget_tokens", budget_tokens, 1)
        overlap = number("overlap", overlap, 0)
        max_seconds = number("max_seconds", max_seconds, 0, allow_infinity=True)
        fps = number("fps", fps, *FPS_RANGE)
        if kind is not None:
            choice("kind", kind, ("video", "audio"))
        choice("media_resolution", media_resolution, MEDIA_RESOLUTIONS)
    whole = _whole(source, kind, (width, height), mute)
    sampling: _Sampling = {"fps": fps, "media_resolution": media_resolution}

    def cost(seconds: float) -> int:
        return whole.tokens(seconds, sampling)

    longest = whole.longest(max_seconds, fps)
    segments = _fewest_segments(whole.seconds, overlap, longest[0], budget_tokens, cost)
    if segments is None:
        raise MiMoInputError(
            no_segments(
                lambda s, fps, media_resolution: whole.tokens(
                    s, {"fps": fps, "media_resolution": media_resolution}
                ),
                shortest=_equal_length(
                    whole.seconds, overlap, _most_segments(whole.seconds, overlap)
                ),
                overlap=overlap,
                budget=budget_tokens,
                longest=longest,
                sampling=(fps, media_resolution),
            )
        )
    return [replace(each, preparation=whole.cut(each, sampling)) for each in segments]


class _Sampling(TypedDict):
    fps: float
    media_resolution: MediaResolution


@dataclass(frozen=True, slots=True)
class _Whole:
    """What is split into segments: a file, or a number of seconds."""

    file: MeasuredFile | None
    kind: Kind
    seconds: float
    size: tuple[int, int]
    mute: bool

    def tokens(self, seconds: float, sampling: _Sampling) -> int:
        """Return the tokens of a segment of so many seconds."""
        if self.kind == "audio":
            return audio_tokens(seconds)
        return video_tokens(seconds, *self.size, **sampling, mute=self.mute).total

    def longest(self, max_seconds: float, fps: float) -> tuple[float, str]:
        """Return the seconds that a segment may have, and what limits them."""
        limits = [(max_seconds, f"max_seconds={max_seconds:g}")]
        if self.kind == "video":
            seconds = most_seconds(fps)
            limits.append((seconds, f"what MiMo samples at {fps:g} fps ({seconds:.4g} s)"))
        if self.file is not None:
            seconds = self.file.longest_s
            limits.append((seconds, f"what fits into a block ({seconds:.4g} s)"))
        return min(limits, key=lambda limit: limit[0])

    def cut(self, segment: MediaSegment, sampling: _Sampling) -> str | None:
        """Return the call that cuts a segment; None where nothing has to be done."""
        file, options = self.file, dict(sampling) if self.kind == "video" else {}
        if file is None:
            return None
        if (segment.start_s, segment.end_s) == (0, self.seconds):
            return file.preparation(**options)
        return file.call(start_s=segment.start_s, end_s=segment.end_s, **options)


def _whole(
    source: Source | float,
    kind: Kind | None,
    size: tuple[int | None, int | None],
    mute: bool | None,
) -> _Whole:
    """Measure what is to be split.

    Raises:
        MediaError: The file cannot be planned as this kind.
        MiMoInputError: It is no file and no number above 0, or it is a file and its size is given.
    """
    if isinstance(source, str | bytes | bytearray | memoryview | os.PathLike | MediaInfo):
        if (*size, mute) != (None, None, None):
            raise MiMoInputError("width, height and mute are read from the file; leave them out")
        file = measure("plan_segments", source, kind)
        info, seconds = file.info, file.planned_seconds()
        found: Kind = "video" if file.kind == "video" else "audio"
        return _Whole(file, found, seconds, (info.width or 1, info.height or 1), not info.has_audio)
    with as_input_error():
        seconds = number("the duration", source, 0)
        width = integer("width", 1920 if size[0] is None else size[0], 1)
        height = integer("height", 1080 if size[1] is None else size[1], 1)
    if seconds == 0:
        raise MiMoInputError("the duration must be above 0, got 0")
    return _Whole(None, kind or "video", seconds, (width, height), bool(mute))


def _fewest_segments(
    duration: float,
    overlap: float,
    max_seconds: float,
    budget_tokens: int,
    cost: Callable[[float], int],
) -> list[MediaSegment] | None:
    """Return the fewest equal segments within the limits, or None if there are none."""
    count = _min_count(duration, overlap, lambda s: s <= max_seconds and cost(s) <= budget_tokens)
    if count is None:
        return None
    segments = _equal_segments(duration, overlap, count, cost)
    if any(segment.tokens > budget_tokens for segment in segments):  # rounding at the limit
        segments = _equal_segments(duration, overlap, count + 1, cost)
    return segments


def _min_count(duration: float, overlap: float, fits: Callable[[float], bool]) -> int | None:
    """Return the smallest number of equal segments that fit, or None.

    Costs grow with the duration, except for rounding. Doubling and then bisecting therefore finds a
    count that fits while one less does not.
    """
    max_count = _most_segments(duration, overlap)
    low, high = 0, 1
    while not fits(_equal_length(duration, overlap, high)):
        if high >= max_count:
            return None
        low, high = high, min(high * 2, max_count)
    while high - low > 1:
        middle = (low + high) // 2
        if fits(_equal_length(duration, overlap, middle)):
            high = middle
        else:
            low = middle
    return high


def _most_segments(duration: float, overlap: float) -> int:
    """Return the largest number of segments that are neither too short nor mostly overlap."""
    shortest = max(overlap * 1.01, LEAST_SEGMENT_S)
    return max(1, int((duration - overlap) / (shortest - overlap))) if duration > overlap else 1


def _equal_length(duration: float, overlap: float, count: int) -> float:
    return (duration + (count - 1) * overlap) / count


def _equal_segments(
    duration: float, overlap: float, count: int, cost: Callable[[float], int]
) -> list[MediaSegment]:
    length = _equal_length(duration, overlap, count)
    starts = [index * (length - overlap) for index in range(count)]
    ends = [*(start + length for start in starts[:-1]), duration]
    return [MediaSegment(a, b, cost(b - a)) for a, b in zip(starts, ends, strict=True)]

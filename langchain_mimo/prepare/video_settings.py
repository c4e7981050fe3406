"""Chooses how prepare_video encodes: pixels, frames and bits per second.

Pure arithmetic. MiMo looks at a number of frames that depends on `fps`, brings each to a size that
depends on `media_resolution` and the number of frames, and charges for what is left. Unless the
quality of the source is asked for, a result has these frames in this size and no more: it costs the
same tokens and says the same, in a fraction of the bytes and of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from langchain_mimo._media.limits import LOWEST_TRACK_BIT_RATE
from langchain_mimo.errors import MediaError
from langchain_mimo.tokens import (
    CELL,
    MediaResolution,
    VideoTokens,
    sampled_frame_size,
    video_tokens,
)

MAX_FRAME_RATE = Fraction(30)
"""Highest frame rate of an encoded video, in frames per second."""

LOW_FRAME_RATE = Fraction(10)
"""Frame rate when bytes are scarce: MiMo samples at most 10 frames per second."""

MAX_ENCODED_FRAMES = 100_000
"""Frames that a result has at most; a longer segment gets a lower frame rate. MiMo samples 2,048
frames of a video, and FFmpeg writes what stands still again for each frame."""

_MIN_FRAME_RATE = Fraction(1, 1000)
_MAX_TIME_SCALE = 30_000
"""Highest denominator of a frame's length in seconds: the time scale of MP4 is of this order."""

_AUDIO_BIT_RATE = 96_000
_GOOD_BITS_PER_PIXEL = 0.06
_MIN_BITS_PER_PIXEL = 0.03
_MIN_FRAME_SIDE = CELL
"""Pixels. Shrinking a side below the edge of one token saves no tokens."""


@dataclass(frozen=True, slots=True)
class EncodingSettings:
    """How a result is encoded; rates are per second.

    Attributes:
        aspect_ratio: Width of a pixel over its height, as players show it.
    """

    width: int
    height: int
    frame_rate: Fraction
    video_bit_rate: int
    audio_bit_rate: int
    aspect_ratio: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class VideoSource:
    """What is to be encoded.

    Attributes:
        width: Pixels as coded, upright.
        height: As `width`.
        seconds: Length of the segment.
        frame_rate: Frames per second where they are densest; None if unknown.
        has_audio: Whether it has an audio track.
        aspect_ratio: Width of a pixel over its height, upright.
    """

    width: int
    height: int
    seconds: float
    frame_rate: Fraction | None
    has_audio: bool
    aspect_ratio: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Target:
    """What is wanted: the token budget, and how MiMo will sample the result.

    Attributes:
        token_budget: Most tokens, or None.
        fps: Frames per second that the request will ask for.
        media_resolution: The resolution that it will ask for.
        keep_quality: Whether the pixels and frames that MiMo does not look at are kept too.
    """

    token_budget: int | None
    fps: float
    media_resolution: MediaResolution
    keep_quality: bool

    def tokens(self, seconds: float, width: int, height: int, *, mute: bool) -> VideoTokens:
        """Return the tokens of a video."""
        return video_tokens(
            seconds, width, height, fps=self.fps, media_resolution=self.media_resolution, mute=mute
        )


def choose_settings(
    source: VideoSource, target: Target, budget_seconds: float, max_bytes: int, share: float
) -> EncodingSettings:
    """Choose size, frame rate and bit rates.

    Args:
        source: What is to be encoded.
        target: What is wanted.
        budget_seconds: Length for which `token_budget` has to be enough: that of the segment, or of
            a result that turned out a little longer.
        max_bytes: Bytes that the result may have.
        share: The share of them for the streams themselves.

    Raises:
        MediaError: No size fits into the token budget or the bits.
    """
    width, height = _size_within_budget(source, target, budget_seconds)
    frame_rate = _frame_rate(source, target)
    bit_rate = int(max_bytes * 8 * share / source.seconds)
    good = _GOOD_BITS_PER_PIXEL * width * height * frame_rate
    is_plenty = bit_rate > min(8 * _AUDIO_BIT_RATE, good + _AUDIO_BIT_RATE)
    audio_bit_rate = _AUDIO_BIT_RATE if is_plenty else LOWEST_TRACK_BIT_RATE
    video_bit_rate = bit_rate - (audio_bit_rate if source.has_audio else 0)
    if video_bit_rate < good:
        frame_rate = min(frame_rate, LOW_FRAME_RATE)
    while video_bit_rate < _MIN_BITS_PER_PIXEL * width * height * frame_rate:
        width, height = _even(width * 0.9), _even(height * 0.9)
        if min(width, height) <= _MIN_FRAME_SIDE:
            raise MediaError(
                f"{source.seconds:.0f} s do not fit in {max_bytes:,} bytes; "
                "cut it with start_s and end_s"
            )
    shape = source.aspect_ratio * Fraction(source.width * height, source.height * width)
    aspect_ratio = shape.limit_denominator(1000)
    return EncodingSettings(width, height, frame_rate, video_bit_rate, audio_bit_rate, aspect_ratio)


def _frame_rate(source: VideoSource, target: Target) -> Fraction:
    """Return the frame rate of the source, or the lower one that is enough."""
    own = min(source.frame_rate or LOW_FRAME_RATE, MAX_FRAME_RATE)
    if target.keep_quality:
        affordable = Fraction(MAX_ENCODED_FRAMES / source.seconds).limit_denominator(1001)
        return min(own, max(affordable, _MIN_FRAME_RATE))
    # As many frames as MiMo samples, evenly spread: together they last exactly as long.
    frames = target.tokens(source.seconds, source.width, source.height, mute=True).frames
    interval = Fraction(source.seconds / frames).limit_denominator(_MAX_TIME_SCALE)
    return min(own, 1 / interval) if interval else own


def _size_within_budget(
    source: VideoSource, target: Target, budget_seconds: float
) -> tuple[int, int]:
    """Return the size to encode in: that of the source, or the smaller one that is enough."""
    seconds, mute = budget_seconds, not source.has_audio
    width, height = _even(source.width), _even(source.height)
    if not target.keep_quality:
        width, height = _size_looked_at(source, target)
    if target.token_budget is None:
        return width, height
    while True:
        tokens = target.tokens(seconds, width, height, mute=mute)
        if tokens.total <= target.token_budget:
            return width, height
        if min(width, height) <= _MIN_FRAME_SIDE:
            raise MediaError(
                f"{seconds:.1f} s cost {tokens.total} tokens even at {width} x {height} pixels, "
                f"more than token_budget={target.token_budget}; lower fps, or cut it with "
                "start_s and end_s"
            )
        width, height = _even(width * 0.95), _even(height * 0.95)


def _size_looked_at(source: VideoSource, target: Target) -> tuple[int, int]:
    """Return the size in which MiMo looks at a frame, or that of the source if that is smaller.

    The result costs the tokens of the source. A size in between would not do: MiMo rounds it again.
    """
    width, height, seconds = source.width, source.height, source.seconds
    grid = sampled_frame_size(
        seconds, width, height, fps=target.fps, media_resolution=target.media_resolution
    )
    if grid[0] < round(width / CELL) * CELL or grid[1] < round(height / CELL) * CELL:
        return grid
    tokens = target.tokens(seconds, width, height, mute=True)
    for even in product(_evens(width), _evens(height)):
        if target.tokens(seconds, *even, mute=True) == tokens:
            return even
    return grid


def _evens(side: int) -> Iterator[int]:
    """Yield the even sides next to a side."""
    yield _even(side)
    if side % 2:
        yield side + 1


def _even(side: float) -> int:
    """Round down to an even number of pixels, at least 2, as yuv420p requires."""
    return max(2, int(side) // 2 * 2)

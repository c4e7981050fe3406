"""Foretells what the prepare functions make of a segment, and how long that takes.

Pure arithmetic: the settings are those that `prepare_video` and `prepare_audio` choose themselves,
from the same facts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from langchain_mimo._media import limits
from langchain_mimo._media.cutting.verification import MAX_PIXELS_DECODED
from langchain_mimo._media.media_info import MediaInfo
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare.image_sides import accepted_size
from langchain_mimo.prepare.video_settings import Target, VideoSource, choose_settings
from langchain_mimo.tokens import (
    MediaResolution,
    audio_tokens,
    image_tokens,
    sampled_frame_size,
)

DECODED_PIXELS = 400_000_000
"""Pixels of video decoded per second of one core: H.264 at 8 Mbit/s in 1920 x 1080 (391 million
measured; calm H.264 1,150, HEVC 540)."""

ENCODED_PIXELS = 35_000_000
"""Pixels of video scaled, encoded and checked per second of one core (35 million measured for
1920 x 1080 of strong motion)."""

AUDIO_SECONDS = 25.0
"""Seconds of audio encoded and checked per second of one core (27 measured, for noise as MP3)."""

IMAGE_PIXELS = 14_000_000
"""Pixels of an image converted and checked per second of one core (14 million measured, for a TIFF
of 12 million). All four were measured as processor time on one machine on 26 November 2026."""

_RAW_BYTES_PER_PIXEL = 1.6
"""Bytes per pixel (8-bit 4:2:0) that H.264 does not exceed: it then stores pixels as they are."""


_SMALLEST_VIDEO, _SMALLEST_AUDIO_OF_VIDEO = 2_000, 2_000
"""Bytes of an MP4 around what is encoded, of a video and for its audio: the smallest one of 0.18 s
has 1,698 bytes, and 3,557 with audio (measured with FFmpeg 8)."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a prepared segment will be.

    Attributes:
        tokens: Its tokens.
        size: The most bytes that it has.
        computing_s: Seconds of computing on one core, without decoding a video; within a factor of
            about 3, which codec, contents and machine decide.
        is_shrunk: Whether its frames are smaller than those that MiMo would look at.
    """

    tokens: int
    size: int
    computing_s: float
    is_shrunk: bool = False


def forecast_video(
    info: MediaInfo,
    seconds: float,
    *,
    token_budget: int,
    max_bytes: int,
    fps: float,
    media_resolution: MediaResolution,
) -> Forecast | None:
    """Foretell what `prepare_video` encodes a segment to.

    Args:
        info: The source; its width and height are known.
        seconds: Length of the segment.
        token_budget: As for `prepare_video`.
        max_bytes: Likewise.
        fps: Likewise.
        media_resolution: Likewise.

    Returns:
        The forecast; None if no size of its frames fits into the budget and the bytes.
    """
    width, height = info.width or 1, info.height or 1
    if (info.rotation or 0) % 180:
        width, height = height, width
    rate = Fraction(info.frame_rate).limit_denominator(1001) if info.frame_rate else None
    source = VideoSource(width, height, seconds, rate, info.has_audio)
    target = Target(token_budget, fps, media_resolution, keep_quality=False)
    around = _SMALLEST_VIDEO + (_SMALLEST_AUDIO_OF_VIDEO if info.has_audio else 0)
    try:
        choose_settings(source, target, seconds, max(1, max_bytes - around), limits.PAYLOAD_SHARE)
        chosen = choose_settings(source, target, seconds, max_bytes, limits.PAYLOAD_SHARE)
    except MediaError:
        return None
    pixels = chosen.width * chosen.height
    frames = max(1, math.ceil(seconds * chosen.frame_rate - Fraction(1, 1000)))
    tokens = target.tokens(seconds, chosen.width, chosen.height, mute=not info.has_audio)
    audio_s = seconds if info.has_audio else 0.0
    most = (frames * pixels * _RAW_BYTES_PER_PIXEL + audio_s * chosen.audio_bit_rate / 8) * 1.1
    computing = frames * pixels / ENCODED_PIXELS + audio_s / AUDIO_SECONDS
    whole = sampled_frame_size(seconds, width, height, fps=fps, media_resolution=media_resolution)
    is_shrunk = pixels < min(width // 2 * 2 * (height // 2 * 2), whole[0] * whole[1])
    return Forecast(tokens.total, min(max_bytes, int(most) + 20_000), computing, is_shrunk)


def decoding_seconds(info: MediaInfo, seconds: float) -> float:
    """Return the seconds of computing that so many seconds of a video take to decode."""
    pixels = (info.width or 1) * (info.height or 1)
    return seconds * (info.frame_rate or 30) * pixels / DECODED_PIXELS


def copying_seconds(info: MediaInfo, seconds: float) -> float:
    """Return the seconds of computing after which a copy of so many seconds is checked."""
    return min(decoding_seconds(info, seconds), MAX_PIXELS_DECODED / DECODED_PIXELS)


def forecast_audio(seconds: float, max_bytes: int) -> Forecast | None:
    """Foretell what `prepare_audio` makes of a segment; None if it does not fit into the bytes."""
    if max_bytes * 8 * limits.PAYLOAD_SHARE < seconds * limits.LOWEST_AUDIO_BIT_RATE:
        return None
    return Forecast(audio_tokens(seconds), max_bytes, seconds / AUDIO_SECONDS)


def refusal_of_sides(info: MediaInfo) -> str | None:
    """Return why MiMo may refuse an image for its size, which `prepare_image` changes, or None."""
    cause = limits.refused_sides(info.width or 1, info.height or 1)
    return f"it has {info.width} x {info.height} pixels, and {cause}" if cause else None


def forecast_image(info: MediaInfo, token_budget: int, max_bytes: int) -> Forecast:
    """Foretell what `prepare_image` makes of an image whose width and height are known."""
    width, height = accepted_size(info.width or 1, info.height or 1)
    tokens = min(image_tokens(width, height), token_budget)
    return Forecast(tokens, max_bytes, width * height / IMAGE_PIXELS)

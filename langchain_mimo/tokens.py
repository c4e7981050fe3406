"""Token costs of text, images, audio and video, computed from their dimensions alone.

Pure arithmetic: no file is opened and nothing is sent. The figures come from MiMo's image- and
video-understanding pages (April 2026). MiMo calls them estimates; the usage of a response is what
is billed.

One deviation from the image page: for images under 8192 pixels its snippet divides where the
model's own image processor multiplies, and it omits that the processor first enlarges a side
shorter than 32 pixels. The processor is what runs, so a 20 x 20 image costs 9 tokens and not 1.
From 8192 pixels up, the snippet and the processor agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from langchain_mimo._checks import choice, number

MediaResolution: TypeAlias = Literal["default", "max"]

CELL = 32
"""Side, in pixels, of the square that becomes one token: patches of 16, merged two by two."""

MIN_PIXELS = 8192
"""Smaller images and frames are enlarged to at least this many pixels."""

MAX_PIXELS = 8_388_608
"""Larger images and frames are shrunk to at most this many pixels (8192 tokens)."""

FRAMES_PER_GRID = 2
"""Consecutive video frames that share their tokens."""

MAX_FRAMES = 2048
"""Most frames sampled from a video, whatever its duration and `fps`."""

MAX_VIDEO_PIXELS = 131_072 * CELL * CELL
"""Pixels that `media_resolution="max"` spreads over the grids of a video: 131072 tokens."""

DEFAULT_FRAME_PIXELS = 300 * CELL * CELL
"""Most pixels of a frame with `media_resolution="default"`: 300 tokens."""

DEFAULT_FPS = 2.0
"""Frames per second that MiMo samples when a request does not set `fps`."""

AUDIO_MARKS = 2
"""Marker tokens around a video's audio; part of prompt_tokens, not of audio_tokens."""

MESSAGE_MARKS = 4
"""Marker tokens around each message of a prompt: an assumption, MiMo does not publish it."""

_SAMPLE_RATE = 24_000
_SAMPLES_PER_STEP = 240
_SPECTRUM_STEPS_PER_TOKEN = 4
_FLOAT_ERROR = 1e-6
"""Of a sample: 8 seconds that were computed as 7.999999999999999 are 8 seconds."""


@dataclass(frozen=True, slots=True)
class VideoTokens:
    """The tokens of one video.

    Attributes:
        frames: Number of frames sampled; even.
        vision: Tokens of the frames; `video_tokens` in the API's usage.
        timestamps: Tokens of the timestamps between the frames.
        special: Marker tokens around the grids and the video, and two around its audio.
        audio: Tokens of the audio without its markers; `audio_tokens` in the API's usage.
    """

    frames: int
    vision: int
    timestamps: int
    special: int
    audio: int

    @property
    def total(self) -> int:
        """Tokens that the video adds to prompt_tokens."""
        return self.vision + self.timestamps + self.special + self.audio


def image_tokens(width: int, height: int) -> int:
    """Return the tokens of an image.

    Both sides are rounded to multiples of 32 pixels, the area is brought between 8192 and 8388608
    pixels, and each square of 32 x 32 pixels is one token. Source: image page, April 2026,
    corrected for small images (see the module docstring).

    Args:
        width: Pixels, at least 1.
        height: Pixels, at least 1.

    Returns:
        Tokens, at least 1: 1024 for 1024 x 1024, 2040 for 1920 x 1080, 9 for 20 x 20.

    Raises:
        ValueError: A side is smaller than 1.
    """
    columns, rows = _grid(width, height, MAX_PIXELS)
    return columns * rows


def audio_tokens(seconds: float) -> int:
    """Return the tokens of audio, about 6.25 per second.

    Follows the code on the video page (April 2026): a spectrum of 100 steps per second, halved
    twice, four steps to a token, always rounded up. The two marker tokens are not included, as in
    the API's `audio_tokens`.

    Args:
        seconds: Duration, at least 0.

    Returns:
        Tokens, at least 1: 19 for 3 seconds, 376 for a minute.

    Raises:
        ValueError: `seconds` is negative or not finite.
    """
    seconds = number("seconds", seconds, 0)
    samples = int(seconds * _SAMPLE_RATE + _FLOAT_ERROR)
    steps = samples // _SAMPLES_PER_STEP + 1
    for _ in range(2):
        steps = (steps + 1) // 2
    return -(-steps // _SPECTRUM_STEPS_PER_TOKEN)


def video_tokens(
    duration: float,
    width: int,
    height: int,
    *,
    fps: float = DEFAULT_FPS,
    media_resolution: MediaResolution = "default",
    mute: bool = False,
) -> VideoTokens:
    """Return the tokens of a video, split by purpose.

    Source: video page, April 2026. Its sample usage (3 s, 1144 video_tokens, 19 audio_tokens) shows
    that timestamps and markers count in prompt_tokens alone.

    Args:
        duration: Seconds, at least 0.
        width: Width of the frames in pixels, at least 1.
        height: Height of the frames in pixels, at least 1.
        fps: Frames sampled per second, above 0; MiMo accepts 0.1 to 10. Default: 2, MiMo's own.
        media_resolution: "default" (at most 300 tokens per frame) or "max".
        mute: Whether the video has no audio.

    Returns:
        The tokens. 60 s of 1080p have 16560 vision tokens by default and 122400 with "max".

    Raises:
        ValueError: A number is out of range or not finite, or `media_resolution` is neither
            "default" nor "max".
    """
    grids, max_pixels = _sampling(duration, fps, media_resolution)
    columns, rows = _grid(width, height, max_pixels)
    return VideoTokens(
        frames=grids * FRAMES_PER_GRID,
        vision=grids * columns * rows,
        timestamps=grids * (5 if fps > 2 else 3),
        special=grids * 2 + 2 + (0 if mute else AUDIO_MARKS),
        audio=0 if mute else audio_tokens(duration),
    )


def sampled_frame_size(
    duration: float,
    width: int,
    height: int,
    *,
    fps: float = DEFAULT_FPS,
    media_resolution: MediaResolution = "default",
) -> tuple[int, int]:
    """Return the size to which the model's processor brings the frames of a video.

    A video whose frames have this size has the tokens of the original: no other pixels are looked
    at. Both sides are multiples of 32, so the aspect ratio may change by a few percent.

    Args:
        duration: Seconds, at least 0.
        width: Width of the frames in pixels, at least 1.
        height: Height of the frames in pixels, at least 1.
        fps: Frames sampled per second, as for `video_tokens`.
        media_resolution: "default" or "max".

    Returns:
        Width and height in pixels: (736, 384) for 1920 x 1080 by default.

    Raises:
        ValueError: As `video_tokens`.
    """
    _, max_pixels = _sampling(duration, fps, media_resolution)
    columns, rows = _grid(width, height, max_pixels)
    return columns * CELL, rows * CELL


def _sampling(duration: float, fps: float, media_resolution: str) -> tuple[int, int]:
    """Return the number of grids of a video, and the most pixels of each frame."""
    duration = number("duration", duration, 0)
    fps = number("fps", fps, 0)
    if fps == 0:
        raise ValueError("fps must be above 0, got 0")
    choice("media_resolution", media_resolution, get_args(MediaResolution))
    sampled = min(math.ceil(duration * fps), MAX_FRAMES)
    grids = max(math.ceil(sampled / FRAMES_PER_GRID), 1)
    max_pixels = MAX_VIDEO_PIXELS // grids
    if media_resolution == "default":
        max_pixels = min(max_pixels, DEFAULT_FRAME_PIXELS)
    return grids, max(MIN_PIXELS, min(max_pixels, MAX_PIXELS))


def text_tokens(text: str) -> int:
    """Estimate the tokens of text without a tokenizer.

    One approximation serves wherever text is counted before it is sent: each digit is a token,
    every four other ASCII characters are one, and every three UTF-8 bytes of anything else are one.
    A Chinese character thus counts as a whole token, while vocabularies built for Chinese need less
    than one in running text, so Chinese is overestimated rather than underestimated. Runs of
    symbols and rare characters outside the Basic Multilingual Plane can be underestimated. MiMo
    publishes no such rule: this one is the package's own.

    Args:
        text: Any text, lone surrogates included.

    Returns:
        Tokens; 0 for an empty text.
    """
    digits = sum(map(text.count, "0123456789"))
    if text.isascii():
        return digits + -(-(len(text) - digits) // 4)
    ascii_length = len(text.encode("ascii", "ignore"))
    other_bytes = len(text.encode("utf-8", "surrogatepass")) - ascii_length
    return digits + -(-(ascii_length - digits) // 4) + -(-other_bytes // 3)


def _grid(width: float, height: float, max_pixels: int) -> tuple[int, int]:
    """Return the columns and rows of 32 x 32 squares into which the processor cuts an image."""
    width, height = number("width", width, 1), number("height", height, 1)
    if min(width, height) < CELL:
        short = min(width, height)
        width, height = width * CELL // short, height * CELL // short
    columns, rows = round(width / CELL), round(height / CELL)
    if columns * rows * CELL * CELL > max_pixels:
        beta = math.sqrt(width * height / max_pixels)
        # An image so long that its short side would vanish keeps one square of height.
        columns = max(1, math.floor(width / beta / CELL))
        rows = max(1, math.floor(height / beta / CELL))
    elif columns * rows * CELL * CELL < MIN_PIXELS:
        beta = math.sqrt(MIN_PIXELS / (width * height))
        columns = math.ceil(width * beta / CELL)
        rows = math.ceil(height * beta / CELL)
    return columns, rows

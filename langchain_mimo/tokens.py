"""How many tokens a text, a picture, a sound or a clip costs, from its numbers alone.

Everything here is arithmetic: no file is opened and nothing is sent. The figures come from MiMo's
image- and video-understanding pages (April 2026); MiMo calls them estimates, and so are these. The
usage of a response is what is billed.

One slip of the image page is not followed: for pictures under 8192 pixels its snippet divides where
the model's own image processor multiplies, and it leaves out that the processor first enlarges a
side shorter than 32 pixels. The processor is what runs, so a picture of 20 x 20 costs 9 tokens and
not 1. From 8192 pixels on, snippet and processor agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

MediaResolution: TypeAlias = Literal["default", "max"]

CELL = 32
"""Pixels along one side of what becomes a single token: patches of 16, merged two by two."""

MIN_PIXELS = 8192
"""A picture or a frame is enlarged to at least this many pixels."""

MAX_PIXELS = 8_388_608
"""A picture or a frame is shrunk to at most this many pixels (8192 tokens)."""

FRAMES_PER_GRID = 2
"""Neighbouring video frames that share their tokens."""

MAX_FRAMES = 2048
"""Frames sampled from a clip, however long it is and whatever `fps` says."""

MAX_VIDEO_PIXELS = 131_072 * CELL * CELL
"""Pixels that `media_resolution="max"` spreads over the grids of a clip: 131072 tokens."""

DEFAULT_FRAME_PIXELS = 300 * CELL * CELL
"""Pixels of a frame at most with `media_resolution="default"`: 300 tokens."""

DEFAULT_FPS = 2.0
"""Frames per second that are sampled when a request does not say."""

AUDIO_MARKS = 2
"""Tokens that enclose a clip's sound; they count in the prompt, not in the bill's audio_tokens."""

MESSAGE_MARKS = 4
"""Tokens around each message of a prompt: an assumption, MiMo does not say."""

_SAMPLE_RATE = 24_000
_SAMPLES_PER_STEP = 240
_SPECTRUM_STEPS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class VideoTokens:
    """What one clip costs.

    Attributes:
        frames: Frames that are sampled, an even number.
        vision: Tokens of the frames; what the bill calls video_tokens.
        timestamps: Tokens of the times written between the frames.
        special: Marks around the grids, around the clip, and two around its sound.
        audio: Tokens of the sound without its marks; what the bill calls audio_tokens.
    """

    frames: int
    vision: int
    timestamps: int
    special: int
    audio: int

    @property
    def total(self) -> int:
        """What the clip adds to prompt_tokens."""
        return self.vision + self.timestamps + self.special + self.audio


def image_tokens(width: int, height: int) -> int:
    """Return the tokens of a picture.

    Both sides are rounded to multiples of 32 pixels, the area is brought between 8192 and 8388608
    pixels, and every square of 32 x 32 is a token. Source: image page, April 2026, corrected for
    small pictures (see the head of this module).

    Args:
        width: Pixels, at least 1.
        height: Pixels, at least 1.

    Returns:
        Tokens, at least 1: 1024 for 1024 x 1024, 2040 for 1920 x 1080, 9 for 20 x 20.

    Raises:
        ValueError: A side is smaller than 1.
    """
    return _cells(width, height, MAX_PIXELS)


def audio_tokens(seconds: float) -> int:
    """Return the tokens of a sound: about 6.25 a second.

    Follows the steps of the video page's code (April 2026): a spectrum of 100 steps a second,
    halved twice, four to a token, always rounded up. Its two marks are not included, as in the
    bill.

    Args:
        seconds: Length, 0 or more.

    Returns:
        Tokens, at least 1: 19 for 3 seconds, 376 for a minute.

    Raises:
        ValueError: `seconds` is negative or not finite.
    """
    _check_seconds(seconds)
    steps = int(seconds * _SAMPLE_RATE) // _SAMPLES_PER_STEP + 1
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
    """Return the tokens of a clip, by what they are for.

    Source: video page, April 2026. Its sample bill (3 s, 1144 video_tokens, 19 audio_tokens) shows
    that timestamps and marks count in prompt_tokens alone.

    Args:
        duration: Seconds, 0 or more.
        width: Pixels of the picture, at least 1.
        height: Pixels of the picture, at least 1.
        fps: Frames sampled per second; MiMo takes 0.1 to 10 and assumes 2.
        media_resolution: "default" (at most 300 tokens a frame) or "max".
        mute: Whether the clip has no sound.

    Returns:
        The tokens: 60 s of 1080p have 16560 of vision by default, 122400 with "max".

    Raises:
        ValueError: A number is out of its range or not finite, or `media_resolution` is neither
            "default" nor "max".
    """
    _check_seconds(duration)
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"fps is {fps}; it must be a number above 0.")
    if media_resolution not in ("default", "max"):
        raise ValueError(f'media_resolution is {media_resolution!r}; use "default" or "max".')
    wanted = min(math.ceil(duration * fps), MAX_FRAMES)
    grids = max(math.ceil(wanted / FRAMES_PER_GRID), 1)
    frames = grids * FRAMES_PER_GRID
    budget = MAX_VIDEO_PIXELS * FRAMES_PER_GRID // frames
    if media_resolution == "default":
        budget = min(budget, DEFAULT_FRAME_PIXELS)
    budget = max(MIN_PIXELS, min(budget, MAX_PIXELS))
    return VideoTokens(
        frames=frames,
        vision=grids * _cells(width, height, budget),
        timestamps=grids * (5 if fps > 2 else 3),
        special=grids * 2 + 2 + (0 if mute else AUDIO_MARKS),
        audio=0 if mute else audio_tokens(duration),
    )


def text_tokens(text: str) -> int:
    """Estimate the tokens of a text without a tokenizer.

    One approximation, used wherever text is counted before it is sent: a digit is a token, four
    other ASCII characters are one, and three UTF-8 bytes of anything else are one. So a Chinese
    character counts as a whole token, where vocabularies made for Chinese need less than one in
    running text: Chinese comes out too high rather than too low. Runs of symbols and rare
    characters outside the basic plane can come out too low. MiMo publishes no such rule: this one
    is ours.

    Args:
        text: Any text; lone surrogates do no harm.

    Returns:
        Tokens, 0 for an empty text.
    """
    digits = sum(map(text.count, "0123456789"))
    if text.isascii():
        return digits + -(-(len(text) - digits) // 4)
    ascii_length = len(text.encode("ascii", "ignore"))
    wide = len(text.encode("utf-8", "surrogatepass")) - ascii_length
    return digits + -(-(ascii_length - digits) // 4) + -(-wide // 3)


def _cells(width: int, height: int, max_pixels: int) -> int:
    """Return into how many squares of 32 x 32 the model's processor cuts a picture."""
    if width < 1 or height < 1:
        raise ValueError(f"A picture of {width} x {height} pixels has no area.")
    if min(width, height) < CELL:
        short = min(width, height)
        width, height = width * CELL // short, height * CELL // short
    columns, rows = round(width / CELL), round(height / CELL)
    if columns * rows * CELL * CELL > max_pixels:
        beta = math.sqrt(width * height / max_pixels)
        # A strip so long that its short side would vanish keeps one square of height.
        columns = max(1, math.floor(width / beta / CELL))
        rows = max(1, math.floor(height / beta / CELL))
    elif columns * rows * CELL * CELL < MIN_PIXELS:
        beta = math.sqrt(MIN_PIXELS / (width * height))
        columns = math.ceil(width * beta / CELL)
        rows = math.ceil(height * beta / CELL)
    return columns * rows


def _check_seconds(seconds: float) -> None:
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"A length of {seconds} seconds does not exist.")

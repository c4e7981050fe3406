"""Pictures opened with Pillow: size, and the main colours by name."""

from __future__ import annotations

import colorsys
import io
import threading
from collections import Counter

from PIL import Image, UnidentifiedImageError

from langchain_mimo.emulator.conversation import Finding
from langchain_mimo.emulator.media import check_picture_size, damaged

MAX_DECODED_PIXELS = 64 * 10**6
"""Larger pictures are measured from their header and not decoded: they may be bombs."""

_SAMPLE_SIDE = 64
_MIN_SHARE = 0.08
_MAX_NAMED = 3
_HUES = (
    (15, "red"),
    (45, "orange"),
    (70, "yellow"),
    (165, "green"),
    (200, "cyan"),
    (260, "blue"),
    (290, "purple"),
    (345, "pink"),
    (361, "red"),
)
_open_lock = threading.Lock()


def inspect_picture(container: str, data: bytes) -> Finding:
    """Open a picture, decode it unless it is huge, and say what it is; refuse a damaged one."""
    try:
        image = _open_header(container, data)
        width, height = image.size
        check_picture_size(width, height)
        if width * height > MAX_DECODED_PIXELS:
            return Finding(container, width, height, details=("too large to be looked at",))
        image.load()
        details = [f"mainly {main_colours(image)}"]
        # Not n_frames: to count the frames of a hostile GIF takes seconds.
        if getattr(image, "is_animated", False):
            details.append("animated")
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, EOFError, IndexError):
        raise damaged() from None
    return Finding(container, width, height, details=tuple(details))


def main_colours(image: Image.Image) -> str:
    """Name the colours that cover most of a picture, the largest first."""
    small = image.convert("RGB").resize((_SAMPLE_SIDE, _SAMPLE_SIDE), Image.Resampling.NEAREST)
    pixels = small.tobytes()
    counts = Counter(colour_name(*pixels[index : index + 3]) for index in range(0, len(pixels), 3))
    total = _SAMPLE_SIDE * _SAMPLE_SIDE
    named = [name for name, count in counts.most_common(_MAX_NAMED) if count >= total * _MIN_SHARE]
    names = named or [counts.most_common(1)[0][0]]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def colour_name(red: int, green: int, blue: int) -> str:
    """Name one colour of eight bits a channel."""
    hue, lightness, saturation = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
    if lightness < 0.12:
        return "black"
    if lightness > 0.92:
        return "white"
    if saturation < 0.15:
        return "grey"
    degrees = hue * 360
    if 15 <= degrees < 45 and lightness < 0.4:
        return "brown"
    return next(name for limit, name in _HUES if degrees < limit)


def _open_header(container: str, data: bytes) -> Image.Image:
    # Pillow's own guard raises before it tells the size; ours needs the size, so it is lifted for
    # the moment of reading the header.
    with _open_lock:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(data), formats=[container])
        finally:
            Image.MAX_IMAGE_PIXELS = limit

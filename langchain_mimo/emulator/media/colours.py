"""Names the main colours of an image."""

from __future__ import annotations

import colorsys
from collections import Counter

from PIL import Image

_SAMPLE_SIDE = 64
"""Images are reduced to a square of this side, in pixels, before their colours are counted."""

_MIN_SHARE = 0.08
"""Smallest share of the pixels for a colour to be named."""

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
"""The upper limit of each hue, in degrees."""


def main_colours(image: Image.Image) -> str:
    """Name the colours that cover most of an image, the most frequent first."""
    # Reduced first: converting a large image would copy it.
    small = image.resize((_SAMPLE_SIDE, _SAMPLE_SIDE), Image.Resampling.NEAREST).convert("RGB")
    pixels = small.tobytes()
    counts = Counter(colour_name(*pixels[index : index + 3]) for index in range(0, len(pixels), 3))
    total = _SAMPLE_SIDE * _SAMPLE_SIDE
    named = [name for name, count in counts.most_common(_MAX_NAMED) if count >= total * _MIN_SHARE]
    names = named or [counts.most_common(1)[0][0]]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def colour_name(red: int, green: int, blue: int) -> str:
    """Name a colour, given its channels from 0 to 255."""
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

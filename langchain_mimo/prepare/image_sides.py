"""The sides of a picture: neither so short nor so unequal that MiMo refuses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_mimo._media.limits import MAX_ASPECT_RATIO, MIN_IMAGE_SIDE
from langchain_mimo.tokens import CELL

if TYPE_CHECKING:
    from PIL.Image import Image


def has_good_sides(image: Image) -> bool:
    """Whether MiMo is known to take a picture of this size."""
    short, long = sorted(image.size)
    return short >= MIN_IMAGE_SIDE and long <= MAX_ASPECT_RATIO * short


def scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return a size shrunk so that rounding makes the picture no longer than MiMo takes."""
    width, height = (max(1, round(side * scale)) for side in size)
    least = _least_short_side(max(width, height))
    return max(width, least), max(height, least)


def padded(image: Image, notes: list[str]) -> Image:
    """Give a picture that is too long a border, white or transparent, on its long sides."""
    from PIL import Image as pillow  # noqa: N813, PLC0415 - Pillow costs its import only here

    least = _least_short_side(max(image.size))
    width, height = max(image.width, least), max(image.height, least)
    if (width, height) == image.size:
        return image
    background = (255, 255, 255, 0) if image.mode == "RGBA" else (255, 255, 255)
    whole = pillow.new(image.mode, (width, height), background)
    whole.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    whole.info = dict(image.info)
    notes.append(
        f"It was given a border to {width} x {height} pixels: MiMo refuses pictures longer than "
        f"{MAX_ASPECT_RATIO} to 1."
    )
    return whole


def enlarged(image: Image, least: int, notes: list[str]) -> Image:
    """Enlarge a picture with a side below `least` pixels to what MiMo's own processor makes of it.

    That enlarges sides under 32 pixels to 32, so that no tokens are added.
    """
    short = min(image.size)
    if short >= least:
        return image
    width, height = (side * CELL // short for side in image.size)
    notes.append(
        f"It was enlarged to {width} x {height} pixels: MiMo refuses pictures with very short "
        "sides."
    )
    return image.resize((width, height))


def _least_short_side(long: int) -> int:
    return -(-long // MAX_ASPECT_RATIO)

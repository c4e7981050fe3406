"""Image sides: long enough and close enough in length for MiMo to accept them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_mimo._media.limits import (
    BOMB_PIXELS,
    MAX_ASPECT_RATIO,
    MIN_IMAGE_SIDE,
    refused_sides,
)
from langchain_mimo.errors import MediaError
from langchain_mimo.tokens import CELL

if TYPE_CHECKING:
    from PIL.Image import Image


def check_pixels(width: int, height: int) -> None:
    """Refuse an image that costs too much memory to decode, before it is decoded.

    Raises:
        MediaError: It has more than `BOMB_PIXELS` pixels.
    """
    if width * height > BOMB_PIXELS:
        raise MediaError(
            f"it has {width:,} x {height:,} pixels and may be a decompression bomb: more than "
            f"{BOMB_PIXELS:,} are not decoded; shrink it with a program you trust"
        )


def has_accepted_sides(image: Image) -> bool:
    """Whether MiMo is known to accept an image of this size."""
    return refused_sides(*image.size) is None


def scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return a scaled size whose aspect ratio MiMo accepts even after rounding."""
    width, height = (max(1, round(side * scale)) for side in size)
    minimum = _min_short_side(max(width, height))
    return max(width, minimum), max(height, minimum)


def padded(image: Image, notes: list[str]) -> Image:
    """Add a white or transparent border to the long sides of an image that is too long.

    Raises:
        MediaError: With the border it would have more than `BOMB_PIXELS` pixels.
    """
    from PIL import Image as pillow  # noqa: N813, PLC0415 - Pillow is slow to import

    minimum = _min_short_side(max(image.size))
    width, height = max(image.width, minimum), max(image.height, minimum)
    if (width, height) == image.size:
        return image
    if width * height > BOMB_PIXELS:
        raise MediaError(
            f"it has {image.width:,} x {image.height:,} pixels and is too long: MiMo refuses "
            f"images longer than {MAX_ASPECT_RATIO} to 1; cut it into pieces"
        )
    background = (255, 255, 255, 0) if image.mode == "RGBA" else (255, 255, 255)
    bordered = pillow.new(image.mode, (width, height), background)
    bordered.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    bordered.info = dict(image.info)
    notes.append(
        f"Added a border to make {width} x {height} pixels: MiMo refuses images longer than "
        f"{MAX_ASPECT_RATIO} to 1."
    )
    return bordered


def accepted_size(width: int, height: int) -> tuple[int, int]:
    """Return the size that `padded` and `enlarged` make of an image."""
    minimum = _min_short_side(max(width, height))
    width, height = max(width, minimum), max(height, minimum)
    short = min(width, height)
    if short >= MIN_IMAGE_SIDE:
        return width, height
    return width * CELL // short, height * CELL // short


def enlarged(image: Image, minimum: int, notes: list[str]) -> Image:
    """Enlarge an image with a side below `minimum` pixels until its short side is 32 pixels.

    The model's own processor enlarges sides under 32 pixels to 32, so this adds no tokens.
    """
    short = min(image.size)
    if short >= minimum:
        return image
    width, height = (side * CELL // short for side in image.size)
    notes.append(
        f"Enlarged to {width} x {height} pixels: MiMo refuses images with very short sides."
    )
    return image.resize((width, height))


def _min_short_side(long: int) -> int:
    return -(-long // MAX_ASPECT_RATIO)

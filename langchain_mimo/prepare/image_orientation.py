"""Turns an image upright, as its EXIF orientation says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_mimo._media.pillow_errors import UndecodableImageError, pillow_errors

if TYPE_CHECKING:
    from PIL.Image import Image

_EXIF_ORIENTATION = 0x0112

_NOTES = {
    2: "Mirrored upright.",
    3: "Rotated upright.",
    4: "Mirrored upright.",
    5: "Mirrored and rotated upright.",
    6: "Rotated upright.",
    7: "Mirrored and rotated upright.",
    8: "Rotated upright.",
}


def stored_orientation(image: Image) -> int:
    """Return the EXIF orientation of an image, 1 to 8; 1 if it has none or its EXIF is damaged."""
    try:
        with pillow_errors():
            orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    except UndecodableImageError:
        return 1
    return orientation if orientation in _NOTES else 1


def turned_upright(image: Image, orientation: int, notes: list[str], *, already: bool) -> Image:
    """Return an image upright.

    Args:
        image: The image.
        orientation: Its EXIF orientation, 1 to 8.
        notes: What was done is added here.
        already: Whether it was turned when it was decoded.
    """
    from PIL.Image import Transpose  # noqa: PLC0415 - Pillow is slow to import

    if orientation == 1:
        return image
    notes.append(_NOTES[orientation])
    methods = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image if already else image.transpose(methods[orientation])

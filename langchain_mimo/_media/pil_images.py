"""Encodes PIL images for `image_block`."""

from __future__ import annotations

import io
from typing import Any, Protocol, runtime_checkable

from langchain_mimo._media import formats
from langchain_mimo._media.deep_greys import reduce_deep_grey
from langchain_mimo._media.image_colours import fitting_profile, on_white, to_srgb
from langchain_mimo._media.pillow_errors import UndecodableImageError, pillow_errors
from langchain_mimo.errors import MediaError


@runtime_checkable
class PillowImage(Protocol):
    """What marks a `PIL.Image.Image` in type hints, without importing Pillow."""

    @property
    def mode(self) -> str: ...
    @property
    def size(self) -> tuple[int, int]: ...
    def getbands(self) -> tuple[str, ...]: ...


_ENCODINGS: dict[str, tuple[str, frozenset[str], dict[str, Any]]] = {
    "image/png": ("PNG", frozenset({"1", "L", "LA", "P", "RGB", "RGBA"}), {}),
    "image/jpeg": ("JPEG", frozenset({"L", "RGB"}), {"quality": 95}),
    "image/webp": ("WEBP", frozenset({"RGB", "RGBA"}), {"quality": 95}),
}
"""How a PIL image is saved: Pillow's name of the format, modes that it stores, save options."""

_EIGHT_BIT_MODES = frozenset(
    ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"]
)
"""Modes that convert to RGB or RGBA without clipping."""


def is_pil_image(source: object) -> bool:
    """Whether this is a PIL image, without importing Pillow."""
    return any(base.__module__ == "PIL.Image" for base in type(source).__mro__)


def save_pil_image(image: Any, mime_type: str | None) -> tuple[bytes, str]:
    """Encode a PIL image, and return its bytes and MIME type.

    It is rotated as its EXIF tag says, since the tag itself is not saved.

    Args:
        image: The image.
        mime_type: "image/png" (default), "image/jpeg" or "image/webp".

    Raises:
        MediaError: It cannot be saved, or not as that.
    """
    from PIL import ImageOps  # noqa: PLC0415 - optional, and slow to import

    wanted = formats.normalise_mime_type(mime_type) or "image/png"
    if wanted not in _ENCODINGS:
        raise MediaError(
            f"image_block saves a PIL image as {', '.join(_ENCODINGS)}, not as {wanted[:80]!r}"
        )
    try:
        with pillow_errors("image_block cannot save the PIL image", "check it with image.load()"):
            return _encoded(ImageOps.exif_transpose(image), wanted), wanted
    except UndecodableImageError as error:
        raise MediaError(str(error)) from error.__cause__


def _encoded(image: Any, mime_type: str) -> bytes:
    name, modes, options = _ENCODINGS[mime_type]
    if image.mode == "I" and _is_sixteen_bit(image):
        image = image.convert("I;16")
    if image.mode.startswith("I;16"):  # many readers clip 16 bits to white
        image, mask = reduce_deep_grey(image, [])
        if mask is not None:
            image.putalpha(mask)
    if image.mode not in modes:
        if image.mode not in _EIGHT_BIT_MODES:
            raise MediaError(
                f"image_block cannot save a PIL image of mode {image.mode} as {mime_type}; scale "
                'it to 8 bits and convert it to "L" or "RGB"'
            )
        image = to_srgb(image, [])
        image = image if image.mode in modes else on_white(image)
    buffer = io.BytesIO()
    image.save(buffer, format=name, icc_profile=fitting_profile(image), **options)
    return buffer.getvalue()


def _is_sixteen_bit(image: Any) -> bool:
    low, high = image.getextrema()
    return bool(low >= 0 and high <= 0xFFFF)

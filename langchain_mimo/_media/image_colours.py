"""Converts an image of any mode to RGB or RGBA in sRGB, as MiMo and browsers show it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from langchain_mimo._media.deep_greys import is_deep_grey, reduce_deep_grey
from langchain_mimo._media.pillow_errors import UndecodableImageError, pillow_errors

if TYPE_CHECKING:
    from PIL.Image import Image

ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
"""Modes with an alpha channel. The band "A" of the mode "LAB" is a colour."""

_PROFILE_SPACES = {
    "1": b"GRAY", "L": b"GRAY", "LA": b"GRAY", "I;16": b"GRAY",
    "P": b"RGB ", "RGB": b"RGB ", "RGBA": b"RGB ", "CMYK": b"CMYK", "LAB": b"Lab ",
}  # fmt: skip
"""The colour space at bytes 16 to 20 of an ICC profile that fits a mode."""

_SAME_COLOUR = 2
"""Greatest difference, of 255, between a colour and its conversion that is not worth one."""


def to_srgb(image: Image, notes: list[str]) -> Image:
    """Return an image in mode "RGB", or "RGBA" if it is transparent somewhere.

    Args:
        image: An image of any mode that Pillow reads. Its colour profile, if any, is applied and is
            not in the result, nor is other metadata.
        notes: What was done is added here.

    Raises:
        MediaError: Pillow cannot convert it.
    """
    with pillow_errors("its colours cannot be converted", "convert it to RGB first"):
        profile = image.info.get("icc_profile")
        base, alpha = _split_alpha(image, notes)
        opaque = _convert(base, profile, notes)
        if alpha is not None and alpha.getextrema() != (255, 255):
            opaque.putalpha(alpha)
        opaque.info = {}
        return opaque


def fitting_profile(image: Image) -> bytes | None:
    """Return the colour profile of an image, if it is for colours such as the image has."""
    profile = image.info.get("icc_profile")
    space = _PROFILE_SPACES.get(image.mode)
    return profile if profile and bytes(profile[16:20]) == space else None


def on_white(image: Image) -> Image:
    """Return an image of mode "RGBA" on a white background."""
    from PIL import Image as pillow  # noqa: N813, PLC0415 - Pillow is slow to import

    background = pillow.new("RGBA", image.size, "white")
    return pillow.alpha_composite(background, image).convert("RGB")


def has_alpha(image: Image) -> bool:
    """Whether an image has an alpha channel or a transparent colour."""
    return image.mode in ALPHA_MODES or image.has_transparency_data


def _split_alpha(image: Image, notes: list[str]) -> tuple[Image, Image | None]:
    """Return the colours in mode "L", "RGB", "CMYK" or "LAB", and the alpha channel."""
    if is_deep_grey(image):
        return reduce_deep_grey(image, notes)
    if image.mode in ("CMYK", "LAB"):
        return image, None
    is_grey = image.mode in ("1", "L", "LA", "La")
    if not has_alpha(image):
        return image.convert("L" if is_grey else "RGB"), None
    # Premultiplied greys convert to plain ones only, and a transparent colour needs its own mode.
    with_alpha = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    colours = with_alpha.getchannel("R") if is_grey else with_alpha.convert("RGB")
    return colours, with_alpha.getchannel("A")


def correct_transparent_colour(image: Image, depth: int) -> None:
    """Bring the transparent colour of a PNG to the 8 bits to which Pillow brings its pixels.

    Args:
        image: The decoded image.
        depth: Bits per channel in the file.
    """
    key = image.info.get("transparency")
    if image.mode == "RGB" and depth == 16 and isinstance(key, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)
    elif image.mode == "L" and depth < 8 and isinstance(key, int):
        image.info["transparency"] = key * 255 // ((1 << depth) - 1)
    elif image.mode == "1" and isinstance(key, int):
        image.info["transparency"] = 255 if key else 0  # Pillow before 12 leaves it at 1


def _convert(image: Image, profile: Any, notes: list[str]) -> Image:
    """Convert an image without alpha to RGB, through its profile if that fits."""
    if profile:
        space = bytes(profile[16:20])
        if image.mode == "L" and space == _PROFILE_SPACES["RGB"]:
            image = image.convert("RGB")
        if space != _PROFILE_SPACES[image.mode]:
            notes.append(
                f"Dropped its colour profile: it is for {_name(space)}, not for {image.mode}."
            )
        elif (converted := _through_profile(image, profile, notes)) is not None:
            return converted
    if image.mode == "LAB":
        from PIL import ImageCms  # noqa: PLC0415 - Pillow is slow to import

        notes.append("Converted its colours from LAB.")
        return _transform(image, ImageCms.createProfile("LAB"))
    if image.mode == "CMYK":
        notes.append("Converted its colours from CMYK without a colour profile.")
    return image.convert("RGB")


def _name(space: bytes) -> str:
    return repr(space.decode("ascii", "replace").strip()[:4])


def _through_profile(image: Image, profile: bytes, notes: list[str]) -> Image | None:
    """Convert to sRGB through a profile; None if the profile is broken or changes nothing."""
    from PIL import ImageCms  # noqa: PLC0415

    try:
        with pillow_errors():
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if image.mode == "RGB" and _changes_nothing(source):
                return None
            converted = _transform(image, source)
    except UndecodableImageError:
        notes.append("Dropped its colour profile, which is damaged.")
        return None
    notes.append(f"Converted its colours from its {image.mode} profile to sRGB.")
    return converted


def _changes_nothing(profile: Any) -> bool:
    """Whether a profile is that of sRGB, by trying a few hundred colours."""
    from PIL import Image as pillow  # noqa: N813, PLC0415
    from PIL import ImageChops  # noqa: PLC0415

    steps = range(0, 256, 51)
    colours = bytes(value for r in steps for g in steps for b in steps for value in (r, g, b))
    sample = pillow.frombytes("RGB", (len(colours) // 3, 1), colours)
    difference = ImageChops.difference(sample, _transform(sample, profile)).getextrema()
    return all(greatest <= _SAME_COLOUR for _, greatest in difference)  # type: ignore[misc]


def _transform(image: Image, source: Any) -> Image:
    from PIL import ImageCms  # noqa: PLC0415

    # As browsers and image editors do it.
    converted = ImageCms.profileToProfile(
        image,
        source,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None
    return converted

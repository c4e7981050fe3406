"""Reduces greys of more than 8 bits to 8. Pillow's own conversion clips them to white or black.

Which values are black and white depends on the kind:

- 16 bits (PNG, TIFF, JPEG 2000, PGM): 0 is black and 65,535 is white. But a file that uses less
  than a sixteenth of that range holds values of fewer bits, as cameras of 10 and 12 bits and
  programs that store labels write them; there, white is the greatest value of that many bits.
- 32-bit and signed integers, and floats: they have no scale of their own, so the least value
  becomes black and the greatest white. Pixels without a value (NaN, infinite, or GDAL's nodata
  value of a TIFF) become black.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

_STRIP_PIXELS = 1 << 22
_WHITE = 65535
_FEW_BITS = 4096
"""A sixteenth of the range of 16 bits."""

_TIFF_BITS, _TIFF_SAMPLE_FORMAT, _TIFF_NODATA = 258, 339, 42113
_UNSIGNED = 1
_NO_VALUE = 1e38
"""Floats as great as this stand for "no value"; programs write -3.4e38 and the like."""


def is_deep_grey(image: Image) -> bool:
    """Whether an image is grey with more than 8 bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def reduce_deep_grey(image: Image, notes: list[str]) -> tuple[Image, Image | None]:
    """Scale a deep grey image to 8 bits.

    Args:
        image: An image for which `is_deep_grey` is true.
        notes: What was done is added here.

    Returns:
        The image in mode "L", and a mask in mode "L" that is 0 where the image's transparent value
        is, or None when it has none.
    """
    mask = _transparent_mask(image)
    if image.mode.startswith("I;16") or image.format == "PPM":
        return _reduce_sixteen_bits(image, notes), mask
    return _reduce_to_range(image, notes), mask


def _reduce_sixteen_bits(image: Image, notes: list[str]) -> Image:
    strips = [(top, strip.convert("I")) for top, strip in _strips(image)]
    greatest = int(max(_bounds(strip)[1] for _, strip in strips))
    white = _WHITE
    if greatest < _FEW_BITS:
        bits = max(8, greatest.bit_length())
        white = (1 << bits) - 1
        notes.append(
            f"Its 16-bit greys use {bits} bits: scaled 0 to {white:,} to the range 0 to 255."
        )
    else:
        notes.append("Reduced its 16-bit greys to 8 bits.")
    return _joined(image, strips, lambda value: value * (255 / white) + 0.5)


def _reduce_to_range(image: Image, notes: list[str]) -> Image:
    cleaned = [(top, *_without_gaps(strip, image)) for top, strip in _strips(image)]
    bounds = [
        _bounds(strip) for _, strip, gap in cleaned if gap is None or gap.getextrema()[0] == 0
    ]
    kind = "float" if image.mode == "F" else "integer"
    if not bounds:
        notes.append(f"Its {kind} greys hold no value at all: it is black.")
        return _new("L", image.size, 0)
    least, greatest = min(low for low, _ in bounds), max(high for _, high in bounds)
    scale, offset = 0.0, 128.0
    if least == greatest:
        notes.append(f"All its {kind} greys have the same value: it is grey.")
    else:
        scale = 255 / (greatest - least)
        offset = 0.5 - least * scale
        shift = 2**31 if _wraps(image) else 0
        notes.append(
            f"Scaled its {kind} greys, {least + shift:.7g} to {greatest + shift:.7g}, to the range "
            "0 to 255."
        )
    strips = [(top, strip) for top, strip, _ in cleaned]
    reduced = _joined(image, strips, lambda value: value * scale + offset)
    gaps = [(top, gap) for top, _, gap in cleaned if gap is not None]
    for top, gap in gaps:
        reduced.paste(0, (0, top), gap)
    if gaps:
        count = sum(gap.histogram()[255] for _, gap in gaps)
        notes.append(f"{count:,} of its pixels have no value: they are black.")
    return reduced


def _without_gaps(strip: Image, image: Image) -> tuple[Image, Image | None]:
    """Return a strip, and a mask of its pixels without a value, or None when all have one."""
    from PIL import ImageMath  # noqa: PLC0415 - Pillow is slow to import

    gap = _gaps(strip, image)
    if _wraps(image):  # the order of unsigned numbers, kept in signed ones
        strip = ImageMath.lambda_eval(lambda values: values["v"] ^ -(2**31), v=strip)
    if gap is None or gap.getbbox() is None:
        return strip, None
    # Any value of the strip itself in the gaps leaves its least and greatest value as they are.
    present = gap.point(lambda value: 255 - value)
    if (box := present.getbbox()) is not None:
        column = present.crop((0, box[1], strip.width, box[1] + 1)).tobytes().index(255)
        strip.paste(strip.getpixel((column, box[1])), (0, 0), gap)  # type: ignore[arg-type]
    return strip, gap


def _gaps(strip: Image, image: Image) -> Image | None:
    """Return a mask of the pixels without a value, or None when there cannot be any."""
    from PIL import ImageMath  # noqa: PLC0415

    nodata = _nodata(image)
    if nodata is None and strip.mode == "I":
        return None

    def present(values: Any) -> Any:
        value = values["v"]
        different: Any = 1 if nodata is None else value != nodata
        # NaN is neither greater nor less than anything.
        finite: Any = (value > -_NO_VALUE) * (value < _NO_VALUE) if strip.mode == "F" else 1
        return different * finite

    mask: Image = ImageMath.lambda_eval(present, v=strip)
    return mask.convert("L").point(lambda value: 0 if value else 255)


def _bounds(strip: Image) -> tuple[float, float]:
    low, high = strip.getextrema()
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    return low, high


def _wraps(image: Image) -> bool:
    """Whether a TIFF holds unsigned 32-bit values, which Pillow reads as signed ones."""
    tags = getattr(image, "tag_v2", None)
    if image.mode != "I" or tags is None or tags.get(_TIFF_BITS, (1,))[0] != 32:
        return False
    return bool(tags.get(_TIFF_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED)


def _nodata(image: Image) -> float | None:
    """Return the value that a TIFF of GDAL's states for pixels without a value."""
    tags = getattr(image, "tag_v2", None)
    text = str(tags.get(_TIFF_NODATA, "")).strip("\0 ") if tags is not None else ""
    with suppress(ValueError):
        if text and math.isfinite(value := float(text)):
            if image.mode == "F":
                return value
            return int(value) - (2**32 if _wraps(image) and value >= 2**31 else 0)
    return None


def _transparent_mask(image: Image) -> Image | None:
    """Return a mask that is 0 at the value that a PNG declares transparent."""
    from PIL import ImageMath  # noqa: PLC0415

    key = image.info.get("transparency")
    if not isinstance(key, int):
        return None
    differs: Image = ImageMath.lambda_eval(lambda values: values["v"] != key, v=image.convert("I"))
    return differs.convert("L").point(lambda value: 255 if value else 0)


def _strips(image: Image) -> Iterator[tuple[int, Image]]:
    """Yield the rows of an image in strips of some million pixels, each with its first row."""
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(image.height, top + rows)))


def _joined(image: Image, strips: list[tuple[int, Image]], scale: Callable[[Any], Any]) -> Image:
    """Scale strips to 8 bits and join them."""
    joined = _new("L", image.size, 0)
    for top, strip in strips:
        joined.paste(strip.point(scale).convert("L"), (0, top))
    return joined


def _new(mode: str, size: tuple[int, int], colour: float) -> Image:
    from PIL import Image as pillow  # noqa: N813, PLC0415

    return pillow.new(mode, size, colour)

"""Images of which the right pixels are known, and greys of all depths among them.

`RIGHT` has for each file what it shows, and how far off a pixel may be.
"""

import functools
import math
import struct
from array import array
from dataclasses import dataclass

from PIL import Image

from media_collection.image_files import numbers, png, swapped, tiff
from media_collection.registry import add

SIZE = (192, 128)


@dataclass(frozen=True)
class Right:
    """What a file shows.

    Attributes:
        image: The right pixels, in mode "RGB" or "RGBA".
        tolerance: Greatest difference of a channel, 0 to 255.
        mean: Whether `tolerance` is for the mean difference instead, as of lossy files.
    """

    image: Image.Image
    tolerance: float
    mean: bool


RIGHT = {}


def add_right(name, data, image, about, *, tolerance=0, mean=False, **truth):
    """Add a file that shows `image`. MiMo accepts all but TIFF and PGM; all are converted.

    Args:
        name: Its name.
        data: Its bytes, or a function that returns them.
        image: What it shows.
        about: Why it is in the collection.
        tolerance: As in `Right`.
        mean: As in `Right`.
        truth: Other fields of `MediaFile`.
    """
    RIGHT[name] = Right(image if image.mode == "RGBA" else image.convert("RGB"), tolerance, mean)
    if name.endswith((".tiff", ".pgm")):
        truth["block"] = "refused"
    truth.setdefault("prepared", "converted")
    make = data if callable(data) else lambda: data
    add(name, "image", make, shown=image.size, about=about, **truth)


@functools.cache
def ramp(size=SIZE):
    """Return a grey ramp from 0 at the left to 255 at the right."""
    width, height = size
    row = bytes(round(255 * x / (width - 1)) for x in range(width))
    return Image.frombytes("L", size, row * height)


def scene(size=SIZE):
    """Return an image of colours that differs from itself turned and mirrored in all ways."""
    width, height = size
    down = ramp(size[::-1]).transpose(Image.Transpose.TRANSPOSE)
    image = Image.merge("RGB", (ramp(size), down, ramp(size)))
    image.paste((220, 40, 30), (8, 8, width // 3, height // 2))
    image.paste((30, 60, 210), (width // 2, height // 2, width * 3 // 4, height - 8))
    return image


def grey_numbers(code, least, greatest):
    """Return the ramp as packed numbers from `least` to `greatest`."""
    return numbers(code, least, greatest, SIZE)


def big_endian_rows(greatest):
    """Return the ramp as rows of 16-bit numbers from 0 to `greatest`, as PNG and PGM have them."""
    return [swapped(grey_numbers("H", 0, greatest)[: SIZE[0] * 2])] * SIZE[1]


def _add_sixteen_bits():
    for greatest in (65535, 4095, 1023, 255):
        bits = greatest.bit_length()
        about = f"{bits} bits in 16"
        data = tiff(SIZE, grey_numbers("H", 0, greatest), bits=16)
        add_right(f"{bits}_in_16.tiff", data, ramp(), about, tolerance=1)
        data = png(SIZE, 16, 0, big_endian_rows(greatest))
        add_right(f"{bits}_in_16.png", data, ramp(), about, tolerance=1)
    labels = ramp().point(lambda value: round(value * 20 / 255))
    data = png(SIZE, 16, 0, big_endian_rows(20))
    add_right("labels_in_16.png", data, labels, "labels: small numbers in 16 bits", tolerance=1)
    dim = ramp().point(lambda value: value // 4)
    data = png(SIZE, 16, 0, big_endian_rows(16383))
    add_right("dim_16.png", data, dim, "a dim image, by the scale of 16 bits", tolerance=1)
    data = tiff(SIZE, swapped(grey_numbers("H", 0, 65535)), bits=16, order=">")
    add_right("16_in_16_big_endian.tiff", data, ramp(), "16 bits, big-endian", tolerance=1)
    for greatest in (65535, 4095):
        data = b"P5 %d %d %d\n" % (*SIZE, greatest) + b"".join(big_endian_rows(greatest))
        about = "its header states its scale"
        add_right(f"maximum_{greatest}.pgm", data, ramp(), about, tolerance=1)


def _add_thirty_two_bits():
    for name, code, bits, kind, least, greatest in (
        ("int16", "h", 16, 2, -1024, 3071),
        ("int32", "i", 32, 2, -(2**31), 2**31 - 1),
        ("int32_small", "i", 32, 2, 7, 400),
        ("uint32", "I", 32, 1, 0, 2**32 - 1),
        ("uint32_high", "I", 32, 1, 2**31 - 500, 2**31 + 500),
        ("float_unit", "f", 32, 3, 0.0, 1.0),
        ("float_wide", "f", 32, 3, -5e6, 3e7),
        ("float_thin", "f", 32, 3, 0.5, 0.501),
    ):
        data = tiff(SIZE, grey_numbers(code, least, greatest), bits=bits, sample_format=kind)
        add_right(f"{name}.tiff", data, ramp(), "greys without a scale of their own", tolerance=1)
    data = tiff(SIZE, grey_numbers("f", 0.25, 0.25), bits=32, sample_format=3)
    grey = Image.new("L", SIZE, 128)
    add_right("constant_float.tiff", data, grey, "one value everywhere", tolerance=1)


_GDAL_NODATA = [(42113, 2, b"-9999\0")]


def _add_gaps():
    for name, code, bits, kind, gap, extra in (
        ("nan", "f", 32, 3, math.nan, ()),
        ("infinite", "f", 32, 3, -math.inf, ()),
        ("lowest_float", "f", 32, 3, -3.4028234e38, ()),
        ("float_nodata", "f", 32, 3, -9999.0, _GDAL_NODATA),
        ("int32_nodata", "i", 32, 2, -9999, _GDAL_NODATA),
        ("int16_nodata", "h", 16, 2, -9999, _GDAL_NODATA),
    ):
        pixels, shown = _with_gap(code, gap, (30, 20, 60, 40))
        data = tiff(SIZE, pixels, bits=bits, sample_format=kind, extra=extra)
        add_right(f"{name}.tiff", data, shown, "pixels without a value", tolerance=1)
    pixels, shown = _with_gap("f", math.nan, (0, 0, 1, 1))
    data = tiff(SIZE, pixels, bits=32, sample_format=3)
    add_right("nan_first.tiff", data, shown, "a first pixel without a value", tolerance=1)


def _with_gap(code, gap, box):
    """Return the ramp as numbers from 1000 to 2000 with a gap, and what is shown."""
    values = array(code, grey_numbers(code, 1000, 2000))
    left, top, right, bottom = box
    for y in range(top, bottom):
        values[y * SIZE[0] + left : y * SIZE[0] + right] = array(code, [gap] * (right - left))
    shown = ramp().copy()
    shown.paste(0, box)
    return values.tobytes(), shown


def _keyed(image, hidden):
    """Return an image that is transparent where another one, in mode "L", is 0."""
    shown = image.convert("RGBA")
    shown.putalpha(hidden.point(lambda value: 255 if value else 0))
    return shown


def _add_transparent_greys():
    width, height = SIZE
    x = 80
    hidden = ramp().point(lambda value: value != ramp().getpixel((x, 0)))
    key = (b"tRNS", struct.pack(">H", ramp().getpixel((x, 0))))
    data = png(SIZE, 8, 0, [ramp().tobytes()[:width]] * height, key)
    about = "a transparent grey"
    add_right("key_8.png", data, _keyed(ramp(), hidden), about, prepared="unchanged")
    rows = big_endian_rows(65535)
    data = png(SIZE, 16, 0, rows, (b"tRNS", rows[0][x * 2 : x * 2 + 2]))
    add_right("key_16.png", data, _keyed(ramp(), hidden), about, tolerance=1)
    for depth in (1, 2, 4):
        steps = 1 << depth
        per_byte = 8 // depth
        row = [x * steps // width for x in range(width)]
        packed = bytes(
            sum(row[at + i] << (8 - depth * (i + 1)) for i in range(per_byte))
            for at in range(0, width, per_byte)
        )
        grey = bytes(value * 255 // (steps - 1) for value in row) * height
        stairs = Image.frombytes("L", SIZE, grey)
        hidden = Image.frombytes("L", SIZE, bytes(value != 1 for value in row) * height)
        data = png(SIZE, depth, 0, [packed] * height, (b"tRNS", b"\0\1"))
        shown = _keyed(stairs, hidden)
        add_right(f"key_{depth}.png", data, shown, about, prepared="unchanged")


_add_sixteen_bits()
_add_thirty_two_bits()
_add_gaps()
_add_transparent_greys()

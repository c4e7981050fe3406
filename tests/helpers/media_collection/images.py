"""Images: formats, modes, orientations, and the damage that cameras, browsers and tools do."""

import functools
import io
import struct
import zlib

from PIL import Image, ImageCms

from media_collection.registry import add, adder
from media_collection.writing import image_bytes

image = adder("image")

SIZE = (120, 80)


@functools.cache
def photo(mode="RGB", size=SIZE):
    """Return an image with gradients and edges, in any mode that Pillow converts to."""
    grey = Image.linear_gradient("L").resize(size)
    colours = Image.merge(
        "RGB", (grey, grey.rotate(180), grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    )
    colours.paste((200, 30, 30), (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2))
    if "A" in mode or "a" in mode:
        colours.putalpha(grey.rotate(90).resize(size))
    return colours if colours.mode == mode else colours.convert(mode)


@functools.cache
def profile(space="sRGB"):
    """Return an ICC profile; for "CMYK" and "GRAY" a small one that only states its space."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data if space == "sRGB" else data[:16] + space.ljust(4).encode() + data[20:]


def _saved(format_name, mode="RGB", size=SIZE, **options):
    return functools.partial(_save, format_name, mode, size, options)


def _save(format_name, mode, size, options):
    return image_bytes(photo(mode, size), format_name, **options)


def _add_saved():
    accepted = {
        "baseline.jpg": _saved("JPEG"),
        "progressive.jpg": _saved("JPEG", progressive=True),
        "optimised_444.jpg": _saved("JPEG", subsampling=0, optimize=True),
        "grey.jpg": _saved("JPEG", "L"),
        "cmyk.jpg": _saved("JPEG", "CMYK"),
        "restart_markers.jpg": _saved("JPEG", restart_marker_rows=1),
        "rgb_profile.jpg": _saved("JPEG", icc_profile=profile()),
        "cmyk_profile.jpg": _saved("JPEG", "CMYK", icc_profile=profile("CMYK")),
        "grey_profile.jpg": _saved("JPEG", "L", icc_profile=profile("GRAY")),
        "odd_size.jpg": _saved("JPEG", size=(121, 83)),
        "true_colour.png": _saved("PNG"),
        "alpha.png": _saved("PNG", "RGBA"),
        "grey.png": _saved("PNG", "L"),
        "grey_alpha.png": _saved("PNG", "LA"),
        "palette.png": _saved("PNG", "P"),
        "palette_transparent.png": _saved("PNG", "P", transparency=3),
        "one_bit.png": _saved("PNG", "1"),
        "rgb_profile.png": _saved("PNG", icc_profile=profile()),
        "still.gif": _saved("GIF", "P"),
        "interlaced.gif": _saved("GIF", "P", interlace=1),
        "lossy.webp": _saved("WEBP"),
        "lossless.webp": _saved("WEBP", lossless=True),
        "alpha.webp": _saved("WEBP", "RGBA"),
        "extended.webp": _saved("WEBP", exif=b"Exif\0\0", icc_profile=profile()),
        "true_colour.bmp": _saved("BMP"),
        "grey.bmp": _saved("BMP", "L"),
        "palette.bmp": _saved("BMP", "P"),
        "one_bit.bmp": _saved("BMP", "1"),
        "alpha.bmp": _saved("BMP", "RGBA"),
    }
    for name, make in accepted.items():
        shown = (121, 83) if name == "odd_size.jpg" else SIZE
        prepared = None if name.startswith("cmyk") else "unchanged"
        add(name, "image", make, prepared=prepared, shown=shown)
    converted = {
        "plain.tiff": _saved("TIFF"),
        "lzw.tiff": _saved("TIFF", compression="tiff_lzw"),
        "jpeg.tiff": _saved("TIFF", compression="jpeg"),
        "fax.tiff": _saved("TIFF", "1", compression="group4"),
        "cmyk.tiff": _saved("TIFF", "CMYK"),
        "cmyk_profile.tiff": _saved("TIFF", "CMYK", icc_profile=profile("CMYK")),
        "lab.tiff": _saved("TIFF", "LAB"),
        "alpha.tiff": _saved("TIFF", "RGBA"),
        "grey_alpha.tiff": _saved("TIFF", "LA"),
        "plain.avif": _saved("AVIF"),
        "alpha.avif": _saved("AVIF", "RGBA"),
        "plain.jp2": _saved("JPEG2000"),
        "plain.ppm": _saved("PPM"),
        "grey.pgm": _saved("PPM", "L"),
        "plain.tga": _saved("TGA"),
        "plain.pcx": _saved("PCX", "P"),
        "plain.ico": _saved("ICO", "RGBA", (64, 64), sizes=[(64, 64)]),
    }
    for name, make in converted.items():
        shown = (64, 64) if name == "plain.ico" else SIZE
        add(name, "image", make, block="refused", shown=shown)


_add_saved()


@image("photo.heic", block="refused", shown=SIZE, about="an iPhone's photo")
def _heic():
    import pillow_heif  # noqa: PLC0415

    buffer = io.BytesIO()
    pillow_heif.from_pillow(photo()).save(buffer, quality=80)
    return buffer.getvalue()


def _oriented(orientation, format_name):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return image_bytes(photo(), format_name, exif=exif.tobytes())


for _orientation in range(2, 9):
    _shown = SIZE if _orientation < 5 else SIZE[::-1]
    add(
        f"orientation_{_orientation}.jpg",
        "image",
        functools.partial(_oriented, _orientation, "JPEG"),
        prepared="converted",
        shown=_shown,
        about="EXIF orientation",
    )
add(
    "orientation_6.png",
    "image",
    functools.partial(_oriented, 6, "PNG"),
    prepared="converted",
    shown=SIZE[::-1],
    about="EXIF orientation in PNG",
)


def _ramp(mode, greatest):
    width, height = SIZE
    image = Image.new(mode, SIZE)
    values = [greatest * x / (width - 1) for _ in range(height) for x in range(width)]
    image.putdata(values if mode == "F" else [round(value) for value in values])
    return image


@image("grey_16_bit.png", shown=SIZE, prepared=None, about="16-bit grey")
def _grey_16_png():
    return image_bytes(_ramp("I;16", 65535), "PNG")


@image("grey_16_bit.tiff", block="refused", shown=SIZE, about="a microscope's 16-bit grey")
def _grey_16_tiff():
    return image_bytes(_ramp("I;16", 65535), "TIFF")


@image("grey_32_bit.tiff", block="refused", shown=SIZE, about="32-bit grey")
def _grey_32_tiff():
    return image_bytes(_ramp("I", 2**31 - 1), "TIFF")


@image("grey_float.tiff", block="refused", shown=SIZE, about="floats from 0 to 1")
def _grey_float_tiff():
    return image_bytes(_ramp("F", 1.0), "TIFF")


@image("moving.gif", shown=SIZE, frames=5, about="an animation")
def _moving_gif():
    images = [photo("RGB").rotate(10 * index).convert("P") for index in range(5)]
    return image_bytes(images[0], "GIF", save_all=True, append_images=images[1:], duration=100)


@image("moving.webp", shown=SIZE, frames=5, about="an animation")
def _moving_webp():
    images = [photo("RGB").rotate(10 * index) for index in range(5)]
    return image_bytes(images[0], "WEBP", save_all=True, append_images=images[1:], duration=100)


@image("moving.png", shown=SIZE, frames=5, about="APNG")
def _moving_png():
    images = [photo("RGB").rotate(10 * index) for index in range(5)]
    return image_bytes(images[0], "PNG", save_all=True, append_images=images[1:], duration=100)


@image("two_photos.jpg", shown=SIZE, about="MPO: two photos in one JPEG")
def _mpo():
    return image_bytes(photo(), "MPO", save_all=True, append_images=[photo().rotate(180)])


@image(
    "camera_bytes_after_end.jpg", shown=SIZE, about="a phone's motion photo: bytes after the end"
)
def _bytes_after_end():
    return image_bytes(photo(), "JPEG") + b"MotionPhoto_Data" + bytes(500)


@image("double_start.jpg", block="refused", shown=SIZE, about="two start markers")
def _double_start():
    return b"\xff\xd8" + image_bytes(photo(), "JPEG")


@image("half.jpg", block="refused", shown=(400, 300), about="half of a JPEG")
def _half_jpeg():
    data = image_bytes(photo(size=(400, 300)), "JPEG")
    return data[: len(data) // 2]


@image(
    "no_end_marker.jpg", block="refused", shown=SIZE, about="a camera's JPEG without its end marker"
)
def _no_end():
    return image_bytes(photo(), "JPEG")[:-2]


@image("half.png", block="refused", shown=SIZE, about="half of a PNG")
def _half_png():
    data = image_bytes(photo(), "PNG")
    return data[: len(data) // 2]


@image("bad_idat.png", shown=SIZE, prepared="converted", about="a hole in the compressed pixels")
def _bad_idat():
    data = bytearray(image_bytes(photo(), "PNG"))
    at = data.index(b"IDAT")
    length = int.from_bytes(data[at - 4 : at], "big")
    middle = at + 4 + length // 3
    data[middle : middle + 40] = b"\xff" * 40
    data[at + 4 + length : at + 8 + length] = zlib.crc32(data[at : at + 4 + length]).to_bytes(
        4, "big"
    )
    return bytes(data)


@image("short.bmp", block="refused", shown=SIZE, about="two bytes short")
def _short_bmp():
    return image_bytes(photo(), "BMP")[:-2]


@image("half.gif", block="refused", prepared="refused", shown=SIZE, about="half of a GIF")
def _half_gif():
    data = image_bytes(photo("P"), "GIF")
    return data[: len(data) // 2]


@image("half.webp", block="refused", prepared="refused", shown=SIZE, about="half of a WebP")
def _half_webp():
    data = image_bytes(photo(), "WEBP", lossless=True)
    return data[: len(data) // 2]


@image("half.avif", block="refused", prepared="refused", about="half of an AVIF")
def _half_avif():
    data = image_bytes(photo(), "AVIF")
    return data[: len(data) // 2]


@image("tiny.png", shown=(5, 5), prepared="converted", about="sides under 9 pixels")
def _tiny():
    return image_bytes(photo("RGB", (5, 5)), "PNG")


@image("long.png", shown=(2100, 10), prepared="converted", about="210 times as wide as high")
def _long():
    return image_bytes(photo("RGB", (2100, 10)), "PNG")


@image("interlaced.png", shown=SIZE, about="Adam7")
def _interlaced():
    # One pass per row group would be long; passes of an image of one colour are all alike.
    width, height = SIZE
    rows = bytearray()
    for x0, y0, dx, dy in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        columns = -(-(width - x0) // dx)
        for y in range(y0, height, dy):
            rows += b"\0" + bytes([y * 3 % 256]) * columns
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(rows)))
        + _chunk(b"IEND", b"")
    )


def _chunk(name, body):
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


@image("page.svg", block="refused", prepared="refused", about="vector graphics")
def _svg():
    return b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'


@image("page.pdf", block="refused", prepared="refused", about="a document")
def _pdf():
    return image_bytes(photo(), "PDF")

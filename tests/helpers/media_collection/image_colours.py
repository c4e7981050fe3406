"""Images in colour spaces, with transparency and in orientations, of which the pixels are known."""

import struct
import zlib

from PIL import Image, ImageCms

from media_collection.image_files import (
    exchanged_profile,
    grey_profile,
    ink_profile,
    png,
    png_chunk,
    tiff,
)
from media_collection.image_pixels import SIZE, add_right, ramp, scene
from media_collection.writing import image_bytes


def _saved(image, format_name, **options):
    """Return a function that saves an image. An option may be a function too."""

    def save():
        given = {key: value() if callable(value) else value for key, value in options.items()}
        return image_bytes(image, format_name, **given)

    return save


def _lab():
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return image_bytes(ImageCms.profileToProfile(scene(), srgb, lab, outputMode="LAB"), "TIFF")


def _srgb_profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _linear_grey():
    return grey_profile(1.0)


def _add_spaces():
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    stored = ImageCms.profileToProfile(scene(), srgb, lab, outputMode="LAB")
    about = "LAB of 8 bits, which are coarse"
    add_right("scene_lab.tiff", _saved(stored, "TIFF"), scene(), about, tolerance=2, mean=True)
    inks = scene().convert("CMYK")
    add_right("scene_cmyk.tiff", _saved(inks, "TIFF"), scene(), "CMYK", tolerance=1)
    data = _saved(inks, "JPEG", quality=95)
    about = "CMYK as Adobe stores it: inverted"
    add_right("scene_cmyk.jpg", data, scene(), about, tolerance=4, mean=True)
    data = _saved(scene(), "TIFF", compression="jpeg", quality=95)
    add_right("scene_ycbcr.tiff", data, scene(), "YCbCr in TIFF", tolerance=2, mean=True)


def _add_profiles():
    stored, shown = Image.new("CMYK", SIZE), Image.new("RGB", SIZE, "white")
    for box, ink, colour in (
        ((40, 0, 120, 128), (255, 0, 0, 0), (200, 0, 0)),
        ((120, 0, 192, 128), (0, 0, 0, 255), (0, 0, 0)),
    ):
        stored.paste(ink, box)
        shown.paste(colour, box)
    about = "CMYK of a press whose cyan is red"
    data = _saved(stored, "TIFF", icc_profile=ink_profile)
    add_right("red_ink.tiff", data, shown, about, tolerance=4)
    data = _saved(stored, "JPEG", icc_profile=ink_profile, quality=95)
    add_right("red_ink.jpg", data, shown, about, tolerance=4, mean=True)
    data = _saved(scene(), "TIFF", icc_profile=exchanged_profile)
    exchanged = Image.merge("RGB", scene().split()[::-1])
    about = "a profile that exchanges red and blue"
    add_right("exchanged.tiff", data, exchanged, about, tolerance=3)
    data = _saved(ramp(), "TIFF", icc_profile=_linear_grey)
    linear = ramp().point(lambda value: round(255 * _srgb(value / 255)))
    about = "a profile for linear grey; it is dark where steps of 8 bits are coarse"
    add_right("linear_grey.tiff", data, linear, about, tolerance=10)


def _srgb(linear):
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def _add_profiles_without_effect():
    for name, profile, about in (
        ("srgb_profile", _srgb_profile, "sRGB itself"),
        ("grey_profile_on_rgb", _linear_grey, "a profile for other colours"),
        ("ink_profile_on_rgb", ink_profile, "a profile for other colours"),
        ("cut_profile", lambda: exchanged_profile()[:200], "a damaged profile"),
        (
            "empty_profile",
            lambda: exchanged_profile()[:128].ljust(132, b"\0"),
            "a profile without content",
        ),
        ("no_profile", b"not a profile", "text in place of a profile"),
    ):
        data = _saved(scene(), "TIFF", icc_profile=profile)
        add_right(f"{name}.tiff", data, scene(), about)
    data = _saved(ramp(), "TIFF", icc_profile=_srgb_profile)
    add_right("rgb_profile_on_grey.tiff", data, ramp(), "a profile for RGB on grey", tolerance=2)
    cyan = Image.new("CMYK", SIZE, (255, 0, 0, 0))
    data = _saved(cyan, "TIFF", icc_profile=exchanged_profile)
    shown = Image.new("RGB", SIZE, (0, 255, 255))
    add_right("rgb_profile_on_cmyk.tiff", data, shown, "a profile for RGB on CMYK")


def _veil():
    """Return an alpha channel that goes from transparent to opaque."""
    return ramp().point(lambda value: min(255, value * 2))


def _add_transparency():
    shown = scene()
    shown.putalpha(_veil())
    add_right("veiled.tiff", _saved(shown, "TIFF"), shown, "RGBA")
    opaque = scene()
    opaque.putalpha(255)
    data = _saved(opaque, "TIFF")
    add_right("opaque.tiff", data, scene(), "an alpha channel that hides nothing")
    greys = Image.merge("LA", (ramp(), _veil()))
    add_right("veiled_grey.tiff", _saved(greys, "TIFF"), greys.convert("RGBA"), "LA")
    rgba = {"bits": 8, "samples": 4, "photometric": 2}
    data = tiff(SIZE, shown.convert("RGBa").tobytes(), extra=[(338, 3, [1])], **rgba)
    add_right("premultiplied.tiff", data, shown, "premultiplied RGBA", tolerance=2)
    data = tiff(SIZE, shown.tobytes(), extra=[(338, 3, [0])], **rgba)
    add_right("fourth_channel.tiff", data, scene(), "a fourth channel that is no alpha")
    palette = scene().quantize(16)
    veiled = palette.convert("RGBA")
    alpha = Image.frombytes(
        "L", SIZE, bytes((0, 128)[i] if i < 2 else 255 for i in palette.tobytes())
    )
    veiled.putalpha(alpha)
    data = _saved(palette, "PNG", transparency=bytes([0, 128]))
    add_right("palette_alpha.png", data, veiled, "a palette with alpha", prepared="unchanged")
    data = _saved(palette, "GIF", transparency=3)
    veiled = palette.convert("RGBA")
    veiled.putalpha(Image.frombytes("L", SIZE, bytes(255 * (i != 3) for i in palette.tobytes())))
    add_right("hidden_colour.gif", data, veiled, "a transparent colour", prepared="unchanged")
    _add_deep_colour()


def _add_deep_colour():
    width, height = SIZE
    pixels = [[scene().getpixel((x, y)) for x in range(width)] for y in range(height)]
    rows = [
        b"".join(struct.pack(">3H", *(c * 257 for c in pixel)) for pixel in row) for row in pixels
    ]
    red = (220, 40, 30)
    key = (b"tRNS", struct.pack(">3H", *(value * 257 for value in red)))
    shown = scene()
    alpha = bytes(0 if pixel == red else 255 for row in pixels for pixel in row)
    shown.putalpha(Image.frombytes("L", SIZE, alpha))
    data = png(SIZE, 16, 2, rows, key)
    about = "a transparent colour of 16 bits"
    add_right("key_rgb_16.png", data, shown, about, prepared="unchanged")


def _add_few_bits():
    width, height = SIZE
    pixels = [[scene().getpixel((x, y)) for x in range(width)] for y in range(height)]
    rows = [
        b"".join(struct.pack(">3H", *(c * 16 for c in pixel)) for pixel in row) for row in pixels
    ]
    dark = scene().point(lambda value: value * 16 >> 8)
    about = "12 bits in 16 in colour: what is left of them"
    add_right("12_in_16_rgb.png", png(SIZE, 16, 2, rows), dark, about)


_STORED = {
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_90],
    6: [Image.Transpose.ROTATE_90],
    7: [Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_270],
    8: [Image.Transpose.ROTATE_270],
}
"""What to do to an upright image, in this order, to store it under an EXIF orientation."""


def _add_orientations():
    for orientation, methods in _STORED.items():
        stored = scene()
        for method in methods:
            stored = stored.transpose(method)
        exif = Image.Exif()
        exif[0x0112] = orientation
        for suffix, format_name, tolerance, options in (
            ("jpg", "JPEG", 5, {"quality": 95}),
            ("png", "PNG", 0, {}),
            ("webp", "WEBP", 0, {"lossless": True}),
            ("tiff", "TIFF", 0, {}),
        ):
            data = _saved(stored, format_name, exif=exif.tobytes(), **options)
            name = f"turned_{orientation}.{suffix}"
            add_right(
                name, data, scene(), "EXIF orientation", tolerance=tolerance, mean=suffix == "jpg"
            )


def _add_apple():
    shown = scene()
    shown.putalpha(_veil())
    for name, colour_type, image, mode in (
        ("apple_alpha.png", 6, shown, "RGBa"),
        ("apple.png", 2, scene(), "RGB"),
    ):
        red, green, blue, *alpha = image.convert(mode).split()
        stored = Image.merge(image.mode, (blue, green, red, *alpha)).tobytes()
        width = SIZE[0] * len(image.mode)
        rows = b"".join(b"\0" + stored[at : at + width] for at in range(0, len(stored), width))
        deflater = zlib.compressobj(wbits=-15)
        header = struct.pack(">IIBBBBB", *SIZE, 8, colour_type, 0, 0, 0)
        chunks = [
            (b"CgBI", bytes.fromhex("50002002")),
            (b"IHDR", header),
            (b"IDAT", deflater.compress(rows) + deflater.flush()),
            (b"IEND", b""),
        ]
        data = b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)
        about = "Xcode's PNG: bare deflate, blue first, premultiplied"
        add_right(name, data, image, about, tolerance=2, block="refused")


def _add_animations():
    frames = [scene(), scene().rotate(180), ramp().convert("RGB")]
    options = {"save_all": True, "append_images": frames[1:], "duration": 100}
    for name, more in (("PNG", {}), ("WEBP", {"lossless": True})):
        data = _saved(frames[0], name, **options, **more)
        file = f"animated.{name.lower()}"
        add_right(file, data, scene(), "an animation", frames=3, prepared="unchanged")
    gif = [frame.quantize(64) for frame in frames]
    data = _saved(gif[0], "GIF", save_all=True, append_images=gif[1:], duration=100)
    shown = gif[0].convert("RGB")
    add_right("animated.gif", data, shown, "an animation", frames=3, prepared="unchanged")


_add_spaces()
_add_profiles()
_add_profiles_without_effect()
_add_transparency()
_add_few_bits()
_add_orientations()
_add_apple()
_add_animations()

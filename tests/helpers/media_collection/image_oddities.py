"""Images that differ in one way: variants of the formats that few programs write."""

import functools
import io
import struct
import zlib

from PIL import Image, PngImagePlugin

from media_collection.images import SIZE, photo
from media_collection.registry import add, adder
from media_collection.writing import image_bytes

image = adder("image")

WIDTH, HEIGHT = SIZE


def png(*chunks):
    """Return a PNG of chunks: (name, body)."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")
        for name, body in chunks
    )


def _raw_png(depth, colour_type, bytes_per_row, *before):
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour_type, 0, 0, 0)
    rows = b"".join(
        b"\0" + bytes((x * 2 + y) % 256 for x in range(bytes_per_row)) for y in range(HEIGHT)
    )
    return png((b"IHDR", header), *before, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


_PALETTE = (b"PLTE", bytes(range(48)))
_RAW = {
    "rgb_16_bit.png": (16, 2, WIDTH * 6),
    "rgba_16_bit.png": (16, 6, WIDTH * 8),
    "grey_alpha_16_bit.png": (16, 4, WIDTH * 4),
    "grey_2_bit.png": (2, 0, WIDTH // 4),
    "grey_4_bit.png": (4, 0, WIDTH // 2),
    "palette_4_bit.png": (4, 3, WIDTH // 2, _PALETTE),
    "rgb_transparent.png": (8, 2, WIDTH * 3, (b"tRNS", struct.pack(">HHH", 2, 4, 6))),
    "gamma.png": (8, 2, WIDTH * 3, (b"gAMA", struct.pack(">I", 45455)), (b"sRGB", b"\0")),
}
for _name, _parts in _RAW.items():
    add(_name, "image", functools.partial(_raw_png, *_parts), prepared=None, shown=SIZE)


@image("text.png", shown=SIZE, about="long texts before the pixels")
def _text_png():
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "generated " * 3000, zip=True)
    return image_bytes(photo(), "PNG", pnginfo=info)


@image("bytes_after_end.png", shown=SIZE, about="bytes after the last chunk")
def _after_png():
    return image_bytes(photo(), "PNG") + bytes(100)


@image("many_idat.png", shown=SIZE, about="pixels in many small chunks")
def _many_idat():
    whole = image_bytes(photo(), "PNG")
    at = whole.index(b"IDAT")
    size = int.from_bytes(whole[at - 4 : at], "big")
    pixels = whole[at + 4 : at + 4 + size]
    pieces = [(b"IDAT", pixels[i : i + 100]) for i in range(0, size, 100)]
    return png((b"IHDR", whole[16:29]), *pieces, (b"IEND", b""))


@image("no_end.png", block="refused", shown=SIZE, about="without its last chunk")
def _no_end():
    return image_bytes(photo(), "PNG")[:-12]


@image("bad_checksum.png", shown=SIZE, prepared="converted", about="a wrong checksum of the pixels")
def _bad_checksum():
    data = bytearray(image_bytes(photo(), "PNG"))
    data[data.rindex(b"IEND") - 5] ^= 255
    return bytes(data)


def _exif(**tags):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Camera", "Model"
    for tag, value in tags.items():
        exif[int(tag[1:], 16)] = value
    return exif.tobytes()


@image("fill_bytes.jpg", shown=SIZE, about="fill bytes between the segments")
def _fill_bytes():
    data = image_bytes(photo(), "JPEG")
    at = data.index(b"\xff\xdb")
    return data[:at] + b"\xff\xff\xff" + data[at:]


@image("comment.jpg", shown=SIZE, about="a comment and a long maker's segment")
def _comment():
    data = image_bytes(photo(), "JPEG", comment=b"x" * 60_000, exif=_exif())
    return data[:2] + b"\xff\xed" + (60_002).to_bytes(2, "big") + bytes(60_000) + data[2:]


@image(
    "wrong_orientation.jpg",
    shown=SIZE,
    prepared=None,
    about="an orientation that EXIF does not know",
)
def _wrong_orientation():
    return image_bytes(photo(), "JPEG", exif=_exif(x0112=0))


@image("broken_exif.jpg", shown=SIZE, prepared=None, about="EXIF that cannot be read")
def _broken_exif():
    return image_bytes(photo(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 20)


@image("jfif_after_exif.jpg", shown=SIZE, about="EXIF before JFIF")
def _exif_first():
    plain = image_bytes(photo(), "JPEG")
    body = _exif()
    return plain[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + plain[2:]


@image("line_of_garbage.jpg", shown=SIZE, prepared=None, about="damage in the compressed pixels")
def _garbage():
    data = bytearray(image_bytes(photo(), "JPEG"))
    at = data.index(b"\xff\xda") + 200
    data[at : at + 8] = bytes(8)
    return bytes(data)


@image("missing_blocks.jpg", block="refused", shown=SIZE, about="its last tenth is gone")
def _missing_blocks():
    data = image_bytes(photo(), "JPEG")
    return data[: len(data) * 9 // 10]


@image("no_trailer.gif", shown=SIZE, prepared=None, about="without its last byte")
def _no_trailer():
    return image_bytes(photo("P"), "GIF")[:-1]


@image("comment.gif", shown=SIZE, prepared=None, about="a comment and bytes after the end")
def _comment_gif():
    return image_bytes(photo("P"), "GIF", comment=b"made by hand") + bytes(20)


@image("transparent.gif", shown=SIZE, prepared=None, about="transparent pixels")
def _transparent_gif():
    return image_bytes(photo("P"), "GIF", transparency=0)


@image("many_frames.gif", shown=(16, 16), frames=200, prepared=None, about="200 frames")
def _many_frames():
    frames = [Image.new("P", (16, 16), index) for index in range(200)]
    return image_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:], optimize=False)


@image("upside_down.bmp", shown=SIZE, prepared=None, about="its rows from top to bottom")
def _top_down():
    data = bytearray(image_bytes(photo(), "BMP"))
    data[22:26] = struct.pack("<i", -HEIGHT)
    return bytes(data)


@image("zero_size.bmp", shown=SIZE, prepared=None, about="a pixel length of 0, which BMP allows")
def _zero_size():
    data = bytearray(image_bytes(photo(), "BMP"))
    data[2:6] = bytes(4)
    data[34:38] = bytes(4)
    return bytes(data)


@image("16_bit.bmp", shown=SIZE, prepared=None, about="5 bits per colour")
def _bmp_16():
    rows = b"".join(
        struct.pack("<H", (x * 257 + y) % 32768) for y in range(HEIGHT) for x in range(WIDTH)
    )
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 16, 0, len(rows), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) + info + rows


@image("odd_chunk.webp", shown=SIZE, prepared=None, about="a chunk that nobody knows")
def _unknown_chunk():
    data = image_bytes(photo(), "WEBP", exif=_exif())
    body = data[12:] + b"XYZW" + struct.pack("<I", 3) + b"abc\0"
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


@image("two_pages.tiff", block="refused", shown=SIZE, about="a scan of two pages")
def _two_pages():
    pages = [photo(), photo().rotate(180)]
    return image_bytes(pages[0], "TIFF", save_all=True, append_images=pages[1:])


@image("deflate.tiff", block="refused", shown=SIZE, about="compressed as in ZIP")
def _deflate():
    return image_bytes(photo(), "TIFF", compression="tiff_adobe_deflate")


@image("big_endian.tiff", block="refused", shown=SIZE, about="its bytes the other way round")
def _big_endian():
    stream = io.BytesIO()
    big = photo("L").convert("I;16B")
    big.save(stream, "TIFF")
    return stream.getvalue()


@image("12_bit.tiff", block="refused", shown=SIZE, about="12 bits stored in 16")
def _twelve_bit():
    deep = Image.new("I;16", SIZE)
    deep.putdata([4095 * x // (WIDTH - 1) for _ in range(HEIGHT) for x in range(WIDTH)])
    return image_bytes(deep, "TIFF")


@image("rotated.tiff", block="refused", shown=SIZE[::-1], about="orientation in a TIFF")
def _rotated_tiff():
    return image_bytes(photo(), "TIFF", tiffinfo={0x0112: 6})


@image("half.tiff", block="refused", shown=SIZE, prepared="refused", about="half of a TIFF")
def _half_tiff():
    data = image_bytes(photo(), "TIFF", compression="tiff_lzw")
    return data[: len(data) - 200]


@image("mac.icns", block="refused", shown=(1024, 1024), prepared=None, about="an icon of macOS")
def _icns():
    return image_bytes(photo("RGBA", (128, 128)), "ICNS")


@image("moving.avif", block="refused", shown=SIZE, about="an animation")
def _moving_avif():
    frames = [photo().rotate(20 * index) for index in range(3)]
    return image_bytes(frames[0], "AVIF", save_all=True, append_images=frames[1:], duration=100)


for _name, _data in {
    "error_page.png": b"<html><body>403 Forbidden</body></html>",
    "empty.png": b"",
    "signature_only.png": b"\x89PNG\r\n\x1a\n",
    "text.jpg": b"This is not an image.",
    "zip.jpg": b"PK\x03\x04" + bytes(100),
}.items():
    add(
        _name,
        "image",
        functools.partial(bytes, _data),
        block="refused",
        prepared="refused",
        about="no image at all",
    )

"""Writes image files and colour profiles that Pillow does not write."""

import functools
import itertools
import struct
import zlib
from array import array

from PIL import Image, ImageCms


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(size, depth, colour, rows, *chunks):
    """Return a PNG of raw rows, with chunks (name, body) before the pixels."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def tiff(size, pixels, *, bits, sample_format=1, samples=1, photometric=1, extra=(), order="<"):
    """Return an uncompressed TIFF in one strip; `extra` are entries (tag, type, count, value)."""
    width, height = size
    offset = 8
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (259, 3, 1, 1), (262, 3, 1, photometric),
        (277, 3, 1, samples), (278, 4, 1, height), (279, 4, 1, len(pixels)), (273, 4, 1, offset),
    ]  # fmt: skip
    tail = b""
    after = offset + len(pixels)

    def stored(values, code):
        nonlocal tail
        packed = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(packed) <= 4:
            return packed.ljust(4, b"\0")
        at = after + len(tail)
        tail += packed + bytes(len(packed) % 2)
        return struct.pack(order + "I", at)

    raw = {258: stored([bits] * samples, "H"), 339: stored([sample_format] * samples, "H")}
    for tag, kind, values in extra:
        raw[tag] = stored(values, {2: "B", 3: "H", 7: "B"}[kind])
        entries.append((tag, kind, len(values), None))
    entries += [(258, 3, samples, None), (339, 3, samples, None)]
    body = b""
    for tag, kind, count, value in sorted(entries, key=lambda entry: entry[0]):
        field = (
            raw[tag]
            if value is None
            else (struct.pack(order + ("Hxx" if kind == 3 else "I"), value))
        )
        body += struct.pack(order + "HHI", tag, kind, count) + field
    directory = struct.pack(order + "H", len(entries)) + body + bytes(4)
    start = b"II*\0" if order == "<" else b"MM\0*"
    at = after + len(tail) + (after + len(tail)) % 2
    return start + struct.pack(order + "I", at) + pixels + tail.ljust(at - after, b"\0") + directory


def swapped(data):
    """Return 16-bit numbers in the other byte order."""
    values = array("H", data)
    values.byteswap()
    return values.tobytes()


def numbers(code, least, greatest, size):
    """Return the ramp as packed little-endian numbers from `least` to `greatest`."""
    width, height = size
    row = [least + (greatest - least) * x / (width - 1) for x in range(width)]
    values = row if code in "fd" else [round(value) for value in row]
    return struct.pack(f"<{width}{code}", *values) * height


def icc_profile(space, tags, pcs=b"XYZ "):
    """Return an ICC profile of version 2 with these tags."""
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": _xyz(0.9642, 1.0, 0.8249),
        **tags,
    }
    table, data, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, unpadded in tags.items():
        body = unpadded.ljust(-(-len(unpadded) // 4) * 4, b"\0")
        table += name + struct.pack(">II", at + len(data), len(body))
        data += body
    size = 128 + len(table) + len(data)
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    head = struct.pack(
        ">I4sI4s4s4s12s4s", size, b"lcms", 0x02400000, kind, space, pcs, bytes(12), b"acsp"
    )
    head += bytes(28) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + table + data


def _xyz(*values):
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _gamma(value):
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(value * 256))


def exchanged_profile():
    """Return a profile whose red is sRGB's blue, and the other way round."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


def grey_profile(gamma):
    """Return a profile for grey of this gamma."""
    return icc_profile(b"GRAY", {b"kTRC": _gamma(gamma)})


@functools.cache
def ink_profile():
    """Return a profile for CMYK whose cyan ink is red, so that it cannot be taken for another."""
    colours = Image.frombytes("RGB", (3, 1), bytes([255, 255, 255, 200, 0, 0, 0, 0, 0]))
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(colours, srgb, lab, outputMode="LAB")
    white, red, black = (bytes(converted.getpixel((x, 0))) for x in range(3))
    corners = b"".join(
        black if key else red if cyan else white
        for cyan, _, _, key in itertools.product((0, 1), repeat=4)
    )
    line = bytes(range(256))
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + line * 4 + corners + line * 3
    return icc_profile(b"CMYK", {b"A2B0": lut}, b"Lab ")

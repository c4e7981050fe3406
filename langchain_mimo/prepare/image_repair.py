"""Completes damaged JPEG, PNG and BMP files, so that Pillow decodes what is left of them.

Nothing is invented: what is missing is known by its rows, which the caller makes grey. How it is
known depends on the format.

- PNG: the compressed pixels are inflated up to the damage, and the complete rows counted.
- BMP: its rows are not compressed, so those that the file has are counted.
- JPEG: the file is ended in two ways, once by its end marker alone and once by other bytes before
  it. Up to the damage both decode alike, and from there on they differ.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_mimo._media.formats import BMP, JPEG, PNG, Format
from langchain_mimo._media.limits import BOMB_PIXELS
from langchain_mimo.prepare.image_sides import check_pixels

if TYPE_CHECKING:
    from PIL.Image import Image

Decode = Callable[[bytes], "Image"]

_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_OTHER_BYTES = bytes(range(1, 200))
"""Bytes that no image has at its end, and no marker of JPEG's."""

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset({b"PLTE", b"tRNS", b"iCCP", b"eXIf"})
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_LAST_FILTER = 4
_APPLE = b"CgBI"
_PIECE = 4096
_INFLATED_AT_ONCE = 1 << 23
_MAX_INFLATED = 8 * BOMB_PIXELS + (1 << 23)
"""Bytes inflated at once; when they are damaged, those before the damage are inflated singly."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """A repaired image file.

    Attributes:
        image: The image, decoded.
        missing: The rows that are missing, from the top and as stored.
        note: What was done, or an empty string.
    """

    image: Image
    missing: range
    note: str


def repair(found: Format | None, data: bytes, decode: Decode) -> Repaired | None:
    """Repair an image that Pillow does not decode.

    Args:
        found: Its format.
        data: Its bytes.
        decode: Decodes the bytes of an image.

    Returns:
        The image, or None if this format is not repaired or nothing is left of the image.

    Raises:
        MediaError: It has too many pixels; or, from `decode`, it cannot be decoded after all.
    """
    if found is JPEG:
        return _repair_jpeg(data, decode)
    if found is PNG:
        return _repair_png(data, decode)
    if found is BMP:
        return _repair_bmp(data, decode)
    return None


def _repair_jpeg(data: bytes, decode: Decode) -> Repaired:
    start = 0
    while data.startswith(_JPEG_START, start + 2):
        start += 2
    done = ["Removed a second start marker."] if start else []
    data = data[start:]
    if _JPEG_END in data[-2:]:
        return Repaired(decode(data), range(0), " ".join(done))
    from PIL import ImageChops  # noqa: PLC0415 - Pillow is slow to import

    data = data.rstrip(b"\xff\0")  # half of a marker, or zeros in place of what is missing
    image, other = decode(data + _JPEG_END), decode(data + _OTHER_BYTES + _JPEG_END)
    box = ImageChops.difference(image, other).getbbox()
    if box is None:
        return Repaired(image, range(0), " ".join([*done, "Added its end marker."]))
    if "progressive" in image.info:  # it is built up in passes: all rows are there, but coarse
        done.append("Its end is missing: it is progressive, so details may be missing everywhere.")
        return Repaired(image, range(0), " ".join(done))
    return Repaired(image, range(box[1], image.height), " ".join(done))


def _repair_bmp(data: bytes, decode: Decode) -> Repaired | None:
    if len(data) < 34:
        return None
    pixels_at, header_size = struct.unpack_from("<II", data, 10)
    if header_size == 12:
        width, height, _, depth = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, depth, compression = struct.unpack_from("<iiHHI", data, 18)
    if compression not in (0, 3):
        return None
    check_pixels(width, abs(height))
    row = -(-width * depth // 32) * 4
    lacking = pixels_at + row * abs(height) - len(data)
    if width < 1 or not 0 < lacking < row * abs(height):
        return None
    image = decode(data + bytes(lacking))
    padding = row - -(-width * depth // 8)
    rows = -(-max(0, lacking - padding) // row)
    # The rows of most BMPs begin at the bottom, so the top is missing.
    missing = range(rows) if height > 0 else range(-height - rows, -height)
    return Repaired(image, missing, f"Added {lacking:,} missing bytes at its end.")


def _repair_png(data: bytes, decode: Decode) -> Repaired | None:
    chunks = list(_png_chunks(data))
    header = next((body for name, body, _ in chunks if name == b"IHDR" and len(body) == 13), None)
    if header is None:
        return None
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    check_pixels(width, height)
    row = 1 + -(-width * depth * _PNG_CHANNELS.get(colour, 0) // 8)
    pixels = _Pixels(row, height, is_interlaced=bool(interlaced))
    for name, body, fine in chunks:
        if name == b"IDAT":
            pixels.add(body, fine=fine)
    compressed = pixels.finish()
    if compressed is None:
        return None
    kept = [_png_chunk(name, body) for name, body, fine in chunks if name in _PNG_KEPT and fine]
    rebuilt = [_PNG_START, _png_chunk(b"IHDR", header), *kept, _png_chunk(b"IDAT", compressed)]
    image = decode(b"".join([*rebuilt, _png_chunk(b"IEND", b"")]))
    rows = height if interlaced else pixels.inflated // row
    if chunks[0][0] == _APPLE and pixels.is_bare:
        note = "Converted it from the PNG variant of Apple's Xcode."
        return Repaired(_from_apple(image), range(rows, height), note)
    note = "Wrote its chunks again: some are damaged."
    if pixels.is_damaged:
        note = (
            f"Its pixels are damaged: the rows from {pixels.trusted // row + 1:,} on may be wrong."
        )
    return Repaired(image, range(rows, height), note)


def _from_apple(image: Image) -> Image:
    """Exchange red and blue, and divide the colours by the alpha, which they were multiplied by."""
    from PIL import Image as pillow  # noqa: N813, PLC0415

    if image.mode not in ("RGB", "RGBA"):
        return image
    blue, green, red, *alpha = image.split()
    if not alpha:
        return pillow.merge("RGB", (red, green, blue))
    return pillow.merge("RGBa", (red, green, blue, *alpha)).convert("RGBA")


def png_is_intact(data: bytes) -> bool:
    """Whether a PNG is complete, its checksums are right and its pixels inflate to the end."""
    inflater, inflated = zlib.decompressobj(), 0
    for name, body, fine in _png_chunks(data):
        if not fine:
            return False
        try:
            while name == b"IDAT" and body and not inflater.eof:
                inflated += len(inflater.decompress(body, _INFLATED_AT_ONCE))
                body = inflater.unconsumed_tail  # noqa: PLW2901
        except zlib.error:
            return False
        if inflated > _MAX_INFLATED:
            return False
    return inflater.eof


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield the chunks of a PNG, also incomplete ones, and whether each is complete and right."""
    at = len(_PNG_START)
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        body, checksum = data[at + 8 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        yield name, body, checksum == zlib.crc32(name + body).to_bytes(4, "big")
        if name == b"IEND":
            return
        at += 12 + length
    yield b"", b"", False


def _png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


class _Pixels:
    """Inflates the pixels of a PNG up to the damage, and compresses them again.

    Attributes:
        inflated: Bytes that were inflated, at most those of the whole image.
        trusted: Bytes that were inflated before the first chunk with a wrong checksum; 0 when all
            checksums are right, which then say nothing about the damage.
        is_damaged: Whether they are damaged, and not just cut off.
        is_bare: Whether they are a bare deflate stream, without the header of zlib's.
    """

    def __init__(self, row: int, height: int, *, is_interlaced: bool) -> None:
        self.inflated = self.trusted = 0
        self.is_damaged = False
        self.is_bare = False
        self._row = row
        self._size = row * height
        self._is_interlaced = is_interlaced
        self._inflater = zlib.decompressobj()
        self._deflater = zlib.compressobj(1)
        self._output = io.BytesIO()
        self._begun = self._ended = self._is_trusted = False

    def add(self, body: bytes, *, fine: bool) -> None:
        """Inflate the body of a chunk, whose checksum is right or not."""
        self._is_trusted = self._is_trusted and fine
        if not self._begun and body:
            self._begun, self._is_trusted = True, fine
            self.is_bare = body[0] & 15 != 8 or int.from_bytes(body[:2], "big") % 31 != 0
            if self.is_bare:
                self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        for at in range(0, len(body), _PIECE):
            if self.is_damaged:
                return
            self._inflate(body[at : at + _PIECE])
        if self._is_trusted:
            self.trusted = self.inflated

    def _inflate(self, piece: bytes) -> None:
        before = self._inflater.copy()
        try:
            self._keep(self._inflater, piece)
        except zlib.error:
            self.is_damaged = True
            try:
                for value in piece:
                    self._keep(before, bytes([value]))
            except zlib.error:
                return

    def _keep(self, inflater: zlib._Decompress, piece: bytes) -> None:
        while piece and not self._ended:
            raw = inflater.decompress(piece, _INFLATED_AT_ONCE)
            piece = inflater.unconsumed_tail
            kept = self._plausible(raw[: self._size - self.inflated])
            self.inflated += len(kept)
            self._output.write(self._deflater.compress(kept))
            # Once it has all pixels, it goes on to the checksum behind them, but not far.
            self._ended = self._ended or len(raw) > len(kept)

    def _plausible(self, raw: bytes) -> bytes:
        """Return what comes before the first row that begins with no known filter."""
        first = -self.inflated % self._row
        for at in range(first, 0 if self._is_interlaced else len(raw), self._row):
            if raw[at] > _LAST_FILTER:
                self._ended = self.is_damaged = True
                return raw[:at]
        return raw

    def finish(self) -> bytes | None:
        """Return the pixels, with zeros for what is missing; None if that helps nothing."""
        if not self.inflated or (self._is_interlaced and self.inflated < self._size):
            return None
        self.trusted = 0 if self._is_trusted else self.trusted
        left = self._size - self.inflated
        while left > 0:
            zeros = bytes(min(1 << 20, left))
            self._output.write(self._deflater.compress(zeros))
            left -= len(zeros)
        return self._output.getvalue() + self._deflater.flush()

"""Opens an image: decodes it to its last row, repairs it if it is damaged, or refuses it.

Pillow decodes in C and cannot be interrupted there. But it reads a file piece by piece, so the file
that it gets here asks the clock before every read; that ends loops over millions of frames too.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from langchain_mimo._media import formats
from langchain_mimo._media.file_kinds import unopenable_reason
from langchain_mimo._media.formats import Format
from langchain_mimo._media.headers.images import jpeg_is_sequential
from langchain_mimo._media.headers.probe import probe
from langchain_mimo._media.headers.reader import HeaderReader
from langchain_mimo._media.identify import HEAD_BYTES, identify
from langchain_mimo._media.image_colours import correct_transparent_colour
from langchain_mimo._media.inspection import inspect
from langchain_mimo._media.limits import BOMB_PIXELS
from langchain_mimo._media.pillow_errors import UndecodableImageError, pillow_errors
from langchain_mimo._media.readers import SeekingReader
from langchain_mimo.errors import MediaError, MiMoConfigurationError
from langchain_mimo.prepare.image_orientation import stored_orientation
from langchain_mimo.prepare.image_repair import png_is_intact, repair
from langchain_mimo.prepare.image_sides import check_pixels
from langchain_mimo.version import install_command

if TYPE_CHECKING:
    from PIL.Image import Image

_READABLE = (
    "PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "ICO", "JPEG2000", "PPM", "TGA",
    "PSD", "PCX", "DIB", "ICNS",
)  # fmt: skip
_MAX_REPAIRED_BYTES = 1 << 28
_MIN_SHARE_LEFT = 0.1
_TIFF_BITS = 258
_ICO_START, _ICNS_START = b"\0\0\1\0", b"icns"


@dataclass(slots=True)
class OpenedImage:
    """A decoded image.

    Attributes:
        image: Its first frame as stored, decoded. A TIFF is upright already.
        format: Pillow's name of its format.
        size: Width and height in the file; it may have been decoded at a reduced size.
        orientation: Its EXIF orientation, 1 to 8.
        frames: Number of frames; of a GIF, counted up to 1000.
        missing: The rows that are missing, from the top.
        mime_type: The MIME type under which blocks send the file, or None when they refuse it.
        notes: Why they refuse it, if it is one of their formats, and what had to be done to decode
            it.
    """

    image: Image
    format: str
    size: tuple[int, int]
    orientation: int
    frames: int
    missing: range = range(0)
    mime_type: str | None = None
    notes: tuple[str, ...] = ()


class _ClockedFile:
    """A file that asks the clock whenever it is read."""

    def __init__(self, file: IO[bytes], check: Callable[[], None]) -> None:
        self._file = file
        self._check = check

    def read(self, size: int = -1) -> bytes:
        self._check()
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def open_image(file: IO[bytes], check: Callable[[], None]) -> OpenedImage:
    """Open an image and decode its first frame to the last row.

    Args:
        file: The file; it is not closed.
        check: Called often; raises when the time limit has expired.

    Raises:
        MediaError: It is not an image that Pillow reads, has too many pixels, or is damaged beyond
            repair.
        MiMoConfigurationError: It is HEIC and pillow-heif is not installed.
    """
    file.seek(0)
    found = identify(file.read(HEAD_BYTES))
    mime_type, refusal = _said_by_blocks(file)
    try:
        opened = _decode(file, found, check)
    except UndecodableImageError:
        check()
        repaired = _repaired(file, found, check)
        if repaired is None:
            raise
        opened = repaired
    else:
        if refusal or (found is formats.PNG and not png_is_intact(_read(file))):
            opened = _repaired_although_decoded(file, found, check) or opened
    opened.mime_type = mime_type
    if refusal and found is not None and "image" in found.mime_types:
        opened.notes = (f"MiMo would refuse it: {refusal.partition(';')[0]}.", *opened.notes)
    return opened


def _repaired_although_decoded(
    file: IO[bytes], found: Format | None, check: Callable[[], None]
) -> OpenedImage | None:
    """Repair a file that Pillow decodes: it takes zeros for pixels, and looks at few checksums."""
    try:
        return _repaired(file, found, check)
    except UndecodableImageError:
        check()
        return None


def _said_by_blocks(file: IO[bytes]) -> tuple[str | None, str]:
    """Return the MIME type under which blocks send a file, or why they refuse it."""
    try:
        return inspect("image", None, SeekingReader(file)).mime_type, ""
    except ValueError as error:
        return None, str(error)


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def later_frames_decode(file: IO[bytes], opened: OpenedImage, check: Callable[[], None]) -> bool:
    """Whether the other frames of an animation decode too.

    As many are looked at as have together the pixels of the largest image that is decoded.
    """
    from PIL import Image as pillow  # noqa: N813, PLC0415 - Pillow is slow to import

    width, height = opened.size
    count = min(opened.frames, BOMB_PIXELS // (width * height))
    file.seek(0)
    try:
        with pillow_errors():
            clocked = cast("IO[bytes]", _ClockedFile(file, check))
            image = pillow.open(clocked, formats=[opened.format])
            for index in range(1, count):
                image.seek(index)
                image.load()
    except UndecodableImageError:
        check()
        return False
    return True


def _decode(file: IO[bytes], found: Format | None, check: Callable[[], None]) -> OpenedImage:
    file.seek(0)
    image = _open(file, found, check)
    name, size, notes = str(image.format), image.size, []
    if size[0] * size[1] > BOMB_PIXELS and found is formats.JPEG:
        notes += _reduce(image, file)
    check_pixels(*image.size)
    orientation = stored_orientation(image) if name == "TIFF" else 1  # Pillow turns it upright
    file_position = file.tell()
    frames = _count_frames(file, found, image)
    file.seek(file_position)
    with pillow_errors():
        image.load()
    depth = _depth(file, image)
    if name == "PNG":
        correct_transparent_colour(image, depth)
    if depth == 16 and _is_almost_black(image):
        notes.append(
            "It is almost black: its 16-bit colours use 12 bits or fewer, of which only the "
            "highest are kept. Scale them with the program that wrote them."
        )
    orientation = orientation if name == "TIFF" else stored_orientation(image)
    return OpenedImage(image, name, size, orientation, frames, notes=tuple(notes))


def _depth(file: IO[bytes], image: Image) -> int:
    """Return the bits per channel of a PNG or TIFF; 8 for others."""
    if image.format == "PNG":
        return SeekingReader(file).read(24, 1)[0]
    tags = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    return int(tags.get(_TIFF_BITS, (8,))[0])


def _is_almost_black(image: Image) -> bool:
    """Whether of all colours only the lowest four of 8 bits are used, and of some these are."""
    if image.mode not in ("RGB", "RGBA"):
        return False
    with pillow_errors():
        extrema: Any = [image.getchannel(band).getextrema() for band in "RGB"]
    return bool(0 < max(greatest for _, greatest in extrema) < 16)


def _open(original: IO[bytes], found: Format | None, check: Callable[[], None]) -> Image:
    """Read the header; pixels are not decoded yet."""
    from PIL import Image as pillow  # noqa: N813, PLC0415 - Pillow is slow to import
    from PIL import JpegImagePlugin, UnidentifiedImageError  # noqa: PLC0415

    file = cast("IO[bytes]", _ClockedFile(original, check))
    if found is formats.HEIC:
        return _open_heic(file)
    with pillow_errors(f"it is {_name(found)} and cannot be opened"):
        try:
            if found is formats.JPEG:  # `open` refuses many pixels that are few at a reduced size
                return cast("Image", JpegImagePlugin.jpeg_factory(file))
            _check_icon(file)
            return pillow.open(file, formats=_readable_formats(pillow))
        except UnidentifiedImageError:  # its text names an object of Python
            raise UndecodableImageError(_unreadable(original, found)) from None
        except pillow.DecompressionBombError:
            raise MediaError(
                "it has very many pixels and may be a decompression bomb, so it is not decoded; "
                "shrink it with a program you trust"
            ) from None


def _name(found: Format | None) -> str:
    return found.name if found is not None else "of an unknown format"


def _unreadable(file: IO[bytes], found: Format | None) -> str:
    if reason := unopenable_reason("image", SeekingReader(file)):
        return reason
    if found is None:
        return "it is of an unknown format, not an image that Pillow can read; check the file"
    if "image" in found.mime_types:
        return f"it is damaged: its {found.name} header cannot be read; get another copy"
    return (
        f"it is {found.name}, but damaged or of a variant that Pillow cannot read; get another "
        "copy, or save it as JPEG or PNG with another program"
    )


def _readable_formats(pillow: Any) -> list[str]:
    pillow.init()
    return [name for name in _READABLE if name in pillow.OPEN]


def _open_heic(file: IO[bytes]) -> Image:
    try:
        import pillow_heif  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise MiMoConfigurationError(
            f"HEIC needs pillow-heif, which is not installed; run {install_command('av')}"
        ) from error
    with pillow_errors():
        heif = pillow_heif.open_heif(file, convert_hdr_to_8bit=True)[0]
        check_pixels(*heif.size)
        image: Image = heif.to_pillow()
    image.format = "HEIF"
    return image


def _check_icon(file: IO[bytes]) -> None:
    """Check the sizes of the images in ICO and ICNS files, which Pillow decodes without a check."""
    for offset in _images_in_icon(file):
        file.seek(offset)
        start = file.read(24)
        if start[:4] == b"\x89PNG":
            check_pixels(*struct.unpack(">II", start[16:24]))
        elif len(start) == 24 and start[:4] == b"\x28\0\0\0":  # a BMP without its first header
            check_pixels(*struct.unpack("<II", start[4:12]))
    file.seek(0)


def _images_in_icon(file: IO[bytes]) -> Iterator[int]:
    """Yield where each image of an ICO or ICNS file begins."""
    head = file.read(8)
    if head[:4] == _ICO_START:
        file.seek(6)
        entries = file.read(16 * int.from_bytes(head[4:6], "little"))
        for at in range(12, len(entries) - 3, 16):
            yield int.from_bytes(entries[at : at + 4], "little")
    elif head[:4] == _ICNS_START:
        offset, end = 8, int.from_bytes(head[4:8], "big")
        while offset < end and len(entry := _at(file, offset, 8)) == 8:
            yield offset + 8
            offset += max(8, int.from_bytes(entry[4:], "big"))


def _at(file: IO[bytes], offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _reduce(image: Image, file: IO[bytes]) -> list[str]:
    """Have a very large JPEG decoded at a half, a quarter or an eighth of its size.

    That needs little memory only if its pixels are stored in one pass.
    """
    width, height = image.size
    position = file.tell()
    is_sequential = jpeg_is_sequential(HeaderReader(SeekingReader(file)))
    file.seek(position)
    if not is_sequential:
        return []
    part = next(k for k in (2, 4, 8) if k == 8 or -(-width // k) * -(-height // k) <= BOMB_PIXELS)
    with pillow_errors():
        image.draft(None, (width // part, height // part))
    return [f"Decoded at 1/{part} of its size, as it has {width:,} x {height:,} pixels."]


def _count_frames(file: IO[bytes], found: Format | None, image: Image) -> int:
    if found is formats.GIF:  # Pillow would decode them all
        with suppress(ValueError):
            header = probe(SeekingReader(file), found)
            return getattr(header, "frames", None) or 1
        return 1
    with pillow_errors():
        return int(getattr(image, "n_frames", 1))


def _repaired(
    file: IO[bytes], found: Format | None, check: Callable[[], None]
) -> OpenedImage | None:
    if SeekingReader(file).size > _MAX_REPAIRED_BYTES:
        return None
    decoded: list[OpenedImage] = []

    def decode(data: bytes) -> Image:
        decoded.append(_decode(io.BytesIO(data), found, check))
        return decoded[-1].image

    repaired = repair(found, _read(file), decode)
    if repaired is None:
        return None
    opened = decoded[0]
    opened.image, opened.missing = repaired.image, repaired.missing
    rows, lost = opened.image.height, len(repaired.missing)
    if rows - lost < _MIN_SHARE_LEFT * rows:
        raise MediaError(
            f"it is damaged: {lost:,} of its {rows:,} rows are missing; get the complete file"
        )
    if lost:
        share = f"{100 * lost / rows:.0f} %"
        opened.notes += (
            f"{lost:,} of its {rows:,} rows ({share}) are missing and were made grey.",
        )
    opened.notes += (repaired.note,) if repaired.note else ()
    return opened

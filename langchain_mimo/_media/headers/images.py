"""Sizes of PNG, JPEG, GIF, WebP and BMP, and whether the end of the file is there."""

from __future__ import annotations

from contextlib import suppress

from langchain_mimo._media.headers.reader import (
    HeaderReader,
    ImageHeader,
    HeaderTooComplexError,
    cut_off,
    damaged,
)

MAX_FRAMES_COUNTED = 1000

_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_GIF_WINDOW = 1024
_JPEG_END = b"\xff\xd9"
_JPEG_TAIL = 64 * 1024
_JPEG_SCANNED_AT_ONCE = 256 * 1024
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})


def _sized(width: int, height: int, frames: int | None = None) -> ImageHeader:
    if width < 1 or height < 1:
        raise damaged(f"its header says {width} x {height} pixels")
    return ImageHeader(width, height, frames)


def probe_png(reader: HeaderReader) -> ImageHeader:
    """Measure a PNG: the size in its first chunk, and that its last chunk is there."""
    if reader.exactly(12, 4) != b"IHDR":
        raise damaged("a PNG begins with an IHDR chunk, and this one does not")
    header = _sized(reader.big(16, 4), reader.big(20, 4), 1)
    if reader.read(reader.size - len(_PNG_END), len(_PNG_END)) == _PNG_END:
        return header
    offset = 8
    with suppress(HeaderTooComplexError):
        while reader.exactly(offset + 4, 4) != b"IEND":
            offset += 12 + reader.big(offset, 4)
    return header


def probe_jpeg(reader: HeaderReader) -> ImageHeader:
    """Measure a JPEG: the first frame header before the first scan, and the end mark after it."""
    offset = 2
    header: ImageHeader | None = None
    while True:
        mark, marker = reader.exactly(offset, 2)
        if mark != 0xFF:
            raise damaged("something stands between its segments")
        if marker == 0xFF:
            offset += 1
            continue
        if marker in _JPEG_BARE_MARKERS:
            offset += 2
            continue
        if marker in _JPEG_SIZES and header is None:
            height, width = reader.big(offset + 5, 2), reader.big(offset + 7, 2)
            header = _sized(width, height, 1)
        length = reader.big(offset + 2, 2)
        offset += 2 + length
        if marker == 0xDA:
            break
        if marker == 0xD9 or length < 2:
            raise damaged("it ends before its picture begins")
    if header is None:
        raise damaged("it has a scan and no frame header")
    with suppress(HeaderTooComplexError):
        _require_jpeg_end(reader, offset)
    return header


def _require_jpeg_end(reader: HeaderReader, offset: int) -> None:
    """Look for the end mark: in the tail first, then wherever it may be before other data."""
    tail = max(offset, reader.size - _JPEG_TAIL)
    if _JPEG_END in reader.read(tail, _JPEG_TAIL):
        return
    last = b""
    while offset < reader.size:
        piece = reader.exactly(offset, min(_JPEG_SCANNED_AT_ONCE, reader.size - offset))
        if _JPEG_END in last + piece:
            return
        last = piece[-1:]
        offset += len(piece)
    raise cut_off("the mark that ends a JPEG is missing")


def probe_gif(reader: HeaderReader) -> ImageHeader:
    """Measure a GIF: its screen, its first frame, and how many frames there are up to 1000."""
    width, height, flags = reader.little(6, 2), reader.little(8, 2), reader.big(10, 1)
    frames: int | None
    try:
        frames = _count_gif_frames(reader, 13 + _gif_palette(flags))
    except HeaderTooComplexError:
        frames = None
    return _sized(width, height, frames)


def _count_gif_frames(reader: HeaderReader, offset: int) -> int:
    frames = 0
    while frames < MAX_FRAMES_COUNTED:
        introducer = reader.read(offset, 1)
        if introducer == b"!":
            offset = _after_gif_blocks(reader, offset + 2)
        elif introducer == b",":
            offset += 10 + _gif_palette(reader.big(offset + 9, 1)) + 1
            offset = _after_gif_blocks(reader, offset)
            frames += 1
        elif frames:
            break  # the end mark, or what decoders ignore
        elif introducer == b";":
            raise damaged("it has no picture")
        else:
            raise cut_off("it ends before its first picture does")
    return frames


def _gif_palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_gif_blocks(reader: HeaderReader, offset: int) -> int:
    """Skip the data of a frame: blocks of at most 255 bytes, so a window is read at a time."""
    while True:
        window = reader.read(offset, _GIF_WINDOW)
        at = 0
        while at < len(window) and (length := window[at]):
            at += 1 + length
        if at < len(window):
            return offset + at + 1
        if len(window) < _GIF_WINDOW:
            raise cut_off()
        offset += at


def probe_webp(reader: HeaderReader) -> ImageHeader:
    """Measure a WebP of any of its three kinds."""
    if reader.little(4, 4) + 8 > reader.size:
        raise cut_off()
    kind = reader.exactly(12, 4)
    if kind == b"VP8X":
        return _sized(reader.little(24, 3) + 1, reader.little(27, 3) + 1)
    if kind == b"VP8L":
        bits = reader.little(21, 4)
        return _sized((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 1)
    if kind == b"VP8 " and reader.exactly(23, 3) == b"\x9d\x01\x2a":
        return _sized(reader.little(26, 2) & 0x3FFF, reader.little(28, 2) & 0x3FFF, 1)
    raise damaged("its first chunk is none that begins a WebP")


def probe_bmp(reader: HeaderReader) -> ImageHeader:
    """Measure a BMP, and that the rows of an uncompressed one are there."""
    pixels_at, header_size = reader.little(10, 4), reader.little(14, 4)
    if header_size == 12:
        width, height, compression = reader.little(18, 2), reader.little(20, 2), 0
        depth = reader.little(24, 2)
    else:
        width = reader.little(18, 4)
        height = abs(int.from_bytes(reader.exactly(22, 4), "little", signed=True))
        depth = reader.little(28, 2)
        compression = reader.little(30, 4) if header_size >= 40 else 0
    header = _sized(width, height, 1)
    row = -(-width * depth // 32) * 4
    if compression in (0, 3) and pixels_at + row * height > reader.size:
        raise cut_off()
    return header

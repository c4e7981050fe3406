"""Measures PNG, JPEG, GIF, WebP and BMP, and checks that the file is complete."""

from __future__ import annotations

from contextlib import suppress

from langchain_mimo._media.headers.reader import (
    HeaderReader,
    HeaderTooComplexError,
    ImageHeader,
    damaged,
    truncated,
)

MAX_FRAMES_COUNTED = 1000

_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_GIF_WINDOW = 1024
_JPEG_END = b"\xff\xd9"
_JPEG_TAIL = 64 * 1024
_JPEG_SCAN_CHUNK = 256 * 1024
_JPEG_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_MARKERS_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})


def _sized(width: int, height: int, frames: int | None = None) -> ImageHeader:
    if width < 1 or height < 1:
        raise damaged(f"its header says {width} x {height} pixels")
    return ImageHeader(width, height, frames)


def probe_png(reader: HeaderReader) -> ImageHeader:
    """Measure a PNG by its first chunk, and check that its last chunk is there."""
    if reader.exactly(12, 4) != b"IHDR":
        raise damaged("its first chunk is not IHDR")
    header = _sized(reader.big(16, 4), reader.big(20, 4), 1)
    if reader.read(reader.size - len(_PNG_END), len(_PNG_END)) == _PNG_END:
        return header
    offset = 8
    with suppress(HeaderTooComplexError):
        while reader.exactly(offset + 4, 4) != b"IEND":
            offset += 12 + reader.big(offset, 4)
    return header


def probe_jpeg(reader: HeaderReader) -> ImageHeader:
    """Measure a JPEG by its first frame header, and check that the end marker is there."""
    offset = 2
    header: ImageHeader | None = None
    while True:
        mark, marker = reader.exactly(offset, 2)
        if mark != 0xFF:
            raise damaged("there is unexpected data between its segments")
        if marker == 0xFF:
            offset += 1
            continue
        if marker in _JPEG_MARKERS_WITHOUT_LENGTH:
            offset += 2
            continue
        if marker in _JPEG_FRAME_HEADERS and header is None:
            height, width = reader.big(offset + 5, 2), reader.big(offset + 7, 2)
            header = _sized(width, height, 1)
        length = reader.big(offset + 2, 2)
        offset += 2 + length
        if marker == 0xDA:
            break
        if marker == 0xD9 or length < 2:
            raise damaged("it ends before its image data")
    if header is None:
        raise damaged("it has a scan but no frame header")
    with suppress(HeaderTooComplexError):
        _require_jpeg_end(reader, offset)
    return header


def _require_jpeg_end(reader: HeaderReader, offset: int) -> None:
    """Look for the end marker: in the tail first, then anywhere, as other data may follow it."""
    tail = max(offset, reader.size - _JPEG_TAIL)
    if _JPEG_END in reader.read(tail, _JPEG_TAIL):
        return
    last = b""
    while offset < reader.size:
        piece = reader.exactly(offset, min(_JPEG_SCAN_CHUNK, reader.size - offset))
        if _JPEG_END in last + piece:
            return
        last = piece[-1:]
        offset += len(piece)
    raise truncated("its end marker is missing")


def probe_gif(reader: HeaderReader) -> ImageHeader:
    """Measure a GIF by its screen descriptor, and count its frames up to 1000."""
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
            offset = _skip_gif_blocks(reader, offset + 2)
        elif introducer == b",":
            offset += 10 + _gif_palette(reader.big(offset + 9, 1)) + 1
            offset = _skip_gif_blocks(reader, offset)
            frames += 1
        elif frames:
            break  # the end marker, or data that decoders ignore
        elif introducer == b";":
            raise damaged("it has no image")
        else:
            raise truncated("it ends within its first image")
    return frames


def _gif_palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_gif_blocks(reader: HeaderReader, offset: int) -> int:
    """Return the offset after a sequence of data blocks, each at most 255 bytes long."""
    while True:
        window = reader.read(offset, _GIF_WINDOW)
        at = 0
        while at < len(window) and (length := window[at]):
            at += 1 + length
        if at < len(window):
            return offset + at + 1
        if len(window) < _GIF_WINDOW:
            raise truncated()
        offset += at


def probe_webp(reader: HeaderReader) -> ImageHeader:
    """Measure a lossy, lossless or extended WebP."""
    if reader.little(4, 4) + 8 > reader.size:
        raise truncated()
    kind = reader.exactly(12, 4)
    if kind == b"VP8X":
        return _sized(reader.little(24, 3) + 1, reader.little(27, 3) + 1)
    if kind == b"VP8L":
        bits = reader.little(21, 4)
        return _sized((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 1)
    if kind == b"VP8 " and reader.exactly(23, 3) == b"\x9d\x01\x2a":
        return _sized(reader.little(26, 2) & 0x3FFF, reader.little(28, 2) & 0x3FFF, 1)
    raise damaged("its first chunk is not a WebP image")


def probe_bmp(reader: HeaderReader) -> ImageHeader:
    """Measure a BMP, and check that an uncompressed one has all its rows."""
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
        raise truncated()
    return header

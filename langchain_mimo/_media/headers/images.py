"""Measures PNG, JPEG, GIF, WebP and BMP, and checks that the file is complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from langchain_mimo._media.headers.reader import (
    HeaderReader,
    HeaderTooComplexError,
    ImageHeader,
    damaged,
    truncated,
)

MAX_FRAMES_COUNTED = 1000

_APPLE_CHUNK = b"CgBI"
_WEBP_ANIMATED = 0x02

_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_GIF_WINDOW = 1024
_JPEG_END = b"\xff\xd9"
_JPEG_TAIL = 64 * 1024
_JPEG_SCAN_CHUNK = 256 * 1024
_JPEG_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC9})
_JPEG_SCAN = 0xDA
_JPEG_MARKERS_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})


def _cut_off(detail: str = "it ends before its header says") -> ValueError:
    """Return the error for a file without its end, of which `prepare_image` keeps the rest."""
    return ValueError(
        f"it is truncated: {detail}; get the complete file, or keep what is there with "
        "langchain_mimo.prepare.prepare_image"
    )


def _sized(width: int, height: int, frames: int | None = None) -> ImageHeader:
    if width < 1 or height < 1:
        raise damaged(f"its header says {width} x {height} pixels")
    return ImageHeader(width, height, frames)


def probe_png(reader: HeaderReader) -> ImageHeader:
    """Measure a PNG by its first chunk, and check that its last chunk is there."""
    first = reader.exactly(12, 4)
    if first == _APPLE_CHUNK:
        raise ValueError(
            "it is a PNG of Apple's Xcode (CgBI), which other programs cannot read; convert it "
            "with langchain_mimo.prepare.prepare_image"
        )
    if first != b"IHDR":
        raise damaged("its first chunk is not IHDR")
    width, height = reader.big(16, 4), reader.big(20, 4)
    has_end = reader.read(reader.size - len(_PNG_END), len(_PNG_END)) == _PNG_END
    frames: int | None = None
    with suppress(HeaderTooComplexError):
        frames = _count_png_frames(reader, is_complete=has_end)
    return _sized(width, height, frames)


def _count_png_frames(reader: HeaderReader, *, is_complete: bool) -> int:
    """Walk the chunks: to the first pixels of a complete file, else to the last chunk."""
    frames, offset, has_pixels = 1, 8, False
    while True:
        name = reader.read(offset + 4, 4)
        if name == b"acTL":
            frames = min(max(1, reader.big(offset + 8, 4)), MAX_FRAMES_COUNTED)
        if name == b"IEND" or (is_complete and name in (b"IDAT", b"")):
            return frames
        if len(name) < 4:
            raise _cut_off() if has_pixels else truncated()
        has_pixels = has_pixels or name == b"IDAT"
        offset += 12 + reader.big(offset, 4)


def probe_jpeg(reader: HeaderReader) -> ImageHeader:
    """Measure a JPEG by its first frame header, and check that the end marker is there."""
    header: ImageHeader | None = None
    offset = 2
    for marker, offset in _jpeg_segments(reader):
        if marker in _JPEG_FRAME_HEADERS and header is None:
            height, width = reader.big(offset + 3, 2), reader.big(offset + 5, 2)
            header = _sized(width, height, 1)
    if header is None:
        raise damaged("it has a scan but no frame header")
    with suppress(HeaderTooComplexError):
        _require_jpeg_end(reader, offset)
    return header


def jpeg_is_sequential(reader: HeaderReader) -> bool:
    """Whether the pixels of a JPEG are stored in one pass, from the top to the bottom.

    Raises:
        ValueError: Its header is damaged.
        HeaderTooComplexError: Its header has too many segments.
    """
    components = 0
    for marker, offset in _jpeg_segments(reader):
        if marker in _JPEG_FRAME_HEADERS:
            if marker not in _JPEG_SEQUENTIAL:
                return False
            components = reader.big(offset + 7, 1)
        elif marker == _JPEG_SCAN:
            return reader.big(offset + 2, 1) == components
    return False


def _jpeg_segments(reader: HeaderReader) -> Iterator[tuple[int, int]]:
    """Yield the marker and the offset of each segment up to the first scan."""
    offset = 2
    while True:
        mark, marker = reader.exactly(offset, 2)
        if offset == 2 and (mark, marker) == (0xFF, 0xD8):
            raise ValueError(
                "it is damaged: it has two start markers; repair it with "
                "langchain_mimo.prepare.prepare_image"
            )
        if mark != 0xFF:
            raise damaged("there is unexpected data between its segments")
        if marker == 0xFF:
            offset += 1
            continue
        if marker in _JPEG_MARKERS_WITHOUT_LENGTH:
            offset += 2
            continue
        length = reader.big(offset + 2, 2)
        if marker == 0xD9 or length < 2:
            raise damaged("it ends before its image data")
        yield marker, offset + 2
        if marker == _JPEG_SCAN:
            return
        offset += 2 + length


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
    raise _cut_off("its end marker is missing")


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
        frames: int | None = None
        with suppress(HeaderTooComplexError):
            frames = _count_webp_frames(reader)
        return _sized(reader.little(24, 3) + 1, reader.little(27, 3) + 1, frames)
    if kind == b"VP8L":
        bits = reader.little(21, 4)
        return _sized((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 1)
    if kind == b"VP8 " and reader.exactly(23, 3) == b"\x9d\x01\x2a":
        return _sized(reader.little(26, 2) & 0x3FFF, reader.little(28, 2) & 0x3FFF, 1)
    raise damaged("its first chunk is not a WebP image")


def _count_webp_frames(reader: HeaderReader) -> int:
    if not reader.big(20, 1) & _WEBP_ANIMATED:
        return 1
    frames, offset = 0, 12
    while offset + 8 <= reader.size and frames < MAX_FRAMES_COUNTED:
        frames += reader.exactly(offset, 4) == b"ANMF"
        offset += 8 + reader.little(offset + 4, 4) + (reader.little(offset + 4, 4) & 1)
    return max(1, frames)


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
        has_some = (reader.size - pixels_at) * 8 > row * height
        raise _cut_off() if has_some else truncated()
    return header

"""Measures FLAC by its STREAMINFO block or, when a pipe left its length out, by its last frame.

Every frame states where it begins, in frames or in samples, and ends in a checksum. The last frame
is found in the file's last bytes by both checksums, so a length that is given is right.
"""

from __future__ import annotations

from typing import NamedTuple

from langchain_mimo._media.headers.audio import audio_header
from langchain_mimo._media.headers.reader import AVHeader, HeaderReader, damaged, truncated

STREAM_INFO_AT = 8
"""Where STREAMINFO begins in a file: behind the signature and the block's header."""

_STREAM_INFO_BYTES = 34
_TAIL = 128 * 1024
_ID3V1_BYTES = 128
_MAX_CANDIDATES = 64
_BLOCK_SIZES = {1: 192, **{code: 576 << code - 2 for code in range(2, 6)}}
_BLOCK_SIZES |= {code: 256 << code - 8 for code in range(8, 16)}


class _StreamInfo(NamedTuple):
    rate: int
    channels: int
    samples: int
    min_block: int


class FlacFrame(NamedTuple):
    """The header of a FLAC frame.

    Attributes:
        first: Number of its first sample.
        samples: Samples in the frame.
    """

    first: int
    samples: int


def probe_flac(reader: HeaderReader) -> AVHeader:
    """Measure a FLAC that begins at the reader's first byte.

    Raises:
        ValueError: Its first block is not STREAMINFO, or states no sample rate.
    """
    if reader.big(4, 1) & 0x7F != 0:
        raise damaged("its first block is not STREAMINFO")
    info = _stream_info(reader.exactly(STREAM_INFO_AT, _STREAM_INFO_BYTES))
    if not info.rate:
        raise damaged("it states a sample rate of 0 Hz")
    if reader.size == STREAM_INFO_AT + _STREAM_INFO_BYTES:
        raise truncated("it has no frames")
    samples = info.samples or _samples_by_last_frame(reader, info)
    return audio_header(
        samples / info.rate if samples else None,
        "flac",
        info.rate,
        info.channels,
        has_true_lengths=bool(info.samples),
    )


def _stream_info(block: bytes) -> _StreamInfo:
    return _StreamInfo(
        rate=int.from_bytes(block[10:13], "big") >> 4,
        channels=(block[12] >> 1 & 7) + 1,
        samples=int.from_bytes(block[13:18], "big") & 0xFFFFFFFFF,
        min_block=int.from_bytes(block[:2], "big"),
    )


def parse_frame_header(data: bytes, at: int, fixed_block: int) -> FlacFrame | None:
    """Read a frame's header, or return None if none begins at `at`; its checksum is verified.

    Args:
        data: Bytes that contain the header.
        at: Where the frame begins.
        fixed_block: Samples of every frame but the last, for streams whose frames are counted.
    """
    head = data[at : at + 16]
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xFE != 0xF8:
        return None
    number = _coded_number(head, 4)
    if number is None:
        return None
    count, end = number
    code, rate_code = head[2] >> 4, head[2] & 0xF
    samples = _BLOCK_SIZES.get(code, 0)
    if code in (6, 7):
        width = code - 5
        samples = int.from_bytes(head[end : end + width], "big") + 1
        end += width
    end += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if not samples or end >= len(head) or _crc8(head[:end]) != head[end]:
        return None
    first = count if head[1] & 1 else count * fixed_block
    return FlacFrame(first, samples)


def _coded_number(head: bytes, at: int) -> tuple[int, int] | None:
    """Read a number in the extended UTF-8 of FLAC; return it and where it ends."""
    lead = head[at]
    if lead < 0x80:
        return lead, at + 1
    length = 8 - (lead ^ 0xFF).bit_length()
    if not 2 <= length <= 7:
        return None
    value = lead & (0x7F >> length)
    for byte in head[at + 1 : at + length]:
        if byte & 0xC0 != 0x80:
            return None
        value = value << 6 | byte & 0x3F
    return value, at + length


def _samples_by_last_frame(reader: HeaderReader, info: _StreamInfo) -> int | None:
    """Return the number of samples by the last frame, or None if it is not found."""
    start = max(STREAM_INFO_AT, reader.size - _TAIL)
    tail = reader.read(start, _TAIL)
    if tail[-_ID3V1_BYTES:].startswith(b"TAG"):
        tail = tail[:-_ID3V1_BYTES]
    at = len(tail)
    for _ in range(_MAX_CANDIDATES):
        at = max(tail.rfind(b"\xff\xf8", 0, at), tail.rfind(b"\xff\xf9", 0, at))
        if at < 0:
            return None
        frame = parse_frame_header(tail, at, info.min_block)
        if frame is not None and _crc16(tail[at:]) == 0:
            return frame.first + frame.samples
    return None


def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    table, top, mask = [], 1 << bits - 1, (1 << bits) - 1
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & mask
        table.append(value)
    return tuple(table)


_CRC8 = _table(0x07, 8)
_CRC16 = _table(0x8005, 16)


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value = _CRC8[value ^ byte]
    return value


def _crc16(data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ _CRC16[value >> 8 ^ byte]
    return value

"""Writes frames of a FLAC file as a FLAC file of their own, without decoding them.

FFmpeg would write the length and the checksum of the whole source, and leave the frames their
numbers, by which other readers seek. Here the header states the length of the copy and no checksum
of the audio, and the frames are counted from 0.

A frame ends with a CRC of all its bytes. It is linear: if only the header changes, the CRC changes
by the CRC of that difference, moved over the bytes behind it. So the audio need not be read again.
"""

from __future__ import annotations

from fractions import Fraction
from typing import IO, Any

from langchain_mimo._media.cutting.index import IndexedFile
from langchain_mimo._media.cutting.planning import StreamPlan
from langchain_mimo._media.cutting.reading import read_from
from langchain_mimo._media.cutting.times import Tick
from langchain_mimo.errors import MediaError

_STREAM_INFO_BYTES = 34
_HEAD = b"fLaC\x80\x00\x00\x22"
"""The beginning of a file whose only metadata is a STREAMINFO."""

_LENGTH_AT, _DIGEST_AT = 13, 18
_LENGTH_BITS = 36
_BLOCK_SIZE_BYTES = {6: 1, 7: 2}
_RATE_BYTES = {12: 1, 13: 2, 14: 2}
"""Bytes behind the number of a frame, by the codes in its header."""

_MIN_FRAME_BYTES = 10
"""Bytes of the shortest frame (RFC 9639, section 9): a header of 4 bytes, a number and a CRC, one
constant subframe of a header and a sample of up to 8 bits, as digital silence has, and a CRC."""

_CRC8, _CRC16 = 0x107, 0x18005


def write_flac(source: IndexedFile, plan: StreamPlan, out: IO[bytes], tick: Tick) -> None:
    """Write a planned copy.

    Args:
        source: The source.
        plan: What to copy of its FLAC stream.
        out: The file to write to.
        tick: Called for every packet.

    Raises:
        MediaError: A frame is damaged, or the source cannot be read.
    """
    stream = source.index.streams[plan.position]
    in_samples = stream.time_base * stream.sample_rate
    wanted, samples = plan.ordinals, 0
    packets = read_from(source, {plan.position: wanted[0]}, tick)
    for number, (packet, ordinal) in enumerate(packets):
        if not number:
            out.write(_HEAD + _stream_info(packet.stream, 0))
        out.write(_renumbered(bytes(packet), number, samples))
        samples += round(Fraction(stream.durations[ordinal]) * in_samples)
        if ordinal == wanted[-1]:
            out.seek(len(_HEAD))
            out.write(_stream_info(packet.stream, samples))
            break


def _stream_info(stream: Any, samples: int) -> bytes:
    """Return the STREAMINFO of a stream with another length and without a digest of its audio."""
    info = bytearray(stream.codec_context.extradata or b"")
    if len(info) != _STREAM_INFO_BYTES:
        raise MediaError("it has no STREAMINFO")
    rest = int.from_bytes(info[_LENGTH_AT:_DIGEST_AT], "big") >> _LENGTH_BITS
    length = rest << _LENGTH_BITS | samples
    info[_LENGTH_AT:_DIGEST_AT] = length.to_bytes(_DIGEST_AT - _LENGTH_AT, "big")
    return bytes(info[:_DIGEST_AT]) + bytes(_STREAM_INFO_BYTES - _DIGEST_AT)


def _renumbered(frame: bytes, number: int, sample: int) -> bytes:
    """Return a frame with another number: of the frame, or of its first sample if they vary."""
    if len(frame) < _MIN_FRAME_BYTES or frame[0] != 0xFF or frame[1] & 0xFE != 0xF8:
        raise MediaError("one of its frames is damaged")
    counts_samples = frame[1] & 1
    number_end = 4 + _coded_length(frame[4])
    codes = _BLOCK_SIZE_BYTES.get(frame[2] >> 4, 0) + _RATE_BYTES.get(frame[2] & 15, 0)
    header_end = number_end + codes
    if header_end + 3 > len(frame):
        raise MediaError("one of its frames is damaged")
    old = frame[: header_end + 1]
    new = frame[:4] + _coded(sample if counts_samples else number) + frame[number_end:header_end]
    new += bytes([_crc(new, _CRC8, 8)])
    body = frame[header_end + 1 : -2]
    difference = _crc(old, _CRC16, 16) ^ _crc(new, _CRC16, 16)
    crc = int.from_bytes(frame[-2:], "big") ^ _moved(difference, len(body))
    return b"".join((new, body, crc.to_bytes(2, "big")))


def _coded_length(first: int) -> int:
    """Return the bytes of a coded number by its first byte, as in UTF-8."""
    ones = 8 - (first ^ 0xFF).bit_length()
    return ones or 1


def _coded(number: int) -> bytes:
    """Code a number of up to 36 bits as UTF-8 codes characters."""
    if number < 0x80:
        return bytes([number])
    more = next(count for count in range(1, 7) if number < 1 << (6 * count + 6 - count))
    first = (0xFF << (7 - more) & 0xFF) | number >> 6 * more
    return bytes([first, *(0x80 | number >> 6 * at & 0x3F for at in reversed(range(more)))])


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    """Return the CRC of a few bytes."""
    crc, top = 0, 1 << bits
    for byte in data:
        crc ^= byte << (bits - 8)
        for _ in range(8):
            crc <<= 1
            if crc & top:
                crc ^= polynomial
    return crc


def _product(one: int, other: int) -> int:
    """Multiply two polynomials modulo that of the CRC of frames."""
    product = 0
    while other:
        if other & 1:
            product ^= one
        one <<= 1
        if one & 0x10000:
            one ^= _CRC16
        other >>= 1
    return product


def _powers() -> list[int]:
    """Return what moving by 1, 2, 4, 8 … bytes multiplies a CRC with."""
    powers = [0x100]
    for _ in range(31):
        powers.append(_product(powers[-1], powers[-1]))
    return powers


_POWERS = _powers()


def _moved(crc: int, count: int) -> int:
    """Return a CRC after so many bytes of 0."""
    for power in _POWERS:
        if count & 1:
            crc = _product(power, crc)
        count >>= 1
    return crc

"""Measures MP3 by its frame counts, its size and its bit rate.

A Xing, Info or VBRI frame at the beginning counts the frames and the bytes of the file that its
encoder wrote. Speech servers, podcast hosts and `cat` join such files, and downloads break off;
then the counts are those of one part. So a count is believed only if the bytes that it covers are
the bytes that are there. Joined parts are measured one by one.
"""

from __future__ import annotations

from typing import NamedTuple

from langchain_mimo._media.headers.audio import audio_header
from langchain_mimo._media.headers.id3 import id3_length
from langchain_mimo._media.headers.mpeg_audio import Frame, find_first_frame, parse_frame
from langchain_mimo._media.headers.reader import AVHeader, HeaderReader, damaged, truncated
from langchain_mimo._media.readers import OffsetReader

_WINDOW = 128 * 1024
_PART_WINDOW = 8 * 1024
_MAX_PARTS = 200
_TOLERATED_SHARE = 1 / 16
"""FFmpeg's own measure of a frame count that does not fit the file."""


class _Part(NamedTuple):
    """A run of frames that was encoded in one go.

    Attributes:
        frame: Its first frame.
        samples: Number of samples by its own count, or None without a count.
        padding: Samples that its encoder added at both ends.
        length: Bytes by its own count, or None without one.
        count_length: Bytes of the frame that holds the count; 0 without one.
    """

    frame: Frame
    samples: int | None
    padding: int
    length: int | None
    count_length: int


def probe_mp3(reader: HeaderReader) -> AVHeader:
    """Measure an MP3.

    Raises:
        ValueError: It ends within or right after its ID3 tag.
    """
    offset = id3_length(reader)
    if offset > reader.size:
        raise truncated("its ID3 tag is incomplete")
    if offset and offset == reader.size:
        raise damaged("it has nothing behind its ID3 tag")
    window = reader.read(offset, _WINDOW)
    first = find_first_frame(window)
    if first is None:
        return audio_header(None, "mp3")
    frame = parse_frame(window, first)
    assert frame is not None
    start, end = offset + first, reader.size - _trailing_tags(reader)
    part = _part(window[first:], frame)
    seconds, has_true_lengths = _seconds(reader, start, end, part, window[first:])
    return audio_header(
        seconds,
        "mp3",
        frame.rate,
        1 if frame.is_mono else 2,
        has_true_lengths=has_true_lengths,
    )


def _seconds(
    reader: HeaderReader, start: int, end: int, part: _Part, window: bytes
) -> tuple[float, bool]:
    """Return the duration, and whether the file's own count says so."""
    size, rate = max(0, end - start), part.frame.rate
    if part.samples is None:
        return size * 8 / _mean_bit_rate(window), True
    covered = part.length or _expected_length(part)
    if abs(size - covered) <= min(size, covered) * _TOLERATED_SHARE:
        return max(0, part.samples - part.padding) / rate, True
    if size < covered:  # the end is missing
        return part.samples / rate * size / covered, False
    return _joined_seconds(reader, start, end, part), False


def _expected_length(part: _Part) -> int:
    """Return the bytes that a count of frames alone stands for, if the bit rate is constant."""
    return (part.samples or 0) // part.frame.samples * part.frame.length


def _joined_seconds(reader: HeaderReader, start: int, end: int, part: _Part) -> float:
    """Return the duration of joined parts, each by its own count; the last may have none.

    A decoder takes a count in the middle for a frame of silence, and does not remove what the
    encoders added.
    """
    seconds = 0.0
    for _ in range(_MAX_PARTS):
        if part.samples is None:
            window = reader.read(start, _PART_WINDOW)
            return seconds + (end - start) * 8 / _mean_bit_rate(window)
        length = part.length or _expected_length(part) + part.count_length
        if length <= 0 or start + length > end + part.frame.length:
            return seconds + part.samples / part.frame.rate * (end - start) / max(length, 1)
        seconds += (part.samples + (part.frame.samples if seconds else 0)) / part.frame.rate
        start += length
        following = _part_at(reader, start, end)
        if following is None:
            break
        start, part = following
    rest = max(0, end - start)
    return seconds + rest * 8 / part.frame.bit_rate


def _part_at(reader: HeaderReader, start: int, end: int) -> tuple[int, _Part] | None:
    """Return the part that begins at `start`, or a little later behind tags, and where."""
    start += id3_length(OffsetReader(reader, start))
    window = reader.read(start, _PART_WINDOW)[: max(0, end - start)]
    first = find_first_frame(window)
    frame = parse_frame(window, first) if first is not None else None
    if first is None or frame is None:
        return None
    return start + first, _part(window[first:], frame)


def _trailing_tags(reader: HeaderReader) -> int:
    """Return the bytes of ID3v1, Lyrics3 and APE tags at the end, in any order."""
    length = 0
    for _ in range(4):
        found = _trailing_tag(reader, reader.size - length)
        if not found:
            break
        length += found
    return min(length, reader.size)


def _trailing_tag(reader: HeaderReader, end: int) -> int:
    """Return the bytes of the tag that ends at `end`, or 0."""
    tail = reader.read(max(0, end - 355), min(end, 355))
    if tail[-128:-125] == b"TAG":
        return 355 if tail[-355:-351] == b"TAG+" else 128
    if tail[-32:-24] == b"APETAGEX":
        has_header = tail[-9] >> 7 & 1
        return int.from_bytes(tail[-20:-16], "little") + (32 if has_header else 0)
    if tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
        return int(tail[-15:-9]) + 15
    return 0


def _mean_bit_rate(window: bytes) -> float:
    """Return the mean bit rate of the frames in the window; exact if it is constant."""
    at, rates = 0, []
    while at < len(window) and (frame := parse_frame(window, at)) is not None:
        rates.append(frame.bit_rate)
        at += frame.length
    return sum(rates) / len(rates)


def _part(data: bytes, frame: Frame) -> _Part:
    """Read the count in the first frame of a part, if it holds one."""
    mono_side, stereo_side = (17, 32) if frame.version == 3 else (9, 17)
    at = 4 + (mono_side if frame.is_mono else stereo_side)
    if data[at : at + 4] in (b"Xing", b"Info"):
        return _xing(data[at:], frame)
    if data[36:40] == b"VBRI":
        length, frames = int.from_bytes(data[46:50], "big"), int.from_bytes(data[50:54], "big")
        if frames:
            return _Part(frame, frames * frame.samples, 0, length or None, frame.length)
    return _Part(frame, None, 0, None, 0)


def _xing(data: bytes, frame: Frame) -> _Part:
    flags = int.from_bytes(data[4:8], "big")
    frames = int.from_bytes(data[8:12], "big") if flags & 1 else 0
    at = 8 + (4 if flags & 1 else 0)
    length = int.from_bytes(data[at : at + 4], "big") if flags & 2 else 0
    at += (4 if flags & 2 else 0) + (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
    padding = 0
    if data[at : at + 4] in (b"LAME", b"Lavf", b"Lavc"):
        delays = int.from_bytes(data[at + 21 : at + 24], "big")
        padding = (delays >> 12) + (delays & 0xFFF)
    if not frames:
        return _Part(frame, None, 0, None, frame.length)
    return _Part(frame, frames * frame.samples, padding, length or None, frame.length)

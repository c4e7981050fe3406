"""Finds out whether containers that MiMo does not accept hold video, audio or both.

An error about such a file names the function that converts it, which depends on its tracks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from langchain_mimo._media import formats
from langchain_mimo._media.formats import Format
from langchain_mimo._media.headers.reader import HeaderReader, HeaderTooComplexError
from langchain_mimo._media.readers import Reader

_WINDOW = 256 * 1024
_MAX_ELEMENTS = 1000

_EBML_HEADER, _SEGMENT, _TRACKS, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0x1F43B675
_TRACK_ENTRY, _TRACK_TYPE = 0xAE, 0x83
_VIDEO_TRACK, _AUDIO_TRACK = 1, 2

_SYNC = 0x47
_TS_VIDEO = frozenset({0x01, 0x02, 0x10, 0x1B, 0x20, 0x24, 0x33, 0x42, 0xD1, 0xD2, 0xEA})
_TS_AUDIO = frozenset({0x03, 0x04, 0x0F, 0x11, 0x1C, *range(0x80, 0x88), 0xA1, 0xA2, 0xC1, 0xC2})
_TS_PRIVATE = 0x06
"""A type whose descriptors say what it is: AC-3, DTS, Opus or subtitles."""

_TS_AUDIO_DESCRIPTORS = frozenset({0x6A, 0x7A, 0x7B, 0x7C, 0x7F})


class TrackKinds(NamedTuple):
    """What a container holds.

    Attributes:
        has_video: Whether there is a video track.
        has_audio: Whether there is an audio track.
    """

    has_video: bool
    has_audio: bool


def read_track_kinds(reader: Reader, found: Format) -> TrackKinds | None:
    """Return what a container holds, or None if that is not known; the work is bounded.

    Args:
        reader: The bytes.
        found: Its format.
    """
    read = {
        formats.MATROSKA.name: _matroska,
        formats.WEBM.name: _matroska,
        formats.FLASH_VIDEO.name: _flash_video,
        formats.MPEG_TRANSPORT_STREAM.name: _transport_stream,
        formats.MPEG_PROGRAM_STREAM.name: _program_stream,
    }.get(found.name)
    if read is None:
        return None
    try:
        kinds = read(HeaderReader(reader))
    except (ValueError, HeaderTooComplexError):
        return None
    return kinds if kinds is not None and any(kinds) else None


def _matroska(reader: HeaderReader) -> TrackKinds | None:
    types: set[int] = set()
    ends: list[int] = []  # of the tracks that are open
    at = 0
    for _ in range(_MAX_ELEMENTS):
        if at >= reader.size or (ends and at >= ends[0]):
            break
        name, at = _element_id(reader, at)
        size, at = _element_size(reader, at)
        if name == _CLUSTER:
            break
        if name == _SEGMENT:
            continue
        if name == _TRACKS and size is not None:
            ends = [at + size]
            continue
        if name == _TRACK_ENTRY and ends:
            continue
        if name == _TRACK_TYPE and ends and size:
            types.add(reader.big(at, size))
        if size is None:
            return None
        at += size
    return TrackKinds(_VIDEO_TRACK in types, _AUDIO_TRACK in types)


def _element_id(reader: HeaderReader, at: int) -> tuple[int, int]:
    """Read the number of an element, with its length marker; return it and where it ends."""
    first = reader.big(at, 1)
    length = 9 - first.bit_length()
    if not 1 <= length <= 4:
        raise ValueError("it is no element")
    return reader.big(at, length), at + length


def _element_size(reader: HeaderReader, at: int) -> tuple[int | None, int]:
    """Read the size of an element; None stands for an unknown one."""
    length = 9 - reader.big(at, 1).bit_length()
    if length > 8:
        raise ValueError("it is no size")
    bits = 7 * length
    size = reader.big(at, length) & (1 << bits) - 1
    return None if size == (1 << bits) - 1 else size, at + length


def _flash_video(reader: HeaderReader) -> TrackKinds:
    flags = reader.big(4, 1)
    return TrackKinds(bool(flags & 1), bool(flags & 4))


def _transport_stream(reader: HeaderReader) -> TrackKinds | None:
    """Read the first program map: it lists the types of the streams."""
    data = reader.read(0, _WINDOW)
    programs: set[int] = set()
    for number, payload in _ts_payloads(data):
        section = payload[1 + payload[0] :] if payload else b""
        if number == 0 and section[:1] == b"\x00":
            end = 3 + (int.from_bytes(section[1:3], "big") & 0xFFF) - 4
            entries = (section[i : i + 4] for i in range(8, end - 3, 4))
            programs |= {int.from_bytes(e[2:], "big") & 0x1FFF for e in entries if any(e[:2])}
        elif number in programs and section[:1] == b"\x02":
            return _program_map(section)
    return None


def _ts_payloads(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the stream number and the payload of each packet in which a section begins."""
    layouts = ((188, 0), (192, 4), (204, 0))  # plain, on Blu-ray, with parity
    matching = [(s, f) for s, f in layouts if data[f : f + s + 1 : s] == b"\x47\x47"]
    spacing, start = matching[0] if matching else layouts[0]
    for at in range(start, len(data) - 187, spacing):
        packet = data[at : at + 188]
        if packet[0] != _SYNC or not packet[1] & 0x40 or not packet[3] & 0x10:
            continue
        begin = 5 + packet[4] if packet[3] & 0x20 else 4
        yield int.from_bytes(packet[1:3], "big") & 0x1FFF, packet[begin:]


def _program_map(section: bytes) -> TrackKinds:
    end = 3 + (int.from_bytes(section[1:3], "big") & 0xFFF) - 4
    at = 12 + (int.from_bytes(section[10:12], "big") & 0xFFF)
    has_video = has_audio = False
    while at + 5 <= min(end, len(section)):
        kind, length = section[at], int.from_bytes(section[at + 3 : at + 5], "big") & 0xFFF
        has_video |= kind in _TS_VIDEO
        has_audio |= kind in _TS_AUDIO
        if kind == _TS_PRIVATE:
            has_audio |= _describes_audio(section[at + 5 : at + 5 + length])
        at += 5 + length
    return TrackKinds(has_video, has_audio)


def _describes_audio(descriptors: bytes) -> bool:
    at = 0
    while at + 2 <= len(descriptors):
        if descriptors[at] in _TS_AUDIO_DESCRIPTORS or descriptors[at + 2 : at + 6] == b"Opus":
            return True
        at += 2 + descriptors[at + 1]
    return False


def _program_stream(reader: HeaderReader) -> TrackKinds:
    """Look for the start codes of packets of video (E0 to EF) and audio (C0 to DF, BD)."""
    data = reader.read(0, _WINDOW)
    codes: set[int] = set()
    at = data.find(b"\0\0\1")
    while at >= 0:
        codes.update(data[at + 3 : at + 4])
        at = data.find(b"\0\0\1", at + 3)
    has_audio = 0xBD in codes or any(0xC0 <= code <= 0xDF for code in codes)
    return TrackKinds(any(0xE0 <= code <= 0xEF for code in codes), has_audio)

"""Measures WMV and WMA (ASF): duration, size and codecs from the objects of its header.

The play time in the header starts at 0, not at the first moment shown, and a live broadcast states
none. So the first packets are read for their first time, and for a broadcast the last ones too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from langchain_mimo._media.headers.asf_packets import packet_times
from langchain_mimo._media.headers.avi import four_character_code
from langchain_mimo._media.headers.reader import (
    AVHeader,
    HeaderReader,
    StreamInfo,
    damaged,
    truncated,
)
from langchain_mimo._media.headers.wave_formats import read_audio_format

_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_STREAM = bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365")
_AUDIO = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
_VIDEO = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_BROADCAST = 1
_DATA_HEADER = 50
_PACKETS_AT_EACH_END = 32


@dataclass(slots=True)
class _Layout:
    """What the header states; times in seconds.

    Attributes:
        play: Play time with the preroll; 0 if unknown.
        preroll: How much is buffered before the start, which all times include.
        media: The streams with their numbers, which are audio or video.
    """

    play: float = 0.0
    preroll: float = 0.0
    is_broadcast: bool = False
    packet_size: int = 0
    media: dict[int, StreamInfo] = field(default_factory=dict)
    others: int = 0


def probe_asf(reader: HeaderReader) -> AVHeader:
    """Measure a WMV or WMA.

    Raises:
        TruncatedMediaError: Its header, or the data it announces, extends beyond the file.
        ValueError: It is damaged.
    """
    end = reader.little(16, 8)
    if end > reader.size:
        raise truncated()
    layout, offset = _Layout(), 30
    while offset + 24 <= end:
        name, length = reader.exactly(offset, 16), reader.little(offset + 16, 8)
        if length < 24 or offset + length > end:
            raise damaged("an object in its header has an invalid length")
        if name == _FILE:
            _read_file_properties(reader, offset, layout)
        elif name == _STREAM:
            _read_stream(reader, offset, layout)
        offset += length
    length = reader.little(end + 16, 8) if reader.read(end, 16) == _DATA else 0
    header = _header(layout, _seconds(reader, layout, end))
    if end + length > reader.size and not layout.is_broadcast:
        raise truncated(header=header)
    return header


def _read_file_properties(reader: HeaderReader, at: int, layout: _Layout) -> None:
    layout.play, layout.preroll = (
        reader.little(at + 64, 8) / 10_000_000,
        reader.little(at + 80, 8) / 1000,
    )
    layout.is_broadcast = bool(reader.little(at + 88, 4) & _BROADCAST)
    smallest, largest = reader.little(at + 92, 4), reader.little(at + 96, 4)
    layout.packet_size = smallest if smallest == largest else 0


def _read_stream(reader: HeaderReader, at: int, layout: _Layout) -> None:
    kind, number, data = reader.exactly(at + 24, 16), reader.little(at + 72, 2) & 0x7F, at + 78
    if kind == _AUDIO:
        layout.media[number] = read_audio_format(reader, data).stream_info()
    elif kind == _VIDEO:
        layout.media[number] = StreamInfo(
            "video",
            four_character_code(reader.exactly(data + 27, 4)),
            width=reader.little(data, 4) or None,
            height=reader.little(data + 4, 4) or None,
            rotation=0,
        )
    else:
        layout.others += 1


def _seconds(reader: HeaderReader, layout: _Layout, data_at: int) -> float | None:
    """Return the time from the first moment shown to the end of the last."""
    size, first = layout.packet_size, data_at + _DATA_HEADER
    packets = max(0, reader.size - first) // size if size else 0
    starts = range(first, first + min(packets, _PACKETS_AT_EACH_END) * size, size or 1)
    begin = packet_times(reader, starts, size, set(layout.media)).begin
    shown = 0.0 if begin is None else max(0.0, begin - layout.preroll)
    if not layout.is_broadcast and layout.play > layout.preroll:
        return max(0.0, layout.play - layout.preroll - shown) or None
    last = max(0, packets - _PACKETS_AT_EACH_END)
    ends = range(first + last * size, first + packets * size, size or 1)
    end = packet_times(reader, ends, size, set(layout.media)).end
    if begin is None or end is None or end <= begin:
        return None
    return end - begin


def _header(layout: _Layout, seconds: float | None) -> AVHeader:
    streams = layout.media.values()
    video = next((stream for stream in streams if stream.kind == "video"), None)
    audio = next((stream for stream in streams if stream.kind == "audio"), None)
    return AVHeader(
        duration=seconds,
        width=video.width if video else None,
        height=video.height if video else None,
        has_video=video is not None,
        has_audio=audio is not None,
        video_codec=video.codec if video else None,
        audio_codec=audio.codec if audio else None,
        streams=(*streams, *(StreamInfo("data"),) * layout.others),
    )

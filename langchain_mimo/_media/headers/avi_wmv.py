"""Measures AVI and WMV: duration, size and codecs from their headers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from langchain_mimo._media.headers.reader import (
    AVHeader,
    HeaderReader,
    HeaderTooComplexError,
    damaged,
    truncated,
)

_MAX_DEPTH = 8
_AVI_LISTS = (b"hdrl", b"strl", b"odml")
_AUDIO_TAGS = {0x01: "pcm", 0x55: "mp3", 0xFF: "aac", 0x2000: "ac3", 0x160: "wmav1"}
_AUDIO_TAGS |= {0x161: "wmav2", 0x162: "wmapro", 0x163: "wmalossless"}

_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_STREAM = bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365")
_ASF_AUDIO = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
_ASF_VIDEO = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_ASF_BROADCAST = 1


@dataclass(slots=True)
class _AviStream:
    kind: bytes = b""
    codec: str = ""
    seconds: float = 0.0
    width: int = 0
    height: int = 0


def probe_avi(reader: HeaderReader) -> AVHeader:
    """Measure an AVI by the headers of its streams."""
    if reader.little(4, 4) + 8 > reader.size:
        raise truncated()
    streams: list[_AviStream] = []
    _read_avi_list(reader, 12, reader.size, streams)
    video = next((s for s in streams if s.kind == b"vids"), None)
    audio = next((s for s in streams if s.kind == b"auds"), None)
    return AVHeader(
        duration=_avi_seconds(streams),
        width=video.width or None if video else None,
        height=video.height or None if video else None,
        has_video=video is not None,
        has_audio=audio is not None,
        video_codec=video.codec if video else None,
        audio_codec=audio.codec if audio else None,
    )


def _avi_seconds(streams: list[_AviStream]) -> float | None:
    """Return the longest stream's duration; PCM may be padded and counts only when alone."""
    exact = [s.seconds for s in streams if s.codec != "pcm"] or [s.seconds for s in streams]
    return max(exact, default=0.0) or None


def _read_avi_list(
    reader: HeaderReader, offset: int, end: int, streams: list[_AviStream], depth: int = 0
) -> None:
    """Read the chunks of a list up to the first frame."""
    if depth > _MAX_DEPTH:
        raise HeaderTooComplexError
    while offset + 8 <= end:
        name, length = reader.exactly(offset, 4), reader.little(offset + 4, 4)
        if offset + 8 + length > end:
            raise truncated()
        kind = reader.read(offset + 8, 4) if name == b"LIST" else b""
        if kind == b"movi":
            return
        if kind in _AVI_LISTS:
            _read_avi_list(reader, offset + 12, offset + 8 + length, streams, depth + 1)
        elif name == b"strh":
            streams.append(_avi_stream(reader, offset + 8))
        elif name == b"strf" and streams:
            _read_avi_format(reader, offset + 8, streams[-1])
        offset += 8 + length + length % 2


def _avi_stream(reader: HeaderReader, at: int) -> _AviStream:
    scale, rate, length = (reader.little(at + place, 4) for place in (20, 24, 32))
    seconds = length * scale / rate if rate else 0.0
    return _AviStream(reader.exactly(at, 4), seconds=seconds)


def _read_avi_format(reader: HeaderReader, at: int, stream: _AviStream) -> None:
    if stream.kind == b"vids":
        stream.width = reader.little(at + 4, 4)
        stream.height = abs(int.from_bytes(reader.exactly(at + 8, 4), "little", signed=True))
        stream.codec = _four_character_code(reader.exactly(at + 16, 4))
    elif stream.kind == b"auds":
        stream.codec = _audio_codec(reader.little(at, 2))


def probe_asf(reader: HeaderReader) -> AVHeader:
    """Measure a WMV by the objects of its header."""
    end = reader.little(16, 8)
    if end > reader.size:
        raise truncated()
    header, flags, offset = AVHeader(has_video=False, has_audio=False), 0, 30
    while offset + 24 <= end:
        name, length = reader.exactly(offset, 16), reader.little(offset + 16, 8)
        if length < 24 or offset + length > end:
            raise damaged("an object in its header has an invalid length")
        if name == _ASF_FILE:
            header = replace(header, duration=_asf_seconds(reader, offset))
            flags = reader.little(offset + 88, 4)
        elif name == _ASF_STREAM:
            header = _add_asf_stream(reader, offset, header)
        offset += length
    length = reader.little(end + 16, 8) if reader.read(end, 16) == _ASF_DATA else 0
    if end + length > reader.size and not flags & _ASF_BROADCAST:
        raise truncated()
    return header


def _asf_seconds(reader: HeaderReader, at: int) -> float | None:
    """Return the play time without the preroll; a live broadcast does not state it."""
    if reader.little(at + 88, 4) & _ASF_BROADCAST:
        return None
    play, preroll = reader.little(at + 64, 8) / 10_000_000, reader.little(at + 80, 8) / 1000
    return play - preroll if play > preroll else None


def _add_asf_stream(reader: HeaderReader, at: int, header: AVHeader) -> AVHeader:
    kind, data = reader.exactly(at + 24, 16), at + 78
    if kind == _ASF_AUDIO and not header.has_audio:
        return replace(header, has_audio=True, audio_codec=_audio_codec(reader.little(data, 2)))
    if kind == _ASF_VIDEO and not header.has_video:
        return replace(
            header,
            has_video=True,
            width=reader.little(data, 4) or None,
            height=reader.little(data + 4, 4) or None,
            video_codec=_four_character_code(reader.exactly(data + 27, 4)),
        )
    return header


def _audio_codec(tag: int) -> str:
    return _AUDIO_TAGS.get(tag, f"wave format {tag:#06x}")


def _four_character_code(code: bytes) -> str:
    return code.decode("latin-1") if code.strip(b"\0") else "uncompressed"

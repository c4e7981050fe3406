"""Measures AVI: duration, size and codecs from the headers of its streams.

A camera that loses power leaves lengths of 0, or lengths that it meant to reach. Where the headers
do not state a length that the file can hold, the chunks are counted, a few bytes read of each. The
file is truncated if it holds fewer frames than its header promises; a missing index is not a loss.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from langchain_mimo._media.headers.reader import (
    AVHeader,
    HeaderReader,
    HeaderTooComplexError,
    StreamInfo,
    TruncatedMediaError,
    truncated,
)
from langchain_mimo._media.headers.wave_formats import AudioFormat, read_audio_format

_MAX_DEPTH = 8
_MAX_CHUNKS = 15_000
_OPEN_LENGTH = 0x7FFFF000
"""Lengths from here on mean "to the end of the file", as 0 does."""

_MAX_MISSING_SHARE = 0.01
_LISTS = (b"hdrl", b"strl", b"odml")
_DV = b"iavs"


@dataclass(slots=True)
class _Stream:
    """A stream; `chunks` and `bytes` are those counted, `seconds_per_unit` is one frame's.

    Attributes:
        length: Units by its header: frames, or samples of `unit_size` bytes.
        unit_size: Bytes per unit, or 0 where each chunk is one.
    """

    kind: bytes
    seconds_per_unit: float
    length: int
    unit_size: int
    width: int = 0
    height: int = 0
    codec: str = ""
    audio: AudioFormat | None = None
    chunks: int = 0
    bytes: int = 0

    @property
    def counted(self) -> int:
        """Units counted."""
        return self.bytes // self.unit_size if self.unit_size else self.chunks


@dataclass(slots=True)
class _Layout:
    """What the lists of a file hold.

    Attributes:
        frames: Frames in all parts of an OpenDML file; 0 if it does not say.
        chunks_at: Where the first chunk of media starts; 0 without one.
        chunks_end: Where the list with the media says that it ends.
    """

    streams: list[_Stream] = field(default_factory=list)
    frames: int = 0
    chunks_at: int = 0
    chunks_end: int = 0


def probe_avi(reader: HeaderReader) -> AVHeader:
    """Measure an AVI.

    Raises:
        TruncatedMediaError: It holds fewer frames than its header promises, or no frame at all.
    """
    layout = _Layout()
    length = reader.little(4, 4)
    is_open = not 0 < length < _OPEN_LENGTH
    _read_list(reader, 12, reader.size, layout)
    is_short = not is_open and length + 8 > reader.size
    if not layout.chunks_at:
        if is_short:
            raise truncated()
        return _header(layout, _stated_seconds(layout))
    # A truncated file had the length that it states.
    is_plausible = not is_open and _is_possible(layout, max(reader.size, length + 8))
    if is_plausible and layout.chunks_end <= reader.size:
        return _header(layout, _stated_seconds(layout))
    return _counted_header(reader, layout, _frames(layout) if is_plausible else 0)


def _counted_header(reader: HeaderReader, layout: _Layout, promised: int) -> AVHeader:
    """Measure a file by its chunks, and see whether the promised frames are there."""
    reached = _count_chunks(reader, layout)
    seconds = max((s.counted * s.seconds_per_unit for s in layout.streams), default=0.0)
    header = _header(layout, seconds or None)
    frames = sum(s.counted for s in _videos(layout)[:1])
    if reached < reader.size:
        if promised:
            raise truncated(header=_header(layout, _stated_seconds(layout)))
        rest = seconds * reader.size / max(1, reached - layout.chunks_at)
        return _header(layout, None, (seconds, 2 * rest))
    if frames < promised * (1 - _MAX_MISSING_SHARE):
        raise TruncatedMediaError(str(truncated()), header, _stated_seconds(layout))
    return header


def _videos(layout: _Layout) -> list[_Stream]:
    return [stream for stream in layout.streams if stream.kind in (b"vids", _DV)]


def _frames(layout: _Layout) -> int:
    """Return the number of frames that the headers promise."""
    videos = _videos(layout)
    return max(videos[0].length, layout.frames) if videos else 0


def _is_possible(layout: _Layout, size: int) -> bool:
    """Whether the headers state a length that a file of this size can hold."""
    frames = _frames(layout) or max((s.length for s in layout.streams), default=0)
    per_frame = 8 if _videos(layout) else 0
    return 0 < frames < _OPEN_LENGTH and frames * per_frame < size


def _stated_seconds(layout: _Layout) -> float | None:
    """Return the longest stream's duration; PCM may be padded and counts only when alone."""
    videos = _videos(layout)
    if videos:
        videos[0].length = _frames(layout)
    exact = [s for s in layout.streams if not s.codec.startswith("pcm")] or layout.streams
    return max((s.length * s.seconds_per_unit for s in exact), default=0.0) or None


def _header(
    layout: _Layout, seconds: float | None, duration_range: tuple[float, float] | None = None
) -> AVHeader:
    video = next(iter(_videos(layout)), None)
    audio = next((s for s in layout.streams if s.kind == b"auds"), None)
    holds_both = video is not None and video.kind == _DV
    return AVHeader(
        duration=seconds,
        width=video.width or None if video else None,
        height=video.height or None if video else None,
        has_video=video is not None,
        has_audio=audio is not None or (None if holds_both else False),
        video_codec=video.codec if video else None,
        audio_codec=audio.codec if audio else None,
        duration_range=duration_range,
        streams=tuple(map(_stream_info, layout.streams)),
    )


def _stream_info(stream: _Stream) -> StreamInfo:
    if stream.kind in (b"vids", _DV):
        return StreamInfo(
            "video",
            stream.codec or None,
            width=stream.width or None,
            height=stream.height or None,
            rotation=0,
            frame_rate=1 / stream.seconds_per_unit if stream.seconds_per_unit else None,
            is_variable_frame_rate=False,
        )
    if stream.kind == b"auds" and stream.audio is not None:
        return stream.audio.stream_info()
    return StreamInfo("subtitle" if stream.kind == b"txts" else "data", stream.codec or None)


def _read_list(
    reader: HeaderReader, offset: int, end: int, layout: _Layout, depth: int = 0
) -> None:
    """Read the chunks of a list up to the first chunk of media."""
    if depth > _MAX_DEPTH:
        raise HeaderTooComplexError
    while offset + 8 <= end and not layout.chunks_at:
        name, length = reader.exactly(offset, 4), reader.little(offset + 4, 4)
        kind = reader.read(offset + 8, 4) if name == b"LIST" else b""
        if kind == b"movi":
            is_open = not 0 < length < _OPEN_LENGTH
            layout.chunks_at = offset + 12
            layout.chunks_end = end if is_open else offset + 8 + length
            return
        if offset + 8 + length > end:
            raise truncated()
        if kind in _LISTS:
            _read_list(reader, offset + 12, offset + 8 + length, layout, depth + 1)
        elif name == b"strh":
            layout.streams.append(_read_stream(reader, offset + 8))
        elif name == b"strf" and layout.streams:
            _read_format(reader, offset + 8, layout.streams[-1])
        elif name == b"dmlh":
            layout.frames = reader.little(offset + 8, 4)
        offset += 8 + length + length % 2


def _read_stream(reader: HeaderReader, at: int) -> _Stream:
    scale, rate, length, unit_size = (reader.little(at + place, 4) for place in (20, 24, 32, 44))
    return _Stream(reader.exactly(at, 4), scale / rate if rate else 0.0, length, unit_size)


def _read_format(reader: HeaderReader, at: int, stream: _Stream) -> None:
    if stream.kind == b"vids":
        stream.width = reader.little(at + 4, 4)
        stream.height = abs(int.from_bytes(reader.exactly(at + 8, 4), "little", signed=True))
        stream.codec = four_character_code(reader.exactly(at + 16, 4))
    elif stream.kind == b"auds":
        stream.audio = read_audio_format(reader, at)
        stream.codec = stream.audio.codec


def _count_chunks(reader: HeaderReader, layout: _Layout) -> int:
    """Count the complete chunks of each stream, and return where the counting ended."""
    offset = layout.chunks_at
    for _ in range(_MAX_CHUNKS):
        head = reader.peek(offset, 8)
        if len(head) < 8 or not head[:4].isascii() or b"\0" in head[:4]:
            return reader.size
        name, length = head[:4], int.from_bytes(head[4:], "little")
        if name in (b"LIST", b"RIFF"):
            offset += 12  # groups of chunks, and further parts of an OpenDML file
            continue
        if offset + 8 + length > reader.size:
            return reader.size
        number = name[:2]
        if number.isdigit() and int(number) < len(layout.streams) and name[2:] != b"ix":
            stream = layout.streams[int(number)]
            stream.chunks += 1
            stream.bytes += length
        offset += 8 + length + length % 2
    return offset


def four_character_code(code: bytes) -> str:
    """Return a codec's code as text, or "uncompressed" for zeros."""
    return code.decode("latin-1") if code.strip(b"\0") else "uncompressed"

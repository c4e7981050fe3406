"""Opens audio for prepare_audio: where it begins, how long it is, and its decoded samples."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any, cast

from langchain_mimo._media import formats
from langchain_mimo._media.av_container import ffmpeg_errors, import_av, open_container, packets_of
from langchain_mimo._media.cutting.decoding import decode_span
from langchain_mimo._media.cutting.index import Index, IndexedFile, StreamIndex, build_index
from langchain_mimo._media.cutting.times import Span, Tick
from langchain_mimo._media.headers.ogg import read_links
from langchain_mimo._media.headers.reader import HeaderReader, HeaderTooComplexError
from langchain_mimo._media.headers.wav import read_layout
from langchain_mimo._media.identify import identify_file
from langchain_mimo._media.readers import FileReader, MemoryReader, OffsetReader, Reader
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare.av_streams import open_as

_FIRST_PACKETS = 50
"""Packets within which the first samples must decode."""

_MAX_LENGTH, _MAX_BLOCK = 0xFFFFFFFF, 0xFFFF
_BEHIND_THE_END = Fraction(1)
"""Seconds that are decoded behind the end that the packets state: it may be a little early."""


def reader_of(file: IO[bytes]) -> Reader:
    """Return a reader of an open source."""
    if isinstance(file, io.BytesIO):
        return MemoryReader(file.getvalue())
    return FileReader(file.fileno())


class FileWindow(io.RawIOBase):
    """A part of a file as a file of its own.

    Args:
        file: The file, seekable.
        start: Where the part begins, in bytes.
        end: Where it ends, in bytes.
    """

    def __init__(self, file: IO[bytes], start: int, end: int) -> None:
        self._file = file
        self._start = start
        self._size = end - start
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in the part."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position in the part."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read up to the end of the part."""
        wanted = min(len(buffer), max(0, self._size - self._at))
        self._file.seek(self._start + self._at)
        data = self._file.read(wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


class RifxWindow(FileWindow):
    """A big-endian WAV as a little-endian one, because FFmpeg takes its samples for such.

    Args:
        file: The file, seekable.
        offset: Where it begins, in bytes.
        reader: A reader of it.

    Raises:
        ValueError: Its header cannot be read.
    """

    def __init__(self, file: IO[bytes], offset: int, reader: Reader) -> None:
        layout = read_layout(HeaderReader(reader))
        fmt, length = layout.format, reader.size - layout.data_at
        length = min(layout.stated, length) if layout.stated else length
        super().__init__(file, offset + layout.data_at, offset + layout.data_at + length)
        self._width = max(1, fmt.bits // 8)
        block = fmt.channels * self._width
        if block > _MAX_BLOCK or fmt.rate * block > _MAX_LENGTH:
            raise ValueError("it is damaged: its format states impossible values")
        fields = (16, fmt.tag, fmt.channels, fmt.rate, fmt.rate * block, block, fmt.bits)
        riff, stated = (min(each, _MAX_LENGTH) for each in (length + 36, length))
        head = b"RIFF", riff, b"WAVEfmt ", *fields, b"data", stated
        self._head = struct.pack("<4sI8sIHHIIHH4sI", *head)
        self._size += len(self._head)

    def readinto(self, buffer: Any) -> int:
        """Read the new header, then samples with their bytes turned round."""
        head = self._head[self._at : self._at + len(buffer)]
        if not head:
            at, width = self._at - len(self._head), self._width
            first = at // width * width
            wanted = min(len(buffer), max(0, self._size - self._at))
            self._file.seek(self._start + first)
            data = bytearray(self._file.read(-(-(at + wanted - first) // width) * width))
            whole = len(data) // width * width
            turned = bytearray(whole)
            for byte in range(width):
                turned[byte::width] = data[width - 1 - byte : whole : width]
            head = bytes(turned[at - first : at - first + wanted])
        buffer[: len(head)] = head
        self._at += len(head)
        return len(head)


@dataclass(frozen=True, slots=True)
class AudioPart:
    """One file of audio; a joined OGG has several of them.

    Attributes:
        source: The file, with an index that holds the audio stream alone.
        audio: The audio stream.
        begin: Where the part begins, in seconds on the time line of its container: what a video
            shows first, or else the first sample that is heard.
        end: Where it ends, likewise.
        container: FFmpeg's name of the container format.
        codec: FFmpeg's name of the decoder.
        has_video: Whether there is a video besides.
        sample_rate: Samples per second.
        channels: Number of channels.
        layout: FFmpeg's name of the channels, such as "stereo".
        sample_format: FFmpeg's name of the decoded samples, such as "s16".
        audio_tracks: Number of audio tracks in the file.
    """

    source: IndexedFile
    audio: StreamIndex
    begin: Fraction
    end: Fraction
    container: str
    codec: str
    has_video: bool
    sample_rate: int
    channels: int
    layout: str
    sample_format: str
    audio_tracks: int

    @property
    def seconds(self) -> Fraction:
        """How long the part is, in seconds."""
        return self.end - self.begin

    @property
    def earliest(self) -> Fraction:
        """Where its audio begins: a video may show its first frame a little later."""
        start = self.audio.start if self.has_video else None
        return self.begin if start is None else min(self.begin, start)

    @property
    def first_packet(self) -> Fraction:
        """The time of its first packet of audio, which may only prime the decoder."""
        return self.begin if self.audio.start is None else self.audio.start


@dataclass(frozen=True, slots=True)
class AudioSource:
    """The audio of a source.

    Attributes:
        parts: Its parts, one after the other.
        found: The format of the file, or None if it is unknown.
        offset: Bytes of ID3 tags in front of it.
    """

    parts: tuple[AudioPart, ...]
    found: formats.Format | None
    offset: int

    @property
    def first(self) -> AudioPart:
        """The first part, whose properties count for all."""
        return self.parts[0]

    @property
    def seconds(self) -> float:
        """How long it is, in seconds."""
        return float(sum(part.seconds for part in self.parts))

    @property
    def last_s(self) -> float:
        """Where it ends: in seconds from the beginning, or by its own times if they start late."""
        return max(self.seconds, float(self.parts[-1].end))

    def frames(
        self,
        start_s: float,
        end_s: float | None,
        tick: Tick,
        on_damage: Callable[[int], None],
    ) -> Iterator[tuple[Any, Fraction]]:
        """Decode a segment.

        Args:
            start_s: Where it starts, in seconds.
            end_s: Where it ends, in seconds; None for the end.
            tick: Called for every packet with the share that is done.
            on_damage: Called with the number of packets that could not be decoded, if any.

        Yields:
            Each frame with its time from the start of the segment, in seconds; negative for one
            that reaches into the segment.
        """
        start = Fraction(start_s).limit_denominator(1_000_000)
        end = Fraction(end_s).limit_denominator(1_000_000) if end_s is not None else None
        offset = Fraction(0)
        for part in self.parts:
            behind = None if end is None else end - offset
            if (behind is None or behind > 0) and start - offset < part.seconds:
                until = part.end + _BEHIND_THE_END
                if behind is not None:
                    until = min(until, part.begin + behind)
                begin = part.begin if start or offset else part.earliest
                span = Span(begin + max(start - offset, Fraction(0)), until)
                shift = max(offset - start, Fraction(0))
                positions = [part.audio.position]
                for frame, time in decode_span(part.source, positions, span, tick, on_damage):
                    yield frame, time + shift
            offset += part.seconds


def open_audio(file: IO[bytes], tick: Tick) -> AudioSource:
    """Read every packet of a source once.

    Args:
        file: The open source.
        tick: Called for every packet.

    Raises:
        MediaError: It has no audio that FFmpeg can decode.
    """
    reader = reader_of(file)
    found, offset = identify_file(reader)
    parts = [_open_part(window, tick) for window in _windows(file, reader, found, offset)]
    return AudioSource(tuple(parts), found, offset)


def _windows(
    file: IO[bytes], reader: Reader, found: formats.Format | None, offset: int
) -> list[IO[bytes]]:
    """Return the files within a file: the one behind its ID3 tags, or those joined in an OGG."""
    if found is formats.OGG:
        try:
            links = [link for link in read_links(HeaderReader(reader)) if link.audio is not None]
        except HeaderTooComplexError:
            links = []
        if len(links) > 1:
            ends = [*(link.at for link in links[1:]), reader.size]
            return [_window(file, link.at, end) for link, end in zip(links, ends, strict=True)]
    if found is formats.RIFX:
        with suppress(ValueError):
            window = RifxWindow(file, offset, OffsetReader(reader, offset))
            return [cast("IO[bytes]", window)]
    if offset and found is not None and found is not formats.MP3:
        return [_window(file, offset, reader.size)]
    return [file]


def _window(file: IO[bytes], start: int, end: int) -> IO[bytes]:
    return cast("IO[bytes]", FileWindow(file, start, end))


def _open_part(file: IO[bytes], tick: Tick) -> AudioPart:
    file.seek(0)
    with closing(open_as("audio", file)) as container:
        audio = next((s for s in container.streams.audio if s.codec_context is not None), None)
        if audio is None:
            raise MediaError("it has no audio track that FFmpeg can decode")
        videos = [s for s in container.streams.video if _is_video(s)][:1]
        whole = build_index(container, [*videos, audio], tick)
        index = whole.streams[audio.index]
        if not index.shown:
            raise MediaError("its audio track is empty")
        context = audio.codec_context
        name, audio_tracks = container.format.name, len(container.streams.audio)
    source = IndexedFile(file, Index({index.position: index}, whole.start, whole.end))
    begin = None if videos else _first_heard(file, index.position)
    return AudioPart(
        source,
        index,
        whole.start if begin is None else begin,
        whole.end,
        name,
        context.name,
        bool(videos),
        context.sample_rate or 0,
        context.layout.nb_channels,
        context.layout.name,
        context.format.name if context.format is not None else "",
        audio_tracks,
    )


def _is_video(stream: Any) -> bool:
    """Whether a stream is a video and not a cover."""
    disposition = import_av().stream.Disposition.attached_pic
    return stream.codec_context is not None and not stream.disposition & disposition


def _first_heard(file: IO[bytes], position: int) -> Fraction | None:
    """Return when the first sample is heard, in seconds, or None if nothing decodes early."""
    file.seek(0)
    with closing(open_container(file)) as container:
        stream = container.streams[position]
        for count, packet in enumerate(packets_of(container, [stream])):
            if count == _FIRST_PACKETS:
                break
            try:
                with ffmpeg_errors("a packet is damaged"):
                    frames = packet.decode()
            except MediaError:
                continue
            for frame in frames:
                if frame.pts is not None and frame.samples:
                    return Fraction(frame.pts) * Fraction(frame.time_base)
    return None

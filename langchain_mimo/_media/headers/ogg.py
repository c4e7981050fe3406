"""Measures OGG by the positions that its pages state: Opus, Vorbis, FLAC and Speex.

A page states the position of the last sample that ends in it, counted from the beginning of the
stream it was taken from, which is not always the beginning of the file: recordings of running
streams begin at any position. So the duration is the last position less the one where the first
page with samples begins, which is its own position less the samples of its packets. Files that
were joined ("chained") hold several streams one after the other, each with positions of its own;
their durations are added.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from langchain_mimo._media.headers.audio import audio_header
from langchain_mimo._media.headers.ogg_codecs import OggCodec, read_codec
from langchain_mimo._media.headers.reader import (
    AVHeader,
    HeaderReader,
    HeaderTooComplexError,
    truncated,
)

_TAIL = 128 * 1024
_PAGE_HEADER = 27
_MAX_PAGE_HEADER = _PAGE_HEADER + 255
_NO_POSITION = 0xFFFFFFFFFFFFFFFF
_CONTINUES, _BEGINS = 0x01, 0x02
_MAX_START_PAGES = 250
_TOLERATED_START_S = 0.1
"""Where a complete file may begin: some writers count the samples that are not played."""

_RESYNC = 16 * 1024
_WALKED_BYTES = 4 << 20
"""Files up to this size are read page by page to the end; longer ones only if they are joined."""


@dataclass(frozen=True, slots=True)
class Page:
    """The header of a page.

    Attributes:
        at: Where it begins, in bytes.
        end: Where it ends, in bytes.
        serial: Number of its stream.
        position: The position that it states, or None.
        flags: Whether its first packet began before, and whether it is the first of its stream.
        lacing: Lengths of the segments of its packets.
    """

    at: int
    end: int
    serial: int
    position: int | None
    flags: int
    lacing: bytes

    @property
    def data_at(self) -> int:
        """Where its packets begin, in bytes."""
        return self.at + _PAGE_HEADER + len(self.lacing)

    @property
    def begins(self) -> bool:
        """Whether it is the first page of a stream."""
        return bool(self.flags & _BEGINS)


def parse_page(data: bytes, at: int, offset: int = 0) -> Page | None:
    """Read the header of the page at `data[at:]`, or return None if none begins there.

    Args:
        data: Bytes of the file.
        at: Where the page begins in them.
        offset: Where they begin in the file.
    """
    head = data[at : at + _MAX_PAGE_HEADER]
    if not head.startswith(b"OggS\0") or len(head) < _PAGE_HEADER:
        return None
    lacing = head[_PAGE_HEADER : _PAGE_HEADER + head[26]]
    if len(lacing) < head[26]:
        return None
    position = int.from_bytes(head[6:14], "little")
    start = offset + at
    return Page(
        start,
        start + _PAGE_HEADER + len(lacing) + sum(lacing),
        int.from_bytes(head[14:18], "little"),
        None if position == _NO_POSITION else position,
        head[5],
        lacing,
    )


class _Stream:
    """A stream of audio: where it begins and ends, by the pages seen so far."""

    def __init__(self, codec: OggCodec, serial: int) -> None:
        self.codec = codec
        self.serial = serial
        self.start: int | None = None
        self.last: int | None = None
        self._headers = codec.headers
        self._rest = b""

    def add(self, reader: HeaderReader, page: Page) -> None:
        """Take note of a page; its packets are read until the beginning is known."""
        if self.start is None:
            samples = sum(map(self.codec.samples, self._packets(reader, page)))
            if page.position is None or self._headers > 0 or not (page.position or samples):
                return
            # Less than the samples at hand means that the first ones are not played.
            self.start = max(0, page.position - samples)
        if page.position is not None:
            self.last = max(page.position, self.last or 0)

    def _packets(self, reader: HeaderReader, page: Page) -> Iterator[bytes]:
        """Yield the packets with samples that end in a page."""
        data = reader.read(page.data_at, page.end - page.data_at)
        if not page.flags & _CONTINUES:
            self._rest = b""
        begin = end = 0
        for length in page.lacing:
            end += length
            if length == 255:
                continue
            packet, begin = self._rest + data[begin:end], end
            self._rest = b""
            if self._headers > 0:
                self._headers -= 1
                self.codec.learn(packet)
            else:
                yield packet
        self._rest += data[begin:end]

    @property
    def seconds(self) -> float | None:
        """The duration, or None while it is unknown."""
        if self.start is None or self.last is None or not self.codec.rate:
            return None
        return max(0, self.last - self.start - self.codec.skipped) / self.codec.rate


@dataclass(slots=True)
class Link:
    """One of the files that a chained file was joined from.

    Attributes:
        at: Where it begins, in bytes.
        streams: Its streams by their numbers; None for those that are not audio.
    """

    at: int
    streams: dict[int, _Stream | None]

    @property
    def audio(self) -> _Stream | None:
        """The first stream of audio, which is the one that is heard."""
        return next((stream for stream in self.streams.values() if stream is not None), None)


def probe_ogg(reader: HeaderReader) -> AVHeader:
    """Measure an OGG.

    Raises:
        ValueError: Its last page is incomplete, or it has none.
    """
    beginning, last = read_links(reader, only_beginning=True), _last_page(reader)
    stream = beginning[0].audio if beginning else None
    if last is None:
        raise truncated(header=_header(stream, None))
    if stream is not None and reader.size > _WALKED_BYTES and last.serial in beginning[0].streams:
        own = _last_page(reader, stream.serial)
        stream.last = own.position if own is not None else None
        header = _header(stream, stream.seconds)
    else:
        header = _header_of_joined(reader, stream)
    if last.end > reader.size:
        raise truncated("its last page is incomplete", header)
    return header


def _header_of_joined(reader: HeaderReader, stream: _Stream | None) -> AVHeader:
    """Return the header of a file by all of its pages; without a duration if they are too many."""
    if stream is None:
        return _header(None, None)
    try:
        streams = [link.audio for link in read_links(reader)]
    except HeaderTooComplexError:
        return _header(stream, None)
    durations = [found.seconds for found in streams if found is not None]
    known = [seconds for seconds in durations if seconds is not None]
    seconds = sum(known) if known and len(known) == len(durations) else None
    return _header(streams[0] or stream, seconds, is_joined=len(streams) > 1)


def _header(stream: _Stream | None, seconds: float | None, *, is_joined: bool = False) -> AVHeader:
    if stream is None:
        return audio_header(None, None)
    codec = stream.codec
    is_late = (stream.start or 0) > codec.rate * _TOLERATED_START_S
    is_plain = not is_joined and not is_late and seconds is not None
    return audio_header(seconds, codec.name, codec.rate, codec.channels, has_true_lengths=is_plain)


def read_links(reader: HeaderReader, *, only_beginning: bool = False) -> list[Link]:
    """Read the pages of a file, link by link.

    Args:
        reader: The file.
        only_beginning: Whether to stop where the first stream of audio is heard.

    Raises:
        HeaderTooComplexError: There are more pages than are read.
    """
    links: list[Link] = []
    was_beginning = False
    for count, page in enumerate(_pages(reader)):
        if only_beginning and count > _MAX_START_PAGES:
            break
        if page.begins:
            if not was_beginning:
                links.append(Link(page.at, {}))
            codec = read_codec(reader.read(page.data_at, min(page.end - page.data_at, 256)))
            stream = _Stream(codec, page.serial) if codec is not None else None
            links[-1].streams[page.serial] = stream
        was_beginning = page.begins
        stream = links[-1].streams.get(page.serial) if links else None
        if stream is None or page.end > reader.size:
            continue
        stream.add(reader, page)
        if only_beginning and stream.start is not None:
            break
    return links


def _pages(reader: HeaderReader) -> Iterator[Page]:
    """Yield the headers of the pages in order; bytes between them are skipped."""
    at = 0
    while at + _PAGE_HEADER <= reader.size:
        page = parse_page(reader.peek(at, _MAX_PAGE_HEADER), 0, at)
        if page is not None:
            yield page
            at = page.end
            continue
        following = reader.read(at + 1, _RESYNC).find(b"OggS\0")
        if following < 0:
            return
        at += 1 + following


def _last_page(reader: HeaderReader, serial: int | None = None) -> Page | None:
    """Return the last page, preferring one that states a position; it may be incomplete.

    Args:
        reader: The file.
        serial: Number of the stream that it belongs to. Default: any.
    """
    start = max(0, reader.size - _TAIL)
    tail = reader.read(start, _TAIL)
    at, last = len(tail), None
    while (at := tail.rfind(b"OggS\0", 0, at)) >= 0:
        page = parse_page(tail, at, start)
        if page is None or serial not in (None, page.serial):
            continue
        if page.end > reader.size or page.position is not None:
            return page
        last = last or page
    return last

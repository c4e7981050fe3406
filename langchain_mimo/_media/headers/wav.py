"""Measures WAV and its relatives: RIFF, RF64, BW64 and RIFX by their chunks, and Sony's W64.

The length of the data is often wrong. What writes to a pipe cannot know it and writes a placeholder
(0x7ffff000 by sox, 0x80000000 by arecord, 0xffffffff less the headers by speech servers, 0 by a
recorder that was switched off), and some recorders count a few bytes of header too many. A
placeholder means "to the end of the file"; a small excess is ignored; any other length beyond the
end means that the file is truncated.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple, TypeAlias

from langchain_mimo._media.headers.audio import audio_header
from langchain_mimo._media.headers.reader import AVHeader, HeaderReader, damaged, truncated

ByteOrder: TypeAlias = Literal["little", "big"]

_FIRST_PLACEHOLDER = 0x7FFFF000
"""Lengths from here on mean "to the end", unless the file is that long."""

_TOLERATED_SECONDS = 1.0
_TOLERATED_SHARE = 0.01
_MAX_RATE = 1_000_000
_EXTENSIBLE = 0xFFFE
_PCM, _FLOAT, _A_LAW, _MU_LAW = 1, 3, 6, 7
_UNCOMPRESSED = frozenset({_PCM, _FLOAT, _A_LAW, _MU_LAW})
_CODECS = {
    0x02: "adpcm_ms", 0x11: "adpcm_ima_wav", 0x31: "gsm_ms", 0x45: "adpcm_g726", 0x50: "mp2",
    0x55: "mp3", 0xFF: "aac", 0x160: "wmav1", 0x161: "wmav2", 0x2000: "ac3", 0x2001: "dts",
    0xF1AC: "flac", _A_LAW: "pcm_alaw", _MU_LAW: "pcm_mulaw",
}  # fmt: skip
_W64_GUID_END = bytes.fromhex("f3acd3118cd100c04f8edb8a")


class WavFormat(NamedTuple):
    """The fields of a format chunk that are used here."""

    tag: int
    channels: int
    rate: int
    byte_rate: int
    bits: int

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of all channels, if the samples are not compressed, else 0."""
        return (self.bits + 7) // 8 * self.channels if self.tag in _UNCOMPRESSED else 0


class WavLayout(NamedTuple):
    """Where the samples of a WAV are.

    Attributes:
        format: The format chunk.
        data_at: Where the data begin, in bytes.
        stated: The length of the data that the file states, in bytes.
        samples: The number of samples that a fact chunk states, or 0.
        order: The order of the bytes of a number.
        is_wide: Whether a ds64 chunk states the lengths.
    """

    format: WavFormat
    data_at: int
    stated: int
    samples: int
    order: ByteOrder
    is_wide: bool


def probe_wav(reader: HeaderReader) -> AVHeader:
    """Measure a WAV by its format chunk and the size of its data.

    Raises:
        ValueError: It is truncated, has no samples, or its chunks contradict each other.
    """
    layout = read_layout(reader)
    rest = reader.size - layout.data_at
    header = _header(layout.format, layout.stated, rest, layout.samples, layout.order)
    end = _number(reader, 4, 4, layout.order) + 8
    if not layout.is_wide and not layout.data_at + layout.stated <= end <= reader.size + 1:
        return replace(header, has_true_lengths=False)
    return header


def read_layout(reader: HeaderReader) -> WavLayout:
    """Read the chunks of a WAV up to its data.

    Raises:
        ValueError: It ends before its data, or they precede their format.
    """
    order: ByteOrder = "big" if reader.exactly(0, 4) == b"RIFX" else "little"
    offset, wide_length, samples = 12, 0, 0
    fmt: WavFormat | None = None
    while True:
        name, length = reader.exactly(offset, 4), _number(reader, offset + 4, 4, order)
        offset += 8
        if name == b"ds64":
            wide_length = _number(reader, offset + 8, 8, order)
        elif name == b"fact":
            samples = _number(reader, offset, 4, order)
        elif name == b"fmt ":
            fmt = _format(reader, offset, length, order)
        elif name == b"data":
            break
        offset += length + length % 2
    if fmt is None:
        raise damaged("its data chunk precedes its format chunk")
    stated = wide_length if wide_length and length == 0xFFFFFFFF else length
    return WavLayout(fmt, offset, stated, samples, order, bool(wide_length))


def probe_w64(reader: HeaderReader) -> AVHeader:
    """Measure a W64: chunks with names of 16 bytes, lengths of 8 and an alignment of 8."""
    offset = 40
    fmt: WavFormat | None = None
    while True:
        name, length = reader.exactly(offset, 16), reader.little(offset + 16, 8)
        if name[4:] == _W64_GUID_END and name[:4] == b"fmt ":
            fmt = _format(reader, offset + 24, length - 24, "little")
        elif name[4:] == _W64_GUID_END and name[:4] == b"data":
            break
        if length < 24:
            raise damaged("one of its chunks has an invalid length")
        offset += (length + 7) // 8 * 8
    if fmt is None:
        raise damaged("its data chunk precedes its format chunk")
    return _header(fmt, length - 24, reader.size - offset - 24, 0, "little")


def _format(reader: HeaderReader, at: int, length: int, order: ByteOrder) -> WavFormat:
    fields = ((0, 2), (2, 2), (4, 4), (8, 4), (14, 2))
    fmt = WavFormat(*(_number(reader, at + place, size, order) for place, size in fields))
    if fmt.tag == _EXTENSIBLE and length >= 26:
        fmt = fmt._replace(tag=_number(reader, at + 24, 2, order))
    if not fmt.channels or not 0 < fmt.rate <= _MAX_RATE:
        raise damaged(f"it states {fmt.channels} channels at {fmt.rate} Hz")
    return fmt


def _number(reader: HeaderReader, at: int, size: int, order: ByteOrder) -> int:
    return int.from_bytes(reader.exactly(at, size), order)


def _header(fmt: WavFormat, stated: int, rest: int, samples: int, order: ByteOrder) -> AVHeader:
    """Return the header for data that state one length, when `rest` bytes are there."""
    is_placeholder = stated == 0 or stated >= _FIRST_PLACEHOLDER
    is_true = 0 < stated <= rest
    used = stated if is_true else rest
    header = audio_header(
        _seconds(fmt, used, samples if is_true else 0),
        _codec(fmt, order),
        fmt.rate,
        fmt.channels,
        has_true_lengths=is_true,
    )
    tolerated = max(fmt.byte_rate * _TOLERATED_SECONDS, stated * _TOLERATED_SHARE)
    if not is_true and not is_placeholder and (not used or stated - rest > tolerated):
        raise truncated(header=header, stated=_seconds(fmt, stated, samples))
    if used < (fmt.sample_bytes or 1):
        raise damaged("its data chunk holds no samples")
    return header


def _seconds(fmt: WavFormat, length: int, samples: int) -> float | None:
    """Return the duration: exact for uncompressed samples, else by sample count or byte rate."""
    if fmt.sample_bytes:
        return length // fmt.sample_bytes / fmt.rate
    if samples:
        return samples / fmt.rate
    return length / fmt.byte_rate if fmt.byte_rate else None


def _codec(fmt: WavFormat, order: ByteOrder) -> str:
    """Return FFmpeg's name of the codec."""
    width, end = (fmt.bits + 7) // 8 * 8, "le" if order == "little" else "be"
    if fmt.tag == _PCM:
        return "pcm_u8" if width == 8 else f"pcm_s{width}{end}"
    if fmt.tag == _FLOAT:
        return f"pcm_f{width}{end}"
    return _CODECS.get(fmt.tag, f"wave format {fmt.tag:#06x}")

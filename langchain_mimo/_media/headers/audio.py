"""Measures the duration of WAV, MP3, FLAC and OGG from their headers."""

from __future__ import annotations

from typing import NamedTuple

from langchain_mimo._media.headers.reader import AVHeader, HeaderReader, damaged, truncated

_UNKNOWN_LENGTHS = (0, 0xFFFFFFFF)
_WAV_CODECS = {1: "pcm", 2: "adpcm_ms", 3: "pcm_float", 6: "alaw", 7: "mulaw", 17: "adpcm_ima_wav"}
_WAV_UNCOMPRESSED = frozenset({1, 3, 6, 7, 0xFFFE})
_MP3_RATES = (44100, 48000, 32000)
_MP3_BITRATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_BITRATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MP3_WINDOW = 128 * 1024
_OGG_TAIL = 128 * 1024
_OGG_NO_GRANULE = 0xFFFFFFFFFFFFFFFF


class _WavFormat(NamedTuple):
    """The fields of a WAV format chunk that are used here."""

    tag: int
    channels: int
    rate: int
    byte_rate: int
    bits: int


def _audio(duration: float | None, codec: str | None) -> AVHeader:
    return AVHeader(duration, has_video=False, has_audio=True, audio_codec=codec)


def probe_wav(reader: HeaderReader) -> AVHeader:
    """Measure a WAV by its format chunk and the size of its data."""
    offset, wide_length, samples = 12, 0, 0
    fmt: _WavFormat | None = None
    while True:
        name, length = reader.exactly(offset, 4), reader.little(offset + 4, 4)
        if name == b"ds64":
            wide_length = reader.little(offset + 16, 8)
        elif name == b"fact":
            samples = reader.little(offset + 8, 4)
        elif name == b"fmt ":
            fields = ((8, 2), (10, 2), (12, 4), (16, 4), (22, 2))
            fmt = _WavFormat(*(reader.little(offset + at, size) for at, size in fields))
        elif name == b"data":
            break
        offset += 8 + length + length % 2
    if fmt is None:
        raise damaged("its data chunk precedes its format chunk")
    rest = reader.size - offset - 8
    if length in _UNKNOWN_LENGTHS:
        length = wide_length or rest
    if length > rest:
        raise truncated()
    return _audio(_wav_seconds(length, samples, fmt), _WAV_CODECS.get(fmt.tag, "other"))


def _wav_seconds(length: int, samples: int, fmt: _WavFormat) -> float | None:
    """Return the duration: exact for uncompressed samples, else by sample count or byte rate."""
    sample_bits = fmt.channels * fmt.bits * fmt.rate
    if fmt.tag in _WAV_UNCOMPRESSED and sample_bits:
        return length * 8 / sample_bits
    if samples and fmt.rate:
        return samples / fmt.rate
    return length / fmt.byte_rate if fmt.byte_rate else None


def probe_flac(reader: HeaderReader) -> AVHeader:
    """Measure a FLAC by its STREAMINFO block."""
    if reader.big(4, 1) & 0x7F != 0:
        raise damaged("its first block is not STREAMINFO")
    return _audio(_flac_seconds(reader.exactly(8, 34)), "flac")


def _flac_seconds(stream_info: bytes) -> float | None:
    rate = int.from_bytes(stream_info[10:13], "big") >> 4
    samples = int.from_bytes(stream_info[13:18], "big") & 0xFFFFFFFFF
    return samples / rate if rate and samples else None


def probe_ogg(reader: HeaderReader) -> AVHeader:
    """Measure an OGG by the granule position of its last page."""
    segments = reader.big(26, 1)
    packet = reader.read(27 + segments, 80)
    serial = reader.exactly(14, 4)
    codec, rate = _ogg_codec(packet)
    tail_at = max(0, reader.size - _OGG_TAIL)
    tail = reader.read(tail_at, _OGG_TAIL)
    at = len(tail)
    while (at := tail.rfind(b"OggS\x00", 0, at)) >= 0:
        page = tail[at : at + 27 + 255]
        granule = int.from_bytes(page[6:14], "little")
        if len(page) < 27 or page[14:18] != serial:
            continue
        lacing = page[27 : 27 + page[26]]
        if len(lacing) < page[26] or tail_at + at + 27 + page[26] + sum(lacing) > reader.size:
            raise truncated("its last page is incomplete")
        if granule != _OGG_NO_GRANULE:
            return _audio(granule / rate if rate else None, codec)
    return _audio(None, codec)


def _ogg_codec(packet: bytes) -> tuple[str | None, int]:
    """Return the codec and the rate of its granule positions, in units per second."""
    if packet.startswith(b"\x01vorbis"):
        return "vorbis", int.from_bytes(packet[12:16], "little")
    if packet.startswith(b"OpusHead"):
        return "opus", 48000
    if packet.startswith(b"\x7fFLAC"):
        return "flac", int.from_bytes(packet[27:30], "big") >> 4
    if packet.startswith(b"Speex   "):
        return "speex", int.from_bytes(packet[36:40], "little")
    return None, 0


def probe_mp3(reader: HeaderReader) -> AVHeader:
    """Measure an MP3 by the frame count in its first frame, else by its size and bit rate."""
    offset = _skip_id3(reader)
    window = reader.read(offset, _MP3_WINDOW)
    at = _find_first_frame(window)
    frame = _parse_frame(window, at) if at is not None else None
    if at is None or frame is None:
        return _audio(None, "mp3")
    mono_side, stereo_side = (17, 32) if frame.version == 3 else (9, 17)
    side = mono_side if window[at + 3] >> 6 == 3 else stereo_side
    counted = _counted_samples(window[at:], 4 + side, frame.samples)
    if counted is not None:
        return _audio(counted / frame.rate, "mp3")
    bit_rate = _mean_bit_rate(window, at)
    return _audio((reader.size - offset - at) * 8 / bit_rate, "mp3")


def _mean_bit_rate(window: bytes, at: int) -> float:
    """Return the mean bit rate of the frames in the window; exact if it is constant."""
    rates = []
    while at < len(window) and (frame := _parse_frame(window, at)) is not None:
        rates.append(frame.bit_rate)
        at += frame.length
    return sum(rates) / len(rates)


def _skip_id3(reader: HeaderReader) -> int:
    """Return the offset after the ID3 tags at the beginning."""
    offset = 0
    while reader.read(offset, 3) == b"ID3":
        sizes = reader.exactly(offset + 6, 4)
        length = sum(
            (byte & 0x7F) << shift for byte, shift in zip(sizes, (21, 14, 7, 0), strict=True)
        )
        offset += 10 + length + (10 if reader.big(offset + 5, 1) & 0x10 else 0)
        if offset > reader.size:
            raise truncated("its ID3 tag is incomplete")
    return offset


class _Frame(NamedTuple):
    """The header of an MPEG layer III frame."""

    version: int
    bit_rate: int
    rate: int
    samples: int
    length: int


def _parse_frame(window: bytes, at: int) -> _Frame | None:
    head = window[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, rate_index, bit_rate_index = head[1] >> 3 & 3, head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or rate_index == 3 or bit_rate_index in (0, 15):
        return None
    table = _MP3_BITRATES_1 if version == 3 else _MP3_BITRATES_2
    bit_rate = table[bit_rate_index] * 1000
    rate = _MP3_RATES[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    samples = 1152 if version == 3 else 576
    padding = head[2] >> 1 & 1
    return _Frame(version, bit_rate, rate, samples, samples // 8 * bit_rate // rate + padding)


def _find_first_frame(window: bytes) -> int | None:
    """Find the first frame that is followed by another one or by the end of the window."""
    at = window.find(b"\xff")
    while at >= 0:
        frame = _parse_frame(window, at)
        if frame is not None:
            following = at + frame.length
            if following >= len(window) - 3 or _parse_frame(window, following):
                return at
        at = window.find(b"\xff", at + 1)
    return None


def _counted_samples(frame: bytes, xing_at: int, samples_per_frame: int) -> int | None:
    """Return the number of samples by a Xing, Info or VBRI header, less the encoder's padding."""
    if frame[xing_at : xing_at + 4] in (b"Xing", b"Info"):
        flags = int.from_bytes(frame[xing_at + 4 : xing_at + 8], "big")
        frames = int.from_bytes(frame[xing_at + 8 : xing_at + 12], "big")
        if not flags & 1 or not frames:
            return None
        at = xing_at + 12 + (4 if flags & 2 else 0) + (100 if flags & 4 else 0)
        at += 4 if flags & 8 else 0
        padding = 0
        if frame[at : at + 4] in (b"LAME", b"Lavf", b"Lavc"):
            delays = int.from_bytes(frame[at + 21 : at + 24], "big")
            padding = (delays >> 12) + (delays & 0xFFF)
        return max(0, frames * samples_per_frame - padding)
    if frame[36:40] == b"VBRI":
        return int.from_bytes(frame[50:54], "big") * samples_per_frame or None
    return None

"""The audio codecs in OGG: what their headers say, and how many samples a packet holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from langchain_mimo._media.headers.flac import parse_frame_header

_OPUS_RATE = 48_000
_OPUS_FRAMES = {
    # Samples of a frame at 48 kHz, by the five bits of configuration.
    **{config: (480, 960, 1920, 2880)[config % 4] for config in range(12)},
    **{config: (480, 960)[config % 2] for config in range(12, 16)},
    **{config: (120, 240, 480, 960)[config % 4] for config in range(16, 32)},
}
_MODE_BITS = 41


@dataclass(slots=True)
class OggCodec:
    """A codec, as its first packet describes it.

    Attributes:
        name: FFmpeg's name.
        rate: Positions per second.
        channels: Number of channels.
        headers: Packets that hold no samples, at the beginning of the stream.
        skipped: Samples at the beginning that a decoder does not play.
        samples: Returns the samples of one packet; `learn` may be needed before.
        learn: Told every header packet after the first one.
    """

    name: str
    rate: int
    channels: int
    headers: int
    skipped: int
    samples: Callable[[bytes], int]
    learn: Callable[[bytes], None] = lambda _: None


def read_codec(packet: bytes) -> OggCodec | None:
    """Return the codec that a stream's first packet describes, or None if it is another one."""
    if packet.startswith(b"\x01vorbis") and len(packet) >= 30:
        blocks = _VorbisBlocks(1 << (packet[28] & 0xF), 1 << (packet[28] >> 4))
        rate = int.from_bytes(packet[12:16], "little")
        return OggCodec("vorbis", rate, packet[11], 3, 0, blocks.samples, blocks.learn)
    if packet.startswith(b"OpusHead") and len(packet) >= 19:
        skipped = int.from_bytes(packet[10:12], "little")
        return OggCodec("opus", _OPUS_RATE, packet[9], 2, skipped, _opus_samples)
    if packet.startswith(b"\x7fFLAC") and len(packet) >= 51:
        rate, block = (
            int.from_bytes(packet[27:30], "big") >> 4,
            int.from_bytes(packet[17:19], "big"),
        )
        headers = 1 + int.from_bytes(packet[7:9], "big")
        return OggCodec(
            "flac",
            rate,
            (packet[29] >> 1 & 7) + 1,
            headers,
            0,
            lambda data: _flac_samples(data, block),
        )
    if packet.startswith(b"Speex   ") and len(packet) >= 80:
        rate, channels, size, frames, extra = (
            int.from_bytes(packet[at : at + 4], "little") for at in (36, 48, 56, 64, 68)
        )
        samples = size * max(1, frames)
        return OggCodec("speex", rate, channels, 2 + extra, 0, lambda _: samples)
    return None


def _opus_samples(packet: bytes) -> int:
    """Return the samples of an Opus packet, by its first byte and, for many frames, its second."""
    if not packet:
        return 0
    code = packet[0] & 3
    frames = {0: 1, 1: 2, 2: 2}.get(code, packet[1] & 0x3F if len(packet) > 1 else 0)
    return _OPUS_FRAMES[packet[0] >> 3] * frames


def _flac_samples(packet: bytes, block: int) -> int:
    frame = parse_frame_header(packet, 0, block)
    return frame.samples if frame is not None else 0


class _VorbisBlocks:
    """The block lengths of a Vorbis stream: a packet adds half of its own and of the one before.

    Which of the two lengths a packet has is a flag of its mode; the modes stand at the very end of
    the third header, behind codebooks that would have to be decoded. They are read backwards, as
    FFmpeg does: a mode is 41 bits, of which 32 are zero.
    """

    def __init__(self, short: int, long: int) -> None:
        self._lengths = (short, long)
        self._modes: list[int] = []
        self._previous = 0

    def learn(self, packet: bytes) -> None:
        """Read the modes from the third header."""
        if packet.startswith(b"\x05vorbis"):
            self._modes = _vorbis_modes(packet)

    def samples(self, packet: bytes) -> int:
        """Return the samples that a packet adds; packets come in order."""
        if not packet or packet[0] & 1 or not self._modes:
            return 0
        mode = packet[0] >> 1 & (1 << (len(self._modes) - 1).bit_length()) - 1
        length = self._lengths[self._modes[min(mode, len(self._modes) - 1)]]
        added = (self._previous + length) // 4 if self._previous else 0
        self._previous = length
        return added


def _vorbis_modes(packet: bytes) -> list[int]:
    """Return the block flag of each mode, or an empty list if they are not found."""
    bits = int.from_bytes(packet, "little")
    end = bits.bit_length() - 1  # the last bit that is set ends the header
    flags: list[int] = []
    found: list[int] = []
    while end - _MODE_BITS * (len(flags) + 1) > 56:
        at = end - _MODE_BITS * (len(flags) + 1)
        if bits >> at + 1 & 0xFFFFFFFF or bits >> at + 33 & 0xFF > 63:
            break
        flags.insert(0, bits >> at & 1)
        if (bits >> at - 6 & 0x3F) + 1 == len(flags):
            found = list(flags)
        if len(flags) == 64:
            break
    return found

"""The formats of audio in AVI and WMV, where they are those of WAV: tag, channels, rates."""

from __future__ import annotations

from typing import NamedTuple

from langchain_mimo._media.headers.reader import HeaderReader, StreamInfo

_PCM = 0x01
_CODECS = {
    0x02: "adpcm_ms", 0x03: "pcm_f32le", 0x06: "pcm_alaw", 0x07: "pcm_mulaw",
    0x11: "adpcm_ima_wav", 0x50: "mp2", 0x55: "mp3", 0xFF: "aac", 0x160: "wmav1", 0x161: "wmav2",
    0x162: "wmapro", 0x163: "wmalossless", 0x2000: "ac3", 0x2001: "dts",
}  # fmt: skip


class AudioFormat(NamedTuple):
    """A WAVEFORMATEX structure; 0 stands for what it does not state."""

    codec: str
    channels: int
    sample_rate: int

    def stream_info(self) -> StreamInfo:
        """Return it as a stream."""
        return StreamInfo(
            "audio",
            self.codec,
            sample_rate=self.sample_rate or None,
            channels=self.channels or None,
        )


def read_audio_format(reader: HeaderReader, at: int) -> AudioFormat:
    """Read the structure at `at`."""
    tag, channels, rate, bits = (
        reader.little(at + place, size) for place, size in ((0, 2), (2, 2), (4, 4), (14, 2))
    )
    codec = _CODECS.get(tag, f"wave format {tag:#06x}")
    if tag == _PCM:
        codec = "pcm_u8" if bits == 8 else f"pcm_s{bits}le"
    return AudioFormat(codec, channels, rate)

"""The formats of audio in AVI and WMV, where they are those of WAV: tag, channels, rates."""

from __future__ import annotations

from typing import NamedTuple

from langchain_mimo._media.headers.reader import HeaderReader, StreamInfo

_CODECS = {0x01: "pcm", 0x55: "mp3", 0xFF: "aac", 0x2000: "ac3", 0x160: "wmav1", 0x161: "wmav2"}
_CODECS |= {0x162: "wmapro", 0x163: "wmalossless"}


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
            channels=self.channels or None,
            sample_rate=self.sample_rate or None,
        )


def read_audio_format(reader: HeaderReader, at: int) -> AudioFormat:
    """Read the structure at `at`."""
    tag = reader.little(at, 2)
    codec = _CODECS.get(tag, f"wave format {tag:#06x}")
    return AudioFormat(codec, reader.little(at + 2, 2), reader.little(at + 4, 4))

"""Frames of MPEG audio (MP3 and its older layers) and of raw AAC (ADTS)."""

from __future__ import annotations

from typing import NamedTuple

_RATES = (44100, 48000, 32000)
_BIT_RATES_1 = {
    # By layer: MPEG 1, in kbit/s.
    1: (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_BIT_RATES_2 = {
    # By layer: MPEG 2 and 2.5, in kbit/s.
    1: (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_ADTS_RATES = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
)  # fmt: skip


class Frame(NamedTuple):
    """The header of a frame.

    Attributes:
        version: 3 is MPEG 1, 2 is MPEG 2, 0 is MPEG 2.5.
        bit_rate: Bits per second.
        rate: Samples per second.
        samples: Samples in the frame.
        length: Bytes of the frame, with its header.
        is_mono: Whether it has a single channel.
    """

    version: int
    bit_rate: int
    rate: int
    samples: int
    length: int
    is_mono: bool


def parse_frame(data: bytes, at: int = 0, layer: int = 3) -> Frame | None:
    """Read the header of an MPEG audio frame of one layer, or return None if none begins there."""
    head = data[at : at + 4]
    if (
        len(head) < 4
        or head[0] != 0xFF
        or head[1] & 0xE0 != 0xE0
        or 4 - (head[1] >> 1 & 3) != layer
    ):
        return None
    version, rate_index, bit_rate_index = head[1] >> 3 & 3, head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or rate_index == 3 or bit_rate_index in (0, 15):
        return None
    bit_rate = (_BIT_RATES_1 if version == 3 else _BIT_RATES_2)[layer][bit_rate_index] * 1000
    rate = _RATES[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    samples = {1: 384, 2: 1152, 3: 1152 if version == 3 else 576}[layer]
    padding = head[2] >> 1 & 1
    if layer == 1:
        length = (12 * bit_rate // rate + padding) * 4
    else:
        length = samples // 8 * bit_rate // rate + padding
    return Frame(version, bit_rate, rate, samples, length, head[3] >> 6 == 3)


def parse_adts(data: bytes, at: int = 0) -> tuple[int, int, int] | None:
    """Return bytes, samples and sample rate of the ADTS frame at `at`, or None if none is there."""
    head = data[at : at + 7]
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    rate_index = head[2] >> 2 & 0xF
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    if rate_index >= len(_ADTS_RATES) or length < 7:
        return None
    return length, 1024 * (1 + (head[6] & 3)), _ADTS_RATES[rate_index]


def find_first_frame(window: bytes) -> int | None:
    """Find the first MP3 frame that is followed by another one or by the end of the window."""
    at = window.find(b"\xff")
    while at >= 0:
        frame = parse_frame(window, at)
        if frame is not None:
            following = at + frame.length
            if following >= len(window) - 3 or parse_frame(window, following):
                return at
        at = window.find(b"\xff", at + 1)
    return None


def looks_like_frames(head: bytes) -> bool:
    """Whether the bytes begin with a frame of MPEG audio or ADTS and, if they go on, another one.

    A file of four bytes or of one frame passes; UTF-16 text does not.
    """
    layer = 4 - (head[1] >> 1 & 3)
    if layer == 4:  # ADTS
        if len(head) < 7:
            return head[1] & 0xF6 == 0xF0
        adts = parse_adts(head)
        return adts is not None and _continues(head, adts[0], head[1])
    frame = parse_frame(head, 0, layer)
    return frame is not None and _continues(head, frame.length, head[1])


def _continues(head: bytes, following: int, flags: int) -> bool:
    """Whether the next frame begins where the first one ends, unless the bytes end before."""
    sync = head[following : following + 2]
    return len(sync) < 2 or (sync[0] == 0xFF and sync[1] & 0xFE == flags & 0xFE)

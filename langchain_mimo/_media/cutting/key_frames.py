"""What a key frame is worth: whether decoding can start there, and what gets lost.

A container marks key frames, but the mark says too little:

- A *closed* group begins with a frame after which nothing refers to anything before (IDR in H.264
  and H.265). A copy may start there.
- An *open* group begins with a frame that decodes on its own, but frames that follow it in decode
  order and are shown before it ("leading" frames) refer to the group before. A copy may start
  there without those leading frames.
- Everything else that is marked is no start: an I-frame of H.264 whose successors may refer to
  frames before it, or the first step of a gradual refresh.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

_H264_SLICES = range(1, 6)
_H264_IDR, _H264_SEI = 5, 6
_HEVC_SLICES = range(22)
_HEVC_IRAP = range(16, 22)
_HEVC_IDR = (19, 20)
_RECOVERY_POINT = 6
_START_CODE = b"\0\0\1"


class GroupStart(IntEnum):
    """How decoding can start at a packet."""

    NONE = 0
    OPEN = 1
    CLOSED = 2


def group_start(codec: str, extradata: bytes, packet: bytes) -> GroupStart:
    """Return how decoding can start at a packet that the container marks as a key frame.

    Args:
        codec: FFmpeg's name of the codec.
        extradata: The codec's configuration, which says how its packets are divided.
        packet: The packet.

    Returns:
        CLOSED or NONE as far as the packet says so itself. For codecs that are not read here,
        CLOSED; leading frames, found by their times, show later that a group is open.
    """
    if codec == "h264":
        return _h264(_units(packet, _length_size(extradata, 4)))
    if codec == "hevc":
        return _hevc(_units(packet, _length_size(extradata, 21)))
    return GroupStart.CLOSED


def _length_size(extradata: bytes, at: int) -> int | None:
    """Return the bytes of the lengths between the units, or None when start codes divide them."""
    is_configuration_record = len(extradata) > at and extradata[0] == 1
    return (extradata[at] & 3) + 1 if is_configuration_record else None


def _units(packet: bytes, length_size: int | None) -> Iterator[bytes]:
    """Yield the units (NAL units) of a packet."""
    if length_size is None or packet.startswith((b"\0\0\0\1", _START_CODE)):
        at = packet.find(_START_CODE)
        while at >= 0:
            end = packet.find(_START_CODE, at + 3)
            yield packet[at + 3 : end if end >= 0 else None]
            at = end
        return
    at = 0
    while at + length_size <= len(packet):
        end = at + length_size + int.from_bytes(packet[at : at + length_size], "big")
        yield packet[at + length_size : end]
        at = end


def _h264(units: Iterator[bytes]) -> GroupStart:
    recovers = False
    for unit in units:
        kind = unit[0] & 31 if unit else 0
        if kind == _H264_IDR:
            return GroupStart.CLOSED
        if kind == _H264_SEI:
            recovers = recovers or _recovers_at_once(unit[1:])
        elif kind in _H264_SLICES:
            return GroupStart.OPEN if recovers else GroupStart.NONE
    return GroupStart.NONE


def _hevc(units: Iterator[bytes]) -> GroupStart:
    for unit in units:
        kind = unit[0] >> 1 & 63 if unit else -1
        if kind in _HEVC_SLICES:
            if kind in _HEVC_IDR:
                return GroupStart.CLOSED
            return GroupStart.OPEN if kind in _HEVC_IRAP else GroupStart.NONE
    return GroupStart.NONE


def _recovers_at_once(messages: bytes) -> bool:
    """Whether a message (SEI) promises a correct image from this very frame on."""
    messages = messages.replace(b"\0\0\3", b"\0\0")
    at = 0
    while at + 2 < len(messages):
        kind, at = _variable_length(messages, at)
        size, at = _variable_length(messages, at)
        if kind == _RECOVERY_POINT and size:
            return at < len(messages) and messages[at] >= 0x80  # a leading 1 bit codes 0 frames
        at += size
    return False


def _variable_length(data: bytes, at: int) -> tuple[int, int]:
    """Return a number written as bytes of 255 and a smaller last one, and the place behind it."""
    total = 0
    while at < len(data) and data[at] == 255:
        total, at = total + 255, at + 1
    return total + (data[at] if at < len(data) else 0), at + 1

"""Writes frames of an MP3 as an MP3 of their own, without decoding them.

FFmpeg would write a header that states the delay and the padding of the whole source, so that
decoders drop samples at both ends of the copy. Here the header, a frame of silence with a Xing tag,
states the number of frames and bytes alone: by it, readers know the length of a variable bit rate.
"""

from __future__ import annotations

from typing import IO

from langchain_mimo._media.cutting.index import IndexedFile
from langchain_mimo._media.cutting.planning import StreamPlan
from langchain_mimo._media.cutting.reading import read_from
from langchain_mimo._media.cutting.times import Tick
from langchain_mimo._media.headers.mpeg_audio import Frame, parse_frame
from langchain_mimo.errors import MediaError

_TAG = b"Xing" + (3).to_bytes(4, "big")
"""The tag, and flags that say what follows: the number of frames, and of bytes."""

_MPEG_1 = 3
_SIDE_INFORMATION = {(True, True): 17, (True, False): 32, (False, True): 9, (False, False): 17}
"""Bytes between header and data of a frame, by whether it is MPEG 1 and mono."""


def write_mp3(source: IndexedFile, plan: StreamPlan, out: IO[bytes], tick: Tick) -> None:
    """Write a planned copy.

    Args:
        source: The source.
        plan: What to copy of its MP3 stream.
        out: The file to write to.
        tick: Called for every packet.

    Raises:
        MediaError: A frame is damaged, or the source cannot be read.
    """
    wanted = plan.ordinals
    sizes = source.index.streams[plan.position].sizes
    for packet, ordinal in read_from(source, {plan.position: wanted[0]}, tick):
        data = bytes(packet)
        if ordinal == wanted[0]:
            out.write(_header(data, len(wanted), sum(sizes[each] for each in wanted)))
        out.write(data)
        if ordinal == wanted[-1]:
            break


def _header(first: bytes, frames: int, size: int) -> bytes:
    """Return the frame of silence that states the length."""
    for bit_rate in range(1, 15):
        head = bytes([first[0], first[1] | 1, bit_rate << 4 | first[2] & 0x0C, first[3]])
        frame = parse_frame(head)
        if frame is None:
            break
        tag_at = len(head) + _side_information(frame)
        tag = _TAG + frames.to_bytes(4, "big") + (size + frame.length).to_bytes(4, "big")
        if frame.length >= tag_at + len(tag):
            return (head.ljust(tag_at, b"\0") + tag).ljust(frame.length, b"\0")
    raise MediaError("one of its frames is damaged")


def _side_information(frame: Frame) -> int:
    return _SIDE_INFORMATION[frame.version == _MPEG_1, frame.is_mono]

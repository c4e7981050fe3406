"""Finds out whether the times of an MPEG-TS or MPEG-PS start again somewhere in the file.

FFmpeg takes the time from the first packet to the last for the duration. In a file that was joined
from parts, that is the length of one part.
"""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Collection, Iterator
from contextlib import closing
from fractions import Fraction
from typing import IO, Any

from langchain_mimo._media.av_container import AV_TIME_BASE, open_container, packets_of
from langchain_mimo._media.cutting.joints import JOINED_FORMATS, Joints
from langchain_mimo.errors import MediaError

_MAX_COUNTED = 8 << 20
"""Bytes up to which a file is read whole."""

_SAMPLES = 16
_SAMPLE = 256 << 10
"""Places at which the times of a larger file are read, and bytes that are read there."""

_BACKWARDS_S = 1.0
_WRAPPED_S = 2**32 / 90_000
"""Seconds by which times go back at a joint, at least; and more, where their 33 bits overflow."""


def may_be_joined(container: Any) -> bool:
    """Whether files of this format are joined end to end."""
    return bool(JOINED_FORMATS & frozenset(container.format.name.split(",")))


def joined_seconds(file: IO[bytes], streams: Collection[int]) -> tuple[bool, float | None]:
    """Return whether a file consists of parts, and their seconds together if they were counted.

    Args:
        file: The open file.
        streams: The positions of the streams that count.
    """
    if file.seek(0, os.SEEK_END) > _MAX_COUNTED:
        times = list(_sampled_times(file))
        falls = (before - after for before, after in itertools.pairwise(times))
        return any(_BACKWARDS_S < fall < _WRAPPED_S for fall in falls), None
    file.seek(0)
    with closing(open_container(file)) as whole:
        joints = Joints(whole)
        main = [stream for stream in whole.streams if stream.index in streams]
        begin, end = None, Fraction(0)
        for packet in packets_of(whole, main):
            joints.correct(packet)
            if packet.pts is None or packet.time_base is None:
                continue
            at = packet.pts * packet.time_base
            begin = at if begin is None else min(begin, at)
            end = max(end, at + (packet.duration or 0) * packet.time_base)
    seconds = float(end - begin) if begin is not None else None
    return len(joints.offsets) > 1, seconds


def _sampled_times(file: IO[bytes]) -> Iterator[float]:
    """Yield the first time at each of some places, the end included, in seconds."""
    last = file.seek(0, os.SEEK_END) - _SAMPLE
    for number in range(_SAMPLES):
        file.seek(last * number // (_SAMPLES - 1))
        try:
            with closing(open_container(io.BytesIO(file.read(_SAMPLE)))) as part:
                if part.start_time is not None:
                    yield part.start_time / AV_TIME_BASE
        except MediaError:  # a part may hold nothing that FFmpeg recognises
            continue

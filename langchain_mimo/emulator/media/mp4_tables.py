"""Counts the samples that an MP4 or MOV states without listing them.

`stsz` may give one size for all samples, and `trun` may leave out every field of its samples
(ISO/IEC 14496-12, 8.7.3 and 8.8.8). 20 bytes then state up to 2³² samples, and FFmpeg makes an
entry of some 60 bytes in memory for each while it opens the file. Real files state many samples in
this way only for PCM audio, for which FFmpeg makes an entry per chunk.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from langchain_mimo.emulator.media.limits import MAX_TABLE_ENTRIES, beyond_limit

_NEIGHBOURHOOD = 4096
"""Bytes around a `stsz` box within which the `stts` box of the same track is looked for."""

_PCM_TIMES = b"stts" + struct.pack(">II", 0, 1)
_FIELDS_OF_SAMPLES = 0xF00


def check_tables(data: bytes) -> None:
    """Refuse a file that states too many samples.

    The boxes are found by their names, wherever they are: FFmpeg finds them in places where no box
    should be.

    Raises:
        Refusal: It does.
    """
    total = sum(_unlisted_samples(data))
    if total > MAX_TABLE_ENTRIES:
        raise beyond_limit(f"{total} samples that are stated and not listed")


def _unlisted_samples(data: bytes) -> Iterator[int]:
    for at in _boxes(data, b"stsz"):
        size, count = struct.unpack_from(">8xII", data, at)
        if size and size * count > 0 and not _is_pcm(data, at):
            yield count
    for at in _boxes(data, b"trun"):
        flags, count = struct.unpack_from(">4xII", data, at)
        if not flags & _FIELDS_OF_SAMPLES:
            yield count


def _boxes(data: bytes, name: bytes) -> Iterator[int]:
    """Yield the positions of the name in all boxes that may have it."""
    at = data.find(name, 4)
    while 0 <= at <= len(data) - 16:
        (size,) = struct.unpack_from(">I", data, at - 4)
        if 16 <= size <= len(data) - at + 4:
            yield at
        at = data.find(name, at + 1)


def _is_pcm(data: bytes, at: int) -> bool:
    """Return whether every sample of the track lasts one tick, as in PCM."""
    near = data[max(0, at - _NEIGHBOURHOOD) : at + _NEIGHBOURHOOD]
    start = near.find(_PCM_TIMES)
    return start >= 0 and near[start + 16 : start + 20] == b"\0\0\0\1"

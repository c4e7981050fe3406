"""Reads packets from any place of an indexed file, and knows which packets they are.

FFmpeg's seeking is not trusted: MPEG-TS has no index, so a seek lands somewhere, often behind the
only key frame; other demuxers stop at the nearest entry of a sparse index. After a seek, the first
packets are looked up in the index. If one is later than wanted, the seek is repeated 1, 2, 4 …
seconds earlier, and in the end the file is read from its beginning, which is always right.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import closing
from fractions import Fraction
from typing import Any

from langchain_mimo._media.av_container import (
    AV_TIME_BASE,
    ffmpeg_errors,
    open_container,
    packets_of,
)
from langchain_mimo._media.cutting.index import Index, IndexedFile, StreamIndex
from langchain_mimo._media.cutting.joints import Joints
from langchain_mimo._media.cutting.times import Tick
from langchain_mimo.errors import MediaError

_NEAR_THE_BEGINNING = 500
"""Packets that are read and dropped rather than seeking behind them."""

_LOOK_AHEAD = 2_000
"""Packets within which every wanted stream must show up after a seek."""


def read_from(
    source: IndexedFile, first: Mapping[int, int], tick: Tick
) -> Iterator[tuple[Any, int]]:
    """Yield the packets of some streams, each with its ordinal in the index.

    Args:
        source: The file; it is used until the iterator ends or is closed.
        first: The first ordinal wanted, by the position of the stream. Only these streams are
            read; earlier packets are left out.
        tick: Called for every packet that is read, also for those that are left out.

    Yields:
        Packets in the order of the file. Their `stream` belongs to a container that is open until
        the iterator moves on past the last packet.

    Raises:
        MediaError: FFmpeg cannot read the file.
    """
    index = source.index
    for seek_to in _seek_positions(index, first):
        source.file.seek(0)
        with closing(open_container(source.file)) as container:
            streams = [container.streams[position] for position in first]
            packets = packets_of(container, streams)
            if seek_to is None:
                ordinals, waiting = dict.fromkeys(first, 0), list[Any]()
            else:
                with ffmpeg_errors("it cannot be searched"):
                    container.seek(int(seek_to * AV_TIME_BASE))
                located = _locate(packets, index, first, tick)
                if located is None:
                    continue
                ordinals, waiting = located
            joints = Joints(container, index.offsets)
            for packet in itertools.chain(waiting, packets):
                tick(0)
                if index.is_joined:
                    joints.correct(packet)
                position = packet.stream.index
                ordinal = ordinals[position]
                ordinals[position] += 1
                _check_same(packet, index.streams[position], ordinal)
                if ordinal >= first[position]:
                    yield packet, ordinal
            return


def _check_same(packet: Any, stream: StreamIndex, ordinal: int) -> None:
    """Check that a packet is the one that the index counted."""
    if ordinal < len(stream.pts) and packet.pts in (None, stream.pts[ordinal]):
        return
    raise MediaError("two readings of it found different packets; get another copy")


def _seek_positions(index: Index, first: Mapping[int, int]) -> Iterator[Fraction | None]:
    """Yield the times to seek to, one after the other; None for the beginning of the file."""
    is_near = all(ordinal < _NEAR_THE_BEGINNING for ordinal in first.values())
    if (
        not is_near
        and not index.is_joined
        and all(index.streams[position].knows_order for position in first)
    ):
        target = min(index.streams[p].pts[i] * index.streams[p].time_base for p, i in first.items())
        back = Fraction(0)
        while target - back > index.start:
            yield target - back
            back = back * 2 or Fraction(1)
    yield None


def _locate(
    packets: Iterator[Any], index: Index, first: Mapping[int, int], tick: Tick
) -> tuple[dict[int, int], list[Any]] | None:
    """Read until every stream has shown up.

    Returns:
        The ordinal of the first packet of each stream, and the packets read; None if one of them
        is later than wanted or a stream does not show up.
    """
    ordinals: dict[int, int] = {}
    waiting: list[Any] = []
    for count, packet in enumerate(packets):
        tick(0)
        position = packet.stream.index
        if position not in ordinals:
            ordinal = _ordinal(index.streams[position], packet)
            if ordinal is None:  # cut off by the seek
                continue
            if ordinal > first[position]:
                return None
            ordinals[position] = ordinal
        waiting.append(packet)
        if len(ordinals) == len(first):
            return ordinals, waiting
        if count > _LOOK_AHEAD:
            return None
    return None


def _ordinal(stream: StreamIndex, packet: Any) -> int | None:
    """Return the ordinal of a packet, found by its time and size; None if it is not certain."""
    if packet.pts is None:
        return None
    at = bisect_left(stream.by_time, packet.pts, key=stream.pts.__getitem__)
    found = stream.by_time[at : at + 2]
    matches = [i for i in found if stream.pts[i] == packet.pts]
    return matches[0] if len(matches) == 1 and stream.sizes[matches[0]] == packet.size else None

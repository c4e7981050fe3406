"""Remembers the indexes of the last files, so that the pieces of a long video read it once.

An index is made by reading a file from beginning to end. For the pieces of a lecture that takes
longer than cutting them. A file counts as the same by its inode, size and time of change, and only
if that time is past: a file may be written twice within the resolution of the clock.
"""

from __future__ import annotations

import io
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import IO

from langchain_mimo._media.cutting.index import Index

MAX_INDEXES = 2
"""Indexes that are kept."""

MAX_PACKETS_KEPT = 2_000_000
"""Packets of the longest index that is kept: about 7 hours of video with audio, and 100 MB."""

_SETTLED_NS = 2_000_000_000
"""Nanoseconds after which a file is no longer being written."""

_Key = tuple[int, int, int, int]

_known: OrderedDict[_Key, Index] = OrderedDict()
_lock = Lock()


def index_of(file: IO[bytes], build: Callable[[], Index]) -> Index:
    """Return the index of a file's video and audio: the one that is known, or a new one.

    Calls for the same file at the same time each build it. None of them changes it.

    Args:
        file: The open file.
        build: Builds the index.

    Raises:
        MediaError: As `build`.
    """
    key = _key(file)
    if key is None:
        return build()
    with _lock:
        if key in _known:
            _known.move_to_end(key)
            return _known[key]
    index = build()
    if sum(len(stream.pts) for stream in index.streams.values()) > MAX_PACKETS_KEPT:
        return index
    with _lock:
        _known[key] = index
        while len(_known) > MAX_INDEXES:
            _known.popitem(last=False)
    return index


def _key(file: IO[bytes]) -> _Key | None:
    """Return what identifies a file and its contents; None if nothing does."""
    if isinstance(file, io.BytesIO):
        return None
    state = os.fstat(file.fileno())
    if not state.st_ino or time.time_ns() - state.st_mtime_ns < _SETTLED_NS:
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns

"""Remembers the indexes of the last files, so that the pieces of a long video read it once.

An index is made by reading a file from beginning to end. For the pieces of a lecture that takes
longer than cutting them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO

from langchain_mimo._media.cutting.index import Index
from langchain_mimo._media.known_files import KnownFiles
from langchain_mimo._media.references import MediaKind

MAX_PACKETS_EACH = 2_000_000
"""Packets of the longest index that is kept: about 7 hours of video with audio, and 100 MB."""

MAX_PACKETS_KEPT = 4_000_000
"""Packets of all indexes that are kept, about 200 MB."""

_FIXED = 1_000
"""Packets that take about the memory of an index without any."""

known: KnownFiles[Index] = KnownFiles(
    MAX_PACKETS_KEPT,
    lambda index: _FIXED + sum(len(stream.pts) for stream in index.streams.values()),
    MAX_PACKETS_EACH,
)


def index_of(
    file: IO[bytes],
    build: Callable[[], Index],
    kind: MediaKind = "video",
    waiting: Callable[[], None] = lambda: None,
) -> Index:
    """Return the index of a file: the one that is known, or a new one. Nobody changes it.

    Args:
        file: The open file.
        build: Builds the index of the streams that `streams_to_cut` returns for `kind`.
        kind: "video" or "audio".
        waiting: Called while another thread builds it; it may raise.

    Raises:
        MediaError: As `build`.
    """
    if isinstance(file, io.BytesIO):
        return build()
    return known.get(file.fileno(), build, kind, waiting=waiting)

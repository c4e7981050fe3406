"""Says when the end of a source is missing, which decoders pass over in silence."""

from __future__ import annotations

from contextlib import suppress
from typing import IO

from langchain_mimo._media import formats
from langchain_mimo._media.foreign_headers import stated_seconds
from langchain_mimo._media.headers.matroska import is_truncated_matroska
from langchain_mimo._media.headers.probe import probe
from langchain_mimo._media.headers.reader import (
    AVHeader,
    HeaderReader,
    HeaderTooComplexError,
    TruncatedMediaError,
)
from langchain_mimo._media.identify import identify_file
from langchain_mimo._media.readers import OffsetReader
from langchain_mimo.prepare.audio_source import reader_of

_TOLERANCE_S = 0.5
_TOLERATED_SHARE = 0.05
"""Share of the stated length that may be missing where nothing but the length says so: writers
round, and count tracks that are not read."""


def note_missing_end(file: IO[bytes], there: float, end_s: float | None, notes: list[str]) -> None:
    """Note that a source is truncated, if the segment wanted reaches to its end.

    Args:
        file: The open source.
        there: Seconds that are there, from the first packet to the last.
        end_s: Where the segment ends, in seconds; None for the end.
        notes: Where the note is added.
    """
    if end_s is not None and end_s <= there:
        return
    stated, is_cut = _stated_length(file)
    missing = (stated or 0.0) - there
    if missing > (_TOLERANCE_S if is_cut else max(_TOLERANCE_S, there * _TOLERATED_SHARE)):
        notes.append(
            f"The file is truncated: its header says {stated:.2f} s, "
            f"and {missing:.2f} s are missing."
        )
    elif is_cut:
        notes.append("The file is truncated: its end is missing.")


def _stated_length(file: IO[bytes]) -> tuple[float | None, bool]:
    """Return the length that a file states, and whether it ends before its structure says."""
    reader = reader_of(file)
    found, offset = identify_file(reader)
    header, stated, is_cut = None, None, False
    if found is not None:
        whole = OffsetReader(reader, offset) if offset and found is not formats.MP3 else reader
        try:
            header = probe(whole, found)
        except TruncatedMediaError as error:
            header, stated, is_cut = error.header, error.stated, True
        except ValueError:
            pass
    if found in (formats.MATROSKA, formats.WEBM):
        with suppress(HeaderTooComplexError):
            is_cut = is_truncated_matroska(HeaderReader(reader))
    if stated is None and isinstance(header, AVHeader) and header.has_true_lengths:
        stated = header.duration or (header.duration_range or (0.0, None))[1]
    return stated or stated_seconds(file), is_cut

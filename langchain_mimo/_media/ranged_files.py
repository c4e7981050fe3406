"""Time ranges of local files: what a block says of them, and the copies that are sent.

A block states the range and what a copy of it shows. The copy is made when the request is written,
without encoding, and is the same each time.
"""

from __future__ import annotations

import os
import re
from contextlib import closing
from dataclasses import dataclass, replace
from typing import IO

from langchain_mimo._media import limits
from langchain_mimo._media.av_container import open_container
from langchain_mimo._media.cutting.copying import CopyTarget, copied_seconds, copy_planned
from langchain_mimo._media.cutting.index import Index, IndexedFile, build_index, streams_to_cut
from langchain_mimo._media.cutting.known_indexes import index_of
from langchain_mimo._media.cutting.planning import CannotCopyError, CopyPlan
from langchain_mimo._media.cutting.ranges import (
    NothingThereError,
    copy_refusal,
    has_audio,
    is_whole,
    plan_range,
    range_size,
    shown_range,
    span_of,
    target_format,
)
from langchain_mimo._media.cutting.times import Tick, spelled
from langchain_mimo._media.digests import changed, check_unchanged
from langchain_mimo._media.headers.reader import AVHeader
from langchain_mimo._media.inspection import Inspection, inspect_headers
from langchain_mimo._media.readers import FileReader
from langchain_mimo._media.references import LocalFile, MediaKind, TimeRange
from langchain_mimo._media.spool import spooled
from langchain_mimo.errors import MiMoConfigurationError

_HEADER_TOLERANCE = 1.0
"""Seconds by which a header may state less than the packets show."""

_PLACES = 2
"""Places of a copy that are decoded: its first second and its last. That it shows what it should is
known by its packets, which are compared with those of the source."""

_SHOWN_TOLERANCE = 0.001
"""Seconds by which what a copy shows may differ from what its block states: rounding."""


@dataclass(frozen=True, slots=True)
class RangedFile:
    """A time range of a file.

    Attributes:
        index: The index of the streams that are copied.
        plan: What is copied; None if the range is the whole file.
        shown: What the copy shows, in seconds from the first moment of the file.
        seconds: How long it lasts, for its tokens.
        has_audio: Whether it has audio.
    """

    index: Index
    plan: CopyPlan | None
    shown: tuple[float, float]
    seconds: float
    has_audio: bool


def plan_file(
    kind: MediaKind,
    file: IO[bytes],
    inspection: Inspection,
    time_range: TimeRange,
    *,
    tick: Tick = lambda _: None,
    limit: int | None = None,
) -> RangedFile:
    """Plan the copy of a time range; the packets of the file are read unless they are known.

    Args:
        kind: "video" or "audio".
        file: The open file.
        inspection: What its header says.
        time_range: The range.
        tick: Called for every packet.
        limit: Most characters of base64 allowed. Default: MiMo's limit.

    Raises:
        ValueError: There is no such copy, or it is too large; the text is the reason, with the call
            that encodes the range; or PyAV is not installed.
    """
    header = inspection.header if isinstance(inspection.header, AVHeader) else None
    start_s, end_s = time_range.start_s, time_range.end_s
    try:
        _check(copy_refusal(kind, inspection.format, header, None))
        index = _index(kind, file, tick)
        if is_whole(index, start_s, end_s):
            whole = (0.0, index.duration)
            return RangedFile(index, None, whole, index.duration, index.audio is not None)
        span_of(index, start_s, end_s)
        _check(copy_refusal(kind, inspection.format, header, index))
        plan = plan_range(kind, index, start_s, end_s)
    except NothingThereError as error:
        raise ValueError(str(error)) from None
    except CannotCopyError as error:
        raise ValueError(f"{error}; {_remedy(kind, time_range)}") from None
    length = limits.base64_length(range_size(index, plan))
    most = limits.MAX_BASE64_CHARACTERS if limit is None else limit
    if length > most:
        raise ValueError(
            f"a copy of its range may have {length:,} characters of base64, but at most {most:,} "
            f"are sent; choose a shorter range, or {_remedy(kind, time_range)}"
        )
    shown = shown_range(index, plan)
    seconds = copied_seconds(index, plan) if kind == "video" else shown[1] - shown[0]
    return RangedFile(index, plan, shown, seconds, has_audio(index, plan))


def _check(refusal: str | None) -> None:
    if refusal is not None:
        raise CannotCopyError(refusal)


def _remedy(kind: MediaKind, time_range: TimeRange) -> str:
    """Return the call that makes a file of a range, whatever the source is."""
    return f"encode the range with langchain_mimo.prepare.{_call(kind, time_range)}"


def _call(kind: MediaKind, time_range: TimeRange) -> str:
    end = "" if time_range.end_s is None else f", end_s={spelled(time_range.end_s)}"
    return f"prepare_{kind}(path, start_s={spelled(time_range.start_s)}{end})"


def inspect_source(
    kind: MediaKind, mime_type: str | None, reader: FileReader, time_range: TimeRange
) -> Inspection:
    """Inspect the header of the file of which a time range is sent, whatever its size.

    Raises:
        ValueError: MiMo does not take it; the text is the reason, with the call that makes a file
            of the range.
    """
    try:
        return inspect_headers(kind, mime_type, reader)
    except ValueError as error:
        call = f"prepare_{kind}"
        text = re.sub(rf"\b{call}\b(?!\()", _call(kind, time_range), str(error))
        raise ValueError(text) from error


def _index(kind: MediaKind, file: IO[bytes], tick: Tick) -> Index:
    def build() -> Index:
        file.seek(0)
        with closing(open_container(file)) as container:
            return build_index(container, streams_to_cut(container, kind), tick)

    try:
        return index_of(file, build, kind, waiting=lambda: tick(0))
    except MiMoConfigurationError as error:
        raise ValueError(f"a time range cannot be copied: {error}") from error


def inspect_range(
    descriptor: int, source: LocalFile, kind: MediaKind, limit: int | None
) -> Inspection:
    """Inspect the header of a file that a block names with a time range, for what its copy shows.

    Nothing is copied, and the packets are read only if the block does not state what the copy is.

    Args:
        descriptor: The open file.
        source: What the block states about it.
        kind: The kind of the block.
        limit: Most characters of base64 allowed. Default: MiMo's limit.

    Raises:
        ValueError: As far as the header tells, the range cannot be sent; the text is the reason.
    """
    time_range = source.time_range
    assert time_range is not None
    reader = FileReader(descriptor)
    if source.size not in (None, reader.size):
        raise changed(source)
    inspection = inspect_source(kind, None, reader, time_range)
    header = inspection.header if isinstance(inspection.header, AVHeader) else AVHeader()
    seconds, audio = time_range.seconds, time_range.has_audio
    if time_range.shown is not None:
        start, end = time_range.shown
        there = header.duration
        if there is not None and end > there + _HEADER_TOLERANCE:
            raise ValueError(
                f"the block states that it shows {start:.3f} to {end:.3f} s, but the file ends at "
                f"{there:.3f} s; create the block again"
            )
    if seconds is None or (audio is None and kind == "video"):
        with os.fdopen(os.dup(descriptor), "rb") as file:
            ranged = plan_file(kind, file, inspection, time_range, limit=limit)
        seconds, audio = ranged.seconds, ranged.has_audio
    header = replace(header, duration=seconds, duration_range=None)
    return replace(inspection, header=replace(header, has_audio=audio if kind == "video" else True))


def open_range(
    descriptor: int, source: LocalFile, kind: MediaKind, limit: int | None, tick: Tick
) -> int:
    """Copy the time range of a file that a block names.

    Args:
        descriptor: The open file, which is not closed.
        source: What the block states about it.
        kind: "video" or "audio".
        limit: Most characters of base64 allowed. Default: MiMo's limit.
        tick: Called for every packet and frame; it may raise.

    Returns:
        A descriptor of the copy, a temporary file without a name, which the caller closes; or one
        of the file itself if the range is the whole file.

    Raises:
        ValueError: The file has changed, or the range cannot be sent; the text is the reason.
    """
    assert source.time_range is not None
    before = _state(descriptor)
    inspection = inspect_source(kind, None, FileReader(descriptor), source.time_range)
    check_unchanged(descriptor, source, tick)
    with os.fdopen(os.dup(descriptor), "rb") as file:
        ranged = plan_file(kind, file, inspection, source.time_range, tick=tick, limit=limit)
        _check_shown(ranged, source)
        plan = ranged.plan
        if plan is None:
            return os.dup(descriptor)
        copied = IndexedFile(file, ranged.index)
        format_name = target_format(kind, ranged.index)
        try:
            copy = spooled(
                lambda path: copy_planned(
                    copied, plan, CopyTarget(path, format_name, kind), tick, places=_PLACES
                )
            )
        except CannotCopyError as error:
            raise ValueError(f"{error}; {_remedy(kind, source.time_range)}") from error
    if _state(descriptor) != before:
        os.close(copy)
        raise changed(source)
    return copy


def _state(descriptor: int) -> tuple[int, int, int]:
    state = os.fstat(descriptor)
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _check_shown(ranged: RangedFile, source: LocalFile) -> None:
    """Check that the copy is what the block promises: callers count times from its start.

    Its length and whether it has audio decide its tokens.
    """
    time_range = source.time_range
    assert time_range is not None
    stated = time_range.shown or ranged.shown
    pairs = zip(ranged.shown, stated, strict=True)
    if any(abs(shown - wanted) > _SHOWN_TOLERANCE for shown, wanted in pairs):
        found = " to ".join(f"{each:.3f}" for each in ranged.shown)
        raise ValueError(
            f"a copy of its range shows {found} s, but the block states "
            f"{stated[0]:.3f} to {stated[1]:.3f} s; create the block again"
        )
    seconds, audio = time_range.seconds, time_range.has_audio
    if seconds is not None and abs(ranged.seconds - seconds) > _SHOWN_TOLERANCE:
        raise ValueError(
            f"a copy of its range lasts {ranged.seconds:.3f} s, but the block states "
            f"{seconds:.3f} s; create the block again"
        )
    if audio not in (None, ranged.has_audio):
        there = "has" if ranged.has_audio else "has no"
        raise ValueError(
            f"a copy of its range {there} audio, but the block states something else; create the "
            "block again"
        )

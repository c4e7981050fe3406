"""Divides a file that does not go into one request: into time ranges, and these into segments."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from langchain_mimo.cost.segments import MediaSegment
from langchain_mimo.document_loaders.boundaries import Values
from langchain_mimo.document_loaders.bounds import SHORTEST_S
from langchain_mimo.document_loaders.division import divide, even_points, fewest
from langchain_mimo.document_loaders.planned_file import PlannedFile
from langchain_mimo.errors import MediaError

_FINE_POINTS = 16
"""Points per segment at which a range may be divided that may be divided anywhere."""

_MOST_FINE_POINTS = 20_000
"""Points up to which there are that many per segment."""

_NEAR_S = 1e-6


def video_segments(file: PlannedFile, values: Values) -> Iterator[MediaSegment]:
    """Yield the segments of a video: copied where it can be, and encoded elsewhere.

    Args:
        file: The video.
        values: What boundaries are worth.

    Raises:
        MediaError: It cannot be planned within the bounds.
    """
    table, why = file.table, file.encodes_all
    if why is not None:
        yield from _encoded(file, (0.0, table.duration_s), values, why, shrinks=False)
        return
    # What comes before the first of them belongs to the first segment.
    places = [0.0, *table.copy_starts[1:], table.duration_s]
    neighbours = itertools.pairwise(places)
    for is_copied, group in itertools.groupby(neighbours, lambda pair: file.can_copy(*pair)):
        pairs = list(group)
        points = [*(start for start, _ in pairs), pairs[-1][1]]
        if is_copied:
            yield from _copied(file, points, _moved(values, points))
        else:
            why = _why_not_copied(file, *pairs[0])
            shrinks = file.bounds.oversize == "shrink"
            yield from _encoded(file, (points[0], points[-1]), values, why, shrinks=shrinks)


def _copied(file: PlannedFile, points: Sequence[float], values: Values) -> Iterator[MediaSegment]:
    """Yield the fewest copies between some of the points; two next to each other fit."""
    longest = file.bounds.longest(file.info.kind)
    for start_s, end_s in divide(points, file.can_copy, values, longest):
        yield file.copied_segment(start_s, end_s)


def _moved(values: Values, points: Sequence[float]) -> Values:
    """Return what the points are worth: each place counts for the point at or before it."""
    moved: dict[float, float] = {}
    for time, value in values.items():
        at = _at_or_before(points, time)
        if 0 < at < len(points) - 1:
            moved[points[at]] = max(value, moved.get(points[at], 0.0))
    return moved


def _why_not_copied(file: PlannedFile, start_s: float, end_s: float) -> str:
    """Return why a range without a place to divide it is not copied.

    Raises:
        MediaError: It exceeds a bound, and the caller wants to know.
    """
    bounds, info = file.bounds, file.info
    try:
        copy = file.table.copy_bounds(start_s, end_s)
    except MediaError as error:
        return error.reason
    seconds, longest = end_s - start_s, bounds.longest(info.kind)
    tokens = bounds.most_tokens(info, copy.seconds)
    if not bounds.holds(seconds, info.kind):
        is_by_frames = longest < bounds.max_seconds
        limit = f"2,048 frames at {bounds.fps:g} fps" if is_by_frames else "max_seconds"
        excess = f"lasts {seconds:.1f} s, more than the {longest:g} s of {limit}"
    elif copy.size > bounds.max_bytes:
        excess = f"has up to {copy.size:,} bytes, more than max_bytes={bounds.max_bytes}"
    else:
        excess = f"costs up to {tokens} tokens, more than budget_tokens={bounds.budget_tokens}"
    why = f"the range from {start_s:.3f} s to {end_s:.3f} s, which no key frame divides, {excess}"
    if bounds.oversize == "raise" and file.table.copy_refusal is None:
        raise file.error(f'{why}; raise that bound, or encode it with oversize="shrink" or "split"')
    return why


def _encoded(
    file: PlannedFile, time_range: tuple[float, float], values: Values, why: str, *, shrinks: bool
) -> Iterator[MediaSegment]:
    """Yield the fewest encoded segments of a range, which may be divided anywhere.

    Args:
        file: The file.
        time_range: Its start and end.
        values: What boundaries are worth.
        why: Why it is encoded.
        shrinks: Whether frames are shrunk rather than segments.
    """
    for start_s, end_s in _freely_divided(file, time_range, values, shrinks=shrinks):
        yield file.encoded_segment(start_s, end_s, why)


def _freely_divided(
    file: PlannedFile, time_range: tuple[float, float], values: Values, *, shrinks: bool
) -> list[tuple[float, float]]:
    def fits(seconds: float) -> bool:
        return file.can_encode(seconds, shrinks=shrinks)

    start, end = time_range
    count = fewest(end - start, fits, SHORTEST_S)
    if count is None:
        raise _too_little(file)
    points = {*even_points(start, end, count)}
    inside = {time: value for time, value in values.items() if start < time < end}
    if inside:
        points |= {*even_points(start, end, _fine(count)), *inside}
    longest = file.bounds.longest(file.info.kind)
    return divide(sorted(points), lambda a, b: fits(b - a), inside, longest)


def _fine(count: int) -> int:
    return max(count, min(count * _FINE_POINTS, _MOST_FINE_POINTS))


def _too_little(file: PlannedFile) -> MediaError:
    bounds = file.bounds
    tokens = bounds.tokens(file.info, SHORTEST_S)
    if tokens > bounds.budget_tokens:
        what = f"costs {tokens} tokens, more than budget_tokens={bounds.budget_tokens}"
        return file.error(f"even a segment of {SHORTEST_S} s {what}; raise it")
    what = f"max_bytes={bounds.max_bytes}"
    return file.error(f"even a segment of {SHORTEST_S} s does not fit into {what}; raise it")


def audio_segments(file: PlannedFile, values: Values) -> Iterator[MediaSegment]:
    """Yield the segments of audio: copied if MiMo takes it, otherwise encoded.

    Args:
        file: The audio.
        values: What boundaries are worth.

    Raises:
        MediaError: It cannot be planned within the bounds.
    """
    table = file.table
    whole = (0.0, table.duration_s)
    if table.copy_refusal is not None:
        yield from _encoded(file, whole, values, table.copy_refusal, shrinks=False)
        return
    share = file.info.size / table.duration_s

    def fits(seconds: float) -> bool:
        is_small = share * seconds <= file.bounds.max_bytes
        return is_small and file.can_encode(seconds, shrinks=False)

    count = fewest(table.duration_s, fits, SHORTEST_S)
    if count is None:
        raise _too_little(file)
    inside = {time for time in values if 0 < time < table.duration_s}
    points = [*even_points(*whole, count)]
    if inside or not _all_fit(file, points):
        points = sorted({*points, *even_points(*whole, _fine(count)), *inside})
    if _all_fit(file, points):
        yield from _copied(file, points, values)
    else:
        why = "even short copies of it exceed a bound"
        yield from _encoded(file, whole, values, why, shrinks=False)


def _all_fit(file: PlannedFile, points: Sequence[float]) -> bool:
    return all(itertools.starmap(file.can_copy, itertools.pairwise(points)))


def even_segments(file: PlannedFile, values: Values) -> Iterator[MediaSegment]:
    """Yield the fewest segments of equal length of a video.

    Args:
        file: The video.
        values: What boundaries are worth.

    Raises:
        MediaError: It cannot be planned within the bounds.
    """
    table = file.table
    divided = _freely_divided(file, (0.0, table.duration_s), values, shrinks=False)
    points = [_at_a_place(table.copy_starts, start) for start, _ in divided]
    for start_s, end_s in itertools.pairwise([*points, table.duration_s]):
        if file.can_copy_exactly(start_s, end_s):
            yield file.copied_segment(start_s, end_s)
        else:
            why = file.encodes_all or "no key frame lies where it starts and where it ends"
            yield file.encoded_segment(start_s, end_s, why)


def _at_a_place(places: Sequence[float], time: float) -> float:
    """Return the place where a copy can start that is the same microsecond, or the time."""
    at = _at_or_before(places, time)
    return places[at] if at >= 0 and time - places[at] <= _NEAR_S else time


def _at_or_before(places: Sequence[float], time: float) -> int:
    """Return the index of the last place that is not after a time; -1 if all are."""
    return bisect_right(places, time + _NEAR_S) - 1

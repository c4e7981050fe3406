"""Divides a time range at given points: into the fewest segments, at the best points.

Each segment costs 1. A point with a value, such as a change of scene, gives back up to half of
that: a boundary moves there, and a further segment is made only where it brings two good boundaries
in place of poor ones. Among equal divisions, that with the least sum of squared lengths wins: the
most even one. The best division from each point to the end follows from those of later points.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence

SEGMENT_COST = 1_000
"""What a segment costs."""

POINT_VALUE = SEGMENT_COST // 2 - 1
"""What the best point gives back: two of them do not pay for a segment."""

_MANY_POINTS = 2_000
_POINTS_PER_SEGMENT = 64
"""Points that are kept within the longest segment where there are many, as in videos of which every
frame is a key frame."""

Fits = Callable[[float, float], bool]
"""Whether a segment from one point to another is within its bounds. What lies inside one that fits,
fits too."""


def divide(
    points: Sequence[float], fits: Fits, values: Mapping[float, float], longest: float
) -> list[tuple[float, float]]:
    """Divide a time range at some of its points.

    Args:
        points: Seconds, ascending: the start, where it may be divided, and the end. Two next to
            each other fit.
        fits: Whether a segment fits.
        values: What a boundary at a point is worth, 0 to 1. Points that are not in it have 0.
        longest: Most seconds of a segment.

    Returns:
        The start and end of each segment, without gaps.
    """
    if fits(points[0], points[-1]):
        return [(points[0], points[-1])]
    if len(points) > _MANY_POINTS:
        points = _fewer(points, fits, values, longest)
    reach = _reach(points, fits)
    last = len(points) - 1
    best: list[tuple[int, float]] = [(0, 0.0)] * len(points)
    following = [last] * len(points)
    gains = [round(POINT_VALUE * values.get(point, 0.0)) for point in points]
    gains[last] = 0
    for at in range(last - 1, -1, -1):
        start = points[at]
        costs = (
            (best[to][0] + SEGMENT_COST - gains[to], best[to][1] + (points[to] - start) ** 2, -to)
            for to in range(at + 1, reach[at] + 1)
        )
        cost, squares, negative = min(costs)
        best[at], following[at] = (cost, squares), -negative
    return _followed(points, following)


def _followed(points: Sequence[float], following: Sequence[int]) -> list[tuple[float, float]]:
    segments, at = [], 0
    while at < len(points) - 1:
        segments.append((points[at], points[following[at]]))
        at = following[at]
    return segments


def _reach(points: Sequence[float], fits: Fits) -> list[int]:
    """Return, for each point, the last one up to which a segment fits."""
    reach, to = [], 0
    for at, start in enumerate(points):
        to = max(to, min(at + 1, len(points) - 1))
        while to + 1 < len(points) and fits(start, points[to + 1]):
            to += 1
        reach.append(to)
    return reach


def _fewer(
    points: Sequence[float], fits: Fits, values: Mapping[float, float], longest: float
) -> list[float]:
    """Return points with a value, about 64 in the longest segment, and those of the fewest."""
    step = longest / _POINTS_PER_SEGMENT
    kept = {point for point in points if values.get(point)} | {points[0], points[-1]}
    if math.isfinite(step):
        count = int((points[-1] - points[0]) / step) + 1
        kept |= {points[bisect_right(points, points[0] + step * i) - 1] for i in range(count)}
    at = 0
    while at < len(points) - 1:  # as far as each segment can go
        low, high = at + 1, len(points) - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(points[at], points[middle]) else (low, middle - 1)
        at = low
        kept.add(points[at])
    return _joined(points, sorted(kept), fits)


def _joined(points: Sequence[float], kept: list[float], fits: Fits) -> list[float]:
    """Return kept points, with points between those that are too far apart."""
    joined = [kept[0]]
    for point in kept[1:]:
        if not fits(joined[-1], point):
            joined += points[bisect_right(points, joined[-1]) : bisect_left(points, point)]
        joined.append(point)
    return joined


def fewest(length: float, fits: Callable[[float], bool], shortest: float) -> int | None:
    """Return the least number of equal segments that fit, or None if the shortest do not.

    Args:
        length: Seconds to divide.
        fits: Whether a segment of so many seconds fits; shorter ones fit, too.
        shortest: Seconds below which nothing is tried.
    """
    most = max(1, int(length / shortest))
    low, high = 0, 1
    while not fits(length / high):
        if high >= most:
            return None
        low, high = high, min(high * 2, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(length / middle) else (middle, high)
    return high


def even_points(start: float, end: float, count: int) -> Iterable[float]:
    """Yield where a time range is divided into equal segments, to the microsecond, and its ends."""
    yield start
    yield from (round(start + (end - start) * at / count, 6) for at in range(1, count))
    yield end

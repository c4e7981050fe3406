"""The frame rate of a list of times, and whether it varies."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

_GAP_TOLERANCE = Fraction(3, 2)
"""A gap between frames is regular within this factor of the median gap."""

_FEW_GAPS = 2
_FEW_IRREGULAR_ONE_IN, _IRREGULAR_ONE_IN = 10, 50
_MAX_DENOMINATOR = 1001
"""Denominator of the rates of NTSC, such as 30000/1001."""


def frame_rate(times: Sequence[int], time_base: Fraction) -> tuple[Fraction | None, bool]:
    """Return the frame rate where frames are densest, and whether the rate varies.

    A few irregular gaps do not count, because containers produce them at the start and end: one in
    ten, at most two, or one in fifty. A constant
    rate is the mean over all frames, which undoes the rounding of coarse time bases; of a variable
    one, the gap counts below which a tenth of the gaps lie.

    Args:
        times: Sorted times in ticks.
        time_base: Seconds per tick.

    Returns:
        Frames per second, None when there are fewer than two times; and whether it varies.
    """
    gaps = sorted(b - a for a, b in itertools.pairwise(times) if b > a)
    if not gaps:
        return None, False
    median = gaps[len(gaps) // 2]
    regular = [gap for gap in gaps if median / _GAP_TOLERANCE < gap < median * _GAP_TOLERANCE]
    irregular = len(gaps) - len(regular)
    few = min(_FEW_GAPS, len(gaps) // _FEW_IRREGULAR_ONE_IN)
    is_variable = irregular > max(few, len(gaps) // _IRREGULAR_ONE_IN)
    if is_variable:
        return _rate(gaps[len(gaps) // 10] * time_base), True
    mean = Fraction(sum(regular), len(regular)) * time_base
    return _usual_rate(mean, time_base / len(regular)) or _rate(mean), False


def _rate(interval: Fraction) -> Fraction:
    if interval > 1:
        return 1 / interval.limit_denominator(_MAX_DENOMINATOR)
    return (1 / interval).limit_denominator(_MAX_DENOMINATOR)


def _usual_rate(interval: Fraction, tolerance: Fraction) -> Fraction | None:
    """Return the whole rate, or that of NTSC, which rounding has turned into this interval."""
    for scale in (Fraction(1), Fraction(1000, 1001)):
        rate = round(1 / interval / scale) * scale
        if rate and abs(1 / rate - interval) <= tolerance:
            return rate
    return None

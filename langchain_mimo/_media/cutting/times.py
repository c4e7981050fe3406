"""Exact times: fractions of a second on the time line of a container."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

Tick: TypeAlias = Callable[[float], None]
"""Called in every loop with the completed share, 0.0 to 1.0; raises when the time is up."""

_MICROSECONDS = 1_000_000
_HALF_MICROSECOND = Fraction(1, 2 * _MICROSECONDS)


def exact(seconds: float) -> Fraction:
    """Return a caller's time as whole microseconds, FFmpeg's own unit of time."""
    return Fraction(round(seconds * _MICROSECONDS), _MICROSECONDS)


def first_tick(time: Fraction, time_base: Fraction) -> int:
    """Return the first timestamp that is not before `time`.

    Timestamps count as the microsecond nearest to them, because callers state times as floats:
    the frame at 2/3 s starts neither before nor after 0.666667 s.
    """
    return math.ceil((time - _HALF_MICROSECOND) / time_base)


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open time range: what starts at `start` is inside, what starts at `end` is not.

    Attributes:
        start: Seconds on the time line of the container.
        end: Seconds on the time line of the container.
    """

    start: Fraction
    end: Fraction

    def ticks(self, time_base: Fraction) -> tuple[int, int]:
        """Return the first timestamp inside and the first one behind it."""
        return first_tick(self.start, time_base), first_tick(self.end, time_base)


def spelled(seconds: float) -> str:
    """Return seconds as text that reads back as the same number: "2.5", "3", "11.9999995"."""
    short = f"{seconds:g}"
    return short if float(short) == seconds else repr(float(seconds))

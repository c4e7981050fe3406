"""Numbers within the bounds of a JSON schema."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any


def in_bounds(number: float, schema: Mapping[str, Any]) -> bool:
    """Return whether a number is within the bounds of a schema, and a multiple of its step."""
    step = schema.get("multipleOf")
    return (
        number >= schema.get("minimum", number)
        and number <= schema.get("maximum", number)
        and number > schema.get("exclusiveMinimum", number - 1)
        and number < schema.get("exclusiveMaximum", number + 1)
        and not (step and _exact(number) % _exact(step))
    )


def number_in_range(schema: Mapping[str, Any], *, integer: bool) -> int | float:
    """Return a plain number within the bounds of a schema: 1 or 0 if possible."""
    step = schema.get("multipleOf") or 1
    lowest = schema.get("minimum", schema.get("exclusiveMinimum"))
    highest = schema.get("maximum", schema.get("exclusiveMaximum"))
    candidates: list[float] = [1, 0]
    for bound in (lowest, highest):
        if bound is not None:
            candidates += [bound, bound + step, bound - step, math.ceil(bound), math.floor(bound)]
            multiple = math.ceil(_exact(bound) / _exact(step))
            candidates += [_multiple(multiple + more, step) for more in (0, 1, -1)]
    if lowest is not None and highest is not None:
        candidates.append((lowest + highest) / 2)
    candidates += [step, -step]
    for candidate in candidates:
        if in_bounds(candidate, schema) and (not integer or float(candidate).is_integer()):
            return int(candidate) if integer else candidate
    return 1


def _exact(number: float) -> Fraction:
    """Return a number as it is written in decimal, so that 0.3 is a multiple of 0.1."""
    return Fraction(repr(number))


def _multiple(count: int, step: float) -> float:
    value = count * _exact(step)
    return int(value) if value.denominator == 1 else float(value)

"""Numbers within the bounds of a JSON schema."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

_MAX_MAGNITUDE = 2**53
"""Larger numbers are not generated: JSON readers do not agree on them."""


def in_bounds(number: float, schema: Mapping[str, Any]) -> bool:
    """Return whether a number is within the bounds of a schema, and a multiple of its step."""
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    above, below = _exclusive(schema, "exclusiveMinimum"), _exclusive(schema, "exclusiveMaximum")
    step = schema.get("multipleOf")
    return (
        math.isfinite(number)
        and (lowest is None or number >= lowest)
        and (highest is None or number <= highest)
        and (above is None or number > above)
        and (below is None or number < below)
        and not (step and _exact(number) % _exact(step))
    )


def nearest_in_bounds(number: float, schema: Mapping[str, Any], *, integer: bool) -> int | float:
    """Return the number within the bounds of a schema that is near another one."""
    step = _exact(schema.get("multipleOf") or (1 if integer else 0))
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    near = number if lowest is None else max(number, lowest)
    near = near if highest is None else min(near, highest)
    if step:
        near = _multiple(round(_exact(near) / step), float(step))
    if not in_bounds(near, schema) or (integer and not float(near).is_integer()):
        return number_in_range(schema, integer=integer)
    return int(near) if float(near).is_integer() else near


def number_in_range(schema: Mapping[str, Any], *, integer: bool) -> int | float:
    """Return a plain number within the bounds of a schema: 1 or 0 if possible."""
    for candidate in _candidates(schema):
        fits = abs(candidate) <= _MAX_MAGNITUDE and in_bounds(candidate, schema)
        if fits and (not integer or float(candidate).is_integer()):
            return int(candidate) if integer else candidate
    return 1


def _candidates(schema: Mapping[str, Any]) -> Iterator[float]:
    step = schema.get("multipleOf") or 1
    lowest = schema.get("minimum", _exclusive(schema, "exclusiveMinimum"))
    highest = schema.get("maximum", _exclusive(schema, "exclusiveMaximum"))
    yield from (1, 0)
    for bound in (lowest, highest):
        if bound is None or abs(bound) > _MAX_MAGNITUDE:
            continue
        yield from (bound, bound + step, bound - step, math.ceil(bound), math.floor(bound))
        multiple = math.ceil(_exact(bound) / _exact(step))
        yield from (_multiple(multiple + more, step) for more in (0, 1, -1))
    if lowest is not None and highest is not None:
        yield lowest / 2 + highest / 2
    yield from (step, -step)


def _exclusive(schema: Mapping[str, Any], keyword: str) -> float | None:
    """Return an exclusive bound. Draft 4 has true there, for the bound beside it."""
    value = schema.get(keyword)
    if value is True:
        return schema.get("minimum" if keyword == "exclusiveMinimum" else "maximum")
    return None if value is False else value


def _exact(number: float) -> Fraction:
    """Return a number as it is written in decimal, so that 0.3 is a multiple of 0.1."""
    return Fraction(repr(number))


def _multiple(count: int, step: float) -> float:
    value = count * _exact(step)
    return int(value) if value.denominator == 1 else float(value)

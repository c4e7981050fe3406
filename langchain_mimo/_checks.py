"""Argument checks and one-time warnings, shared by the whole package.

The checks are pure and raise `ValueError`. Each caller converts it to its own error, usually with
`errors.as_input_error`.
"""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

_warned: set[str] = set()


def number(
    name: str,
    value: Any,
    minimum: float,
    maximum: float = math.inf,
    *,
    allow_infinity: bool = False,
) -> float:
    """Check that an argument is a number in a range.

    Args:
        name: The argument's name, for the error.
        value: The value passed.
        minimum: The smallest value allowed.
        maximum: The largest value allowed. Default: no limit.
        allow_infinity: Whether infinity is allowed; it stands for "no limit".

    Returns:
        The value as a plain `int` or `float`; NumPy numbers, decimals and fractions become `float`.

    Raises:
        ValueError: The value is a bool, not a number, NaN or out of range.
    """
    checked: float = math.nan
    if isinstance(value, bool | str | bytes):
        pass
    elif type(value) in (int, float):
        checked = value
    else:
        with suppress(TypeError, ValueError, OverflowError):
            checked = float(value)
    # NaN fails every comparison.
    if minimum <= checked <= maximum and (allow_infinity or checked != math.inf):
        return checked
    wanted = f">= {minimum:g}" if maximum == math.inf else f"from {minimum:g} to {maximum:g}"
    raise ValueError(f"{name} must be a number {wanted}, got {shown(value)}")


def integer(name: str, value: Any, minimum: int) -> int:
    """Check that an argument is an integer >= `minimum`.

    Args:
        name: The argument's name, for the error.
        value: The value passed; anything with `__index__` except a bool.
        minimum: The smallest value allowed.

    Returns:
        The value as a plain `int`.

    Raises:
        ValueError: The value is not an integer, is a bool, or is below `minimum`.
    """
    try:
        checked = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        checked = None
    if checked is None or checked < minimum:
        raise ValueError(f"{name} must be an integer >= {minimum}, got {shown(value)}")
    return checked


def choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Check that an argument is one of the allowed strings.

    Args:
        name: The argument's name, for the error.
        value: The value passed.
        choices: The strings allowed.

    Raises:
        ValueError: The value is not one of them.
    """
    if not (isinstance(value, str) and value in choices):
        wanted = " or ".join(map(repr, choices))
        raise ValueError(f"{name} must be {wanted}, got {shown(value)}")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to a misspelt one, or None when none is close.

    Args:
        name: The name as written.
        known: The names that exist.
    """
    import difflib  # noqa: PLC0415 - only misspelt names need it

    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.65)
    return matches[0] if matches else None


def shown(value: object) -> str:
    """Return the `repr` of a value for an error message, truncated to 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"


def warn_once(message: str, key: str | None = None, *, stacklevel: int = 3) -> None:
    """Issue a `UserWarning`, once per process for each key.

    Args:
        message: The warning.
        key: What identifies the warning. Default: the message itself.
        stacklevel: As in `warnings.warn`; 2 is the caller of this function.
    """
    key = message if key is None else key
    if key not in _warned:
        _warned.add(key)
        warnings.warn(message, UserWarning, stacklevel=stacklevel)

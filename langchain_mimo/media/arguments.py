"""Checking what a program passes, so that a slip is told in one sentence and not by a traceback."""

from __future__ import annotations

import math
import operator
import os
import re
from collections.abc import Sequence
from typing import Any

from langchain_mimo.errors import MediaError, MiMoInputError

URL_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?=//)|data:|file:", re.IGNORECASE)
"""What a string begins with that is a URL and no path; one letter is a drive of Windows."""


def number(
    name: str, value: Any, least: float, most: float = math.inf, *, may_be_infinite: bool = False
) -> float:
    """Check a number.

    Args:
        name: What the argument is called.
        value: What was passed.
        least: The least it may be.
        most: The most it may be.
        may_be_infinite: Whether infinity stands for "no limit".

    Returns:
        The number; integers and floats as they are, others (numpy's, say) as a float.

    Raises:
        MiMoInputError: It is a bool, no number, NaN, or out of range.
    """
    given = value
    try:
        if not isinstance(value, int | float):
            value = float(value) if not isinstance(value, str | bytes) else math.nan
        is_fine = least <= value <= most and (may_be_infinite or math.isfinite(value))
    except (TypeError, ValueError, OverflowError):
        is_fine = False
    if isinstance(given, bool) or not is_fine:
        wanted = f"of {least:g} or more" if most == math.inf else f"from {least:g} to {most:g}"
        raise MiMoInputError(f"{name} is {_shown(given)}; give a number {wanted}.")
    checked: float = value
    return checked


def whole_number(name: str, value: Any, least: int) -> int:
    """Check a whole number.

    Args:
        name: What the argument is called.
        value: What was passed.
        least: The least it may be.

    Raises:
        MiMoInputError: It is no whole number, a bool, or less.
    """
    try:
        checked = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        checked = None
    if checked is None or checked < least:
        raise MiMoInputError(f"{name} is {_shown(value)}; give a whole number of {least} or more.")
    return checked


def choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Check that a value is one of a few strings.

    Raises:
        MiMoInputError: It is none of them.
    """
    if not (isinstance(value, str) and value in choices):
        wanted = " or ".join(f'"{each}"' for each in choices)
        raise MiMoInputError(f"{name} is {_shown(value)}; use {wanted}.")


def own_source(function: str, source: Any) -> str | os.PathLike[str] | bytes:
    """Check what a program names as a local medium.

    Args:
        function: Who asks, for the error.
        source: A path or bytes.

    Returns:
        The path as it is, or the bytes.

    Raises:
        MediaError: It is a URL, a content block, empty, or of another type.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if not isinstance(source, str | os.PathLike):
        what = "a content block" if isinstance(source, dict) else type(source).__name__
        raise MediaError(f"{function} takes a local path or bytes, not {what}.")
    path = os.fspath(source)
    if not isinstance(path, str):
        raise MediaError(f"{function} takes a path of str, not of {type(path).__name__}.")
    if not path:
        raise MediaError(f"{function} was given an empty path; name a file.")
    if URL_SCHEME.match(path):
        raise MediaError(
            f"{function} fetches nothing and was given the URL {_shown(path)}; give a local path "
            "or bytes."
        )
    return source


def _shown(value: object) -> str:
    """Quote a value for an error message, within reason and on one line."""
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"

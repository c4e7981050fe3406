"""Reads single values of JSON that servers, users and other libraries wrote.

Every function is total: whatever the value, it returns something that JSON, UTF-8 and checkpoints
can hold, or raises `UnreadableError`, which `guard` turns into an error of this package.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from langchain_mimo._json import join_surrogates

MAX_COUNT = 2**53
"""Largest count that is read, the largest integer that every JSON reader keeps exactly."""

_INTEGERS = range(-(2**63), 2**64)
"""What LangGraph's checkpoints and orjson can hold."""

_NO_VALUE = frozenset({"", "null", "None"})
_MAX_INDEX_DIGITS = 18

Place: TypeAlias = int | str


class UnreadableError(ValueError):
    """A response, or a part of it, has a form whose meaning is not certain."""


def string_or_empty(value: object) -> str:
    """Return the value if it is a string, else ""."""
    return value if isinstance(value, str) else ""


def word(value: object) -> str | None:
    """Return a string with its surrogates repaired; servers write "no value" in many ways.

    Returns:
        The string, or None for "", "null", "None" and everything that is not a string.
    """
    if not isinstance(value, str) or value in _NO_VALUE:
        return None
    return join_surrogates(value)


def count(value: object) -> int | None:
    """Return a whole number from 0 to `MAX_COUNT`, or None."""
    if type(value) is int and 0 <= value <= MAX_COUNT:  # nearly always
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= MAX_COUNT:  # False for NaN
        return None
    return int(value)


def place(value: object) -> Place | None:
    """Return what an index says: an int, a string that is not a number, or None for no index."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and value not in _NO_VALUE:
        is_number = value.isascii() and value.isdecimal() and len(value) <= _MAX_INDEX_DIGITS
        return int(value) if is_number else value
    return None


def plain(value: object) -> str | int | float | None:
    """Return a string or number that can be stored anywhere.

    Returns:
        A string with its surrogates repaired, a finite number, an integer of more than 64 bits as
        its digits; None for everything else.
    """
    if isinstance(value, str):
        return join_surrogates(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if value in _INTEGERS else str(value)
    return None


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """Return an object; null and "" are an empty one.

    Raises:
        UnreadableError: The value is neither.
    """
    if type(value) is dict:  # nearly always, and faster than `Mapping`
        return value
    if value is None or value == "":
        return {}
    if isinstance(value, Mapping):
        return value
    raise UnreadableError(f"{where} must be an object, got {kind_of(value)}")


def items(value: object, where: str) -> list[Any]:
    """Return the items of a list that are not null; a lone object is a list of one.

    Null, "" and {} are an empty list.

    Raises:
        UnreadableError: The value is something else.
    """
    if isinstance(value, list):
        return [item for item in value if item is not None]
    if value is None or value == "":
        return []
    if isinstance(value, Mapping):
        return [value] if value else []
    raise UnreadableError(f"{where} must be a list, got {kind_of(value)}")


def kind_of(value: object) -> str:
    """Return what kind of JSON a value is, for an error text."""
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list"}
    return "null" if value is None else kinds.get(type(value), "an object")

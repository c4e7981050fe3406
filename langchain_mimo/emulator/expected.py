"""Checks of the values that a user passes to the emulator, and their error messages."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_mimo.emulator.encoding import dump

_MAX_SHOWN = 80
"""Longest value quoted in an error message, in characters."""

_MAX_SECONDS = 10**9
"""About thirty years; a longer time can overflow a date."""

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")


@dataclass(frozen=True, slots=True)
class Expected:
    """A condition that a value must meet.

    Attributes:
        description: Completes the phrase "must be …".
        fits: Tells whether a value meets the condition.
    """

    description: str
    fits: Callable[[Any], bool]

    def check(self, name: str, value: Any) -> None:
        """Check a value.

        Raises:
            ValueError: The value does not fit; the message starts with `name`.
        """
        if not self.fits(value):
            raise ValueError(f"{name} must be {self.description}, got {shown(value)}")


def shown(value: Any) -> str:
    """Return the `repr` of a value on one line, shortened if it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def integer(at_least: int, at_most: int | None = None) -> Expected:
    """Expect an integer within bounds, both included."""
    bounds = f">= {at_least}" if at_most is None else f"from {at_least} to {at_most}"
    return Expected(
        f"an integer {bounds}",
        lambda value: (
            isinstance(value, int)
            and not isinstance(value, bool)
            and at_least <= value
            and (at_most is None or value <= at_most)
        ),
    )


def seconds(at_least: float = 0) -> Expected:
    """Expect a duration in seconds."""
    return Expected(
        f"a number of seconds from {at_least:f}".rstrip("0").rstrip(".") + f" to {_MAX_SECONDS}",
        lambda value: (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and at_least <= value <= _MAX_SECONDS
        ),
    )


def one_of(*values: str) -> Expected:
    """Expect one of the given strings."""
    return Expected(
        f"one of {', '.join(map(repr, values))}",
        lambda value: isinstance(value, str) and value in values,
    )


def or_none(expected: Expected) -> Expected:
    """Expect what `expected` accepts, or None."""
    return Expected(
        f"{expected.description} or None", lambda value: value is None or expected.fits(value)
    )


def list_of(expected: Expected, items: str) -> Expected:
    """Expect a list or another sequence, but not a string.

    Args:
        expected: The condition for each item.
        items: The items in the plural, for the message.
    """
    return Expected(
        f"a list of {items}", lambda value: is_list(value) and all(map(expected.fits, value))
    )


def is_list(value: Any) -> bool:
    """Return whether a value is a sequence other than a string or bytes."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def is_json(value: Any) -> bool:
    """Return whether a value can be encoded as JSON."""
    try:
        dump(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _are_headers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str)
        and _HEADER_NAME.fullmatch(name)
        and name.lower() not in {"content-length", "transfer-encoding"}
        and HEADER_VALUE.fits(text)
        for name, text in value.items()
    )


FLAG = Expected("True or False", lambda value: isinstance(value, bool))
TEXT = Expected("a string", lambda value: isinstance(value, str))
OBJECT = Expected(
    "a mapping that can be encoded as JSON",
    lambda value: isinstance(value, Mapping) and is_json(value),
)
HEADER_VALUE = Expected(
    "a string that is valid as an HTTP header value",
    lambda value: isinstance(value, str) and _HEADER_VALUE.fullmatch(value) is not None,
)
HEADERS = Expected(
    "a mapping from header names to strings (the emulator sets content-length and "
    "transfer-encoding itself)",
    _are_headers,
)

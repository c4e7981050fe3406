"""What a value given to the emulator must be, and the sentence that says so when it is not."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_mimo.emulator.encoding import dump

_SHOWN = 80
_MOST_SECONDS = 10**9
"""Thirty years: what is beyond overflows dates."""

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a value must be.

    Attributes:
        words: Completes the sentence "it must be …".
        fits: Whether a value is that.
    """

    words: str
    fits: Callable[[Any], bool]

    def check(self, name: str, value: Any) -> None:
        """Check a value.

        Raises:
            ValueError: It does not fit; the sentence names it.
        """
        if not self.fits(value):
            raise ValueError(f"{name} is {shown(value)}; it must be {self.words}.")


def shown(value: Any) -> str:
    """Return a value as Python writes it, on one line and cut when it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def integer(at_least: int, at_most: int | None = None) -> Expected:
    """A whole number within bounds."""
    words = f"of at least {at_least}" if at_most is None else f"from {at_least} to {at_most}"
    return Expected(
        f"a whole number {words}",
        lambda value: (
            isinstance(value, int)
            and not isinstance(value, bool)
            and at_least <= value
            and (at_most is None or value <= at_most)
        ),
    )


def seconds(at_least: float = 0) -> Expected:
    """A length of time."""
    return Expected(
        f"a number of seconds from {at_least:f}".rstrip("0").rstrip(".") + f" to {_MOST_SECONDS}",
        lambda value: (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and at_least <= value <= _MOST_SECONDS
        ),
    )


def one_of(*values: str) -> Expected:
    """One of a few words."""
    return Expected(
        f"one of {', '.join(map(repr, values))}",
        lambda value: isinstance(value, str) and value in values,
    )


def or_none(expected: Expected) -> Expected:
    """The same, or None."""
    return Expected(
        f"{expected.words}, or None", lambda value: value is None or expected.fits(value)
    )


def list_of(expected: Expected, words: str) -> Expected:
    """A list or another sequence; a text is none."""
    return Expected(
        f"a list of {words}", lambda value: is_list(value) and all(map(expected.fits, value))
    )


def is_list(value: Any) -> bool:
    """Whether a value is a sequence and no text."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def is_json(value: Any) -> bool:
    """Whether a value can be sent as JSON."""
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
TEXT = Expected("a text", lambda value: isinstance(value, str))
OBJECT = Expected(
    "a mapping that can be sent as JSON",
    lambda value: isinstance(value, Mapping) and is_json(value),
)
HEADER_VALUE = Expected(
    "a text that an HTTP header can carry",
    lambda value: isinstance(value, str) and _HEADER_VALUE.fullmatch(value) is not None,
)
HEADERS = Expected(
    "a mapping from header names to texts, without content-length and transfer-encoding, "
    "which follow from the body",
    _are_headers,
)

"""Argument checks and one-time warnings, shared by the whole package.

The checks are pure and raise `ValueError`. Each caller converts it to its own error, usually with
`errors.as_input_error`.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_KEY = re.compile(r"\b(sk|tp|ttp)-[A-Za-z0-9_-]{6,}")

_warned: set[str] = set()

_NOT_THE_USERS = frozenset(
    {
        *("langchain_mimo", "langchain_core", "langchain", "langgraph", "pydantic"),
        *("asyncio", "concurrent", "contextlib", "contextvars", "threading"),
    }
)
"""Packages that stand between a program and a warning of this package."""


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
        minimum: The smallest value allowed; minus infinity for no limit.
        maximum: The largest value allowed. Default: no limit.
        allow_infinity: Whether infinity is allowed; it stands for "no limit".

    Returns:
        The value as a plain `int` or `float`; NumPy numbers, decimals and fractions become `float`.

    Raises:
        ValueError: The value is a bool, not a number, NaN or out of range.
    """
    checked: float = math.nan
    if not isinstance(value, bool | str | bytes):
        with suppress(TypeError, ValueError, OverflowError):
            checked = float(value)  # also refuses integers that are too large for it
            checked = value if type(value) is int else checked
    # NaN fails every comparison.
    if minimum <= checked <= maximum and (allow_infinity or not math.isinf(checked)):
        return checked
    wanted = f" from {minimum:g} to {maximum:g}"
    if maximum == math.inf:
        wanted = "" if minimum == -math.inf else f" >= {minimum:g}"
    raise ValueError(f"{name} must be a number{wanted}, got {shown(value)}")


def spelled_number(value: Any) -> Any:
    """Return the number that a string spells, as values of templates do, else the value itself.

    Args:
        value: A value that is to be a number.
    """
    if isinstance(value, str):
        for read in (int, float):
            with suppress(ValueError):
                return read(value)
    return value


def integer(name: str, value: Any, minimum: int | None, maximum: int | None = None) -> int:
    """Check that an argument is an integer in a range.

    Args:
        name: The argument's name, for the error.
        value: The value passed; anything with `__index__` except a bool.
        minimum: The smallest value allowed, or None for no limit.
        maximum: The largest value allowed, or None for no limit.

    Returns:
        The value as a plain `int`.

    Raises:
        ValueError: The value is not an integer, is a bool, or is out of range.
    """
    try:
        checked = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        checked = None
    low = -math.inf if minimum is None else minimum
    high = math.inf if maximum is None else maximum
    if checked is not None and low <= checked <= high:
        return checked
    wanted = "" if minimum is None else f" >= {minimum}"
    if maximum is not None:
        wanted = f" from {minimum} to {maximum}"
    raise ValueError(f"{name} must be an integer{wanted}, got {shown(value)}")


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
        raise ValueError(f"{name} must be {alternatives(choices)}, got {shown(value)}")


def alternatives(values: Sequence[object]) -> str:
    """Return values as a sentence lists them: `'a', 'b' or 'c'`."""
    *others, last = map(repr, values)
    return f"{', '.join(others)} or {last}" if others else last


def nearest(name: str, known: Iterable[str], similarity: float = 0.65) -> str | None:
    """Return the known name closest to a misspelt one, or None when none is close.

    Args:
        name: The name as written.
        known: The names that exist.
        similarity: How much they must have in common, from 0 to 1.
    """
    import difflib  # noqa: PLC0415 - only misspelt names need it

    matches = difflib.get_close_matches(name, known, n=1, cutoff=similarity)
    return matches[0] if matches else None


def known_arguments(error: Callable[[str], Exception]) -> Callable[[type[T]], type[T]]:
    """Return a decorator of dataclasses whose constructor names the nearest of a misspelt argument.

    Args:
        error: Makes the exception that is raised in place of Python's TypeError.
    """

    def decorate(cls: type[T]) -> type[T]:
        construct: Callable[..., None] = cls.__init__

        @functools.wraps(construct)
        def checked(self: T, *values: Any, **named: Any) -> None:
            known: tuple[str, ...] = cls.__match_args__  # type: ignore[attr-defined]
            for name in named:
                if name not in known:
                    hint = _nearest_hint(name, known) or f"it has {', '.join(known)}"
                    raise error(f"{cls.__name__} has no argument {name!r}; {hint}")
            construct(self, *values, **named)

        cls.__init__ = checked  # type: ignore[method-assign, assignment]
        return cls

    return decorate


def known_keywords(
    error: Callable[[str], Exception], remedy: Callable[[str], str | None] = lambda _: None
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator of functions that names the nearest of a misspelt argument.

    A wrapper, so that the function has no `**unknown` in its signature, which type checkers,
    editors and LangChain's tools read.

    Args:
        error: Makes the exception that is raised in place of Python's TypeError.
        remedy: What to do about a name that the function does not have, or None for the nearest.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        known = tuple(inspect.signature(function).parameters)
        owner = function.__qualname__.removesuffix(".__init__")

        @functools.wraps(function)
        def checked(*arguments: P.args, **keywords: P.kwargs) -> T:
            for name in keywords:
                if name not in known:
                    hint = remedy(name) or _nearest_hint(name, known)
                    hint = hint or f"it takes {', '.join(known[1:])}"  # after `source` or `self`
                    raise error(f"{owner} has no argument {name!r}; {hint}")
            return function(*arguments, **keywords)

        return checked

    return decorate


def _nearest_hint(name: str, known: Iterable[str]) -> str | None:
    near = nearest(name, known)
    return f"did you mean {near!r}?" if near else None


def mask_keys(text: str) -> str:
    """Return a text without what looks like an API key, passed in a wrong place."""
    return _KEY.sub(r"\1-[key]", text)


def shown(value: object) -> str:
    """Return the `repr` of a value for an error, without API keys, cut off at 80 characters."""
    text = mask_keys(repr(value))
    return text if len(text) <= 80 else text[:80] + "…"


def warn(message: str) -> None:
    """Issue a `UserWarning` at the program's own line."""
    warnings.warn(message, UserWarning, stacklevel=_program_level())


def warn_once(message: str, key: str | None = None, *, per_place: bool = False) -> None:
    """Issue a `UserWarning` at the program's own line, once per process for each key.

    Args:
        message: The warning.
        key: What identifies the warning. Default: the message itself.
        per_place: Whether each line of the program gets the warning once.
    """
    if is_first(message if key is None else key, per_place=per_place):
        warn(message)


def is_first(key: str, *, per_place: bool = False) -> bool:
    """Return whether something happens for the first time in this process.

    Args:
        key: What identifies it.
        per_place: Whether it counts anew for each line of the program.
    """
    if per_place:
        key = f"{key}, {program_frame()[0]}"
    is_new = key not in _warned
    _warned.add(key)
    return is_new


def _program_level() -> int:
    """Return the `stacklevel` of the program's own frame; it counts from the caller.

    (`skip_file_prefixes` needs Python 3.12.)
    """
    return program_frame()[1] - 1


def program_frame() -> tuple[str, int]:
    """Return place and level of the innermost frame outside of LangChain and this package.

    The level counts from the caller. A call that a pool of threads runs has no frame of the
    program; the place is then in this package.
    """
    frame, level = sys._getframe(1), 1  # noqa: SLF001 - as the standard library does
    while frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_THE_USERS:
        if frame.f_back is None:
            return "no frame of the program", 3
        frame, level = frame.f_back, level + 1
    return f"{frame.f_code.co_filename}:{frame.f_lineno}", level

"""Checks of single fields, with the refusals of a validator: types, ranges, literals, known names.

The bodies of range and type errors are not recorded; they take the one validator form that is
(mimo-api.md §6), as Pydantic prints it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from langchain_mimo.emulator.refusals import (
    extra_field,
    invalid_field,
    not_set,
    param_incorrect,
)

Location: TypeAlias = tuple[str | int, ...]


def number(
    value: object, location: Location, low: float, high: float, *, integer: bool = False
) -> float:
    """Return a finite number within [low, high], or refuse."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        kind, name = ("int_type", "integer") if integer else ("float_type", "number")
        raise invalid_field(kind, location, f"Input should be a valid {name}", value)
    if integer and not float(value).is_integer():
        raise invalid_field(
            "int_from_float",
            location,
            "Input should be a valid integer, got a number with a fractional part",
            value,
        )
    if value < low:
        raise invalid_field(
            "greater_than_equal",
            location,
            f"Input should be greater than or equal to {low:g}",
            value,
            {"ge": low},
        )
    if value > high:
        raise invalid_field(
            "less_than_equal",
            location,
            f"Input should be less than or equal to {high:g}",
            value,
            {"le": high},
        )
    return value


def string(value: object, location: Location) -> str:
    """Return a string, or refuse."""
    if not isinstance(value, str):
        raise invalid_field("string_type", location, "Input should be a valid string", value)
    return value


def boolean(value: object, location: Location) -> bool:
    """Return a boolean, or refuse."""
    if not isinstance(value, bool):
        raise invalid_field("bool_type", location, "Input should be a valid boolean", value)
    return value


def mapping(value: object, location: Location) -> dict[str, Any]:
    """Return a JSON object, or refuse."""
    if not isinstance(value, dict):
        raise invalid_field("dict_type", location, "Input should be a valid dictionary", value)
    return value


def array(value: object, location: Location) -> list[Any]:
    """Return a JSON array, or refuse."""
    if not isinstance(value, list):
        raise invalid_field("list_type", location, "Input should be a valid list", value)
    return value


def literal(value: object, location: Location, choices: Sequence[str]) -> str:
    """Return one of `choices`, or refuse."""
    if isinstance(value, str) and value in choices:
        return value
    quoted = [repr(choice) for choice in choices]
    expected = quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
    raise invalid_field(
        "literal_error", location, f"Input should be {expected}", value, {"expected": expected}
    )


def required(fields: Mapping[str, Any], name: str, location: Location) -> Any:
    """Return a field that must be there, or refuse."""
    if name not in fields:
        raise invalid_field("missing", (*location, name), "Field required", dict(fields))
    return fields[name]


def only(fields: Mapping[str, Any], known: Collection[str], location: Location) -> None:
    """Refuse names beyond `known`; one that carries null says nothing and passes."""
    for name, value in fields.items():
        if name not in known and value is not None:
            raise extra_field((*location, name), value)


def stop_sequences(value: object, location: Location, at_most: int) -> tuple[str, ...]:
    """Return the texts that end an answer: null, a string, or at most so many strings."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    texts = tuple(
        string(text, (*location, index)) for index, text in enumerate(array(value, location))
    )
    if len(texts) > at_most:
        raise invalid_field(
            "too_long",
            location,
            f"List should have at most {at_most} items after validation, not {len(texts)}",
            value,
            {"field_type": "List", "max_length": at_most, "actual_length": len(texts)},
        )
    return texts


_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


_TOOL_NAME_PATTERN = "^[a-zA-Z0-9_-]{1,64}$"


def check_tool_name(value: object, seen: set[str], location: Location) -> str:
    """Return a tool's name: there, well formed, and not twice in one request."""
    if value is None:
        raise not_set("name")
    name = string(value, location)
    if not _TOOL_NAME.fullmatch(name):
        raise invalid_field(
            "string_pattern_mismatch",
            location,
            f"String should match pattern '{_TOOL_NAME_PATTERN}'",
            name,
            {"pattern": _TOOL_NAME_PATTERN},
        )
    if name in seen:
        raise param_incorrect(f"Tool names must be unique: {name}")
    seen.add(name)
    return name

"""Checks of single fields: types, ranges, literals, unknown keys.

A field that fails a check raises `Refusal` in the form of Pydantic's error list, as Python prints
it. MiMo's bodies for range and type errors are not known; this is the one validator form that was
seen (docs/api-facts.md).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from langchain_mimo.emulator.refusals import extra_field, invalid_field, not_set

Location: TypeAlias = tuple[str | int, ...]
"""Path of a value below the body, such as `("messages", 0, "content")`."""


def number(
    value: object, location: Location, low: float, high: float, *, integer: bool = False
) -> float:
    """Check for a number from `low` to `high`, an integer if `integer` is set, and return it."""
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
    """Check for a string and return it."""
    if not isinstance(value, str):
        raise invalid_field("string_type", location, "Input should be a valid string", value)
    return value


def boolean(value: object, location: Location) -> bool:
    """Check for a boolean and return it."""
    if not isinstance(value, bool):
        raise invalid_field("bool_type", location, "Input should be a valid boolean", value)
    return value


def mapping(value: object, location: Location) -> dict[str, Any]:
    """Check for a JSON object and return it."""
    if not isinstance(value, dict):
        raise invalid_field("dict_type", location, "Input should be a valid dictionary", value)
    return value


def array(value: object, location: Location) -> list[Any]:
    """Check for a JSON array and return it."""
    if not isinstance(value, list):
        raise invalid_field("list_type", location, "Input should be a valid list", value)
    return value


def literal(value: object, location: Location, choices: Sequence[str]) -> str:
    """Check for one of `choices` and return it."""
    if isinstance(value, str) and value in choices:
        return value
    quoted = [repr(choice) for choice in choices]
    expected = quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
    raise invalid_field(
        "literal_error", location, f"Input should be {expected}", value, {"expected": expected}
    )


def required(fields: Mapping[str, Any], name: str, location: Location) -> Any:
    """Return the field `name`, which must exist; null passes."""
    if name not in fields:
        raise invalid_field("missing", (*location, name), "Field required", dict(fields))
    return fields[name]


def required_mapping(fields: Mapping[str, Any], name: str, location: Location) -> dict[str, Any]:
    """Return the field `name`, which must be a JSON object."""
    return mapping(required(fields, name, location), (*location, name))


def required_literal(
    fields: Mapping[str, Any], name: str, location: Location, choices: Sequence[str]
) -> str:
    """Return the field `name`, which must be one of `choices`."""
    return literal(required(fields, name, location), (*location, name), choices)


def required_string(fields: Mapping[str, Any], name: str, location: Location) -> str:
    """Return the field `name`, which must be a string.

    A missing or null field is refused in MiMo's own form ("`name` is not set").
    """
    if fields.get(name) is None:
        raise not_set(name)
    return string(fields[name], (*location, name))


def optional_string(fields: Mapping[str, Any], name: str, location: Location) -> str:
    """Return the field `name`, a string; "" if it is missing or null."""
    value = fields.get(name)
    return "" if value is None else string(value, (*location, name))


def optional_boolean(fields: Mapping[str, Any], name: str, location: Location) -> bool:
    """Return the field `name`, a boolean; False if it is missing or null."""
    value = fields.get(name)
    return value is not None and boolean(value, (*location, name))


def no_unknown_keys(fields: Mapping[str, Any], known: Collection[str], location: Location) -> None:
    """Refuse keys that are not in `known`; a key with the value null passes."""
    for name, value in fields.items():
        if name not in known and value is not None:
            raise extra_field((*location, name), value)

"""Checks that every keyword of a JSON schema that the emulator reads has a value of its type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

MAX_DEPTH = 64
"""Most schemas inside one another."""

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """What is wrong with a schema.

    Attributes:
        path: The path of the value below the schema.
        expected: What it should be, in words.
        value: What it is.
    """

    path: Path
    expected: str
    value: object


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return _is_number(value) and value >= 0 and float(value).is_integer()  # type: ignore[operator, arg-type]


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


_Expected: TypeAlias = "tuple[str, Callable[[Any], bool]]"
_TEXT: _Expected = ("a string", lambda value: isinstance(value, str))
_COUNT: _Expected = ("a whole number, at least 0", _is_count)
_NUMBER: _Expected = ("a number", _is_number)
# Draft 4 and OpenAPI 3.0 have true and false for these two, and draft 3 for `required`.
_EXCLUSIVE: _Expected = ("a number", lambda value: isinstance(value, int | float))
_NAMES: _Expected = (
    "a list of strings",
    lambda value: _is_texts(value) or isinstance(value, bool),
)

_VALUES: Mapping[str, _Expected] = {
    "type": ("a string or a list of strings", lambda one: isinstance(one, str) or _is_texts(one)),
    "enum": ("a list", lambda value: isinstance(value, list)),
    "examples": ("a list", lambda value: isinstance(value, list | dict | str)),
    "required": _NAMES,
    **dict.fromkeys(("format", "pattern", "title", "description", "$ref"), _TEXT),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _COUNT),
    **dict.fromkeys(("minimum", "maximum"), _NUMBER),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), _EXCLUSIVE),
    "multipleOf": ("a number above 0", lambda value: _is_number(value) and value > 0),
}
_NAMED_SCHEMAS = ("properties", "$defs", "definitions")
_SCHEMA_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")


def schema_fault(schema: object) -> SchemaFault | None:
    """Return the first fault of a schema and of those inside it, or None.

    A keyword whose value is null counts as absent, and unknown keywords are not looked at.
    """
    waiting: list[tuple[object, Path, int]] = [(schema, (), 0)]
    while waiting:
        found, path, depth = waiting.pop()
        if isinstance(found, bool):
            continue
        if not isinstance(found, Mapping):
            return SchemaFault(path, "an object", found)
        if depth > MAX_DEPTH:
            return SchemaFault(path, f"at most {MAX_DEPTH} schemas deep", "…")
        for keyword, (expected, fits) in _VALUES.items():
            value = found.get(keyword)
            if value is not None and not fits(value):
                return SchemaFault((*path, keyword), expected, value)
        for inner, inner_path in _schemas_inside(found):
            if isinstance(inner, SchemaFault):
                return SchemaFault((*path, *inner.path), inner.expected, inner.value)
            waiting.append((inner, (*path, *inner_path), depth + 1))
    return None


def _schemas_inside(schema: Mapping[str, Any]) -> Iterator[tuple[object, Path]]:
    """Yield the schemas inside a schema; a `SchemaFault` where something else is."""
    for keyword in _NAMED_SCHEMAS:
        named = schema.get(keyword)
        if named is None:
            continue
        if not isinstance(named, Mapping):
            yield SchemaFault((keyword,), "an object", named), ()
            return
        yield from ((inner, (keyword, name)) for name, inner in named.items())
    for keyword in _SCHEMA_LISTS:
        listed = schema.get(keyword)
        if listed is None:
            continue
        if not isinstance(listed, list):
            yield SchemaFault((keyword,), "a list", listed), ()
            return
        yield from ((inner, (keyword, index)) for index, inner in enumerate(listed))
    items = schema.get("items")
    if isinstance(items, list):  # draft 4
        yield from ((inner, ("items", index)) for index, inner in enumerate(items))
    elif items is not None:
        yield items, ("items",)

"""Generates values that fit a JSON schema, from the values that the prompt offers.

Numbers, quoted strings and names are taken from the prompt in order; where the prompt offers
nothing, the value is a plain one that the schema allows. If the schema asks for ranges of a media
file and the request has one, nothing is taken from the prompt: all values are about the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from langchain_mimo.emulator.answers.moments import Moment, asks_for_ranges, is_range
from langchain_mimo.emulator.answers.number_values import in_bounds
from langchain_mimo.emulator.answers.property_names import DATES, LINKS, name_pattern, words_of
from langchain_mimo.emulator.answers.scalar_values import (
    MAX_TEXT,
    NEGATION,
    STRING,
    ScalarValues,
)
from langchain_mimo.emulator.answers.schema_references import (
    MAX_DEPTH,
    Resolver,
    required_names,
    type_of,
)
from langchain_mimo.emulator.answers.words import PromptValues, mentions
from langchain_mimo.emulator.encoding import dump

_HARD_LIMIT = 60
"""Deeper values are null, for schemas that no value fits."""

MAX_VALUES, MAX_ITEMS = 5_000, 1_000
"""Values in an answer and in one of its arrays; further ones are null or left out."""

_MAX_READ = 300
"""Values for which the prompt is read; later ones are plain, and optional ones are left out."""


def value_for(
    schema: Mapping[str, Any],
    offered: PromptValues,
    shape: Callable[[str, str], str] | None = None,
) -> Any:
    """Return a value that fits `schema`, built from what the prompt offers.

    Supports type, properties, required, items, prefixItems, enum, const, default, anyOf, oneOf,
    allOf, `$ref` within the schema, numeric and length bounds, and `format`. Optional properties
    are filled if the prompt names them or still offers a value of their type.

    Args:
        schema: The schema.
        offered: The values to use; those that are used are removed.
        shape: Changes each string that has a `pattern`, given the string and the pattern.
    """
    if offered.about_media is not None and asks_for_ranges(schema, Resolver(schema)):
        offered = PromptValues("", moment=offered.about_media())
    return _Filler(schema, ScalarValues(offered, shape)).fill(schema, "", 0)


class _Filler:
    def __init__(self, root: Mapping[str, Any], scalars: ScalarValues) -> None:
        self._resolver = Resolver(root)
        self._scalars = scalars
        self._values = 0
        self._read = 0

    @property
    def _offered(self) -> PromptValues:
        return self._scalars.offered

    def fill(self, schema: Any, name: str, depth: int) -> Any:
        self._values += 1
        if self._values > MAX_VALUES or self._scalars.characters <= 0:
            return None
        if self._values == _MAX_READ and self._offered.moment is None:
            self._scalars.offered = PromptValues("")
        schema = self._resolver.resolve(schema)
        if depth > _HARD_LIMIT or "const" in schema:
            return self._counted(schema.get("const", schema.get("default")))
        if schema.get("enum"):
            return self._counted(self._from_enum(schema))
        branches = schema.get("anyOf") or schema.get("oneOf")
        if branches:
            return self._from_branches(schema, branches, name, depth)
        return self._of_type(type_of(schema), schema, name, depth)

    def _counted(self, value: Any) -> Any:
        """Count the characters of a value, and return it; None if there is no room for it."""
        self._scalars.characters -= len(value) if isinstance(value, str) else len(dump(value))
        return value if self._scalars.characters > 0 else None

    def _may_read(self) -> bool:
        """Return whether the prompt is read for one more property."""
        if self._offered.moment is not None:
            return True
        self._read += 1
        return self._read <= _MAX_READ

    def _of_type(self, kind: str, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        match kind:
            case "object":
                value: Any = self._object(schema, depth)
            case "array":
                value = self._array(schema, name, depth)
            case "integer" | "number":
                value = self._scalars.number(schema, name, integer=kind == "integer")
            case "boolean":
                value = self._scalars.boolean(schema, name)
            case "null":
                value = None
            case _:
                value = self._scalars.string(schema, name)
        return value

    def _from_enum(self, schema: Mapping[str, Any]) -> Any:
        choices = schema["enum"]
        for choice in choices:
            if choice is not None and mentions(self._offered.text, str(choice)):
                return choice
        default = schema.get("default")
        return default if default in choices else choices[0]

    def _from_branches(
        self, schema: Mapping[str, Any], branches: list[Any], name: str, depth: int
    ) -> Any:
        shared = {key: schema[key] for key in ("title", "description") if key in schema}
        options = [self._resolver.resolve(branch) for branch in branches]
        real = [option for option in options if option.get("type") != "null"]
        if not real or (depth > MAX_DEPTH and len(real) < len(options)):
            return None
        if depth > MAX_DEPTH:
            real.sort(key=lambda option: type_of(option) in {"object", "array"})
            return self.fill({**shared, **real[0]}, name, depth + 1)
        chosen = next((option for option in real if self._is_offered(option)), real[0])
        return self.fill({**shared, **chosen}, name, depth + 1)

    def _is_offered(self, schema: Mapping[str, Any]) -> bool:
        if schema.get("enum"):
            return any(mentions(self._offered.text, str(choice)) for choice in schema["enum"])
        kind = type_of(schema)
        if kind in {"integer", "number"}:
            return bool(self._offered.numbers)
        if kind == "string":
            return bool(self._offered.quoted or self._offered.names)
        return kind == "object"

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required = dict.fromkeys(required_names(schema))
        properties: Mapping[str, Any] = schema.get("properties") or {}
        properties = {**properties, **{name: {} for name in required if name not in properties}}
        values: dict[str, Any] = {}
        # Required properties choose first among the values that the prompt offers.
        for name in properties:
            if name in required:
                self._scalars.characters -= len(name)
                values[name] = self.fill(properties[name], name, depth + 1)
        for name in properties:
            if depth > MAX_DEPTH or not self._may_read():
                break
            if name not in values and self._should_fill(properties[name], name):
                values[name] = self.fill(properties[name], name, depth + 1)
        return {name: values[name] for name in properties if name in values}

    def _should_fill(self, schema: Any, name: str) -> bool:
        """Return whether the prompt calls for an optional property; about media, all are filled."""
        if self._offered.moment is not None:
            return True
        text = self._offered.text
        if re.search(rf"\b{NEGATION}\s+(?:\w+\s+)?{name_pattern(name)}", text, re.IGNORECASE):
            return type_of(self._resolver.resolve(schema)) == "boolean"
        if len(name) > 1 and mentions(text, name):
            return True
        if name.lower() in self._offered.facts:
            return True
        resolved = self._resolver.resolve(schema)
        options = [self._resolver.resolve(branch) for branch in resolved.get("anyOf", ())] or [
            resolved
        ]
        return any(self._has_value_for(option, name) for option in options)

    def _has_value_for(self, schema: Mapping[str, Any], name: str) -> bool:
        """Return whether the prompt still offers a value for an optional property."""
        offered = self._offered
        if schema.get("enum"):
            return any(mentions(offered.text, str(one)) for one in schema["enum"])
        kind = type_of(schema)
        if kind in {"integer", "number"}:
            return bool(offered.numbers)
        words = set(words_of(name))
        return kind == "string" and bool(
            offered.quoted or (words & LINKS and offered.links) or (words & DATES and offered.dates)
        )

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        if schema.get("prefixItems"):
            return [self.fill(item, name, depth + 1) for item in schema["prefixItems"]]
        moment = self._offered.moment
        if moment is not None and is_range(schema.get("items"), self._resolver):
            return self._ranges(schema, moment, name, depth)
        items = self._resolver.resolve(schema.get("items"))
        least = (
            schema.get("minItems", 0) if depth > MAX_DEPTH else max(schema.get("minItems", 1), 1)
        )
        most = int(schema.get("maxItems", max(least, 100)))
        least = min(least, most, MAX_ITEMS)
        values = (self._listed_strings(items, name) or self._all_offered(items))[:most]
        while len(values) < least:
            values.append(self.fill(items, name, depth + 1))
        return values

    def _ranges(
        self, schema: Mapping[str, Any], moment: Moment, name: str, depth: int
    ) -> list[Any]:
        """Return an object for each part of a media file."""
        least = min(int(schema.get("minItems", 0)), MAX_ITEMS)
        most = least if depth > MAX_DEPTH else int(schema.get("maxItems", MAX_ITEMS))
        whole, values = self._offered, []
        for part in moment.split(least, most):
            self._scalars.offered = PromptValues("", moment=part)
            values.append(self.fill(schema["items"], name, depth + 1))
        self._scalars.offered = whole
        return values

    def _listed_strings(self, items: Mapping[str, Any], name: str) -> list[Any]:
        """Find quoted strings that follow the property's name."""
        special = items.keys() & {"enum", "anyOf", "oneOf", "const", "format", "pattern"}
        if not (name and self._offered.text) or special or type_of(items) != "string":
            return []
        listed = rf"\b{name_pattern(name)}s?\W{{1,3}}((?:(?:{STRING})(?:\s*,?\s*(?:and\s+)?)?)+)"
        match = re.search(listed, self._offered.text, re.IGNORECASE)
        values = (
            [one.strip("\"'“”「」") for one in re.findall(STRING, match.group(1))] if match else []
        )
        self._offered.quoted = [one for one in self._offered.quoted if one not in values]
        return _with_valid_length(values, items)

    def _all_offered(self, items: Mapping[str, Any]) -> list[Any]:
        """Return all offered values that fit the items of an array."""
        if items.get("enum"):
            text = self._offered.text
            return [choice for choice in items["enum"] if mentions(text, str(choice))]
        if items.keys() & {"anyOf", "oneOf", "const", "format", "pattern"}:
            return []
        kind = type_of(items)
        if kind in {"integer", "number"}:
            numbers = [number for number in self._offered.numbers if in_bounds(number, items)]
            self._offered.numbers = []
            integers = [int(number) for number in numbers if float(number).is_integer()]
            return list(integers if kind == "integer" else numbers)
        if kind == "string":
            source = "quoted" if self._offered.quoted else "names"
            values = list(getattr(self._offered, source))
            setattr(self._offered, source, [])
            return _with_valid_length(values, items)
        return []


def _with_valid_length(values: list[str], schema: Mapping[str, Any]) -> list[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", MAX_TEXT)
    return [value for value in values if least <= len(value) <= most]

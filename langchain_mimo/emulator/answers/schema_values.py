"""Generates values that fit a JSON schema, from the values that the prompt offers.

Numbers, quoted strings and names are taken from the prompt in order; where the prompt offers
nothing, the value is a plain one that the schema allows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from langchain_mimo.emulator.answers.number_values import in_bounds, number_in_range
from langchain_mimo.emulator.answers.pattern_values import matching_text
from langchain_mimo.emulator.answers.patterns import Steps
from langchain_mimo.emulator.answers.property_names import (
    DATES,
    FREE_TEXT,
    LINKS,
    is_proper_name,
    name_pattern,
    words_of,
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

MAX_CHARACTERS = 200_000
"""Characters of all strings and constants of an answer; what comes after them is null or short."""

_MAX_READ = 300
"""Values for which the prompt is read; later ones are plain, and optional ones are left out."""

_MAX_TEXT = 200
_STRING = r"\"[^\"]+\"|'[^'\n]+'|“[^”]+”|「[^」]+」"
_EXPRESSION_NAME = re.compile(r"expression|formula|equation|calculation", re.IGNORECASE)
_EXPRESSION = re.compile(r"[-(]*\d[\d\s.+\-*/×÷^%()]*[\d)]")
_NEGATION = r"(?:no|not|without|don't|disable|off)"
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "12:00:00",
    "email": "user@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


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
    return _Filler(schema, offered, shape).fill(schema, "", 0)


class _Filler:
    def __init__(
        self,
        root: Mapping[str, Any],
        offered: PromptValues,
        shape: Callable[[str, str], str] | None,
    ) -> None:
        self._resolver = Resolver(root)
        self._offered = offered
        self._shape = shape
        self._steps = Steps()
        self._values = 0
        self._read = 0
        self._characters = MAX_CHARACTERS

    def fill(self, schema: Any, name: str, depth: int) -> Any:
        self._values += 1
        if self._values > MAX_VALUES or self._characters <= 0:
            return None
        if self._values == _MAX_READ:
            self._offered = PromptValues("")
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
        self._characters -= len(value) if isinstance(value, str) else len(dump(value))
        return value if self._characters > 0 else None

    def _may_read(self) -> bool:
        """Return whether the prompt is read for one more property."""
        self._read += 1
        return self._read <= _MAX_READ

    def _of_type(self, kind: str, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        match kind:
            case "object":
                value: Any = self._object(schema, depth)
            case "array":
                value = self._array(schema, name, depth)
            case "integer" | "number":
                value = self._number(schema, name, integer=kind == "integer")
            case "boolean":
                value = self._boolean(schema, name)
            case "null":
                value = None
            case _:
                value = self._string(schema, name)
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
                self._characters -= len(name)
                values[name] = self.fill(properties[name], name, depth + 1)
        for name in properties:
            if depth > MAX_DEPTH or not self._may_read():
                break
            if name not in values and self._should_fill(properties[name], name):
                values[name] = self.fill(properties[name], name, depth + 1)
        return {name: values[name] for name in properties if name in values}

    def _should_fill(self, schema: Any, name: str) -> bool:
        """Return whether the prompt calls for an optional property."""
        text = self._offered.text
        if re.search(rf"\b{_NEGATION}\s+(?:\w+\s+)?{name_pattern(name)}", text, re.IGNORECASE):
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

    def _listed_strings(self, items: Mapping[str, Any], name: str) -> list[Any]:
        """Find quoted strings that follow the property's name."""
        special = items.keys() & {"enum", "anyOf", "oneOf", "const", "format", "pattern"}
        if not (name and self._offered.text) or special or type_of(items) != "string":
            return []
        listed = rf"\b{name_pattern(name)}s?\W{{1,3}}((?:(?:{_STRING})(?:\s*,?\s*(?:and\s+)?)?)+)"
        match = re.search(listed, self._offered.text, re.IGNORECASE)
        values = (
            [one.strip("\"'“”「」") for one in re.findall(_STRING, match.group(1))] if match else []
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

    def _number(self, schema: Mapping[str, Any], name: str, *, integer: bool) -> int | float:
        value = self._number_found(name)
        if value is not None:
            value = int(value) if integer or value.is_integer() else value
            if in_bounds(value, schema):
                if value in self._offered.numbers:
                    self._offered.numbers.remove(value)
                return value
        for index, number in enumerate(self._offered.numbers):
            if in_bounds(number, schema) and (not integer or float(number).is_integer()):
                del self._offered.numbers[index]
                return int(number) if integer else number
        default = schema.get("default")
        if isinstance(default, bool) or not isinstance(default, int | float):
            default = None
        if default is not None and in_bounds(default, schema):
            return default
        return number_in_range(schema, integer=integer)

    def _number_found(self, name: str) -> float | None:
        """Return the number that the prompt or a fact gives for a property, or None."""
        found = self._labelled_value(name, r"-?\d+(?:\.\d+)?") or self._offered.facts.get(
            name.lower()
        )
        if not isinstance(found, str | int | float) or isinstance(found, bool):
            return None
        try:
            value = float(found)
        except (ValueError, OverflowError):
            return None
        return value if math.isfinite(value) else None

    def _boolean(self, schema: Mapping[str, Any], name: str) -> bool:
        phrase = re.sub(r"[_-]+", " ", name)
        if self._offered.text and re.search(
            rf"\b{_NEGATION}\s+(?:\w+\s+)?{re.escape(phrase)}", self._offered.text, re.IGNORECASE
        ):
            return False
        found = self._labelled_value(name, r"\w+")
        if found:
            return found.lower() in {"true", "yes", "on", "1"}
        fact = self._offered.facts.get(name.lower())
        if isinstance(fact, bool):
            return fact
        if mentions(self._offered.text, name):
            return True
        default = schema.get("default")
        return default if isinstance(default, bool) else True

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        value = self._string_found(schema, name)
        least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", _MAX_TEXT))
        value = value[:most].ljust(min(least, self._characters), ".")
        self._characters -= len(value)
        pattern = schema.get("pattern")
        return value if self._shape is None or not pattern else self._shape(value, pattern)

    def _string_found(self, schema: Mapping[str, Any], name: str) -> str:
        offered = self._offered
        found = self._labelled_value(name, rf"{_STRING}|[\w@./:+-]+") or self._followed_by_string(
            name
        )
        if found:
            value = found.strip("\"'“”「」")
            offered.quoted = [one for one in offered.quoted if one != value]
            return value
        if name.lower() in offered.facts:
            return str(offered.facts[name.lower()])
        form = schema.get("format")
        if form in _FORMATS:
            pool = offered.dates if "date" in form or form == "time" else offered.links
            return pool.pop(0) if pool else _FORMATS[form]
        if schema.get("pattern"):
            return self._matching(schema["pattern"], schema)
        return self._free_text(schema, name)

    def _free_text(self, schema: Mapping[str, Any], name: str) -> str:
        offered = self._offered
        if _EXPRESSION_NAME.search(name) and (match := _EXPRESSION.search(offered.text)):
            return match.group().strip()
        pool = next((pool for pool in self._pools(name) if pool), None)
        if pool is not None:
            return pool.pop(0)
        default = schema.get("default")
        return default if isinstance(default, str) else offered.text or name or "text"

    def _pools(self, name: str) -> list[list[str]]:
        """Return the lists to take a string from, chosen by the property's name."""
        offered = self._offered
        words = words_of(name)
        last = words[-1] if words else ""
        if last in FREE_TEXT:
            return [offered.quoted, offered.descriptions]
        if LINKS.intersection(words):
            return [offered.links, offered.quoted]
        if DATES.intersection(words) and offered.dates:
            return [offered.dates]
        if is_proper_name(name):
            return [offered.names, offered.quoted, offered.objects]
        return [
            *(offered.quoted, offered.names, offered.objects, offered.dates, offered.links),
            offered.descriptions,
        ]

    def _followed_by_string(self, name: str) -> str | None:
        """Find a quoted string right after the property's name, such as `titled 'x'`."""
        words = words_of(name)
        for label in (name_pattern(name), re.escape(words[-1]) if words else ""):
            if not (label and self._offered.text):
                continue
            pattern = rf"\b{label}(?:d|ed)?\s+({_STRING})"
            match = re.search(pattern, self._offered.text, re.IGNORECASE)
            if match:
                return match.group(1)
        return None

    def _matching(self, pattern: str, schema: Mapping[str, Any]) -> str:
        offered = self._offered
        candidates = [*offered.quoted, *offered.names, *offered.dates, *offered.links]
        candidates += [str(number) for number in offered.numbers] + offered.text.split()
        candidates += [str(example) for example in schema.get("examples") or ()]
        candidates.append(str(schema.get("default", "text")))
        return matching_text(pattern, candidates, self._steps)

    def _labelled_value(self, name: str, value: str) -> str | None:
        """Find `name = value`, `name: value`, or, for longer names, `name is value`."""
        if not (name and self._offered.text):
            return None
        link = r"\s*[\"'`]?\s*[=:]\s*" if len(name) < 3 else r"\s*[\"'`]?\s*(?:[=:]|\bis\b)\s*"
        match = re.search(
            rf"(?<!\w){name_pattern(name)}{link}({value})", self._offered.text, re.IGNORECASE
        )
        return match.group(1) if match else None


def _with_valid_length(values: list[str], schema: Mapping[str, Any]) -> list[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", _MAX_TEXT)
    return [value for value in values if least <= len(value) <= most]

"""Generates values that fit a JSON schema, from the values that the prompt offers.

Numbers, quoted strings and names are taken from the prompt in order; where the prompt offers
nothing, the value is a plain one that the schema allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from langchain_mimo.emulator.answers.pattern_values import matching_text
from langchain_mimo.emulator.answers.words import PromptValues, mentions

_MAX_DEPTH = 8
_MAX_TEXT = 200
_WORDS_OF_NAME = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_FREE_TEXT = frozenset(
    re.findall(
        r"\w+",
        "query question text prompt message content description input body note thought reason "
        "summary answer explanation comment",
    )
)
_PROPER_NAMES = frozenset(
    re.findall(
        r"\w+",
        "name city location place country town region state address author person company customer "
        "destination origin recipient title who where",
    )
)
_LINKS = frozenset(("email", "mail", "url", "uri", "link", "website"))
_DATES = frozenset(("date", "day", "time", "datetime", "when", "start", "end", "deadline"))
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


def value_for(schema: Mapping[str, Any], offered: PromptValues) -> Any:
    """Return a value that fits `schema`, built from what the prompt offers.

    Supports type, properties, required, items, prefixItems, enum, const, default, anyOf, oneOf,
    allOf, `$ref` within the schema, numeric and length bounds, and `format`. Optional properties
    are filled if the prompt names them or still offers a value of their type.
    """
    return _Filler(schema, offered).fill(schema, "", 0)


def is_proper_name(property_name: str) -> bool:
    """Return whether a property's name suggests a proper name: city, customer_name and so on."""
    words = _name_words(property_name)
    return bool(words) and words[-1] in _PROPER_NAMES


class _Filler:
    def __init__(self, root: Mapping[str, Any], offered: PromptValues) -> None:
        self._root = root
        self._offered = offered

    def fill(self, schema: Any, name: str, depth: int) -> Any:
        schema = self._resolve(schema)
        if depth > _MAX_DEPTH or "const" in schema:
            return schema.get("const", schema.get("default"))
        if schema.get("enum"):
            return self._from_enum(schema)
        branches = schema.get("anyOf") or schema.get("oneOf")
        if branches:
            return self._from_branches(schema, branches, name, depth)
        return self._of_type(self._type_of(schema), schema, name, depth)

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

    def _resolve(self, schema: Any) -> dict[str, Any]:
        resolved = dict(schema) if isinstance(schema, Mapping) else {}
        for _ in range(_MAX_DEPTH):
            reference = resolved.pop("$ref", None)
            if not isinstance(reference, str):
                break
            target: Any = self._root
            for step in reference.removeprefix("#").strip("/").split("/"):
                target = target.get(step, {}) if isinstance(target, Mapping) and step else target
            resolved = {**(target if isinstance(target, Mapping) else {}), **resolved}
        for part in resolved.pop("allOf", None) or ():
            merged = self._resolve(part)
            merged.update({key: value for key, value in resolved.items() if key != "properties"})
            properties = {**merged.get("properties", {}), **resolved.get("properties", {})}
            resolved = {**merged, **({"properties": properties} if properties else {})}
        return resolved

    def _type_of(self, schema: Mapping[str, Any]) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        if isinstance(kind, str):
            return kind
        if "properties" in schema:
            return "object"
        return "array" if "items" in schema else "string"

    def _from_enum(self, schema: Mapping[str, Any]) -> Any:
        choices = schema["enum"]
        for choice in choices:
            if choice is not None and mentions(self._offered.text, str(choice)):
                return choice
        return schema.get("default", choices[0])

    def _from_branches(
        self, schema: Mapping[str, Any], branches: list[Any], name: str, depth: int
    ) -> Any:
        shared = {key: schema[key] for key in ("title", "description") if key in schema}
        options = [self._resolve(branch) for branch in branches]
        real = [option for option in options if option.get("type") != "null"]
        if not real:
            return None
        chosen = next((option for option in real if self._is_offered(option)), real[0])
        return self.fill({**shared, **chosen}, name, depth + 1)

    def _is_offered(self, schema: Mapping[str, Any]) -> bool:
        if schema.get("enum"):
            return any(mentions(self._offered.text, str(choice)) for choice in schema["enum"])
        kind = self._type_of(schema)
        if kind in {"integer", "number"}:
            return bool(self._offered.numbers)
        if kind == "string":
            return bool(self._offered.quoted or self._offered.names)
        return kind == "object"

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties: Mapping[str, Any] = schema.get("properties") or {}
        required = schema.get("required") or ()
        values: dict[str, Any] = {}
        # Required properties choose first among the values that the prompt offers.
        for name in properties:
            if name in required:
                values[name] = self.fill(properties[name], name, depth + 1)
        for name in properties:
            if name not in values and self._should_fill(properties[name], name):
                values[name] = self.fill(properties[name], name, depth + 1)
        return {name: values[name] for name in properties if name in values}

    def _should_fill(self, schema: Any, name: str) -> bool:
        """Return whether the prompt calls for an optional property."""
        text = self._offered.text
        name_pattern = _name_pattern(name)
        if re.search(rf"\b{_NEGATION}\s+(?:\w+\s+)?{name_pattern}", text, re.IGNORECASE):
            return self._type_of(self._resolve(schema)) == "boolean"
        if len(name) > 1 and mentions(text, name):
            return True
        if name.lower() in self._offered.facts:
            return True
        resolved = self._resolve(schema)
        options = [self._resolve(branch) for branch in resolved.get("anyOf", ())] or [resolved]
        return any(self._has_value_for(option, name) for option in options)

    def _has_value_for(self, schema: Mapping[str, Any], name: str) -> bool:
        """Return whether the prompt still offers a value for an optional property."""
        offered = self._offered
        if schema.get("enum"):
            return any(mentions(offered.text, str(one)) for one in schema["enum"])
        kind = self._type_of(schema)
        if kind in {"integer", "number"}:
            return bool(offered.numbers)
        words = set(_name_words(name))
        return kind == "string" and bool(
            offered.quoted
            or (words & _LINKS and offered.links)
            or (words & _DATES and offered.dates)
        )

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        if schema.get("prefixItems"):
            return [self.fill(item, name, depth + 1) for item in schema["prefixItems"]]
        items = self._resolve(schema.get("items"))
        least = max(schema.get("minItems", 1), 1)
        most = schema.get("maxItems", max(least, 100))
        values = (self._listed_strings(items, name) or self._all_offered(items))[:most]
        while len(values) < least:
            values.append(self.fill(items, name, depth + 1))
        return values

    def _listed_strings(self, items: Mapping[str, Any], name: str) -> list[Any]:
        """Find quoted strings that follow the property's name."""
        special = items.keys() & {"enum", "anyOf", "oneOf", "const", "format", "pattern"}
        if not name or special or self._type_of(items) != "string":
            return []
        listed = rf"\b{_name_pattern(name)}s?\W{{1,3}}((?:(?:{_STRING})(?:\s*,?\s*(?:and\s+)?)?)+)"
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
        kind = self._type_of(items)
        if kind in {"integer", "number"}:
            numbers = [number for number in self._offered.numbers if _in_bounds(number, items)]
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
        found = self._labelled_value(name, r"-?\d+(?:\.\d+)?") or self._offered.facts.get(
            name.lower()
        )
        if isinstance(found, str | int | float) and not isinstance(found, bool):
            try:
                value = float(found)
            except ValueError:
                value = None
            if value is not None and _in_bounds(value, schema):
                if value in self._offered.numbers:
                    self._offered.numbers.remove(value)
                return int(value) if integer or value.is_integer() else value
        for index, number in enumerate(self._offered.numbers):
            if _in_bounds(number, schema) and (not integer or float(number).is_integer()):
                del self._offered.numbers[index]
                return int(number) if integer else number
        default = schema.get("default")
        if isinstance(default, int | float) and not isinstance(default, bool):
            return default
        return _number_in_range(schema, integer=integer)

    def _boolean(self, schema: Mapping[str, Any], name: str) -> bool:
        phrase = re.sub(r"[_-]+", " ", name)
        if re.search(
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
        least, most = schema.get("minLength", 0), schema.get("maxLength", _MAX_TEXT)
        return value[:most].ljust(least, ".")

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
        words = _name_words(name)
        last = words[-1] if words else ""
        if last in _FREE_TEXT:
            return [offered.quoted]
        if _LINKS.intersection(words):
            return [offered.links, offered.quoted]
        if _DATES.intersection(words) and offered.dates:
            return [offered.dates]
        if is_proper_name(name):
            return [offered.names, offered.quoted, offered.objects]
        return [offered.quoted, offered.names, offered.objects, offered.dates, offered.links]

    def _followed_by_string(self, name: str) -> str | None:
        """Find a quoted string right after the property's name, such as `titled 'x'`."""
        words = _name_words(name)
        for label in (_name_pattern(name), re.escape(words[-1]) if words else ""):
            pattern = rf"\b{label}(?:d|ed)?\s+({_STRING})"
            match = re.search(pattern, self._offered.text, re.IGNORECASE) if label else None
            if match:
                return match.group(1)
        return None

    def _matching(self, pattern: str, schema: Mapping[str, Any]) -> str:
        offered = self._offered
        candidates = [*offered.quoted, *offered.names, *offered.dates, *offered.links]
        candidates += [str(number) for number in offered.numbers] + offered.text.split()
        candidates += [str(example) for example in schema.get("examples", ())]
        return matching_text(pattern, [*candidates, str(schema.get("default", "text"))])

    def _labelled_value(self, name: str, value: str) -> str | None:
        """Find `name = value`, `name: value`, or, for longer names, `name is value`."""
        if not name:
            return None
        name_pattern = _name_pattern(name)
        link = r"\s*[\"'`]?\s*[=:]\s*" if len(name) < 3 else r"\s*[\"'`]?\s*(?:[=:]|\bis\b)\s*"
        match = re.search(
            rf"(?<!\w){name_pattern}{link}({value})", self._offered.text, re.IGNORECASE
        )
        return match.group(1) if match else None


def _name_pattern(name: str) -> str:
    """Return a pattern for an identifier, also with spaces for its underscores."""
    return re.sub(r"[_-]+", r"[\\s_-]+", re.escape(name).replace(r"\-", "-"))


def _name_words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS_OF_NAME.findall(name)]


def _with_valid_length(values: list[str], schema: Mapping[str, Any]) -> list[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", _MAX_TEXT)
    return [value for value in values if least <= len(value) <= most]


def _in_bounds(number: float, schema: Mapping[str, Any]) -> bool:
    step = schema.get("multipleOf")
    return (
        number >= schema.get("minimum", number)
        and number <= schema.get("maximum", number)
        and number > schema.get("exclusiveMinimum", number - 1)
        and number < schema.get("exclusiveMaximum", number + 1)
        and not (step and number % step)
    )


def _number_in_range(schema: Mapping[str, Any], *, integer: bool) -> int | float:
    step = schema.get("multipleOf") or 1
    lowest = schema.get("minimum", schema.get("exclusiveMinimum"))
    highest = schema.get("maximum", schema.get("exclusiveMaximum"))
    candidates: list[float] = [1, 0]
    for bound in (lowest, highest):
        if bound is not None:
            candidates += [bound, bound + step, bound - step]
    if lowest is not None and highest is not None:
        candidates.append((lowest + highest) / 2)
    candidates += [step, -step]
    for candidate in candidates:
        if _in_bounds(candidate, schema) and (not integer or float(candidate).is_integer()):
            return int(candidate) if integer else candidate
    return 1

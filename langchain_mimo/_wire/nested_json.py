"""Decodes values of a call that arrive as JSON text although their schema is an object or an array.

MiMo writes nested objects and arrays of a call as strings now and then, mostly where the tool's
schema has a `$ref` or a union in their place (docs/api-facts.md). Such a text is decoded when the
schema settles what it is:

1. The schema of the place is reduced to its alternatives: `$ref` is followed, `anyOf` and `oneOf`
   are spread out, `allOf` is merged. Alternatives that contradict the object around (a constant
   differs, a required key is missing) are left out.
2. A string is decoded if no alternative admits a string, one admits an object or an array, and the
   text is JSON of that type.
3. What was decoded is read by the same rules, so texts within texts are decoded too.

Everything else stays as it is. Nothing is guessed: where a string is admitted, it stays a string.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from langchain_mimo._json import clean_json
from langchain_mimo._wire.json_schemas import resolve

_MAX_ALTERNATIVES = 64
"""A place with more alternatives than this counts as one that admits anything."""

_MAX_STEPS = 20_000
"""Combined subschemas spread out for one value; any further one counts as admitting anything."""

_ANYTHING: Mapping[str, Any] = {}
_TYPE_NAMES: Mapping[type, str] = {str: "string", dict: "object", list: "array"}
_ANY_TYPE = frozenset(_TYPE_NAMES.values())
_COMBINING = frozenset({"$ref", "anyOf", "oneOf", "allOf"})

_Alternatives: TypeAlias = Sequence[Mapping[str, Any]]


def decode_nested(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return a value with its nested JSON texts decoded.

    Args:
        value: Parsed JSON; not changed.
        schema: Its JSON schema.

    Returns:
        An equal value if there is nothing to decode.
    """
    try:
        reader = _Reader(schema)
        return reader.decode(value, reader.alternatives(schema))
    except RecursionError:
        return value


def is_decoded_form(original: Any, value: Any) -> bool:
    """Return whether a value is another one with some of its nested JSON texts decoded.

    Args:
        original: What the model wrote, parsed.
        value: What `decode_nested` may have made of it.
    """
    if isinstance(original, str) and isinstance(value, dict | list):
        try:
            original = clean_json(original)
        except (ValueError, RecursionError):
            return False
    if isinstance(original, dict) and isinstance(value, dict):
        return original.keys() == value.keys() and all(
            is_decoded_form(each, value[key]) for key, each in original.items()
        )
    if isinstance(original, list) and isinstance(value, list):
        return len(original) == len(value) and all(map(is_decoded_form, original, value))
    return bool(original == value)


class _Reader:
    """Reads values by the subschemas of one schema."""

    __slots__ = ("_known", "_root", "_steps")

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._steps = 0
        # By the identity of a subschema, which `root` keeps alive.
        self._known: dict[int, _Alternatives] = {}

    def decode(self, value: Any, alternatives: _Alternatives) -> Any:
        if isinstance(value, str):
            value = _container(value, alternatives)
        if not alternatives:
            return value
        if isinstance(value, dict):
            fitting = self._fitting(alternatives, value)
            return {key: self._decode_in(each, fitting, key) for key, each in value.items()}
        if isinstance(value, list):
            return [self._decode_in(each, alternatives, at) for at, each in enumerate(value)]
        return value

    def _decode_in(self, value: Any, around: _Alternatives, key: str | int) -> Any:
        if not isinstance(value, str | dict | list):
            return value
        schemas = [schema for each in around if (schema := _schema_at(each, key)) is not None]
        return self.decode(value, self._spread(schemas))

    def _spread(self, schemas: Iterable[Any]) -> _Alternatives:
        return [each for schema in schemas for each in self.alternatives(schema)]

    def _fitting(self, alternatives: _Alternatives, value: dict[str, Any]) -> _Alternatives:
        if len(alternatives) == 1:
            return alternatives
        return [each for each in alternatives if self._fits(each, value)] or alternatives

    def _fits(self, alternative: Mapping[str, Any], value: dict[str, Any]) -> bool:
        """Return whether an object has the required keys and constants of an alternative."""
        required = alternative.get("required")
        if isinstance(required, list) and any(key not in value for key in required):
            return False
        properties = _properties(alternative)
        for key in properties.keys() & value.keys():
            constants = [_constants(each) for each in self.alternatives(properties[key])]
            if None not in constants and not any(value[key] in (each or ()) for each in constants):
                return False
        return True

    def alternatives(self, schema: Any, seen: frozenset[str] = frozenset()) -> _Alternatives:
        """Return the alternatives of a schema, none of which combines others."""
        if not isinstance(schema, Mapping):
            return (_ANYTHING,)
        if not _COMBINING & schema.keys():
            return (schema,)
        if not seen and (known := self._known.get(id(schema))) is not None:
            return known
        self._steps += 1
        if self._steps > _MAX_STEPS:
            return (_ANYTHING,)
        found: _Alternatives = [{k: v for k, v in schema.items() if k not in _COMBINING}]
        for group in self._groups(schema, seen):
            if len(found) * len(group) > _MAX_ALTERNATIVES:
                found = (_ANYTHING,)
                break
            found = [_merged(one, other) for one in found for other in group]
        if not seen:
            self._known[id(schema)] = found
        return found

    def _groups(self, schema: Mapping[str, Any], seen: frozenset[str]) -> Iterator[_Alternatives]:
        """Yield the alternatives that a schema combines: one of each group applies."""
        if isinstance(ref := schema.get("$ref"), str):
            target = resolve(self._root, ref)
            if target is None:
                yield (_ANYTHING,)
            else:
                # One that only refers to itself has no alternatives.
                yield () if ref in seen else self.alternatives(target, seen | {ref})
        for keyword in ("anyOf", "oneOf"):
            if isinstance(branches := schema.get(keyword), list):
                yield [found for each in branches for found in self.alternatives(each, seen)]
        if isinstance(every := schema.get("allOf"), list):
            yield from (self.alternatives(each, seen) for each in every)


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = {**_properties(one), **_properties(other)}
    return {**one, **other, **({"properties": properties} if properties else {})}


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else _ANYTHING


def _schema_at(around: Mapping[str, Any], key: str | int) -> Any:
    """Return the schema of a property or an item, or None where it says nothing about it."""
    if isinstance(key, str):
        properties = _properties(around)
        if key in properties:
            return properties[key]
        return None if "patternProperties" in around else around.get("additionalProperties")
    items = around.get("items")
    first = items if isinstance(items, list) else around.get("prefixItems")
    if isinstance(first, list) and key < len(first):
        return first[key]
    return around.get("additionalItems") if isinstance(items, list) else items


def _container(text: str, alternatives: _Alternatives) -> Any:
    """Return the object or array that a text stands for, or the text itself."""
    types = frozenset[str]().union(*map(_types, alternatives))
    if "string" in types or not types & {"object", "array"}:
        return text
    if text.strip()[:1] not in ("{", "["):
        return text
    try:
        value = clean_json(text)
    except (ValueError, RecursionError):
        return text
    return value if ("object" if isinstance(value, dict) else "array") in types else text


def _types(alternative: Mapping[str, Any]) -> frozenset[str]:
    """Return which of "string", "object" and "array" an alternative admits, at least."""
    constants = _constants(alternative)
    if constants is not None:
        return frozenset(_TYPE_NAMES.get(type(each), "") for each in constants)
    stated = alternative.get("type")
    if isinstance(stated, str):
        return frozenset({stated})
    return frozenset(map(str, stated)) if isinstance(stated, list) else _ANY_TYPE


def _constants(alternative: Mapping[str, Any]) -> list[Any] | None:
    """Return the only values that an alternative admits, or None if they are not listed."""
    if "const" in alternative:
        return [alternative["const"]]
    values = alternative.get("enum")
    return values if isinstance(values, list) else None

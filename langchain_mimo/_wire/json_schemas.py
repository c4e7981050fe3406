"""JSON schemas as a server takes them.

Pydantic writes every class into `$defs` and refers to it. LangChain's converter writes such a class
in place of each `$ref` and loses those that refer to themselves. Here a definition is written in
place too, since a type that stands where it is used helps servers and models to read a call, but
one that is recursive stays in `$defs`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

_MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
"""Keywords whose values are schemas by name: a property may be called "title"."""

_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems", "items"})
_SINGLE = frozenset(
    {"items", "additionalItems", "additionalProperties", "contains", "propertyNames", "not", "if"}
    | {"then", "else", "unevaluatedItems", "unevaluatedProperties"}
)
_DEFINITIONS = frozenset({"$defs", "definitions"})
_NOTES = frozenset({"title", "description", "default", "examples", "deprecated", "readOnly"})
"""Keywords beside a `$ref` that replace those of its target; others apply beside them."""

_MAX_SUBSCHEMAS = 5000
"""Size from which definitions stay in `$defs`: written in place, they can double at each level."""

_LEFT_OUT = _DEFINITIONS | {"discriminator"}


_APPLYING = (_MAPS | _LISTS | _SINGLE) - _DEFINITIONS
_ASSERTING = (
    frozenset({"$ref", "$dynamicRef", "$recursiveRef", "type", "enum", "const", "required"})
    | {"minProperties", "maxProperties", "dependentRequired", "dependencies", "format", "pattern"}
    | {"minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minimum", "maximum"}
    | {"exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
)


def admits_anything(schema: Mapping[str, Any]) -> bool:
    """Return whether a schema has no keyword that says anything about a value.

    A dict that is no JSON schema is one of these, since validators skip keywords they do not know.
    `{"type": "object"}` is not: it admits objects, of any kind.
    """
    return not any(
        keyword in _ASSERTING or (keyword in _APPLYING and value not in ({}, [], True))
        for keyword, value in schema.items()
    )


def map_subschemas(
    schema: Mapping[str, Any], change: Callable[[Mapping[str, Any], str], Any]
) -> dict[str, Any]:
    """Return a copy of a schema with its direct subschemas changed.

    Args:
        schema: The schema.
        change: Returns the new subschema, given the old one and the keyword that it stands under.
    """

    def changed(value: Any, keyword: str) -> Any:
        return change(value, keyword) if isinstance(value, Mapping) else value

    result: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _MAPS and isinstance(value, Mapping):
            result[keyword] = {name: changed(each, keyword) for name, each in value.items()}
        elif keyword in _LISTS and isinstance(value, list):
            result[keyword] = [changed(each, keyword) for each in value]
        elif keyword in _SINGLE:
            result[keyword] = changed(value, keyword)
        else:
            result[keyword] = value
    return result


def resolve(root: Mapping[str, Any], ref: str) -> Mapping[str, Any] | None:
    """Return the subschema that a `$ref` within a schema points to, or None if there is none."""
    path, _, rest = ref.partition("/")
    if path != "#":
        return None
    found: Any = root
    for part in rest.split("/") if rest else ():
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, Mapping) and name in found:
            found = found[name]
        else:
            return None
    return found if isinstance(found, Mapping) else None


def strict_schema(schema: Mapping[str, Any], keyword: str = "") -> dict[str, Any]:
    """Return a schema whose objects require all of their properties and allow no others.

    Objects without properties of their own, such as those with any keys, stay as they are.

    Args:
        schema: The schema.
        keyword: The keyword that it stands under.
    """
    if keyword == "allOf":
        return dict(schema)  # closed parts would exclude each other
    result = map_subschemas(schema, strict_schema)
    if isinstance(properties := result.get("properties"), Mapping):
        if properties:
            result["required"] = list(properties)
        result["additionalProperties"] = False
    return result


def with_tags(root: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema whose alternatives require the property that tells them apart.

    `discriminator` says so, but pydantic gives that property a default and does not list it as
    required, so that servers would admit objects which pydantic then refuses.

    Args:
        root: The schema.
    """

    def change(schema: Mapping[str, Any], _keyword: str = "") -> dict[str, Any]:
        result = map_subschemas(schema, change)
        _require_tag(result, schema, root)
        return result

    return change(root)


def _require_tag(
    result: dict[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any]
) -> None:
    told_apart, alternatives = schema.get("discriminator"), schema.get("oneOf")
    tag = told_apart.get("propertyName") if isinstance(told_apart, Mapping) else None
    if not isinstance(tag, str) or not isinstance(alternatives, list):
        return
    for changed, original in zip(result["oneOf"], alternatives, strict=True):
        if isinstance(original, Mapping):
            # Beside a `$ref` too, since some servers let it replace the target's own.
            target = resolve(root, str(original.get("$ref", ""))) or {}
            stated = (*target.get("required", ()), *original.get("required", ()), tag)
            changed["required"] = list(dict.fromkeys(stated))


def simplified(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema whose definitions stand in place of their `$ref`, without needless titles.

    Args:
        schema: The schema, as pydantic or an MCP server writes it.

    Returns:
        An equivalent schema. Definitions that refer to themselves are in `$defs`. `discriminator`,
        which points to definitions, is left out: each alternative requires its property instead.

    Raises:
        ValueError: A `$ref` within the schema points to nothing.
    """
    return _Simplifier(schema).result()


class _Simplifier:
    """One pass over one schema."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._targets: dict[str, Mapping[str, Any]] = {}
        self._collect({k: v for k, v in root.items() if k not in _DEFINITIONS})
        # Where each definition is kept; others are written in place.
        self._kept: dict[str, str] = {}
        self._keep([ref for ref in self._targets if ref in self._reachable(ref)])
        if self._size(root, {}) > _MAX_SUBSCHEMAS:
            self._keep(self._targets)

    def result(self) -> dict[str, Any]:
        root, seen = self._root, {"#"}
        while isinstance(ref := root.get("$ref"), str) and ref in self._targets.keys() - seen:
            seen.add(ref)
            root = _in_place(self._targets[ref], root, "$ref")
        result = self._simplify(root, "")
        kept = {
            name: self._simplify(self._targets[ref], "$defs")
            for ref, name in self._kept.items()
            if ref != "#"
        }
        return {**result, "$defs": kept} if kept else result

    def _collect(self, schema: Mapping[str, Any]) -> None:
        for ref in _refs(schema):
            if ref in self._targets or not ref.startswith("#"):
                continue
            target = resolve(self._root, ref)
            if target is None:
                raise ValueError(f"the schema refers to {ref!r}, which it does not define")
            self._targets[ref] = target
            self._collect(target)

    def _reachable(self, ref: str) -> set[str]:
        found: set[str] = set()
        open_refs = [ref]
        while open_refs:
            for each in _refs(self._targets[open_refs.pop()]):
                if each in self._targets and each not in found:
                    found.add(each)
                    open_refs.append(each)
        return found

    def _keep(self, refs: Iterable[str]) -> None:
        for ref in refs:
            if ref not in self._kept:
                name = re.sub(r"[^\w.-]", "_", ref.rpartition("/")[2])
                while name in self._kept.values():
                    name += "_"
                self._kept[ref] = name

    def _size(self, schema: Mapping[str, Any], known: dict[str, int]) -> int:
        """Return the number of subschemas after definitions are written in place."""
        size = 1
        for ref in _refs(schema):
            if ref in self._targets and ref not in self._kept:
                if ref not in known:
                    known[ref] = self._size(self._targets[ref], known)
                size += known[ref]
        return size

    def _simplify(self, schema: Mapping[str, Any], keyword: str) -> dict[str, Any]:
        ref = schema.get("$ref")
        if isinstance(ref, str) and ref in self._targets and ref not in self._kept:
            return self._simplify(_in_place(self._targets[ref], schema, "$ref"), keyword)
        every = schema.get("allOf")
        if isinstance(every, list) and len(every) == 1 and isinstance(every[0], Mapping):
            alone = _in_place(every[0], schema, "allOf")
            if "allOf" not in alone:
                return self._simplify(alone, keyword)
        others = {k: v for k, v in schema.items() if k not in _LEFT_OUT}
        result = map_subschemas(others, self._simplify)
        _require_tag(result, schema, self._root)
        if isinstance(items := result.get("items"), list) and "$schema" not in self._root:
            # How tuples were written before JSON schema 2020-12, by pydantic.v1 too.
            result["prefixItems"] = items
            result["items"] = result.pop("additionalItems", True)
        if isinstance(ref, str) and ref in self._kept and ref != "#":
            result["$ref"] = f"#/$defs/{self._kept[ref]}"
        if keyword not in ("", "anyOf", "oneOf"):
            result.pop("title", None)
        return result


def _refs(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the references in a schema, outside its definitions."""
    if isinstance(ref := schema.get("$ref"), str):
        yield ref
    found: list[str] = []

    def look(each: Mapping[str, Any], _keyword: str) -> None:
        found.extend(_refs(each))

    map_subschemas({k: v for k, v in schema.items() if k not in _DEFINITIONS}, look)
    yield from found


def _in_place(
    target: Mapping[str, Any], schema: Mapping[str, Any], keyword: str
) -> Mapping[str, Any]:
    """Return a schema with what a keyword of it refers to written in its place."""
    beside = {key: value for key, value in schema.items() if key != keyword}
    if beside.keys() & target.keys() - _NOTES - _DEFINITIONS:
        return {**beside, "allOf": [*(beside.get("allOf") or ()), target]}
    return {**target, **beside}

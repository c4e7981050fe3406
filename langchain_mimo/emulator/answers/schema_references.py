"""Follows the references of a JSON schema, and merges its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_mimo.emulator.conversation.json_schema import schema_fault

MAX_DEPTH = 8
"""Deeper values are as small as the schema allows, so that recursive schemas come to an end; so
many references and `allOf` are followed one after the other."""

_MAX_RESOLVED = 50_000
"""Schemas that are looked up; further ones count as empty."""

_MAY_BE_NULL = frozenset({"const", "default"})


class Resolver:
    """Follows references within one schema.

    Args:
        root: The whole schema.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._resolved = 0
        self._sound: dict[int, bool] = {}

    def resolve(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """Return a schema without `$ref`, `allOf` and nulls on its first level.

        Args:
            schema: The schema; what is none counts as empty.
            depth: How many `allOf` it is inside.
        """
        self._resolved += 1
        if self._resolved > _MAX_RESOLVED or depth > MAX_DEPTH:
            return {}
        resolved = _without_nulls(schema) if isinstance(schema, Mapping) else {}
        for _ in range(MAX_DEPTH):
            reference = resolved.pop("$ref", None)
            if not isinstance(reference, str):
                break
            target: Any = self._root
            for escaped in reference.removeprefix("#").strip("/").split("/"):
                step = escaped.replace("~1", "/").replace("~0", "~")
                target = target.get(step, {}) if isinstance(target, Mapping) and step else target
            resolved = {**self._referred(target), **resolved}
        for part in resolved.pop("allOf", None) or ():
            merged = self.resolve(part, depth + 1)
            part_required = required_names(merged)
            merged.update({key: value for key, value in resolved.items() if key != "properties"})
            properties = {**merged.get("properties", {}), **resolved.get("properties", {})}
            required = [*part_required, *required_names(resolved)]
            resolved = {
                **merged,
                **({"properties": properties} if properties else {}),
                **({"required": required} if required else {}),
            }
        return resolved

    def _referred(self, target: Any) -> dict[str, Any]:
        """Return what a reference leads to; an empty schema if that is none, or a wrong one."""
        if not isinstance(target, Mapping):
            return {}
        if id(target) not in self._sound:  # the root keeps it, so its id stays its own
            self._sound[id(target)] = schema_fault(target) is None
        return _without_nulls(target) if self._sound[id(target)] else {}


def type_of(schema: Mapping[str, Any]) -> str:
    """Return the type of the values of a resolved schema, guessed where it states none."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _without_nulls(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema without the keywords that are null, which count as absent."""
    return {key: value for key, value in schema.items() if value is not None or key in _MAY_BE_NULL}


def required_names(schema: Mapping[str, Any]) -> list[str]:
    """Return the names that are required; draft 3 has true and false here, for the property."""
    required = schema.get("required")
    return required if isinstance(required, list) else []

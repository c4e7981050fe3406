"""JSON schemas of TypedDicts and dataclasses.

LangChain's converter knows neither keys that are not required nor recursive TypedDicts, so both are
left to pydantic.
"""

from __future__ import annotations

import inspect
import sys
import typing
import warnings
from dataclasses import is_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import typing_extensions
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import DataclassSchema, TypedDictSchema

_ANNOTATED: Any = typing.Annotated
_PLAIN = (bool, int, float, str, list, dict, type(None))
_MARKS = (typing_extensions.Required, typing_extensions.NotRequired, typing_extensions.ReadOnly)


def is_schema_type(value: object) -> bool:
    """Return whether a value is a TypedDict or a dataclass, or a generic one with arguments."""
    return is_dataclass_type(value) or typing_extensions.is_typeddict(get_origin(value) or value)


def is_dataclass_type(value: object) -> bool:
    """Return whether a value is a dataclass, or a generic one with arguments."""
    kind = get_origin(value) or value
    return isinstance(kind, type) and is_dataclass(kind)


def type_adapter(kind: Any) -> TypeAdapter[Any]:
    """Return pydantic's adapter of a TypedDict or a dataclass.

    Args:
        kind: The type, from `typing` or `typing_extensions`.

    Raises:
        PydanticUserError: Pydantic cannot read it.
        NameError: A type hint has a name that is not defined.
    """
    with warnings.catch_warnings():
        # Pydantic says that it does not protect keys that are ReadOnly.
        warnings.simplefilter("ignore", UserWarning)
        adapter: TypeAdapter[Any] = TypeAdapter(_readable(kind, {}))
    if hasattr(adapter, "rebuild"):
        # Where a name is not defined, it says which; since pydantic 2.10.
        adapter.rebuild(raise_errors=True)
    return adapter


def schema_of_type(kind: Any) -> dict[str, Any]:
    """Return the JSON schema of a TypedDict or a dataclass.

    A key is required unless it is `NotRequired` or has a default. `Annotated` gives a key its
    default and description as LangChain reads them: `Annotated[int, 3, "how many"]`, with `...` for
    no default; a text alone is a description.

    Raises:
        PydanticUserError: As for `type_adapter`.
    """
    return type_adapter(kind).json_schema(schema_generator=_SchemaGenerator)


class _SchemaGenerator(GenerateJsonSchema):
    """Pydantic's generator, which also reads LangChain's form of `Annotated` in TypedDicts."""

    def typed_dict_schema(self, schema: TypedDictSchema) -> JsonSchemaValue:
        result = super().typed_dict_schema(schema)
        kind = schema.get("cls")
        hints = get_type_hints(kind, include_extras=True) if kind is not None else {}
        properties, required = result.get("properties", {}), result.get("required", [])
        for name in hints.keys() & properties.keys():
            notes = _notes(hints[name])
            properties[name] = {**properties[name], **notes}
            if "default" in notes and name in required:
                required.remove(name)
        if not required:
            result.pop("required", None)
        return result

    def dataclass_schema(self, schema: DataclassSchema) -> JsonSchemaValue:
        result = super().dataclass_schema(schema)
        kind = schema["cls"]
        doc = kind.__doc__ or ""
        # Pydantic up to 2.12.0 leaves the docstring out; without one, it is the signature.
        if doc and not doc.startswith(f"{kind.__name__}("):
            result.setdefault("description", inspect.cleandoc(doc))
        return result


def _notes(hint: Any) -> dict[str, Any]:
    """Return the default and description in `Annotated[type, default, description]`."""
    while get_origin(hint) in _MARKS:
        (hint,) = get_args(hint)
    metadata: tuple[Any, ...] = getattr(hint, "__metadata__", ())
    notes: dict[str, Any] = {}
    if len(metadata) == 1 and isinstance(metadata[0], str):
        notes["description"] = metadata[0]
    elif metadata and isinstance(metadata[0], _PLAIN):
        notes["default"] = metadata[0]
    if len(metadata) > 1 and isinstance(metadata[1], str):
        notes["description"] = metadata[1]
    return notes


def _readable(hint: Any, twins: dict[Any, Any]) -> Any:
    """Return a type hint whose TypedDicts pydantic reads: before Python 3.12, not `typing`'s own.

    Args:
        hint: The type hint.
        twins: Copies made so far, by their original; recursive types find themselves here.
    """
    if sys.version_info >= (3, 12) or get_origin(hint) is typing.Literal:
        return hint
    if typing_extensions.is_typeddict(hint):
        return _twin(hint, twins) if type(hint).__module__ == "typing" else hint
    if get_origin(hint) is _ANNOTATED:
        return _ANNOTATED[(_readable(hint.__origin__, twins), *hint.__metadata__)]
    args = get_args(hint)
    readable = tuple(_readable(each, twins) for each in args)
    if readable == args:
        return hint
    if isinstance(hint, UnionType):
        return typing.Union[readable]  # noqa: UP007
    return hint.copy_with(readable) if hasattr(hint, "copy_with") else get_origin(hint)[readable]


def _twin(kind: Any, twins: dict[Any, Any]) -> Any:
    if kind not in twins:
        optional = kind.__optional_keys__
        marks = {
            key: typing_extensions.NotRequired[Any] if key in optional else Any
            for key in get_type_hints(kind)
        }
        make: Any = typing_extensions.TypedDict
        twin = twins[kind] = make(kind.__name__, marks)
        twin.__doc__ = kind.__doc__
        twin.__annotations__ = {
            key: _readable(hint, twins)
            for key, hint in get_type_hints(kind, include_extras=True).items()
        }
    return twins[kind]

"""Says in one sentence for each wrong argument of the constructor what is wrong with it.

Only a constructor that failed imports this module. Values are shown where they are plain and cannot
be secret; a key that was passed in the wrong place is masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import AliasChoices

from langchain_mimo import catalogue
from langchain_mimo._chat.foreign_arguments import explain_argument
from langchain_mimo._checks import mask_keys, shown
from langchain_mimo.errors import MiMoConfigurationError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_MAX_LINES = 8

_SECRET = ("api_key", "default_headers")
"""Arguments whose values are never shown."""

_WANTED = {
    "api_key": "a string, a SecretStr, or a function without arguments that returns the key",
    "default_headers": "a dict of names and values, both strings",
    "cache": "True, False, None or a cache of LangChain's",
    "callbacks": "a list of callback handlers, or a callback manager",
    "disable_streaming": 'True, False or "tool_calling"',
    "stop": "a string or a list of strings",
    "thinking": "True, False or None (the model's default)",
}
"""What an argument may be, where pydantic would name less, or the members of a union."""

_KINDS = {
    "bool": "True or False",
    "dict": "a dict",
    "float": "a number",
    "int": "an integer",
    "list": "a list",
    "mapping": "a dict",
    "string": "a string",
    "callable": "a function",
}
"""What a value must be, by the first word of pydantic's type of error."""

_LIMITS = {
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "is_instance_of": "an instance of {class}",
}


def positional_model(cls: type, args: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    """Return the model that was passed without its name.

    Args:
        cls: The class that is constructed, for the error.
        args: The positional arguments, at least one.
        named: The arguments by name.

    Raises:
        MiMoConfigurationError: There are others, or the model is passed by name too.
    """
    if len(args) > 1:
        raise MiMoConfigurationError(
            f"{cls.__name__} takes the model alone without its name, got {len(args)} arguments; "
            'pass the others by name, as in ChatMiMo("mimo-v2.6-flash", api_key=...)'
        )
    if "model" in named:
        raise MiMoConfigurationError(
            f"{cls.__name__} got the model twice, {shown(args[0])} without its name and "
            f"model={shown(named['model'])}; remove one of them"
        )
    model: str = args[0]  # checked with the other arguments
    return model


def configuration_error(error: ValidationError, cls: type[BaseModel]) -> MiMoConfigurationError:
    """Return the error that names every wrong argument of a constructor.

    Args:
        error: What pydantic raised.
        cls: The class that was constructed.
    """
    first: dict[Any, ErrorDetails] = {}
    for detail in error.errors(include_url=False):
        # One value may have several errors: one for each member of a union, or of a list.
        first.setdefault(detail["loc"][:1], detail)
    lines = [_sentence(detail, cls) for detail in first.values()]
    if len(lines) == 1:
        return MiMoConfigurationError(lines[0])
    shown_lines = [f"- {line}" for line in lines[:_MAX_LINES]]
    if len(lines) > _MAX_LINES:
        shown_lines.append(f"- and {len(lines) - _MAX_LINES} more")
    return MiMoConfigurationError(
        "\n".join([f"{len(lines)} arguments of {cls.__name__} are wrong:", *shown_lines])
    )


def _sentence(detail: ErrorDetails, cls: type[BaseModel]) -> str:
    """Return what is wrong with one argument."""
    known = argument_names(cls)
    place, kind, value = detail["loc"], detail["type"], detail["input"]
    name = str(place[0]) if place else cls.__name__
    if kind == "missing" and name == "model":
        return (
            f'{cls.__name__} needs a model, as in {cls.__name__}("mimo-v2.6-flash"); MiMo serves '
            f"{', '.join(catalogue.current_ids())}"
        )
    if kind == "missing":
        return f"{cls.__name__} needs {name}"
    if kind == "extra_forbidden":
        return _unknown(name, cls, known)
    context = detail.get("ctx", {})
    if kind == "value_error":
        # Our own sentence, which begins with the field's name; its alias may have been passed.
        text, field = mask_keys(str(context["error"])), _field_of(name, cls)
        return f"{name}{text.removeprefix(field)}" if text.startswith(field) else text
    return f"{_named(place)} must be {_wanted(name, detail)}, got {_got(name, value)}"


def _unknown(name: str, cls: type[BaseModel], known: frozenset[str]) -> str:
    """Say what to do about a name that is no argument, or one of two names of one argument."""
    if name in known:
        return f"{name} and {_field_of(name, cls)} are one argument; pass only one of them"
    return explain_argument(name, known)


def _wanted(name: str, detail: ErrorDetails) -> str:
    """Return what a value must be."""
    kind = detail["type"]
    if name in _WANTED:
        return _WANTED[name]
    if kind in _LIMITS:
        return _LIMITS[kind].format_map(detail.get("ctx", {}))
    return _KINDS.get(kind.partition("_")[0]) or detail["msg"].removeprefix("Input should be ")


def _got(name: str, value: Any) -> str:
    """Return a value for an error, or its type where it is long or may be secret."""
    is_plain = value is None or isinstance(value, str | int | float)
    return shown(value) if is_plain and name not in _SECRET else type(value).__name__


def _named(place: tuple[int | str, ...]) -> str:
    """Return a place in an argument as it is written in Python."""
    name, *rest = place
    if name in _WANTED:
        return str(name)
    if rest and rest[-1] == "[key]":
        return f"each key of {name}"
    return str(name) + "".join(f"[{part!r}]" for part in rest)


def argument_names(cls: type[BaseModel]) -> frozenset[str]:
    """Return the names and aliases of a constructor's arguments."""
    return frozenset(name for field in cls.model_fields for name in _names_of(field, cls))


def _names_of(field: str, cls: type[BaseModel]) -> tuple[str, ...]:
    alias = cls.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return (field, *(name for name in alias.choices if isinstance(name, str)))
    return (field, alias) if isinstance(alias, str) else (field,)


def _field_of(name: str, cls: type[BaseModel]) -> str:
    """Return the field that an argument or its alias sets."""
    return next((field for field in cls.model_fields if name in _names_of(field, cls)), name)

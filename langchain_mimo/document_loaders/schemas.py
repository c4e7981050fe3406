"""What a model is asked to say about a segment, and how its answer becomes text.

The docstrings and descriptions of the three classes are part of what the model reads.

A schema of the user's own takes the place of the default one. Its *scenes* are the first field
that is a list of pydantic models with the fields `start_s` and `end_s`, which subclasses of
`MediaScene` have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import time, timedelta
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from langchain_mimo._checks import shown
from langchain_mimo.errors import MiMoConfigurationError

_CLOCK = re.compile(r"(?:(?:(\d{1,9}):)?(\d{1,9}):)?(\d+(?:[.,]\d*)?|[.,]\d+)\s*(?:s|sec|seconds)?")

_TIMES = frozenset({"start_s", "end_s"})
_UNLABELLED = frozenset({"summary", "description"})
"""Fields that are text as they stand; the others are preceded by their name."""


def read_seconds(value: Any) -> Any:
    """Return the seconds of a time, or that a string states: "12.5", "12,5 s", "1:05", "01:02:03".

    Args:
        value: A time of an answer. What is none is returned as it is, for pydantic
            to judge.
    """
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, time):
        return 3600 * value.hour + 60 * value.minute + value.second + value.microsecond / 1e6
    match = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return value
    hours, minutes, seconds = match.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + float(seconds.replace(",", "."))


Seconds = Annotated[float, BeforeValidator(read_seconds)]
"""A time in an answer: a number, or a string that states one."""


class MediaScene(BaseModel):
    """A scene of a video or of audio, with its times."""

    start_s: Seconds = Field(
        description="Where the scene starts, in seconds from the start of the video or audio you "
        "were given."
    )
    end_s: Seconds = Field(
        description="Where the scene ends, in seconds from the start of the video or audio you "
        "were given."
    )
    description: str = Field(description="What is seen and heard in the scene.")
    speech: str = Field(
        default="", description="The words spoken in the scene, word for word; empty if none."
    )
    text: str = Field(
        default="", description="The text seen in the scene, word for word; empty if none."
    )


class MediaOverview(BaseModel):
    """What is seen, said and written in an image, a video or audio."""

    summary: str = Field(description="What is seen and heard, in a few sentences.")
    speech: str = Field(default="", description="The words spoken, word for word; empty if none.")
    text_on_screen: str = Field(
        default="", description="The text that is seen, word for word; empty if none."
    )


class MediaDescription(MediaOverview):
    """What is seen, said and written in a video or in audio, as a whole and scene by scene."""

    scenes: list[MediaScene] = Field(
        description="The scenes in order, without gaps: a new one starts where something else is "
        "shown, or another subject begins."
    )


def check_schema(schema: Any) -> type[BaseModel]:
    """Return a schema if it is a pydantic class.

    Raises:
        MiMoConfigurationError: It is not.
    """
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema
    raise MiMoConfigurationError(
        f"schema must be a pydantic class, a subclass of pydantic.BaseModel, got {shown(schema)}"
    )


def scenes_field(schema: type[BaseModel]) -> str | None:
    """Return the name of the field with the scenes, or None if the schema has none.

    Args:
        schema: The schema of an answer.
    """
    for name, field in schema.model_fields.items():
        items = _item_types(field.annotation)
        if items and all(map(_has_times, items)):
            return name
    return None


def _item_types(annotation: Any) -> list[Any]:
    """Return the types of the items of a list, or of a list or None; none for other types."""
    options = [each for each in _options(annotation) if each is not type(None)]
    origin = get_origin(options[0]) if len(options) == 1 else None
    if not (isinstance(origin, type) and issubclass(origin, Iterable)):
        return []
    if issubclass(origin, Mapping):
        return []
    items = [each for each in get_args(options[0]) if each is not Ellipsis]
    return [option for item in items for option in _options(item)]


def _options(annotation: Any) -> list[Any]:
    """Return the types of a union, or the one type."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _options(arguments[0])
    if origin in (Union, UnionType):
        return [option for each in arguments for option in _options(each)]
    return [annotation]


def _has_times(item: Any) -> bool:
    is_model = isinstance(item, type) and issubclass(item, BaseModel)
    return is_model and item.model_fields.keys() >= _TIMES


def read_answer(text: str, schema: type[BaseModel]) -> BaseModel | None:
    """Return the object that an answer is, or None if it does not fit the schema.

    Args:
        text: The JSON.
        schema: The schema that it was asked to fit.
    """
    try:
        return schema.model_validate_json(text)
    except (ValidationError, RecursionError):
        return None


def answer_text(text: str, parsed: Any, schema: type[BaseModel]) -> str:
    """Return the text of an answer as it is kept: one that `read_answer` can read, if any.

    Args:
        text: The text of the response. That of a tool call is empty, and JSON may be in a fence.
        parsed: The object that the chat model made of it, or None.
        schema: The schema.
    """
    if parsed is None or read_answer(text, schema) == parsed:
        return text
    return parsed.model_dump_json(by_alias=True) if isinstance(parsed, BaseModel) else text


def scenes_of(answer: BaseModel) -> tuple[list[BaseModel], dict[str, Any]]:
    """Return the scenes of an answer, and its other fields.

    Args:
        answer: The object.
    """
    name = scenes_field(type(answer))
    scenes = list(getattr(answer, name) or ()) if name else []
    return scenes, fields_of(answer, name)


def fields_of(answer: BaseModel, *left_out: str | None) -> dict[str, Any]:
    """Return the fields of an answer as JSON values.

    Args:
        answer: The object.
        left_out: Names of fields to leave out.
    """
    return answer.model_dump(mode="json", exclude={name for name in left_out if name})


def render(fields: Mapping[str, Any]) -> str:
    """Return fields as readable text: a line each, with its name, and lists as bullet points.

    Args:
        fields: JSON values by name. Times, and values that are empty, are left out.
    """
    return "\n".join(_lines(fields, ""))


def _lines(fields: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for name, value in fields.items():
        if name in _TIMES and not indent:
            continue
        label = "" if name in _UNLABELLED and not indent else name.replace("_", " ")
        lines += _labelled(label, value, indent)
    return lines


def _labelled(label: str, value: Any, indent: str) -> list[str]:
    """Return the lines of one value; none if it is empty."""
    if isinstance(value, Mapping):
        nested = _lines(value, indent + "  ")
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        nested = [line for item in value for line in _bullet(item, indent + "  ")]
    else:
        text = _text(value)
        if not text:
            return []
        return [f"{indent}{label}: {text}" if label else indent + text]
    return [f"{indent}{label or 'items'}:", *nested] if nested else []


def _bullet(item: Any, indent: str) -> list[str]:
    lines = _labelled("", item, indent)
    if isinstance(item, Mapping):
        lines = _lines(item, indent)
    if not lines:
        return []
    return [f"{indent}- {lines[0].strip()}", *(f"  {line}" for line in lines[1:])]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(filter(None, map(_text, value)))
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).strip()

"""The checks of a request that both API formats share.

Each check raises `Refusal` for what MiMo refuses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from langchain_mimo.catalogue import FPS_RANGE, MEDIA_RESOLUTIONS, Model
from langchain_mimo.emulator.api import fields
from langchain_mimo.emulator.api.fields import Location
from langchain_mimo.emulator.api.models import find_model
from langchain_mimo.emulator.api.rules import Rules
from langchain_mimo.emulator.api.speech import speech_refusal
from langchain_mimo.emulator.conversation.json_schema import schema_fault
from langchain_mimo.emulator.conversation.request import MediaKind, Turn
from langchain_mimo.emulator.refusals import (
    MESSAGES_EMPTY,
    invalid_field,
    no_endpoint_for,
    not_set,
    param_incorrect,
)

_TOOL_NAME_PATTERN = "^[a-zA-Z0-9_-]{1,64}$"
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def open_request(
    body: object, parameters: Collection[str], rules: Rules
) -> tuple[dict[str, Any], Model, list[Any]]:
    """Check the frame of a request: the model, its parameter names, and that there are messages.

    Args:
        body: The decoded body.
        parameters: The top-level parameters of the API format.
        rules: The rules to check by.

    Returns:
        The body as a mapping, the requested model, and the messages.
    """
    request = fields.mapping(body, ())
    model = find_model(request.get("model"), rules.now)
    if rules.strict_parameters:
        fields.no_unknown_keys(request, parameters, ())
    messages = fields.array(fields.required(request, "messages", ()), ("messages",))
    if not messages:
        raise param_incorrect(MESSAGES_EMPTY)
    if not model.conversational:
        raise speech_refusal(model, request, messages)
    return request, model, messages


def check_ranges(
    request: Mapping[str, Any], ranges: Iterable[tuple[str, tuple[float, float]]]
) -> None:
    """Check numeric parameters against their ranges; missing and null ones pass."""
    for name, (low, high) in ranges:
        if request.get(name) is not None:
            fields.number(request[name], (name,), low, high)


def read_thinking(value: object, model: Model) -> bool:
    """Return whether the model thinks.

    Args:
        value: The parameter `thinking`: `{"type": "enabled" | "disabled"}`, or None for the
            model's default.
        model: The requested model.
    """
    if value is None:
        return model.thinks_by_default
    thinking = fields.mapping(value, ("thinking",))
    fields.no_unknown_keys(thinking, ("type",), ("thinking",))
    choice = fields.required_literal(thinking, "type", ("thinking",), ("enabled", "disabled"))
    return choice == "enabled" and model.thinks


def read_output_limit(value: object, name: str, model: Model) -> int:
    """Return the limit of output tokens that the parameter `name` sets.

    A value outside the model's range is refused in MiMo's words, which always name
    `max_completion_tokens`.
    """
    limit = int(fields.number(value, (name,), -math.inf, math.inf, integer=True))
    at_most = model.max_output_tokens
    if 1 <= limit <= at_most:
        return limit
    fault, bound = ("small", "at least 1") if limit < 1 else ("large", f"at most {at_most}")
    raise param_incorrect(
        f"max_completion_tokens is too {fault}: {limit}. This model supports {bound} completion "
        f"tokens, whereas you provided {limit}."
    )


def read_stop_sequences(value: object, location: Location, at_most: int) -> tuple[str, ...]:
    """Return the strings that end an answer.

    Args:
        value: null, a string, or an array of at most `at_most` strings.
        location: Path of the value.
        at_most: The largest number of strings.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    texts = tuple(
        fields.string(text, (*location, index))
        for index, text in enumerate(fields.array(value, location))
    )
    if len(texts) > at_most:
        raise invalid_field(
            "too_long",
            location,
            f"List should have at most {at_most} items after validation, not {len(texts)}",
            value,
            {"field_type": "List", "max_length": at_most, "actual_length": len(texts)},
        )
    return texts


def check_tool_name(value: object, seen: set[str], location: Location) -> str:
    """Return the name of a tool, which must be set, well formed and unique in the request.

    Args:
        value: The name.
        seen: The names of the tools before it; the name is added.
        location: Path of the name.
    """
    if value is None:
        raise not_set("name")
    name = fields.string(value, location)
    if not _TOOL_NAME.fullmatch(name):
        raise invalid_field(
            "string_pattern_mismatch",
            location,
            f"String should match pattern '{_TOOL_NAME_PATTERN}'",
            name,
            {"pattern": _TOOL_NAME_PATTERN},
        )
    if name in seen:
        raise param_incorrect(f"Tool names must be unique: {name}")
    seen.add(name)
    return name


def check_schema(schema: Mapping[str, Any], location: Location) -> dict[str, Any]:
    """Return a JSON schema, every keyword of which must have a value of its type.

    MiMo's own response to others is not known.
    """
    fault = schema_fault(schema)
    if fault is not None:
        where = (*location, *fault.path)
        shown = fault.value if isinstance(fault.value, str | int | float) else "…"
        raise invalid_field("schema_type", where, f"Input should be {fault.expected}", shown)
    return dict(schema)


def check_tool_turns(turns: Sequence[Turn]) -> None:
    """Refuse tool results without their call, and calls without results.

    MiMo's own response is not known; the texts are ours.
    """
    open_calls: list[str] = []
    for turn in turns:
        if turn.role == "tool":
            if turn.tool_call_id not in open_calls:
                raise param_incorrect(
                    f"tool_call_id {turn.tool_call_id} does not match a preceding tool call"
                )
            open_calls.remove(turn.tool_call_id)
        elif open_calls:
            break
        open_calls.extend(call.id for call in turn.calls)
    if open_calls:
        raise param_incorrect(f"tool calls without results: {', '.join(open_calls)}")


def check_media_kind(kind: MediaKind, model: Model) -> None:
    """Refuse a kind of media that the model does not accept."""
    if kind not in model.inputs:
        raise no_endpoint_for(kind)


def read_video_sampling(
    part: Mapping[str, Any], location: Location
) -> tuple[float | None, str | None]:
    """Return `fps` and `media_resolution` of a video; each is None if not set."""
    fps, resolution = part.get("fps"), part.get("media_resolution")
    if fps is not None:
        fps = fields.number(fps, (*location, "fps"), *FPS_RANGE)
    if resolution is not None:
        fields.literal(resolution, (*location, "media_resolution"), MEDIA_RESOLUTIONS)
    return fps, resolution

"""The body of POST /v1/chat/completions: checked field by field, then in neutral form."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from langchain_mimo.catalogue import (
    MAX_STOP_SEQUENCES,
    PENALTY_RANGE,
    TEMPERATURE_RANGE,
    TOP_P_RANGE,
    Model,
)
from langchain_mimo.emulator.api import fields
from langchain_mimo.emulator.api.chat_messages import MessageReader
from langchain_mimo.emulator.api.fields import check_tool_name
from langchain_mimo.emulator.api.models import find_model
from langchain_mimo.emulator.api.rules import Rules
from langchain_mimo.emulator.conversation.request import Conversation, Tool, WebSearch
from langchain_mimo.emulator.media.library import MediaLibrary
from langchain_mimo.emulator.refusals import (
    MESSAGES_EMPTY,
    param_incorrect,
)

Treatment: TypeAlias = Literal["honoured", "checked", "ignored"]

PARAMETERS: Mapping[str, Treatment] = MappingProxyType(
    {
        "model": "honoured",
        "messages": "honoured",
        "max_completion_tokens": "honoured",
        "max_tokens": "honoured",
        "stop": "honoured",
        "stream": "honoured",
        "stream_options": "honoured",
        "thinking": "honoured",
        "tools": "honoured",
        "response_format": "honoured",
        "temperature": "checked",
        "top_p": "checked",
        "frequency_penalty": "checked",
        "presence_penalty": "checked",
        "reasoning_effort": "checked",
        "tool_choice": "ignored",
    }
)
"""Top-level parameters that are taken, and what becomes of them: honoured, checked for type and
range but without effect on an emulated answer, or ignored as MiMo's backend ignores them.
Every other name is refused unless the emulator runs with `strict_parameters=False`
(mimo-api.md §3.4: "nothing else is documented"; `n` is recorded as refused)."""

_RANGES = (
    ("temperature", TEMPERATURE_RANGE),
    ("top_p", TOP_P_RANGE),
    ("frequency_penalty", PENALTY_RANGE),
    ("presence_penalty", PENALTY_RANGE),
)
_SEARCH_KEYS = ("type", "max_keyword", "force_search", "limit", "user_location")
_LOCATION_KEYS = ("type", "country", "region", "city", "district", "longitude", "latitude")
_SEARCH_RANGE = (1, 50)


def read_request(body: object, rules: Rules, library: MediaLibrary) -> Conversation:
    """Check a decoded body and return it in neutral form.

    Raises:
        Refusal: Something in it is what MiMo refuses.
    """
    request = fields.mapping(body, ())
    if rules.strict_parameters:
        fields.only(request, PARAMETERS, ())
    model = find_model(fields.required(request, "model", ()), rules.moment)
    messages = fields.array(fields.required(request, "messages", ()), ("messages",))
    if not messages:
        raise param_incorrect(MESSAGES_EMPTY)
    _check_sampling(request)
    thinking = read_thinking(request.get("thinking"), model)
    tools, search = _read_tools(request.get("tools"), rules)
    stream = request.get("stream")
    return Conversation(
        model=model,
        turns=MessageReader(model, thinking, rules, library).read(messages),
        tools=tools,
        web_search=search,
        thinking=thinking,
        max_output_tokens=_read_budget(request, model),
        stop=fields.stop_sequences(request.get("stop"), ("stop",), MAX_STOP_SEQUENCES),
        json_mode=_read_format(request.get("response_format")),
        stream=stream is not None and fields.boolean(stream, ("stream",)),
        include_usage=_read_stream_options(request.get("stream_options")),
    )


def read_thinking(value: object, model: Model) -> bool:
    """Return whether to think: `{"type": "enabled" | "disabled"}`, else the model's default."""
    if value is None:
        return model.thinks_by_default
    location = ("thinking",)
    thinking = fields.mapping(value, location)
    fields.only(thinking, ("type",), location)
    kind = fields.literal(
        fields.required(thinking, "type", location), ("thinking", "type"), ("enabled", "disabled")
    )
    return kind == "enabled" and model.thinks


def output_budget(value: object, name: str, model: Model) -> int:
    """Return a token budget within the model's, or refuse it in the recorded words."""
    most = model.max_output_tokens
    budget = int(fields.number(value, (name,), 1, float("inf"), integer=True))
    if budget > most:
        raise param_incorrect(
            f"max_completion_tokens is too large: {budget}. This model supports at most {most} "
            f"completion tokens, whereas you provided {budget}."
        )
    return budget


def _check_sampling(request: Mapping[str, Any]) -> None:
    for name, (low, high) in _RANGES:
        if request.get(name) is not None:
            fields.number(request[name], (name,), low, high)
    effort = request.get("reasoning_effort")
    # `none` was taken by August 2026; the recorded message of May does not list it.
    if effort is not None and effort != "none":
        fields.literal(effort, ("reasoning_effort",), ("low", "medium", "high"))


def _read_budget(request: Mapping[str, Any], model: Model) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        if request.get(name) is not None:
            return output_budget(request[name], name, model)
    return model.default_output_tokens


def _read_format(value: object) -> bool:
    if value is None:
        return False
    location = ("response_format",)
    form = fields.mapping(value, location)
    kind = fields.literal(
        fields.required(form, "type", location),
        (*location, "type"),
        ("text", "json_object", "json_schema"),
    )
    return kind == "json_object"


def _read_stream_options(value: object) -> bool | None:
    if value is None:
        return None
    options = fields.mapping(value, ("stream_options",))
    wanted = options.get("include_usage")
    location = ("stream_options", "include_usage")
    return None if wanted is None else fields.boolean(wanted, location)


def _read_tools(value: object, rules: Rules) -> tuple[list[Tool], WebSearch | None]:
    tools: list[Tool] = []
    search: WebSearch | None = None
    seen: set[str] = set()
    for index, item in enumerate([] if value is None else fields.array(value, ("tools",))):
        location = ("tools", index)
        tool = fields.mapping(item, location)
        kind = fields.literal(
            fields.required(tool, "type", location),
            (*location, "type"),
            ("function", "web_search"),
        )
        if kind == "web_search":
            search = _read_search(tool, location)
        else:
            tools.append(_read_function(tool, seen, location, rules))
    return tools, search


def _read_function(
    tool: Mapping[str, Any], seen: set[str], location: fields.Location, rules: Rules
) -> Tool:
    inner = (*location, "function")
    function = fields.mapping(fields.required(tool, "function", location), inner)
    if rules.strict_parameters:
        fields.only(tool, ("type", "function"), location)
        fields.only(function, ("name", "description", "parameters", "strict"), inner)
    name = check_tool_name(function.get("name"), seen, (*inner, "name"))
    description = function.get("description")
    parameters = function.get("parameters")
    if function.get("strict") is not None:
        fields.boolean(function["strict"], (*inner, "strict"))
    return Tool(
        name,
        "" if description is None else fields.string(description, (*inner, "description")),
        {} if parameters is None else fields.mapping(parameters, (*inner, "parameters")),
    )


def _read_search(tool: Mapping[str, Any], location: fields.Location) -> WebSearch:
    fields.only(tool, _SEARCH_KEYS, location)
    numbers = {
        name: int(fields.number(tool[name], (*location, name), *_SEARCH_RANGE, integer=True))
        for name in ("max_keyword", "limit")
        if tool.get(name) is not None
    }
    force = tool.get("force_search")
    place = tool.get("user_location")
    if place is not None:
        inner = (*location, "user_location")
        fields.only(fields.mapping(place, inner), _LOCATION_KEYS, inner)
        fields.literal(fields.required(place, "type", inner), (*inner, "type"), ("approximate",))
    forced = force is not None and fields.boolean(force, (*location, "force_search"))
    return WebSearch(force_search=forced, **numbers)

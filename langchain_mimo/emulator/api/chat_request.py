"""Reads the body of POST /v1/chat/completions into a `Conversation`; checks every field."""

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
from langchain_mimo.emulator.api.rules import Rules
from langchain_mimo.emulator.api.shared_checks import (
    check_ranges,
    check_tool_name,
    open_request,
    read_output_limit,
    read_stop_sequences,
    read_thinking,
)
from langchain_mimo.emulator.conversation.request import Conversation, Tool, WebSearch
from langchain_mimo.emulator.media.library import MediaLibrary

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
"""The top-level parameters that are accepted, and what the emulator does with each: it honours the
parameter, checks its type and range without further effect, or ignores it as MiMo's backend does.
All other names are refused unless the emulator runs with `strict_parameters=False`: MiMo documents
no others, and is known to refuse `n` (docs/api-facts.md)."""

_RANGES = (
    ("temperature", TEMPERATURE_RANGE),
    ("top_p", TOP_P_RANGE),
    ("frequency_penalty", PENALTY_RANGE),
    ("presence_penalty", PENALTY_RANGE),
)
_RESPONSE_FORMATS = ("text", "json_object", "json_schema")
_SEARCH_KEYS = ("type", "max_keyword", "force_search", "limit", "user_location")
_SEARCH_RANGE = (1, 50)
_USER_LOCATION_KEYS = ("type", "country", "region", "city", "district", "longitude", "latitude")


def read_request(body: object, rules: Rules, library: MediaLibrary) -> Conversation:
    """Check a decoded body and return it in neutral form.

    Raises:
        Refusal: MiMo would refuse the request.
    """
    request, model, messages = open_request(body, PARAMETERS, rules)
    _check_sampling(request)
    thinking = read_thinking(request.get("thinking"), model)
    tools, search = _read_tools(request.get("tools"), rules)
    return Conversation(
        model=model,
        turns=MessageReader(model, thinking, rules, library).read(messages),
        tools=tools,
        web_search=search,
        thinking=thinking,
        max_output_tokens=_read_output_limit(request, model),
        stop=read_stop_sequences(request.get("stop"), ("stop",), MAX_STOP_SEQUENCES),
        json_mode=_read_json_mode(request.get("response_format")),
        stream=fields.optional_boolean(request, "stream", ()),
        include_usage=_read_include_usage(request.get("stream_options")),
    )


def _check_sampling(request: Mapping[str, Any]) -> None:
    check_ranges(request, _RANGES)
    effort = request.get("reasoning_effort")
    # MiMo has accepted `none` since August 2026; its error message of May does not list it.
    if effort is not None and effort != "none":
        fields.literal(effort, ("reasoning_effort",), ("low", "medium", "high"))


def _read_output_limit(request: Mapping[str, Any], model: Model) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        if request.get(name) is not None:
            return read_output_limit(request[name], name, model)
    return model.default_output_tokens


def _read_json_mode(value: object) -> bool:
    if value is None:
        return False
    location = ("response_format",)
    response_format = fields.mapping(value, location)
    kind = fields.required_literal(response_format, "type", location, _RESPONSE_FORMATS)
    return kind == "json_object"


def _read_include_usage(value: object) -> bool | None:
    if value is None:
        return None
    location = ("stream_options",)
    include = fields.mapping(value, location).get("include_usage")
    return None if include is None else fields.boolean(include, (*location, "include_usage"))


def _read_tools(value: object, rules: Rules) -> tuple[list[Tool], WebSearch | None]:
    tools: list[Tool] = []
    search: WebSearch | None = None
    seen: set[str] = set()
    for index, item in enumerate([] if value is None else fields.array(value, ("tools",))):
        location = ("tools", index)
        tool = fields.mapping(item, location)
        kind = fields.required_literal(tool, "type", location, ("function", "web_search"))
        if kind == "web_search":
            search = _read_web_search(tool, location)
        else:
            tools.append(_read_function(tool, seen, location, rules))
    return tools, search


def _read_function(
    tool: Mapping[str, Any], seen: set[str], location: fields.Location, rules: Rules
) -> Tool:
    inner = (*location, "function")
    function = fields.required_mapping(tool, "function", location)
    if rules.strict_parameters:
        fields.no_unknown_keys(tool, ("type", "function"), location)
        fields.no_unknown_keys(function, ("name", "description", "parameters", "strict"), inner)
    name = check_tool_name(function.get("name"), seen, (*inner, "name"))
    fields.optional_boolean(function, "strict", inner)
    description = fields.optional_string(function, "description", inner)
    parameters = function.get("parameters")
    if parameters is None:
        return Tool(name, description, {})
    return Tool(name, description, fields.mapping(parameters, (*inner, "parameters")))


def _read_web_search(tool: Mapping[str, Any], location: fields.Location) -> WebSearch:
    fields.no_unknown_keys(tool, _SEARCH_KEYS, location)
    limits = {
        name: int(fields.number(tool[name], (*location, name), *_SEARCH_RANGE, integer=True))
        for name in ("max_keyword", "limit")
        if tool.get(name) is not None
    }
    user_location = tool.get("user_location")
    if user_location is not None:
        inner = (*location, "user_location")
        fields.no_unknown_keys(fields.mapping(user_location, inner), _USER_LOCATION_KEYS, inner)
        fields.required_literal(user_location, "type", inner, ("approximate",))
    forced = fields.optional_boolean(tool, "force_search", location)
    return WebSearch(force_search=forced, **limits)

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
    check_schema,
    check_tool_name,
    open_request,
    read_output_limit,
    read_stop_sequences,
    read_thinking,
)
from langchain_mimo.emulator.conversation.request import Conversation, Tool, WebSearch
from langchain_mimo.emulator.media.library import MediaLibrary
from langchain_mimo.emulator.refusals import (
    SEARCH_OFF,
    extra_field,
    invalid_request,
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
        "reasoning_effort": "honoured",
        "temperature": "checked",
        "top_p": "checked",
        "frequency_penalty": "checked",
        "presence_penalty": "checked",
        "tool_choice": "ignored",
    }
)
"""The top-level parameters that MiMo knows, and what the emulator does with each: it honours the
parameter, checks its type and range without further effect, or ignores it as MiMo's backend does.
`n` is always refused. MiMo ignores every other name; the emulator refuses it with
`strict_parameters` (docs/api-facts.md)."""

_RANGES = (
    ("temperature", TEMPERATURE_RANGE),
    ("top_p", TOP_P_RANGE),
    ("frequency_penalty", PENALTY_RANGE),
    ("presence_penalty", PENALTY_RANGE),
)
_RESPONSE_FORMATS = ("text", "json_object", "json_schema")
_EFFORTS = ("low", "medium", "high")
# A builtin_function is not run by MiMo: its calls come back like those of other functions.
_TOOL_TYPES = ("function", "builtin_function", "web_search")
_SEARCH_KEYS = ("type", "max_keyword", "force_search", "limit", "user_location")
_SEARCH_RANGE = (1, 50)
_USER_LOCATION_KEYS = ("type", "country", "region", "city", "district", "longitude", "latitude")


def read_request(body: object, rules: Rules, library: MediaLibrary) -> Conversation:
    """Check a decoded body and return it in neutral form.

    Raises:
        Refusal: MiMo would refuse the request.
    """
    request, model, messages = open_request(body, PARAMETERS, rules)
    if request.get("n") is not None:
        raise extra_field(("n",), request["n"])
    check_ranges(request, _RANGES)
    thinking = _read_thinking(request, model)
    tools, search = _read_tools(request.get("tools"), rules)
    json_mode, json_schema = _read_response_format(request.get("response_format"), model)
    return Conversation(
        model=model,
        turns=MessageReader(model, thinking, rules, library).read(messages),
        tools=tools,
        web_search=search,
        thinking=thinking,
        max_output_tokens=_read_output_limit(request, model),
        stop=read_stop_sequences(request.get("stop"), ("stop",), MAX_STOP_SEQUENCES),
        json_mode=json_mode,
        json_schema=json_schema,
        stream=fields.optional_boolean(request, "stream", ()),
        include_usage=_read_include_usage(request.get("stream_options")),
    )


def _read_thinking(request: Mapping[str, Any], model: Model) -> bool:
    """Return whether the model thinks; `reasoning_effort` "none" disables it, other levels do not.

    If `thinking` and `reasoning_effort` disagree, "none" wins; what MiMo does then is not known.
    """
    thinking = read_thinking(request.get("thinking"), model)
    effort = request.get("reasoning_effort")
    if effort == "none":
        return False
    if effort is not None:
        # MiMo's message, recorded in May 2026, does not list "none".
        fields.literal(effort, ("reasoning_effort",), _EFFORTS)
    return thinking


def _read_output_limit(request: Mapping[str, Any], model: Model) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        if request.get(name) is not None:
            return read_output_limit(request[name], name, model)
    return model.default_output_tokens


def _read_response_format(value: object, model: Model) -> tuple[bool, dict[str, Any] | None]:
    """Return whether JSON mode is on, and the schema that constrains the answer.

    Models before v2.6 ignore a schema.
    """
    if value is None:
        return False, None
    response_format = value if isinstance(value, dict) else {}
    kind = response_format.get("type")
    if kind not in _RESPONSE_FORMATS:
        raise invalid_request()
    if kind != "json_schema":
        return kind == "json_object", None
    definition = response_format.get("json_schema")
    schema = definition.get("schema") if isinstance(definition, dict) else None
    if not isinstance(schema, dict):
        raise invalid_request()
    if not model.native_json_schema:
        return False, None
    return False, check_schema(schema, ("response_format", "json_schema", "schema"))


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
        kind = fields.required_literal(tool, "type", location, _TOOL_TYPES)
        if kind == "web_search":
            if not rules.web_search:
                raise param_incorrect(SEARCH_OFF)
            search = _read_web_search(tool, location, rules)
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
    where = (*inner, "parameters")
    return Tool(name, description, check_schema(fields.mapping(parameters, where), where))


def _read_web_search(tool: Mapping[str, Any], location: fields.Location, rules: Rules) -> WebSearch:
    if rules.strict_parameters:
        fields.no_unknown_keys(tool, _SEARCH_KEYS, location)
    limits = {
        name: int(fields.number(tool[name], (*location, name), *_SEARCH_RANGE, integer=True))
        for name in ("max_keyword", "limit")
        if tool.get(name) is not None
    }
    user_location = tool.get("user_location")
    if user_location is not None:
        inner = (*location, "user_location")
        place = fields.mapping(user_location, inner)
        if rules.strict_parameters:
            fields.no_unknown_keys(place, _USER_LOCATION_KEYS, inner)
        fields.required_literal(place, "type", inner, ("approximate",))
    forced = fields.optional_boolean(tool, "force_search", location)
    return WebSearch(force_search=forced, **limits)

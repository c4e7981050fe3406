"""Tools of any kind, as they are sent."""

from __future__ import annotations

import copy
from typing import TypedDict

import pytest
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from langchain_mimo._wire.tool_definitions import (
    parameters_schema,
    refuse_shared_names,
    tool_name,
    wire_tools,
    with_parameters,
)
from langchain_mimo.errors import MiMoInputError


def plain(city: str) -> str:
    """Forecast the weather."""
    return city


class Model(BaseModel):
    """A place."""

    city: str = Field(description="Where")


class Typed(TypedDict):
    """A place."""

    city: str


@tool
def decorated(city: str) -> str:
    """Forecast the weather."""
    return city


SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI = {
    "type": "function",
    "function": {"name": "openai", "description": "d", "parameters": SCHEMA},
}
ACCEPTED = {
    "function": (plain, "plain"),
    "pydantic": (Model, "Model"),
    "TypedDict": (Typed, "Typed"),
    "LangChain tool": (decorated, "decorated"),
    "JSON schema": ({"title": "Schema", "description": "d", **SCHEMA}, "Schema"),
    "OpenAI tool": (OPENAI, "openai"),
    "OpenAI function": ({"name": "bare", "description": "d", "parameters": SCHEMA}, "bare"),
    "Responses tool": (
        {"type": "function", "name": "flat", "description": "d", "parameters": SCHEMA},
        "flat",
    ),
    "Anthropic tool": (
        {
            "name": "claude",
            "description": "d",
            "input_schema": SCHEMA,
            "cache_control": {"type": "ephemeral"},
        },
        "claude",
    ),
    "Anthropic custom": (
        {"type": "custom", "name": "claude", "description": "d", "input_schema": SCHEMA},
        "claude",
    ),
    "Bedrock tool": (
        {"toolSpec": {"name": "nova", "description": "d", "inputSchema": {"json": SCHEMA}}},
        "nova",
    ),
}


@pytest.mark.parametrize(("given", "name"), ACCEPTED.values(), ids=ACCEPTED)
@pytest.mark.parametrize("strict", [None, True, False])
def test_accepted(given, name, strict):
    before = copy.deepcopy(given) if isinstance(given, dict) else given
    (wire,) = wire_tools([given], strict=strict)
    assert set(wire) == {"type", "function"}
    assert wire["type"] == "function"
    function = wire["function"]
    assert function["name"] == name == tool_name(wire)
    assert function["description"]
    assert function["parameters"]["properties"]["city"]["type"] == "string"
    assert function["parameters"]["required"] == ["city"]
    keys = {"name", "description", "parameters"}
    assert set(function) == keys | ({"strict"} if strict is not None else set())
    assert function.get("strict") is strict
    assert given == before


def test_web_search_is_sent_unchanged():
    search = {"type": "web_search", "max_keyword": 3, "user_location": {"type": "approximate"}}
    wire = wire_tools([search, plain], strict=True)
    assert wire[0] == search
    assert tool_name(wire[0]) == "web_search"
    assert wire[1]["function"]["strict"] is True


def test_a_tools_own_strict_is_kept():
    own = {"type": "function", "function": {**OPENAI["function"], "strict": True}}
    assert wire_tools([own])[0]["function"]["strict"] is True
    assert wire_tools([own], strict=True)[0]["function"]["strict"] is True


def test_no_tools():
    assert wire_tools([]) == []


def named(name):
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize(
    "name", ["a", "A-b_9", "x" * 64, "a b", "a.b", "Box[int]", "天气", "x" * 65, "a\n"]
)
def test_valid_names(name):
    assert tool_name(wire_tools([named(name)])[0]) == name


@pytest.mark.parametrize("name", ["", None, 3])
def test_invalid_names(name):
    with pytest.raises(MiMoInputError, match=rf"tools\[1\]: a tool needs a name, got {name!r}"):
        wire_tools([plain, named(name)])


REFUSED = {
    "OpenAI server tool": ([{"type": "file_search"}], "no tools of type 'file_search'"),
    "Anthropic server tool": (
        [{"type": "web_search_20250305", "name": "web_search"}],
        "no tools of type 'web_search_20250305'",
    ),
    "not a tool": ([3], r"tools\[0\]: cannot be converted to a tool"),
    "a stray dict": ([{"foo": 1}], r"tools\[0\]: cannot be converted to a tool"),
    "no function": ([{"type": "function", "function": 3}], "no tools of type 'function'"),
}


@pytest.mark.parametrize(("tools", "match"), REFUSED.values(), ids=REFUSED)
def test_refused(tools, match):
    with pytest.raises(MiMoInputError, match=match) as caught:
        wire_tools(tools)
    assert "\n" not in str(caught.value)


SHARED = {
    "functions": ([plain, decorated, named("plain")], r"tools\[2\]: another tool is named 'plain'"),
    "two searches": (
        [{"type": "web_search"}] * 2,
        r"tools\[1\]: another tool is named 'web_search'",
    ),
}


@pytest.mark.parametrize(("tools", "match"), SHARED.values(), ids=SHARED)
def test_shared_names_are_refused_when_they_are_sent(tools, match):
    converted = wire_tools(tools)
    with pytest.raises(MiMoInputError, match=match):
        refuse_shared_names(converted)


def test_different_names_are_accepted():
    refuse_shared_names(wire_tools([plain, decorated, {"type": "web_search"}]))


def test_contradicting_strict():
    own = {"type": "function", "function": {**OPENAI["function"], "strict": False}}
    with pytest.raises(MiMoInputError, match="strict=False, the call strict=True"):
        wire_tools([own], strict=True)


@pytest.mark.parametrize("tools", [None, 5, "x", {"type": "function"}])
def test_tools_must_be_a_list(tools):
    with pytest.raises(MiMoInputError, match="tools must be a list of tools, got"):
        wire_tools(tools)


# ----------------------------------------------------------------------- tools without parameters

EMPTY = {"type": "object", "properties": {}}


def bare() -> str:
    """Tell the time."""
    return "12:00"


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ({}, EMPTY),
        ({"parameters": None}, EMPTY),
        ({"parameters": {}}, EMPTY),
        ({"parameters": {"type": "object"}}, EMPTY),
        ({"parameters": {"type": "object", "properties": None}}, EMPTY),
        (
            {"parameters": {"type": "object", "additionalProperties": False}},
            EMPTY | {"additionalProperties": False},
        ),
        ({"parameters": {"$ref": "#/$defs/a"}}, {"$ref": "#/$defs/a"}),
    ],
)
def test_every_function_is_sent_with_a_schema(function, expected):
    before = copy.deepcopy(function)
    tool = {"type": "function", "function": {"name": "now", "strict": True, **function}}
    sent = with_parameters(tool)["function"]
    assert sent == {"name": "now", "strict": True, "parameters": expected}
    assert function == before


@pytest.mark.parametrize("given", [bare, named("now"), {"name": "now", "input_schema": EMPTY}])
def test_a_tool_without_parameters_gets_an_empty_schema(given):
    (wire,) = wire_tools([given])
    assert with_parameters(wire)["function"]["parameters"] == EMPTY


def test_a_complete_schema_is_not_copied():
    assert with_parameters(OPENAI) is OPENAI
    assert parameters_schema(OPENAI["function"]) is SCHEMA
    search = {"type": "web_search"}
    assert with_parameters(search) is search

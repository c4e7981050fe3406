"""Tools of any kind, as they are sent."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypedDict

import pytest
from langchain_core.tools import StructuredTool, Tool, tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field
from schema_kinds import KINDS, Address, Expr, Person, TypingKeys

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


@dataclass
class Record:
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
    "dataclass": (Record, "Record"),
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


A_TOOL = StructuredTool(name="t", description="d", args_schema={"type": "object"}, func=print)


@pytest.mark.parametrize("tools", [None, 5, "x", {"type": "function"}, A_TOOL, print])
def test_tools_must_be_a_list(tools):
    with pytest.raises(MiMoInputError, match=r"tools must be a list of tools, got .* into a list$"):
        wire_tools(tools)


@pytest.mark.parametrize("tool", [5, None, ("name", "w"), "w"])
def test_what_is_no_tool_is_named(tool):
    with pytest.raises(MiMoInputError) as raised:
        wire_tools([A_TOOL, tool])
    assert str(raised.value) == (
        f"tools[1]: cannot be converted to a tool: {tool!r} is no function, class, LangChain tool "
        "or dict with a JSON schema"
    )


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
        ({"parameters": {"anyOf": [EMPTY]}}, {"anyOf": [EMPTY]}),
        ({"parameters": {"properties": {"a": {}}}}, {"type": "object", "properties": {"a": {}}}),
        ({"parameters": {"description": "d"}}, {**EMPTY, "description": "d"}),
        ({"parameters": {"type": ["object"]}}, {"type": ["object"]}),
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


# --------------------------------------------------------------------- schemas of Python's types


class Place(BaseModel):
    """A place."""

    city: str = Field(description="Where")
    home: Address
    size: int | None = None


@tool
def with_docs(city: str, days: int = 3) -> str:
    """Forecast the weather.

    Args:
        city: Where.
        days: How long.
    """
    return city


@tool
def with_notes(city: Annotated[str, "where"], home: Address) -> str:
    """Forecast the weather."""
    return city


@pytest.mark.parametrize(
    "given",
    [
        *(plain, Model, Typed, decorated, Place, with_docs, with_notes, with_docs.func, OPENAI),
        Tool(name="search", func=print, description="d"),
        SCHEMA | {"title": "Schema"},
    ],
)
def test_simple_tools_are_what_langchain_makes_of_them(given):
    assert wire_tools([given]) == [convert_to_openai_tool(given)]


@pytest.mark.parametrize("given", [plain, Model, decorated, Place, Person, OPENAI["function"]])
def test_strict_tools_of_closed_objects_are_what_langchain_makes_of_them(given):
    ours = wire_tools([given], strict=True)[0]["function"]
    theirs = convert_to_openai_tool(given, strict=True)["function"]
    assert ours["strict"] is theirs["strict"] is True
    assert ours["parameters"]["required"] == theirs["parameters"]["required"]
    if given is not Person:  # LangChain closes its dicts, so that they cannot have any keys
        assert ours == theirs
    else:
        assert ours["parameters"]["properties"]["scores"]["additionalProperties"] == {
            "type": "number"
        }


def parameters_of(given):
    return wire_tools([given])[0]["function"]["parameters"]


def evaluate(expression: Expr, note: str = "") -> str:
    """Evaluate."""
    return f"{expression}{note}"


@tool
def evaluate_tool(expression: Expr) -> str:
    """Evaluate."""
    return str(expression)


def test_recursive_arguments_keep_their_recursion():
    node = {"anyOf": [{"$ref": "#/$defs/Expr"}, {"type": "null"}], "default": None}
    for given in (evaluate, evaluate_tool, StructuredTool.from_function(evaluate)):
        schema = parameters_of(given)
        assert schema["properties"]["expression"] == {"$ref": "#/$defs/Expr"}
        assert schema["$defs"]["Expr"]["properties"]["left"] == node
        assert schema["type"] == "object"


MCP_SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "tree": {"$ref": "#/definitions/node"},
        "size": {"$ref": "#/definitions/size"},
        "whole": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    },
    "required": ["tree"],
    "definitions": {
        "node": {"type": "object", "properties": {"b": {"$ref": "#/definitions/node"}}},
        "size": {"type": "integer", "minimum": 1},
    },
    "additionalProperties": False,
}


def test_the_schema_of_an_mcp_tool_keeps_its_recursion():
    before = copy.deepcopy(MCP_SCHEMA)
    mcp_tool = StructuredTool(name="t", description="d", args_schema=MCP_SCHEMA, func=print)
    assert wire_tools([mcp_tool])[0]["function"] == {
        "name": "t",
        "description": "d",
        "parameters": {
            "$schema": MCP_SCHEMA["$schema"],
            "type": "object",
            "properties": {
                "tree": {"$ref": "#/$defs/node"},
                "size": {"type": "integer", "minimum": 1},
                "whole": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
            },
            "required": ["tree"],
            "additionalProperties": False,
            "$defs": {"node": {"type": "object", "properties": {"b": {"$ref": "#/$defs/node"}}}},
        },
    }
    assert before == MCP_SCHEMA


def test_the_callers_own_dicts_are_sent_as_they_are():
    for parameters in (MCP_SCHEMA, {"$ref": "#/$defs/a", "$defs": {"a": SCHEMA}}):
        function = {"name": "t", "parameters": parameters}
        assert parameters_of({"type": "function", "function": function}) == parameters
        assert parameters_of(function) == parameters
    assert parameters_of({"title": "t", **MCP_SCHEMA}) == MCP_SCHEMA


def test_optional_keys_are_not_required():
    schema = parameters_of(TypingKeys)
    assert schema["required"] == ["city"]
    assert schema["properties"]["note"] == {"type": "string", "description": "a remark"}
    assert wire_tools([KINDS["mixed keys"].schema])[0]["function"]["parameters"] == {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "size": {"type": "integer"},
            "kind": {"type": "string", "enum": ["a", "b"], "description": "which"},
            "inner": (inner := parameters_of(KINDS["optional keys"].schema))
            | {"description": "Has no required key."},
            "many": {"type": "array", "items": inner | {"description": "Has no required key."}},
            "count": {
                "anyOf": [{"type": "integer"}, {"type": "null"}],
                "default": None,
                "description": "how many",
            },
        },
        "required": ["city", "inner"],
    }


class Undocumented(TypedDict):
    city: str


def test_an_undocumented_typed_dict_has_no_description():
    """LangChain sends that of `dict`."""
    assert wire_tools([Undocumented])[0]["function"]["description"] == ""


class Untellable(BaseModel):
    action: Callable[[], None]


class Nested(TypedDict):
    inner: "Missing"  # noqa: F821, UP037


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Untellable, "CallableSchema"),
        (Nested, "Missing"),
        (functools.partial(plain, "Oslo"), "__name__"),
        (
            StructuredTool(
                name="t",
                description="d",
                func=print,
                args_schema={"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}},
            ),
            "refers to '#/$defs/b', which it does not define",
        ),
    ],
)
def test_what_cannot_be_converted_is_named(given, words):
    with pytest.raises(MiMoInputError, match=r"tools\[1\]: cannot be converted") as caught:
        wire_tools([plain, given])
    assert words in str(caught.value)


def test_the_docstring_of_a_dataclass_is_its_description_and_a_signature_is_none():
    @dataclass
    class Described:
        """Where it is.

        On a map.
        """

        x: int

    @dataclass
    class Plain:
        x: int

    [described, plain_one] = wire_tools([Described, Plain])
    assert described["function"]["description"] == "Where it is.\n\nOn a map."
    assert not plain_one["function"].get("description")

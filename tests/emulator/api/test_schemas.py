"""JSON schemas of tools and of `response_format`: wrong types are refused, null counts as absent."""

import pytest
from emulator_requests import KEY, function, message, post, request

from langchain_mimo.emulator import MiMoEmulator

WRONG = [
    ({"properties": 1}, ("properties",), "an object"),
    ({"properties": {"a": 1}}, ("properties", "a"), "an object"),
    ({"properties": {"a": {"minimum": "a"}}}, ("properties", "a", "minimum"), "a number"),
    ({"enum": True}, ("enum",), "a list"),
    ({"pattern": 5}, ("pattern",), "a string"),
    ({"format": {}}, ("format",), "a string"),
    ({"allOf": [1]}, ("allOf", 0), "an object"),
    ({"anyOf": {}}, ("anyOf",), "a list"),
    ({"required": "a"}, ("required",), "a list of strings"),
    ({"required": [1]}, ("required",), "a list of strings"),
    ({"minItems": -1}, ("minItems",), "a whole number, at least 0"),
    ({"maxLength": 0.5}, ("maxLength",), "a whole number, at least 0"),
    ({"multipleOf": 0}, ("multipleOf",), "a number above 0"),
    ({"type": 5}, ("type",), "a string or a list of strings"),
    ({"items": "string"}, ("items",), "an object"),
    ({"$defs": []}, ("$defs",), "an object"),
    ({"$ref": 1}, ("$ref",), "a string"),
]


@pytest.mark.parametrize(("schema", "path", "expected"), WRONG)
async def test_wrong_types_are_refused(schema, path, expected):
    whole = {"type": "object", **schema}
    tools = [function("f", parameters=whole)]
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": whole}}
    tool_path = ("body", "tools", 0, "function", "parameters", *path)
    form_path = ("body", "response_format", "json_schema", "schema", *path)
    for changes, where in (({"tools": tools}, tool_path), ({"response_format": form}, form_path)):
        response = await post(MiMoEmulator(), request(**changes))
        text = response.json()["error"]["message"]
        assert response.status_code == 400
        assert repr(where) in text
        assert f"Input should be {expected}" in text


async def test_wrong_types_are_refused_in_the_anthropic_format():
    tool = {"name": "f", "input_schema": {"type": "object", "properties": 1}}
    body = {"model": "mimo-v2.6-flash", "max_tokens": 10, "tools": [tool]}
    body["messages"] = [{"role": "user", "content": "hi"}]
    response = await post(MiMoEmulator(), body, headers=KEY, path="/anthropic/v1/messages")
    assert response.status_code == 400
    assert "'input_schema', 'properties'" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "schema",
    [
        {"description": None, "properties": {"x": {"minLength": None, "enum": None}}},
        {"properties": {"x": True, "y": False}},
        {"properties": {"x": {"type": ["string", "null"]}}, "required": True},
        {"properties": {"x": {"type": "integer", "minimum": 3, "exclusiveMinimum": True}}},
        {"properties": {"x": {"type": "string", "required": True}}},
        {"properties": {"x": {"items": [{"type": "string"}], "type": "array"}}},
        {"properties": {"x": {"type": "anything", "unknown": 5}}},
        {"properties": {"x": {"$ref": "#/default"}}, "default": {"properties": 1}},
        {"properties": {"x": {"minLength": 2.0, "maxLength": 3.0}}},
    ],
)
async def test_what_other_drafts_and_tools_write_is_accepted(schema):
    tools = [function("f", parameters={"type": "object", "required": ["x"], **schema})]
    messages = [{"role": "user", "content": "Call f with x: 7."}]
    answer = await message(MiMoEmulator(), messages=messages, tools=tools)
    assert answer["tool_calls"]


async def test_an_exclusive_bound_of_draft_4_is_kept():
    whole = {"type": "integer", "minimum": 3, "exclusiveMinimum": True}
    schema = {"type": "object", "properties": {"x": whole}, "required": ["x"]}
    messages = [{"role": "user", "content": "Call f."}]
    answer = await message(
        MiMoEmulator(), messages=messages, tools=[function("f", parameters=schema)]
    )
    assert answer["tool_calls"][0]["function"]["arguments"] == '{"x": 4}'


async def test_schemas_too_deep_are_refused():
    schema = {"type": "string"}
    for _ in range(70):
        schema = {"type": "object", "properties": {"a": schema}}
    response = await post(MiMoEmulator(), request(tools=[function("f", parameters=schema)]))
    assert response.status_code == 400
    assert "at most 64 schemas deep" in response.text

"""Requests that would cost much: each is answered, and the answer is bounded."""

import json

import pytest
from emulator_requests import function, message, post, request

from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.emulator.answers.scalar_values import MAX_CHARACTERS
from langchain_mimo.emulator.answers.schema_values import MAX_ITEMS, MAX_VALUES
from langchain_mimo.emulator.answers.words import both_ends


def levels(make):
    """Return a schema of nine levels, each of which refers to the next one twelve times."""
    definitions = {f"d{level}": make(f"#/$defs/d{level + 1}") for level in range(9)}
    return {"$defs": definitions, "type": "object", "properties": {"x": {"$ref": "#/$defs/d0"}}}


def branching(reference):
    names = [f"p{number}" for number in range(12)]
    return {"properties": {name: {"$ref": reference} for name in names}, "required": names}


async def arguments(schema, text="Call f."):
    """The arguments of the call of a tool with this schema."""
    tools = [function("f", parameters={"required": ["x"], **schema})]
    messages = [{"role": "user", "content": text}]
    answer = await message(MiMoEmulator(), messages=messages, tools=tools)
    (call,) = answer["tool_calls"]
    return json.loads(call["function"]["arguments"])


def with_x(schema):
    return {"type": "object", "properties": {"x": schema}}


def count(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(count, inner))


async def test_items_are_bounded():
    found = await arguments(with_x({"type": "array", "minItems": 10**8}))
    assert len(found["x"]) == MAX_ITEMS


async def test_characters_are_bounded():
    found = await arguments(with_x({"type": "string", "minLength": 10**9}))
    assert len(found["x"]) == MAX_CHARACTERS - 1


async def test_constants_count_as_characters():
    items = {"type": "array", "minItems": 1000, "items": {"const": "x" * 50_000}}
    found = await arguments(with_x(items))
    assert sum(one is not None for one in found["x"]) < MAX_CHARACTERS / 50_000


@pytest.mark.parametrize("make", [branching, lambda target: {"allOf": [{"$ref": target}] * 12}])
async def test_values_are_bounded(make):
    found = await arguments(levels(make))
    assert count(found) <= MAX_VALUES + 12 * 12


async def test_a_schema_of_all_of_itself():
    assert await arguments({**with_x({"$ref": "#"}), "allOf": [{"$ref": "#"}]}) is not None


async def test_a_pattern_of_a_request_is_never_run():
    schema = {"type": "string", "pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}
    found = await arguments(with_x(schema), f"Call f with '{'a' * 60}'.")
    assert found == {"x": "aaAa"}  # made from the pattern, since the text does not fit


@pytest.mark.parametrize(
    "text",
    [
        "a" + " " * 8000 + "b",
        "a\n" * 4000,
        "\n" * 4000,
        "must " * 1600,
        "(" * 8000,
        "“" * 8000,
        "x" * 8000,
        "字" * 8000,
        "9" * 8000,
        "-" * 8000,
        "介绍" * 200_000,
        "a; b and c. " * 600,
        "to in " * 1300,
        '{"a":' * 50_000,
        "keys " + "a, " * 2500,
    ],
)
@pytest.mark.parametrize("mode", ["tools", "json", "text"])
async def test_runs_of_anything_are_read(text, mode):
    """The timeout of the tests is the limit; each takes some hundredths of a second."""
    changes = {
        "tools": {"tools": [function("f", parameters=with_x({"type": "string"}))]},
        "json": {"response_format": {"type": "json_object"}},
        "text": {},
    }[mode]
    suffix = " json" if mode == "json" else ""
    body = request(messages=[{"role": "user", "content": text + suffix}], **changes)
    assert (await post(MiMoEmulator(), body)).status_code == 200


async def test_many_tools_are_read():
    tools = [function(f"tool_{number}", description="x y z " * 20) for number in range(500)]
    text = "a; b and c. " * 300 + "Call tool_77."
    answer = await message(
        MiMoEmulator(), messages=[{"role": "user", "content": text}], tools=tools
    )
    assert "tool_77" in str(answer)


async def test_a_number_too_long_for_json_is_no_value():
    found = await arguments(with_x({"type": "integer"}), f"Call f with {'9' * 5000} and 7.")
    assert found == {"x": 7}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a  b", "a  b"),
        ("a" + " " * 9 + "b", "a" + " " * 8 + "b"),
        ("a" + "\n" * 9 + "b", "a\n\nb"),
        ("-" * 100, "-" * 80),
        ("字" * 300, "字" * 300),
        ("x" * 300, "x" * 300),
    ],
)
def test_only_long_runs_are_cut(text, expected):
    assert both_ends(text) == expected

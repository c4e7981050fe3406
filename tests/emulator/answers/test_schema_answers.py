"""Answers that `response_format` constrains by a JSON schema, as v2.6 decodes under a grammar."""

import base64
import io
import json

import httpx2
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.emulator.answers.number_values import in_bounds, number_in_range
from langchain_mimo.emulator.answers.pattern_values import complete_match
from langchain_mimo.emulator.answers.schema_values import value_for
from langchain_mimo.emulator.answers.words import PromptValues

PERSON = {
    "type": "object",
    "properties": {
        "zip": {"type": "string", "maxLength": 5},
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0},
        "mood": {"enum": ["glad", "sad"]},
        "pets": {"type": "array", "items": {"$ref": "#/$defs/Pet"}, "maxItems": 2},
        "note": {"type": "string"},
    },
    "required": ["age", "name", "zip", "mood", "pets"],
    "additionalProperties": False,
    "$defs": {
        "Pet": {
            "type": "object",
            "properties": {"legs": {"type": "integer", "minimum": 2}, "kind": {"type": "string"}},
            "required": ["kind", "legs"],
            "additionalProperties": False,
        }
    },
}
NODE = {
    "$ref": "#/$defs/Node",
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                "left": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                "value": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "integer"}]},
            },
            "required": ["name", "children", "left", "value"],
        }
    },
}


async def ask(prompt, schema, **fields):
    """Return the text of the answer, its finish reason and its reasoning."""
    definition = {"name": "answer", "schema": schema, **fields.pop("definition", {})}
    content = prompt if isinstance(prompt, str | list) else json.dumps(prompt)
    body = {
        "model": "mimo-v2.6-flash",
        "messages": [{"role": "user", "content": content}],
        "response_format": {"type": "json_schema", "json_schema": definition},
        **fields,
    }
    emulator = MiMoEmulator(as_of=fields.pop("as_of", None))
    body.pop("as_of", None)
    transport = httpx2.ASGITransport(app=emulator.application)
    headers = {"api-key": emulator.api_key}
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.post("/v1/chat/completions", json=body, headers=headers)
    assert response.status_code == 200, response.text
    if not body.get("stream"):
        (choice,) = response.json()["choices"]
        return choice["message"] | {"finish_reason": choice["finish_reason"]}
    lines = [line for line in response.text.splitlines() if line.startswith("data: {")]
    choices = [json.loads(line.removeprefix("data: "))["choices"] for line in lines]
    deltas = [choice[0]["delta"] for choice in choices if choice]
    return {
        key: "".join(delta[key] or "" for delta in deltas)
        for key in ("content", "reasoning_content")
    }


@pytest.mark.parametrize("model", ["mimo-v2.6-flash", "mimo-v2.6-pro", "mimo-v2.6-pro-ultraspeed"])
@pytest.mark.parametrize("thinking", ["enabled", "disabled"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("definition", [{}, {"strict": True}, {"strict": False}])
async def test_the_schema_constrains_the_answer(model, thinking, stream, definition):
    answer = await ask(
        "The name is Ada, the age is 36, and she is sad.",
        PERSON,
        model=model,
        thinking={"type": thinking},
        stream=stream,
        definition=definition,
    )
    made = json.loads(answer["content"])
    jsonschema.validate(made, PERSON)
    assert list(made) == ["zip", "name", "age", "mood", "pets"]
    assert (made["name"], made["age"], made["mood"]) == ("Ada", 36, "sad")
    assert bool(answer.get("reasoning_content")) is (thinking == "enabled")


async def test_a_template_in_the_prompt_does_not_break_the_schema():
    """MiMo was told to copy an object literally that violates the schema."""
    template = {"extra": 1, "mood": "angry", "pets": ["cat", "dog", "ant"], "age": -5}
    made = json.loads((await ask(f"Copy this: {json.dumps(template)}", PERSON))["content"])
    jsonschema.validate(made, PERSON)


async def test_the_word_json_is_not_needed_and_other_schemas_in_the_prompt_do_not_count():
    other = {"type": "object", "properties": {"x": {"type": "string"}}}
    made = json.loads((await ask(f"Ada is 36. JSON: {json.dumps(other)}", PERSON))["content"])
    assert "x" not in made
    jsonschema.validate(made, PERSON)


@pytest.mark.parametrize("model", ["mimo-v2.5", "mimo-v2.5-pro"])
async def test_models_before_v26_answer_in_text(model):
    answer = await ask("Ada is 36", PERSON, model=model, as_of="2026-09-01")
    assert answer["content"].startswith("This is the MiMo emulator")


async def test_the_token_limit_cuts_the_object():
    answer = await ask("Ada is 36", PERSON, max_tokens=6, thinking={"type": "disabled"})
    assert answer["finish_reason"] == "length"
    assert answer["content"].startswith('{"zip"')
    with pytest.raises(ValueError):
        json.loads(answer["content"])


async def test_tools_are_called_before_the_answer_is_constrained():
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "find", "parameters": parameters}}]
    answer = await ask("Use find for Oslo", PERSON, tools=tools)
    assert answer["tool_calls"][0]["function"]["name"] == "find"


async def test_recursive_schemas_come_to_an_end():
    made = json.loads((await ask("Hello", NODE))["content"])
    jsonschema.validate(made, NODE)
    endless = {"$ref": "#/$defs/A", "$defs": {"A": {**NODE["$defs"]["Node"]}}}
    endless["$defs"]["A"] = {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/A"}},
        "required": ["next"],
    }
    assert json.loads((await ask("Hello", endless))["content"])["next"]["next"]


@pytest.mark.parametrize("thinking", ["enabled", "disabled"])
async def test_a_pattern_cuts_strings(thinking):
    """Reported of MiMo: `\\S` is taken for the whole string, and breaks the JSON when thinking."""
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "pattern": "\\S"},
            "age": {"type": "integer"},
        },
        "required": ["name", "age"],
    }
    answer = await ask("Ada is 36", schema, thinking={"type": thinking})
    if thinking == "disabled":
        assert json.loads(answer["content"]) == {"name": "A", "age": 36}
    else:
        assert answer["content"] == '{"name":"A,"age":36}'


@pytest.mark.parametrize("thinking", ["enabled", "disabled"])
async def test_a_pattern_for_the_whole_string_does_no_harm(thinking):
    properties = {"day": {"type": "string", "pattern": "^\\d{4}-\\d\\d-\\d\\d$"}}
    schema = {"type": "object", "properties": properties, "required": ["day"]}
    answer = await ask("Today is 2026-10-09", schema, thinking={"type": thinking})
    assert json.loads(answer["content"]) == {"day": "2026-10-09"}


@pytest.mark.parametrize(
    ("text", "pattern", "match"),
    [
        ("hello", r"\S", "h"),
        ("hello", r"^\S+$", "hello"),
        ("hello world", r"\S+", "hello"),
        ("room 12", r"\d+", "12"),
        ("hello", r"[A-Z]{3}", "AAA"),
        ("hello", r"(", "hello"),
        ("hello", r"^$x", "hello"),
    ],
)
def test_complete_matches(text, pattern, match):
    assert complete_match(text, pattern) == match


def image_part(colour):
    stream = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(stream, "PNG")
    data = base64.b64encode(stream.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


@pytest.mark.parametrize("mode", ["json_schema", "json_object"])
async def test_media_fill_the_object(mode):
    properties = {
        "description": {"type": "string"},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "format": {"type": "string"},
        "colour": {"type": "string"},
    }
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    fields = {"response_format": {"type": "json_object"}} if mode == "json_object" else {}
    text = f"Describe it as JSON: {json.dumps(schema)}"
    prompt = [image_part("red"), image_part("blue"), {"type": "text", "text": text}]
    assert json.loads((await ask(prompt, schema, **fields))["content"]) == {
        "description": "Image 1: PNG, 640×480 pixels, mainly red.",
        "width": 640,
        "height": 480,
        "format": "PNG",
        "colour": "red",
    }


@pytest.mark.parametrize(
    ("schema", "integer", "number"),
    [
        ({"minimum": 2.5, "maximum": 3.2}, True, 3),
        ({"minimum": 7, "multipleOf": 5}, True, 10),
        ({"minimum": 0.05, "maximum": 0.35, "multipleOf": 0.1}, False, 0.1),
        ({"exclusiveMinimum": 0, "exclusiveMaximum": 1}, False, 0.5),
        ({"maximum": -3, "multipleOf": 2}, True, -4),
        ({"exclusiveMinimum": 10, "maximum": 20}, True, 11),
        ({"exclusiveMinimum": 9, "multipleOf": 9}, True, 18),
        ({}, False, 1),
    ],
)
def test_numbers_in_range(schema, integer, number):
    assert number_in_range(schema, integer=integer) == number
    assert in_bounds(number, schema)


def objects_of(values):
    names = st.sampled_from(["name", "age", "city", "tags", "note", "when", "ok", "size"])
    return st.dictionaries(names, values, max_size=4).flatmap(
        lambda properties: st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.just(properties),
                "required": st.lists(st.sampled_from(sorted(properties)), unique=True)
                if properties
                else st.just([]),
                "additionalProperties": st.just(False),
            }
        )
    )


def arrays_of(values):
    return st.tuples(values, st.integers(0, 2), st.integers(0, 3)).map(
        lambda row: {
            "type": "array",
            "items": row[0],
            "minItems": row[1],
            "maxItems": row[1] + row[2],
        }
    )


def nullable(values):
    return values.map(lambda value: {"anyOf": [value, {"type": "null"}]})


SCALARS = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": "string"}),
    st.just({"type": ["string", "null"]}),
    st.just({"$ref": "#/$defs/Day"}),
    st.tuples(st.integers(0, 20), st.integers(0, 30)).map(
        lambda row: {"type": "string", "minLength": row[0], "maxLength": row[0] + row[1]}
    ),
    st.tuples(st.integers(-50, 50), st.integers(0, 30), st.sampled_from(["integer", "number"])).map(
        lambda row: {"type": row[2], "minimum": row[0], "maximum": row[0] + row[1], "default": 99}
    ),
    st.tuples(st.integers(-9, 9), st.integers(2, 9)).map(
        lambda row: {"type": "integer", "exclusiveMinimum": row[0], "multipleOf": row[1]}
    ),
    st.lists(st.sampled_from(["red", "green", "blue"]), min_size=1, unique=True).map(
        lambda values: {"enum": values, "default": "black"}
    ),
    st.just({"const": 7}),
)
SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(objects_of(inner), arrays_of(inner), nullable(inner)),
    max_leaves=8,
)
PROMPTS = st.sampled_from(
    [
        "Hello",
        "Ada, 36, lives in Oslo; size 7 and tags 'a', 'b', 'c', 'd'. Paint it red.",
        'age: 1.5, size is -200, ok is no, name = "x", when: never, note \'long ' + "x" * 50 + "'",
        'Here: {"age": "old", "extra": [1, 2], "tags": 5}. 3 and 3 and 40 and 2026-01-01',
        "",
    ]
)


@settings(max_examples=300, deadline=None)
@given(schema=objects_of(SCHEMAS), prompt=PROMPTS)
def test_every_value_is_valid(schema, prompt):
    schema = {**schema, "$defs": {"Day": {"type": "string", "enum": ["Mon", "Tue"]}}}
    value = value_for(schema, PromptValues.read(prompt))
    jsonschema.validate(value, schema)
    assert list(value) == [name for name in schema["properties"] if name in value]


def test_parts_of_all_of_are_all_required():
    base = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    own = {"properties": {"b": {"type": "integer"}}, "required": ["b"]}
    schema = {"allOf": [base], **own}
    jsonschema.validate(value_for(schema, PromptValues.read("")), schema)


def test_a_required_key_without_a_property():
    schema = {"type": "object", "required": ["x"]}
    jsonschema.validate(value_for(schema, PromptValues.read("")), schema)

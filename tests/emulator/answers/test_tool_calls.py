"""The emulator's choice of tools and arguments, and its JSON answers."""

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_mimo.emulator.answers.json_answer import keys_in
from langchain_mimo.emulator.answers.own_answer import own_answer
from langchain_mimo.emulator.answers.schema_values import value_for
from langchain_mimo.emulator.answers.words import (
    MAX_READ_CHARACTERS,
    PromptValues,
    both_ends,
    stem,
)
from langchain_mimo.emulator.api.chat_request import read_request
from langchain_mimo.emulator.api.models import simulated_time
from langchain_mimo.emulator.api.rules import Rules
from langchain_mimo.emulator.media.library import MediaLibrary


def tool(name, description="", required=(), **properties):
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": properties,
                "required": list(required) or list(properties),
            },
        },
    }


TEXT, INTEGER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
WEATHER = tool("get_weather", "Get the weather at a location.", location=TEXT)
ADD = tool("add", "Add two integers.", a=INTEGER, b=INTEGER)
MULTIPLY = tool("multiply", "Multiply two numbers.", a=NUMBER, b=NUMBER)
MAGIC = tool("magic_function", "Apply a magic function to an input.", input=INTEGER)
MAGIC["function"]["parameters"]["properties"]["input"] = {
    "type": "integer",
    "exclusiveMinimum": -1000,
    "exclusiveMaximum": 1000,
}
NOTHING = tool("roll_dice", "Roll the dice.")
SEARCH = tool("search_documents", "Search the company's documents.", query=TEXT)
HOTELS = tool(
    "search_hotels",
    "Search hotels in a city.",
    ["city"],
    city=TEXT,
    stars=INTEGER,
    pool={"type": "boolean"},
    kind={"enum": ["cheap", "luxury"]},
    tags={"type": "array", "items": TEXT},
)
ALL = [WEATHER, ADD, MULTIPLY, MAGIC, NOTHING, SEARCH, HOTELS]


def answer(messages, tools=(), system=None, **fields):
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    if system:
        messages = [{"role": "system", "content": system}, *messages]
    body = {"model": "mimo-v2.6-pro", "messages": messages, "tools": list(tools), **fields}
    return own_answer(read_request(body, Rules(simulated_time(None)), MediaLibrary()))


def calls(messages, tools=ALL, system=None, **fields):
    made = answer(messages, tools, system, **fields).calls
    return [(call.name, json.loads(call.arguments)) for call in made]


def with_tool_rounds(prompt, *rounds):
    messages = [{"role": "user", "content": prompt}]
    for number, (name, arguments, result) in enumerate(rounds):
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"id": f"c{number}", "type": "function", "function": function}
        messages += [
            {"role": "assistant", "content": "", "reasoning_content": "r", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{number}", "content": result},
        ]
    return messages


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("What is the value of magic_function(3)? Use it.", [("magic_function", {"input": 3})]),
        ("What is the weather in Oslo?", [("get_weather", {"location": "Oslo"})]),
        ("Weather for San Francisco, CA", [("get_weather", {"location": "San Francisco, CA"})]),
        ("weather in 'são paulo'", [("get_weather", {"location": "são paulo"})]),
        (
            "What's the weather in Paris, London and Rome?",
            [("get_weather", {"location": city}) for city in ("Paris", "London", "Rome")],
        ),
        (
            "What is the weather in Paris and what is 21 * 2?",
            [("get_weather", {"location": "Paris"}), ("multiply", {"a": 21, "b": 2})],
        ),
        (
            "add 3 and 4 and multiply 5 by 6.5",
            [("add", {"a": 3, "b": 4}), ("multiply", {"a": 5, "b": 6.5})],
        ),
        ("What is 1,000 + -7?", [("add", {"a": 1000, "b": -7})]),
        ("add(a=1, b=2) and add(3, 4)", [("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})]),
        ("Please roll the dice!", [("roll_dice", {})]),
        (
            'Search the documents for "annual leave"',
            [("search_documents", {"query": "annual leave"})],
        ),
        (
            "Find hotels in Rome with 4 stars and a pool, luxury, tags 'wifi' and 'spa'",
            [
                (
                    "search_hotels",
                    {
                        "city": "Rome",
                        "stars": 4,
                        "pool": True,
                        "kind": "luxury",
                        "tags": ["wifi", "spa"],
                    },
                )
            ],
        ),
        (
            "Find a hotel in Berlin without a pool",
            [("search_hotels", {"city": "Berlin", "pool": False})],
        ),
        ("Hello!", []),
        ("What is the capital of France?", []),
        ("Write me a poem about the sea.", []),
        ("What is the weather in Oslo? Do not use any tools.", []),
    ],
)
def test_calls_that_a_prompt_asks_for(prompt, expected):
    assert calls(prompt) == expected


@pytest.mark.parametrize(
    ("system", "prompt", "expected"),
    [
        ("You must call at least one of the available tools.", "Hello!", "get_weather"),
        ("You must call the tool `magic_function`.", "Hello!", "magic_function"),
        ("Calling the function magic_function is required.", "Hello!", "magic_function"),
        ("A tool call is mandatory.", "Add something", "add"),
        ("你必须调用工具。", "Hello!", "get_weather"),
        (None, "Hello! You must use a tool.", "get_weather"),
        (None, "Call the tool roll_dice now.", "roll_dice"),
        ("Use the tools when they help.", "Hello!", None),
        ("You have access to tools. Always use them if needed.", "Hello!", None),
        ("If you must use a tool, prefer add.", "Hello!", None),
    ],
)
def test_calls_that_a_prompt_requires(system, prompt, expected):
    made = calls(prompt, system=system)
    assert [name for name, _ in made] == ([expected] if expected else [])


def test_a_required_call_takes_its_arguments_from_an_earlier_prompt():
    messages = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": "Nice."},
        {"role": "user", "content": "You did not call a tool. You must call get_weather."},
    ]
    assert calls(messages) == [("get_weather", {"location": "Paris"})]


def test_results_are_quoted_in_the_answer():
    messages = with_tool_rounds("What is the weather in Oslo?", ("get_weather", {}, "rain, 7 °C"))
    made = answer(messages, ALL)
    assert made.calls == []
    assert made.content == "get_weather returned: rain, 7 °C"


def test_each_round_takes_one_step():
    prompt = "First add 3 and 4, then multiply the result by 5, then get the weather in Oslo."
    first = ("add", {"a": 3, "b": 4})
    second = ("multiply", {"a": 7, "b": 5})
    third = ("get_weather", {"location": "Oslo"})
    assert calls(prompt) == [first]
    assert calls(with_tool_rounds(prompt, (*first, "7"))) == [second]
    assert calls(with_tool_rounds(prompt, (*first, "7"), (*second, "35"))) == [third]
    done = with_tool_rounds(prompt, (*first, "7"), (*second, "35"), (*third, "sun"))
    assert calls(done) == []


def test_a_required_final_tool_gets_the_results():
    report = tool("Report", "The final report.", city=TEXT, temperature=NUMBER)
    messages = with_tool_rounds(
        "What is the weather in Oslo?",
        ("get_weather", {"location": "Oslo"}, '{"city": "Oslo", "temperature": 7.5}'),
    )
    made = calls(messages, [WEATHER, report], "You must call one of the tools.")
    assert made == [("Report", {"city": "Oslo", "temperature": 7.5})]


def test_media_after_tool_results_do_not_start_a_new_task():
    messages = with_tool_rounds("Roll the dice", ("roll_dice", {}, "see below"))
    image = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    label = {"type": "text", "text": "Returned by roll_dice, call c0:"}
    messages.append({"role": "user", "content": [label, image]})
    made = answer(messages, ALL)
    assert made.calls == []
    assert made.content.startswith("roll_dice returned: see below\nImage 1: ")


@pytest.mark.parametrize("choice", ["required", "none", {"type": "function", "function": {}}, 7])
def test_tool_choice_is_ignored(choice):
    assert calls("Hello!", tool_choice=choice) == []
    assert calls("Weather in Oslo", tool_choice=choice) == [("get_weather", {"location": "Oslo"})]


def test_chinese_prompts():
    weather = tool("get_weather", "查询城市天气", city=TEXT)
    assert calls("北京的天气怎么样?", [weather]) == [("get_weather", {"city": "北京"})]


PERSON = {
    "$defs": {
        "Address": {
            "type": "object",
            "properties": {"street": TEXT, "zip": {"type": "string", "pattern": r"^\d{5}$"}},
            "required": ["street", "zip"],
        }
    },
    "type": "object",
    "properties": {
        "name": TEXT,
        "age": INTEGER,
        "email": {"anyOf": [TEXT, {"type": "null"}], "default": None},
        "address": {"$ref": "#/$defs/Address"},
    },
    "required": ["name", "age", "address"],
}


def test_values_are_assigned_to_matching_properties():
    text = "Bob Smith is 42, lives at 'Main Street 5', 90210, mail bob@x.org"
    assert value_for(PERSON, PromptValues.read(text)) == {
        "name": "Bob Smith",
        "age": 42,
        "email": "bob@x.org",
        "address": {"street": "Main Street 5", "zip": "90210"},
    }


SCALARS = st.one_of(
    st.just({"type": "string"}),
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.builds(lambda low: {"type": "integer", "minimum": low}, st.integers(-50, 50)),
    st.builds(lambda high: {"type": "number", "exclusiveMaximum": high}, st.integers(-50, 50)),
    st.builds(
        lambda low, span: {"type": "integer", "minimum": low, "maximum": low + span},
        st.integers(-50, 50),
        st.integers(0, 9),
    ),
    st.builds(lambda size: {"type": "string", "minLength": size}, st.integers(0, 9)),
    st.builds(lambda size: {"type": "string", "maxLength": size}, st.integers(1, 9)),
    st.builds(
        lambda choices: {"enum": choices},
        st.lists(st.one_of(st.text(max_size=4), st.integers()), min_size=1, max_size=3),
    ),
    st.builds(lambda value: {"const": value}, st.integers()),
)


def objects(inner):
    return st.builds(
        lambda properties, count: {
            "type": "object",
            "properties": properties,
            "required": list(properties)[:count],
        },
        st.dictionaries(st.sampled_from(["a", "name", "date", "user_id", "items"]), inner),
        st.integers(0, 3),
    )


SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        objects(inner),
        st.builds(
            lambda items, least: {"type": "array", "items": items, "minItems": least},
            inner,
            st.integers(0, 2),
        ),
        st.builds(lambda one, two: {"anyOf": [one, two]}, inner, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(
    SCHEMAS,
    st.sampled_from(
        [
            "",
            "add 3 and 4.5 for 'Bob' in Paris on 2026-01-02",
            "a: 7, name is Ann, items 'x' and 'y', date 2020-02-02T10:00:00Z",
        ]
    ),
)
def test_values_fit_their_schema(schema, text):
    jsonschema.validate(value_for(schema, PromptValues.read(text)), schema)


JSON_MODE = {"response_format": {"type": "json_object"}}


def in_json(prompt, system=None, **fields):
    return json.loads(answer(prompt, (), system, **fields).content)


def test_json_mode_with_a_schema_in_the_prompt():
    schema = json.dumps(PERSON, indent=2)
    made = in_json(
        "Ada is 36, at 'Row 1', 12345", f"Answer in JSON, schema:\n{schema}", **JSON_MODE
    )
    jsonschema.validate(made, PERSON)
    assert (made["name"], made["age"]) == ("Ada", 36)
    wrapped = json.dumps({"name": "person", "schema": PERSON})
    jsonschema.validate(in_json("Ada", f"JSON please: {wrapped}", **JSON_MODE), PERSON)


def test_json_without_json_mode():
    system = f"Respond only with JSON that fits this schema: {json.dumps(PERSON)}"
    jsonschema.validate(in_json("Ada is 36", system), PERSON)
    assert answer("Ada is 36", (), "Here is a schema: " + json.dumps(PERSON)).content[0] != "{"


def test_json_mode_with_an_example_or_named_keys():
    made = in_json('Ada is 36. Answer in JSON like {"name": "string", "age": 0}', **JSON_MODE)
    assert made == {"name": "Ada", "age": 36}
    made = in_json(
        "A joke about cats. Return a JSON with 'setup' and 'punchline' keys.", **JSON_MODE
    )
    assert list(made) == ["setup", "punchline"]
    assert in_json("Tell me something in JSON", **JSON_MODE) == {"answer": "Tell me something"}


def test_json_mode_without_the_word_json():
    """MiMo writes JSON all the same, with keys of its own: a schema in the prompt has no effect."""
    assert in_json("Tell me a joke", **JSON_MODE) == {"answer": "Tell me a joke"}
    assert list(in_json(f"Ada is 36. Use {PERSON}", **JSON_MODE)) == ["answer"]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("with 'setup' and 'punchline' keys", ["setup", "punchline"]),
        ("JSON with keys name and age", ["name", "age"]),
        ("Use the fields: title, year, author", ["title", "year", "author"]),
        ("no such thing", []),
    ],
)
def test_keys_named_in_a_text(text, keys):
    assert keys_in(text) == keys


def test_related_words_have_one_stem():
    assert stem("adder") == stem("adding") == stem("adds") == "add"
    assert stem("generate") == stem("generator") == stem("generation")


@pytest.mark.parametrize(
    "text",
    [
        "The Quick brown Fox in Paris said 'hello' to 42 people. " * 4000,
        "def f(x): { return [1,2,{" * 8000,
        "Abc " * 50000,
        "json " * 20000,
        "1, " * 60000,
    ],
)
def test_both_ends_of_a_long_prompt_are_read(text):
    assert len(both_ends(text)) <= MAX_READ_CHARACTERS + 1
    messages = [{"role": "user", "content": f"{text}\nadd 3 and 4"}]
    assert "add" in [name for name, _ in calls(messages, [ADD])]
    assert in_json(f"{text} JSON", text, **JSON_MODE) is not None


def test_a_schema_after_a_long_text_is_found():
    schema = json.dumps(PERSON)
    made = in_json(f"{'word ' * 5000}\nAnswer in JSON by this schema: {schema}", **JSON_MODE)
    jsonschema.validate(made, PERSON)
    made = in_json(f"{'word ' * 5000}\nAnswer only with JSON of this schema: {schema}")
    jsonschema.validate(made, PERSON)

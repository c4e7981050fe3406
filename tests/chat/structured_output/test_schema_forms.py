"""Schemas in the forms of tools and response formats; dicts and classes that are no schema."""

import enum
import json
import re
import typing
from dataclasses import dataclass

import pytest
import typing_extensions as te
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel, ConfigDict
from scripted_api import SERVERS, ScriptedAPI

from langchain_mimo import ChatMiMo
from langchain_mimo.errors import MiMoConfigurationError, MiMoInputError

METHODS = ["json_schema", "json_mode", "function_calling"]
INNER = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
TEXT = {"description": "Somebody."}
FORMS = {
    "OpenAI's inner dict": {"name": "person", **TEXT, "strict": True, "schema": INNER},
    "OpenAI's response format": {
        "type": "json_schema",
        "json_schema": {"name": "person", **TEXT, "strict": True, "schema": INNER},
    },
    "the Responses API's": {"type": "json_schema", "name": "person", **TEXT, "schema": INNER},
    "OpenAI's function": {"name": "person", **TEXT, "parameters": INNER},
    "OpenAI's tool": {
        "type": "function",
        "function": {"name": "person", **TEXT, "parameters": INNER},
    },
    "the Responses API's tool": {
        "type": "function",
        "name": "person",
        **TEXT,
        "parameters": INNER,
    },
    "Anthropic's tool": {"name": "person", **TEXT, "input_schema": INNER},
    "Bedrock's tool": {"toolSpec": {"name": "person", **TEXT, "inputSchema": {"json": INNER}}},
    "JSON schema": {"title": "person", **TEXT, **INNER},
}
GOOD = '{"name": "Ada", "age": 36}'

pytestmark = pytest.mark.filterwarnings("ignore:The Anthropic format has no strict tools")


def answering(method, text, name="person"):
    return ScriptedAPI([(name, text)] if method == "function_calling" else text)


def sent_schema(body, method):
    """Return the schema of a request, and the rest of what names it."""
    if method == "function_calling":
        function = dict(body["tools"][0]["function"])
        return function.pop("parameters"), function
    if method == "json_schema":
        named = dict(body["response_format"]["json_schema"])
        return named.pop("schema"), named
    stated = body["messages"][-1]["content"].partition("JSON schema:\n")[2]
    return json.loads(stated), {}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_unwrapped(form, method):
    given = FORMS[form]
    before = json.dumps(given)
    api = answering(method, GOOD)
    chain = api.llm().with_structured_output(given, method=method)
    assert chain.invoke("x") == {"name": "Ada", "age": 36}

    schema, named = sent_schema(api.body, method)
    assert {key: schema[key] for key in INNER} == INNER
    assert {**schema, **named}["description"] == "Somebody."
    if method != "json_mode":
        assert named["name"] == "person"
        assert named.get("strict") is (True if "strict" in before else None)
    assert json.dumps(given) == before


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", FORMS)
def test_an_answer_is_checked_by_the_schema_of_every_form(form, method, server):
    for wrong in (
        '{"name": "Ada"}',
        '{"name": "Ada", "age": "old"}',
        '{"name": "Ada", "age": 1, "x": 1}',
    ):
        api = answering(method, wrong)
        chain = api.llm(server).with_structured_output(FORMS[form], method=method)
        with pytest.raises(OutputParserException, match="does not fit the schema"):
            chain.invoke("x")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_a_response_format(form):
    api = ScriptedAPI(GOOD)
    api.llm().invoke("x", response_format=FORMS[form])
    schema, named = sent_schema(api.body, "json_schema")
    assert named["name"] == "person"
    assert {key: schema[key] for key in INNER} == INNER


def test_the_keyword_closes_a_schema_and_its_own_strict_leaves_it():
    open_schema = {"name": "person", "schema": {"type": "object", "properties": {"a": {}}}}
    for method in ("json_schema", "function_calling"):
        for given, strict in ((open_schema, True), ({**open_schema, "strict": True}, True)):
            api = answering(method, '{"a": 1}')
            llm = api.llm()
            llm.with_structured_output(given, method=method, strict=strict).invoke("x")
            schema, named = sent_schema(api.body, method)
            assert schema["additionalProperties"] is False
            assert named["strict"] is True
        llm.with_structured_output({**open_schema, "strict": True}, method=method).invoke("x")
        schema, named = sent_schema(api.body, method)
        assert "additionalProperties" not in schema
        assert named["strict"] is True


@pytest.mark.parametrize("method", METHODS)
def test_contradicting_strict_is_refused(method):
    given = {"name": "a", "strict": True, "schema": INNER}
    with pytest.raises(MiMoConfigurationError, match="strict=True, the call strict=False"):
        ScriptedAPI("x").llm().with_structured_output(given, method=method, strict=False)


# ----------------------------------------------------------------------------- what is no schema


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"title": "person"},
        {"title": "person", "description": "Somebody."},
        {"title": "person", "properties": {}},
        {"name": "person"},
        {"name": "person", "strict": True},
        {"name": "person", "schema": {}},
        {"name": "person", "parameters": {}},
        {"name": "person", "input_schema": {"title": "person"}},
        {"type": "json_schema", "json_schema": {"name": "person", "schema": {}}},
        {"type": "function", "function": {"name": "person"}},
        {"type": "function", "function": {"name": "person", "schema": INNER}},
        {"city": "string", "country": "string"},
        {"city": {"type": "string"}},
        {"schema": INNER},
        {"$defs": {"a": INNER}},
        {"allOf": []},
    ],
)
def test_a_schema_that_admits_anything_is_refused(schema, method):
    with pytest.raises(MiMoConfigurationError, match=r"would admit any answer.*\"properties\""):
        ScriptedAPI("{}").llm().with_structured_output(schema, method=method)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"name": "person", **INNER}, "JSON schema in \"parameters\", got 'properties' beside"),
        ({"name": "person", "anyOf": [INNER]}, "got 'anyOf' beside the name"),
        ({"type": "json_schema"}, 'type "json_schema" needs'),
        ({"type": "json_schema", "json_schema": INNER}, 'type "json_schema" needs'),
        ({"type": "json_schema", "json_schema": "person"}, 'type "json_schema" needs'),
        ({"name": "person", "schema": "person"}, "must be a dict, got str"),
        ({"name": "person", "parameters": [INNER]}, "must be a dict, got list"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_a_dict_that_is_almost_a_schema_is_refused_with_what_to_do(schema, words, method):
    with pytest.raises(MiMoConfigurationError, match=re.escape(words)):
        ScriptedAPI("{}").llm().with_structured_output(schema, method=method)


@pytest.mark.parametrize(
    "response_format",
    [
        {},
        {"city": "string"},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": "person"}},
    ],
)
def test_a_response_format_that_admits_anything_is_refused_before_it_is_sent(response_format):
    api = ScriptedAPI("{}")
    with pytest.raises(MiMoConfigurationError, match=r"admit any answer|must be a dict"):
        api.llm().invoke("x", response_format=response_format)
    assert api.bodies == []


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}},
        {"anyOf": [{"type": "object"}]},
        {"const": {"a": 1}},
        {"enum": [{"a": 1}]},
        {"additionalProperties": {"type": "integer"}},
        {"minProperties": 1},
        {"required": ["a"]},
    ],
)
def test_a_schema_that_says_anything_about_the_answer_is_taken(schema):
    api = ScriptedAPI('{"a": 1}')
    assert api.llm().with_structured_output(schema).invoke("x") == {"a": 1}


class Colour(enum.Enum):
    RED = 1


class Pair(typing.NamedTuple):
    a: int


class Numbers(list):
    """A list."""


class Plain:
    a: int = 1


NO_SCHEMAS = [Colour, object, int, str, dict, Numbers, Pair, Plain, Exception, type]
NO_SCHEMAS += [list[int], dict[str, int], typing.Any, int | None, typing.Literal["a"]]


@pytest.mark.parametrize("kind", NO_SCHEMAS, ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_classes_that_are_no_schemas_are_refused(kind, method):
    with pytest.raises(MiMoConfigurationError, match="the schema must be a pydantic class") as said:
        ScriptedAPI("{}").llm().with_structured_output(kind, method=method)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("kind", NO_SCHEMAS, ids=str)
def test_neither_are_they_tools(kind):
    with pytest.raises(MiMoInputError, match=r"tools\[0\]"):
        ChatMiMo(api_key="sk-test", model="mimo-v2.6-flash").bind_tools([kind])


@pytest.mark.parametrize("form", [form for form in FORMS if "json_schema" not in str(FORMS[form])])
def test_tools_of_these_forms_keep_their_parameters(form):
    api = ScriptedAPI("ok")
    api.llm().bind_tools([FORMS[form]]).invoke("x")
    assert api.function["parameters"] == INNER


def test_a_tool_whose_parameters_would_be_lost_is_refused():
    with pytest.raises(MiMoInputError, match=r"tools\[0\].*in \"parameters\""):
        ScriptedAPI("").llm().bind_tools([{"name": "person", **INNER}])


# ------------------------------------------------------------------------------- what is certain


class Lenient(BaseModel):
    a: int


class Exact(BaseModel):
    model_config = ConfigDict(strict=True)
    a: int


@dataclass
class Data:
    a: int


class Typed(te.TypedDict):
    a: int


SCHEMA = {"title": "Dict", "type": "object", "properties": {"a": {"type": "integer"}}}
KINDS = {"Lenient": Lenient, "Exact": Exact, "Data": Data, "Typed": Typed, "Dict": SCHEMA}


@pytest.mark.parametrize("value", ['"1"', "true"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", KINDS)
def test_pydantic_reads_what_stands_for_a_value_and_dicts_must_fit_the_schema(name, method, value):
    api = answering(method, f'{{"a": {value}}}', name)
    chain = api.llm().with_structured_output(KINDS[name], method=method)
    if name in ("Lenient", "Data"):
        assert chain.invoke("x") == KINDS[name](a=1)
    else:
        with pytest.raises(OutputParserException, match="does not fit the schema"):
            chain.invoke("x")


@pytest.mark.parametrize(
    ("method", "server", "text"),
    [
        (method, server, text)
        for method in METHODS
        for server in ("mimo", "mimo, Anthropic format")
        for text in ('{"a": 1, "a": 2}', '```json\n{"a": 1, "a": 2}\n```')
        # As arguments, it is a text without a fence, and only in the chat format.
        if method != "function_calling" or (server == "mimo" and text[0] == "{")
    ],
)
@pytest.mark.parametrize("name", KINDS)
def test_an_answer_with_a_key_twice_is_refused(name, method, server, text):
    api = answering(method, text, name)
    llm = api.llm(server, forced_tool_attempts=1)
    chain = llm.with_structured_output(KINDS[name], method=method)
    words = "was not called" if method == "function_calling" else "'a' occurs more than once"
    with pytest.raises(OutputParserException, match=words):
        chain.invoke("x")


def test_a_call_with_a_key_twice_is_invalid():
    api = ScriptedAPI([("f", '{"a": 1, "a": 2}')], [("f", '{"b": "x\ny", "a": 1, "a": 2}')])
    for streaming in (True, False):
        message = api.llm(streaming=streaming).invoke("x")
        assert message.tool_calls == []
        assert len(message.invalid_tool_calls) == 1


class Texts(te.TypedDict):
    a: str
    inner: list[str]


class TextsModel(BaseModel):
    a: str
    inner: list[str]


@pytest.mark.parametrize("inner", [r'["\ud83d", "\ud83d\ude00"]', r'"[\"\\ud83d\", \"😀\"]"'])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [Texts, TextsModel])
def test_lone_surrogates_are_repaired_wherever_they_stand(kind, method, inner):
    api = answering(method, rf'{{"a": "x\ud83d", "inner": {inner}}}', kind.__name__)
    chain = api.llm().with_structured_output(kind, method=method)
    expected = {"a": "x\ufffd", "inner": ["\ufffd", "😀"]}
    for result in [chain.invoke("x"), *list(chain.stream("x"))[-1:]]:
        assert (result if kind is Texts else result.model_dump()) == expected
    for part in chain.stream("x"):
        str(part).encode()


class Counted(te.TypedDict):
    """Some things."""

    what: str
    how_many: te.Annotated[int, 3, "how many"]


@pytest.mark.parametrize("method", METHODS)
def test_the_default_of_a_typed_dict_is_told_to_the_model_only(method):
    api = answering(method, '{"what": "apples"}', "Counted")
    chain = api.llm().with_structured_output(Counted, method=method)
    assert chain.invoke("x") == {"what": "apples"}
    schema, _ = sent_schema(api.body, method)
    assert schema["required"] == ["what"]
    assert schema["properties"]["how_many"]["default"] == 3

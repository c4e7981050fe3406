"""Structured output: what is bound, what the request states, and how the answer is parsed."""

from __future__ import annotations

import copy
import json
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core import exceptions as core_exceptions
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from pydantic import BaseModel, ConfigDict
from pydantic import Field as PydanticField
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import TypedDict

from langchain_mimo._chat.structured_output import build_structured_output
from langchain_mimo._chat.structured_output.fences import (
    FenceStripper,
    remove_fence,
    without_fence,
)
from langchain_mimo._chat.structured_output.request import plan_response_format
from langchain_mimo._media.references import InlineBase64, MediaReference
from langchain_mimo._wire.turns import (
    AssistantTurn,
    MediaPart,
    SystemTurn,
    TextPart,
    ToolTurn,
    UserTurn,
)
from langchain_mimo.errors import MiMoConfigurationError

METHODS = ["json_schema", "json_mode", "function_calling"]
REFUSAL = getattr(core_exceptions, "ModelRefusalError", OutputParserException)


class Joke(BaseModel):
    """A joke."""

    setup: str = PydanticField(description="the question")
    punchline: str | None = None


class OldJoke(BaseModelV1):
    """A joke."""

    setup: str
    punchline: str


class TypedJoke(TypedDict):
    """A joke."""

    setup: Annotated[str, ..., "the question"]
    punchline: Annotated[str | None, None, "the answer"]


UNTITLED = {
    "type": "object",
    "properties": {"setup": {"type": "string"}, "punchline": {"type": "string"}},
    "required": ["setup"],
}
FUNCTION = {"name": "joke", "description": "A joke.", "parameters": UNTITLED}
SCHEMAS: dict[str, Any] = {
    "pydantic": Joke,
    "pydantic_v1": OldJoke,
    "typeddict": TypedJoke,
    "json_schema": Joke.model_json_schema(),
    "json_schema_v1": OldJoke.schema(),
    "untitled": UNTITLED,
    "function": FUNCTION,
    "tool": {"type": "function", "function": FUNCTION},
}
GIVEN = {"setup": "Why?", "punchline": "So."}


class FakeModel(BaseChatModel):
    """Answers with the same message always, and remembers what it was called with."""

    answer: AIMessage
    calls: list[Any] = PydanticField(default_factory=list)
    model_config = ConfigDict(arbitrary_types_allowed=True)

    @property
    def _llm_type(self):
        return "fake"

    def bind_tools(self, tools, *, tool_choice=None, strict=None, **kwargs):
        formatted = [convert_to_openai_tool(tool, strict=strict) for tool in tools]
        return self.bind(tools=formatted, tool_choice=tool_choice, **kwargs)

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        self.calls.append((messages, kwargs))
        return ChatResult(generations=[ChatGeneration(message=self.answer)])

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        self.calls.append((messages, kwargs))
        for chunk in chunks_of(self.answer, 3):
            yield ChatGenerationChunk(message=chunk)


def chunks_of(message, length):
    text = message.content
    for start in range(0, len(text), length):
        yield AIMessageChunk(text[start : start + length], id="x")
    for index, call in enumerate([*message.tool_calls, *message.invalid_tool_calls]):
        args = call["args"] if isinstance(call["args"], str) else json.dumps(call["args"])
        yield AIMessageChunk(
            "",
            tool_call_chunks=[
                {"name": call["name"], "args": args, "id": call["id"], "index": index}
            ],
            id="x",
        )
    yield AIMessageChunk(
        "",
        response_metadata=message.response_metadata,
        usage_metadata=message.usage_metadata,
        chunk_position="last",
        id="x",
    )


def call(name, args, call_id="call_1"):
    return {"name": name, "args": args, "id": call_id, "type": "tool_call"}


def answering(method, name="Joke", args=None):
    args = GIVEN if args is None else args
    if method == "function_calling":
        return FakeModel(answer=AIMessage("", tool_calls=[call(name, args)]))
    return FakeModel(answer=AIMessage(json.dumps(args)))


def expected(kind):
    classes = {"pydantic": Joke, "pydantic_v1": OldJoke}
    return classes[kind](**GIVEN) if kind in classes else GIVEN


def name_of(kind):
    named = {"untitled": "answer", "function": "joke", "tool": "joke", "typeddict": "TypedJoke"}
    return named.get(kind, "OldJoke" if "v1" in kind else "Joke")


# --------------------------------------------------------------------------- all combinations


@pytest.mark.parametrize("include_raw", [False, True])
@pytest.mark.parametrize("strict", [None, False, True])
@pytest.mark.parametrize("kind", SCHEMAS)
@pytest.mark.parametrize("method", METHODS)
async def test_every_combination_gives_the_object(method, kind, strict, include_raw):
    model = answering(method, name_of(kind))
    chain = build_structured_output(
        model, SCHEMAS[kind], method=method, strict=strict, include_raw=include_raw
    )
    streamed = [
        reduce(add, parts) if include_raw else parts[-1]
        for parts in ([*chain.stream("?")], [part async for part in chain.astream("?")])
    ]
    for result in (chain.invoke("?"), await chain.ainvoke("?"), *streamed):
        if include_raw:
            assert result["parsing_error"] is None
            assert isinstance(result["raw"], AIMessage)
        found = result["parsed"] if include_raw else result
        assert found == expected(kind)
        assert type(found) is type(expected(kind))


@pytest.mark.parametrize("kind", ["pydantic", "typeddict", "json_schema"])
@pytest.mark.parametrize("method", METHODS)
def test_traces_name_the_schema_and_the_method(method, kind):
    model = answering(method, name_of(kind))
    chain = build_structured_output(model, SCHEMAS[kind], method=method, strict=True)
    traced = chain.first.kwargs["ls_structured_output_format"]
    assert traced["kwargs"] == {"method": method, "strict": True}
    schema = convert_to_json_schema(traced["schema"])
    assert schema["title"] == name_of(kind)
    assert schema["properties"]["setup"] == {
        "type": "string",
        "description": "the question",
        **({"title": "Setup"} if kind == "json_schema" else {}),
    }


def test_the_tool_is_named_and_strict_passed_on():
    model = answering("function_calling")
    build_structured_output(model, Joke, method="function_calling", strict=True, seed=1).invoke("?")
    _, kwargs = model.calls[0]
    assert kwargs["tool_choice"] == "Joke"
    assert kwargs["tools"] == [convert_to_openai_tool(Joke, strict=True)]
    assert kwargs["seed"] == 1


@pytest.mark.parametrize(
    ("method", "strict", "expected_format"),
    [
        (
            "json_schema",
            None,
            {
                "type": "json_schema",
                "json_schema": {"name": "Joke", "schema": convert_to_json_schema(Joke)},
            },
        ),
        (
            "json_schema",
            True,
            {
                "type": "json_schema",
                "json_schema": {
                    "name": "Joke",
                    "schema": convert_to_json_schema(Joke, strict=True),
                    "strict": True,
                },
            },
        ),
        ("json_mode", None, {"type": "json_object", "schema": convert_to_json_schema(Joke)}),
    ],
)
def test_the_response_format_is_bound(method, strict, expected_format):
    model = answering(method)
    build_structured_output(model, Joke, method=method, strict=strict).invoke("?")
    assert model.calls[0][1] == {"response_format": expected_format}


def test_json_mode_without_a_schema_takes_any_object():
    model = answering("json_mode", args={"free": [1]})
    chain = build_structured_output(model, None, method="json_mode")
    assert chain.invoke("?") == {"free": [1]}
    assert model.calls[0][1] == {"response_format": {"type": "json_object"}}


@pytest.mark.parametrize("method", METHODS)
def test_a_schema_without_properties_of_its_own_is_not_lost(method):
    schema = {
        "title": "Pet",
        "anyOf": [{"$ref": "#/$defs/cat"}],
        "$defs": {"cat": {"type": "object", "required": ["lives"]}},
    }
    model = answering(method, "Pet", {"lives": 9})
    chain = build_structured_output(model, schema, method=method, strict=True)
    assert chain.invoke("?") == {"lives": 9}
    assert '"lives"' in json.dumps(model.calls[0][1])


def test_a_list_is_an_answer_where_the_schema_says_so():
    schema = {"title": "Names", "type": "array", "items": {"type": "string"}}
    model = FakeModel(answer=AIMessage('["Ada"]'))
    assert build_structured_output(model, schema).invoke("?") == ["Ada"]


@pytest.mark.parametrize(
    ("schema", "method", "words"),
    [
        (Joke, "tools", "method must be"),
        (None, "json_schema", "needs a schema"),
        (None, "function_calling", "needs a schema"),
        (3, "json_schema", "got int"),
        ("Joke", "json_schema", "got str"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(schema, method, words):
    with pytest.raises(MiMoConfigurationError, match=words):
        build_structured_output(answering(method), schema, method=method)


# ------------------------------------------------------------------------------------ parsing


@pytest.mark.parametrize(
    "text",
    [
        '{"setup": "Why?", "punchline": "So."}',
        '\ufeff \n{"setup": "Why?", "punchline": "So."}\n',
        '```json\n{"setup": "Why?", "punchline": "So."}\n```',
        '\n```\n{"setup": "Why?",\n "punchline": "So."}```  \n',
        '``` JSON \r\n{"setup": "Why?", "punchline": "So."}\r\n```',
    ],
)
def test_json_is_taken_bare_or_in_one_fence(text):
    chain = build_structured_output(FakeModel(answer=AIMessage(text)), TypedJoke)
    assert chain.invoke("?") == GIVEN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('Here you are: {"setup": "Why?"}', "not JSON"),
        ('{"setup": "Why?"}\nI hope you like it.', "not JSON"),
        ('Sure!\n```json\n{"setup": "Why?"}\n```', "not JSON"),
        ('```json\n{"setup": "Why?"}\n```\nEnjoy.', "not JSON"),
        ('```json\n{"setup": "a"}\n```\n```json\n{"setup": "b"}\n```', "not JSON"),
        ('<think>{"setup": "no"}</think>{"setup": "Why?"}', "not JSON"),
        ('{"setup": "Why', "not JSON"),
        ('```json\n{"setup": "Why', "not JSON"),
        ("{'setup': 'Why?'}", "not JSON"),
        ('{"setup": "Why?",}', "not JSON"),
        ('{"setup": NaN}', "NaN is not JSON"),
        ('{"setup": "Why?"} {"setup": "Why?"}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('["setup"]', "expected a JSON object, got list"),
        ('"setup"', "expected a JSON object, got str"),
        ("null", "expected a JSON object, got NoneType"),
        ("{}", "missing keys: 'setup'"),
        ("", "empty"),
        ("I cannot.", "not JSON"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_no_object_is_built_out_of_anything_else(text, words, stream):
    chain = build_structured_output(FakeModel(answer=AIMessage(text)), TypedJoke)
    with pytest.raises(OutputParserException) as failure:
        list(chain.stream("?")) if stream else chain.invoke("?")
    assert words in str(failure.value)
    assert "Could not parse a TypedJoke" in str(failure.value)
    assert len(str(failure.value)) < 2000


@pytest.mark.parametrize("model_class", [Joke, OldJoke])
def test_an_instance_must_fit(model_class):
    chain = build_structured_output(FakeModel(answer=AIMessage('{"setup": []}')), model_class)
    with pytest.raises(OutputParserException, match="does not fit") as failure:
        chain.invoke("?")
    assert failure.value.llm_output == '{"setup": []}'
    assert "setup" in str(failure.value)


def usage(reasoning):
    return {
        "input_tokens": 5,
        "output_tokens": reasoning,
        "total_tokens": 5 + reasoning,
        "output_token_details": {"reasoning": reasoning},
    }


@pytest.mark.parametrize(
    ("message", "method", "words"),
    [
        (
            AIMessage("", usage_metadata=usage(812), response_metadata={"finish_reason": "length"}),
            "json_schema",
            ["empty", "finish_reason=length", "812 reasoning tokens", "max_completion_tokens"],
        ),
        (
            AIMessage('{"setup": "Wh', response_metadata={"finish_reason": "length"}),
            "json_schema",
            ["finish_reason=length", "reached the token limit", '{"setup": "Wh'],
        ),
        (
            AIMessage("x" * 5000, response_metadata={"finish_reason": "repetition_truncation"}),
            "json_mode",
            ["repetition_truncation", "x" * 200 + "'"],
        ),
        (
            AIMessage("It rains.", response_metadata={"finish_reason": "stop"}),
            "function_calling",
            ["the tool Joke was not called", "'It rains.'"],
        ),
        (
            AIMessage("", tool_calls=[call("other", {})]),
            "function_calling",
            ["the tool Joke was not called", "tools called: other"],
        ),
        (
            AIMessage(
                "",
                invalid_tool_calls=[
                    {
                        "name": "Joke",
                        "args": '"{"',
                        "id": "1",
                        "error": None,
                        "type": "invalid_tool_call",
                    }
                ],
            ),
            "function_calling",
            ["the tool Joke was not called", "calls with invalid JSON: Joke"],
        ),
        (
            AIMessage("", tool_calls=[call("Joke", {"punchline": "So."})]),
            "function_calling",
            ["does not fit", "setup"],
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_names_what_came(message, method, words, stream):
    chain = build_structured_output(FakeModel(answer=message), Joke, method=method)
    with pytest.raises(OutputParserException) as failure:
        list(chain.stream("?")) if stream else chain.invoke("?")
    assert [word for word in words if word not in str(failure.value)] == []
    assert len(str(failure.value)) < 2000


@pytest.mark.parametrize("method", METHODS)
def test_a_refusal_is_no_parsing_error(method):
    answer = AIMessage(
        json.dumps(GIVEN),
        tool_calls=[call("Joke", GIVEN)],
        response_metadata={"finish_reason": "content_filter"},
    )
    chain = build_structured_output(FakeModel(answer=answer), Joke, method=method)
    with pytest.raises(REFUSAL, match=r"content.filter"):
        chain.invoke("?")
    raw = build_structured_output(
        FakeModel(answer=answer), Joke, method=method, include_raw=True
    ).invoke("?")
    assert isinstance(raw["parsing_error"], REFUSAL)


@pytest.mark.parametrize("method", METHODS)
def test_include_raw_keeps_the_text_that_could_not_be_parsed(method):
    chain = build_structured_output(
        FakeModel(answer=AIMessage("It rains.")), Joke, method=method, include_raw=True
    )
    for result in (chain.invoke("?"), reduce(add, chain.stream("?"))):
        assert result["raw"].content == "It rains."
        assert result["parsed"] is None
        assert isinstance(result["parsing_error"], OutputParserException)


def test_the_first_call_of_the_tool_counts():
    answer = AIMessage(
        "", tool_calls=[call("other", {}), call("Joke", {"setup": "1"}), call("Joke", {})]
    )
    chain = build_structured_output(FakeModel(answer=answer), Joke, method="function_calling")
    assert chain.invoke("?") == Joke(setup="1")


def test_dicts_grow_in_a_stream_and_instances_come_whole():
    model = answering("json_schema")
    grown = list(build_structured_output(model, TypedJoke).stream("?"))
    assert len(grown) > 2
    assert grown[-1] == GIVEN
    assert all(one != other for one, other in pairwise(grown))
    assert all(part.items() <= GIVEN.items() or len(part) < 3 for part in grown)
    assert list(build_structured_output(model, Joke).stream("?")) == [Joke(**GIVEN)]


# ------------------------------------------------------------------------------- the request

USER = UserTurn("Tell me a joke.")
SCHEMA = convert_to_json_schema(Joke)
NATIVE = {"type": "json_schema", "json_schema": {"name": "Joke", "schema": SCHEMA, "strict": True}}
BESIDE = {"type": "json_object", "schema": SCHEMA}


@pytest.mark.parametrize(
    "response_format",
    [NATIVE, BESIDE, Joke, OldJoke, TypedJoke, Joke.model_json_schema(), UNTITLED],
)
def test_mimo_gets_json_object_and_the_schema_in_a_last_system_message(response_format):
    plan = plan_response_format(response_format, [USER])
    assert plan.response_format == {"type": "json_object"}
    assert "JSON" in plan.instruction.text
    stated = json.loads(plan.instruction.text.partition("\n")[2])
    assert stated["properties"].keys() == {"setup", "punchline"}
    assert "tools" not in plan.instruction.text


def test_the_schema_is_stated_whatever_the_caller_says_of_json():
    assert plan_response_format(NATIVE, [UserTurn("As JSON, please.")]).instruction


def test_tools_stay_allowed_before_the_answer():
    plan = plan_response_format(NATIVE, [USER], has_tools=True)
    assert "you may call tools" in plan.instruction.text


def test_the_instruction_is_the_same_each_time():
    again = plan_response_format(copy.deepcopy(NATIVE), [USER])
    assert plan_response_format(NATIVE, [USER]) == again


IMAGE = MediaPart(MediaReference("image", InlineBase64("AAAA"), "image/png", 0, 0))


@pytest.mark.parametrize(
    ("turns", "is_added"),
    [
        ([USER], True),
        ([UserTurn("As JSON, please.")], False),
        ([SystemTurn("Answer in json."), USER], False),
        ([UserTurn([IMAGE, TextPart("JSON")])], False),
        ([UserTurn([IMAGE, TextPart("Look.")])], True),
        ([USER, AssistantTurn("JSON?"), ToolTurn("1", "json")], True),
    ],
)
def test_json_is_asked_for_where_no_message_of_the_caller_does(turns, is_added):
    plan = plan_response_format({"type": "json_object"}, turns)
    assert bool(plan.instruction) == is_added
    assert plan.response_format == {"type": "json_object"}


@pytest.mark.parametrize(
    ("response_format", "sent"),
    [
        (NATIVE, NATIVE),
        (BESIDE, {"type": "json_schema", "json_schema": {"name": "Joke", "schema": SCHEMA}}),
        (Joke, {"type": "json_schema", "json_schema": {"name": "Joke", "schema": SCHEMA}}),
        ({"type": "json_object"}, {"type": "json_object"}),
        ({"type": "text"}, {"type": "text"}),
    ],
)
def test_a_server_that_enforces_schemas_gets_them(response_format, sent):
    plan = plan_response_format(response_format, [USER], server="json_schema")
    assert plan.response_format == sent
    assert plan.instruction is None


def test_an_api_without_response_formats_gets_the_instruction_alone():
    plan = plan_response_format(NATIVE, [USER], server="nothing")
    assert plan.response_format is None
    assert plan.instruction


@pytest.mark.parametrize("response_format", [None, {"type": "text"}])
def test_text_needs_no_instruction(response_format):
    plan = plan_response_format(response_format, [USER])
    assert plan.response_format == response_format
    assert plan.instruction is None


def test_a_json_schema_format_without_its_schema_is_refused():
    with pytest.raises(MiMoConfigurationError, match="json_schema"):
        plan_response_format({"type": "json_schema", "schema": SCHEMA}, [])


# ---------------------------------------------------------------------------------- fences


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("```json\n{}\n```", "{}"),
        ("```\n{}\n```", "{}"),
        (" \n```json5\r\n{}\r\n```\n", "{}"),
        ("```json\n\n{}\n\n```", "\n{}\n"),
        ("```\n```", ""),
    ],
)
def test_a_fence_around_all_is_taken_off(text, inside):
    assert remove_fence(text) == (inside, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "```",
        "```json",
        "``````",
        "```{}```",
        "```json\n{}",
        "{}\n```",
        "a\n```\n{}\n```",
        "```\n{}\n```\nb",
        "```\na\n```\n```\nb\n```",
        "```two words\n{}\n```",
    ],
)
def test_any_other_text_is_left_to_the_letter(text):
    assert remove_fence(text) == (text, False)


def test_fences_of_any_size_take_no_time():
    long = "```\n" + " " * 200_000 + "\n" + "\t \n" * 50_000
    assert remove_fence(long) == (long, False)
    assert remove_fence(long + "```")[1] is True


def stripped(message, length):
    stripper = FenceStripper()
    return [[*stripper.feed(chunk)] for chunk in chunks_of(message, length)]


pieces = st.sampled_from(["```", "json", "\n", " ", "`", "{}", '"a"', "\ufeff", "x"])
texts = st.lists(pieces, max_size=8).map("".join)
fenced = texts.map("```json\n{}\n```".format)


@given(texts | fenced, st.integers(1, 7), st.sampled_from([None, "tool_calls", "invalid"]))
def test_a_stream_is_unfenced_like_a_whole_message(text, length, calling):
    broken = {"name": "look", "args": '"{"', "id": "1", "error": None, "type": "invalid_tool_call"}
    message = AIMessage(
        text,
        tool_calls=[call("look", {})] if calling == "tool_calls" else [],
        invalid_tool_calls=[broken] if calling == "invalid" else [],
        response_metadata={"finish_reason": "stop"},
        id="x",
    )
    whole = without_fence(message)
    merged = reduce(add, [chunk for step in stripped(message, length) for chunk in step])
    assert merged.content == whole.content
    assert merged.response_metadata == whole.response_metadata
    assert merged.tool_calls == whole.tool_calls
    assert merged.invalid_tool_calls == whole.invalid_tool_calls
    assert whole.content == (text if calling else remove_fence(text)[0])


def test_a_removed_fence_is_noted():
    assert without_fence(AIMessage("```\n{}\n```")).response_metadata == {
        "code_fence_removed": True
    }
    assert without_fence(AIMessage("{}")).response_metadata == {}


def test_text_without_a_fence_flows_on_at_once():
    steps = stripped(AIMessage('{"a": 1}'), 2)
    assert ["".join(chunk.content for chunk in step) for step in steps] == [
        '{"',
        'a"',
        ": ",
        "1}",
        "",
    ]


def test_text_that_may_be_fenced_waits_for_the_end():
    steps = stripped(AIMessage("```\n{}\n```"), 4)
    assert ["".join(chunk.content for chunk in step) for step in steps] == ["", "", "", "{}"]


def test_reasoning_beside_held_text_flows_on():
    stripper = FenceStripper()
    chunk = AIMessageChunk("``", additional_kwargs={"reasoning_content": "Hm"})
    [out] = stripper.feed(chunk)
    assert (out.content, out.additional_kwargs) == ("", {"reasoning_content": "Hm"})
    assert chunk.content == "``"


# ------------------------------------------------------------------------- checked by the schema


STRICT = {
    "title": "Person",
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "age": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}


class TypedPerson(TypedDict):
    """A person."""

    name: str
    age: int


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        (STRICT, {"name": "Ada", "age": "many"}, "age: .*integer"),
        (STRICT, {"name": "ada"}, "name: .*A-Z"),
        (STRICT, {"name": "Ada", "town": 1}, "town"),
        (TypedPerson, {"name": "Ada", "age": "many"}, "age: .*integer"),
    ],
)
def test_dicts_are_checked_against_the_whole_schema(method, schema, value, words):
    name = "Person" if schema is STRICT else "TypedPerson"
    answer = AIMessage(json.dumps(value), tool_calls=[call(name, value)])
    chain = build_structured_output(FakeModel(answer=answer), schema, method=method)
    with pytest.raises(OutputParserException, match=words):
        chain.invoke("?")
    with pytest.raises(OutputParserException, match=words):
        list(chain.stream("?"))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "schema",
    [
        {"title": "A", "type": "objekt"},
        {"title": "A", "type": "object", "properties": {"a": {"$ref": "#/nope"}}},
        {"title": "A", "type": "object", "properties": {"a": {"pattern": "("}}},
        {"title": "A", "$ref": "https://example.org/schema.json"},
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(method, schema):
    with pytest.raises(MiMoConfigurationError, match="not a usable JSON schema"):
        build_structured_output(FakeModel(answer=AIMessage("")), schema, method=method)


@pytest.mark.parametrize("method", ["json_mode", "function_calling"])
def test_methods_that_give_objects_refuse_other_schemas(method):
    schema = {"title": "A", "type": "array", "items": {"type": "string"}}
    with pytest.raises(MiMoConfigurationError, match="wrap it in an object"):
        build_structured_output(FakeModel(answer=AIMessage("")), schema, method=method)
    chain = build_structured_output(FakeModel(answer=AIMessage('["a"]')), schema)
    assert chain.invoke("?") == ["a"]
    chain = build_structured_output(FakeModel(answer=AIMessage("[1]")), schema)
    with pytest.raises(OutputParserException, match=r"0: .*string"):
        chain.invoke("?")

"""Schemas that MiMo enforces itself: what is sent, and what counts as an answer."""

import pytest
from chat_requests import chat_request
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessageChunk
from native_servers import (
    GOOD,
    SCHEMA,
    Report,
    Server,
    ask,
    facts,
    instruction,
    model,
    sent_format,
    stream_of,
)
from pydantic import BaseModel

from langchain_mimo import ChatMiMo, MiMoTimeouts, RetryPolicy
from langchain_mimo._chat.responses import StreamedResponse
from langchain_mimo._chat.structured_output import native
from langchain_mimo._chat.structured_output.native import (
    NativeSchema,
    has_descriptions,
    without_patterns,
)
from langchain_mimo._chat.structured_output.request import plan_response_format
from langchain_mimo._chat.structured_output.schema import AnswerSchema
from langchain_mimo.errors import (
    MiMoConnectionError,
    MiMoIncompleteStreamError,
    MiMoTimeoutError,
)

WAYS = ["invoke", "ainvoke", "stream", "astream"]
PROMPTED = {"type": "json_object"}


@pytest.fixture(autouse=True)
def _no_refusals(monkeypatch):
    monkeypatch.setattr(native, "_refusals", {})


# --------------------------------------------------------------------------------- the schema


def test_patterns_are_not_sent_but_properties_of_that_name_are():
    schema = {
        "properties": {
            "pattern": {"type": "string", "pattern": "x"},
            "items": {"type": "array", "items": {"pattern": "y"}},
        },
        "$defs": {"pattern": {"anyOf": [{"pattern": "z"}, {"type": "null"}]}},
        "required": ["pattern"],
    }
    assert without_patterns(schema) == {
        "properties": {
            "pattern": {"type": "string"},
            "items": {"type": "array", "items": {}},
        },
        "$defs": {"pattern": {"anyOf": [{}, {"type": "null"}]}},
        "required": ["pattern"],
    }


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        (GOOD, True),
        (f"```json\n{GOOD}\n```", True),
        ('{"city": "paris"}', False),
        ('{"city": "Paris", "town": 1}', False),
        ("{}", False),
        ("Paris", False),
        ('{"city": "Paris"', False),
        ('{"city": NaN}', False),
        ("[" * 100_000, False),
    ],
)
def test_responses_are_checked_by_the_whole_schema(text, accepted):
    assert NativeSchema(SCHEMA).accepts(text) is accepted


def test_a_schema_that_cannot_be_read_checks_the_syntax():
    for schema in ({"$ref": "https://example.org/schema.json"}, {"type": "nonsense"}):
        assert NativeSchema(schema).accepts("{}")
        assert not NativeSchema(schema).accepts("no")


@pytest.mark.parametrize(
    ("schema", "described"),
    [
        (SCHEMA, False),
        ({"properties": {"a": {"description": "A."}}}, True),
        ({"anyOf": [{}]}, False),
    ],
)
def test_descriptions_are_noticed(schema, described):
    assert has_descriptions(schema) is described


# ----------------------------------------------------------------------------------- the call


@pytest.mark.parametrize("way", WAYS)
async def test_a_model_that_enforces_schemas_gets_the_schema(way):
    server = Server(stream_of(GOOD))
    chain = model(server).with_structured_output(SCHEMA, strict=None)
    assert (await ask(way, chain))[-1] == {"city": "Paris", "rain": True}
    [body] = server.bodies
    named = sent_format(body)["json_schema"]
    assert sent_format(body)["type"] == "json_schema"
    assert named["schema"] == without_patterns(SCHEMA)
    assert body["stream"] is True
    assert instruction(body) == []


def test_strict_is_passed_on_and_descriptions_are_prompted_too():
    class Described(BaseModel):
        """What the weather is like."""

        city: str

    server = Server(stream_of('{"city": "Paris"}'))
    model(server).with_structured_output(Described, strict=True).invoke("Rain?")
    [body] = server.bodies
    assert sent_format(body)["json_schema"]["strict"] is True
    assert "What the weather is like." in instruction(body)[0]["content"]


@pytest.mark.parametrize(
    ("fields", "method"),
    [
        ({"model": "mimo-v2.5-pro"}, "json_schema"),
        ({"model": "somebody/else"}, "json_schema"),
        ({"native_schemas": False}, "json_schema"),
        ({}, "json_mode"),
    ],
)
@pytest.mark.filterwarnings("ignore:MiMo retired")
def test_all_others_use_json_mode(fields, method):
    server = Server(stream_of(GOOD))
    chain = model(server, **fields).with_structured_output(Report, method=method)
    assert chain.invoke("Rain?") == Report(city="Paris", rain=True)
    [body] = server.bodies
    assert sent_format(body) == PROMPTED
    assert not body.get("stream")


def test_a_response_that_was_cut_or_calls_tools_is_not_checked():
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    call = {"index": 0, "id": "c", "function": {"name": "look", "arguments": "{}"}}
    calling = stream_of("", "tool_calls")
    calling.insert(1, {"id": "1", "choices": [{"delta": {"tool_calls": [call]}}]})
    for response in (stream_of('{"ci', "length"), calling):
        server = Server(response)
        llm = model(server).bind(response_format=Report, tools=[tool])
        message = llm.invoke("Rain?")
        assert len(server.bodies) == 1
        assert facts(message)[0] == {"native": True}


def test_invoke_gives_a_message_of_invoke_and_no_chunks():
    class Tokens(BaseCallbackHandler):
        seen = 0

        def on_llm_new_token(self, *_, **__):
            self.seen += 1

    tokens = Tokens()
    server = Server(stream_of(GOOD, reasoning="Hm."))
    llm = model(server).bind(response_format=Report)
    message = llm.invoke("Rain?", config={"callbacks": [tokens]})
    assert not isinstance(message, AIMessageChunk)
    assert tokens.seen == 0
    assert message.additional_kwargs["reasoning_content"] == "Hm."
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.usage_metadata["total_tokens"] == 15


def test_a_broken_stream_beneath_invoke_is_sent_again(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    cut = stream_of(GOOD)[:4]
    server = Server(cut, stream_of(GOOD))
    assert model(server, max_retries=1).with_structured_output(SCHEMA).invoke("Rain?")
    server = Server(cut)
    with pytest.raises(MiMoIncompleteStreamError):
        model(server).with_structured_output(SCHEMA).invoke("Rain?")


@pytest.mark.parametrize(
    ("error", "is_sent_again"),
    [
        (MiMoConnectionError("broken"), True),
        (MiMoIncompleteStreamError("cut"), True),
        (MiMoConnectionError("untrusted", is_retryable=False), False),
        (MiMoTimeoutError("idle", 300), False),
        (MiMoTimeoutError("total", 900), False),
    ],
)
def test_a_held_stream_is_sent_again_for_the_errors_of_a_whole_response(error, is_sent_again):
    request = chat_request(is_held=True, retry=RetryPolicy(max_retries=1))
    response = StreamedResponse(request, lambda chunk: (chunk,))
    if is_sent_again:
        response.fail(error)
        assert response.body is not None
    with pytest.raises(type(error)):
        response.fail(error)


def test_a_total_limit_is_not_started_again():
    timeout = MiMoTimeouts(total=5)
    server = Server(stream_of(GOOD)[:4])
    with pytest.raises(MiMoIncompleteStreamError):
        model(server, max_retries=3, timeout=timeout).with_structured_output(SCHEMA).invoke("?")


def test_the_profile_promises_structured_output():
    assert model(Server()).profile["structured_output"] is True
    assert model(Server(), native_schemas=False).profile["structured_output"] is False
    assert ChatMiMo(model="mimo-v2.5", api_key="sk-x").profile["structured_output"] is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, True),
        ('{"city": "Paris", "rain": "yes"}', True),  # pydantic reads it as true
        ('{"city": "paris", "rain": true}', False),
        ('{"rain": true}', False),
        ("[]", False),
        ("Paris", False),
    ],
)
def test_what_a_class_takes_is_no_failure_although_its_schema_does_not(text, expected):
    bound = ChatMiMo(model="mimo-v2.6-flash", api_key="sk-x").with_structured_output(
        Report, method="json_schema"
    )
    plan = plan_response_format(bound.first.kwargs["response_format"], [], native=True)
    assert plan.native.accepts(text) is expected
    assert type(plan.response_format["json_schema"]["schema"]) is dict
    strict = AnswerSchema(Report).bound_format("json_schema", strict=True)
    plan = plan_response_format(strict, [], native=True)
    assert plan.native.accepts(text) is (text == GOOD)

"""Schemas that MiMo enforces itself: what is sent, what counts as failed, and what happens then."""

import json
from functools import reduce
from operator import add

import httpx2
import pytest
from chat_requests import chat_request
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessageChunk
from pydantic import BaseModel, Field

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
    MiMoAPIError,
    MiMoConnectionError,
    MiMoIncompleteStreamError,
    MiMoInvalidRequestError,
    MiMoServerError,
    MiMoTimeoutError,
)

SCHEMA = {
    "title": "Report",
    "type": "object",
    "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}, "rain": {"type": "boolean"}},
    "required": ["city"],
    "additionalProperties": False,
}
GOOD = '{"city": "Paris", "rain": true}'
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
SUMMED = {"input_tokens": 20, "output_tokens": 10, "total_tokens": 30}
REFUSAL = {
    "error": {
        "code": "400",
        "message": "Invalid request parameters",
        "param": "",
        "type": "Bad Request",
    }
}


@pytest.fixture(autouse=True)
def _no_refusals(monkeypatch):
    monkeypatch.setattr(native, "_refusals", {})


class Report(BaseModel):
    city: str = Field(pattern="^[A-Z]")
    rain: bool = False


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


def stream_of(text, finish_reason="stop", size=4, reasoning=""):
    deltas = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": reasoning}] if reasoning else []
    deltas += [{"content": text[at : at + size]} for at in range(0, len(text), size)]
    events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]})
    events.append({"choices": [], "usage": USAGE})
    return [{"id": "1", "model": "mimo-v2.6-pro", **event} for event in events]


class Server:
    """Answers each request with the next of its responses: events, or a status and a body."""

    def __init__(self, *responses):
        self.responses = list(responses)
        self.bodies = []

    def __call__(self, request):
        self.bodies.append(json.loads(request.content))
        response = self.responses.pop(0)
        if isinstance(response, tuple):
            status, body = response
            return httpx2.Response(status, json=body)
        if self.bodies[-1].get("stream"):
            lines = [f"data: {json.dumps(event)}\n\n" for event in response] + ["data: [DONE]\n\n"]
            headers = {"content-type": "text/event-stream"}
            return httpx2.Response(200, text="".join(lines), headers=headers)
        deltas = [choice["delta"] for event in response for choice in event["choices"]]
        choice = {
            "message": {"content": "".join(delta.get("content") or "" for delta in deltas)},
            "finish_reason": response[-2]["choices"][0]["finish_reason"],
        }
        return httpx2.Response(200, json={"id": "1", "choices": [choice], "usage": USAGE})


def model(server, **fields):
    transport = httpx2.MockTransport(server)
    fields = {"model": "mimo-v2.6-pro", "max_retries": 0, **fields}
    return ChatMiMo(
        api_key="sk-test",
        http_client=httpx2.Client(transport=transport),
        http_async_client=httpx2.AsyncClient(transport=transport),
        **fields,
    )


async def ask(way, chain):
    """The outputs of a call, in a list."""
    if way == "invoke":
        return [chain.invoke("Rain?")]
    if way == "ainvoke":
        return [await chain.ainvoke("Rain?")]
    if way == "stream":
        return list(chain.stream("Rain?"))
    return [output async for output in chain.astream("Rain?")]


WAYS = ["invoke", "ainvoke", "stream", "astream"]
PROMPTED = {"type": "json_object"}


def sent_format(body):
    return body.get("response_format")


def instruction(body):
    return [message for message in body["messages"] if message["role"] == "system"]


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


def facts(message):
    return message.response_metadata.get("structured_output"), {
        key: message.usage_metadata[key] for key in SUMMED
    }


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ((400, REFUSAL), "refused"),
        (stream_of('{"city": "paris"}', reasoning="Hm."), "invalid"),
        (stream_of("It rains."), "invalid"),
        (stream_of('{"city": ' + "\t" * 5000, "length", 50), "whitespace"),
    ],
)
async def test_a_schema_that_fails_falls_back_to_json_mode(way, first, reason):
    server = Server(first, stream_of(GOOD, reasoning="Ah."))
    chain = model(server).with_structured_output(Report, include_raw=True)
    [result] = await ask(way, chain)
    assert result["parsed"] == Report(city="Paris", rain=True)
    raw = result["raw"]
    assert raw.content == GOOD
    assert raw.additional_kwargs["reasoning_content"] == "Ah."
    metadata, usage = facts(raw)
    assert metadata == {"native": False, "reason": reason}
    assert usage == (SUMMED if reason == "invalid" else {k: v // 2 for k, v in SUMMED.items()})
    assert [sent_format(body)["type"] for body in server.bodies] == ["json_schema", "json_object"]
    assert "must fit this JSON schema" in instruction(server.bodies[1])[0]["content"]


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_stream_falls_back_while_nothing_was_given_out(way):
    for first in ((400, REFUSAL), stream_of("\n\t " * 2000, "length", 60)):
        native._refusals.clear()
        server = Server(first, stream_of(GOOD))
        chunks = await ask(way, model(server).bind(response_format=Report))
        message = reduce(add, chunks)
        assert message.content == GOOD
        assert facts(message)[0]["native"] is False
        assert len(server.bodies) == 2


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_stream_raises_once_a_part_was_given_out(way):
    server = Server(stream_of('{"city": "Paris",' + " " * 9000, "length", 16), stream_of(GOOD))
    with pytest.raises(MiMoIncompleteStreamError, match="white space") as raised:
        await ask(way, model(server).with_structured_output(SCHEMA))
    assert raised.value.partial_message.content.startswith('{"city": "Paris",')
    assert len(raised.value.partial_message.content) < 3000
    assert len(server.bodies) == 1


def test_the_rest_of_a_degenerate_stream_is_not_read():
    read = 0

    def lines():
        nonlocal read
        for event in stream_of("\t" * 100_000, "length", 50):
            read += 1
            yield f"data: {json.dumps(event)}\n\n".encode()

    server = Server(stream_of(GOOD))

    def respond(request):
        if read == 0:
            headers = {"content-type": "text/event-stream"}
            return httpx2.Response(200, content=lines(), headers=headers)
        return server(request)

    llm = ChatMiMo(
        model="mimo-v2.6-pro",
        api_key="sk-x",
        http_client=httpx2.Client(transport=httpx2.MockTransport(respond)),
    )
    assert llm.with_structured_output(SCHEMA).invoke("Rain?") == json.loads(GOOD)
    assert read < 100


def test_a_host_that_refused_is_asked_no_more():
    server = Server((400, REFUSAL), *[stream_of(GOOD)] * 3)
    chain = model(server).with_structured_output(Report)
    for _ in range(3):
        chain.invoke("Rain?")
    types = [sent_format(body)["type"] for body in server.bodies]
    assert types == ["json_schema", "json_object", "json_object", "json_object"]


UNCLEAR = {"error": {"code": "400", "message": "something else"}}


def test_a_refusal_that_names_no_format_counts_the_second_time_in_a_row():
    rounds = [(400, UNCLEAR), stream_of(GOOD)]
    server = Server(*rounds, stream_of(GOOD), *rounds, *rounds, stream_of(GOOD))
    chain = model(server).with_structured_output(Report)
    for _ in range(5):
        chain.invoke("Rain?")
    types = [sent_format(body)["type"] for body in server.bodies]
    fallback = ["json_schema", "json_object"]
    assert types == [*fallback, "json_schema", *fallback, *fallback, "json_object"]


def test_a_request_that_is_wrong_in_itself_is_not_remembered():
    server = Server((400, REFUSAL), (400, REFUSAL), stream_of(GOOD))
    chain = model(server).with_structured_output(Report)
    with pytest.raises(MiMoInvalidRequestError):
        chain.invoke("Rain?")
    chain.invoke("Rain?")
    assert sent_format(server.bodies[-1])["type"] == "json_schema"


def test_a_second_answer_that_does_not_fit_is_the_parsers_error():
    server = Server(stream_of("no"), stream_of("no"))
    with pytest.raises(OutputParserException, match="Could not parse a Report"):
        model(server).with_structured_output(Report).invoke("Rain?")
    assert len(server.bodies) == 2


@pytest.mark.parametrize(
    ("error", "requests"),
    [
        ({"code": "400", "message": "Invalid request parameters", "param": "", "type": ""}, 2),
        ({"code": "400", "message": "response_format type is unsupported"}, 2),
        ({"code": "400", "message": "something new"}, 2),
        ({"code": "400", "message": "Unsupported model x"}, 1),
        (
            {
                "code": "400",
                "message": "Param Incorrect",
                "param": "web search tool found in the request body, but webSearchEnabled is false",
            },
            1,
        ),
        ({"code": "441", "message": "…", "type": "risk_control"}, 1),
    ],
)
def test_only_a_bad_request_that_may_be_about_the_schema_is_a_refusal(error, requests):
    server = Server((400, {"error": error}), stream_of(GOOD))
    chain = model(server, second_chance=False).with_structured_output(Report)
    if requests == 2:
        chain.invoke("Rain?")
    else:
        with pytest.raises(MiMoAPIError):
            chain.invoke("Rain?")
    assert len(server.bodies) == requests


def test_a_server_error_is_no_refusal():
    server = Server((500, {"error": {"message": "down"}}))
    with pytest.raises(MiMoServerError):
        model(server).with_structured_output(Report).invoke("Rain?")


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

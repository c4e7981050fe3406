"""Schemas that MiMo enforces itself: what counts as failed, and what happens then."""

import json
from functools import reduce
from operator import add

import httpx2
import pytest
from langchain_core.exceptions import OutputParserException
from native_servers import (
    GOOD,
    REFUSAL,
    SCHEMA,
    SUMMED,
    Report,
    Server,
    ask,
    facts,
    instruction,
    model,
    sent_format,
    stream_of,
)

from langchain_mimo import ChatMiMo
from langchain_mimo._chat.structured_output import native
from langchain_mimo.errors import (
    MiMoAPIError,
    MiMoIncompleteStreamError,
    MiMoInvalidRequestError,
    MiMoServerError,
)


@pytest.fixture(autouse=True)
def _no_refusals(monkeypatch):
    monkeypatch.setattr(native, "_refusals", {})


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

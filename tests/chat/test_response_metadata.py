"""What `response_metadata` says about the call itself: its cost, the server's id, its headers."""

import asyncio
import json
import logging

import anthropic_wire
import httpx2
import openai_wire
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_api import ScriptedAPI, messages_of

from langchain_mimo import ChatMiMo, RetryPolicy
from langchain_mimo._chat import second_chance
from langchain_mimo.cost import price_of
from langchain_mimo.errors import MiMoError, MiMoIncompleteStreamError, MiMoInputError

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")

FORMATS = {"openai": openai_wire, "anthropic": anthropic_wire}
KEY = "sk-canary-0123456789abcdef"


class Server:
    """Gives each response in turn with its headers, the last one again and again."""

    def __init__(self, api_format, *responses, headers=()):
        self.wire = FORMATS[api_format]
        self.responses = list(responses)
        self.headers = headers if callable(headers) else lambda number: list(headers)
        self.count = 0
        self.fields = {"api_format": api_format}

    def __call__(self, request):
        answer = self.responses[min(self.count, len(self.responses) - 1)]
        self.count += 1
        headers = self.headers(self.count)
        if isinstance(answer, int):
            return httpx2.Response(answer, headers=headers, json={"error": {"message": "no"}})
        if not json.loads(request.content).get("stream"):
            return httpx2.Response(200, headers=headers, json=answer)
        events = [*map(json.dumps, self.wire.stream_of(answer)), "[DONE]"]
        text = "".join(f"data: {event}\n\n" for event in events)
        headers = [*headers, ("Content-Type", "text/event-stream")]
        return httpx2.Response(200, headers=headers, text=text)

    def llm(self, **fields):
        transport = httpx2.MockTransport(self)
        settings = {"model": "mimo-v2.6-pro", "api_key": KEY, **self.fields, **fields}
        return ChatMiMo(
            http_client=httpx2.Client(transport=transport),
            http_async_client=httpx2.AsyncClient(transport=transport),
            **settings,
        )


def text_response(api_format, usage=...):
    wire = FORMATS[api_format]
    given = {} if usage is ... else {"usage": usage}
    if wire is openai_wire:
        return wire.response(content="Hi.", **given)
    return wire.response("end_turn", wire.text("Hi."), **given)


# ------------------------------------------------------------------------------------ the cost


@pytest.mark.parametrize("api_format", FORMATS)
@pytest.mark.parametrize("version", ["v0", "v1"])
def test_the_cost_is_the_same_in_all_ways_to_ask(api_format, version):
    server = Server(api_format, text_response(api_format))
    for way, message in messages_of(server.llm(output_version=version)).items():
        cost = message.response_metadata["cost_usd"]
        assert cost == price_of(message.usage_metadata, "mimo-v2.6-pro") > 0, way
        assert json.loads(message.model_dump_json())["response_metadata"]["cost_usd"] == cost


@pytest.mark.parametrize("api_format", FORMATS)
def test_no_usage_and_unknown_models_have_no_cost(api_format):
    for server, model in (
        (Server(api_format, text_response(api_format, usage=None)), "mimo-v2.6-pro"),
        (Server(api_format, text_response(api_format)), "mimo-v9"),
    ):
        for way, message in messages_of(server.llm(model=model)).items():
            assert message.response_metadata["cost_usd"] is None, way


@pytest.mark.parametrize("server", ["vllm", "sglang"])
def test_servers_of_ones_own_have_no_price_list(server):
    for way, message in messages_of(ScriptedAPI("Hi.").llm(server, model="mimo-v2.6-pro")).items():
        assert "cost_usd" not in message.response_metadata, way


def test_searches_are_priced():
    usage = {**openai_wire.USAGE, "web_search_usage": {"tool_usage": 3, "page_usage": 9}}
    for way, message in messages_of(Server("openai", text_response("openai", usage)).llm()).items():
        cost = message.response_metadata["cost_usd"]
        assert cost == price_of(message.usage_metadata, "mimo-v2.6-pro", 3), way
        assert cost > 0.015, way


@pytest.mark.parametrize("api_format", FORMATS)
def test_all_attempts_are_priced(api_format):
    """A forced tool that is called by the second attempt: the cost of both."""
    wire = FORMATS[api_format]
    call = (
        wire.response("tool_calls", tool_calls=[wire.tool_call("look", "{}")])
        if wire is openai_wire
        else wire.response("tool_use", wire.tool_use("look", {}))
    )
    tool = {"title": "look", "description": "Looks.", "type": "object", "properties": {}}
    one = price_of(Server(api_format, call).llm().invoke("x").usage_metadata, "mimo-v2.6-pro")
    for way in ("invoke", "stream", "stream v3", "ainvoke", "astream", "astream v3"):
        server = Server(api_format, *[text_response(api_format), call] * 6)
        llm = server.llm().bind_tools([tool], tool_choice="look")
        message = messages_of(llm)[way]
        assert server.count == 12
        assert message.response_metadata["cost_usd"] == pytest.approx(2 * one), way
        assert message.usage_metadata["output_tokens"] == 2 * 103, way


def test_the_cost_is_that_of_the_model_that_was_sent():
    server = Server("openai", text_response("openai"))
    flash = server.llm(extra_body={"model": "mimo-v2.6-flash"}).invoke("x")
    assert flash.response_metadata["cost_usd"] == price_of(flash.usage_metadata, "mimo-v2.6-flash")
    called = server.llm().invoke("x", model="mimo-v2.6-flash")
    assert called.response_metadata["cost_usd"] == flash.response_metadata["cost_usd"]


# ------------------------------------------------------------------- the server's id and headers


@pytest.mark.parametrize("api_format", FORMATS)
@pytest.mark.parametrize("name", ["X-Request-Id", "request-id", "x-mimo-request-id", "X-Trace-ID"])
def test_the_servers_id_is_in_the_message(api_format, name):
    server = Server(api_format, text_response(api_format), headers=[(name, "req-1")])
    for way, message in messages_of(server.llm()).items():
        assert message.response_metadata["request_id"] == "req-1", way
        assert "headers" not in message.response_metadata


def test_without_an_id_there_is_none():
    for way, message in messages_of(Server("openai", text_response("openai")).llm()).items():
        assert "request_id" not in message.response_metadata, way


@pytest.mark.parametrize("api_format", FORMATS)
@pytest.mark.parametrize("on_the_model", [True, False])
def test_headers_on_wish(api_format, on_the_model):
    sent = [
        *(("X-Request-Id", "req-1"), ("X-RateLimit-Remaining", "41"), ("Set-Cookie", "session=1")),
        *(("X-Twice", "a"), ("x-twice", "b"), ("Set-Cookie2", "session=2")),
    ]
    server = Server(api_format, text_response(api_format), headers=sent)
    llm = server.llm(include_response_headers=on_the_model)
    asked = llm if on_the_model else llm.bind(include_response_headers=True)
    for way, message in (
        messages_of(asked) if on_the_model else {"invoke": asked.invoke("x")}
    ).items():
        headers = message.response_metadata["headers"]
        assert headers["x-ratelimit-remaining"] == "41", way
        assert headers["x-twice"] == "a, b"
        assert headers["x-request-id"] == message.response_metadata["request_id"] == "req-1"
        assert not any("cookie" in name or "session" in value for name, value in headers.items())
        assert all(name == name.lower() for name in headers)
    if on_the_model:
        off = llm.invoke("x", include_response_headers=False)
        assert "headers" not in off.response_metadata


def test_a_switch_that_is_none_is_refused():
    llm = Server("openai", text_response("openai")).llm()
    with pytest.raises(MiMoInputError, match="include_response_headers must be True or False"):
        llm.invoke("x", include_response_headers="yes")


def test_headers_are_bounded():
    many = [("X-Request-Id", "r" * 5000), ("x-long", "v" * 5000), ("n" * 3000, "x")]
    many += [(f"x-{number}", "x") for number in range(500)]
    server = Server("openai", text_response("openai"), headers=many)
    metadata = server.llm(include_response_headers=True).invoke("x").response_metadata
    assert len(metadata["request_id"].encode()) <= 200
    assert len(metadata["headers"]) == 64
    assert len(metadata["headers"]["x-long"].encode()) <= 1024
    assert max(map(len, metadata["headers"])) <= 1024


def test_a_server_that_repeats_the_key_does_not_bring_it_into_messages():
    echoed = [("x-request-id", KEY), ("x-debug", f"Authorization: Bearer {KEY}")]
    server = Server("openai", text_response("openai"), headers=echoed)
    for way, message in messages_of(server.llm(include_response_headers=True)).items():
        assert KEY not in repr(message), way
        assert message.response_metadata["headers"]["x-debug"].startswith("Authorization: "), way


@given(st.binary(min_size=1, max_size=60).filter(lambda value: not set(value) & set(b"\r\n\0")))
def test_any_bytes_are_text_that_json_and_checkpoints_hold(value):
    headers = [(b"x-any", value), (b"x-request-id", value)]
    server = Server("openai", text_response("openai"), headers=headers)
    message = server.llm(include_response_headers=True).invoke("x")
    found = message.response_metadata["headers"]["x-any"]
    assert isinstance(found, str)
    assert orjson.loads(orjson.dumps(message.response_metadata))["headers"]["x-any"] == found
    assert json.loads(message.model_dump_json())["response_metadata"]["headers"]["x-any"] == found


@pytest.mark.parametrize("api_format", FORMATS)
def test_the_last_of_several_attempts_counts(api_format):
    """One that the transport repeats, one that the content filter stopped, and one that counts."""
    wire = FORMATS[api_format]
    filtered = (
        wire.response("content_filter", content="")
        if wire is openai_wire
        else wire.response("content_filter")
    )
    server = Server(
        api_format,
        *[503, filtered, text_response(api_format)] * 6,
        headers=lambda number: [("x-request-id", f"req-{number}")],
    )
    llm = server.llm(retry_policy=RetryPolicy(max_retries=1, initial_delay=1e-6))
    messages = messages_of(llm)
    found = [m.response_metadata["request_id"] for m in messages.values()]
    assert sorted(found) == sorted(f"req-{number}" for number in range(3, 19, 3))
    assert {way: m.response_metadata["attempts"] for way, m in messages.items()} == dict.fromkeys(
        messages, 3
    )


@pytest.mark.parametrize("api_format", FORMATS)
def test_one_attempt_says_nothing(api_format):
    for way, message in messages_of(Server(api_format, text_response(api_format)).llm()).items():
        assert "attempts" not in message.response_metadata, way


def test_another_request_of_a_call_is_logged_with_its_reason(caplog):
    caplog.set_level(logging.INFO, logger="langchain_mimo")
    filtered = openai_wire.response("content_filter", content="")
    message = Server("openai", filtered, text_response("openai")).llm().invoke("canary-content")
    assert message.response_metadata["attempts"] == 2
    assert caplog.messages == [
        "sending another request for the same call: second chance after content_filter"
    ]


def test_only_the_last_chunk_has_the_attempts_so_that_nothing_is_added():
    server = Server("openai", 503, text_response("openai"))
    llm = server.llm(retry_policy=RetryPolicy(initial_delay=1e-6))
    chunks = list(llm.stream("x"))
    with_attempts = [c for c in chunks if "attempts" in c.response_metadata]
    assert [c.response_metadata["attempts"] for c in with_attempts] == [2]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.response_metadata["attempts"] == 2


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("answers", "attempts"),
    [((400,), 1), ((503,), 3), ((503, 503, 400), 3), ((402, 503, 402), 3), ((402, 503), 4)],
)
def test_an_error_counts_the_attempts_of_its_call(answers, attempts, streaming, monkeypatch):
    """402 gets one more request, with retries of its own."""
    monkeypatch.setattr(second_chance, "BURST_DELAY", 0.01)
    server = Server("openai", *answers)
    llm = server.llm(retry_policy=RetryPolicy(initial_delay=1e-6), streaming=streaming)
    with pytest.raises(MiMoError) as caught:
        llm.invoke("x")
    assert caught.value.attempts == server.count == attempts
    said = f"{attempts} attempts were made, with " in str(caught.value)
    assert said == caught.value.is_retryable


def test_a_stream_that_breaks_counts_its_attempts():
    def respond(request):
        sent.append(request)
        if len(sent) == 1:
            return httpx2.Response(503)
        event = json.dumps({"id": "1", "choices": [{"index": 0, "delta": {"content": "Hi"}}]})
        return httpx2.Response(200, text=f"data: {event}\n\n")

    sent = []
    client = httpx2.Client(transport=httpx2.MockTransport(respond))
    policy = RetryPolicy(initial_delay=1e-6)
    llm = ChatMiMo(model="mimo-v2.6-pro", api_key=KEY, http_client=client, retry_policy=policy)
    with pytest.raises(MiMoIncompleteStreamError) as caught:
        list(llm.stream("x"))
    assert caught.value.attempts == len(sent) == 2
    assert caught.value.partial_message.content == "Hi"


async def test_calls_at_the_same_time_do_not_mix_their_ids():
    def respond(request):
        number = json.loads(request.content)["messages"][0]["content"]
        body = openai_wire.response(content=number)
        return httpx2.Response(200, json=body, headers={"x-request-id": f"req-{number}"})

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(respond))
    llm = ChatMiMo(model="mimo-v2.6-pro", api_key=KEY, http_async_client=client)
    messages = await asyncio.gather(*(llm.ainvoke(str(number)) for number in range(30)))
    assert [m.response_metadata["request_id"] for m in messages] == [
        f"req-{m.content}" for m in messages
    ]

"""MiMo's open weights on vLLM and SGLang, over real sockets.

No real server was available. `fake_vllm` uses their formats and refuses what they refuse.
"""

import warnings
from functools import reduce
from operator import add

import pytest
from fake_vllm import GONE, MODEL, UNREACHABLE, FakeSGLang, FakeVLLM
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.errors import (
    MiMoAuthenticationError,
    MiMoInputError,
    MiMoInvalidRequestError,
    MiMoNotFoundError,
    MiMoServerError,
)
from langchain_mimo.media import audio_block, image_block, video_block

SERVERS = {"vllm": FakeVLLM, "sglang": FakeSGLang}


class Weather(BaseModel):
    """How the weather is."""

    city: str
    rain: bool


@tool
def barometer(city: str) -> str:
    """Read the barometer of a city."""
    return f"990 hPa in {city}."


@pytest.fixture(params=SERVERS)
def kind(request):
    return request.param


@pytest.fixture
def server(kind):
    with SERVERS[kind](counts_media=True) as running:
        yield running


@pytest.fixture
def vllm():
    with FakeVLLM() as running:
        yield running


def model(running, **fields):
    kind = "sglang" if isinstance(running, FakeSGLang) else "vllm"
    fields = {"model": MODEL, "max_retries": 0, "server": kind} | fields
    return ChatMiMo(base_url=running.base_url, **fields)


async def all_methods(llm, messages):
    return [
        llm.invoke(messages),
        await llm.ainvoke(messages),
        reduce(add, llm.stream(messages)),
        reduce(add, [chunk async for chunk in llm.astream(messages)]),
    ]


# ------------------------------------------------------------------------------ both servers


@pytest.mark.parametrize("thinking", [None, True, False])
async def test_thinking_is_set_and_reasoning_is_read(server, thinking):
    for message in await all_methods(model(server, thinking=thinking), "Hello"):
        reasoning = message.additional_kwargs.get("reasoning_content")
        assert reasoning == (None if thinking is False else "First I think.")
        assert message.text == "I see: text."
        assert message.response_metadata["finish_reason"] == "stop"
        assert message.usage_metadata["total_tokens"] == 1009
    assert not any("thinking" in body for body in server.requests)


async def test_an_effort_of_none_turns_thinking_off(server):
    for message in await all_methods(model(server, reasoning_effort="none"), "Hello"):
        assert "reasoning_content" not in message.additional_kwargs
    for body in server.requests:
        assert body["chat_template_kwargs"] == {"enable_thinking": False, "thinking": False}
        assert "reasoning_effort" not in body


@pytest.mark.parametrize("streaming", [False, True])
async def test_an_agent_calls_a_tool(server, kind, streaming):
    agent = create_agent(model(server, streaming=streaming), [barometer])
    state = {"messages": [HumanMessage("Use the barometer.")]}
    for result in (agent.invoke(state), await agent.ainvoke(state)):
        _, call, tool_message, answer = result["messages"]
        assert call.tool_calls[0]["args"] == {"city": "Ulm"}
        assert isinstance(tool_message, ToolMessage)
        assert tool_message.text == "990 hPa in Ulm."
        assert answer.text == "I see: text."
        turn = server.requests[-1]["messages"][1]
        name, other = "reasoning", "reasoning_content"
        if kind == "sglang":
            name, other = other, name
        assert turn[name] == "First I think."
        assert other not in turn


@pytest.mark.parametrize("streaming", [False, True])
async def test_an_agent_gets_its_structured_response(server, streaming):
    agent = create_agent(model(server, streaming=streaming), [], response_format=Weather)
    state = {"messages": [HumanMessage("How is the weather?")]}
    assert agent.invoke(state)["structured_response"] == Weather(city="Ulm", rain=True)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output_is_enforced(server, method):
    chain = model(server).with_structured_output(Weather, method=method)
    assert chain.invoke("How is the weather?") == Weather(city="Ulm", rain=True)
    assert list(chain.stream("How is the weather?"))[-1] == Weather(city="Ulm", rain=True)
    for body in server.requests:
        if method == "json_schema":
            assert body["response_format"]["type"] == "json_schema"
            assert len(body["messages"]) == 1  # the schema is not also requested in the prompt
        else:
            assert body["tool_choice"] == {"type": "function", "function": {"name": "Weather"}}


@pytest.mark.parametrize("choice", ["any", "barometer"])
async def test_a_forced_choice_takes_one_request(server, choice):
    llm = model(server).bind_tools([barometer], tool_choice=choice)
    for message in await all_methods(llm, "Hello"):
        assert [call["name"] for call in message.tool_calls] == ["barometer"]
        # A call that names its tool has the finish reason "stop".
        reason = "stop" if choice == "barometer" else "tool_calls"
        assert message.response_metadata["finish_reason"] == reason
        assert "forced_tool_choice" not in message.response_metadata
    assert len(server.requests) == 4


def test_tool_choice_none_is_sent(server):
    message = model(server).bind_tools([barometer], tool_choice="none").invoke("Use it.")
    assert message.tool_calls == []
    assert server.requests[0]["tool_choice"] == "none"


@pytest.mark.parametrize("streaming", [False, True])
def test_media_are_received_and_counted(server, media, streaming):
    blocks = [
        image_block(media.image.read_bytes()),
        video_block(media.video.read_bytes()),
        audio_block(media.audio.read_bytes()),
    ]
    answer = model(server, streaming=streaming).invoke([HumanMessage(blocks)])
    files = [media.image, media.video, media.audio]
    assert [data for _, data in server.media] == [path.read_bytes() for path in files]
    details = answer.usage_metadata["input_token_details"]
    assert details == {
        "cache_read": 0,
        "cache_creation": 0,
        "image": 256,
        "video": 640,
        "audio": 25,
    }


def test_an_image_from_a_tool(server, media):
    image = image_block(media.image.read_bytes())

    @tool
    def look() -> list[dict]:
        """Look."""
        return [image]

    for tool_media in ("user", "inline"):
        agent = create_agent(model(server, tool_media=tool_media), [look])
        state = agent.invoke({"messages": [HumanMessage("Use your eyes.")]})
        assert state["messages"][-1].text == "I see: image."
        assert server.media == [("image", media.image.read_bytes())]


def test_web_search_is_refused_without_a_request(server):
    with pytest.raises(MiMoInputError, match="cloud"):
        model(server).bind_tools([{"type": "web_search"}]).invoke("x")
    assert server.requests == []


def test_a_conversation_continues_from_the_cloud_and_back(server, emulator, kind):
    cloud = ChatMiMo(
        model="mimo-v2.6-flash", base_url=emulator.base_url, api_key=emulator.api_key
    ).bind_tools([barometer])
    prompt = HumanMessage("Use barometer for the city 'Ulm'.")
    call = cloud.invoke([prompt])
    result = ToolMessage("990 hPa", tool_call_id=call.tool_calls[0]["id"])
    answer = model(server).invoke([prompt, call, result])
    name = "reasoning" if kind == "vllm" else "reasoning_content"
    reasoning = call.additional_kwargs["reasoning_content"]
    assert server.requests[0]["messages"][1][name] == reasoning
    cloud.invoke([prompt, call, result, answer, HumanMessage("Thanks.")])
    assert [request.status for request in emulator.requests] == [200, 200]


# ------------------------------------------------------------------------------- vLLM only


@pytest.mark.parametrize("stream_usage", [False, True])
def test_usage_of_a_stream_can_be_left_out(vllm, stream_usage):
    message = reduce(add, model(vllm, stream_usage=stream_usage).stream("Hello"))
    assert bool(message.usage_metadata) == stream_usage
    assert ("stream_options" in vllm.requests[0]) == stream_usage
    if stream_usage:  # without --enable-prompt-tokens-details the details are null
        assert not message.usage_metadata.get("input_token_details")


def test_growing_usage_is_counted_once(vllm):
    options = {"include_usage": True, "continuous_usage_stats": True}
    llm = model(vllm, extra_body={"stream_options": options})
    chunks = list(llm.stream("Hello"))
    message = reduce(add, chunks)
    assert message.usage_metadata["input_tokens"] == 1000
    assert message.usage_metadata["output_tokens"] == 9


def test_audio_as_base64_without_a_data_url(vllm, media):
    audio = audio_block(media.audio.read_bytes())
    for dialect in (None, {"audio_part": "input_audio_base64"}):
        assert model(vllm, dialect=dialect).invoke([HumanMessage([audio])]).text == "I see: audio."
        assert vllm.media == [("audio", media.audio.read_bytes())]
    part = vllm.requests[-1]["messages"][0]["content"][0]
    assert part["input_audio"]["format"] == "wav"
    # vLLM refuses the form that MiMo's cloud documents, so the dialect matters.
    with pytest.raises(MiMoInvalidRequestError, match="base64"):
        model(vllm, server="mimo").invoke([HumanMessage([audio])])


def test_frame_rates_are_sent_only_to_servers_that_trust_them(media):
    video = video_block(media.video.read_bytes(), fps=1)
    with FakeVLLM(trusts_media_io=True) as trusting:
        model(trusting, dialect={"trusts_media_io": True}).invoke([HumanMessage([video])])
        assert trusting.requests[0]["media_io_kwargs"]["video"]["fps"] == 1
    with FakeVLLM() as default:
        with pytest.warns(UserWarning, match="--trust-request-mm-kwargs"):
            model(default).invoke([HumanMessage([video])])
        assert "media_io_kwargs" not in default.requests[0]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(MiMoInvalidRequestError, match="trust-request-mm-kwargs"):
                model(default, dialect={"trusts_media_io": True}).invoke([HumanMessage([video])])


def test_api_keys(vllm):
    model(vllm).invoke("Hello")
    with FakeVLLM(api_key="token-abc") as locked:
        model(locked, api_key="token-abc").invoke("Hello")
        with pytest.raises(MiMoAuthenticationError, match="Unauthorized"):
            model(locked).invoke("Hello")


def image_at(url):
    return [HumanMessage([{"type": "image", "url": url}])]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fields", "messages", "error", "status", "text", "is_retryable"),
    [
        ({"model": "other"}, "x", MiMoNotFoundError, 404, "does not exist", False),
        ({}, image_at(f"{GONE}a.png"), MiMoInvalidRequestError, 422, "Not Found", False),
        ({}, image_at(f"{UNREACHABLE}a.png"), MiMoServerError, 500, "Internal", True),
        ({"tools": [{"type": "code"}]}, "x", MiMoInvalidRequestError, 400, "'function'", False),
        ({"messages": 501}, "x", MiMoServerError, 501, "base64 data URLs", False),
    ],
)
def test_errors_contain_the_servers_text(
    vllm, stream, fields, messages, error, status, text, is_retryable
):
    llm = model(vllm, model=fields.get("model", MODEL))
    if "tools" in fields:
        llm = llm.model_copy(update={"extra_body": fields})
    if "messages" in fields:  # a data URL that ChatMiMo itself would never send
        part = {"type": "image_url", "image_url": {"url": "data:image/png,abc"}}
        body = {"messages": [{"role": "user", "content": [part]}]}
        llm = llm.model_copy(update={"extra_body": body})
    with pytest.raises(error, match=text) as caught:
        list(llm.stream(messages)) if stream else llm.invoke(messages)
    assert caught.value.status_code == status
    assert caught.value.is_retryable is is_retryable


def test_a_connection_dropped_without_notice(vllm):
    """After a 500 vLLM closes a keep-alive connection without announcing it."""
    with model(vllm, max_retries=1) as llm:
        for _ in range(3):
            with pytest.raises(MiMoServerError):
                llm.invoke(image_at(f"{UNREACHABLE}a.png"), max_tokens=1)
            assert llm.invoke("Hello").text


def test_an_unknown_path(vllm):
    llm = ChatMiMo(model=MODEL, base_url=f"{vllm.base_url}/deeper", server="vllm", max_retries=0)
    with pytest.raises(MiMoNotFoundError, match="Not Found"):
        llm.invoke("x")

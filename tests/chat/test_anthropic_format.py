"""ChatMiMo in the Anthropic format, against a mock transport."""

import json

import httpx2
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.errors import (
    MiMoConfigurationError,
    MiMoIncompleteStreamError,
    MiMoInvalidRequestError,
)

MODEL = "mimo-v2.6-flash"
CALL = {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Wuhan"}}
REASONING = {"type": "thinking", "thinking": "Hm.", "signature": ""}


def body(stop_reason, *content):
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": list(content),
        "stop_reason": stop_reason,
        "usage": {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 64},
    }


def events_of(response):
    head = {**response, "content": [], "stop_reason": None, "usage": None}
    yield {"type": "message_start", "message": head}
    for index, block in enumerate(response["content"]):
        kind = block["type"]
        empty = {"text": {"text": ""}, "thinking": {"thinking": ""}, "tool_use": {"input": {}}}
        start = {**block, **empty[kind]}
        yield {"type": "content_block_start", "index": index, "content_block": start}
        delta = {
            "text": lambda b: {"type": "text_delta", "text": b["text"]},
            "thinking": lambda b: {"type": "thinking_delta", "thinking": b["thinking"]},
            "tool_use": lambda b: {
                "type": "input_json_delta",
                "partial_json": json.dumps(b["input"]),
            },
        }[kind](block)
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": response["stop_reason"]}
    yield {"type": "message_delta", "delta": end, "usage": response["usage"]}
    yield {"type": "message_stop"}


def sse_body(response):
    lines = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in events_of(response)]
    return "".join([*lines, "data: [DONE]\n\n"])


class Server:
    """Returns the given responses in order, streamed on request."""

    def __init__(self, *responses):
        self.responses = list(responses)
        self.requests = []

    def __call__(self, request):
        sent = json.loads(request.read())
        self.requests.append((request, sent))
        response = self.responses.pop(0)
        if isinstance(response, httpx2.Response):
            return response
        if sent.get("stream"):
            headers = {"content-type": "text/event-stream"}
            return httpx2.Response(200, text=sse_body(response), headers=headers)
        return httpx2.Response(200, json=response)


def model(server, **fields):
    return ChatMiMo(
        model=MODEL,
        api_key="sk-test",
        base_url="https://api.xiaomimimo.com/v1",
        api_format="anthropic",
        http_client=httpx2.Client(transport=httpx2.MockTransport(server)),
        max_retries=0,
        **fields,
    )


@tool
def weather(city: str) -> str:
    """Say the weather."""
    return f"Sunny in {city}"


@pytest.mark.parametrize("streaming", [False, True])
def test_a_tool_call_and_its_result(streaming):
    text = {"type": "text", "text": "Sunny."}
    server = Server(body("tool_use", REASONING, CALL), body("end_turn", text))
    llm = model(server, streaming=streaming).bind_tools([weather])
    prompt = HumanMessage("Weather in Wuhan?")
    called = llm.invoke([prompt])
    assert called.tool_calls[0]["args"] == {"city": "Wuhan"}
    assert called.response_metadata["finish_reason"] == "tool_calls"
    assert called.usage_metadata["input_tokens"] == 74
    answer = llm.invoke([prompt, called, ToolMessage("Sunny", tool_call_id="call_1")])
    assert answer.content == "Sunny."

    request, sent = server.requests[1]
    assert request.url == "https://api.xiaomimimo.com/anthropic/v1/messages"
    assert request.headers["authorization"] == "Bearer sk-test"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert sent["messages"][1] == {"role": "assistant", "content": [REASONING, CALL]}
    assert sent["messages"][2]["content"][0]["tool_use_id"] == "call_1"
    assert sent["tools"][0]["input_schema"]["required"] == ["city"]
    assert sent.get("stream", False) is streaming


def test_a_forced_tool_choice_takes_a_second_attempt():
    text = {"type": "text", "text": "No."}
    server = Server(body("end_turn", text), body("tool_use", REASONING, CALL))
    llm = model(server).bind_tools([weather], tool_choice="weather", parallel_tool_calls=False)
    message = llm.invoke("Weather?")
    assert message.tool_calls[0]["name"] == "weather"
    assert message.response_metadata["forced_tool_choice"]["attempts"] == 2
    for _, sent in server.requests:
        assert sent["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_structured_output_is_requested_in_a_system_message():
    server = Server(body("end_turn", {"type": "text", "text": '```json\n{"city": "Wuhan"}\n```'}))
    schema = {
        "title": "Place",
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    }
    assert model(server).with_structured_output(schema).invoke("Where?") == {"city": "Wuhan"}
    (_, sent) = server.requests[0]
    assert "response_format" not in sent
    assert sent["messages"][-1]["role"] == "system"


def test_errors_have_the_openai_format():
    error = {"error": {"code": "400", "message": "Param Incorrect", "param": "why", "type": ""}}
    with pytest.raises(MiMoInvalidRequestError, match="why"):
        model(Server(httpx2.Response(400, json=error))).invoke("Hi.")


def test_a_cut_stream():
    complete = sse_body(body("end_turn", {"type": "text", "text": "Hello"}))
    cut = complete[: complete.index("event: message_delta")]
    headers = {"content-type": "text/event-stream"}
    server = Server(httpx2.Response(200, text=cut, headers=headers))
    with pytest.raises(MiMoIncompleteStreamError) as caught:
        list(model(server).stream("Hi."))
    assert caught.value.partial_message.content == "Hello"


def test_an_error_event_in_a_stream():
    complete = sse_body(body("end_turn", {"type": "text", "text": "Hello"}))
    start = complete[: complete.index("event: content_block_stop")]
    error = {"type": "error", "error": {"code": "500", "message": "broken", "type": ""}}
    text = f"{start}event: error\ndata: {json.dumps(error)}\n\n"
    headers = {"content-type": "text/event-stream"}
    server = Server(httpx2.Response(200, text=text, headers=headers))
    with pytest.raises(MiMoIncompleteStreamError, match="broken") as caught:
        list(model(server).stream("Hi."))
    assert caught.value.partial_message.content == "Hello"


def test_default_headers_override_ours():
    server = Server(body("end_turn", {"type": "text", "text": "A"}))
    own = {"Anthropic-Version": "tomorrow", "authorization": "Bearer other", "X-Api-Key": "k"}
    model(server, default_headers=own).invoke("Hi.")
    headers = server.requests[0][0].headers
    assert headers.get_list("anthropic-version") == ["tomorrow"]
    assert headers.get_list("authorization") == ["Bearer other"]
    assert headers["x-api-key"] == "k"


@pytest.mark.parametrize(
    "fields",
    [
        {"server": "vllm", "api_format": "anthropic"},
        {"server": "vllm", "dialect": {"trust": True}},
    ],
)
def test_invalid_combinations_are_refused_at_construction(fields):
    with pytest.raises(MiMoConfigurationError):
        ChatMiMo(model="m", base_url="http://localhost:8000/v1", **fields)

"""The emulator's Anthropic format: POST /anthropic/v1/messages."""

import base64
import io
import json

import httpx2
import pytest
from PIL import Image

from langchain_mimo.emulator import MiMoEmulator

HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "name": "get_weather",
    "description": "Get the weather at a location.",
    "input_schema": {
        "type": "object",
        "properties": {"location": {"type": "string"}},
        "required": ["location"],
    },
}
USE = {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"location": "Oslo"}}
REASONING = {"type": "thinking", "thinking": "I look.", "signature": ""}
RESULT = {"type": "tool_result", "tool_use_id": "call_1", "content": "rain"}


def make_image():
    stream = io.BytesIO()
    Image.new("RGB", (640, 480), "red").save(stream, "PNG")
    data = base64.b64encode(stream.getvalue()).decode()
    source = {"type": "base64", "media_type": "image/png", "data": data}
    return {"type": "image", "source": source}


def request(messages=None, **fields):
    return {"model": "mimo-v2.6-pro", "messages": messages or HELLO, **fields}


async def post(emulator, body, headers=None):
    transport = httpx2.ASGITransport(app=emulator.application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        headers = headers or {"api-key": emulator.api_key}
        return await client.post("/anthropic/v1/messages", json=body, headers=headers)


def read_events(response):
    events = []
    pieces = response.text.split("\n\n")
    assert pieces[-2:] == ["data: [DONE]", ""]
    for piece in pieces[:-2]:
        name, data = piece.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        events.append(event)
    return events


@pytest.mark.parametrize(
    "headers",
    [
        {"api-key": "sk-emulator"},
        {"x-api-key": "sk-emulator"},
        {"authorization": "Bearer sk-emulator"},
    ],
)
async def test_three_headers_accept_the_key(headers):
    assert (await post(MiMoEmulator(), request(), headers)).status_code == 200


async def test_a_wrong_key_is_refused():
    response = await post(MiMoEmulator(), request(), {"x-api-key": "sk-other"})
    assert response.status_code == 401
    assert response.json()["error"]["type"] == "invalid_key"


async def test_a_response_without_streaming():
    body = (await post(MiMoEmulator(), request())).json()
    assert list(body) == ["id", "type", "role", "content", "model", "stop_reason", "usage"]
    assert [block["type"] for block in body["content"]] == ["thinking", "text"]
    assert body["content"][0]["signature"] == ""
    assert body["stop_reason"] == "end_turn"
    assert set(body["usage"]) == {"input_tokens", "output_tokens", "cache_read_input_tokens"}
    off = await post(MiMoEmulator(), request(thinking={"type": "disabled"}))
    assert [block["type"] for block in off.json()["content"]] == ["text"]


async def test_cached_tokens_are_counted_separately():
    emulator = MiMoEmulator()
    long = request([{"role": "user", "content": "word " * 300}])
    first = (await post(emulator, long)).json()["usage"]
    second = (await post(emulator, long)).json()["usage"]
    assert first["cache_read_input_tokens"] == 0 < second["cache_read_input_tokens"]
    total = second["input_tokens"] + second["cache_read_input_tokens"]
    assert total == first["input_tokens"]


async def test_a_stream():
    body = request([{"role": "user", "content": "Weather in Oslo?"}], tools=[WEATHER], stream=True)
    events = read_events(await post(MiMoEmulator(), body))
    kinds = [event["type"] for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert events[0]["message"]["content"] == []
    assert events[0]["message"]["stop_reason"] is None
    starts = [event for event in events if event["type"] == "content_block_start"]
    assert [start["content_block"]["type"] for start in starts] == ["thinking", "tool_use"]
    assert starts[1]["content_block"]["input"] == {}
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    arguments = "".join(delta.get("partial_json", "") for delta in deltas)
    assert json.loads(arguments) == {"location": "Oslo"}
    assert {"type": "signature_delta", "signature": ""} in deltas
    assert events[-2]["delta"] == {"stop_reason": "tool_use"}
    assert events[-2]["usage"]["output_tokens"] > 0


async def test_a_tool_round():
    messages = [
        {"role": "user", "content": "Weather in Oslo?"},
        {"role": "assistant", "content": [REASONING, USE]},
        {"role": "user", "content": [RESULT]},
    ]
    body = (await post(MiMoEmulator(), request(messages, tools=[WEATHER]))).json()
    assert body["content"][1]["text"] == "get_weather returned: rain"
    without = [messages[0], {"role": "assistant", "content": [USE]}, messages[2]]
    refused = await post(MiMoEmulator(), request(without, tools=[WEATHER], stream=True))
    assert refused.status_code == 400
    assert refused.text.startswith('data:{"error":{"code":"400","message":"Param Incorrect"')
    assert "reasoning_content in the thinking mode must be passed back" in refused.text
    assert (await post(MiMoEmulator(lenient=True), request(without))).status_code == 200
    off = request(without, thinking={"type": "disabled"})
    assert (await post(MiMoEmulator(), off)).status_code == 200


VIDEO = {"type": "video", "source": {"type": "url", "url": "https://x.example/a.mp4", "fps": 1}}
AUDIO = {"type": "audio", "source": {"type": "url", "url": "https://x.example/a.wav"}}
PDF = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
}
WHAT = {"type": "text", "text": "What?"}
DROPPED = [
    AUDIO,
    VIDEO,
    PDF,
    {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}},
    {"type": "audio", "source": {"type": "base64", "media_type": "audio/wav", "data": "!"}},
    {"type": "video", "video_url": {"url": "https://x.example/a.mp4"}},
]


async def test_an_image_and_a_system_prompt():
    emulator = MiMoEmulator()
    body = request(
        [{"role": "user", "content": [make_image(), WHAT]}],
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    )
    text = (await post(emulator, body)).json()["content"][1]["text"]
    assert text == "Image 1: PNG, 640×480 pixels, mainly red."
    assert [item.kind for item in emulator.requests[0].media] == ["image"]


@pytest.mark.parametrize("block", DROPPED)
async def test_audio_video_and_documents_are_dropped(block):
    emulator = MiMoEmulator()
    without = (await post(emulator, request([{"role": "user", "content": [WHAT]}]))).json()
    with_block = await post(emulator, request([{"role": "user", "content": [block, WHAT]}]))
    assert with_block.status_code == 200
    assert with_block.json()["usage"] == without["usage"]
    assert with_block.json()["content"] == without["content"]
    assert emulator.requests[1].media == []
    alone = await post(emulator, request([{"role": "user", "content": [block]}]))
    assert alone.status_code == 200
    assert "You said: nothing" in alone.json()["content"][1]["text"]


async def test_audio_in_a_tool_result_is_dropped():
    messages = [
        {"role": "user", "content": "Weather in Oslo?"},
        {"role": "assistant", "content": [REASONING, USE]},
        {"role": "user", "content": [{**RESULT, "content": [AUDIO, WHAT]}]},
    ]
    emulator = MiMoEmulator()
    assert (await post(emulator, request(messages))).status_code == 200
    assert emulator.requests[0].media == []


async def test_audio_and_video_are_read_with_the_setting():
    emulator = MiMoEmulator(anthropic_audio_video=True)
    body = request([{"role": "user", "content": [make_image(), VIDEO, AUDIO, PDF, WHAT]}])
    text = (await post(emulator, body)).json()["content"][1]["text"]
    assert text.startswith("Image 1: PNG, 640×480 pixels, mainly red.\nVideo 1: ")
    assert [(item.kind, item.fps) for item in emulator.requests[0].media] == [
        ("image", None),
        ("video", 1),
        ("audio", None),
    ]
    wrong = {"type": "audio", "source": {"type": "url", "url": "file:///a.wav"}}
    refused = await post(emulator, request([{"role": "user", "content": [wrong]}]))
    assert refused.json()["error"]["param"].startswith("Multimodal data is corrupted")


async def test_a_document_is_refused_in_strict_mode():
    emulator = MiMoEmulator(strict_parameters=True)
    refused = await post(emulator, request([{"role": "user", "content": [PDF, WHAT]}]))
    assert refused.status_code == 400
    assert "literal_error" in refused.text


async def test_an_image_in_a_tool_result():
    result = {**RESULT, "content": [{"type": "text", "text": "here"}, make_image()]}
    messages = [
        {"role": "user", "content": "Weather in Oslo?"},
        {"role": "assistant", "content": [REASONING, USE]},
        {"role": "user", "content": [result]},
    ]
    text = (await post(MiMoEmulator(), request(messages))).json()["content"][1]["text"]
    assert "get_weather returned: here\nImage 1: PNG" in text
    emulator = MiMoEmulator(as_of="2026-05-20")
    refused = await post(emulator, request(messages, model="mimo-v2.5-pro"))
    assert refused.status_code == 404


async def test_parallel_tool_calls_can_be_disabled():
    messages = [{"role": "user", "content": "Weather in Oslo and Rome?"}]
    both = (await post(MiMoEmulator(), request(messages, tools=[WEATHER]))).json()
    assert len([b for b in both["content"] if b["type"] == "tool_use"]) == 2
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    one = (
        await post(MiMoEmulator(), request(messages, tools=[WEATHER], tool_choice=choice))
    ).json()
    assert len([b for b in one["content"] if b["type"] == "tool_use"]) == 1
    ignored = {"type": "any", "disable_parallel_tool_use": True}
    hello = (await post(MiMoEmulator(), request(tools=[WEATHER], tool_choice=ignored))).json()
    assert hello["stop_reason"] == "end_turn"


UNKNOWN = {
    "n": request(n=1),
    "top_k": request(top_k=5),
    "a penalty": request(presence_penalty=1),
    "metadata": request(metadata={"user_id": "u"}),
    "fps of an image": request(
        [
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "url", "url": "https://x.y", "fps": 1}}
                ],
            }
        ]
    ),
    "a key of a block": request([{"role": "user", "content": [{**WHAT, "citations": []}]}]),
    "a key of a tool": request(tools=[{**WEATHER, "strict": True}]),
}


@pytest.mark.parametrize("name", UNKNOWN)
async def test_unknown_names_are_ignored_unless_the_emulator_is_strict(name):
    assert (await post(MiMoEmulator(), UNKNOWN[name])).status_code == 200
    refused = await post(MiMoEmulator(strict_parameters=True), UNKNOWN[name])
    assert refused.status_code == 400
    assert "extra_forbidden" in refused.text


async def test_fps_beside_the_source_is_unknown():
    block = {"type": "video", "fps": 1, "source": {"type": "url", "url": "https://x.y"}}
    body = request([{"role": "user", "content": [block]}])
    strict = MiMoEmulator(strict_parameters=True, anthropic_audio_video=True)
    assert "extra_forbidden" in (await post(strict, body)).text


REFUSED = {
    "budget": (request(thinking={"type": "enabled", "budget_tokens": 5}), "extra_forbidden"),
    "stop as a string": (request(stop_sequences="x"), "list_type"),
    "empty text": (
        request([{"role": "user", "content": [{"type": "text", "text": ""}]}]),
        "text is not present",
    ),
    "null content": (request([{"role": "user", "content": None}]), "text is not present"),
    "a part of the chat format": (
        request([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]),
        "literal_error",
    ),
    "tool role": (request([{"role": "tool", "content": "x"}]), "literal_error"),
    "placeholder": (
        request(
            [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image",
                            "source": {
                                "type": "base64",
                                "media_type": "{MIME_TYPE}",
                                "data": "$BASE64_IMAGE",
                            },
                        }
                    ],
                }
            ]
        ),
        "invalid image format",
    ),
    "a tool without schema": (request(tools=[{"name": "f"}]), "missing"),
    "a search tool": (request(tools=[{"type": "web_search", "name": "w"}]), "literal_error"),
    "two tools with one name": (request(tools=[WEATHER, WEATHER]), "Tool names must be unique"),
    "input as a string": (
        request([{"role": "assistant", "content": [REASONING, {**USE, "input": "{}"}]}]),
        "dict_type",
    ),
    "too many tokens": (request(max_tokens=131073), "max_completion_tokens is too large: 131073"),
    "temperature": (request(temperature=2), "less_than_equal"),
    "no tokens": (request(max_tokens=0), "max_completion_tokens is too small: 0"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refusals(name):
    body, text = REFUSED[name]
    response = await post(MiMoEmulator(), body)
    assert response.status_code == 400
    assert text in json.dumps(response.json()["error"])


async def test_scripted_replies_in_this_format():
    emulator = MiMoEmulator()
    emulator.reply("cut", finish_reason="length", reasoning="")
    body = (await post(emulator, request())).json()
    assert body["stop_reason"] == "max_tokens"
    assert body["content"] == [{"type": "text", "text": "cut"}]
    emulator.reply(tool_calls=[{"name": "f", "args": '{"half'}], finish_reason="length")
    body = (await post(emulator, request())).json()
    assert body["content"][-1]["input"] == {}


async def test_faults_in_this_format():
    emulator = MiMoEmulator()
    body = request([{"role": "user", "content": "Weather in Oslo?"}], tools=[WEATHER], stream=True)
    emulator.fault("no_finish", done=False)
    text = (await post(emulator, body)).text
    assert "content_block_stop" in text
    assert "message_delta" not in text
    assert "message_stop" not in text
    emulator.fault("half_tool_call", characters=9, finish_reason="length")
    events = read_events(await post(emulator, body))
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta.get("partial_json", "") for delta in deltas) == '{"locatio'
    assert events[-2]["delta"]["stop_reason"] == "max_tokens"
    emulator.fault("half_tool_call", finish_reason=None)
    text = (await post(emulator, body)).text
    assert text.rstrip().endswith("}")
    assert "message_stop" not in text
    emulator.fault("line_separator")
    assert "\u2028" in (await post(emulator, request(stream=True))).text
    emulator.fault("error_in_stream", after_events=2)
    assert (await post(emulator, body)).text.count("data:") == 3


async def test_this_format_has_no_list_of_models():
    transport = httpx2.ASGITransport(app=MiMoEmulator().application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/anthropic/v1/models")).status_code == 404

"""The structure of the emulator's responses, its own answers, and scripted replies."""

import json
import re

import httpx2
import pytest

from langchain_mimo.emulator import MiMoEmulator, Reply

HELLO = [{"role": "user", "content": "Hello"}]
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_[0-9a-f]{32}")


async def ask(emulator, messages=None, **fields):
    body = {"model": "mimo-v2.6-pro", "messages": messages or HELLO, **fields}
    transport = httpx2.ASGITransport(app=emulator.application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.post(
            "/v1/chat/completions", json=body, headers={"api-key": emulator.api_key}
        )


async def message(emulator, messages=None, **fields):
    return (await ask(emulator, messages, **fields)).json()["choices"][0]["message"]


def events(response):
    lines = response.text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


async def test_a_complete_response():
    body = (await ask(MiMoEmulator())).json()
    assert list(body) == ["id", "choices", "created", "model", "object", "usage"]
    assert ID.fullmatch(body["id"])
    assert body["object"] == "chat.completion"
    (choice,) = body["choices"]
    assert list(choice) == ["finish_reason", "index", "message"]
    assert list(choice["message"]) == ["content", "role", "tool_calls", "reasoning_content"]
    assert choice["message"]["tool_calls"] is None
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens"] > usage["completion_tokens_details"]["reasoning_tokens"] > 0
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}


async def test_an_earlier_id_format_and_thinking_off():
    emulator = MiMoEmulator(as_of="2026-04-22")
    body = (await ask(emulator, model="mimo-v2.5", thinking={"type": "disabled"})).json()
    assert re.fullmatch("[0-9a-f]{32}", body["id"])
    assert "reasoning_content" not in body["choices"][0]["message"]
    assert body["usage"]["completion_tokens_details"] == {"reasoning_tokens": 0}


async def test_a_stream_has_the_official_order():
    response = await ask(MiMoEmulator(), stream=True)
    assert response.headers["content-type"] == "text/event-stream"
    chunks = events(response)
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["created"] < chunks[-1]["created"]
    assert chunks[0]["choices"][0]["delta"] == {
        "content": "",
        "role": "assistant",
        "tool_calls": None,
        "reasoning_content": None,
    }
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[1:-1]]
    assert all(
        list(delta) == ["content", "role", "tool_calls", "reasoning_content"] for delta in deltas
    )
    kinds = ["r" if delta["reasoning_content"] else "c" for delta in deltas[:-1]]
    assert "".join(kinds) == "r" * kinds.count("r") + "c" * kinds.count("c")
    assert kinds.count("r") > 1 < kinds.count("c")
    finish, usage = chunks[-2:]
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert finish["usage"] is None
    assert all(value is None for value in deltas[-1].values())
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] > 0
    assert all("usage" not in chunk for chunk in chunks[:-2])


async def test_stream_and_complete_response_agree():
    complete = (await ask(MiMoEmulator())).json()
    chunks = events(await ask(MiMoEmulator(), stream=True))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    for key in ("content", "reasoning_content"):
        joined = "".join(delta[key] or "" for delta in deltas)
        assert joined == complete["choices"][0]["message"][key]
    assert chunks[-1]["usage"] == complete["usage"]


@pytest.mark.parametrize(
    ("always", "options", "sent"),
    [
        (True, None, True),
        (True, {"include_usage": True}, True),
        (False, None, False),
        (False, {"include_usage": False}, False),
        (False, {"include_usage": True}, True),
    ],
)
async def test_when_a_stream_ends_with_usage(always, options, sent):
    fields = {} if options is None else {"stream_options": options}
    emulator = MiMoEmulator(always_send_usage=always)
    chunks = events(await ask(emulator, stream=True, **fields))
    assert bool(chunks[-1].get("usage")) is sent


async def test_streamed_tool_calls_have_the_recorded_fragments():
    emulator = MiMoEmulator()
    emulator.reply(
        tool_calls=[{"name": "a", "args": {"x": "y" * 20}}, {"name": "b", "args": "{}", "id": "z"}]
    )
    chunks = events(await ask(emulator, stream=True))
    calls = [
        call for chunk in chunks[:-1] for call in chunk["choices"][0]["delta"]["tool_calls"] or []
    ]
    assert [call["index"] for call in calls] == [0, 0, 0, 0, 1, 1]
    assert re.fullmatch("call_[0-9a-f]{24}", calls[0]["id"])
    assert calls[0]["function"] == {"arguments": "", "name": "a"}
    assert calls[1]["id"] is None
    assert calls[1]["function"]["name"] is None
    assert {call["type"] for call in calls} == {"function"}
    assert json.loads("".join(c["function"]["arguments"] for c in calls[:4])) == {"x": "y" * 20}
    assert calls[4]["id"] == "z"
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"


async def test_stop_cuts_the_text_before_the_stop_string():
    content = (await message(MiMoEmulator(), stop=["answering"]))["content"]
    assert content == "Hello! This is the MiMo emulator "
    assert (await message(MiMoEmulator(), stop="nowhere"))["content"].endswith("Hello")


@pytest.mark.parametrize("budget", [1, 5, 12, 15, 20])
async def test_the_budget_covers_reasoning_and_answer(budget):
    body = (await ask(MiMoEmulator(), max_completion_tokens=budget)).json()
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] <= budget
    if budget == 5:
        assert body["choices"][0]["message"]["content"] == ""
    same = (await ask(MiMoEmulator(), max_tokens=budget)).json()
    assert same["usage"] == body["usage"]


async def test_a_tool_call_cut_by_the_token_budget():
    tool = {
        "type": "function",
        "function": {
            "name": "write",
            "parameters": {
                "type": "object",
                "properties": {"text": {"type": "string"}},
                "required": ["text"],
            },
        },
    }
    messages = [{"role": "user", "content": "write '" + "long text " * 20 + "'"}]
    body = (
        await ask(
            MiMoEmulator(),
            messages,
            tools=[tool],
            thinking={"type": "disabled"},
            max_completion_tokens=20,
        )
    ).json()
    (choice,) = body["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "length"
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(call["function"]["arguments"])


async def test_scripted_replies():
    emulator = MiMoEmulator()
    emulator.reply("one", reasoning="because", usage={"prompt_tokens": 7})
    emulator.reply(Reply("", reasoning="the whole answer", finish_reason="repetition_truncation"))
    emulator.reply("three", usage={"prompt_tokens_details": None})
    first = (await ask(emulator)).json()
    assert first["choices"][0]["message"]["content"] == "one"
    assert first["choices"][0]["message"]["reasoning_content"] == "because"
    assert first["usage"]["prompt_tokens"] == 7
    second = (await ask(emulator)).json()["choices"][0]
    assert second["finish_reason"] == "repetition_truncation"
    assert second["message"]["content"] == ""
    assert (await ask(emulator)).json()["usage"]["prompt_tokens_details"] is None
    assert "emulator" in (await message(emulator))["content"]


async def test_raw_scripted_replies():
    emulator = MiMoEmulator()
    emulator.reply(status=418, body={"tea": True}, headers={"X-Pot": "small"})
    response = await ask(emulator)
    assert (response.status_code, response.json()) == (418, {"tea": True})
    assert response.headers["x-pot"] == "small"
    emulator.reply(events=[{"choices": []}, ": hi\n\n", b"data: [DONE]\n\n"])
    response = await ask(emulator, stream=True)
    assert response.text == 'data: {"choices":[]}\n\n: hi\n\ndata: [DONE]\n\n'


async def test_lone_surrogates_can_be_sent():
    emulator = MiMoEmulator()
    emulator.reply("x", reasoning="half \ud83d")
    assert "\\ud83d" in (await ask(emulator)).text
    emulator.reply("x", reasoning_pieces=["\ud83d", "\ude00"], reasoning="\U0001f600")
    chunks = events(await ask(emulator, stream=True))
    assert [c["choices"][0]["delta"]["reasoning_content"] for c in chunks[1:3]] == [
        "\ud83d",
        "\ude00",
    ]


async def test_the_responder_gets_the_request():
    emulator = MiMoEmulator()

    def respond(request):
        text = request.body["messages"][-1]["content"]
        return {"a": "A", "b": Reply("B", reasoning="b")}.get(text)

    emulator.respond_with(respond)
    say = lambda text: message(emulator, [{"role": "user", "content": text}])  # noqa: E731
    assert (await say("a"))["content"] == "A"
    assert (await say("b"))["reasoning_content"] == "b"
    assert "You said: c" in (await say("c"))["content"]
    emulator.reset()
    assert emulator.requests == []
    assert "You said: a" in (await say("a"))["content"]


async def test_a_recorded_request():
    emulator = MiMoEmulator()
    await ask(emulator, [{"role": "user", "content": "héllo"}])
    (record,) = emulator.requests
    assert (record.method, record.path, record.status) == ("POST", "/v1/chat/completions", 200)
    assert record.headers["api-key"] == "sk-emulator"
    assert record.body["messages"][0]["content"] == "héllo"
    assert record.raw_length == int(record.headers["content-length"])


async def test_greeting_and_introduction():
    assert (await message(MiMoEmulator()))["content"].startswith("Hello! ")
    messages = [{"role": "user", "content": "please introduce yourself"}]
    assert "I am MiMo" in (await message(MiMoEmulator(), messages))["content"]


async def test_media_of_an_earlier_turn_are_described_again():
    image = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    audio = {"type": "input_audio", "input_audio": {"data": "https://x.example/a.wav"}}
    messages = [{"role": "user", "content": [image, audio, image]}]
    first = (await message(MiMoEmulator(), messages))["content"]
    assert [line.split(":")[0] for line in first.splitlines()] == ["Image 1", "Audio 1", "Image 2"]
    later = [
        *messages,
        {"role": "assistant", "content": first},
        {"role": "user", "content": "And?"},
    ]
    assert (await message(MiMoEmulator(), later))["content"] == first


async def test_usage_of_media_by_modality():
    image = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    video = {"type": "video_url", "video_url": {"url": "https://x.example/a.mp4"}, "fps": 2}
    body = (await ask(MiMoEmulator(), [{"role": "user", "content": [image, video]}])).json()
    details = body["usage"]["prompt_tokens_details"]
    assert details == {
        "audio_tokens": 19,
        "cached_tokens": 0,
        "image_tokens": 1024,
        "video_tokens": 1144,
    }
    assert body["usage"]["prompt_tokens"] > 19 + 1024 + 1144


SEARCH = {"type": "web_search", "max_keyword": 3, "limit": 1}


async def test_web_search():
    messages = [{"role": "user", "content": "Search the latest Xiaomi electric car prices"}]
    body = (await ask(MiMoEmulator(), messages, tools=[SEARCH])).json()
    found = body["choices"][0]["message"]
    assert list(found) == ["content", "role", "annotations", "tool_calls", "reasoning_content"]
    assert len(found["annotations"]) == 3
    assert set(found["annotations"][0]) == {
        *("type", "url", "title", "summary", "site_name", "publish_time", "logo_url")
    }
    assert body["usage"]["web_search_usage"] == {"tool_usage": 3, "page_usage": 3}
    chunks = events(await ask(MiMoEmulator(), messages, tools=[SEARCH], stream=True))
    assert len(chunks[0]["choices"][0]["delta"]["annotations"]) == 3
    assert chunks[-1]["usage"]["web_search_usage"] == {"tool_usage": 3, "page_usage": 3}


async def test_web_search_only_when_needed():
    greeting = await message(MiMoEmulator(), tools=[SEARCH])
    assert "annotations" not in greeting
    forced = await message(MiMoEmulator(), tools=[{**SEARCH, "force_search": True}])
    assert forced["annotations"]


async def test_models():
    emulator = MiMoEmulator(as_of="2026-10-10")
    transport = httpx2.ASGITransport(app=emulator.application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get("/v1/models", headers={"api-key": emulator.api_key})
        assert (await client.get("/v1/models")).status_code == 401
    models = response.json()
    assert models["object"] == "list"
    assert {"id": "mimo-v2.5", "object": "model", "owned_by": "xiaomi"} in models["data"]
    assert "mimo-v2-omni" not in [model["id"] for model in models["data"]]


@pytest.mark.parametrize("thinking", ["enabled", "disabled"])
async def test_a_tool_without_parameters_is_called_in_xml(thinking):
    """As MiMo does it: the finish reason speaks of calls, and there are none."""
    bare = {"type": "function", "function": {"name": "current_time", "description": "The time."}}
    response = await ask(
        MiMoEmulator(),
        [{"role": "user", "content": "Use current_time."}],
        tools=[bare],
        thinking={"type": thinking},
    )
    (choice,) = response.json()["choices"]
    call = "<tool_call><function=current_time></function></tool_call>"
    assert choice["message"]["content"] == call
    assert choice["message"]["tool_calls"] is None
    assert choice["finish_reason"] == "tool_calls"
    bare["function"]["parameters"] = {"type": "object", "properties": {}}
    made = await message(
        MiMoEmulator(), [{"role": "user", "content": "Use current_time."}], tools=[bare]
    )
    assert made["tool_calls"][0]["function"] == {"arguments": "{}", "name": "current_time"}


async def test_arguments_are_spaced_as_mimo_spaces_them():
    parameters = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
    }
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": parameters}}
    prompt = [{"role": "user", "content": "get_weather in Zürich for 3 days"}]
    made = await message(MiMoEmulator(), prompt, tools=[tool])
    (call,) = made["tool_calls"]
    assert call["function"]["arguments"] == '{"city": "Zürich", "days": 3}'
    emulator = MiMoEmulator()
    emulator.reply(tool_calls=[{"name": "get_weather", "args": {"city": "Ulm", "days": [1, 2]}}])
    (call,) = (await message(emulator, prompt, tools=[tool]))["tool_calls"]
    assert call["function"]["arguments"] == '{"city": "Ulm", "days": [1, 2]}'

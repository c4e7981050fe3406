"""Keys, order of keys and comments of responses, as recorded from MiMo."""

import json
import re

import pytest
from emulator_requests import function, message, post, request

from langchain_mimo.emulator import MiMoEmulator

OFF = {"type": "disabled"}
TOOL = function("f", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
COMMENT = ": PROCESSING\n\n"


@pytest.mark.parametrize(
    ("script", "thinking", "keys"),
    [
        ({"content": "a"}, None, ["content", "role", "tool_calls", "reasoning_content"]),
        ({"content": "a"}, OFF, ["content", "role"]),
        ({"tool_calls": [{"name": "f"}]}, OFF, ["content", "role", "tool_calls"]),
        (
            {"tool_calls": [{"name": "f"}]},
            None,
            ["content", "role", "tool_calls", "reasoning_content"],
        ),
        ({"annotations": []}, OFF, ["content", "role", "annotations"]),
    ],
)
async def test_keys_of_a_message(script, thinking, keys):
    emulator = MiMoEmulator()
    emulator.reply(**script)
    found = await message(emulator, thinking=thinking)
    assert list(found) == keys
    assert found["content"] == script.get("content", "")
    if "tool_calls" in keys and not script.get("tool_calls"):
        assert found["tool_calls"] is None


async def test_a_call_has_the_recorded_keys_and_no_index():
    body = request(messages=[{"role": "user", "content": "Call f for the city Paris."}])
    response = await post(MiMoEmulator(), {**body, "tools": [TOOL]})
    (call,) = response.json()["choices"][0]["message"]["tool_calls"]
    assert list(call) == ["id", "function", "type"]
    assert list(call["function"]) == ["arguments", "name"]
    assert re.fullmatch("call_[0-9a-f]{24}", call["id"])
    assert call["function"]["arguments"] == '{"city": "Paris"}'


async def test_scripted_arguments_are_printed_like_those_of_mimo():
    emulator = MiMoEmulator()
    emulator.reply(tool_calls=[{"name": "f", "args": {"city": "北京", "days": [1, 2]}}])
    (call,) = (await message(emulator))["tool_calls"]
    assert call["function"]["arguments"] == '{"city": "北京", "days": [1, 2]}'


async def texts_of_streams(emulator, count, **changes):
    return [(await post(emulator, request(stream=True, **changes))).text for _ in range(count)]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [0, 0, 1, 0, 0, 1]),
        ({"processing_every": 1}, [1, 1, 1, 1, 1, 1]),
        ({"processing_every": 2}, [0, 1, 0, 1, 0, 1]),
        ({"processing_every": None}, [0, 0, 0, 0, 0, 0]),
    ],
)
async def test_some_streams_begin_with_a_comment(settings, expected):
    texts = await texts_of_streams(MiMoEmulator(**settings), 6)
    assert [text.startswith(COMMENT) for text in texts] == [bool(value) for value in expected]
    assert [text.count(COMMENT) for text in texts] == expected
    assert all(text.removeprefix(COMMENT).startswith("data: {") for text in texts)


async def test_only_streams_count_for_comments():
    emulator = MiMoEmulator(processing_every=2)
    assert not (await texts_of_streams(emulator, 1))[0].startswith(COMMENT)
    await post(emulator, request())
    await post(emulator, request(stream=True, model="gpt-4o"))
    emulator.fault("no_done")
    (faulty,) = await texts_of_streams(emulator, 1)
    assert COMMENT not in faulty
    emulator.reply(events=["data: [DONE]\n\n"])
    assert (await texts_of_streams(emulator, 1)) == ["data: [DONE]\n\n"]
    assert (await texts_of_streams(emulator, 1))[0].startswith(COMMENT)


@pytest.mark.parametrize("options", [None, {"include_usage": True}, {"include_usage": False}])
async def test_usage_needs_no_stream_options(options):
    changes = {} if options is None else {"stream_options": options}
    (text,) = await texts_of_streams(MiMoEmulator(), 1, **changes)
    *_, finish, usage, done, _ = text.split("\n\n")
    assert json.loads(finish.removeprefix("data: "))["usage"] is None
    last = json.loads(usage.removeprefix("data: "))
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] > 0
    assert done == "data: [DONE]"


async def test_cached_tokens_are_a_multiple_of_64():
    emulator = MiMoEmulator()
    messages = [{"role": "user", "content": "word " * 300}]
    for _ in range(2):
        body = (await post(emulator, request(messages=messages))).json()
    cached = body["usage"]["prompt_tokens_details"]["cached_tokens"]
    assert cached > 0
    assert cached % 64 == 0

"""Parameters: what MiMo ignores, and what it honours or refuses."""

import pytest
from emulator_requests import function, image, message, post, request, user, video

from langchain_mimo.emulator import MiMoEmulator

BAD_REQUEST = (
    '{"error":{"code":"400","message":"Invalid request parameters","param":"",'
    '"type":"Bad Request"}}'
)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
WEATHER = function(
    "get_weather",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
)
ASK_WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]
SEARCH = {"type": "web_search", "force_search": True}

UNKNOWN = {
    "a made-up name": {"totally_unknown_param": 123},
    "seed": {"seed": 7},
    "user": {"user": "u"},
    "log probabilities": {"logprobs": True, "top_logprobs": 2},
    "parallel_tool_calls": {"parallel_tool_calls": False},
    "store and metadata": {"store": True, "metadata": {"a": "b"}},
    "other switches of thinking": {"enable_thinking": False, "thinking_budget": 0},
    "other switches of the search": {"webSearchEnabled": True, "enable_web_search": True},
    "fps in the wrong place": {
        "messages": user(
            {"type": "video_url", "video_url": {"url": "https://x.y/z.mp4", "fps": 1}}
        ),
    },
    "detail of an image": {
        "messages": user(
            {"type": "image_url", "image_url": {"url": "https://x.y/z.png", "detail": "low"}}
        ),
    },
    "a key of a message": {"messages": [{"role": "user", "content": "hi", "cache": True}]},
    "a key of a tool": {"tools": [{**WEATHER, "cache": True}]},
    "a key of a function": {"tools": [function("f", cache=True)]},
    "a key of the search": {"tools": [{**SEARCH, "web_search": {"enable": True}}]},
}


@pytest.mark.parametrize("name", UNKNOWN)
async def test_unknown_names_are_ignored_unless_the_emulator_is_strict(name):
    assert await message(MiMoEmulator(), **UNKNOWN[name])
    refused = await post(MiMoEmulator(strict_parameters=True), request(**UNKNOWN[name]))
    assert refused.status_code == 400
    assert "'type': 'extra_forbidden'" in refused.json()["error"]["message"]


async def test_ignored_switches_do_not_disable_thinking():
    found = await message(MiMoEmulator(), enable_thinking=False, thinking_budget=0)
    assert found["reasoning_content"]


@pytest.mark.parametrize("strict", [False, True])
async def test_n_is_always_refused(strict):
    emulator = MiMoEmulator(strict_parameters=strict)
    refused = await post(emulator, request(n=1))
    assert refused.status_code == 400
    assert "'loc': ('body', 'n')" in refused.json()["error"]["message"]
    assert (await post(emulator, request(n=None))).status_code == 200


@pytest.mark.parametrize("effort", ["low", "medium", "high"])
async def test_effort_levels_make_no_difference(effort):
    assert await message(MiMoEmulator(), reasoning_effort=effort) == await message(MiMoEmulator())


async def test_the_effort_none_disables_thinking():
    body = (await post(MiMoEmulator(), request(reasoning_effort="none"))).json()
    assert list(body["choices"][0]["message"]) == ["content", "role"]
    assert body["usage"]["completion_tokens_details"] == {"reasoning_tokens": 0}
    both = await message(MiMoEmulator(), reasoning_effort="none", thinking={"type": "enabled"})
    assert "reasoning_content" not in both
    off = await message(MiMoEmulator(), reasoning_effort="high", thinking={"type": "disabled"})
    assert "reasoning_content" not in off


@pytest.mark.parametrize("effort", ["minimal", "xhigh", "max", "ultra", "", 3, ["none"]])
async def test_other_efforts_are_refused(effort):
    refused = await post(MiMoEmulator(), request(reasoning_effort=effort))
    assert refused.status_code == 400
    assert "Input should be 'low', 'medium' or 'high'" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "response_format",
    [
        {"type": "xml"},
        {"type": None},
        {},
        "json_object",
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"name": "a"}},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": "{}"}},
    ],
)
async def test_a_bad_response_format(response_format):
    body = request(response_format=response_format)
    response = await post(MiMoEmulator(), body)
    assert (response.status_code, response.text) == (400, BAD_REQUEST)
    streamed = await post(MiMoEmulator(), {**body, "stream": True})
    assert streamed.text == f"data:{BAD_REQUEST}"


@pytest.mark.parametrize(
    "response_format",
    [
        None,
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"schema": SCHEMA}},
        {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": SCHEMA}},
    ],
)
async def test_response_formats_that_are_accepted(response_format):
    assert await message(MiMoEmulator(), response_format=response_format)


@pytest.mark.parametrize(
    "messages",
    [
        user({"type": "image", "source": {"type": "base64", "data": ""}}),
        user({"type": "input_file", "file_data": ""}),
        user({"text": "no type"}),
        [{"role": "system", "content": [image("https://x.y/z")]}],
        [{"role": "assistant", "content": [video("https://x.y/z")]}],
    ],
)
async def test_parts_that_do_not_exist(messages):
    response = await post(MiMoEmulator(), request(messages=messages))
    assert (response.status_code, response.text) == (400, BAD_REQUEST)


NAMED = {"type": "function", "function": {"name": "get_weather"}}


@pytest.mark.parametrize("choice", ["none", "auto", "required", NAMED, "any", {"type": "x"}, 5])
async def test_tool_choice_has_no_effect(choice):
    called = await message(
        MiMoEmulator(), messages=ASK_WEATHER, tools=[WEATHER], tool_choice=choice
    )
    assert called["tool_calls"][0]["function"]["name"] == "get_weather"
    greeted = await message(MiMoEmulator(), tools=[WEATHER], tool_choice=choice)
    assert greeted["tool_calls"] is None


async def test_a_builtin_function_comes_back_as_an_ordinary_call():
    tool = {**WEATHER, "type": "builtin_function"}
    found = await message(MiMoEmulator(), messages=ASK_WEATHER, tools=[tool])
    (call,) = found["tool_calls"]
    assert call["type"] == "function"
    assert call["function"]["name"] == "get_weather"
    nameless = {"type": "builtin_function", "function": {"parameters": {}}}
    refused = await post(MiMoEmulator(), request(tools=[nameless]))
    assert refused.json()["error"]["param"] == "`name` is not set"


@pytest.mark.parametrize(
    "tool", [{"type": "web_search"}, SEARCH, {**SEARCH, "web_search": {"enable": True}}]
)
async def test_the_search_tool_is_refused_without_the_plugin(tool):
    emulator = MiMoEmulator(web_search=False)
    response = await post(emulator, request(tools=[tool], webSearchEnabled=True))
    assert response.status_code == 400
    assert response.text == (
        '{"error":{"code":"400","message":"Param Incorrect","param":"web search tool found in the '
        'request body, but webSearchEnabled is false","type":""}}'
    )
    assert "annotations" in await message(MiMoEmulator(), tools=[SEARCH])

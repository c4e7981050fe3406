"""The faults that change an answer: whole and streamed, in both API formats, over a real socket."""

import itertools
import json

import httpx2
import pytest

from langchain_mimo.emulator import Reply

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/anthropic/v1/messages"}
SENTENCE = "The request was rejected because it was considered high risk"
NULLABLE = {"anyOf": [{"type": "string"}, {"type": "null"}]}
PARAMETERS = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "unit": NULLABLE,
        "filter": {"type": "object", "properties": {"days": {"type": "integer"}}},
        "tags": {"type": "array", "items": {"type": "string"}},
        "page": {"type": "integer"},
    },
    "required": ["city", "unit", "filter", "tags", "page"],
}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
RESPONSE_FORMAT = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}
ASK_WEATHER = "Use get_weather for Oslo, 3 days, page 2."


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def streaming(request):
    return request.param


@pytest.fixture
def ask(emulator, api_format, streaming):
    """Send a request; return the answer in one form for both formats and both ways of sending."""

    def send(prompt="Hello", *, tools=False, **fields):
        if tools:
            tool = {"name": "get_weather", "description": "The weather."}
            fields["tools"] = [
                {"type": "function", "function": {**tool, "parameters": PARAMETERS}}
                if api_format == "openai"
                else {**tool, "input_schema": PARAMETERS}
            ]
        body = {
            "model": "mimo-v2.6-flash",
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": 20_000,
            "stream": streaming,
            **fields,
        }
        headers = {"api-key": emulator.api_key}
        url = emulator.root_url + PATHS[api_format]
        response = httpx2.post(url, json=body, headers=headers, timeout=30)
        assert response.status_code == 200, response.text
        read = READERS[api_format, streaming]
        return read(events_of(response.text) if streaming else response.json())

    return send


def events_of(text):
    assert text.endswith("data: [DONE]\n\n")
    lines = [line for line in text.splitlines() if line.startswith("data: {")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def chat_response(body):
    (choice,) = body["choices"]
    message = choice["message"]
    calls = [call["function"] for call in message.get("tool_calls") or []]
    return {
        "text": message["content"],
        "pieces": [message["content"]],
        "reasoning": message.get("reasoning_content"),
        "calls": [(call["name"], call["arguments"]) for call in calls],
        "ids": [call["id"] for call in message.get("tool_calls") or []],
        "finish_reason": choice["finish_reason"],
        "output_tokens": body["usage"]["completion_tokens"],
        "message": message,
    }


def chat_stream(events):
    deltas = [event["choices"][0]["delta"] for event in events if event["choices"]]
    pieces = [delta["content"] for delta in deltas if delta["content"]]
    calls = {}
    for delta in deltas:
        for call in delta["tool_calls"] or []:
            made = calls.setdefault(call["index"], {"name": "", "arguments": "", "id": ""})
            made["name"] += call["function"]["name"] or ""
            made["arguments"] += call["function"]["arguments"]
            made["id"] += call["id"] or ""
    return {
        "text": "".join(pieces),
        "pieces": pieces,
        "reasoning": "".join(delta["reasoning_content"] or "" for delta in deltas) or None,
        "calls": [(call["name"], call["arguments"]) for call in calls.values()],
        "ids": [call["id"] for call in calls.values()],
        "finish_reason": events[-2]["choices"][0]["finish_reason"],
        "output_tokens": events[-1]["usage"]["completion_tokens"],
        "message": {"tool_calls": None},
    }


def anthropic_response(body):
    blocks = {kind: [b for b in body["content"] if b["type"] == kind] for kind in KINDS}
    return {
        "text": "".join(block["text"] for block in blocks["text"]),
        "pieces": [block["text"] for block in blocks["text"]],
        "reasoning": "".join(block["thinking"] for block in blocks["thinking"]) or None,
        "calls": [(block["name"], json.dumps(block["input"])) for block in blocks["tool_use"]],
        "ids": [block["id"] for block in blocks["tool_use"]],
        "finish_reason": REASONS.get(body["stop_reason"], body["stop_reason"]),
        "output_tokens": body["usage"]["output_tokens"],
        "message": {"tool_calls": None},
    }


def anthropic_stream(events):
    blocks = [event["content_block"] for event in events if "content_block" in event]
    for event in events:
        if event["type"] == "content_block_delta":
            block = blocks[event["index"]]
            block.setdefault("pieces", []).extend(
                event["delta"][key]
                for key in ("text", "thinking", "partial_json")
                if key in event["delta"]
            )
    pieces = {
        kind: [block.get("pieces", []) for block in blocks if block["type"] == kind]
        for kind in KINDS
    }
    names = [block["name"] for block in blocks if block["type"] == "tool_use"]
    (end,) = [event for event in events if event["type"] == "message_delta"]
    return {
        "text": "".join(map("".join, pieces["text"])),
        "pieces": list(itertools.chain(*pieces["text"])),
        "reasoning": "".join(map("".join, pieces["thinking"])) or None,
        "calls": list(zip(names, map("".join, pieces["tool_use"]), strict=True)),
        "ids": [block["id"] for block in blocks if block["type"] == "tool_use"],
        "finish_reason": REASONS.get(end["delta"]["stop_reason"], end["delta"]["stop_reason"]),
        "output_tokens": end["usage"]["output_tokens"],
        "message": {"tool_calls": None},
    }


KINDS = ("text", "thinking", "tool_use")
REASONS = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
READERS = {
    ("openai", False): chat_response,
    ("openai", True): chat_stream,
    ("anthropic", False): anthropic_response,
    ("anthropic", True): anthropic_stream,
}


def test_content_filter_then_the_answer(emulator, ask, streaming):
    emulator.fault("content_filter")
    filtered = ask("Tell me a joke.")
    assert filtered["text"] == SENTENCE
    assert filtered["reasoning"] is None
    assert filtered["finish_reason"] == "content_filter"
    assert (len(filtered["pieces"]) > 5) is streaming
    assert filtered["output_tokens"] == 15
    answered = ask("Tell me a joke.")
    assert answered["finish_reason"] == "stop"
    assert SENTENCE not in answered["text"]


def test_content_filter_replaces_a_scripted_reply(emulator, ask):
    emulator.fault("content_filter")
    emulator.reply("One two", pieces=["One ", "two"], reasoning_pieces=["hm"])
    assert ask()["text"] == SENTENCE
    emulator.fault("content_filter")
    emulator.reply(tool_calls=[{"name": "get_weather", "args": {}}])
    filtered = ask(ASK_WEATHER, tools=True)
    assert (filtered["text"], filtered["calls"]) == (SENTENCE, [])


@pytest.mark.parametrize("api_format", ["openai"])
@pytest.mark.parametrize(
    ("members", "start"), [(0, "{"), (1, '{"name":"Ada",'), (9, '{"name":"Ada","age":36,')]
)
def test_whitespace_padding(emulator, ask, streaming, members, start):
    emulator.fault("whitespace_padding", members=members)
    padded = ask("Ada is 36", response_format=RESPONSE_FORMAT)
    assert padded["text"].startswith(start)
    padding = padded["text"].removeprefix(start)
    assert len(padding) > 1_000
    assert set(padding) == {"\t", " "}
    assert padded["finish_reason"] == "length"
    assert padded["output_tokens"] == 20_000
    if streaming:
        assert [piece for piece in padded["pieces"] if piece.isspace()] > ["\t\t\t\t"] * 100
    whole = ask("Ada is 36", response_format=RESPONSE_FORMAT)
    assert json.loads(whole["text"]) == {"name": "Ada", "age": 36}


@pytest.mark.parametrize("api_format", ["openai"])
def test_whitespace_padding_with_little_room(emulator, ask):
    emulator.fault("whitespace_padding", members=2)
    padded = ask(
        "Ada is 36",
        response_format=RESPONSE_FORMAT,
        thinking={"type": "disabled"},
        max_tokens=3,
    )
    assert padded["text"] == '{"name":"Ada'
    assert padded["finish_reason"] == "length"
    assert padded["output_tokens"] == 3


def test_whitespace_padding_up_to_the_models_limit_can_be_left(emulator):
    """Without a limit, MiMo pads with 131,072 tokens; a client that leaves stops them."""
    emulator.fault("whitespace_padding", interval=0.001)
    body = {
        "model": "mimo-v2.6-flash",
        "messages": [{"role": "user", "content": "Ada is 36"}],
        "response_format": RESPONSE_FORMAT,
        "stream": True,
    }
    headers = {"api-key": emulator.api_key}
    url = f"{emulator.base_url}/chat/completions"
    with httpx2.stream("POST", url, json=body, headers=headers) as response:
        for count, _ in enumerate(response.iter_lines()):
            if count > 200:
                break
    assert emulator.wait_for_disconnects(1, timeout=5)


def test_tool_call_flood(emulator, ask):
    emulator.fault("tool_call_flood")
    flood = ask(ASK_WEATHER, tools=True)
    assert len(flood["calls"]) == len(set(flood["ids"])) == 120
    assert len(set(flood["calls"])) == 1
    assert flood["calls"][0][0] == "get_weather"
    assert flood["finish_reason"] == "tool_calls"
    assert len(ask(ASK_WEATHER, tools=True)["calls"]) == 1


def test_tool_call_flood_within_the_token_limit(emulator, ask):
    emulator.fault("tool_call_flood", calls=50)
    flood = ask(ASK_WEATHER, tools=True, max_tokens=300)
    assert 1 < len(flood["calls"]) < 50
    assert flood["finish_reason"] == "length"
    assert flood["output_tokens"] <= 300


@pytest.mark.parametrize("place", ["content", "reasoning"])
def test_repetition(emulator, ask, place):
    emulator.fault("repetition", groups=25, lines=2, place=place)
    looping = ask("Hello")
    text = looping["text" if place == "content" else "reasoning"]
    lines = text.splitlines()
    assert lines[-50:] == lines[-2:] * 25
    assert lines[-1] != lines[-2]
    assert text.startswith("Hello!" if place == "content" else "The user says: Hello")
    assert (looping["text"] == "") is (place == "reasoning")
    assert looping["finish_reason"] == "repetition_truncation"


def test_repetition_in_reasoning_without_thinking_is_in_the_content(emulator, ask):
    emulator.fault("repetition", place="reasoning")
    looping = ask("Hello", thinking={"type": "disabled"})
    assert looping["reasoning"] is None
    assert looping["text"].count("point 1.") == 40


@pytest.mark.parametrize("thinking", ["enabled", "disabled"])
def test_xml_tool_call(emulator, ask, thinking):
    emulator.fault("xml_tool_call")
    emulator.reply(tool_calls=[{"name": "get_weather", "args": {"city": "Oslo", "page": 2}}])
    answer = ask(ASK_WEATHER, tools=True, thinking={"type": thinking})
    assert answer["text"] == (
        "<tool_call><function=get_weather><parameter=city>Oslo</parameter>"
        "<parameter=page>2</parameter></function></tool_call>"
    )
    assert answer["calls"] == []
    assert answer["message"]["tool_calls"] is None
    assert answer["finish_reason"] == "tool_calls"


def test_cut_at_nullable(emulator, ask, api_format, streaming):
    emulator.fault("cut_at_nullable")
    cut = ask(ASK_WEATHER, tools=True)
    (call,) = cut["calls"]
    if (api_format, streaming) == ("anthropic", False):
        # This format cannot carry arguments that are not JSON.
        assert call == ("get_weather", "{}")
    else:
        assert call == ("get_weather", '{"city": "Oslo", "unit": ')
    assert cut["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("numbers", "nested"),
    [
        (False, {"filter": '{"days": 3}', "tags": '["a"]', "page": 2}),
        (True, {"filter": '{"days": 3}', "tags": '["a"]', "page": "2"}),
    ],
)
def test_stringified_arguments(emulator, ask, numbers, nested):
    emulator.fault("stringified_arguments", numbers=numbers)
    arguments = {"city": "Oslo", "unit": None, "filter": {"days": 3}, "tags": ["a"], "page": 2}
    emulator.reply(tool_calls=[{"name": "get_weather", "args": arguments}])
    ((_, text),) = ask(ASK_WEATHER, tools=True)["calls"]
    assert json.loads(text) == {"city": "Oslo", "unit": None, **nested}


@pytest.mark.parametrize(
    "name", ["tool_call_flood", "xml_tool_call", "cut_at_nullable", "stringified_arguments"]
)
def test_faults_of_tool_calls_make_a_call_if_the_answer_has_none(emulator, ask, name):
    emulator.fault(name)
    answer = ask("Hello", tools=True)
    assert answer["finish_reason"] == "tool_calls"
    assert "get_weather" in f"{answer['calls']}{answer['text']}"


def test_arguments_of_a_scripted_call_that_are_not_json(emulator, ask):
    for name in ("xml_tool_call", "cut_at_nullable", "stringified_arguments"):
        emulator.fault(name)
        emulator.reply(tool_calls=[{"name": "get_weather", "args": "{"}])
        assert ask(ASK_WEATHER, tools=True)["finish_reason"] == "tool_calls"


def test_a_raw_reply_is_not_changed(emulator, ask, api_format, streaming):
    if api_format == "openai" and not streaming:
        emulator.fault("content_filter")
        body = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": {}}
        body["usage"]["completion_tokens"] = 1
        emulator.reply(Reply(body=body))
        assert ask()["text"] == "x"

"""Stored histories, and those of other providers, become requests that MiMo accepts."""

import base64
import copy
import json
from functools import reduce
from operator import add

import pytest
import sample_media
from conversations import AUDIO_AND_VIDEO, assistant_messages, openai_only, sent, weather
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    ToolMessage,
    message_chunk_to_message,
    messages_from_dict,
    messages_to_dict,
    trim_messages,
)
from langgraph.checkpoint.serde import _msgpack
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from repository import PROVIDER_HISTORIES

from langchain_mimo.emulator import MiMoEmulator

PNG_SIGNATURE = "iVBORw0KGgo="
REASONING = ' First,\n\t"look"  先看 😀 then add.\r\n'
PROMPT = HumanMessage("How is it in Ulm and Bonn?")


@pytest.fixture
def emulator():
    with MiMoEmulator(strict_tool_turns=True, **AUDIO_AND_VIDEO) as running:
        yield running


def arguments_as_sent(text, api_format):
    """The Anthropic format sends arguments as an object, which loses their whitespace."""
    return text if api_format == "openai" else json.dumps(json.loads(text))


# ----------------------------------------------------------------------- MiMo's own messages

CALLS = [
    {"name": "weather", "args": '{"city":"Ulm"}', "id": "call_1"},
    {"name": "weather", "args": '{"city": "Bonn" }', "id": "call_2"},
]


async def response(llm, emulator, way):
    """A response with reasoning and two calls, requested in one of several ways."""
    emulator.reply("Looking.", reasoning=REASONING, tool_calls=CALLS, argument_pieces=2)
    match way:
        case "invoke":
            return llm.invoke([PROMPT])
        case "ainvoke":
            return await llm.ainvoke([PROMPT])
        case "stream":
            return reduce(add, llm.stream([PROMPT]))
        case "astream":
            return reduce(add, [chunk async for chunk in llm.astream([PROMPT])])
        case "merged":
            return message_chunk_to_message(reduce(add, llm.stream([PROMPT])))
        case "events":
            return llm.stream_events([PROMPT], version="v3").output
        case "aevents":
            return await (await llm.astream_events([PROMPT], version="v3"))


def serialized(messages):
    serializer = JsonPlusSerializer(allowed_msgpack_modules=None)
    return serializer.loads_typed(serializer.dumps_typed(messages))


def trimmed(messages):
    return trim_messages(messages, max_tokens=100_000, token_counter=len, strategy="last")


STORES = {
    "unchanged": lambda messages: messages,
    "dicts": lambda messages: messages_from_dict(
        json.loads(json.dumps(messages_to_dict(messages)))
    ),
    "dumps": lambda messages: loads(dumps(messages), allowed_objects="messages"),
    "checkpoint": serialized,
    "trim_messages": trimmed,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize(
    "way", ["invoke", "ainvoke", "stream", "astream", "merged", "events", "aevents"]
)
async def test_a_turn_is_sent_back_exactly(
    model, emulator, api_format, monkeypatch, way, version, store
):
    monkeypatch.setattr(_msgpack, "STRICT_MSGPACK_ENABLED", True)
    llm = model(emulator, output_version=version).bind_tools([weather])
    history = [
        PROMPT,
        await response(llm, emulator, way),
        ToolMessage("Rain.", tool_call_id="call_1"),
        ToolMessage("Sun.", tool_call_id="call_2"),
    ]
    llm.invoke(STORES[store](history))
    [turn] = assistant_messages(sent(emulator))
    assert turn == {
        "role": "assistant",
        "content": "Looking.",
        "reasoning_content": REASONING,
        "tool_calls": [
            {
                "id": call["id"],
                "type": "function",
                "function": {
                    "name": call["name"],
                    "arguments": arguments_as_sent(call["args"], api_format),
                },
            }
            for call in CALLS
        ],
    }


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
@pytest.mark.parametrize("way", ["invoke", "stream", "events"])
async def test_reasoning_survives_when_only_its_block_is_kept(model, emulator, way):
    """Some stores keep only the content; with output_version="v1" it includes the reasoning."""
    llm = model(emulator, output_version="v1").bind_tools([weather])
    message = await response(llm, emulator, way)
    bare = AIMessage(message.content, tool_calls=message.tool_calls)
    results = [ToolMessage("ok", tool_call_id=call["id"]) for call in message.tool_calls]
    llm.invoke([PROMPT, bare, *results])
    [turn] = assistant_messages(sent(emulator))
    assert turn["content"] == "Looking."
    assert turn["reasoning_content"] == REASONING


@openai_only
def test_invalid_arguments_are_sent_back_exactly_and_in_order(model, emulator):
    written = ['{"city": "Ulm"', '{"city":"Bonn"}', "[1,  2]", '{"city": "Köln"}']
    calls = [{"name": "weather", "args": text, "id": f"call_{n}"} for n, text in enumerate(written)]
    llm = model(emulator).bind_tools([weather])
    for streamed in (False, True):
        emulator.reply("", reasoning="Hm.", tool_calls=calls, argument_pieces=2)
        message = reduce(add, llm.stream([PROMPT])) if streamed else llm.invoke([PROMPT])
        assert [call["args"] for call in message.tool_calls] == [{"city": "Bonn"}, {"city": "Köln"}]
        assert len(message.invalid_tool_calls) == 2
        results = [ToolMessage("ok", tool_call_id=call["id"]) for call in message.tool_calls]
        llm.invoke([PROMPT, message, *results])
        [turn] = assistant_messages(sent(emulator))
        assert [call["function"]["arguments"] for call in turn["tool_calls"]] == written
        results = [m for m in sent(emulator) if m["role"] == "tool"]
        assert [m["tool_call_id"] for m in results] == [call["id"] for call in calls]


@pytest.mark.no_bill("the scripted events state no usage")
@openai_only
def test_split_characters_are_repaired(model, emulator):
    """MiMo splits characters; a lone surrogate cannot be encoded as UTF-8 in the next request."""

    def event(**delta):
        choice = {"delta": {"content": None, "reasoning_content": None} | delta, "index": 0}
        return {"id": "1", "model": "mimo-v2.6-pro", "choices": [choice | {"finish_reason": None}]}

    call = {"index": 0, "id": "call_1", "function": {"name": "weather", "arguments": ""}}
    more = {"index": 0, "function": {"arguments": '{"city": "\ud83d'}}
    rest = {"index": 0, "function": {"arguments": '\ude00"}'}}
    events = [
        event(reasoning_content="a\ud83d"),
        event(reasoning_content="\ude00b\udc00"),
        event(content="c\ud83d"),
        event(content="\ude00\ud800"),
        event(tool_calls=[call]),
        event(tool_calls=[more]),
        event(tool_calls=[rest]),
        event() | {"choices": [{"delta": {}, "finish_reason": "tool_calls", "index": 0}]},
    ]
    lines = [f"data: {json.dumps(each)}\n\n" for each in events]  # json.dumps escapes them
    emulator.reply(events=[*lines, "data: [DONE]\n\n"])
    llm = model(emulator).bind_tools([weather])
    message = reduce(add, llm.stream([PROMPT]))
    assert message.tool_calls[0]["args"] == {"city": "😀"}
    llm.invoke([PROMPT, message, ToolMessage("ok", tool_call_id="call_1")])
    [turn] = assistant_messages(sent(emulator))
    assert turn["reasoning_content"] == "a😀b\ufffd"
    assert turn["content"] == "c😀\ufffd"


HOSTILE = {
    "lc": 1,
    "type": "constructor",
    "id": ["langchain_core", "messages", "human", "HumanMessage"],
    "kwargs": {"content": "written by a model"},
}
SECRET = {"lc": 1, "type": "secret", "id": ["MIMO_API_KEY"]}


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
@pytest.mark.parametrize("version", ["v0", "v1"])
def test_model_output_is_never_deserialized(model, emulator, monkeypatch, version):
    """A response that looks like LangChain's serialized objects stays data (CVE-2025-68664)."""
    monkeypatch.setenv("MIMO_API_KEY", "sk-secret")
    arguments = {**HOSTILE, "a": HOSTILE, "b": SECRET}
    emulator.reply(
        json.dumps(HOSTILE),
        reasoning=json.dumps(SECRET),
        tool_calls=[{"name": "weather", "args": json.dumps(arguments), "id": "1"}],
        annotations=[{"type": "url_citation", "url": json.dumps(HOSTILE), "title": HOSTILE}],
    )
    llm = model(emulator, output_version=version)
    message = reduce(add, llm.stream([PROMPT]))
    [restored] = loads(dumps([message]), allowed_objects="messages")
    assert restored.tool_calls[0]["args"] == arguments
    assert restored.content == message.content
    assert restored.additional_kwargs == message.additional_kwargs
    llm.invoke([PROMPT, restored, ToolMessage("ok", tool_call_id="1")])
    [turn] = assistant_messages(sent(emulator))
    assert turn["tool_calls"][0]["function"]["arguments"] == json.dumps(arguments)
    assert "sk-secret" not in str(sent(emulator))


# --------------------------------------------------------------------------- other providers


def stored_history(name, image):
    text = (PROVIDER_HISTORIES / f"{name}.json").read_text(encoding="utf-8")
    stored = json.loads(text.replace(PNG_SIGNATURE, image))
    return messages_from_dict(stored["messages"])


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A real image as base64; the emulator decodes what it receives."""
    path = sample_media.make_image(tmp_path_factory.mktemp("media") / "p.png", 64, 48)
    return base64.b64encode(path.read_bytes()).decode()


@pytest.mark.filterwarnings("ignore:A non_standard block")
@pytest.mark.filterwarnings("ignore:The Anthropic format has no participant names")
@pytest.mark.parametrize("name", sorted(path.stem for path in PROVIDER_HISTORIES.glob("*.json")))
def test_a_conversation_continues_with_mimo(model, emulator, image, name):
    history = stored_history(name, image)
    before = copy.deepcopy(history)
    llm = model(emulator, dialect=AUDIO_AND_VIDEO).bind_tools([weather])
    messages = [*history, HumanMessage("Use weather for Ulm.")]
    call = llm.invoke(messages)
    assert call.tool_calls
    messages += [call, ToolMessage("Rain.", tool_call_id=call.tool_calls[0]["id"])]
    final = reduce(add, llm.stream(messages))
    assert final.text
    assert [request.status for request in emulator.requests] == [200, 200]
    assert history == before
    for turn in assistant_messages(sent(emulator)):
        assert isinstance(turn["content"], str)
        assert bool(turn.get("tool_calls")) == bool(turn.get("reasoning_content"))
    text = json.dumps(emulator.requests[-1].body).replace('"signature": ""', "")
    for key in ("signature", "encrypted", "cache_control", "redacted", "thought_"):
        assert key not in text


def test_a_conversation_moves_between_mimo_models(model, emulator):
    """Reasoning is sent to a thinking model, whichever model wrote it, and not to others."""
    pro, flash = model(emulator).bind_tools([weather]), model(emulator, thinking=False)
    call = pro.invoke([HumanMessage("Use weather for Ulm.")])
    history = [
        HumanMessage("Use weather for Ulm."),
        call,
        ToolMessage("Rain.", tool_call_id=call.tool_calls[0]["id"]),
    ]
    history.append(flash.invoke(history))
    assert "reasoning_content" not in assistant_messages(sent(emulator))[0]
    pro.invoke([*history, HumanMessage("And now?")])
    reasoning = call.additional_kwargs["reasoning_content"]
    assert assistant_messages(sent(emulator))[0]["reasoning_content"] == reasoning
    assert "reasoning_content" not in assistant_messages(sent(emulator))[1]

"""Any history becomes a request that MiMo accepts: stored, trimmed, another provider's, broken."""

import base64
import copy
import json
import warnings
from functools import reduce
from operator import add

import pytest
import sample_media
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_chunk_to_message,
    messages_from_dict,
    messages_to_dict,
    trim_messages,
)
from langchain_core.tools import tool
from langgraph.checkpoint.serde import _msgpack
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from repository import PROVIDER_HISTORIES
from request_bodies import chat_body

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.errors import HistoryError, MiMoInvalidRequestError

PNG_SIGNATURE = "iVBORw0KGgo="
REASONING = ' First,\n\t"look"  先看 😀 then add.\r\n'
PROMPT = HumanMessage("How is it in Ulm and Bonn?")

openai_only = pytest.mark.parametrize("api_format", ["openai"])
"""For features that the Anthropic format lacks, and for tests written as OpenAI events."""


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"Rain in {city}."


@pytest.fixture
def emulator():
    with MiMoEmulator(strict_tool_turns=True) as running:
        yield running


@pytest.fixture
def model(api_format):
    """A function that makes a model on an emulator, in each API format in turn."""

    def make(emulator, **fields):
        fields = {"model": "mimo-v2.6-pro", "thinking": True, "max_retries": 0} | fields
        return ChatMiMo(
            api_key=emulator.api_key,
            base_url=emulator.base_url,
            api_format=api_format,
            **fields,
        )

    return make


def sent(emulator):
    """The messages of the last request, which was accepted, in the OpenAI format."""
    assert emulator.requests[-1].status == 200
    return chat_body(emulator.requests[-1])["messages"]


def arguments_as_sent(text, api_format):
    """The Anthropic format sends arguments as an object, which loses their whitespace."""
    return text if api_format == "openai" else json.dumps(json.loads(text))


def turns_of(messages):
    return [message for message in messages if message["role"] == "assistant"]


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
    [turn] = turns_of(sent(emulator))
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
    [turn] = turns_of(sent(emulator))
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
        [turn] = turns_of(sent(emulator))
        assert [call["function"]["arguments"] for call in turn["tool_calls"]] == written
        results = [m for m in sent(emulator) if m["role"] == "tool"]
        assert [m["tool_call_id"] for m in results] == [call["id"] for call in calls]


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
    [turn] = turns_of(sent(emulator))
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
    [turn] = turns_of(sent(emulator))
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
    llm = model(emulator).bind_tools([weather])
    messages = [*history, HumanMessage("Use weather for Ulm.")]
    call = llm.invoke(messages)
    assert call.tool_calls
    messages += [call, ToolMessage("Rain.", tool_call_id=call.tool_calls[0]["id"])]
    final = reduce(add, llm.stream(messages))
    assert final.text
    assert [request.status for request in emulator.requests] == [200, 200]
    assert history == before
    for turn in turns_of(sent(emulator)):
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
    assert "reasoning_content" not in turns_of(sent(emulator))[0]
    pro.invoke([*history, HumanMessage("And now?")])
    reasoning = call.additional_kwargs["reasoning_content"]
    assert turns_of(sent(emulator))[0]["reasoning_content"] == reasoning
    assert "reasoning_content" not in turns_of(sent(emulator))[1]


# ------------------------------------------------------------------- reasoning that is replayed

WITH_REASONING = [
    PROMPT,
    AIMessage("", tool_calls=[{"name": "weather", "args": {}, "id": "1"}]),
    ToolMessage("Rain.", tool_call_id="1"),
    AIMessage("Rain.", additional_kwargs={"reasoning_content": "Easy."}),
    HumanMessage("Sure?"),
]
WITH_REASONING[1].additional_kwargs["reasoning_content"] = REASONING
WITHOUT = [message.model_copy(update={"additional_kwargs": {}}) for message in WITH_REASONING]
EMPTY = copy.deepcopy(WITHOUT)
EMPTY[1].additional_kwargs["reasoning_content"] = ""


@pytest.mark.parametrize(
    ("replay", "expected"),
    [
        ("tool_calls", [REASONING, None]),
        ("always", [REASONING, "Easy."]),
        ("never", [None, None]),
    ],
)
@pytest.mark.parametrize("lenient", [False, True])
def test_replay_reasoning(model, replay, expected, lenient):
    with MiMoEmulator(lenient=lenient) as emulator:
        llm = model(emulator, replay_reasoning=replay)
        if replay == "never" and not lenient:
            with pytest.raises(MiMoInvalidRequestError, match="reasoning_content"):
                llm.invoke(WITH_REASONING)
        else:
            llm.invoke(WITH_REASONING)
        turns = turns_of(chat_body(emulator.requests[0])["messages"])
        assert [turn.get("reasoning_content") for turn in turns] == expected


@pytest.mark.parametrize("history", [WITHOUT, EMPTY], ids=["absent", "empty"])
@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("missing", ["pad", "disable_thinking", "error"])
def test_missing_reasoning(model, missing, lenient, history):
    with MiMoEmulator(lenient=lenient) as emulator:
        llm = model(emulator, missing_reasoning=missing)
        if missing == "error":
            with pytest.raises(HistoryError, match=r"messages\[1\]"):
                llm.invoke(history)
            assert emulator.requests == []
            return
        message = llm.invoke(history)
        [request] = emulator.requests
        assert request.status == 200
        is_padded = missing == "pad"
        turn = turns_of(chat_body(request)["messages"])[0]
        assert turn.get("reasoning_content") == (" " if is_padded else None)
        assert request.body["thinking"] == {"type": "enabled" if is_padded else "disabled"}
        assert bool(message.additional_kwargs.get("reasoning_content")) == is_padded


@openai_only
def test_the_emulator_refuses_reasoning_that_is_not_padded(model, emulator):
    """Without the pad, absent, null and empty reasoning are answered with 400."""
    for reasoning in ({}, {"reasoning_content": None}, {"reasoning_content": ""}):
        llm = model(emulator, replay_reasoning="never")
        call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        turn = {"role": "assistant", "content": "", "tool_calls": [call], **reasoning}
        result = {"role": "tool", "tool_call_id": "1", "content": "Rain."}
        prompt = {"role": "user", "content": "?"}
        with pytest.raises(MiMoInvalidRequestError, match="reasoning_content"):
            llm.invoke("x", extra_body={"messages": [prompt, turn, result]})


# ------------------------------------------------------------------ trimmed and inconsistent


def long_history():
    messages = [SystemMessage("Be brief.")]
    for number in range(4):
        call = {"name": "weather", "args": {"city": f"city {number}"}, "id": f"call_{number}"}
        messages += [
            HumanMessage(f"City {number}?"),
            AIMessage("", tool_calls=[call], additional_kwargs={"reasoning_content": f"T{number}"}),
            ToolMessage(f"Rain in city {number}.", tool_call_id=f"call_{number}"),
            AIMessage("Rain."),
        ]
    return messages


def test_a_trimmed_history_that_begins_with_a_result(model, emulator):
    """trim_messages without start_on cuts between a call and its result."""
    kept = trim_messages(
        long_history(), max_tokens=8, token_counter=len, strategy="last", include_system=True
    )
    kept = [*kept[:1], *kept[2:], HumanMessage("And now?")]
    while not isinstance(kept[1], ToolMessage):
        kept = [kept[0], *kept[2:]]
    with pytest.raises(HistoryError, match=r"messages\[1\]: this tool result has no call 'call_"):
        model(emulator).invoke(kept)
    assert emulator.requests == []
    model(emulator, repair_history=True).invoke(kept)
    roles = [message["role"] for message in sent(emulator)]
    assert roles[:3] == ["system", "user", "assistant"]
    assert "Rain in city" in sent(emulator)[1]["content"]


@pytest.mark.parametrize("limit", [120, 60, 30, 10])
def test_trimming_by_our_token_counter(model, emulator, limit):
    llm = model(emulator)
    kept = trim_messages(
        [*long_history(), HumanMessage("And now?")],
        max_tokens=limit,
        token_counter=llm,
        strategy="last",
        start_on="human",
    )
    assert kept
    assert llm.get_num_tokens_from_messages(kept) <= limit
    llm.invoke(kept)
    assert len(sent(emulator)) == len(kept)


CALL = {"name": "weather", "args": {}, "id": "call_1"}
REASONING_FIELD = {"reasoning_content": "T"}
BROKEN = {
    "a call without a result": (
        [
            PROMPT,
            AIMessage("", tool_calls=[CALL], additional_kwargs=REASONING_FIELD),
            HumanMessage("?"),
        ],
        r"messages\[1\]: tool call 'call_1' \(weather\) has no result before messages\[2\]",
    ),
    "a call at the end": (
        [PROMPT, AIMessage("", tool_calls=[CALL], additional_kwargs=REASONING_FIELD)],
        r"messages\[1\]: tool call 'call_1' \(weather\) has no result before the end",
    ),
    "a result without a call": (
        [PROMPT, ToolMessage("Rain.", tool_call_id="gone")],
        r"messages\[1\]: this tool result has no call 'gone'",
    ),
    "a second result": (
        [
            PROMPT,
            AIMessage("", tool_calls=[CALL], additional_kwargs=REASONING_FIELD),
            ToolMessage("Rain.", tool_call_id="call_1"),
            ToolMessage("Sun.", tool_call_id="call_1"),
        ],
        r"messages\[3\]: this tool result is the second result of",
    ),
    "a late result": (
        [
            PROMPT,
            AIMessage("", tool_calls=[CALL], additional_kwargs=REASONING_FIELD),
            HumanMessage("Well?"),
            ToolMessage("Rain.", tool_call_id="call_1"),
        ],
        r"messages\[1\]: tool call 'call_1'",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_inconsistent_histories_are_refused_or_repaired(model, emulator, name):
    history, match = BROKEN[name]
    before = copy.deepcopy(history)
    with pytest.raises(HistoryError, match=match):
        model(emulator).invoke(history)
    assert emulator.requests == []
    model(emulator, repair_history=True).invoke(history)
    sent(emulator)
    model(emulator).invoke(history, repair_history=True)
    assert emulator.requests[0].body == emulator.requests[1].body
    assert history == before


UNUSUAL = {
    "empty content": [SystemMessage(""), HumanMessage(""), AIMessage(""), HumanMessage("x")],
    "no blocks": [HumanMessage([]), AIMessage([]), HumanMessage("x")],
    "consecutive user messages": [
        HumanMessage("a"),
        HumanMessage("b"),
        HumanMessage([{"type": "text", "text": "c"}]),
    ],
    "an assistant first": [AIMessage("Hello!"), HumanMessage("x")],
    "an assistant last": [HumanMessage("x"), AIMessage("Well,")],
    "system anywhere": [HumanMessage("a"), SystemMessage("s"), AIMessage("b"), SystemMessage("t")],
    "developer": [ChatMessage("d", role="developer"), HumanMessage("x")],
    "names": [HumanMessage("x", name="ann"), AIMessage("y", name="bot"), HumanMessage("z")],
    "an empty result": [
        HumanMessage("x"),
        AIMessage("", tool_calls=[CALL], additional_kwargs=REASONING_FIELD),
        ToolMessage("", tool_call_id="call_1"),
    ],
    "an empty list as a result": [
        HumanMessage("x"),
        AIMessage([], tool_calls=[CALL], additional_kwargs=REASONING_FIELD),
        ToolMessage([], tool_call_id="call_1"),
    ],
}


@pytest.mark.filterwarnings("ignore:The Anthropic format has no participant names")
@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_but_consistent_histories(model, emulator, name):
    model(emulator).invoke(UNUSUAL[name])
    for message in sent(emulator):
        assert message["content"] is not None
        if message["role"] == "tool":
            assert message["content"].strip()


def test_markers_of_middleware_are_not_sent(model, emulator):
    """`cache_control` and the like come with other providers' middleware."""
    block = {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}
    message = HumanMessage([block], additional_kwargs={"lc_source": "summarization", "x": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(emulator).invoke([message])
    assert sent(emulator) == [{"role": "user", "content": "Hello"}]
    with pytest.warns(UserWarning, match="'cache_control'"):
        model(emulator).invoke([message], cache_control={"type": "ephemeral"})
    assert "cache_control" not in emulator.requests[-1].body

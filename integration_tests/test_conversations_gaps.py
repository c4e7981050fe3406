"""Histories with gaps: missing reasoning, missing results, trimmed or unusual messages."""

import copy
import warnings

import pytest
from conversations import assistant_messages, openai_only, sent
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    trim_messages,
)
from request_bodies import chat_body

from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.errors import HistoryError, MiMoInvalidRequestError

REASONING = ' First,\n\t"look"  先看 😀 then add.\r\n'
PROMPT = HumanMessage("How is it in Ulm and Bonn?")


@pytest.fixture
def emulator():
    with MiMoEmulator(strict_tool_turns=True) as running:
        yield running


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
        turns = assistant_messages(chat_body(emulator.requests[0])["messages"])
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
        turn = assistant_messages(chat_body(request)["messages"])[0]
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

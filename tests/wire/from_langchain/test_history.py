"""Histories: roles, media defaults, surrogates, reasoning."""

from __future__ import annotations

import copy
import json

import pytest
from history_samples import IMAGE, TWO_ROUNDS, VIDEO, ai, options, result, turns_of
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    messages_from_dict,
    messages_to_dict,
)
from langchain_core.messages.content import create_video_block

from langchain_mimo._wire.from_langchain.history import REASONING_PAD, clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions, MediaDefaults
from langchain_mimo._wire.turns import AssistantTurn, MediaPart, SystemTurn, ToolCall, UserTurn
from langchain_mimo.errors import HistoryError, MiMoInputError, UnsupportedModalityError

# --- Roles -------------------------------------------------------------------------------------


def test_roles():
    messages = [
        SystemMessage("s"),
        HumanMessage("u", name="ann"),
        HumanMessageChunk(content="again"),
        AIMessage("a", name="bot"),
        AIMessageChunk(content="chunk"),
        SystemMessage("late", additional_kwargs={"__openai_role__": "developer"}),
        ChatMessage("c", role="human"),
        ChatMessage("d", role="ai"),
        ChatMessage("e", role="system"),
    ]
    assert turns_of(messages) == [
        SystemTurn("s"),
        UserTurn("u", "ann"),
        UserTurn("again"),
        AssistantTurn("a", name="bot"),
        AssistantTurn("chunk"),
        SystemTurn("late", "developer"),
        UserTurn("c"),
        AssistantTurn("d"),
        SystemTurn("e"),
    ]


def test_subclasses_are_read_like_their_base():
    class CustomMessage(HumanMessage):
        pass

    assert turns_of([CustomMessage("x")]) == [UserTurn("x")]


def test_empty_content_is_an_empty_string():
    messages = [SystemMessage(""), HumanMessage(""), HumanMessage([]), AIMessage(""), AIMessage([])]
    assert turns_of(messages) == [
        SystemTurn(""),
        UserTurn(""),
        UserTurn(""),
        AssistantTurn(""),
        AssistantTurn(""),
    ]


def test_additional_kwargs_are_not_sent():
    message = HumanMessage("x", additional_kwargs={"lc_source": "summary", "lc_data": {"a": 1}})
    assert turns_of([message]) == [UserTurn("x")]


REFUSED = {
    "no messages": ([], "there are no messages"),
    "remove": ([HumanMessage("x"), RemoveMessage(id="1")], r"messages\[1\]: a RemoveMessage"),
    "role": ([ChatMessage("x", role="narrator")], r"messages\[0\]: MiMo has no role 'narrator'"),
    "no message": (["x"], r"messages\[0\]: a message must be a LangChain message, got str"),
    "system image": (
        [SystemMessage(["x", IMAGE])],
        r"messages\[0\], block 1: MiMo accepts no image block in a system message",
    ),
    "bad block": ([HumanMessage("x"), HumanMessage([{"type": "odd"}])], r"messages\[1\], block 0"),
    "function message alone": ([FunctionMessage("1", name="f")], "has no call"),
    "arguments": (
        [AIMessage("", tool_calls=[{"name": "f", "args": {"x": {1, 2}}, "id": "c"}])],
        r"messages\[0\]: the arguments of tool call 'c' cannot be written as JSON",
    ),
}


@pytest.mark.parametrize(("messages", "match"), REFUSED.values(), ids=REFUSED)
def test_refused(messages, match):
    with pytest.raises(MiMoInputError, match=match) as caught:
        turns_of(messages)
    assert "\n" not in str(caught.value)


def test_text_only_model():
    text_only = HistoryOptions("mimo-v2.5-pro", frozenset({"text"}))
    with pytest.raises(
        UnsupportedModalityError,
        match=r"messages\[1\], block 1: mimo-v2.5-pro does not accept image input; .*mimo-v2.6-pro",
    ):
        clean_history([HumanMessage("x"), HumanMessage(["see", IMAGE])], text_only)
    with pytest.raises(UnsupportedModalityError, match=r"messages\[1\], block 0"):
        clean_history([ai("c"), result("c", [VIDEO])], text_only)
    unknown = HistoryOptions("somebody/model", None)
    assert isinstance(clean_history([HumanMessage([IMAGE])], unknown).turns[0].content, list)


def test_media_defaults_apply_to_users_and_tools():
    defaults = MediaDefaults(1, "max")
    turns = turns_of(
        [HumanMessage(["x", VIDEO]), ai("c"), result("c", [VIDEO])], media_defaults=defaults
    )
    videos = [p for t in turns if isinstance(t, UserTurn) for p in t.content]
    videos = [p for p in videos if isinstance(p, MediaPart)]
    assert [(p.fps, p.media_resolution) for p in videos] == [(1, "max"), (1, "max")]


def test_a_block_overrides_the_defaults():
    block = create_video_block(url="https://example.com/a.mp4", fps=3)
    (turn,) = turns_of([HumanMessage([block])], media_defaults=MediaDefaults(1, "max"))
    assert (turn.content[0].fps, turn.content[0].media_resolution) == (3, "max")


# --- Surrogates --------------------------------------------------------------------------------


def test_surrogates_are_repaired_everywhere():
    lone, pair = "\ud83d", "\ud83d\ude00"
    messages = [
        SystemMessage(pair),
        HumanMessage(lone, name="n" + lone),
        AIMessage(
            pair + lone,
            additional_kwargs={"reasoning_content": pair},
            tool_calls=[{"name": "f", "args": {"k" + lone: pair}, "id": "c" + lone}],
        ),
        ToolMessage(lone, tool_call_id="c" + lone),
    ]
    system, user, assistant, tool = turns_of(messages)
    assert (system.text, user.content, user.name) == ("😀", "\ufffd", "n\ufffd")
    assert (assistant.text, assistant.reasoning) == ("😀\ufffd", "😀")
    assert assistant.calls == [ToolCall("c\ufffd", "f", '{"k\ufffd": "😀"}')]
    assert (tool.call_id, tool.text) == ("c\ufffd", "\ufffd")


# --- Reasoning ---------------------------------------------------------------------------------


REPLAY = {
    ("tool_calls", True): ["First.\n", " Second. ", None],
    ("tool_calls", False): [None, None, None],
    ("always", True): ["First.\n", " Second. ", "Third."],
    ("always", False): ["First.\n", " Second. ", "Third."],
    ("never", True): [None, None, None],
    ("never", False): [None, None, None],
}


@pytest.mark.parametrize(("setting", "expected"), REPLAY.items(), ids=str)
def test_replay(setting, expected):
    replay, thinking = setting
    turns = turns_of(TWO_ROUNDS, replay_reasoning=replay, thinking_on=thinking)
    assert [t.reasoning for t in turns if isinstance(t, AssistantTurn)] == expected


@pytest.mark.parametrize("missing", [None, ""])
@pytest.mark.parametrize("replay", ["tool_calls", "always"])
def test_pad(missing, replay):
    turns = turns_of(
        [ai("a", reasoning=missing), result("a"), ai(text="x")], replay_reasoning=replay
    )
    assert turns[0].reasoning == REASONING_PAD == " "
    assert turns[2].reasoning is None


def test_disable_thinking():
    messages = [*TWO_ROUNDS, ai("c"), result("c")]
    clean = clean_history(messages, options(missing_reasoning="disable_thinking"))
    assert clean.disable_thinking
    assert all(t.reasoning is None for t in clean.turns if isinstance(t, AssistantTurn))
    complete = clean_history(TWO_ROUNDS, options(missing_reasoning="disable_thinking"))
    assert not complete.disable_thinking
    assert complete.turns[1].reasoning == "First.\n"


def test_missing_reasoning_can_be_an_error():
    with pytest.raises(HistoryError, match=r"messages\[7\]: this turn has tool calls but no"):
        turns_of([*TWO_ROUNDS, ai("c"), result("c")], missing_reasoning="error")
    turns_of(TWO_ROUNDS, missing_reasoning="error")
    turns_of([ai("c"), result("c")], missing_reasoning="error", thinking_on=False)
    turns_of([ai("c"), result("c")], missing_reasoning="error", replay_reasoning="never")


REASONING_FIELDS = {
    "MiMo": {"additional_kwargs": {"reasoning_content": " t\n"}},
    "vLLM": {"additional_kwargs": {"reasoning": " t\n"}},
    "both, MiMo's first": {"additional_kwargs": {"reasoning_content": " t\n", "reasoning": "x"}},
    "field before blocks": {
        "additional_kwargs": {"reasoning_content": " t\n"},
        "content": [{"type": "reasoning", "reasoning": "x"}],
    },
    "v1": {"content": [{"type": "reasoning", "reasoning": " t\n"}, {"type": "text", "text": "x"}]},
    "v1 in two": {
        "content": [
            {"type": "reasoning", "reasoning": " "},
            {"type": "reasoning", "reasoning": "t\n"},
        ]
    },
}


@pytest.mark.parametrize("fields", REASONING_FIELDS.values(), ids=REASONING_FIELDS)
def test_reasoning_is_exact(fields):
    message = AIMessage(
        **{"content": "", **fields}, tool_calls=[{"name": "f", "args": {}, "id": "c"}]
    )
    assert turns_of([message, result("c")])[0].reasoning == " t\n"


@pytest.mark.filterwarnings("ignore:The function `loads`")
@pytest.mark.parametrize(
    "store",
    [
        lambda messages: messages_from_dict(json.loads(json.dumps(messages_to_dict(messages)))),
        lambda messages: loads(dumps(messages), allowed_objects="core"),
        copy.deepcopy,
    ],
    ids=["dicts", "dumps", "deepcopy"],
)
def test_reasoning_survives_storage(store):
    assert turns_of(store(TWO_ROUNDS)) == turns_of(TWO_ROUNDS)

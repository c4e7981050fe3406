"""Histories: roles, reasoning, calls and their results, tool media, repairs."""

from __future__ import annotations

import copy
import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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
from langchain_mimo._wire.from_langchain.pairing import INTERRUPTED, NOT_RUN
from langchain_mimo._wire.turns import (
    AssistantTurn,
    MediaPart,
    SystemTurn,
    TextPart,
    ToolCall,
    ToolTurn,
    UserTurn,
    media_parts,
)
from langchain_mimo.errors import HistoryError, MiMoInputError, UnsupportedModalityError

OMNI = frozenset({"text", "image", "audio", "video"})
IMAGE = {"type": "image", "url": "https://example.com/a.png"}
VIDEO = {"type": "video", "url": "https://example.com/a.mp4"}


def options(**changes):
    return HistoryOptions("mimo-v2.6-pro", OMNI, **changes)


def turns_of(messages, **changes):
    return clean_history(messages, options(**changes)).turns


def ai(*ids, text="", reasoning=None, **kwargs):
    calls = [{"name": f"tool_{id_}", "args": {"id": id_}, "id": id_} for id_ in ids]
    additional = {} if reasoning is None else {"reasoning_content": reasoning}
    return AIMessage(text, tool_calls=calls, additional_kwargs=additional, **kwargs)


def result(id_, content="ok", **kwargs):
    return ToolMessage(content, tool_call_id=id_, **kwargs)


def shape(turns):
    return [
        f"tool:{turn.call_id}" if isinstance(turn, ToolTurn) else type(turn).__name__[:-4].lower()
        for turn in turns
    ]


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
        r"messages\[0\], block 1: MiMo does not accept image content in a system message",
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

TWO_ROUNDS = [
    HumanMessage("q"),
    ai("a", reasoning="First.\n"),
    result("a"),
    ai("b", reasoning=" Second. "),
    result("b"),
    ai(text="answer", reasoning="Third."),
    HumanMessage("more"),
]

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


# --- Calls -------------------------------------------------------------------------------------


def test_arguments_are_written_as_models_write_them():
    args = {"city": "巴黎", "n": [1, 2.5, None, True]}
    message = AIMessage("", tool_calls=[{"name": "f", "args": args, "id": "c"}])
    turns = turns_of([message, result("c")])
    assert turns[0].calls[0].arguments == '{"city": "巴黎", "n": [1, 2.5, null, true]}'


def test_the_models_own_text_is_kept_while_it_equals_the_arguments():
    raw = '{"a":1,  "b":"\\u00e9"}'
    message = AIMessage(
        "",
        tool_calls=[{"name": "f", "args": {"a": 1, "b": "é"}, "id": "c"}],
        additional_kwargs={"raw_arguments": {"c": raw}},
    )
    assert turns_of([message, result("c")])[0].calls[0].arguments == raw
    message.tool_calls[0]["args"]["a"] = 2  # a human in the loop changed the call
    assert turns_of([message, result("c")])[0].calls[0].arguments == '{"a": 2, "b": "é"}'


@pytest.mark.parametrize("raw", [{"c": 3}, {"d": "{}"}, "x", None])
def test_invalid_raw_arguments_are_ignored(raw):
    message = AIMessage(
        "",
        tool_calls=[{"name": "f", "args": {}, "id": "c"}],
        additional_kwargs={"raw_arguments": raw},
    )
    assert turns_of([message, result("c")])[0].calls[0].arguments == "{}"


INVALID = [
    ('{"path": "/a', '{"path": "/a'),
    (json.dumps('{"path": "/a'), '{"path": "/a'),
    (json.dumps("好"), "好"),
    ('"half', '"half'),
    ("", ""),
    (None, ""),
    ("[1]", "[1]"),
]


@pytest.mark.parametrize(("args", "text"), INVALID)
def test_invalid_calls_are_sent_back_verbatim(args, text):
    message = AIMessage(
        "",
        tool_calls=[{"name": "f", "args": {}, "id": "a"}],
        invalid_tool_calls=[{"name": "g", "args": args, "id": "b", "error": None}],
        additional_kwargs={"reasoning_content": "t"},
    )
    turns = turns_of([message, result("a"), HumanMessage("next")])
    assert turns[0].calls == [ToolCall("a", "f", "{}"), ToolCall("b", "g", text)]
    assert shape(turns) == ["assistant", "tool:a", "tool:b", "user"]
    assert turns[2] == ToolTurn("b", NOT_RUN, [], is_error=True)
    turns = turns_of([message, result("b", "bad JSON"), result("a")])
    assert [(t.call_id, t.text) for t in turns[1:]] == [("a", "ok"), ("b", "bad JSON")]


def test_missing_ids_and_names():
    message = AIMessage(
        "",
        tool_calls=[
            {"name": "f", "args": {}, "id": None},
            {"name": "g", "args": {}, "id": ""},
        ],
        invalid_tool_calls=[{"name": None, "args": "x", "id": None, "error": None}],
    )
    results = [result("", "G", name="g"), result("None", "F", name="f")]
    turns = turns_of([HumanMessage("q"), message, *results])
    assert [(c.id, c.name) for c in turns[1].calls] == [
        ("call_1_0", "f"),
        ("call_1_1", "g"),
        ("call_1_2", "unnamed_tool"),
    ]
    assert [(t.call_id, t.text) for t in turns[2:]] == [
        ("call_1_0", "F"),
        ("call_1_1", "G"),
        ("call_1_2", NOT_RUN),
    ]
    assert turns_of([HumanMessage("q"), message, *results]) == turns


def test_ids_used_twice_in_a_turn_are_paired_by_order():
    message = ai("x", "x")
    turns = turns_of([message, result("x", "1"), result("x", "2")])
    assert [c.id for c in turns[0].calls] == ["x", "call_0_1"]
    assert [(t.call_id, t.text) for t in turns[1:]] == [("x", "1"), ("call_0_1", "2")]


def test_ids_reused_in_later_rounds():
    messages = [ai("call_0"), result("call_0", "1"), ai("call_0"), result("call_0", "2")]
    assert [t.text for t in turns_of(messages) if isinstance(t, ToolTurn)] == ["1", "2"]


def test_generated_ids_differ_from_real_ones():
    message = AIMessage(
        "",
        tool_calls=[
            {"name": "f", "args": {}, "id": "call_0_1"},
            {"name": "g", "args": {}, "id": None},
        ],
    )
    turns = turns_of([message, result("call_0_1"), result("?")])
    assert len({c.id for c in turns[0].calls}) == 2


# --- Results -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "(no output)"),
        ([], "(no output)"),
        ([{"type": "text", "text": ""}], "(no output)"),
        ("  ", "  "),
        (["a", {"type": "text", "text": "b"}], "a\nb"),
        ([{"type": "json", "json": {"a": "é"}}], '{"a": "é"}'),
        ([{"title": "t", "url": "u"}, {"x": 1}], '{"title": "t", "url": "u"}\n{"x": 1}'),
    ],
)
def test_result_text(content, text):
    assert turns_of([ai("a"), result("a", content)])[1].text == text


def test_artifacts_are_not_sent_and_errors_are_marked():
    (_, turn) = turns_of([ai("a"), result("a", "failed", status="error", artifact={"secret": 1})])
    assert turn == ToolTurn("a", "failed", [], is_error=True)


def test_results_are_sent_in_the_order_of_the_calls():
    messages = [ai("a", "b", "c"), result("c", "3"), result("a", "1"), result("b", "2")]
    assert [(t.call_id, t.text) for t in turns_of(messages)[1:]] == [
        ("a", "1"),
        ("b", "2"),
        ("c", "3"),
    ]


def test_tool_result_blocks():
    human = HumanMessage(
        [
            {"type": "text", "text": "first"},
            {"type": "tool_result", "tool_use_id": "b", "content": "2", "is_error": True},
            {"type": "tool_result", "tool_use_id": "a", "content": None},
            IMAGE,
        ]
    )
    turns = turns_of([ai("a", "b"), human])
    assert turns[1:3] == [ToolTurn("a", "(no output)"), ToolTurn("b", "2", [], is_error=True)]
    assert turns[3].content[0] == TextPart("first")
    assert turns[3].content[1].reference.block_index == 3
    assert len(turns) == 4


def test_tool_result_blocks_alone_make_no_user_turn():
    block = {"type": "tool_result", "tool_use_id": "a", "content": "1"}
    turns = turns_of([ai("a"), HumanMessage([block, {"cachePoint": {"type": "default"}}])])
    assert shape(turns) == ["assistant", "tool:a"]


def test_tool_results_may_be_messages_and_blocks():
    human = HumanMessage([{"type": "tool_result", "tool_use_id": "b", "content": "2"}, "go on"])
    for messages in ([ai("a", "b"), result("a"), human], [ai("a", "b"), human, result("a")]):
        assert shape(turns_of(messages)) == ["assistant", "tool:a", "tool:b", "user"]


# --- Tool media --------------------------------------------------------------------------------


def test_tool_media_follow_the_last_result():
    messages = [
        ai("a", "b", "c", reasoning="t"),
        result("c", [IMAGE, VIDEO, IMAGE], name="camera"),
        result("a", [{"type": "text", "text": "see"}, IMAGE]),
        result("b", "plain"),
        HumanMessage("and?"),
    ]
    turns = turns_of(messages)
    assert shape(turns) == ["assistant", "tool:a", "tool:b", "tool:c", "user", "user"]
    assert [t.text for t in turns[1:4]] == ["see", "plain", "(2 images, 1 video follow)"]
    assert all(not t.media for t in turns[1:4])
    parts = turns[4].content
    assert [p.text if isinstance(p, TextPart) else p.reference.kind for p in parts] == [
        "Media from tool call a (tool_a):",
        "image",
        "Media from tool call c (camera):",
        "image",
        "video",
        "image",
    ]
    assert [(p.reference.message_index, p.reference.block_index) for p in parts[3:]] == [
        (1, 0),
        (1, 1),
        (1, 2),
    ]
    assert turns[5] == UserTurn("and?")


def test_tool_media_inline():
    turns = turns_of([ai("a"), result("a", [IMAGE])], tool_media="inline")
    assert shape(turns) == ["assistant", "tool:a"]
    assert turns[1].text == "(1 image follows)"
    assert turns[1].media[0].reference.kind == "image"


def test_invalid_tool_media_are_named():
    with pytest.raises(MiMoInputError, match=r"messages\[1\], block 1: .*PDF"):
        turns_of(
            [
                ai("a"),
                result(
                    "a", ["x", {"type": "file", "base64": "AA", "mime_type": "application/pdf"}]
                ),
            ]
        )


# --- Inconsistent histories --------------------------------------------------------------------

BROKEN = {
    "orphan first": (
        [result("x", "found"), HumanMessage("q")],
        r"messages\[0\]: this tool result has no call 'x'",
        [("user", "Result of tool call x:\nfound"), ("user", "q")],
    ),
    "orphan after an assistant message": (
        [HumanMessage("q"), AIMessage("a"), result("x", "found", name="f")],
        r"messages\[2\]: this tool result has no call 'x'",
        [("user", "q"), ("assistant", []), ("user", "Result of tool call x (f):\nfound")],
    ),
    "orphan between results": (
        [ai("a", "b"), result("a"), result("x"), result("b")],
        r"messages\[2\]: this tool result has no call 'x'",
        [
            ("assistant", ["a", "b"]),
            ("tool", "a", "ok"),
            ("tool", "b", "ok"),
            ("user", "Result of tool call x:\nok"),
        ],
    ),
    "second result": (
        [ai("a"), result("a", "1"), result("a", "2")],
        r"messages\[2\]: this tool result is the second result of call 'a'",
        [("assistant", ["a"]), ("tool", "a", "1"), ("user", "Result of tool call a:\n2")],
    ),
    "orphan block": (
        [HumanMessage([{"type": "tool_result", "tool_use_id": "x", "content": "1"}, "q"])],
        r"messages\[0\], block 0: this tool result has no call 'x'",
        [("user", "Result of tool call x:\n1"), ("user", "q")],
    ),
    "no result at the end": (
        [HumanMessage("q"), ai("a")],
        r"messages\[1\]: tool call 'a' \(tool_a\) has no result before the end",
        [("user", "q"), ("assistant", ["a"]), ("tool", "a", INTERRUPTED)],
    ),
    "no result in the middle": (
        [ai("a"), HumanMessage("stop"), AIMessage("fine")],
        r"messages\[0\]: tool call 'a' \(tool_a\) has no result before messages\[1\] \(human\)",
        [("assistant", ["a"]), ("tool", "a", INTERRUPTED), ("user", "stop"), ("assistant", [])],
    ),
    "some results missing": (
        [ai("a", "b", "c"), result("b"), HumanMessage("q")],
        r"'a' \(tool_a\), 'c' \(tool_c\) has no result before messages\[2\]",
        [
            ("assistant", ["a", "b", "c"]),
            ("tool", "a", INTERRUPTED),
            ("tool", "b", "ok"),
            ("tool", "c", INTERRUPTED),
            ("user", "q"),
        ],
    ),
    "messages before the result": (
        [ai("a", "b"), result("a"), HumanMessage("hurry"), SystemMessage("s"), result("b", "late")],
        r"'b' \(tool_b\) has no result before messages\[2\] \(human\)",
        [
            ("assistant", ["a", "b"]),
            ("tool", "a", "ok"),
            ("tool", "b", "late"),
            ("user", "hurry"),
            ("system", "s"),
        ],
    ),
    "result after the next assistant message": (
        [ai("a"), HumanMessage("q"), AIMessage("x"), result("a", "late")],
        r"'a' \(tool_a\) has no result before messages\[1\]",
        [
            ("assistant", ["a"]),
            ("tool", "a", INTERRUPTED),
            ("user", "q"),
            ("assistant", []),
            ("user", "Result of tool call a:\nlate"),
        ],
    ),
    "two calls in a row": (
        [ai("a"), ai("b"), result("b")],
        r"messages\[0\]: tool call 'a' \(tool_a\) has no result before messages\[1\] \(ai\)",
        [
            ("assistant", ["a"]),
            ("tool", "a", INTERRUPTED),
            ("assistant", ["b"]),
            ("tool", "b", "ok"),
        ],
    ),
}


def outline(turns):
    lines = []
    for turn in turns:
        match turn:
            case ToolTurn():
                lines.append(("tool", turn.call_id, turn.text))
            case AssistantTurn():
                lines.append(("assistant", [call.id for call in turn.calls]))
            case UserTurn():
                lines.append(("user", turn.content))
            case SystemTurn():
                lines.append(("system", turn.text))
    return lines


@pytest.mark.parametrize(("messages", "match", "repaired"), BROKEN.values(), ids=BROKEN)
def test_broken_histories(messages, match, repaired):
    before = copy.deepcopy(messages)
    with pytest.raises(HistoryError, match=match) as caught:
        turns_of(messages)
    assert "repair_history=True" in str(caught.value)
    assert outline(turns_of(messages, repair_history=True)) == repaired
    assert messages == before


def test_orphaned_media_are_kept_in_a_repair():
    (turn,) = turns_of([result("x", [IMAGE])], repair_history=True)
    assert turn.content[0] == TextPart("Result of tool call x:\n(1 image follows)")
    assert turn.content[1].reference.kind == "image"


def test_repair_leaves_consistent_histories_unchanged():
    assert turns_of(TWO_ROUNDS, repair_history=True) == turns_of(TWO_ROUNDS)


# --- Properties --------------------------------------------------------------------------------

_ids = st.sampled_from(["a", "b", "c", ""])
_texts = st.text(alphabet=st.sampled_from("aé好\ud83d\ude00"), max_size=3)
_contents = st.one_of(
    _texts,
    st.lists(st.sampled_from([IMAGE, VIDEO, "x", {"type": "text", "text": "y"}]), max_size=3),
)
_messages = st.one_of(
    st.builds(HumanMessage, _contents),
    st.builds(SystemMessage, _texts),
    st.builds(
        lambda ids, text, reasoning: ai(*ids, text=text, reasoning=reasoning),
        st.lists(_ids, max_size=3),
        _texts,
        st.none() | _texts,
    ),
    st.builds(result, _ids, _contents),
    st.builds(
        lambda id_, content: HumanMessage(
            [{"type": "tool_result", "tool_use_id": id_, "content": content}, "z"]
        ),
        _ids,
        _contents,
    ),
    st.builds(
        lambda args: AIMessage(
            "", invalid_tool_calls=[{"name": "f", "args": args, "id": "a", "error": None}]
        ),
        _texts,
    ),
)
_options = st.fixed_dictionaries(
    {
        "thinking_on": st.booleans(),
        "replay_reasoning": st.sampled_from(["always", "tool_calls", "never"]),
        "missing_reasoning": st.sampled_from(["pad", "disable_thinking"]),
        "tool_media": st.sampled_from(["user", "inline"]),
    }
)


def media_in(messages):
    count = 0
    for message in messages:
        for block in message.content if isinstance(message.content, list) else ():
            if isinstance(block, dict) and block.get("type") == "tool_result":
                inner = block["content"]
                count += sum(
                    isinstance(b, dict) and "url" in b for b in inner if not isinstance(inner, str)
                )
            count += isinstance(block, dict) and "url" in block
    return count


def media_out(turns):
    return [part.reference for turn in turns for part in media_parts(turn)]


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_messages, min_size=1, max_size=10), _options)
def test_repaired_histories_are_valid(messages, changes):
    before = copy.deepcopy(messages)
    clean = clean_history(messages, options(repair_history=True, **changes))
    assert messages == before

    references = media_out(clean.turns)
    assert len(references) == media_in(messages)

    position = 0
    while position < len(clean.turns):
        turn = clean.turns[position]
        position += 1
        assert not isinstance(turn, ToolTurn)
        if not isinstance(turn, AssistantTurn):
            continue
        assert isinstance(turn.text, str)
        ids = [call.id for call in turn.calls]
        assert len(set(ids)) == len(ids)
        assert all(ids)
        results = clean.turns[position : position + len(ids)]
        assert [tool_turn.call_id for tool_turn in results] == ids
        assert all(tool_turn.text for tool_turn in results)
        position += len(ids)
        required = changes["thinking_on"] and not clean.disable_thinking
        if ids and required and changes["replay_reasoning"] != "never":
            assert turn.reasoning

    for turn in clean.turns:
        for text in (getattr(turn, "text", ""), getattr(turn, "reasoning", "") or ""):
            text.encode()


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_messages, min_size=1, max_size=8))
def test_without_repair_turns_are_the_same_or_an_error(messages):
    refused = None
    try:
        strict = turns_of(messages)
    except HistoryError as error:
        refused = error
    if refused is None:
        assert strict == turns_of(messages, repair_history=True)
    else:
        assert refused.message_index is not None


def test_reads_of_the_messages_grow_linearly():
    """A long history of calls without results must not be scanned again for each call."""
    reads = Counter()

    class CountingList(list):
        def __getitem__(self, index):
            reads["total"] += 1
            return super().__getitem__(index)

    def count(n):
        reads.clear()
        messages = CountingList([ai("a"), HumanMessage("x"), SystemMessage("y")] * n)
        clean_history(messages, options(repair_history=True))
        return reads["total"]

    assert count(200) <= 2.1 * count(100)

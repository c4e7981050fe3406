"""Tool calls, their results, and the media in results."""

from __future__ import annotations

import json

import pytest
from block_samples import PDF
from history_samples import IMAGE, VIDEO, ai, result, shape, turns_of
from langchain_core.messages import AIMessage, HumanMessage

from langchain_mimo._wire.from_langchain.pairing import NOT_RUN
from langchain_mimo._wire.turns import TextPart, ToolCall, ToolTurn, UserTurn
from langchain_mimo.errors import MiMoInputError

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
                result("a", ["x", {"type": "file", "base64": PDF, "mime_type": "application/pdf"}]),
            ]
        )

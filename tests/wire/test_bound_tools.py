"""Names of tools on the wire, and what calls of them become."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_mimo._wire.bound_tools import BoundTools, rename_calls, wire_name
from langchain_mimo._wire.to_langchain.tool_calls import finish_call
from langchain_mimo._wire.turns import AssistantTurn, ToolCall, UserTurn

ALLOWED = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def tool(name, parameters=None):
    return {"type": "function", "function": {"name": name, "parameters": parameters or {}}}


def finished(name, arguments):
    return finish_call("r", 0, "c", name, arguments, cut=False)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("forecast", "forecast"),
        ("Box[int]", "Box_int_"),
        ("My nice title!", "My_nice_title_"),
        ("Größe", "Gr__e"),
        ("server.tool", "server_tool"),
        ("天气", "__"),
        ("x" * 70, "x" * 64),
    ],
)
def test_names_in_allowed_characters(name, expected):
    assert wire_name(name) == expected
    bound = BoundTools([tool(name)])
    assert bound.wire_name(name) == expected
    (sent,) = bound.on_wire([tool(name)])
    assert sent == tool(expected)
    assert bound.revise(finished(expected, '{"a": 1}')).name == name


def test_allowed_names_cost_nothing():
    tools = [tool("a"), {"type": "web_search"}]
    bound = BoundTools(tools)
    assert bound.renamed == {}
    assert bound.on_wire(tools) is tools


@settings(deadline=None)
@given(names=st.lists(st.text(min_size=1, max_size=70), min_size=1, unique=True))
def test_different_names_stay_different_in_any_order(names):
    bound, reverse = (BoundTools([tool(each) for each in order]) for order in (names, names[::-1]))
    sent = [bound.wire_name(name) for name in names]
    assert all(ALLOWED.fullmatch(name) for name in sent)
    assert len(set(sent)) == len(names)
    assert sent == [reverse.wire_name(name) for name in names]
    assert [bound.own_name(name) for name in sent] == names
    assert [bound.revise(finished(name, "{}")).name for name in sent] == names


def test_a_name_that_becomes_anothers_gets_digits_and_the_other_stays():
    bound = BoundTools([tool("a.b"), tool("a_b"), tool("a b")])
    sent = [bound.wire_name(name) for name in ("a.b", "a_b", "a b")]
    assert sent[1] == "a_b"
    assert all(re.fullmatch(r"a_b_[0-9a-f]{8}", name) for name in (sent[0], sent[2]))


@pytest.mark.parametrize(
    "tools",
    [[{"type": "function"}], [{"type": "function", "function": {}}], [{"type": "web_search"}]],
)
def test_tools_without_a_name_are_no_functions(tools):
    bound = BoundTools(tools)
    assert bound.renamed == {}
    call = finished("x", '{"a": "[1]"}')
    assert bound.revise(call) is call


def test_calls_in_a_conversation_get_the_names_of_the_request():
    turns = [
        UserTurn("a.b"),
        AssistantTurn(
            "", calls=[ToolCall("1", name, "{}") for name in ("a.b", "a_b", "gone[int]", "fine")]
        ),
    ]
    bound = BoundTools([tool("a.b"), tool("a_b"), tool("fine")])
    rename_calls(turns, bound)
    names = [call.name for call in turns[1].calls]
    assert names == [bound.wire_name("a.b"), "a_b", "gone_int_", "fine"]
    rename_calls([other := AssistantTurn("", calls=[ToolCall("1", "a.b", "{}")])], None)
    assert other.calls[0].name == "a_b"


@pytest.mark.parametrize("bound", [[], ["server.tool"], ["server_tool"], ["server.tool", "x"]])
@pytest.mark.parametrize("order", [1, -1])
def test_calls_of_tools_that_are_not_bound_keep_names_of_their_own(bound, order):
    called = ["server.tool", "server_tool", "server/tool", "fine"]
    tools = BoundTools([tool(name) for name in bound]) if bound else None
    turns = [AssistantTurn("", calls=[ToolCall("1", name, "{}")]) for name in called[::order]]
    rename_calls(turns, tools)
    sent = dict(zip(called[::order], [turn.calls[0].name for turn in turns], strict=True))
    assert len(set(sent.values())) == len(called)
    assert all(ALLOWED.fullmatch(name) for name in sent.values())
    assert sent["fine"] == "fine"
    for name in bound:
        if name in sent:
            assert sent[name] == tools.wire_name(name)
    kept = "server.tool" if "server.tool" in bound else "server_tool"
    assert sent[kept] == "server_tool"


NUMBERS = {"type": "object", "properties": {"x": {"type": "array"}}}


def test_nested_texts_are_decoded_and_the_originals_kept():
    bound = BoundTools([tool("Box[int]", NUMBERS)])
    call = bound.revise(finished("Box_int_", '{"x":"[1, 2]"}'))
    assert (call.name, call.args, call.text) == ("Box[int]", {"x": [1, 2]}, '{"x": [1, 2]}')
    assert call.raw == '{"x":"[1, 2]"}'
    assert call.id == "c"


@pytest.mark.parametrize("arguments", ['{"x": [1]}', '{"x": "no"}', '{"x": "[1', "x"])
def test_other_arguments_stay(arguments):
    call = finished("Box", arguments)
    assert BoundTools([tool("Box", NUMBERS)]).revise(call) is call

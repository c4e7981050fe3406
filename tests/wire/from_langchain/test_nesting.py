"""Nesting is bounded: typed errors, and no recursion, however deep content is."""

from __future__ import annotations

import functools
import json

import pytest
from block_samples import NONE
from history_samples import ai, result, turns_of
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from scripted_api import ScriptedAPI

from langchain_mimo._json import MAX_DEPTH, is_too_deep, strict_object
from langchain_mimo._wire.from_langchain.content_blocks import read_content
from langchain_mimo.errors import HistoryError, MiMoInputError

DEPTHS = [400, 100_000]


def nested(depth, wrap, inner):
    return functools.reduce(lambda value, _: wrap(value), range(depth), inner)


def listed(depth):
    return nested(depth, lambda value: [value], 1)


def keyed(depth):
    return nested(depth, lambda value: {"a": value}, 1)


TEXT = {"type": "text", "text": "x"}
BLOCKS = {
    "search_result": lambda depth: nested(
        depth, lambda value: {"type": "search_result", "title": "t", "content": [value]}, TEXT
    ),
    "document": lambda depth: nested(
        depth,
        lambda value: {"type": "document", "source": {"type": "content", "content": [value]}},
        TEXT,
    ),
    "custom_tool_call_output": lambda depth: nested(
        depth, lambda value: {"type": "custom_tool_call_output", "output": [value]}, TEXT
    ),
    "non_standard": lambda depth: nested(
        depth, lambda value: {"type": "non_standard", "value": value}, TEXT
    ),
    "json of lists": lambda depth: {"type": "json", "json": listed(depth)},
    "json of objects": lambda depth: {"type": "json", "json": keyed(depth)},
    "plain dict": lambda depth: {"a": keyed(depth), "b": 1},
}


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("name", BLOCKS)
def test_deep_blocks_in_results(name, depth):
    block = BLOCKS[name](depth)
    messages = [ai("a"), ToolMessage.model_construct(content=[block], tool_call_id="a")]
    with pytest.raises(
        MiMoInputError, match=r"messages\[1\], block 0: .*(levels deep|non_standard)"
    ):
        turns_of(messages)
    if name != "plain dict":
        with pytest.raises(MiMoInputError, match=r"levels deep|non_standard"):
            read_content([block], 0, NONE)


@pytest.mark.parametrize(
    "name", ["search_result", "json of lists", "json of objects", "plain dict"]
)
def test_blocks_within_the_limit(name):
    block = BLOCKS[name](MAX_DEPTH // 2 - 1)
    assert turns_of([ai("a"), result("a", [block])])[1].text


@pytest.mark.parametrize("depth", DEPTHS)
def test_deep_results_as_text_pass(depth):
    text = "[" * depth + "]" * depth
    assert turns_of([ai("a"), result("a", text)])[1].text == text


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("make", [listed, keyed])
def test_deep_arguments_of_calls(make, depth):
    call = {"name": "f", "args": {"x": make(depth)}, "id": "c", "type": "tool_call"}
    message = AIMessage.model_construct(
        content="", tool_calls=[call], invalid_tool_calls=[], additional_kwargs={}
    )
    with pytest.raises(HistoryError, match=r"messages\[0\]: .*'c' are nested more than 100 levels"):
        turns_of([message, result("c")])


@pytest.mark.parametrize("args", [{"x": [[]] * 1000}, {"x": "[{" * 1000}, {"x": [{"y": [1]}] * 99}])
def test_wide_arguments_of_calls_pass(args):
    call = {"name": "f", "args": args, "id": "c", "type": "tool_call"}
    assert (
        json.loads(turns_of([AIMessage("", tool_calls=[call]), result("c")])[0].calls[0].arguments)
        == args
    )


def test_deep_arguments_that_json_lacks_are_called_deep():
    inner = {1, 2}
    for _ in range(MAX_DEPTH + 1):
        inner = [inner]
    call = {"name": "f", "args": {"x": inner}, "id": "c", "type": "tool_call"}
    message = AIMessage.model_construct(
        content="", tool_calls=[call], invalid_tool_calls=[], additional_kwargs={}
    )
    with pytest.raises(HistoryError, match="'c' are nested more than 100 levels"):
        turns_of([message, result("c")])


def test_arguments_that_contain_themselves_are_refused():
    args = {}
    args["x"] = args
    call = {"name": "f", "args": args, "id": "c", "type": "tool_call"}
    message = AIMessage.model_construct(
        content="", tool_calls=[call], invalid_tool_calls=[], additional_kwargs={}
    )
    with pytest.raises(HistoryError, match="'c' are nested more than 100 levels"):
        turns_of([message, result("c")])


@pytest.mark.parametrize("depth", DEPTHS)
def test_deep_arguments_in_blocks(depth):
    block = {"type": "tool_use", "id": "c", "name": "f", "input": {"x": listed(depth)}}
    message = AIMessage.model_construct(
        content=[block], tool_calls=[], invalid_tool_calls=[], additional_kwargs={}
    )
    with pytest.raises(MiMoInputError, match=r"messages\[0\], block 0: .*levels deep"):
        turns_of([message, result("c")])


@pytest.mark.parametrize("depth", DEPTHS)
def test_deep_reasoning(depth):
    block = nested(depth, lambda value: {"type": "reasoning", "content": [value]}, TEXT)
    message = AIMessage.model_construct(
        content=[block], tool_calls=[], invalid_tool_calls=[], additional_kwargs={}
    )
    with pytest.raises(MiMoInputError, match="levels deep"):
        turns_of([message])


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH, 400, 100_000])
@pytest.mark.parametrize("server", ["mimo", "mimo, Anthropic format"])
def test_deep_arguments_of_the_model_can_be_sent_back(depth, server):
    """What is too deep to be sent is an invalid call from the beginning."""
    if "Anthropic" in server and depth > 400:
        pytest.skip("the answer itself cannot be written")
    text = '{"x": ' + "[" * depth + "]" * depth + "}"
    api = ScriptedAPI([("f", text)], "Thanks.")
    llm = api.llm(server)
    answer = llm.invoke("x")
    is_valid = depth < MAX_DEPTH
    assert len(answer.tool_calls) == is_valid
    assert len(answer.invalid_tool_calls) == (not is_valid)
    results = [ToolMessage("ok", tool_call_id=each["id"]) for each in answer.tool_calls]
    assert llm.invoke([HumanMessage("x"), answer, *results]).content == "Thanks."


def test_depth_is_counted_exactly():
    assert not is_too_deep(listed(MAX_DEPTH))
    assert is_too_deep(listed(MAX_DEPTH + 1))
    assert not is_too_deep(1)
    assert not is_too_deep([])
    assert is_too_deep([[]], limit=1)
    assert strict_object(json.dumps(keyed(MAX_DEPTH))) == keyed(MAX_DEPTH)
    assert strict_object(json.dumps(keyed(MAX_DEPTH + 1))) is None

"""Tool calls assembled from fragments of every shape that servers send."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk

from langchain_mimo._json import dump_json
from langchain_mimo._wire.json_values import UnreadableError
from langchain_mimo._wire.to_langchain.call_assembler import CallAssembler
from langchain_mimo._wire.to_langchain.tool_calls import decode_calls


def fragment(index=..., call_id=..., name=..., arguments=...):
    """Return one fragment; keys whose value is not given are absent."""
    call, function = {}, {}
    for target, key, value in (
        (call, "index", index),
        (call, "id", call_id),
        (function, "name", name),
        (function, "arguments", arguments),
    ):
        if value is not ...:
            target[key] = value
    call["function"] = function
    return call


# By name: the fragments, one per delta, and the calls they give: id (... for a synthetic one), name,
# arguments.
CASES = {
    "MiMo": (
        [
            fragment(0, "a", "f", ""),
            fragment(0, None, None, '{"x": '),
            fragment(0, None, None, "1}"),
            fragment(1, "b", "g", ""),
            fragment(1, None, None, '{"y": 2}'),
        ],
        [("a", "f", {"x": 1}), ("b", "g", {"y": 2})],
    ),
    "index missing": (
        [
            fragment(call_id="a", name="f", arguments=""),
            fragment(arguments='{"x": 1}'),
            fragment(call_id="b", name="g", arguments='{"y": 2}'),
        ],
        [("a", "f", {"x": 1}), ("b", "g", {"y": 2})],
    ),
    "index null": (
        [fragment(None, "a", "f", '{"x": '), fragment(None, None, None, "1}")],
        [("a", "f", {"x": 1})],
    ),
    "index as a string": (
        [fragment("0", "a", "f", '{"x": '), fragment("0", None, None, "1}")],
        [("a", "f", {"x": 1})],
    ),
    "id repeated on every delta": (
        [fragment(0, "a", "f", '{"x": '), fragment(0, "a", None, "1}")],
        [("a", "f", {"x": 1})],
    ),
    "id empty or the string null": (
        [
            fragment(0, "a", "f", '{"x"'),
            fragment(0, "", None, ": "),
            fragment(0, "null", None, "1}"),
        ],
        [("a", "f", {"x": 1})],
    ),
    "id missing": (
        [fragment(0, None, "f", '{"x": 1}'), fragment(1, None, "g", "{}")],
        [(..., "f", {"x": 1}), (..., "g", {})],
    ),
    "id late": (
        [fragment(0, None, "f", '{"x": '), fragment(0, "a", None, "1}")],
        [("a", "f", {"x": 1})],
    ),
    "name repeated on every delta": (
        [
            fragment(0, "a", "f", ""),
            fragment(0, None, "f", '{"x": '),
            fragment(0, None, "f", "1}"),
        ],
        [("a", "f", {"x": 1})],
    ),
    "the same index for two calls": (
        [fragment(0, "a", "f", '{"x": 1}'), fragment(0, "b", "g", '{"y": 2}')],
        [("a", "f", {"x": 1}), ("b", "g", {"y": 2})],
    ),
    "the same index, no ids": (
        [fragment(0, None, "f", '{"x": 1}'), fragment(0, None, "f", '{"x": 2}')],
        [(..., "f", {"x": 1}), (..., "f", {"x": 2})],
    ),
    "interleaved": (
        [
            fragment(0, "a", "f", ""),
            fragment(1, "b", "g", ""),
            fragment(0, None, None, '{"x": '),
            fragment(1, None, None, '{"y": '),
            fragment(0, None, None, "1}"),
            fragment(1, None, None, "2}"),
        ],
        [("a", "f", {"x": 1}), ("b", "g", {"y": 2})],
    ),
    "empty arguments": ([fragment(0, "a", "f", "")], [("a", "f", {})]),
    "blank arguments": ([fragment(0, "a", "f", "  \n")], [("a", "f", {})]),
    "arguments missing": ([fragment(0, "a", "f")], [("a", "f", {})]),
    "arguments null": ([fragment(0, "a", "f", None)], [("a", "f", {})]),
    "arguments as an object": ([fragment(0, "a", "f", {"x": 1})], [("a", "f", {"x": 1})]),
    "no index and no id, two calls by name": (
        [fragment(name="f", arguments='{"x": 1}'), fragment(name="g", arguments='{"y": 2}')],
        [(..., "f", {"x": 1}), (..., "g", {"y": 2})],
    ),
}


def assemble(fragments, *, cut=False):
    assembler = CallAssembler()
    calls = []
    for each in fragments:
        assembler.feed([each])
        calls += assembler.release("response")
    return calls + assembler.finish("response", cut=cut)


@pytest.mark.parametrize("name", CASES)
def test_fragments_become_the_right_calls(name):
    fragments, expected = CASES[name]
    calls = assemble(fragments)
    assert [(call.name, call.args) for call in calls] == [case[1:] for case in expected]
    for call, (call_id, _, _) in zip(calls, expected, strict=True):
        assert call.id == call_id if call_id is not ... else call.id.startswith("call_")
    assert len({call.id for call in calls}) == len(calls)
    assert [call.index for call in calls] == list(range(len(calls)))


@pytest.mark.parametrize("name", CASES)
def test_no_call_is_released_before_its_arguments_are_complete(name):
    fragments, expected = CASES[name]
    assembler = CallAssembler()
    for each in fragments:
        assembler.feed([each])
        for call in assembler.release("response"):
            assert call.args == expected[call.index][2]


@pytest.mark.parametrize(
    "text", ['{"path": "/a', '{"a": 1}}', "[1]", '"text"', '{"a": NaN}', "nonsense", '{"a": 1,}']
)
def test_arguments_that_are_not_an_object_stay_invalid_through_merges(text):
    (call,) = assemble([fragment(0, "a", "rm", text)])
    assert call.args is None
    merged = AIMessageChunk(content="", tool_call_chunks=[call.as_chunk()])
    merged += AIMessageChunk(content="", chunk_position="last")
    assert merged.tool_calls == []
    assert merged.invalid_tool_calls == [call.as_invalid()]
    assert json.loads(merged.invalid_tool_calls[0]["args"]) == text


def test_a_call_cut_before_its_arguments_is_invalid():
    (call,) = assemble([fragment(0, "a", "rm", "")], cut=True)
    assert call.args is None


def test_a_synthetic_id_is_the_same_streamed_and_complete():
    (call,) = assemble([fragment(0, None, "f", '{"x": '), fragment(0, None, None, "1}")])
    (complete,) = decode_calls([{"function": {"name": "f", "arguments": '{"x": 1}'}}], "response")
    assert call == complete


def test_entries_of_a_complete_response_stay_separate_calls():
    entry = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    assert [call.index for call in decode_calls([entry, entry], "response")] == [0, 1]


@pytest.mark.parametrize("value", [None, [], "", {}, [None]])
def test_values_without_calls(value):
    assert decode_calls(value, "response") == []
    assert CallAssembler().feed(value) == []


@pytest.mark.parametrize("value", ["text", 3, True, ["text"], [[]], [{"function": []}]])
def test_values_that_are_no_calls_are_refused(value):
    for read in (lambda: decode_calls(value, "response"), lambda: CallAssembler().feed(value)):
        with pytest.raises(UnreadableError):
            read()


def test_a_lone_object_is_a_list_of_one():
    call = {"id": "a", "function": {"name": "f", "arguments": '{"x": 1}'}}
    (done,) = decode_calls(call, "response")
    assert (done.id, done.name, done.args) == ("a", "f", {"x": 1})
    assert assemble([call]) == [done]


def test_a_lone_surrogate_in_arguments_is_replaced():
    (call,) = decode_calls(
        [{"id": "a", "function": {"name": "f", "arguments": '{"x": "\\ud83d"}'}}], None
    )
    assert call.args == {"x": "\ufffd"}
    dump_json(call.args).encode()
    call.text.encode()


def test_half_a_surrogate_pair_is_held_back():
    assembler = CallAssembler()
    pieces = ['{"x": "', "\ud83d", "\ude00", '"}']
    added = [assembler.feed([fragment(0, "a", "f", piece)]) for piece in pieces]
    assert added == [[(0, '{"x": "')], [(0, "")], [(0, "\U0001f600")], [(0, '"}')]]
    (call,) = assembler.finish("response", cut=False)
    assert call.args == {"x": "\U0001f600"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=8,
)


@given(
    st.lists(
        st.dictionaries(st.text(st.characters(codec="utf-8")), json_values), min_size=1, max_size=4
    ),
    st.randoms(use_true_random=False),
)
def test_any_interleaving_of_fragments_gives_the_same_calls(arguments, random):
    texts = [json.dumps(each) for each in arguments]
    queues = []
    for index, text in enumerate(texts):
        cuts = sorted({random.randint(0, len(text)) for _ in range(3)})
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        head = fragment(index, f"id{index}", f"tool{index}", "")
        queues.append([head, *(fragment(index, None, None, piece) for piece in pieces)])
    # Calls start in order; their other fragments may interleave in any way.
    fragments = []
    for queue in queues:
        fragments.append(queue.pop(0))
        if random.random() < 0.5:
            while queue:
                fragments.append(queue.pop(0))
    while any(queues):
        fragments.append(random.choice([queue for queue in queues if queue]).pop(0))
    calls = assemble(fragments)
    assert [call.args for call in calls] == arguments
    assert [call.id for call in calls] == [f"id{i}" for i in range(len(arguments))]

"""Streamed calls never become other calls, whatever servers do with index, id and name."""

import json
import sys
from collections import Counter

import anthropic_wire
import openai_wire
import pytest
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import message_chunk_to_message

from langchain_mimo._wire.anthropic.stream import StreamDecoder as AnthropicDecoder
from langchain_mimo._wire.json_values import UnreadableError
from langchain_mimo._wire.openai.stream import StreamDecoder as OpenAIDecoder
from langchain_mimo._wire.to_langchain import call_assembler, content_blocks, open_call, tool_calls
from langchain_mimo._wire.to_langchain.call_assembler import CallAssembler
from langchain_mimo.errors import MiMoInvalidResponseError

content_blocks.register()

HUGE = 10**30
INVALID = "invalid"


def fragment(index=..., call_id=..., name=..., arguments=...):
    """Return one fragment; keys whose value is not given are absent."""
    call = {"index": index, "id": call_id}
    function = {"name": name, "arguments": arguments}
    call["function"] = {key: value for key, value in function.items() if value is not ...}
    return {key: value for key, value in call.items() if value is not ...}


def assemble(fragments, *, cut=False):
    assembler = CallAssembler()
    calls = []
    for each in fragments:
        assembler.feed([each])
        calls += assembler.release("response")
    return calls + assembler.finish("response", cut=cut)


# By name: the fragments, one per delta, and the calls they give: name and arguments, or INVALID.
CASES = {
    "the id changes after the first fragment": (
        [
            fragment(0, "c1", "delete", ""),
            fragment(0, "c2", ..., '{"path":'),
            fragment(0, "c2", ..., ' "/a"}'),
        ],
        [("delete", {"path": "/a"})],
    ),
    "the id changes with every fragment, without an index": (
        [
            fragment(..., "c1", "delete", '{"pa'),
            fragment(..., "c2", None, 'th": '),
            fragment(..., "c3", None, '"/a"}'),
        ],
        [("delete", {"path": "/a"})],
    ),
    "id and name change and repeat with every fragment": (
        [
            fragment(0, "c1", "f", '{"x": '),
            fragment(0, "c2", "f", "1}"),
            fragment(0, "c3", "f", '{"x": '),
            fragment(0, "c4", "f", "2}"),
        ],
        [("f", {"x": 1}), ("f", {"x": 2})],
    ),
    "an empty head, then arguments at another index": (
        [fragment(0, "c1", "delete", ""), fragment(1, "c2", None, '{"path": "/a"}')],
        [("delete", INVALID), ("", INVALID)],
    ),
    "two empty heads, then arguments that say nothing": (
        [
            fragment(0, "a", "f", ""),
            fragment(1, "b", "g", ""),
            fragment(arguments='{"x": 1}'),
        ],
        [("f", INVALID), ("g", INVALID)],
    ),
    "two heads at one index, arguments by id": (
        [
            fragment(0, "a", "f", ""),
            fragment(0, "b", "g", ""),
            fragment(0, "a", None, '{"x": 1}'),
            fragment(0, "b", None, '{"y": 2}'),
        ],
        [("f", {"x": 1}), ("g", {"y": 2})],
    ),
    "two heads at one index, arguments without an id": (
        [
            fragment(0, "a", "f", ""),
            fragment(0, "b", "g", ""),
            fragment(0, None, None, '{"x": 1}'),
        ],
        [("f", INVALID), ("g", INVALID)],
    ),
    "two heads at one index, the first call without arguments": (
        [
            fragment(0, "a", "del", ""),
            fragment(0, "b", "ete", '{"x": 1}'),
        ],
        # A name in pieces, or two calls.
        [("del", INVALID), ("ete", INVALID)],
    ),
    "the name repeated at the end": (
        [fragment(0, "a", "f", '{"x": 1}'), fragment(0, None, "f", "")],
        [("f", {"x": 1})],
    ),
    "the name repeated at the end, with another id": (
        [fragment(0, "c1", "f", '{"x": 1}'), fragment(0, "c2", "f", "")],
        [("f", {"x": 1}), ("f", INVALID)],
    ),
    "an id that comes back": (
        [
            fragment(0, "a", "f", '{"'),
            fragment(0, "b", "f", "{}"),
            fragment(0, "a", "f", '": null}'),
        ],
        [("f", INVALID)],
    ),
    "a nameless call, then another name": (
        [
            fragment(0, "a", "f", "{}"),
            fragment(0, "b", "", '{"x": 1}'),
            fragment(0, "c", "g", ""),
            fragment(0, "d", "", "{}"),
        ],
        [("f", INVALID), ("g", INVALID)],
    ),
    "no index, names and ids on every fragment, interleaved": (
        [
            fragment(..., "a", "f", '{"x"'),
            fragment(..., "b", "f", '{"x"'),
            fragment(..., "a", "f", ": 1}"),
            fragment(..., "b", "f", ": 2}"),
        ],
        # The second fragment may also continue the first call.
        [("f", INVALID)],
    ),
    "the same id for all calls": (
        [
            fragment(0, "call", "f", '{"x": 1}'),
            fragment(1, "call", "f", ""),
            fragment(1, "call", None, '{"x": 2}'),
        ],
        [("f", {"x": 1}), ("f", {"x": 2})],
    ),
    "a name in pieces": (
        [
            fragment(0, "a", "del", ""),
            fragment(0, None, "ete", ""),
            fragment(0, None, None, '{"x": 1}'),
        ],
        [("delete", {"x": 1})],
    ),
    "another name, no id": (
        [fragment(0, ..., "f", ""), fragment(0, ..., "g", '{"x": 1}')],
        [("f", INVALID)],
    ),
    "a name after the arguments": (
        [fragment(0, ..., ..., '{"x": 1}'), fragment(0, ..., "g", "")],
        [("g", INVALID)],
    ),
    "a name that never comes": ([fragment(0, "a", None, '{"x": 1}')], [("", INVALID)]),
    "the index moves, the id stays": (
        [fragment(0, "a", "f", '{"x": '), fragment(1, "a", None, "1}")],
        [("f", {"x": 1})],
    ),
    "huge indices": (
        [fragment(HUGE, "a", "f", '{"x": 1}'), fragment("9" * 4301, "b", "g", '{"y": 2}')],
        [("f", {"x": 1}), ("g", {"y": 2})],
    ),
    "indices of other types": (
        [
            fragment([], "a", "f", '{"x": '),
            fragment({}, None, None, "1"),
            fragment(1.5, arguments="}"),
        ],
        [("f", {"x": 1})],
    ),
    "an object, then text": (
        [fragment(0, "a", "f", {"x": 1}), fragment(0, None, None, '{"y": 2}')],
        [("f", INVALID)],
    ),
    "braces and quotes in strings": (
        [
            fragment(0, "a", "f", '{"x": "}\\'),
            fragment(0, "a", "f", '"{\\\\'),
            fragment(0, "b", "f", '", "y": [{}]}'),
            fragment(0, "c", "g", "{}"),
        ],
        [("f", {"x": '}"{\\', "y": [{}]}), ("g", {})],
    ),
    "line breaks in a string": (
        [fragment(0, "a", "f", '{"x": "1\n2\t3"}')],
        [("f", {"x": "1\n2\t3"})],
    ),
    "a control character": ([fragment(0, "a", "f", '{"x": "1\u00032"}')], [("f", INVALID)]),
    "a number without end": ([fragment(0, "a", "f", '{"x": 1e999}')], [("f", INVALID)]),
    "nested 300 deep": (
        [fragment(0, "a", "f", '{"x": ' + "[" * 300 + "]" * 300 + "}")],
        [("f", INVALID)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_fragments(name):
    fragments, expected = CASES[name]
    calls = assemble(fragments)
    found = [(call.name, INVALID if call.args is None else call.args) for call in calls]
    assert found == expected
    assert len({call.id for call in calls}) == len(calls)
    received = "".join(
        arguments if isinstance(arguments, str) else json.dumps(arguments)
        for each in fragments
        if (arguments := each["function"].get("arguments", ""))
    )
    assert sorted("".join(call.text for call in calls)) == sorted(received) or (
        "\n" in received  # written again with escapes
    )


def test_more_arguments_for_a_released_call_are_refused():
    fragments = [fragment(0, "a", "f", '{"x": 1}'), fragment(1, "b", "g", "")]
    assembler = CallAssembler()
    assembler.feed(fragments)
    assert [call.name for call in assembler.release(None)] == ["f"]
    assembler.feed([fragment(0, None, None, " \n")])
    with pytest.raises(UnreadableError, match="further arguments"):
        assembler.feed([fragment(0, None, None, '{"y": 2}')])


def test_the_error_for_a_released_call_has_the_message_without_runnable_calls():
    decoder = OpenAIDecoder()
    decoder.feed(openai_wire.event(content="Hi"))
    heads = [fragment(0, "a", "f", '{"x": 1}'), fragment(1, "b", "g", "")]
    assert decoder.feed(openai_wire.event(tool_calls=heads)).tool_calls
    with pytest.raises(MiMoInvalidResponseError) as caught:
        decoder.feed(openai_wire.event(tool_calls=[fragment(0, "a", None, "{}")]))
    partial = caught.value.partial_message
    assert partial.content == "Hi"
    assert partial.tool_calls == []
    assert [call["id"] for call in partial.invalid_tool_calls] == ["a", "b"]


# ----------------------------------------------------------------------------- cutting, by habit

letters = st.sampled_from(["a", "é", "😀", '"', "\\", "{", "}", "[", "]", ":", ",", " ", "\n", "1"])
strings = st.lists(letters, max_size=6).map("".join)
values = st.recursive(
    st.none() | st.integers(-5, 5) | strings,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(strings, inner, max_size=2),
    max_leaves=4,
)
calls_of_a_response = st.lists(
    st.tuples(st.sampled_from(["f", "g", "delete"]), st.dictionaries(strings, values, max_size=3)),
    min_size=1,
    max_size=4,
)

IDS = {
    "first": lambda call, piece: f"id{call}" if piece == 0 else None,
    "every": lambda call, piece: f"id{call}",
    "changing": lambda call, piece: f"id{call}.{piece}",
    "second": lambda call, piece: f"id{call}" if piece == 0 else f"other{call}",
    "late": lambda call, piece: f"id{call}" if piece == 1 else "",
    "none": lambda call, piece: ("", None, "null", "None", ...)[(call + piece) % 5],
    "the same": lambda call, piece: "call",
}
NAMES = {
    "first": lambda name, piece: name if piece == 0 else None,
    "every": lambda name, piece: name,
    "second": lambda name, piece: name if piece == 1 else "",
    "in pieces": lambda name, piece: {0: name[:1], 1: name[1:]}.get(piece),
}
INDICES = {
    "right": lambda call, piece: call,
    "string": lambda call, piece: str(call),
    "huge": lambda call, piece: HUGE + call,
    "constant": lambda call, piece: 0,
    "null": lambda call, piece: None,
    "missing": lambda call, piece: ...,
    "first": lambda call, piece: call if piece == 0 else None,
    "from one": lambda call, piece: call + 1,
}
# With one of these habits of each kind, nothing is ambiguous: the calls arrive, exactly.
CERTAIN_INDICES = {"right", "string", "huge", "from one"}
CERTAIN_IDS = {"first", "every", "changing", "second", "none", "the same"}
CERTAIN_NAMES = {"first", "every"}


def blanks_joined(pieces):
    """Return pieces with those of white space at the end of the one before: it may be in a string."""
    joined = []
    for piece in pieces:
        if piece.strip():
            joined.append(piece)
        elif joined:
            joined[-1] += piece
    return joined


@st.composite
def cut_calls(draw):
    """Draw calls, the habits of a server, and the deltas that it sends for them."""
    calls = draw(calls_of_a_response)
    habits = {
        "id": draw(st.sampled_from(sorted(IDS))),
        "name": draw(st.sampled_from(sorted(NAMES))),
        "index": draw(st.sampled_from(sorted(INDICES))),
    }
    # Servers that interleave calls tell them apart, by the index or by the id.
    is_told_apart = habits["index"] in CERTAIN_INDICES or habits["id"] == "every"
    is_interleaved = is_told_apart and draw(st.booleans())
    # Only with right indices can "" mean "no arguments": anything may follow it otherwise.
    may_be_empty = habits["index"] in CERTAIN_INDICES and habits["id"] != "the same"
    queues = []
    for at, (name, arguments) in enumerate(calls):
        text = draw(st.sampled_from([json.dumps(arguments), json.dumps(arguments, indent=1)]))
        if not arguments and may_be_empty and draw(st.booleans()):
            text = draw(st.sampled_from(["", " "]))
        # The name and another id after the end may be a second call.
        is_clear_end = habits["name"] != "every" or habits["id"] in ("first", "every", "the same")
        if draw(st.booleans()) and text.strip():
            pieces = [draw(st.sampled_from([text, arguments]))]
        else:
            cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)))
            pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
            if not is_clear_end:
                pieces = blanks_joined(pieces) or [text]
            if draw(st.booleans()):
                pieces = ["", *pieces]
        if draw(st.booleans()) and is_clear_end:
            pieces = [*pieces, draw(st.sampled_from(["", None]))]
        # A name precedes the arguments.
        has_head = len(pieces) > 1 and (pieces[0] == "" or habits["name"] != "in pieces")
        naming = habits["name"] if has_head else "first"
        queues.append(
            [
                fragment(
                    INDICES[habits["index"]](at, piece),
                    IDS[habits["id"]](at, piece),
                    NAMES[naming](name, piece),
                    text,
                )
                for piece, text in enumerate(pieces)
            ]
        )
    deltas = []
    if is_interleaved:
        while any(queues):
            deltas.append(draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
    else:
        deltas = [each for queue in queues for each in queue]
    if draw(st.booleans()):  # several fragments in one delta
        at = draw(st.integers(0, len(deltas)))
        deltas = [deltas[:at], *([each] for each in deltas[at:])]
    else:
        deltas = [[each] for each in deltas]
    is_certain = (
        habits["index"] in CERTAIN_INDICES
        and habits["id"] in CERTAIN_IDS
        and habits["name"] in CERTAIN_NAMES
        # With the same id and name, an index that is new may be that of a call that is not complete.
        and not (is_interleaved and habits["id"] == "the same")
    )
    return calls, habits, [each for each in deltas if each], is_certain


def counted(calls):
    return Counter((name, json.dumps(arguments, sort_keys=True)) for name, arguments in calls)


def streamed(decoder, events):
    """Return the message of a stream, and what any of its prefixes would have run."""
    total, ran = None, []
    for each in events:
        if (chunk := decoder.feed(each)) is not None:
            ran += chunk.tool_calls
            total = chunk if total is None else total + chunk
    for chunk in decoder.finish():
        total = chunk if total is None else total + chunk
    return message_chunk_to_message(total), ran


@settings(max_examples=400, deadline=None)
@given(cut_calls())
def test_calls_cut_in_any_way_never_become_other_calls(drawn):
    calls, habits, deltas, is_certain = drawn
    events = [openai_wire.event(tool_calls=each) for each in deltas]
    events.append(openai_wire.event(finish_reason="tool_calls"))
    decoder = OpenAIDecoder()
    try:
        message, ran = streamed(decoder, events)
    except MiMoInvalidResponseError as error:
        partial = error.partial_message
    else:
        partial = None
    if partial is not None:
        assert not is_certain
        assert partial.tool_calls == []
        note("an error")
        return
    found = counted((call["name"], call["args"]) for call in message.tool_calls)
    expected = counted(calls)
    assert found <= expected, habits
    assert counted((call["name"], call["args"]) for call in ran) <= found
    if is_certain:
        assert found == expected
        assert message.invalid_tool_calls == []
    assert found == expected or message.invalid_tool_calls
    note("all calls" if found == expected else "some calls are invalid")


@pytest.mark.parametrize("ends", [["id0"], ["id1", "id0"], ["id0", "id0", "id1"]])
def test_an_end_with_id_and_name_behind_another_call_is_no_call(ends):
    names = {"id0": "f", "id1": "g"}
    texts = [("id0", "{}"), ("id1", "{}"), *((call_id, "") for call_id in ends)]
    deltas = [[fragment(0, call_id, names[call_id], text)] for call_id, text in texts]
    events = [openai_wire.event(tool_calls=each) for each in deltas]
    message, _ = streamed(OpenAIDecoder(), [*events, openai_wire.event(finish_reason="tool_calls")])
    assert [call["name"] for call in message.tool_calls] == ["f", "g"]
    assert message.invalid_tool_calls == []


def test_calls_with_one_id_and_name_in_turns_do_not_get_each_others_arguments():
    pieces = [(0, '{"a": ['), (1, "{}"), (0, "]}")]
    deltas = [[fragment(where, "call", "delete", text)] for where, text in pieces]
    events = [openai_wire.event(tool_calls=each) for each in deltas]
    message, ran = streamed(
        OpenAIDecoder(), [*events, openai_wire.event(finish_reason="tool_calls")]
    )
    assert (ran, message.tool_calls) == ([], [])
    assert message.invalid_tool_calls


@st.composite
def anthropic_calls(draw):
    """Draw calls and the events that a server of the Anthropic format sends for them."""
    calls = draw(calls_of_a_response)
    index = draw(st.sampled_from(["right", "string", "constant", "null on deltas", "null", "list"]))
    has_stops = draw(st.booleans())
    in_start = draw(st.sampled_from(["nothing", "the input", "the input as text", "both"]))
    ids = draw(st.sampled_from(["right", "none", "the same"]))
    events = [{"type": "message_start", "message": {"id": "m", "model": "x", "content": []}}]
    for at, (name, arguments) in enumerate(calls):
        places = {"right": at, "string": str(at), "constant": 0, "null": None, "list": [at]}
        where = places.get(index, at)
        text = json.dumps(arguments)
        initial = {"the input": arguments, "the input as text": text, "both": arguments}
        block = {"type": "tool_use", "name": name, "input": initial.get(in_start, {})}
        block["id"] = {"right": f"id{at}", "none": None, "the same": "toolu"}[ids]
        events.append({"type": "content_block_start", "index": where, "content_block": block})
        if in_start in ("nothing", "both"):
            cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=3)))
            pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
            if not arguments and draw(st.booleans()):
                pieces = ["", None]
            for piece in pieces:
                delta = {"type": "input_json_delta", "partial_json": piece}
                place = None if index == "null on deltas" else where
                events.append({"type": "content_block_delta", "index": place, "delta": delta})
        if has_stops:
            events.append({"type": "content_block_stop", "index": where})
    events.append({"type": "message_delta", "delta": {"stop_reason": "tool_use"}})
    is_certain = index in ("right", "string", "constant") or has_stops
    return calls, events, is_certain


@settings(max_examples=200, deadline=None)
@given(anthropic_calls())
def test_calls_of_the_anthropic_format_cut_in_any_way_never_become_other_calls(drawn):
    calls, events, is_certain = drawn
    try:
        message, ran = streamed(AnthropicDecoder(), events)
    except MiMoInvalidResponseError as error:
        partial = error.partial_message
    else:
        partial = None
    if partial is not None:
        assert not is_certain
        assert partial.tool_calls == []
        return
    found = counted((call["name"], call["args"]) for call in message.tool_calls)
    assert found <= counted(calls)
    assert counted((call["name"], call["args"]) for call in ran) <= found
    assert found == counted(calls) or message.invalid_tool_calls
    if is_certain:
        assert found == counted(calls)


@pytest.mark.parametrize(
    ("initial", "pieces"),
    [
        ({"x": 1}, ['{"x": 2}']),
        ({"x": 1}, ["{}"]),
        ({}, ['{"x": 1}', '{"y": 2}']),
        ([], []),
        (0, []),
        (False, []),
        ("text", []),
    ],
)
def test_inputs_of_the_anthropic_format_that_are_not_certain_are_not_run(initial, pieces):
    block = anthropic_wire.tool_use("rm", initial)
    events = [{"type": "content_block_start", "index": 0, "content_block": block}]
    events += [
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": piece},
        }
        for piece in pieces
    ]
    events.append({"type": "message_delta", "delta": {"stop_reason": "tool_use"}})
    message, ran = streamed(AnthropicDecoder(), events)
    assert message.tool_calls == ran == []
    assert len(message.invalid_tool_calls) == 1


def test_arguments_for_no_open_call_are_refused():
    delta = {"type": "input_json_delta", "partial_json": "{}"}
    decoder = AnthropicDecoder()
    block = anthropic_wire.tool_use("rm", {})
    decoder.feed({"type": "content_block_start", "index": 0, "content_block": block})
    with pytest.raises(MiMoInvalidResponseError, match="not an open tool call"):
        decoder.feed({"type": "content_block_delta", "index": 3, "delta": delta})


# --------------------------------------------------------------------------------- linear cost


def lines_of(action):
    """Count the lines that run in the modules that assemble calls."""
    files = {call_assembler.__file__, open_call.__file__, tool_calls.__file__}
    count = 0

    def trace(frame, what, _):
        nonlocal count
        if what == "line":
            count += 1
        return trace if frame.f_code.co_filename in files else None

    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(None)
    return count


def many_calls(number, **habit):
    ids, names = habit.get("ids", "first"), habit.get("names", "first")
    for call in range(number):
        for piece, text in enumerate(['{"x": ', f"{call}", "}"]):
            index = INDICES[habit.get("index", "right")](call, piece)
            yield fragment(index, IDS[ids](call, piece), NAMES[names]("f", piece), text)


def one_long_call(pieces, **habit):
    """A call whose arguments are long, while another call has begun, and its name repeated."""
    yield fragment(0, "a", "f", '{"x": "')
    yield fragment(1, "b", "g", "")
    for piece in range(pieces):
        yield fragment(0, f"c{piece}", "f", '{\\"y\\": [')
    yield fragment(0, None, "f", '"}')
    yield fragment(1, None, None, "{}")


def heads_first(number, **habit):
    """All heads, then all arguments, without an index: nothing is certain."""
    for call in range(number):
        yield fragment(..., f"id{call}", "f" if call % 2 else "g", "")
    for _ in range(number):
        yield fragment(arguments="{}")


def broken_first(number, **habit):
    """A long call that is no JSON, then many others."""
    yield fragment(0, "a", "f", "{" + "x" * number + "}")
    for call in range(1, number):
        yield fragment(call, f"id{call}", "g", "{}")


STREAMS = [
    (many_calls, {}),
    (many_calls, {"ids": "every", "names": "every"}),
    (many_calls, {"ids": "changing", "names": "every", "index": "constant"}),
    (many_calls, {"ids": "none", "index": "missing"}),
    (one_long_call, {}),
    (heads_first, {}),
    (broken_first, {}),
]


@pytest.mark.parametrize(("fragments_of", "habit"), STREAMS)
def test_the_cost_is_linear_in_fragments_and_calls(fragments_of, habit, monkeypatch):
    parsed = 0

    def counted_parse(text):
        nonlocal parsed
        parsed += len(text)
        return strict_object(text)

    strict_object = tool_calls.strict_object
    monkeypatch.setattr(tool_calls, "strict_object", counted_parse)
    costs = []
    for size in (200, 400, 800):
        parsed = 0
        fragments = list(fragments_of(size, **habit))
        lines = lines_of(lambda fragments=fragments: assemble(fragments))
        costs.append((lines, parsed))
        length = sum(len(each["function"].get("arguments") or "") for each in fragments)
        assert parsed <= 2 * length
    (first, _), (second, _), (third, _) = costs
    assert third - second <= 2.1 * (second - first)

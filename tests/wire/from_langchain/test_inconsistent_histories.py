"""Histories whose calls and results do not match: refused, or repaired."""

from __future__ import annotations

import copy
from collections import Counter

import pytest
from history_samples import IMAGE, TWO_ROUNDS, VIDEO, ai, options, result, turns_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.pairing import INTERRUPTED
from langchain_mimo._wire.turns import (
    AssistantTurn,
    SystemTurn,
    TextPart,
    ToolTurn,
    UserTurn,
    media_parts,
)
from langchain_mimo.errors import HistoryError

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

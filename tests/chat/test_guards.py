"""Guards: runs of white space, repeated lines, and floods of calls are noticed at the right place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_mimo._chat.guards import MAX_GROUP_LINES, RepetitionGuard, WhitespaceGuard
from langchain_mimo._chat.structured_output.native import MAX_WHITESPACE


def pieces_of(text, size):
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 7, 5000])
def test_a_long_run_of_white_space_is_noticed(size):
    guard = WhitespaceGuard()
    assert not any(map(guard.feed, pieces_of('{"a": "x"' + " \t\n" * 300, size)))
    assert any(map(guard.feed, pieces_of("\t" * MAX_WHITESPACE, size)))


@pytest.mark.parametrize("size", [1, 7, 5000])
def test_indented_json_is_not(size):
    text = ('{"a": [\n' + " " * 400 + "1,\n" + " " * 400 + "2]}") * 50
    guard = WhitespaceGuard()
    assert not any(map(guard.feed, pieces_of(text, size)))


def stops_after(lines, times, size=7):
    """How many lines are fed until the guard stops the response, or None."""
    guard = RepetitionGuard(times)
    for at, line in enumerate(lines):
        if any(map(guard.feed, pieces_of(line + "\n", size))):
            return at + 1
    return None


@pytest.mark.parametrize("times", [2, 3, 5])
@pytest.mark.parametrize("length", [1, 2, 3, MAX_GROUP_LINES])
def test_identical_groups_stop_a_response_at_the_last_of_them(length, times):
    group = [f"line {at}" for at in range(length)]
    before = ["first", "second"]
    assert stops_after(before + group * 9, times) == len(before) + length * times


@pytest.mark.parametrize("size", [1, 3, 4096])
def test_how_the_text_is_cut_makes_no_difference(size):
    assert stops_after(["a", "b"] * 5, 4, size) == 8


def test_a_group_that_is_interrupted_starts_over():
    assert stops_after(["a", "a", "b", "a", "a", "b", "c"], 3) is None
    assert stops_after(["a", "b", "c"] * 2 + ["d"] + ["a", "b", "c"] * 2, 3) is None


def test_blank_lines_do_not_count():
    assert stops_after([""] * 50 + ["a", "", "", "b"] * 2, 3) is None
    assert stops_after(["a", "", "a", "", "", "a"], 3) == 6


@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(2, 4))
def test_the_guard_agrees_with_the_definition(lines, times):
    def is_repeated(upto):
        return any(
            lines[upto - length * times : upto] == lines[upto - length : upto] * times
            for length in range(1, upto // times + 1)
        )

    expected = next((at for at in range(1, len(lines) + 1) if is_repeated(at)), None)
    assert stops_after(lines, times) == expected


def test_the_guard_keeps_a_bounded_amount_of_text():
    guard = RepetitionGuard(2)
    for at in range(2000):
        guard.feed(f"{at}" * 3000)
        guard.feed("\n" if at % 2 else "")
    assert len(guard._lines) <= MAX_GROUP_LINES
    assert max(map(len, guard._lines)) <= 2000
    assert len(guard._line) <= 2000

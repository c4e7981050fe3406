"""The emulator's own matcher of patterns: it agrees with `re`, and needs linear time."""

import random
import re

import pytest

from langchain_mimo.emulator.answers.pattern_values import complete_match, matching_text
from langchain_mimo.emulator.answers.patterns import Automaton, NotUnderstoodError, Steps


def pattern(rng, depth=0):
    def atom():
        choice = rng.random()
        if choice < 0.4:
            return rng.choice("abc01-")
        if choice < 0.5:
            return rng.choice([r"\d", r"\w", r"\s", r"\D", r"\.", r"\x61", "."])
        if choice < 0.65:
            return rng.choice(["[abc]", "[^a]", "[a-c0]", "[-a]", r"[\d_]", "[]a]", r"[^\w-]"])
        if choice < 0.7:
            return rng.choice("^$")
        if depth < 2:
            return rng.choice(["(", "(?:", "(?P<n>"]) + pattern(rng, depth + 1) + ")"
        return "a"

    def sequence():
        counts = ["", "", "", "*", "+", "?", "{2}", "{1,2}", "*?"]
        return "".join(atom() + rng.choice(counts) for _ in range(rng.randrange(4)))

    return "|".join(sequence() for _ in range(rng.choice((1, 1, 1, 2))))


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_re(seed):
    rng = random.Random(seed)
    tried = 0
    while tried < 500:
        text = "".join(rng.choice("abc01- ") for _ in range(rng.randrange(6)))
        wanted = pattern(rng)
        try:
            expression = re.compile(wanted)
        except re.error:  # a name twice, or a group of nothing repeated
            continue
        tried += 1
        automaton = Automaton(wanted)
        found, match = automaton.find(text), expression.search(text)
        assert (found is None) == (match is None), (wanted, text)
        if match is not None:
            assert text[match.start() :].startswith(found), (wanted, text)
        beginnings = (text[:end] for end in range(len(text), -1, -1))
        whole = next((one for one in beginnings if expression.fullmatch(one)), None)
        assert automaton.find(text, anchored=True) == whole, (wanted, text)


@pytest.mark.parametrize(
    ("wanted", "sample"),
    [
        (r"^\d{4}-\d\d-\d\d$", "0000-00-00"),
        ("^(red|green)$", "red"),
        ("[A-Z]{3}", "AAA"),
        (r"^\+\d{2,}$", "+00"),
        ("x?y*z+", "z"),
        (r"[^a-zA-Z0-9]", " "),
    ],
)
def test_samples_match(wanted, sample):
    assert matching_text(wanted, ["?!"]) == sample or re.search(wanted, "?!")
    assert Automaton(wanted).tree.sample(1000) == sample
    assert re.search(wanted, sample)


@pytest.mark.parametrize(
    "wanted",
    ["(?=a)b", "(?!a)", "(?i)a", r"\bword\b", r"(a)\1", r"\p{L}", "(", ")", "[", "a**b(", "*", "[b-a]",
     "a{1,99999}", "(" * 60 + "a" + ")" * 60, r"\x", r"\u12", "\\"],
)  # fmt: skip
def test_what_is_not_understood(wanted):
    with pytest.raises(NotUnderstoodError):
        Automaton(wanted)
    assert complete_match("text", wanted) == "text"
    assert matching_text(wanted, ["first", "second"]) == "first"


@pytest.mark.parametrize(
    "wanted", ["^(([a-z])+.)+[A-Z]([a-z])+$", "(a+)+$", "(a|a)*b", "(.*){1,9}x"]
)
def test_the_work_is_bounded(wanted):
    steps = Steps()
    complete_match("a" * 5000, wanted, steps)
    assert steps.left >= -1  # as many visits as it may make, and not one more


def test_a_pattern_without_steps_left_matches_nothing():
    assert Automaton("a", Steps(0)).find("a") is None

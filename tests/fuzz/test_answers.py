"""Answers with any value in any place: this package's errors, or messages that can be stored.

`make fuzz` runs 24,000 cases; `make test` a share of them, with a fixed seed. What a failure prints
reproduces it: `FUZZ_SEED=1 make fuzz`.
"""

import os
import random
import sys

import answer_fuzz
import pytest

SHARE = 1200
CASES = int(os.environ.get("FUZZ_ANSWERS", "24000"))
SEED = int(os.environ.get("FUZZ_SEED", random.SystemRandom().randrange(10**6)))
MAX_FAILURES = 10


@pytest.fixture
def caller():
    caller = answer_fuzz.Caller()
    yield caller
    caller.close()


def run(caller, seed, number):
    """Run cases: four of five with one change, so that a run of all places covers them."""
    rng = random.Random(seed)
    single = answer_fuzz.all_cases()
    rng.shuffle(single)
    cases = single[: number * 4 // 5]
    cases += [answer_fuzz.random_case(rng) for _ in range(number - len(cases))]
    failures = []
    for case in cases:
        try:
            outcome = caller.run(case)
            answer_fuzz.check(case, outcome)
            for twin in answer_fuzz.twins(case):
                other = caller.run(twin)
                assert answer_fuzz.same(outcome, other), f"{outcome!r}\n{twin} gives {other!r}"
        except Exception as error:
            failures.append(f"FUZZ_SEED={seed} {case}\n{type(error).__name__}: {str(error)[:600]}")
            if len(failures) == MAX_FAILURES:
                break
    return failures, len(cases)


def test_the_answers_themselves_are_understood(caller):
    for answer, (_, is_streamed, _) in answer_fuzz.ANSWERS.items():
        for way in answer_fuzz.WAYS[is_streamed]:
            case = answer_fuzz.Case(answer, (), way)
            outcome = caller.run(case)
            assert not isinstance(outcome, Exception), (case, outcome)
            answer_fuzz.check(case, outcome)
            assert all(
                answer_fuzz.same(outcome, caller.run(each)) for each in answer_fuzz.twins(case)
            )


@pytest.mark.timeout(300)
def test_a_share_of_the_cases(caller):
    failures, number = run(caller, seed=1, number=SHARE)
    assert not failures, "\n\n".join(failures)
    assert number == SHARE


@pytest.mark.fuzz
@pytest.mark.timeout(3000)
def test_many_cases(caller, capsys):
    with capsys.disabled():
        sys.stdout.write(f"\nFUZZ_SEED={SEED} FUZZ_ANSWERS={CASES}: answers\n")
    failures, number = run(caller, SEED, CASES)
    assert not failures, "\n\n".join(failures)
    assert number == CASES

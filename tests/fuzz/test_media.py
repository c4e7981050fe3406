"""Damaged media: every public call returns or raises ours, within time and memory.

`make fuzz` runs all; `make test` a share of it, with a fixed seed. What a failure prints reproduces
it: `FUZZ_SEED=1 FUZZ_CASE=42 make fuzz`.
"""

import os
import random
import subprocess
import sys

import pytest
from media_fuzz import calls, mutants, runner

SHARE = 250
MUTANTS = int(os.environ.get("FUZZ_MUTANTS", "6000"))
SEED = int(os.environ.get("FUZZ_SEED", random.SystemRandom().randrange(10**6)))
CASE = os.environ.get("FUZZ_CASE")


def judge(report, cases):
    assert not report.failures, "\n\n".join(report.failures)
    assert report.cases == cases
    assert report.peak_mb < runner.MAX_PEAK_MB


@pytest.mark.timeout(300)
def test_a_share_of_the_mutants():
    judge(runner.run(seed=1, first=0, end=SHARE), SHARE)


@pytest.mark.fuzz
@pytest.mark.timeout(3000)
def test_many_mutants(capsys):
    if CASE is not None:
        calls.check(mutants.make_mutant(SEED, int(CASE)))
        return
    with capsys.disabled():
        sys.stdout.write(f"\nFUZZ_SEED={SEED} FUZZ_MUTANTS={MUTANTS}: media\n")
        report = runner.run(SEED, 0, MUTANTS, workers=os.cpu_count() or 1)
        sys.stdout.write(f"{report.cases} mutants, peak {report.peak_mb:.0f} MB\n")
    judge(report, MUTANTS)


def test_a_mutant_is_given_by_seed_and_number():
    one, again, other = (mutants.make_mutant(1, number) for number in (7, 7, 8))
    assert one == again
    assert one.data != other.data


def test_mutants_are_of_every_kind_and_mostly_damaged():
    made = [mutants.make_mutant(2, number) for number in range(100)]
    assert {mutant.kind for mutant in made} == {"image", "video", "audio"}
    assert len({mutant.data for mutant in made}) > 90


CRASHES = """
import json, os, signal
print(json.dumps({"case": 0, "how": "a file"}), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
GOES_ON = """
import json
print(json.dumps({"case": 1, "how": "a file"}))
print(json.dumps({"done": 1, "error": None, "peak": 2048}))
"""


def process(script):
    command = [sys.executable, "-c", script]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_crash_is_reported_and_the_next_case_is_run(monkeypatch):
    started = []

    def start(seed, first, end, step):
        started.append(first)
        return process(GOES_ON if first else CRASHES)

    monkeypatch.setattr(runner, "_start", start)
    report = runner.run(seed=5, first=0, end=2)
    assert started == [0, 1]
    assert (report.cases, report.peak_mb) == (1, 2)
    assert len(report.failures) == 1
    assert "FUZZ_SEED=5 FUZZ_CASE=0 (a file): the process ended with -9" in report.failures[0]


def test_a_worker_that_does_not_start_is_no_case(monkeypatch):
    monkeypatch.setattr(runner, "_start", lambda *_: process("import no_such_module"))
    with pytest.raises(RuntimeError, match="no_such_module"):
        runner.run(seed=5, first=0, end=2)

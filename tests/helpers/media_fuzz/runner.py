"""Runs cases in worker processes and collects what failed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from repository import ROOT

MAX_PEAK_MB = 2000
"""Megabytes of resident memory that a worker may ever hold. Images of up to 89 million pixels are
decoded, with some 20 bytes each; most workers hold 300 MB."""

MAX_FAILURES = 20
"""A worker that failed so often is not started again."""


@dataclass
class Report:
    """What came of a run.

    Attributes:
        cases: How many cases were finished.
        failures: One text each: seed, number, what was done to which file, and what went wrong.
        peak_mb: The most memory that a worker held.
    """

    cases: int = 0
    failures: list[str] = field(default_factory=list)
    peak_mb: float = 0.0


def run(seed: int, first: int, end: int, workers: int = 1) -> Report:
    """Run the cases from `first` up to `end`; each worker takes every nth."""
    report = Report()
    with ThreadPoolExecutor(workers) as threads:
        list(
            threads.map(
                lambda at: _run_all(seed, at, end, workers, report), range(first, first + workers)
            )
        )
    return report


def _run_all(seed, first, end, step, report):
    """Run the cases of one worker; start it again behind a case that ended it."""
    while first < end and len(report.failures) < MAX_FAILURES:
        last = _read(_start(seed, first, end, step), seed, report)
        if last is None:
            return
        first = last + step


def _start(seed, first, end, step):
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests" / "helpers")))
    command = [sys.executable, "-m", "media_fuzz", *map(str, (seed, first, end, step))]
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _read(process, seed, report):
    """Read a worker to its end; return the number of the case that ended it, or None.

    Raises:
        RuntimeError: It ended before its first case.
    """
    number, how = None, ""
    output, errors = process.communicate()
    for line in map(json.loads, output.splitlines()):
        if "case" in line:
            number, how = line["case"], line["how"]
            continue
        report.cases += 1
        report.peak_mb = max(report.peak_mb, line["peak"] / 1024)
        if line["error"]:
            report.failures.append(f"FUZZ_SEED={seed} FUZZ_CASE={number} ({how})\n{line['error']}")
    if process.returncode == 0:
        return None
    if number is None:
        raise RuntimeError(f"the worker ended with {process.returncode}:\n{errors[-3000:]}")
    report.failures.append(
        f"FUZZ_SEED={seed} FUZZ_CASE={number} ({how}): the process ended with "
        f"{process.returncode}\n{errors[-3000:]}"
    )
    return number

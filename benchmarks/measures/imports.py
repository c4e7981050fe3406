"""Measures imports; each sample is a new interpreter."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.sampling import Measure, rotate
from benchmarks.subjects import PACKAGES
from benchmarks.worker import Context

CORE = "langchain_core.language_models.chat_models"

_SCRIPT = """
import sys, time
start = time.perf_counter()
import {core}
core = time.perf_counter()
known = len(sys.modules)
import {package}
print(core - start, time.perf_counter() - core, len(sys.modules) - known)
"""


def measure(context: Context) -> list[Measure]:
    time_taken = Measure("import", "ms")
    modules = Measure("modules imported beside langchain_core's", "")
    for package in PACKAGES.values():  # writes the bytecode
        _import(package)
    for number in range(context.rounds):
        for name in rotate(PACKAGES, number):
            core, rest, count = _import(PACKAGES[name])
            time_taken.add(name, (core + rest) * 1e3)
            # Core's import in the same process, which the same noise slows.
            time_taken.add(f"core before {name}", core * 1e3)
            modules.add(name, count)
    return [time_taken, modules]


def _import(package: str) -> tuple[float, float, float]:
    """Return the seconds for core and for the package after it, and the package's modules."""
    # Without bytecode on disk, compilation would be measured.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    script = _SCRIPT.format(core=CORE, package=package)
    command = [sys.executable, "-c", script]
    process = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    core, rest, count = map(float, process.stdout.split())
    return core, rest, count

"""What importing costs: every sample is a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.sampling import Measure
from benchmarks.subjects import PACKAGES
from benchmarks.worker import Context

CORE = "langchain_core.language_models.chat_models"

_SCRIPT = """
import sys, time
began = time.perf_counter()
import {core}
core = time.perf_counter()
known = len(sys.modules)
import {package}
print(core - began, time.perf_counter() - core, len(sys.modules) - known)
"""


def measure(context: Context) -> list[Measure]:
    # Without byte code on the disk, compiling would be measured.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    time_taken = Measure("import", "ms")
    modules = Measure("modules imported beside langchain_core's", "")
    for at in range(context.rounds + 1):
        for name, package in PACKAGES.items():
            script = _SCRIPT.format(core=CORE, package=package)
            done = subprocess.run(
                [sys.executable, "-c", script],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            core, rest, count = done.stdout.split()
            if at:  # the first round writes the byte code
                time_taken.add(name, (float(core) + float(rest)) * 1e3)
                # Core as it was in the very same process: both share its fortunes.
                time_taken.add(f"core before {name}", float(core) * 1e3)
                modules.add(name, float(count))
    return [time_taken, modules]

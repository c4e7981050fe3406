"""A request with 20 MB of picture, film or sound: its time, and its memory at the peak.

Every sample is a process of its own, since memory once taken is not always given back.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.media_files import KINDS, make
from benchmarks.sampling import Measure
from benchmarks.worker import Context

FLOOR = "httpx, file read and encoded"
"""The floor: read the file, encode it, post it; nothing is checked or streamed."""

SUBJECTS = {
    FLOOR: KINDS,
    "ChatMiMo, file": KINDS,
    "ChatMiMo, file, async": KINDS,
    "ChatMiMo, file with digest": KINDS,
    "ChatMiMo, inline": KINDS,
    "ChatOpenAI, inline": ("image", "audio"),
    "ChatMistralAI, inline": ("image",),
}
"""The kinds that each can send; the others refuse them."""


def measure(context: Context) -> list[Measure]:
    measures = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            path = make(kind, Path(folder))
            time_taken = Measure(f"20 MB {kind}, time", "ms")
            memory = Measure(f"20 MB {kind}, memory", "MB")
            for _ in range(context.rounds):
                for subject, kinds in SUBJECTS.items():
                    if kind in kinds:
                        peak, taken = _one(subject, kind, path, context.url("answer"))
                        memory.add(subject, peak)
                        time_taken.add(subject, taken)
            measures += [time_taken, memory]
            path.unlink()
    return measures


def _one(subject: str, kind: str, path: Path, url: str) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.upload", subject, kind, str(path), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, taken = map(float, done.stdout.split())
    return peak, taken

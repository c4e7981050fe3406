"""Measures requests with 20 MB of image, video or audio: time and peak memory.

Each sample is a new process, because memory once allocated is not always returned.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.media_files import KINDS, make
from benchmarks.sampling import Measure, rotate
from benchmarks.worker import Context

HTTPX2_UPLOAD = "httpx2, file read and encoded"
"""The floor: read the file, encode it, post it; nothing is checked or streamed."""

SUBJECTS = {
    HTTPX2_UPLOAD: KINDS,
    "ChatMiMo, file": KINDS,
    "ChatMiMo, file, async": KINDS,
    "ChatMiMo, file with digest": KINDS,
    "ChatMiMo, inline": KINDS,
    "ChatOpenAI, inline": ("image", "audio"),
    "ChatMistralAI, inline": ("image",),
}
"""The kinds of media that each subject can send."""

COMPARED = (HTTPX2_UPLOAD, "ChatMiMo, file")
"""The subjects of the close target; only the first third of the rounds samples the others."""


def measure(context: Context) -> list[Measure]:
    measures = []
    url = context.url("response")
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            path = make(kind, Path(folder))
            time_taken = Measure(f"20 MB {kind}, time", "ms")
            memory = Measure(f"20 MB {kind}, memory", "MB")
            subjects = [subject for subject, kinds in SUBJECTS.items() if kind in kinds]
            for number in range(context.rounds):
                is_early = number < max(3, context.rounds // 3)
                due = [each for each in subjects if is_early or each in COMPARED]
                for subject in rotate(due, number):
                    peak, taken = _upload(subject, kind, path, url)
                    memory.add(subject, peak)
                    time_taken.add(subject, taken)
            measures += [time_taken, memory]
            path.unlink()
    return measures


def _upload(subject: str, kind: str, path: Path, url: str) -> tuple[float, float]:
    """Run `benchmarks.upload`; returns the peak in MB and the time in ms."""
    command = [sys.executable, "-m", "benchmarks.upload", subject, kind, str(path), url]
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    peak, taken = map(float, process.stdout.split())
    return peak, taken

"""What hostile files cost the emulator in memory: the peak resident size of a separate process."""

import json
import os
import pathlib
import subprocess
import sys

import hostile_media
import pytest

REFUSED = {
    "4 billion pixels": "pixels",
    "text of 1.2 GB": "corrupted",
    "profile of 200 MB": "corrupted",
    "2000 scans": "scans",
    "canvas of 256 million pixels": "corrupted",
    "255 channels": "corrupted",
    "frames of 67 million pixels": "frames",
    "MPEG-4 frames of 64 million pixels": "corrupted",
    "80 million samples": "samples",
    "2 million samples": "corrupted",
    "80 million samples in a fragment": "samples",
}

MEGABYTES = 400
"""Three of each file are opened at once. 64 million pixels take 256 MB, one image after the other;
12 of them once took 2.9 GB, and the table of 80 million samples 4.1 GB."""


@pytest.mark.timeout(400)
@pytest.mark.skipif(
    not pathlib.Path("/proc/self/clear_refs").exists(), reason="the peak is read from /proc"
)
def test_hostile_files_cost_little_memory():
    program = [sys.executable, hostile_media.__file__]
    paths = os.pathsep.join(sys.path)
    child = subprocess.run(
        program, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )
    found = {line["name"]: line for line in map(json.loads, child.stdout.splitlines())}
    assert list(found) == list(hostile_media.FILES)
    for name, line in found.items():
        assert line["megabytes"] < MEGABYTES, line
        refused = line["verdict"].startswith(("The emulator does not open", "Multimodal data"))
        assert refused == (name in REFUSED), line
        assert REFUSED.get(name, "") in line["verdict"], line

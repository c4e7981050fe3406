"""What only long runs show: processes that are killed at any moment, and memory over many files."""

import json
import random
import subprocess
import sys
import time

import media_files
import pytest
from sending_memory import discarding_server, output_of

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.document_loaders import MiMoMediaLoader, MiMoMediaParser
from langchain_mimo.emulator import MiMoEmulator

CONCURRENCY = 3
PLAN = {"max_seconds": 4.0}

LOAD = """
import sys
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.document_loaders import MiMoMediaLoader, MiMoMediaParser

base_url, key, folder, journal = sys.argv[1:]
llm = ChatMiMo(model="mimo-v2.6-flash", base_url=base_url, api_key=key, allowed_media_dirs=[folder])
parser = MiMoMediaParser(llm, journal=journal, plan={"max_seconds": 4.0}, max_concurrency=3)
loader = MiMoMediaLoader(folder, parser)
print("ready", flush=True)
print(len(loader.load()), flush=True)
"""


@pytest.fixture
def folder(tmp_path):
    """Forty-six segments: two long files that are copied in ranges, and six that are sent whole."""
    root = tmp_path / "media"
    root.mkdir()
    audio = media_files.make_video("wav", None, "pcm_s16le", seconds=80, sample_rate=8000)
    (root / "a.wav").write_bytes(audio)
    video = media_files.make_video("mp4", seconds=72, rate=5, key_every=5)
    (root / "b.mp4").write_bytes(video)
    for n in range(6):
        (root / f"c{n}.png").write_bytes(media_files.make_image("PNG", (40 + n, 30)))
    return root


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_kills_cost_at_most_what_was_in_flight(folder, tmp_path):
    chance = random.Random(19)
    with MiMoEmulator() as emulator:
        whole = load(emulator, folder, tmp_path / "undisturbed")
        segments = len(emulator.requests)
        assert segments > 40
        emulator.requests.clear()
        kills = 0
        for _ in range(10):
            kills += killed(emulator, folder, tmp_path / "journal", chance)
        assert kills == 10
        sent_by_killed = len(emulator.requests)
        assert load(emulator, folder, tmp_path / "journal") == whole
        time.sleep(1)  # the emulator may still work on what killed processes had sent
        assert segments <= len(emulator.requests) <= segments + kills * CONCURRENCY
        print(
            f"{segments} segments, {sent_by_killed} sent by killed processes, "
            f"{len(emulator.requests)} in all"
        )
        sent = len(emulator.requests)
        assert load(emulator, folder, tmp_path / "journal") == whole
        assert len(emulator.requests) == sent


def load(emulator, folder, journal):
    llm = ChatMiMo(
        model="mimo-v2.6-flash",
        base_url=emulator.base_url,
        api_key=emulator.api_key,
        allowed_media_dirs=[folder],
    )
    parser = MiMoMediaParser(llm, journal=journal, plan=PLAN, max_concurrency=CONCURRENCY)
    return MiMoMediaLoader(folder, parser).load()


def killed(emulator, folder, journal, chance):
    """Start a run and kill it at some moment behind its next requests; return whether it was going.

    By requests and not by seconds: a fast machine has done all in what a slow one needs to begin.
    """
    arguments = [emulator.base_url, emulator.api_key, str(folder), str(journal)]
    enough = len(emulator.requests) + chance.randrange(4)
    with subprocess.Popen(
        [sys.executable, "-c", LOAD, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        while len(emulator.requests) < enough and process.poll() is None:
            time.sleep(0.001)
        time.sleep(chance.uniform(0.0, 0.03))
        process.kill()
        return not process.stdout.read()


# ------------------------------------------------------------------------------------- memory

ANSWER = json.dumps({"summary": "s", "speech": "", "text_on_screen": "", "scenes": []})
SIZE = 40_000_000
FILES = 200
MEASURE = """
import asyncio, sys
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.document_loaders import MiMoMediaLoader, MiMoMediaParser
from sending_memory import peak_of

method, base_url, folder, journal = sys.argv[1:]
llm = ChatMiMo(model="mimo-v2.6-flash", base_url=base_url, api_key="sk-x", allowed_media_dirs=[folder])
parser = MiMoMediaParser(llm, journal=journal, max_concurrency=2, plan={"max_seconds": 3000.0})

def run(paths):
    loader = MiMoMediaLoader(paths, parser)
    if method == "sync":
        return sum(1 for _ in loader.lazy_load())
    async def count():
        return len([None async for _ in loader.alazy_load()])
    return asyncio.run(count())

run(folder + "/000.wav")
print(*peak_of(lambda: run(folder)))
"""


def write_files(folder, count):
    """Write WAV files that differ in one sample; the zeros in them take no space on the disk."""
    head = media_files.make_video("wav", None, "pcm_s16le", seconds=1, sample_rate=48000)
    at = head.index(b"data")
    for number in range(count):
        data = SIZE - at - 8
        with (folder / f"{number:03}.wav").open("wb") as file:
            file.write(b"RIFF" + (SIZE - 8).to_bytes(4, "little") + head[8:at])
            file.write(b"data" + data.to_bytes(4, "little"))
            file.seek(SIZE // 2 + 2 * number)
            file.write(b"\1\2")
            file.truncate(SIZE)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("method", ["sync", "async"])
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_flat_over_200_different_files_of_40_mb(tmp_path, method):
    folder = tmp_path / "media"
    folder.mkdir()
    write_files(folder, FILES)
    with discarding_server(ANSWER) as server:
        out = output_of(MEASURE, method, server.url, folder, tmp_path / "journal")
    documents, grown = map(int, out.split())
    assert documents == 2 * FILES  # each file is two segments
    assert len(server.lengths) == 2 * FILES
    assert sum(server.lengths) > FILES * SIZE * 4 // 3
    print(f"{method}: grew by {grown / 1e6:.0f} MB over {FILES} files")
    # Two workers; each may hold a segment of 20 MB twice.
    assert grown < 2 * 2 * SIZE // 2

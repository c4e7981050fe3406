"""The totals of a journal are the emulator's bill, whoever asked, failed or was killed."""

import contextlib
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from dataclasses import asdict, replace

import pytest
from langchain_core.messages import HumanMessage
from sample_media import make_audio, make_image, make_video

from langchain_mimo import ChatMiMo, MiMoServerError, audio_block, image_block, video_block
from langchain_mimo.cost import LedgerCounts, price_of
from langchain_mimo.document_loaders import Answer, Claim, MediaJournal, SegmentInfo

MODEL = "mimo-v2.6-flash"
BLOCKS = {"image": image_block, "video": video_block, "audio": audio_block}
THREADS = 4


@pytest.fixture
def files(tmp_path):
    return {
        "image": make_image(tmp_path / "a.png"),
        "video": make_video(tmp_path / "a.mp4", seconds=2),
        "audio": make_audio(tmp_path / "a.wav", seconds=2),
    }


@pytest.fixture
def journal(tmp_path):
    with MediaJournal(tmp_path / "media.journal") as journal:
        yield journal


def make_model(url, key, files):
    folder = str(files["image"].parent)
    return ChatMiMo(
        model=MODEL, base_url=url, api_key=key, max_retries=1, allowed_media_dirs=[folder]
    )


def answer_of(usage, text="", attempts=1):
    return Answer(text, usage or {}, price_of(usage, MODEL) if usage else None, attempts=attempts)


def ask(llm, journal, key, files):
    """Describe a segment as a parser does, and return the text."""
    modality = sorted(files)[int(key) % 3]
    file = files[modality]
    info = SegmentInfo(file.name, modality=modality, segment_index=int(key), segment_count=1000)
    found = journal.claim(key, info, timeout=60)
    if not isinstance(found, Claim):
        return found.text
    prompt = {"type": "text", "text": f"segment {key}."}
    try:
        message = llm.invoke([HumanMessage(content=[prompt, BLOCKS[modality](file)])])
    except MiMoServerError as error:
        billed = answer_of(error.usage_metadata, attempts=error.attempts)
        return found.fail("failed", str(error), billed).text
    attempts = message.response_metadata.get("attempts", 1)
    return found.finish(answer_of(message.usage_metadata, message.text, attempts)).text


def billed(requests):
    """What the emulator billed."""
    total, cost = LedgerCounts(), 0.0
    for request in requests:
        if (usage := request.usage) is None:
            continue
        read, written = usage["prompt_tokens_details"], usage["completion_tokens_details"] or {}
        kinds = {kind: read.get(f"{kind}_tokens", 0) for kind in ("image", "video", "audio")}
        cached, reasoning = read.get("cached_tokens", 0), written.get("reasoning_tokens", 0)
        total += LedgerCounts(
            input=usage["prompt_tokens"], output=usage["completion_tokens"], **kinds, cached=cached,
            reasoning=reasoning,
        )  # fmt: skip
        details = {"cache_read": cached, **kinds}
        cost += price_of(
            {
                "input_tokens": usage["prompt_tokens"],
                "output_tokens": usage["completion_tokens"],
                "total_tokens": usage["total_tokens"],
                "input_token_details": details,
            },
            MODEL,
        )
    return total, cost


def check_bill(journal, requests):
    report = journal.report().total
    total, cost = billed(requests)
    assert report.unpriced == 0
    assert asdict(replace(report.counts, responses=0)) == asdict(total)
    assert [money.amount for money in report.cost] == pytest.approx([cost])
    assert [money.currency for money in report.cost] == ["USD"]
    return report


def test_the_report_is_the_bill(emulator, journal, files):
    llm = make_model(emulator.base_url, emulator.api_key, files)
    texts = {str(key): ask(llm, journal, str(key), files) for key in range(12)}
    assert len(emulator.requests) == 12
    report = check_bill(journal, emulator.requests)
    assert report.attempts == report.counts.responses == 12
    assert min(report.counts.image, report.counts.video, report.counts.audio) > 0
    # A second run, under other names, sends nothing.
    renamed = {kind: file.rename(file.with_stem("renamed")) for kind, file in files.items()}
    assert {key: ask(llm, journal, key, renamed) for key in texts} == texts
    assert len(emulator.requests) == 12


def test_attempts_that_failed_are_in_the_report(emulator, journal, files):
    llm = make_model(emulator.base_url, emulator.api_key, files)
    emulator.fault("server_error", times=2)
    ask(llm, journal, "0", files)
    assert [row.state for row in journal.report().rows] == ["failed"]
    emulator.fault("server_error", times=1)
    text = ask(llm, journal, "0", files)
    assert text == journal.claim("0", SegmentInfo("a")).text
    report = check_bill(journal, emulator.requests)
    assert len(emulator.requests) == 4
    assert (report.attempts, report.errors) == (4, ())


# ----------------------------------------------------------------------------- killed processes


def work(path, files, url, api_key, keys):
    llm = make_model(url, api_key, files)
    with MediaJournal(path) as journal:

        def run(keys):
            for key in keys:
                ask(llm, journal, key, files)

        order = random.sample(keys, len(keys))
        parts = [order[number::THREADS] for number in range(THREADS)]
        threads = [threading.Thread(target=run, args=(part,)) for part in parts]
        for each in threads:
            each.start()
        for each in threads:
            each.join()


@pytest.mark.skipif(sys.platform == "win32", reason="no look at processes there")
@pytest.mark.parametrize(
    ("count", "kills"), [(60, 1), pytest.param(600, 10, marks=pytest.mark.slow)]
)
def test_killed_processes_cost_what_was_in_flight(emulator, journal, files, count, kills):
    keys = [str(number) for number in range(count)]
    context = multiprocessing.get_context("spawn")
    values = journal.path, files, emulator.base_url, emulator.api_key, keys

    def start():
        process = context.Process(target=work, args=values)
        process.start()
        return process

    running = [start(), start()]
    for number in range(kills):
        wanted = (number + random.random()) * count / (kills + 1)
        while len(emulator.requests) <= wanted:
            time.sleep(0.005)
            assert all(each.exitcode in (None, 0) for each in running)
        victim = random.choice(running)
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim.pid, signal.SIGKILL)
        victim.join()
        running.remove(victim)
        running.append(start())
    for each in running:
        each.join(200)
        assert each.exitcode == 0
    asked = [_key(request) for request in emulator.requests]
    assert set(asked) == set(keys)
    assert len(asked) - count <= kills * THREADS
    answered = [_answered(journal, key, emulator.requests) for key in keys]
    report = check_bill(journal, answered)
    assert report.attempts == report.segments == count
    assert len(asked) - count <= report.interrupted <= kills * THREADS


def _answered(journal, key, requests):
    """Return the request whose answer the journal has.

    A request of a killed process may arrive behind the one that took its place.
    """
    kept = LedgerCounts.of(journal.claim(key, SegmentInfo("any")).usage)
    wanted = replace(kept, responses=0)
    asked = [each for each in requests if _key(each) == key]
    return next(each for each in asked if billed([each])[0] == wanted)


def _key(request):
    content = request.body["messages"][-1]["content"]
    text = next(part["text"] for part in content if part["type"] == "text")
    return text.removeprefix("segment ").removesuffix(".")

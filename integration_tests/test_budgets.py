"""CallBudget against the emulator: pauses, the bill, the ceiling, and killed processes."""

import asyncio
import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import sample_media

from langchain_mimo import (
    ChatMiMo,
    MiMoBudgetError,
    MiMoError,
    RetryPolicy,
    audio_block,
    image_block,
    video_block,
)
from langchain_mimo.cost import CallBudget, LedgerCounts, price_of
from langchain_mimo.cost.budget_file import FileStore
from langchain_mimo.cost.windows import Ask, Later

FLASH, PRO = "mimo-v2.6-flash", "mimo-v2.6-pro"


@pytest.fixture(params=["memory", "file"])
def make_budget(request, tmp_path):
    """Makes budgets that keep their state in memory, or in one file."""
    share = tmp_path / "budget.db" if request.param == "file" else None
    return lambda **limits: CallBudget(share=share, **limits)


def model(emulator, budget, name=FLASH, **fields):
    return ChatMiMo(
        model=name, api_key=emulator.api_key, base_url=emulator.base_url, budget=budget, **fields
    )


# --------------------------------------------------------------------------------------- pauses


def record(store):
    """Note when a store lets an attempt through, and when it is paused until."""
    granted, pauses = [], []
    reserve, pause = store.reserve, store.pause

    def reserve_and_note(ask):
        answer = reserve(ask)
        if not isinstance(answer, Later):
            granted.append(time.monotonic())
        return answer

    def pause_and_note(account, seconds):
        pauses.append((time.monotonic(), seconds))
        pause(account, seconds)

    store.reserve, store.pause = reserve_and_note, pause_and_note
    return granted, pauses


def test_no_request_starts_during_a_pause(emulator, make_budget):
    emulator.fault("rate_limit", times=3, every=6, retry_after="milliseconds", seconds=0.4)
    budget = make_budget(max_concurrency=3)
    granted, pauses = record(budget._store)
    policy = RetryPolicy(max_retries=5, initial_delay=0.0)
    models = [model(emulator, budget, name, retry_policy=policy) for name in (FLASH, PRO)]

    async def tasks():
        await asyncio.gather(*(llm.ainvoke("Hi") for llm in models * 4))

    with ThreadPoolExecutor(6) as pool:
        loops = [pool.submit(lambda: asyncio.run(tasks())) for _ in range(2)]
        calls = [pool.submit(llm.invoke, "Hi") for llm in models * 4]
        for each in (*loops, *calls):
            each.result()
    refused = [request for request in emulator.requests if request.status == 429]
    assert len(refused) == len(pauses) == 3
    assert len(emulator.requests) == len(granted) == 24 + 3
    for began, seconds in pauses:
        assert not [at for at in granted if began + 0.01 < at < began + seconds - 0.01]


def test_one_at_a_time_the_server_sees_nothing_during_a_pause(emulator, make_budget):
    emulator.fault("rate_limit", times=2, skip=2, every=4, retry_after="milliseconds", seconds=0.3)
    budget = make_budget(max_concurrency=1)
    llm = model(emulator, budget, retry_policy=RetryPolicy(max_retries=5, initial_delay=0.0))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: llm.invoke("Hi"), range(10)))
    requests = emulator.requests
    refused = [index for index, request in enumerate(requests) if request.status == 429]
    assert len(refused) == 2
    for index in refused:
        assert requests[index + 1].received_at - requests[index].received_at >= 0.3


# ------------------------------------------------------------------------------------- the bill


def billed(emulator):
    """Return what all requests cost, as the emulator counted them."""
    total, cost = LedgerCounts(), 0.0
    for request in emulator.requests:
        if request.usage is not None:
            read = request.usage["prompt_tokens_details"]
            counts = LedgerCounts(
                1,
                input=request.usage["prompt_tokens"],
                cached=read["cached_tokens"],
                **{kind: read.get(f"{kind}_tokens", 0) for kind in ("image", "video", "audio")},
                output=request.usage["completion_tokens"],
                reasoning=request.usage["completion_tokens_details"]["reasoning_tokens"],
            )
            total += counts
            usage = {
                "input_tokens": counts.input,
                "output_tokens": counts.output,
                "total_tokens": counts.total,
                "input_token_details": {"cache_read": counts.cached},
            }
            cost += price_of(usage, request.body["model"])
    return total, cost


def look_up(city: str) -> str:
    """Look up the weather of a city."""
    return city


def test_the_ledger_of_a_budget_is_the_bill_of_all_attempts(emulator, make_budget, tmp_path):
    budget = make_budget(max_cost=5.0)
    llm = model(emulator, budget, retry_policy=RetryPolicy(max_retries=3, initial_delay=0.0))
    emulator.fault("server_error", times=2)
    llm.invoke("Hi")
    list(llm.stream("A longer prompt with 12345 numbers"))
    emulator.reply("I would rather not.")  # the tool is asked for once more
    llm.bind_tools([look_up], tool_choice="any").invoke("The weather in Oslo?")
    schema = {"title": "City", "type": "object", "properties": {"name": {"type": "string"}}}
    emulator.reply("no JSON at all")
    llm.with_structured_output(schema, include_raw=True).invoke("Which city?")
    pro = model(emulator, budget, PRO, allowed_media_dirs=[tmp_path])
    image = image_block(sample_media.make_image(tmp_path / "image.png"))
    asyncio.run(pro.ainvoke([("user", [image, {"type": "text", "text": "What is it?"}])]))
    total, cost = billed(emulator)
    assert total.image > 0
    assert dataclasses.replace(budget.ledger.total, responses=0) == dataclasses.replace(
        total, responses=0
    )
    assert budget.spent.amount == pytest.approx(cost, rel=1e-12)
    assert budget.reserved.amount == pytest.approx(0, abs=1e-12)


def test_a_broken_stream_is_in_the_reservations_because_it_was_billed(emulator, make_budget):
    budget = make_budget(max_cost=1.0)
    llm = model(emulator, budget, max_retries=0, max_completion_tokens=2000)
    emulator.fault("cut_after", bytes=600)
    with pytest.raises(MiMoError):
        list(llm.stream("Tell me something long"))
    _, cost = billed(emulator)
    assert budget.spent.amount + budget.reserved.amount >= cost
    assert budget.ledger.total.without_usage == 1


def test_what_is_reserved_for_media_covers_what_they_cost(emulator, tmp_path):
    blocks = [
        image_block(sample_media.make_image(tmp_path / "image.png", 2000, 1500)),
        video_block(sample_media.make_lecture(tmp_path / "video.mp4"), fps=5),
        audio_block(sample_media.make_audio(tmp_path / "audio.wav")),
    ]
    budget = CallBudget(max_cost=1.0)
    asks = []
    reserve = budget._store.reserve
    budget._store.reserve = lambda ask: asks.append(ask) or reserve(ask)
    llm = model(emulator, budget, max_completion_tokens=1000, allowed_media_dirs=[tmp_path])
    for block in blocks:
        llm.invoke([("user", [block, {"type": "text", "text": "What is it?"}])])
    for ask, request in zip(asks, emulator.requests, strict=True):
        assert request.usage["prompt_tokens"] + 1000 <= ask.tokens
        assert price_of_request(request) <= ask.cost


def price_of_request(request):
    usage = request.usage
    read = {
        "input_tokens": usage["prompt_tokens"],
        "output_tokens": usage["completion_tokens"],
        "total_tokens": usage["total_tokens"],
    }
    return price_of(read, request.body["model"])


def test_the_ceiling_is_never_passed(emulator, make_budget):
    emulator.respond_with(lambda request: "word " * (len(request.body["messages"][0]["content"])))
    budget = make_budget(max_cost=0.002, max_concurrency=4)
    llm = model(emulator, budget, max_completion_tokens=1000)
    refused = threading.Event()

    def work(number):
        while not refused.is_set():
            try:
                llm.invoke("x" * (100 * number + 50))
            except MiMoBudgetError:
                refused.set()

    with ThreadPoolExecutor(6) as pool:
        for each in [pool.submit(work, number) for number in range(6)]:
            each.result()
    _, cost = billed(emulator)
    assert 0 < cost <= 0.002
    assert budget.spent.amount == pytest.approx(cost, rel=1e-9)


# ------------------------------------------------------------------------------------ processes

WORKER = """
import sys
from langchain_mimo.cost.budget_file import FileStore
from langchain_mimo.cost.lines import Lines
from langchain_mimo.cost.windows import Ask, Settlement
from langchain_mimo._transport.transport import _wait
import time
lines = Lines(FileStore(sys.argv[1], period=1.0))
ask = Ask("account", "window", 40, 10_000, 6, tokens=100)
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    entering = lines.enter(ask)
    try:
        while True:
            _wait(*next(entering))
    except StopIteration as admitted:
        time.sleep(0.01)
        lines.settle(admitted.value, Settlement(100))
"""
LOG = """
CREATE TABLE log (at REAL);
CREATE TRIGGER logged AFTER INSERT ON attempts BEGIN
    INSERT INTO log VALUES (new.at);
    INSERT INTO log SELECT -1 WHERE (SELECT count(*) FROM attempts) > 6;
END;
"""


def wait_for_attempt(path, pid):
    """Wait until a process has an attempt under way, so that killing it leaves one behind."""
    deadline = time.monotonic() + 30
    with closing(sqlite3.connect(path, timeout=30)) as db:
        while not db.execute("SELECT 1 FROM attempts WHERE pid = ?", (pid,)).fetchone():
            assert time.monotonic() < deadline, "the process made no attempt"
            time.sleep(0.001)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_processes_keep_one_limit_when_one_of_them_is_killed(tmp_path):
    path = tmp_path / "budget.db"
    CallBudget(share=path)
    with sqlite3.connect(path) as db:
        db.executescript(LOG)
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, path, "8"]) for _ in range(4)]
    try:
        wait_for_attempt(path, workers[0].pid)
        os.kill(workers[0].pid, signal.SIGKILL)
        assert [worker.wait(60) for worker in workers] == [-signal.SIGKILL, 0, 0, 0]
    finally:
        for worker in workers:
            worker.kill()
    db = sqlite3.connect(path)
    times = [row[0] for row in db.execute("SELECT at FROM log ORDER BY at")]
    left = db.execute("SELECT count(*) FROM attempts").fetchone()[0]
    db.close()
    assert times[0] > 0  # never more than six at once
    assert all(later - first >= 1.0 for first, later in zip(times, times[40:], strict=False))
    assert len(times) > 100
    # What the killed process held is given up as soon as places are needed.
    ask = Ask("account", "window", max_concurrency=max(left, 1))
    assert isinstance(FileStore(str(path)).reserve(ask), int)
    print(f"{len(times)} attempts in {times[-1] - times[0]:.1f} s of 40 per second")

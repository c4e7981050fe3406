"""Jobs in threads, signals, and a KeyboardInterrupt that strikes the thread that waits for them."""

import asyncio
import io
import sys
import threading
import time
from contextvars import ContextVar
from pathlib import Path

import pytest
from describing_models import DescribingModel
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents.base import Blob
from PIL import Image

import langchain_mimo
from langchain_mimo import _threads
from langchain_mimo._threads import Signal, Workers
from langchain_mimo.cost import CallBudget
from langchain_mimo.cost.budget_file import FileStore
from langchain_mimo.cost.lines import UNSENT, Lines
from langchain_mimo.cost.windows import Ask, MemoryStore
from langchain_mimo.document_loaders import MiMoMediaLoader, MiMoMediaParser, running
from langchain_mimo.prepare import prepare_many

HANGS_S = 30
ASK = Ask("a", "a m", max_concurrency=1)
PACKAGE = Path(langchain_mimo.__file__).parent


def image(width):
    buffer = io.BytesIO()
    Image.new("RGB", (width, 30), "red").save(buffer, "PNG")
    return Blob.from_data(buffer.getvalue(), metadata={"source": f"{width}.png"})


BLOBS = [image(40 + n) for n in range(6)]


def threads():
    return [each for each in threading.enumerate() if each.name in ("mimo-media", "prepare_many")]


@pytest.fixture
def crew():
    crew = Workers(2, "mimo-media")
    yield crew
    crew.close()
    assert threads() == []


def test_jobs_have_results_errors_and_the_context_of_their_start(crew):
    variable = ContextVar("variable", default=0)
    jobs = []
    for number in range(5):
        variable.set(number)
        jobs.append(crew.start(variable.get))
    assert [crew.result_of(job) for job in jobs] == [0, 1, 2, 3, 4]
    failed = crew.start(int, "x")
    with pytest.raises(ValueError, match="invalid literal"):
        crew.result_of(failed)
    assert failed.done()
    assert isinstance(failed.exception(), ValueError)
    assert crew.start(dict, a=1) is not None
    assert len(threads()) <= 2


def test_close_drops_jobs_that_have_not_begun_and_waits_for_the_others():
    crew, begun, go, ran = Workers(1, "mimo-media"), threading.Event(), threading.Event(), []

    def first():
        begun.set()
        ran.append(go.wait(HANGS_S))

    crew.start(first)
    later = crew.start(ran.append, "later")
    begun.wait(HANGS_S)
    threading.Timer(0.05, go.set).start()
    crew.close()
    assert ran == [True]
    assert not later.done()
    assert threads() == []


def test_threads_without_work_end_by_themselves_and_come_back(monkeypatch):
    monkeypatch.setattr(_threads, "IDLE_S", 0.01)
    crew = Workers(2, "mimo-media")
    assert crew.result_of(crew.start(abs, -1)) == 1
    for thread in threads():
        thread.join(HANGS_S)
    assert threads() == []
    assert crew.result_of(crew.start(abs, -2)) == 2
    crew.close()


def test_waiting_leaves_no_tokens_behind_for_jobs_that_nobody_waited_for(crew):
    jobs = [crew.start(abs, number) for number in range(1000)]
    crew.result_of(jobs[-1])
    while not all(job.done() for job in jobs):
        crew.wait()
    assert crew._ended.qsize() <= 2


class Interrupt:
    """Raises KeyboardInterrupt at a step: where a function begins, or one written in C ends.

    There Python looks whether a signal came, but not between `with lock` and its block.
    """

    def __init__(self, at=None):
        self.at, self.steps, self.names = at, 0, set()

    def __call__(self, frame, event, _arg):
        name = Path(frame.f_code.co_filename)
        is_ours = PACKAGE in name.parents or name.parent.name == "futures"
        if event not in ("call", "c_return") or not (is_ours or name.name == "threading.py"):
            return
        self.names.add((name.name, frame.f_code.co_name))
        self.steps += 1
        if self.steps == self.at:
            raise KeyboardInterrupt


def interrupted(work, at=None):
    """Run work in a thread with an interrupt at a step; return it, and whether work has ended."""
    interrupt, outcomes = Interrupt(at), []

    def run():
        sys.setprofile(interrupt)
        try:
            work()
        except KeyboardInterrupt:
            outcomes.append("interrupted")
        else:
            outcomes.append("complete")
        finally:
            sys.setprofile(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(HANGS_S)
    return interrupt, outcomes


def load():
    parser = MiMoMediaParser(DescribingModel(delay=0.002))
    assert len(MiMoMediaLoader(BLOBS, parser, max_concurrency=2).load()) == len(BLOBS)


def in_order():
    results = running.in_order(range(6), lambda item, _: item, 2)
    assert list(results) == list(range(6))


def prepare():
    calls = [lambda: time.sleep(0.002)] * 6
    assert len(list(prepare_many(calls, max_workers=2))) == len(calls)


WORKS = [load, in_order, prepare]


@pytest.mark.parametrize("work", WORKS)
def test_the_thread_that_waits_takes_no_lock_in_python_code(work):
    interrupt, outcomes = interrupted(work)
    assert outcomes == ["complete"]
    assert held_locks(interrupt) <= {("_threads.py", "wait"), ("jobs.py", "wait")}


def held_locks(interrupt):
    return {each for each in interrupt.names if each[1] in ("__enter__", "__exit__", "wait")}


@pytest.mark.parametrize("work", WORKS)
@settings(max_examples=4, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_an_interrupt_at_any_step_ends_the_work_and_its_threads(work, share):
    total = interrupted(work)[0].steps
    _, outcomes = interrupted(work, at=1 + int(share * total))
    assert outcomes in (["interrupted"], ["complete"])
    for thread in threads():
        thread.join(HANGS_S)
    assert not any(thread.is_alive() for thread in threads())


@pytest.mark.parametrize("is_shared", [False, True])
def test_the_thread_that_waits_for_a_budget_takes_no_lock_in_python_code(tmp_path, is_shared):
    budget = CallBudget(share=tmp_path / "budget.db" if is_shared else None, requests_per_minute=1)

    def spend():
        assert budget.spent.amount == 0
        assert budget.acquire()
        assert not budget.acquire(blocking=False)

    interrupt, outcomes = interrupted(spend)
    assert outcomes == ["complete"]
    names = {name for name, _ in held_locks(interrupt)}
    assert names <= {"_threads.py", "budget_file.py", "_sqlite_files.py", "contextlib.py"}


def test_a_budget_serves_others_after_an_interrupt_at_any_step(tmp_path):
    total = interrupted(CallBudget(share=tmp_path / "0.db").acquire)[0].steps
    for at in range(1, total + 1):
        budget = CallBudget(share=tmp_path / f"{at}.db")
        _, outcomes = interrupted(budget.acquire, at)
        assert outcomes in (["interrupted"], ["complete"])
        for work in (budget.acquire, lambda budget=budget: budget.spent):
            assert interrupted(work)[1] == ["complete"]


@pytest.mark.parametrize("is_shared", [False, True])
def test_an_interrupt_at_any_step_in_line_lets_the_others_in(tmp_path, is_shared):
    """However it ends, nobody waits behind who has left, and no place is lost in the line."""

    def enter(lines, got):
        entering = lines.enter(ASK)
        try:
            while True:
                seconds, woken = next(entering)
                woken.wait(seconds)
        except StopIteration as end:
            got.append(end.value)
        finally:
            entering.close()

    def enter_behind_another(name, at=None):
        lines, got = Lines(FileStore(str(tmp_path / name)) if is_shared else MemoryStore()), []
        held = lines.call(lines._store.reserve, ASK)
        leaving = threading.Timer(0.005, lines.settle, (held, UNSENT))
        leaving.start()
        interrupt, outcomes = interrupted(lambda: enter(lines, got), at)
        assert outcomes in (["interrupted"], ["complete"])
        leaving.join()
        for reservation in got:
            lines.settle(reservation, UNSENT)
        assert interrupted(lambda: enter(lines, got))[1] == ["complete"]
        return interrupt.steps

    for at in range(1, enter_behind_another("0.db") + 1):
        enter_behind_another(f"{at}.db", at)


# -------------------------------------------------------------------------------------- signals


def test_a_signal_ends_the_waits_of_threads_before_and_after_it_is_set():
    signal, ended = Signal(), []
    waiting = [
        threading.Thread(target=lambda: (signal.wait(None), ended.append(1))) for _ in range(3)
    ]
    for thread in waiting:
        thread.start()
    signal.wait(0.01)
    signal.wait(-1.0)
    assert not signal.is_set
    assert ended == []
    signal.set()
    for thread in waiting:
        thread.join(HANGS_S)
    assert len(ended) == 3
    signal.wait(None)


def test_a_signal_ends_the_waits_of_tasks_and_forgets_those_that_left():
    signal = Signal()

    async def wait():
        await signal.wait_in_loop(0.01)
        gone = asyncio.ensure_future(signal.wait_in_loop(None))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        assert not signal._tasks
        waiting = [asyncio.ensure_future(signal.wait_in_loop(None)) for _ in range(3)]
        await asyncio.sleep(0)
        threading.Thread(target=signal.set).start()
        await asyncio.wait_for(asyncio.gather(*waiting), HANGS_S)
        await signal.wait_in_loop(None)

    asyncio.run(wait())
    assert signal.is_set


def test_a_signal_passes_over_a_loop_that_is_closed():
    signal, loop = Signal(), asyncio.new_event_loop()
    signal._tasks.append((loop, loop.create_future()))
    loop.close()
    signal.set()
    assert signal.is_set


def test_a_thread_that_cannot_start_is_an_error_and_the_next_one_can(crew, monkeypatch):
    def full(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", full)
        with pytest.raises(RuntimeError, match="new thread"):
            crew.start(abs, -1)
    assert crew.result_of(crew.start(abs, -2)) == 2

"""Threads that run jobs, and a KeyboardInterrupt that strikes the thread they work for."""

import io
import sys
import threading
from contextvars import ContextVar
from pathlib import Path

import pytest
from describing_models import DescribingModel
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents.base import Blob
from PIL import Image

from langchain_mimo.document_loaders import MiMoMediaLoader, MiMoMediaParser, running, workers
from langchain_mimo.document_loaders.workers import Workers

HANGS_S = 30


def image(width):
    buffer = io.BytesIO()
    Image.new("RGB", (width, 30), "red").save(buffer, "PNG")
    return Blob.from_data(buffer.getvalue(), metadata={"source": f"{width}.png"})


BLOBS = [image(40 + n) for n in range(6)]


def threads():
    return [each for each in threading.enumerate() if each.name == "mimo-media"]


@pytest.fixture
def crew():
    crew = Workers(2)
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
    crew, begun, go, ran = Workers(1), threading.Event(), threading.Event(), []

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
    monkeypatch.setattr(workers, "IDLE_S", 0.01)
    crew = Workers(2)
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
        is_ours = name.parent.name in ("document_loaders", "futures") or name.name == "threading.py"
        if event not in ("call", "c_return") or not is_ours or is_start(frame):
            return
        self.names.add((name.name, frame.f_code.co_name))
        self.steps += 1
        if self.steps == self.at:
            raise KeyboardInterrupt


STARTS = {threading.Thread.start.__code__, threading.Thread.__init__.__code__}


def is_start(frame):
    """Whether a thread is being started, which waits for it with locks of Python code."""
    while frame is not None:
        if frame.f_code in STARTS:
            return True
        frame = frame.f_back
    return False


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


@pytest.mark.parametrize("work", [load, in_order])
def test_the_thread_that_waits_takes_no_lock_in_python_code(work):
    interrupt, outcomes = interrupted(work)
    assert outcomes == ["complete"]
    held = {each for each in interrupt.names if each[1] in ("__enter__", "__exit__", "wait")}
    assert held <= {("workers.py", "wait"), ("jobs.py", "wait")}


@pytest.mark.parametrize("work", [load, in_order])
@settings(max_examples=4, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_an_interrupt_at_any_step_ends_the_work_and_its_threads(work, share):
    total = interrupted(work)[0].steps
    _, outcomes = interrupted(work, at=1 + int(share * total))
    assert outcomes in (["interrupted"], ["complete"])
    for thread in threads():
        thread.join(HANGS_S)
    assert not any(thread.is_alive() for thread in threads())

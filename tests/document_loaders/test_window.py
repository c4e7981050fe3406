"""The window of work under way: order, bounds, and what an error ends, in any order of completion."""

from concurrent.futures import Future
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.documents.base import Blob

from langchain_mimo.cost import MediaSegment
from langchain_mimo.document_loaders.plans import MediaPlan
from langchain_mimo.document_loaders.window import WINDOW, Result, Window, listed
from langchain_mimo.errors import MediaError, MiMoBudgetError

SEGMENT = MediaSegment(0.0, 1.0, 10, whole=True)


class ManualJobs:
    """Jobs that end when the test says so."""

    def __init__(self, files):
        self.files = files
        self.open = []
        self.described = []
        self.planned = []

    def _job(self, work):
        job = Future()
        self.open.append((job, work))
        return job

    def end(self, index):
        job, work = self.open.pop(index % len(self.open))
        try:
            job.set_result(work())
        except Exception as error:
            job.set_exception(error)

    def list_blobs(self, blobs, count):
        return self._job(lambda: listed(blobs, count))

    def plan(self, blob):
        number = blob.metadata["n"]
        self.planned.append(number)
        return self._job(lambda: self._planned(blob, self.files[number]))

    def _planned(self, blob, made):
        if isinstance(made, Exception):
            raise made
        if made == 0:
            return Result([Document(f"{blob.metadata['n']} cannot be planned")])
        segments = tuple(replace(SEGMENT, index=i, count=made) for i in range(made))
        return MediaPlan(blob, "", "", "", 0, 0, segments)

    def describe(self, plan, segment):
        name = f"{plan.blob.metadata['n']}.{segment.index}"
        self.described.append(name)
        return self._job(lambda: self._answer(name))

    def _answer(self, name):
        return Result([Document(name)])


def blobs(files):
    return (Blob(data=b"", metadata={"n": n}) for n in range(len(files)))


def run(jobs, window, concurrency, order):
    """Take everything, while jobs end in the given order; return the texts in order."""
    texts, seen = [], iter(order)
    while True:
        window.advance()
        assert len(window._slots) <= WINDOW * concurrency
        assert len(window._plans) <= concurrency
        assert len(window._listed) < 2 * concurrency
        if (taken := window.take()) is not None:
            texts += [document.page_content for document in taken.result.documents]
            continue
        if window.is_finished:
            return texts
        assert window.pending, "it would wait for ever"
        jobs.end(next(seen, 0))


ORDERS = st.lists(st.integers(0, 50), max_size=80)
FILES = st.lists(st.integers(0, 6), max_size=12)


def expected(files):
    return [
        text
        for n, count in enumerate(files)
        for text in (
            [f"{n} cannot be planned"] if count == 0 else [f"{n}.{i}" for i in range(count)]
        )
    ]


@given(FILES, st.integers(1, 4), ORDERS)
def test_everything_is_taken_in_order_whatever_ends_first(files, concurrency, order):
    jobs = ManualJobs(files)
    window = Window(blobs(files), jobs, concurrency)
    assert run(jobs, window, concurrency, order) == expected(files)
    window.raise_deferred()
    assert (window.files, window.are_all_listed) == (len(files), True)


@given(FILES, st.integers(1, 4), ORDERS, st.data())
def test_a_file_that_cannot_be_planned_ends_the_run_behind_those_before_it(
    files, concurrency, order, data
):
    at = data.draw(st.integers(0, len(files)))
    jobs = ManualJobs([*files[:at], MediaError("no such file"), *files[at:]])
    window = Window(blobs(jobs.files), jobs, concurrency)
    assert run(jobs, window, concurrency, order) == expected(files[:at])
    with pytest.raises(MediaError, match="no such file"):
        window.raise_deferred()


@given(FILES, st.integers(1, 4), ORDERS)
def test_an_error_of_the_listing_comes_behind_all_that_was_listed(files, concurrency, order):
    def broken():
        yield from blobs(files)
        raise OSError("disk")

    jobs = ManualJobs(files)
    window = Window(broken(), jobs, concurrency)
    assert run(jobs, window, concurrency, order) == expected(files)
    with pytest.raises(OSError, match="disk"):
        window.raise_deferred()


class FailingJobs(ManualJobs):
    def __init__(self, files, errors):
        super().__init__(files)
        self.errors = errors

    def _answer(self, name):
        if name in self.errors:
            raise self.errors[name]
        return super()._answer(name)


def test_after_an_error_nothing_is_begun_and_what_is_before_it_is_taken():
    jobs = FailingJobs([9], {"0.1": MediaError("changed")})
    window = Window(blobs(jobs.files), jobs, 2)
    window.advance()
    jobs.end(0)  # the list
    window.advance()
    jobs.end(0)  # the plan
    window.advance()
    assert jobs.described == ["0.0", "0.1", "0.2", "0.3"]
    jobs.end(1)  # 0.1 fails
    window.advance()
    assert window.take() is None
    jobs.end(0)
    window.advance()
    assert window.take().result.documents[0].page_content == "0.0"
    window.advance()
    with pytest.raises(MediaError, match="changed"):
        window.take()
    assert len(jobs.described) == 4


def test_a_budget_that_is_used_up_lets_what_is_under_way_end():
    refused = MiMoBudgetError("too costly")
    jobs = FailingJobs([9], {"0.1": refused, "0.2": MiMoBudgetError("too")})
    window = Window(blobs(jobs.files), jobs, 2)
    assert run(jobs, window, 2, [0, 0, 1]) == ["0.0", "0.3"]
    assert window.budget_error is refused
    assert len(jobs.described) == 4


def test_a_budget_error_between_two_looks_is_not_lost():
    refused = MiMoBudgetError("too costly")
    jobs = FailingJobs([9], {"0.0": refused})
    window = Window(blobs(jobs.files), jobs, 2)
    for _ in range(3):  # the list, the plan, 0.0
        window.advance()
        jobs.end(0)
    assert window.take() is None
    assert window.budget_error is refused
    window.advance()
    assert len(jobs.described) == 4


@pytest.mark.parametrize("where", ["describe", "plan"])
def test_a_bug_is_raised_at_once(where):
    bug = TypeError("bug")
    jobs = FailingJobs([2, bug if where == "plan" else 2], {"1.1": bug})
    window = Window(blobs(jobs.files), jobs, 2)
    window.advance()
    jobs.end(0)

    def last_ends():
        for _ in range(9):
            window.advance()
            assert window.take() is None, "0.0 is still under way"
            jobs.end(len(jobs.open) - 1)

    with pytest.raises(TypeError, match="bug"):
        last_ends()


def test_a_slow_head_stops_what_is_begun_behind_it():
    files = [1] * 50
    jobs = ManualJobs(files)
    window = Window(blobs(files), jobs, 3)
    window.advance()
    slow = None
    for _ in range(200):
        for index in reversed(range(len(jobs.open))):
            if jobs.open[index][0] is not slow:
                jobs.end(index)
        window.advance()
        slow = slow or (window._slots[0].job if window._slots else None)
        assert window.take() is None
    assert len(jobs.described) == WINDOW * 3
    assert len(jobs.planned) <= WINDOW * 3 + 3

"""Who may ask about a segment: threads, tasks, and simulated processes that die."""

import asyncio
import contextlib
import gc
import os
import sqlite3
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_samples import answer, ask, info, is_asked

from langchain_mimo import MiMoError
from langchain_mimo._processes import Process
from langchain_mimo.document_loaders import (
    Claim,
    MediaJournal,
    journal_owners,
)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "media.journal")


@pytest.fixture
def journal(path):
    with MediaJournal(path) as journal:
        yield journal


# ------------------------------------------------------------------- threads and event loops


def test_a_thread_waits_for_the_answer_of_another_one(journal):
    claim = ask(journal)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(journal.claim("k", info()))) for _ in range(4)
    ]
    for each in threads:
        each.start()
    time.sleep(0.05)
    assert not found
    entry = claim.finish(answer())
    for each in threads:
        each.join()
    assert found == [entry] * 4


def test_a_wait_ends_and_names_who_is_asking(journal):
    claim = ask(journal)
    with pytest.raises(MiMoError, match=rf"a\.mp4, segment 0: process {os.getpid()}.* is asking"):
        journal.claim("k", info(), timeout=0.05)
    claim.release()


def test_a_wait_can_be_stopped(journal):
    claim, calls = ask(journal), []

    def check():
        calls.append(len(calls))
        if len(calls) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        journal.claim("k", info(), check=check)
    entry = claim.finish(answer())
    assert journal.claim("k", info(), check=check) == entry
    assert len(calls) == 3


def test_two_journals_of_one_file_share_claims(journal, path):
    with MediaJournal(path) as other:
        claim = ask(journal)
        assert is_asked(other)
        entry = claim.finish(answer())
        assert other.claim("k", info()) == entry
        del claim
        second = ask(other, key="k2")
        assert is_asked(journal, "k2")
        del second
        gc.collect()
        assert not is_asked(journal, "k2")


def test_many_threads_ask_about_each_segment_once(journal):
    asked, keys = [], [f"k{number}" for number in range(20)]

    def run():
        for key in keys:
            found = journal.claim(key, info())
            if isinstance(found, Claim):
                asked.append(key)
                found.finish(answer(key))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(asked) == sorted(keys)
    assert journal.report().total.attempts == len(keys)


async def test_tasks_wait_without_blocking_their_loop(journal):
    from blockbuster import blockbuster_ctx  # noqa: PLC0415

    with blockbuster_ctx():
        claim = await journal.aclaim("k", info())
        waiting = [asyncio.create_task(journal.aclaim("k", info())) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert not any(each.done() for each in waiting)
        entry = await asyncio.to_thread(claim.finish, answer())
        assert await asyncio.gather(*waiting) == [entry] * 5
        claim = await journal.aclaim("k2", info())
        with pytest.raises(MiMoError, match="is asking about it"):
            await journal.aclaim("k2", info(), timeout=0.02)
        await asyncio.to_thread(claim.release)


async def test_a_claim_that_comes_after_a_cancellation_is_given_back(journal, path, monkeypatch):
    """Other processes see the file alone."""
    is_cancelled, attempt = threading.Event(), journal._try

    def attempt_slowly(key, info):
        found = attempt(key, info)
        is_cancelled.wait(30)
        return found

    def rows():
        with contextlib.closing(sqlite3.connect(path)) as db:
            return db.execute("SELECT key, state FROM segments").fetchall()

    monkeypatch.setattr(journal, "_try", attempt_slowly)
    task = asyncio.create_task(journal.aclaim("k", info()))
    for _ in range(1000):
        if rows():
            break
        await asyncio.sleep(0.01)
    assert rows() == [("k", "sent")]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    is_cancelled.set()
    for _ in range(1000):
        if not rows():
            break
        await asyncio.sleep(0.01)
    assert rows() == []


# ------------------------------------------------------------------------- simulated processes


class Fleet:
    """Simulated processes with a journal each, and what must be known of each segment."""

    def __init__(self, patch, path):
        self.now, self.path = 1, path
        self.alive, self.journals = {}, {}
        patch.setattr(journal_owners, "this_process", lambda: Process("here", self.now, "then"))
        patch.setattr(Process, "is_running", lambda process: process.pid in self.alive.values())
        self.states, self.holders, self.claims = {}, {}, []
        self.attempts = self.interrupted = 0
        for name in range(3):
            self.start(name)

    def start(self, name):
        self.alive[name] = max([0, *self.alive.values()]) + 10
        self.journals[name] = MediaJournal(self.path)

    def act_as(self, name):
        self.now = self.alive[name]
        return self.journals[name]

    def claim(self, name, key):
        journal = self.act_as(name)
        holder = self.holders.get(key)
        if holder in self.alive.values():
            with pytest.raises(MiMoError, match="is asking"):
                journal.claim(key, info(), timeout=0)
            return
        found = journal.claim(key, info(), timeout=0)
        if (state := self.states.get(key)) is not None:
            assert (found.state, found.text) == state
            return
        assert isinstance(found, Claim)
        self.interrupted += holder is not None
        self.holders[key] = self.now
        self.claims.append((self.now, found))

    def end(self, number, how):
        if not self.claims:
            return
        pid, claim = self.claims.pop(number % len(self.claims))
        key, text = claim.key, f"{pid} {how}"
        is_holder = self.holders.get(key) == pid
        if how == "release":
            claim.release()
        else:
            values = (answer(text),) if how == "done" else (how, "why", answer(text))
            (claim.finish if how == "done" else claim.fail)(*values)
            self.attempts += 1
        if is_holder:
            del self.holders[key]
        if how == "done" and (is_holder or self.states.get(key, ("",))[0] != "done"):
            self.states[key] = "done", text
            self.holders.pop(key, None)
        elif how == "refused" and (is_holder or key not in self.states):
            self.states[key] = "refused", text
            self.holders.pop(key, None)

    def crash(self, name):
        self.journals[name].close()
        self.start(name)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), st.integers(0, 2), st.sampled_from("abc")),
        st.tuples(
            st.just("end"),
            st.integers(0, 9),
            st.sampled_from(["done", "refused", "failed", "release"]),
        ),
        st.tuples(st.just("crash"), st.integers(0, 2)),
    ),
    max_size=40,
)


@given(STEPS)
@settings(max_examples=40, deadline=None)
def test_no_two_living_owners_and_no_answer_lost(tmp_path_factory, steps):
    """Processes that are taken for dead may still end their claims; nothing is lost by it."""
    with pytest.MonkeyPatch.context() as patch:
        fleet = Fleet(patch, tmp_path_factory.mktemp("j") / "j")
        for name, *values in steps:
            getattr(fleet, name)(*values)
        for key, (state, text) in fleet.states.items():
            found = fleet.act_as(0).claim(key, info(), timeout=0)
            assert (found.state, found.text) == (state, text)
        report = fleet.journals[0].report()
        assert report.total.attempts == report.total.counts.responses == fleet.attempts
        assert report.total.interrupted == fleet.interrupted
        for each in fleet.journals.values():
            each.close()


@pytest.mark.parametrize("place", ["another host", ""])
def test_a_claim_that_cannot_be_looked_up_ends_by_its_age(journal, monkeypatch, place):
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(journal_owners, "this_process", lambda: Process(place, 12345, ""))
        claim = ask(journal)
    assert is_asked(journal)
    monkeypatch.setattr(journal_owners, "FOREIGN_SECONDS", 0)
    assert isinstance(ask(journal), Claim)
    assert claim.finish(answer("late")).text == "late"


def test_claims_of_other_processes_can_be_taken_over(journal, monkeypatch):
    with monkeypatch.context() as elsewhere:
        there = Process("another host", 12345, "")
        elsewhere.setattr(journal_owners, "this_process", lambda: there)
        theirs = ask(journal, "theirs")
    journal_owners.live_tokens.discard(theirs._token)
    mine = ask(journal, "mine")
    assert is_asked(journal, "theirs")
    assert journal.take_over() == 1
    assert is_asked(journal, "mine")
    assert not is_asked(journal, "theirs")
    assert journal.report().total.interrupted == 1
    mine.finish(answer())


def test_an_answer_that_comes_after_its_claim_was_taken_over_is_kept(journal, path):
    claim = ask(journal)
    journal_owners.live_tokens.discard(claim._token)  # as in another process
    with MediaJournal(path) as other:
        assert other.take_over() == 1
    assert claim.finish(answer("late")).text == "late"
    assert journal.claim("k", info()).text == "late"
    assert journal.report().total.attempts == 1

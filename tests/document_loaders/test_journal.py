"""A journal: who may ask about a segment, what is kept of the answer, and what it reports."""

import asyncio
import contextlib
import gc
import json
import os
import pickle
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_samples import USAGE, answer, info
from langchain_core.documents import Document

from langchain_mimo import MiMoError
from langchain_mimo.cost import LedgerCounts, Money
from langchain_mimo.document_loaders import (
    Answer,
    Claim,
    Entry,
    MediaJournal,
    journal_owners,
    media_key,
)
from langchain_mimo.errors import MiMoConfigurationError, MiMoInputError


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "media.journal")


@pytest.fixture
def journal(path):
    with MediaJournal(path) as journal:
        yield journal


def ask(journal, key="k", **others):
    """Claim a segment that nobody else asks about."""
    found = journal.claim(key, info(**others), timeout=0)
    assert isinstance(found, Claim)
    return found


def is_asked(journal, key="k"):
    """Return whether somebody is asking about a segment."""
    try:
        found = journal.claim(key, info(), timeout=0)
    except MiMoError as error:
        if not error.is_retryable:
            raise
        return True
    if isinstance(found, Claim):
        found.release()
    return False


# ------------------------------------------------------------------------------- one segment


def test_an_answer_is_there_for_the_next_run(path):
    with MediaJournal(path) as first:
        entry = ask(first).finish(answer("text", request_id="r1", model="m", finish_reason="stop"))
        assert first.claim("k", info()) == entry
    with MediaJournal(path) as second:
        assert second.claim("k", info("renamed.mp4")) == entry
    assert entry == Entry("k", "done", "text", USAGE, 0.5, "USD", 1, "r1", "m", "stop", None)


@pytest.mark.parametrize("ending", ["crash", "close"])
def test_an_answer_is_in_the_file_before_finish_returns(path, ending):
    journal = MediaJournal(path)
    entry = ask(journal).finish(answer())
    if ending == "close":
        journal.close()
    with MediaJournal(path) as other:
        assert other.claim("k", info()) == entry
    journal.close()


@given(st.text(st.characters()), st.text(st.characters()))
@settings(max_examples=25)
def test_any_text_comes_back_to_the_character(tmp_path_factory, text, key):
    with MediaJournal(tmp_path_factory.mktemp("j") / "j") as journal:
        entry = ask(journal, key="k" + key, source=text).finish(answer(text))
        assert entry.text == text
        assert journal.claim("k" + key, info()) == entry
        assert journal.forget(text) == 1


def test_a_refusal_is_not_repeated_until_it_is_asked_for(journal):
    refused = ask(journal).fail("refused", "moderation", answer("", cost=0.1))
    assert journal.claim("k", info()) == refused
    assert (refused.state, refused.error) == ("refused", "moderation")
    assert journal.retry_refused("another.mp4") == 0
    assert journal.retry_refused() == 1
    assert ask(journal).finish(answer(cost=0.2)).cost == 0.2
    assert journal.report().total.cost == (Money(0.1 + 0.2),)


def test_a_failure_is_asked_again_and_its_attempts_count(journal):
    failed = ask(journal).fail("failed", "no connection", Answer("", {}, attempts=3))
    assert (failed.state, failed.error, failed.attempts) == ("failed", "no connection", 3)
    entry = ask(journal).finish(answer())
    assert (entry.attempts, entry.error) == (1, None)
    total = journal.report().total
    assert (total.attempts, total.cost, total.unpriced) == (4, (Money(0.5),), 0)
    assert total.counts.responses == 1


def test_a_released_claim_leaves_no_trace(journal):
    ask(journal).release()
    assert journal.report().rows == ()
    ask(journal).fail("failed", "no connection")
    ask(journal).release()
    assert [row.state for row in journal.report().rows] == ["failed"]


@pytest.mark.parametrize("end", ["finish", "fail", "release"])
def test_a_claim_ends_once(journal, end):
    claim = ask(journal)
    claim.finish(answer("first"))
    values = {"finish": (answer("second"),), "fail": ("failed", "why"), "release": ()}[end]
    with pytest.raises(MiMoInputError, match="has ended; finish, fail or release it once"):
        getattr(claim, end)(*values)
    assert journal.claim("k", info()).text == "first"
    assert journal.report().total.attempts == 1


def test_a_dropped_claim_is_free_again_and_counts(journal):
    claim = ask(journal)
    assert is_asked(journal)
    del claim
    gc.collect()
    assert not is_asked(journal)
    total = journal.report().total
    assert (total.segments, total.interrupted, total.attempts) == (1, 1, 0)
    assert "MiMo may have billed" in str(journal.report())


def test_strange_values_lose_no_answer(journal):
    strange = Answer("text", {"input_tokens": object()}, cost=float("nan"), attempts=True)
    entry = ask(journal).finish(strange)
    assert journal.claim("k", info()).text == entry.text == "text"
    total = journal.report().total
    assert (total.unpriced, total.counts.without_usage) == (1, 1)


@pytest.mark.parametrize("usage", [None, 7, "many", [1], {1: {2: 3}}])
@pytest.mark.parametrize("changes", [{}, {"cost": "1"}, {"currency": "EUR"}, {"attempts": None}])
def test_values_of_a_wrong_type_lose_no_answer(journal, usage, changes):
    entry = ask(journal).finish(replace(answer("text"), usage=usage, **changes))
    assert journal.claim("k", info()).text == entry.text == "text"


def test_api_keys_are_not_kept_in_errors_and_long_errors_are_cut(journal, path):
    entry = ask(journal).fail("refused", "key sk-abcdef123456 is wrong " + "x" * 5000)
    assert "abcdef123456" not in entry.error
    assert len(entry.error) < 2010
    journal.close()
    assert b"abcdef123456" not in Path(path).read_bytes()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"source": 3}, "source must be a string, got 3"),
        ({"modality": "picture"}, "modality must be 'image', 'video' or 'audio', got 'picture'"),
        ({"start_s": -1.0}, "start_s must be a number >= 0, got -1.0"),
        ({"end_s": float("inf")}, "end_s must be a number >= 0, got inf"),
        ({"segment_index": -1}, "segment_index must be an integer >= 0, got -1"),
        ({"segment_count": 0}, "segment_count must be an integer >= 1, got 0"),
    ],
)
def test_a_wrong_info_is_refused_before_anything_is_sent(change, complaint):
    with pytest.raises(MiMoInputError, match=f"^{complaint}$"):
        replace(info(), **change)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("", info()), "key must be a string that is not empty, got ''"),
        ((None, info()), "key must be a string that is not empty, got None"),
        (("k", {"source": "a"}), "info must be a SegmentInfo, got {'source': 'a'}"),
    ],
)
async def test_a_wrong_claim_is_refused(journal, arguments, complaint):
    with pytest.raises(MiMoInputError, match=f"^{complaint}$"):
        journal.claim(*arguments)
    with pytest.raises(MiMoInputError, match=f"^{complaint}$"):
        await journal.aclaim(*arguments)
    with pytest.raises(MiMoInputError, match="timeout must be a number >= 0, got -1"):
        journal.claim("k", info(), timeout=-1)
    with pytest.raises(MiMoInputError, match="state must be 'refused' or 'failed', got 'done'"):
        ask(journal).fail("done", "why")


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
        patch.setattr(journal_owners, "_this_process", lambda _: ("here", self.now, "then"))
        patch.setattr(journal_owners, "_runs", lambda pid, _: pid in self.alive.values())
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
@settings(max_examples=40)
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
        elsewhere.setattr(journal_owners, "_this_process", lambda _: (place, 12345, ""))
        claim = ask(journal)
    assert is_asked(journal)
    monkeypatch.setattr(journal_owners, "FOREIGN_SECONDS", 0)
    assert isinstance(ask(journal), Claim)
    assert claim.finish(answer("late")).text == "late"


def test_claims_of_other_processes_can_be_taken_over(journal, monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(journal_owners, "_this_process", lambda _: ("another host", 12345, ""))
        theirs = ask(journal, "theirs")
    journal_owners.live_tokens.discard(theirs._token)
    mine = ask(journal, "mine")
    assert is_asked(journal, "theirs")
    assert journal.take_over() == 1
    assert is_asked(journal, "mine")
    assert not is_asked(journal, "theirs")
    assert journal.report().total.interrupted == 1
    mine.finish(answer())


# ----------------------------------------------------------------------------------- reports


def test_a_report_adds_up(journal):
    ask(journal, "1", source="b.mp4").finish(answer(attempts=2))
    ask(journal, "2", source="a.mp4").finish(replace(answer(cost=3.0), currency="CNY"))
    ask(journal, "3", source="a.mp4").finish(answer(cost=None))
    ask(journal, "4", source="a.mp4").fail("refused", "moderation", answer("", cost=0.25))
    running = ask(journal, "5", source="c.png", modality="image")
    report = journal.report()
    assert [(row.source, row.state, row.segments) for row in report.rows] == [
        ("a.mp4", "done", 2), ("a.mp4", "refused", 1), ("b.mp4", "done", 1), ("c.png", "sent", 1),
    ]  # fmt: skip
    one = LedgerCounts.of(USAGE)
    assert report.total.counts == one + one + one + one
    assert report.total.cost == (Money(0.75), Money(3.0, "CNY"))
    assert (report.total.attempts, report.total.unpriced) == (5, 1)
    assert report.total.errors == ("moderation",)
    assert [(row.state, row.segments) for row in report.by_state()] == [
        ("done", 3), ("refused", 1), ("sent", 1),
    ]  # fmt: skip
    running.release()


def test_a_report_is_a_table_and_data(journal):
    ask(journal, "1", source="会议\n.mp4").finish(answer(cost=None))
    ask(journal, "2", source="b.mp4").fail("failed", "no connection")
    text = str(journal.report())
    assert ascii("会议\n.mp4") in text
    assert "Answers whose cost is not known: 1." in text
    assert "Error: no connection" in text
    data = json.loads(json.dumps(journal.report().to_dict()))
    assert (
        data["total"]["counts"] | {"text": 150, "video": 700, "cached": 64}
        == (data["total"]["counts"])
    )
    assert data["total"]["cost"] == {}
    assert {row["source"] for row in data["rows"]} == {"会议\n.mp4", "b.mp4"}


def test_a_long_report_is_cut_and_says_so(journal):
    for number in range(60):
        ask(journal, str(number), source=f"{number:02}.mp4").fail("failed", f"error {number}")
    report = journal.report()
    assert len(report.rows) == 60
    assert "Rows that are not shown: 10; to_dict() has all." in str(report)
    assert len(report.total.errors) == 5


def test_an_empty_report(journal):
    assert journal.report().total.segments == 0
    assert str(journal.report()).startswith("source")


def test_forgetting_a_source_asks_again_and_spares_what_is_running(journal, path):
    ask(journal, "1").finish(answer("a secret"))
    ask(journal, "2", source="b.mp4").finish(answer())
    running = ask(journal, "3")
    assert journal.forget("a.mp4") == 1
    assert isinstance(journal.claim("2", info()), Entry)
    assert is_asked(journal, "3")
    ask(journal, "1").release()
    running.finish(answer())
    journal.close()
    assert b"a secret" not in Path(path).read_bytes()


# ----------------------------------------------------------------------------------- digests


def test_a_digest_is_remembered_by_size_and_time(journal, path, tmp_path):
    file = tmp_path / "a.mp4"
    file.write_bytes(b"12345")
    os.utime(file, ns=(0, 1_700_000_000_123_456_789))
    found = file.stat()
    assert journal.digest_of(file) is None
    journal.remember_digest(file, found.st_size, found.st_mtime_ns, "ab" * 32)
    with MediaJournal(path) as other:
        assert other.digest_of(str(file)) == "ab" * 32
    os.utime(file, ns=(0, 1_700_000_000_123_456_788))
    assert journal.digest_of(file) is None
    os.utime(file, ns=(0, found.st_mtime_ns))
    file.write_bytes(b"123456")
    os.utime(file, ns=(0, found.st_mtime_ns))
    assert journal.digest_of(file) is None
    file.unlink()
    assert journal.digest_of(file) is None


@pytest.mark.parametrize(("tick", "is_remembered"), [(1_000_000_000, False), (1, True)])
def test_a_file_that_was_written_a_moment_ago_is_not_remembered(
    journal, tmp_path, tick, is_remembered
):
    """On disks that store whole seconds, it could change within its second."""
    file = tmp_path / "a.mp4"
    file.write_bytes(b"12345")
    time_ns = (time.time_ns() - 500_000_000) // tick * tick
    time_ns += tick == 1 and time_ns % 1_000_000_000 == 0
    os.utime(file, ns=(0, time_ns))
    journal.remember_digest(file, 5, time_ns, "ab" * 32)
    assert (journal.digest_of(file) is not None) is is_remembered


# -------------------------------------------------------------------------------- the object


def test_media_key_is_the_id():
    assert media_key(Document("text", id="ab")) == "ab"
    with pytest.raises(MiMoInputError, match="the document 'text' has no id"):
        media_key(Document("text"))


def test_a_journal_is_pickled_by_its_path(journal):
    ask(journal).finish(answer())
    with pickle.loads(pickle.dumps(journal)) as other:
        assert (other.path, repr(other)) == (journal.path, repr(journal))
        assert other.claim("k", info()) == journal.claim("k", info())


async def test_a_closed_journal_says_so(journal, path):
    journal.close()
    journal.close()
    with pytest.raises(MiMoInputError, match=r"is closed; open it again with MediaJournal\(path\)"):
        await journal.aclaim("k", info())
    uses = (
        journal.report, journal.__enter__, journal.retry_refused, journal.take_over, lambda: journal.forget("a"),
        lambda: journal.claim("k", info()), lambda: journal.digest_of(path),
        lambda: journal.remember_digest(path, 1, 1, "ab"),
    )  # fmt: skip
    for use in uses:
        with pytest.raises(MiMoInputError, match="is closed"):
            use()


def test_a_claim_of_a_closed_journal_still_ends_in_the_file(path):
    journal = MediaJournal(path)
    first, second = ask(journal, "1"), ask(journal, "2")
    journal.close()
    entry = first.finish(answer())
    second.release()
    assert not Path(path + "-wal").exists()
    with MediaJournal(path) as other:
        assert other.claim("1", info()) == entry
        assert not is_asked(other, "2")


@pytest.mark.parametrize("path", ["", "  ", ":memory:", "file:a.db", "a\0b", 3, None])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(MiMoConfigurationError, match="path must be the path of a file"):
        MediaJournal(path)

"""The state of a budget in a file: what it decides, what it survives, and what it refuses."""

import asyncio
import contextlib
import multiprocessing
import os
import pickle
import sqlite3
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_mimo import MiMoConfigurationError, MiMoError
from langchain_mimo._forks import fork_lock
from langchain_mimo._processes import Process
from langchain_mimo.cost import CallBudget, Money, budget_file
from langchain_mimo.cost.budget_file import FileStore
from langchain_mimo.cost.call_needs import counted
from langchain_mimo.cost.windows import Ask, Later, MemoryStore, Settlement, Spending

CEILING = Ask("a", "a m", 3, 100, 2, tokens=30, cost=1.0, max_cost=5.0)


class Clock:
    """A wall clock and the system's monotonic clock."""

    wall, ticks = 1_800_000_000.0, 5000.0

    def time(self):
        return self.wall

    def monotonic(self):
        return self.ticks

    def pass_by(self, seconds):
        self.wall += seconds
        self.ticks += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(budget_file, "time", clock)
    return clock


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "budget.db")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.sampled_from([0.5, 7.0, 30.0, 61.0])),
        st.tuples(st.just("reserve"), st.sampled_from("ab"), st.integers(0, 60)),
        st.tuples(st.just("settle"), st.sampled_from([None, 0, 20, 90]), st.booleans()),
        st.tuples(
            st.just("pause"), st.sampled_from(["a", "b", ""]), st.sampled_from([0, 1.0, 20.0])
        ),
    ),
    max_size=30,
)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_a_file_decides_as_memory_does(tmp_path_factory, steps):
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget_file, "time", clock)
        memory = MemoryStore(clock.time)
        file = FileStore(str(tmp_path_factory.mktemp("budget") / "budget.db"))
        running = []
        for step in steps:
            match step:
                case "pass", seconds:
                    clock.pass_by(seconds)
                case "pause", account, seconds:
                    memory.pause(account, seconds)
                    file.pause(account, seconds)
                case "reserve", account, tokens:
                    ask = replace(CEILING, account=account, window=account, tokens=tokens)
                    ours, theirs = memory.reserve(ask), file.reserve(ask)
                    if isinstance(ours, Later | Spending):
                        assert theirs == pytest.approx(ours)
                    else:
                        assert isinstance(theirs, int)
                        running.append((ours, theirs))
                case "settle", tokens, is_sent if running:
                    cost = None if tokens is None else 0.5
                    bill = "m", counted({"completion_tokens": tokens})
                    for store, one in zip((memory, file), running.pop(0), strict=True):
                        store.settle(one, Settlement(tokens, cost, is_sent, bill))
            assert file.spending() == pytest.approx(memory.spending())
            assert file.rows() == list(memory.rows())


# ------------------------------------------------------------------------------------ the clock


@pytest.mark.parametrize("jump", [-86_400.0, -30.0, 30.0, 86_400.0])
def test_a_clock_that_is_set_changes_no_window_and_no_pause(clock, path, jump):
    store = FileStore(path)
    ask = Ask("a", "a m", requests_per_minute=1)
    store.reserve(ask)
    clock.pass_by(20)
    clock.wall += jump
    assert store.reserve(ask) == pytest.approx(Later(41.0, "requests_per_minute"))
    store.pause("a", 50)
    clock.wall -= jump
    clock.pass_by(10)
    assert FileStore(path).reserve(ask) == pytest.approx(Later(40.0, "pause"))


def test_nothing_lasts_longer_than_a_window_after_a_restart_with_a_wrong_clock(clock, path):
    FileStore(path).reserve(Ask("a", "a m", requests_per_minute=1))
    clock.wall, clock.ticks = clock.wall - 1e6, 3.0
    assert FileStore(path).reserve(Ask("a", "a m", requests_per_minute=1)) == Later(
        61.0, "requests_per_minute"
    )


# ------------------------------------------------------------------------------------ processes


def reserve_and_die(path, ask):
    FileStore(path).reserve(ask)
    os._exit(1)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not looked up there")
def test_a_dead_process_gives_its_places_back_and_keeps_its_costs_reserved(path):
    ask = Ask("a", "a m", max_concurrency=1, cost=2.0, max_cost=10.0)
    child = multiprocessing.get_context("spawn").Process(target=reserve_and_die, args=(path, ask))
    child.start()
    child.join()
    store = FileStore(path)
    assert store.spending() == Spending(0.0, 0.0, 2.0)
    assert isinstance(store.reserve(ask), int)
    assert store.spending() == Spending(0.0, 2.0, 2.0)
    assert store.reserve(ask) == Later(None, "max_concurrency")  # this process lives


def test_a_process_that_cannot_be_seen_keeps_its_place_for_an_hour(clock, path, monkeypatch):
    ask = Ask("a", "a m", max_concurrency=1)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(budget_file, "this_process", lambda: Process("another host", 1, ""))
        FileStore(path).reserve(ask)
    store = FileStore(path)
    clock.pass_by(3599)
    assert store.reserve(ask) == Later(None, "max_concurrency")
    clock.pass_by(2)
    assert isinstance(store.reserve(ask), int)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_opens_the_file_for_itself(path):
    budget = CallBudget(requests_per_minute=4, share=path)
    assert budget.acquire()
    child = multiprocessing.get_context("fork").Process(target=budget.acquire)
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert [isinstance(budget._store.reserve(Ask("", "", 4)), int) for _ in range(3)] == [
        True,
        True,
        False,
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_waits_for_a_transaction_of_another_thread(path):
    budget = CallBudget(requests_per_minute=4, share=path)
    begun, ended = threading.Event(), threading.Event()

    def transact():
        with budget._store._transaction():
            begun.set()
            ended.wait(0.3)

    thread = threading.Thread(target=transact)
    thread.start()
    assert begun.wait(10)
    child = multiprocessing.get_context("fork").Process(target=budget.acquire)
    child.start()
    child.join(30)
    thread.join()
    assert child.exitcode == 0


# ------------------------------------------------------------------------- one file, many users


def test_budgets_with_one_file_share_everything(path):
    one, other = CallBudget(max_cost=1.0, share=path), CallBudget(max_cost=1.0, share=path)
    reservation = one._store.reserve(Ask("a", "a m", cost=0.75, max_cost=1.0))
    assert other.reserved.amount == 0.75
    asked = Ask("a", "a m", cost=0.75, max_cost=1.0)
    assert other._store.reserve(asked) == Later(None, "max_cost")
    assert isinstance(other._store.reserve(replace(asked, cost=1.5)), Spending)
    counts = counted({"prompt_tokens": 10, "completion_tokens": 5})
    one._store.settle(reservation, Settlement(15, 0.25, billed=("mimo-v2.6-flash", counts)))
    assert other.spent.amount == 0.25
    assert other.ledger == one.ledger
    assert other.ledger.total.total == 15
    copy = pickle.loads(pickle.dumps(one))
    assert copy.spent.amount == 0.25


def test_threads_and_tasks_of_two_budgets_keep_one_limit(path):
    budgets = [CallBudget(requests_per_minute=30, share=path) for _ in range(2)]

    async def tasks(budget):
        waiting = [asyncio.create_task(budget.aacquire()) for _ in range(10)]
        done, late = await asyncio.wait(waiting, timeout=3)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        granted.extend(done)

    granted = []
    threads = [threading.Thread(target=asyncio.run, args=(tasks(b),)) for b in budgets * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 30
    assert not any(budget._lines._lines for budget in budgets)


def test_a_rate_limiter_with_a_file_need_not_wait(path):
    budget = CallBudget(requests_per_minute=2, share=path)
    assert [budget.acquire(blocking=False) for _ in range(3)] == [True, True, False]
    assert not asyncio.run(budget.aacquire(blocking=False))


@pytest.mark.parametrize("is_answered", [False, True])
def test_a_cancelled_task_gives_back_what_the_file_reserved_meanwhile(path, is_answered):
    budget = CallBudget(max_concurrency=1, share=path)
    ask = Ask("a", "a m", 5, 100, 1, tokens=100, cost=1.0, max_cost=1.0)
    entering = budget._lines.enter(ask)
    with fork_lock:
        _, pending = next(entering)
        if not is_answered:
            entering.close()
    pending.wait(10)
    entering.close()
    assert budget.reserved.amount == 0
    assert isinstance(budget._store.reserve(ask), int)


# ------------------------------------------------------------------------- what cannot be used


def test_a_file_in_no_folder_is_refused(tmp_path):
    with pytest.raises(MiMoConfigurationError, match=r"none does not exist$"):
        CallBudget(share=tmp_path / "none" / "budget.db")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(MiMoConfigurationError, match="it is a folder; add the name of a file"):
        CallBudget(share=tmp_path)


def test_a_file_that_is_no_database_is_refused_and_stays_as_it_is(tmp_path):
    path = tmp_path / "budget.db"
    path.write_bytes(b"requests: 100\n" * 200)
    with pytest.raises(MiMoConfigurationError, match="not a database"):
        CallBudget(share=path)
    assert path.read_bytes() == b"requests: 100\n" * 200


def test_a_database_of_another_program_is_refused(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE entries (x)")
    with pytest.raises(MiMoConfigurationError, match="a database of another program"):
        CallBudget(share=path)


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be replaced there")
@pytest.mark.parametrize("is_reopened", [False, True])
@pytest.mark.parametrize("other", [None, 2.0])
def test_a_file_that_was_deleted_or_replaced_is_an_error_until_there_is_a_new_budget(
    tmp_path, path, other, is_reopened
):
    spend(CallBudget(share=tmp_path / "other.db"), other or 0.0)
    budgets = [CallBudget(share=path) for _ in range(2)]
    for budget in budgets:
        spend(budget, 1.0)
    if other is None:
        Path(path).unlink()
    else:
        (tmp_path / "other.db").replace(path)
    for budget in budgets:
        if is_reopened:  # as a fork does it
            budget._store.close()
        for use in (budget.acquire, lambda budget=budget: budget.spent, budget.acquire):
            with pytest.raises(MiMoConfigurationError, match=r"replaced after .* a new CallBudget"):
                use()
    now = CallBudget(share=path)
    assert now.spent.amount == (other or 0.0)
    spend(now, 0.5)
    assert CallBudget(share=path).spent.amount == (other or 0.0) + 0.5
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_end_of_an_attempt_whose_file_was_deleted_is_an_error_of_the_next_one(path):
    budget = CallBudget(share=path)
    (held,) = reserved(budget)
    Path(path).unlink()
    budget._lines.settle(held, Settlement(1, 0.5))
    with pytest.raises(MiMoConfigurationError, match="was deleted or replaced"):
        budget.acquire()


def reserved(budget):
    return [budget._lines.call(budget._store.reserve, CEILING)]


def spend(budget, cost):
    (held,) = reserved(budget)
    budget._lines.call(budget._store.settle, held, Settlement(1, cost))


def test_a_newer_version_is_refused(path):
    CallBudget(share=path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 3")
    with pytest.raises(MiMoConfigurationError, match="its version is 3, and this langchain-mimo"):
        CallBudget(share=path)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write")
def test_a_file_that_cannot_be_written_is_refused(path):
    CallBudget(share=path)
    os.chmod(path, 0o400)  # noqa: PTH101
    with pytest.raises(MiMoConfigurationError, match="no permission to write it"):
        CallBudget(share=path)


def test_a_full_disk_is_an_error_of_the_next_attempt(path):
    budget = CallBudget(share=path)
    budget.acquire()
    budget._store._connection().execute("PRAGMA max_page_count = 1")
    ask = Ask("account" * 500, "window" * 500, tokens=1)

    def fill():
        for _ in range(1000):
            budget._lines.call(budget._store.reserve, ask)

    with pytest.raises(MiMoConfigurationError, match=r"budget\.db cannot be used: .*full"):
        fill()


# --------------------------------------------------------------------------------- the first day


def test_a_file_counts_one_currency(path):
    CallBudget(share=path, max_cost=Money(1, "CNY"))
    said = r"it counts CNY, and max_cost is in USD; use one currency in all processes, or another"
    with pytest.raises(MiMoConfigurationError, match=said):
        CallBudget(share=path, max_cost=1)
    assert CallBudget(share=path).spent == Money(0, "CNY")
    assert CallBudget(share=path, max_cost=Money(2, "CNY")).spent.currency == "CNY"


def test_a_file_without_a_ceiling_counts_dollars(path):
    CallBudget(share=path)
    CallBudget(share=path, max_cost=1)
    with pytest.raises(MiMoConfigurationError, match="it counts USD, and max_cost is in CNY"):
        CallBudget(share=path, max_cost=Money(1, "CNY"))


def test_a_pause_of_no_seconds_ends_pauses_for_all(path):
    one, other = CallBudget(share=path), CallBudget(share=path)
    one.pause(1e12)
    assert not other.acquire(blocking=False)
    other.pause(0)
    assert other.acquire(blocking=False)
    assert one.acquire(blocking=False)


def test_a_locked_file_is_an_error_that_may_pass(path, monkeypatch):
    monkeypatch.setattr(budget_file, "BUSY_SECONDS", 0.05)
    budget = CallBudget(share=path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        for use in (lambda: budget.spent, budget.acquire, lambda: CallBudget(share=path)):
            with pytest.raises(MiMoError, match="is locked by another program") as caught:
                use()
            assert not isinstance(caught.value, MiMoConfigurationError)
            assert caught.value.is_retryable
    assert budget.spent.amount == 0


def test_what_ends_while_the_file_is_locked_is_settled_later(path, monkeypatch):
    monkeypatch.setattr(budget_file, "BUSY_SECONDS", 0.05)
    budget = CallBudget(share=path, max_cost=1.0)
    ask = Ask("a", "a m", max_concurrency=1, cost=1.0, max_cost=1.0)
    reservation = budget._store.reserve(ask)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        budget._lines.settle(reservation, Settlement(1, 0.25))
        with pytest.raises(MiMoError, match="locked"):
            budget.acquire()
    assert budget.acquire()
    assert (budget.spent.amount, budget.reserved.amount) == (0.25, 0.0)


@pytest.mark.parametrize("share", ["", " ", 5, b"x.db", True, "a\0b", ":memory:", "file:x.db"])
def test_what_is_no_path_is_refused(share, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MiMoConfigurationError, match=r"^share must be the path of a file, got "):
        CallBudget(share=share)
    assert not list(tmp_path.iterdir())


def test_the_home_folder_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    CallBudget(share="~/budget.db")
    assert (tmp_path / "budget.db").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="no modes")
def test_only_its_owner_may_read_a_new_file(path):
    budget = CallBudget(share=path)
    budget.acquire()
    files = list(Path(path).parent.iterdir())
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_folder_that_cannot_be_written_says_permission(path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(MiMoConfigurationError, match="no permission to write in its folder"):
        CallBudget(share=path)

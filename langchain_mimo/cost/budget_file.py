"""The state of a budget in a SQLite file, which all processes of a host share.

Every method is one short transaction, so a process that is killed leaves the file as it was before
or after it. Times are wall time. The file also holds by how much the wall clock was ahead of the
system's monotonic clock: when that changes, somebody set the clock, and the next transaction moves
all times along. What a killed process held is found by its id and start time: its places are free
again, its requests and tokens leave with their window, and its costs stay reserved, since MiMo may
have billed them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import astuple
from typing import Any

import orjson

from langchain_mimo._forks import fork_lock
from langchain_mimo._processes import Process, this_process
from langchain_mimo._sqlite_files import SqliteFile, immediate
from langchain_mimo.catalogue import Currency
from langchain_mimo.cost.ledger_rows import LedgerCounts, LedgerRow
from langchain_mimo.cost.share_path import unusable
from langchain_mimo.cost.windows import MARGIN, PERIOD, Ask, Later, Settlement, Spending, ceiling
from langchain_mimo.errors import MiMoError

APPLICATION = 0x4D694D6F
"""SQLite's `application_id` of these files: "MiMo"."""

VERSION = 2
BUSY_SECONDS = 5.0
"""Seconds after which a file is given up that another program has locked; a transaction takes less
than a millisecond."""

FOREIGN_SECONDS = 3600.0
"""Seconds after which an attempt is given up whose process cannot be seen from here: it runs in
another container, or on Windows."""

_JUMP = 0.5
"""Seconds from which on a difference of the clocks is a clock that was set."""

_TABLES = (
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, window TEXT, at REAL, requests INT, tokens INT)",
    "CREATE INDEX entries_by_time ON entries (window, at)",
    (
        "CREATE TABLE attempts (id INTEGER PRIMARY KEY, window TEXT, entry INT, tokens INT,"
        " cost REAL, at REAL, place TEXT, pid INT, began TEXT)"
    ),
    "CREATE INDEX attempts_by_window ON attempts (window)",
    "CREATE TABLE pauses (account TEXT PRIMARY KEY, until REAL)",
    "CREATE TABLE spending (spent REAL, lost REAL, ahead REAL, ticks REAL, currency TEXT)",
    (
        "CREATE TABLE ledger (model TEXT, tier TEXT, tags TEXT, counts TEXT,"
        " PRIMARY KEY (model, tier, tags))"
    ),
    "INSERT INTO spending VALUES (0, 0, 0, 0, '')",
)


class FileStore(SqliteFile):
    """A `BudgetStore` in a file.

    Attributes:
        currency: The currency of the file, which the budget that creates it decides.
    """

    is_shared = True

    def __init__(
        self, path: str, period: float = PERIOD + MARGIN, currency: Currency | None = None
    ) -> None:
        """Open the file, or create it.

        Args:
            path: The file; its folder must exist, on a disk of this host.
            period: Seconds that an entry stays.
            currency: The currency of the budget. Default: that of the file, or "USD" for a new one.

        Raises:
            MiMoConfigurationError: The file cannot be used, or its currency is another one.
        """
        super().__init__(path)
        self._period = period
        with self._transaction() as (db, _):
            known = db.execute("SELECT currency FROM spending").fetchone()[0]
            self.currency: Currency = known or currency or "USD"
            db.execute("UPDATE spending SET currency = ?", (self.currency,))
        if currency not in (None, self.currency):
            raise self._refusal(
                f"it counts {self.currency}, and max_cost is in {currency}; use one currency in "
                "all processes, or another file"
            )

    # The methods of a store

    def reserve(self, ask: Ask) -> int | Later | Spending:
        """Reserve what an attempt needs, as `BudgetStore.reserve`; the reservation is a number."""
        with self._transaction() as (db, now):
            if (left := _paused(db, ask.account, now)) > 0:
                return Later(left, "pause")
            if ask.max_cost is not None and ceiling(ask, *_spending(db)):
                _give_up_dead(db, now)
                if answer := ceiling(ask, *_spending(db)):
                    return answer
            if (missing := self._missing(db, ask, now)) is not None:
                return missing
            if ask.max_concurrency is not None and not _has_place(db, ask, now):
                return Later(None, "max_concurrency")
            entry = _add_entry(db, ask.window, now, 1, ask.tokens)
            values = (ask.window, entry, ask.tokens, ask.cost, now, *this_process())
            added = db.execute(
                "INSERT INTO attempts (window, entry, tokens, cost, at, place, pid, began)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            return added.lastrowid or 0

    def settle(self, reservation: int, settlement: Settlement) -> None:
        """End an attempt, as `BudgetStore.settle`."""
        with self._transaction() as (db, now):
            row = db.execute(
                "DELETE FROM attempts WHERE id = ? RETURNING window, entry, tokens, cost",
                (reservation,),
            ).fetchone()
            if row is not None:
                _settle_entry(db, now, row, settlement)
            if settlement.cost is not None:
                db.execute("UPDATE spending SET spent = spent + ?", (settlement.cost,))
            elif row is not None:
                db.execute("UPDATE spending SET lost = lost + ?", (row[3],))
            if settlement.billed is not None:
                model, counts = settlement.billed
                _add_row(db, LedgerRow(model, "realtime", (), LedgerCounts(*counts)))

    def pause(self, account: str, seconds: float) -> None:
        """Let no attempt of an account start for some seconds, as `BudgetStore.pause`."""
        with self._transaction() as (db, now):
            if not seconds:
                db.execute("DELETE FROM pauses WHERE ? IN (account, '')", (account,))
                return
            db.execute(
                "INSERT INTO pauses VALUES (?, ?)"
                " ON CONFLICT (account) DO UPDATE SET until = max(until, excluded.until)",
                (account, now + seconds),
            )

    def spending(self) -> Spending:
        """Return what has been spent and reserved, by all processes since the file was created."""
        with self._transaction() as (db, _):
            return _spending(db)

    def rows(self) -> list[LedgerRow]:
        """Return the rows of the ledger."""
        with self._transaction() as (db, _):
            found = db.execute("SELECT * FROM ledger ORDER BY rowid").fetchall()
        return [
            LedgerRow(model, tier, tuple(orjson.loads(tags)), LedgerCounts(*orjson.loads(counts)))
            for model, tier, tags, counts in found
        ]

    def forked(self) -> None:
        """Do nothing: in the file, every attempt has its process."""

    # Transactions

    @contextmanager
    def _transaction(self) -> Generator[tuple[sqlite3.Connection, float]]:
        """Begin a transaction that writes, and commit it; the time is that of its begin.

        Raises:
            MiMoConfigurationError: The file cannot be used.
            MiMoError: Another program has locked it.
        """
        try:
            with fork_lock:
                db = self._connection()
                with immediate(db):
                    now = _now(db)
                    db.execute("DELETE FROM entries WHERE at <= ?", (now - self._period,))
                    yield db, now
        except sqlite3.Error as error:
            raise self._refusal(str(error)) from error

    def _connection(self) -> sqlite3.Connection:
        if self._identity is not None and not self._is_there():
            self._abandon()
            raise self._refusal(
                "it was deleted or replaced after it was opened, so that what was spent is not "
                "known; make a new CallBudget to go on with the file that is there now"
            )
        return self._open(BUSY_SECONDS) if self._db is None else self._db

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Create the tables of a new file, and refuse files of others."""
        with immediate(db):
            version = self._version(db, APPLICATION, VERSION, _TABLES)
            if version != VERSION:
                raise self._refusal(
                    f"its version is {version}, and this langchain-mimo knows version {VERSION}; "
                    "use one version in all processes, or another file"
                )
        self._use_wal(db, BUSY_SECONDS)
        db.execute("PRAGMA synchronous = NORMAL")

    def _refusal(self, reason: str) -> MiMoError:
        return unusable(self.path, reason)

    def _missing(self, db: sqlite3.Connection, ask: Ask, now: float) -> Later | None:
        """Return how long there is no room in the window of an attempt; None if there is."""
        most = ask.requests_per_minute, ask.tokens_per_minute
        if most == (None, None):
            return None
        sums = db.execute(
            "SELECT total(requests), total(tokens) FROM entries WHERE window = ?", (ask.window,)
        ).fetchone()
        requests = 0 if most[0] is None else sums[0] + 1 - most[0]
        tokens = 0 if most[1] is None else sums[1] + ask.tokens - most[1]
        if requests <= 0 and tokens <= 0:
            return None
        for at, freed, spared in db.execute(
            "SELECT at, requests, tokens FROM entries WHERE window = ? ORDER BY at", (ask.window,)
        ):
            reason = "tokens_per_minute" if tokens > 0 else "requests_per_minute"
            requests -= freed
            tokens -= spared
            if requests <= 0 and tokens <= 0:
                return Later(float(at + self._period - now), reason)
        return None


def _now(db: sqlite3.Connection) -> float:
    """Return the wall time, after moving all times along if somebody set the clock."""
    wall, ticks = time.time(), time.monotonic()
    before, last = db.execute("SELECT ahead, ticks FROM spending").fetchone()
    jump = wall - ticks - before
    if abs(jump) <= _JUMP:
        return wall
    if last and ticks >= last:  # else the computer was started again, and nothing runs
        for column in ("entries SET at = at", "attempts SET at = at", "pauses SET until = until"):
            db.execute(f"UPDATE {column} + ?", (jump,))
    db.execute("UPDATE entries SET at = ? WHERE at > ?", (wall, wall))
    db.execute("UPDATE spending SET ahead = ?, ticks = ?", (wall - ticks, ticks))
    return wall


def _paused(db: sqlite3.Connection, account: str, now: float) -> float:
    """Return the seconds of a pause that are left for an account; "" stands for any account."""
    query = "SELECT max(until) FROM pauses WHERE ? = '' OR account IN (?, '')"
    until = db.execute(query, (account, account)).fetchone()[0]
    return 0.0 if until is None else until - now


def _spending(db: sqlite3.Connection) -> Spending:
    spent, lost = db.execute("SELECT spent, lost FROM spending").fetchone()
    return Spending(spent, lost, db.execute("SELECT total(cost) FROM attempts").fetchone()[0])


def _add_entry(
    db: sqlite3.Connection, window: str, now: float, requests: int, tokens: int
) -> int | None:
    return db.execute(
        "INSERT INTO entries (window, at, requests, tokens) VALUES (?, ?, ?, ?)",
        (window, now, requests, tokens),
    ).lastrowid


def _settle_entry(
    db: sqlite3.Connection, now: float, attempt: tuple[Any, ...], settlement: Settlement
) -> None:
    """Correct the tokens of an entry that is still in its window; see `windows`."""
    window, entry, reserved, _ = attempt
    more = 0 if settlement.tokens is None else settlement.tokens - reserved
    if more > 0:
        _add_entry(db, window, now, 0, more)
    db.execute(
        "UPDATE entries SET tokens = tokens + ?, requests = requests - ?"
        " WHERE id = ? AND window = ?",
        (min(more, 0), not settlement.is_sent, entry, window),
    )


def _add_row(db: sqlite3.Connection, row: LedgerRow) -> None:
    key = (row.model, row.tier, orjson.dumps(row.tags).decode())
    found = db.execute(
        "SELECT counts FROM ledger WHERE model = ? AND tier = ? AND tags = ?", key
    ).fetchone()
    counts = row.counts if found is None else LedgerCounts(*orjson.loads(found[0])) + row.counts
    values = orjson.dumps(astuple(counts)).decode()
    db.execute(
        "INSERT INTO ledger VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET counts = excluded.counts",
        (*key, values),
    )


# Processes


def _has_place(db: sqlite3.Connection, ask: Ask, now: float) -> bool:
    """Return whether one more attempt may run, after those of dead processes are given up."""
    count = "SELECT count(*) FROM attempts WHERE window = ?"
    if db.execute(count, (ask.window,)).fetchone()[0] < (ask.max_concurrency or 0):
        return True
    _give_up_dead(db, now)
    return bool(db.execute(count, (ask.window,)).fetchone()[0] < (ask.max_concurrency or 0))


def _give_up_dead(db: sqlite3.Connection, now: float) -> None:
    """Take out the attempts of processes that have ended; what they may cost stays reserved."""
    for process in db.execute("SELECT DISTINCT place, pid, began FROM attempts").fetchall():
        is_running = Process(*process).is_running()
        if is_running:
            continue
        last = now - FOREIGN_SECONDS if is_running is None else now + 1
        chosen = "FROM attempts WHERE place = ? AND pid = ? AND began = ? AND at < ?"
        values = (*process, last)
        lost = db.execute(f"SELECT total(cost) {chosen}", values).fetchone()[0]
        db.execute("UPDATE spending SET lost = lost + ?", (lost,))
        db.execute(f"DELETE {chosen}", values)

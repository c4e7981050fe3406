"""The SQLite file of a journal: opened, checked, shared with other processes.

A transaction is short and holds no lock while anybody waits for a model. A process that is killed
leaves the file as it was before or after a transaction; SQLite finds what it left behind.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langchain_mimo._checks import warn
from langchain_mimo._forks import fork_lock
from langchain_mimo._sqlite_files import SqliteFile, immediate, pragma
from langchain_mimo.errors import MiMoConfigurationError, MiMoError

APPLICATION = 0x4D4D4A6C
"""SQLite's `application_id` of journals: "MMJl"."""

VERSION = 1
BUSY_SECONDS = 10.0
"""Seconds after which a file is given up that another program has locked."""

COLUMNS_OF_INFO = (
    *("source", "sha256", "modality", "start_ms", "end_ms", "segment_index", "segment_count"),
    *("prompt_sha256", "model", "options"),
)
COLUMNS_OF_OWNER = ("token", "place", "pid", "began", "at")
COLUMNS_OF_COUNTS = (
    *("responses", "without_usage", "input", "image", "video", "audio", "cached", "output"),
    "reasoning",
)
COLUMNS_OF_BILL = (*COLUMNS_OF_COUNTS, "attempts", "unpriced", "usd", "cny")
"""Sums over all answers to a key; `unpriced` counts those whose cost is not known."""

_TABLES = (
    # The answer is last: SQLite reads a row up to the last column that it needs.
    (
        "CREATE TABLE segments (key TEXT PRIMARY KEY, state TEXT NOT NULL,"
        " token TEXT, place TEXT, pid INT, began TEXT, at REAL,"
        " source TEXT, sha256 TEXT, modality TEXT, start_ms INT, end_ms INT, segment_index INT,"
        " segment_count INT, prompt_sha256 TEXT, model TEXT, options TEXT, responses INT DEFAULT 0,"
        " without_usage INT DEFAULT 0, input INT DEFAULT 0, image INT DEFAULT 0,"
        " video INT DEFAULT 0,"
        " audio INT DEFAULT 0, cached INT DEFAULT 0, output INT DEFAULT 0, reasoning INT DEFAULT 0,"
        " attempts INT DEFAULT 0, unpriced INT DEFAULT 0, usd REAL DEFAULT 0, cny REAL DEFAULT 0,"
        " interrupted INT DEFAULT 0, error TEXT, answer TEXT)"
    ),
    "CREATE INDEX segments_by_source ON segments (source, state)",
    "CREATE TABLE digests (path TEXT PRIMARY KEY, file TEXT, sha256 TEXT)",
)

MIGRATIONS: dict[int, Sequence[str]] = {}
"""The statements that make a journal of one version one of the next, by the older version."""


class JournalFile(SqliteFile):
    """A journal's file."""

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows that a SELECT finds; writers do not block it, nor it them."""
        with self._errors(), fork_lock:
            return self._connection().execute(statement, values).fetchall()

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Generator[sqlite3.Connection]:
        """Begin a transaction that writes, and commit it.

        Args:
            durable: Whether it must outlast a power failure: the disk confirms it. Without it, it
                outlasts the process alone.

        Raises:
            MiMoConfigurationError: The file cannot be used.
            MiMoError: The disk is full, or another program has locked the file.
        """
        with self._errors(), fork_lock:
            db = self._connection()
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            with immediate(db):
                self._check_version(db)
                yield db

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise unusable(self.path, error) from error

    def _connection(self) -> sqlite3.Connection:
        if self._db is not None:
            if self._is_there():
                return self._db
            self._abandon()
            place = "the file that is there now" if Path(self.path).exists() else "a new file"
            warn(
                f"the journal {self.path} was deleted or replaced while it was open; it goes on in "
                + place
            )
        return self._open(BUSY_SECONDS)

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Create the tables of a new file, migrate those of an old one, and refuse other files."""
        db.execute("PRAGMA secure_delete = ON")  # what is forgotten leaves no trace in free pages
        with immediate(db):
            _migrate(db, self._version(db, APPLICATION, VERSION, _TABLES))
            self._check_version(db)
        self._use_wal(db, BUSY_SECONDS)
        # Opens the write-ahead log, and raises if SQLite could open the file for reading alone.
        db.execute("DELETE FROM digests WHERE path IS NULL")

    def _refusal(self, reason: str) -> MiMoConfigurationError:
        return refused(self.path, reason)

    def _check_version(self, db: sqlite3.Connection) -> None:
        """Refuse a file that another version has made or, meanwhile, migrated."""
        if (version := pragma(db, "user_version")) != VERSION:
            raise self._refusal(
                f"its version is {version}, and this langchain-mimo knows version {VERSION}; "
                "update langchain-mimo, or use another file"
            )


def _migrate(db: sqlite3.Connection, version: int) -> None:
    """Make an older journal one of this version, in the transaction that is open."""
    while version < VERSION and version in MIGRATIONS:
        for statement in MIGRATIONS[version]:
            db.execute(statement)
        version += 1
        db.execute(f"PRAGMA user_version = {version}")


# Errors


def refused(path: str, reason: str) -> MiMoConfigurationError:
    """Return the error about a file that cannot be a journal."""
    return MiMoConfigurationError(f"the journal {path} cannot be used: {reason}")


def unusable(path: str, error: sqlite3.Error) -> MiMoError:
    """Return the error for what SQLite reports of a file."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            locked = MiMoError(
                f"the journal {path} is locked by another program; close it there, or try again"
            )
            locked.is_retryable = True
            return locked
        case sqlite3.SQLITE_FULL:
            return MiMoError(
                f"the journal {path} cannot be written: its disk is full; free some space and run "
                "again, what is in the journal is safe"
            )
        case sqlite3.SQLITE_IOERR:
            return MiMoError(
                f"the journal {path} cannot be read or written ({error}); check its disk and the "
                "limits of this process"
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return refused(
                path,
                f"it is damaged, or no SQLite file ({error}); restore it from a copy, or move it "
                "away, and everything is asked again",
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return refused(path, f"no permission to write it or its folder ({error})")
    return refused(path, str(error))

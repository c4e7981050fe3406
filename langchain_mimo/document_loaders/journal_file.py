"""The SQLite file of a journal: opened, checked, shared with other processes.

A transaction is short and holds no lock while anybody waits for a model. A process that is killed
leaves the file as it was before or after a transaction; SQLite finds what it left behind.

SQLite's locks belong to a process, and it remembers them: a connection that a fork inherits would
take the locks of the parent for its own. So all connections are closed before a fork, and each
process opens its own when it needs one.
"""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from langchain_mimo._checks import shown, warn
from langchain_mimo._forks import fork_lock
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
    "CREATE TABLE digests (path TEXT PRIMARY KEY, size INT, mtime_ns INT, sha256 TEXT)",
)

MIGRATIONS: dict[int, Sequence[str]] = {}
"""The statements that make a journal of one version one of the next, by the older version."""

_Identity: TypeAlias = tuple[int, int] | None
"""Device and inode of a file; None if there is none."""

_open_files: weakref.WeakSet[JournalFile] = weakref.WeakSet()


class JournalFile:
    """A journal's file. One connection for each process, which one thread at a time uses.

    Attributes:
        path: Its absolute path.
    """

    def __init__(self, path: str) -> None:
        """Take the path; the file is opened by the first transaction.

        Args:
            path: An absolute path.
        """
        self.path = path
        self._db: sqlite3.Connection | None = None
        self._identities: tuple[_Identity, _Identity] = None, None

    def __del__(self) -> None:
        """Close the connection."""
        with suppress(Exception):
            if self._db is not None:  # without the lock: this may run while any lock is held
                self._db.close()

    def close(self) -> None:
        """Close the connection; a later transaction opens it again."""
        with fork_lock:
            if self._db is not None:
                self._db.close()
                self._db = None

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
            with _immediate(db):
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
            if _identity(self.path) == self._identities[0]:
                return self._db
            self._leave()
        _create_private(self.path)
        db = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        self._db = db
        self._identities = _identity(self.path), _identity(self.path + "-wal")
        _open_files.add(self)
        return db

    def _leave(self) -> None:
        """Close a file that was deleted or replaced; nobody would find what is written to it.

        SQLite leaves the write-ahead log of such a file, and would read it as that of the new one.
        """
        self.close()
        if _identity(self.path + "-wal") == self._identities[1]:
            for suffix in ("-wal", "-shm"):
                with suppress(OSError):
                    Path(self.path + suffix).unlink()
        place = "the file that is there now" if Path(self.path).exists() else "a new file"
        warn(
            f"the journal {self.path} was deleted or replaced while it was open; it goes on in "
            + place
        )

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Create the tables of a new file, migrate those of an old one, and refuse other files."""
        db.execute("PRAGMA secure_delete = ON")  # what is forgotten leaves no trace in free pages
        with _immediate(db):
            version = _pragma(db, "user_version")
            application = _pragma(db, "application_id")
            if not version and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
                for statement in _TABLES:
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {VERSION}")
            elif application != APPLICATION:
                raise refused(self.path, "it is a database of another program")
            elif version < VERSION:
                _migrate(db, version)
            self._check_version(db)
        if _switch_to_wal(db) != "wal":
            raise refused(self.path, "its disk, perhaps a network drive, cannot share memory")
        # Opens the write-ahead log, and raises if SQLite could open the file for reading alone.
        db.execute("DELETE FROM digests WHERE path IS NULL")

    def _check_version(self, db: sqlite3.Connection) -> None:
        """Refuse a file that another version has made or, meanwhile, migrated."""
        if (version := _pragma(db, "user_version")) != VERSION:
            raise refused(
                self.path,
                f"its version is {version}, and this langchain-mimo knows version {VERSION}; "
                "update langchain-mimo, or use another file",
            )


@contextmanager
def _immediate(db: sqlite3.Connection) -> Generator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite may have rolled back itself
            db.execute("ROLLBACK")
        raise


def _migrate(db: sqlite3.Connection, version: int) -> None:
    """Make an older journal one of this version, in the transaction that is open."""
    while version < VERSION and version in MIGRATIONS:
        for statement in MIGRATIONS[version]:
            db.execute(statement)
        version += 1
        db.execute(f"PRAGMA user_version = {version}")


def _switch_to_wal(db: sqlite3.Connection) -> str:
    """Return the journal mode after choosing "wal".

    Of several processes that open a new file, one switches; to the others SQLite says at once that
    the file is locked, whatever the timeout.
    """
    last = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return str(_pragma(db, "journal_mode = WAL"))
        except sqlite3.OperationalError:
            if time.monotonic() > last:
                raise
            time.sleep(0.01)


def _pragma(db: sqlite3.Connection, text: str) -> Any:
    return db.execute(f"PRAGMA {text}").fetchone()[0]


def _identity(path: str) -> _Identity:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


# Paths


def checked_path(path: object) -> str:
    """Return the absolute path of a journal, in which "~" is the home folder.

    Args:
        path: What the program passed.

    Raises:
        ValueError: It is not the path of a file.
    """
    text: Any = os.fspath(path) if isinstance(path, os.PathLike) else path
    is_file = isinstance(text, str) and text.strip() and "\0" not in text
    if not is_file or text == ":memory:" or text.startswith("file:"):
        raise ValueError(f"path must be the path of a file, got {shown(path)}")
    try:
        return str(Path(text).expanduser().absolute())
    except RuntimeError as error:
        raise ValueError(f"path={text!r}: {error}") from error


def _create_private(path: str) -> None:
    """Create a file that only its owner may read, since SQLite would let everybody read it.

    A file that exists is not opened: closing it would drop the locks that SQLite has on it in this
    process.
    """
    folder = Path(path).parent
    if not folder.is_dir():
        raise refused(path, f"its folder {folder} does not exist")
    if Path(path).is_dir():
        raise refused(path, "it is a folder; add the name of a file")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        # SQLite would give its files beside a read-only file the same mode, and leave them behind.
        is_effective = os.access in os.supports_effective_ids
        if not os.access(path, os.R_OK | os.W_OK, effective_ids=is_effective):
            raise refused(path, "no permission to write it") from None
    except PermissionError as error:
        raise refused(path, f"no permission to write in its folder {folder}") from error
    except OSError as error:
        raise refused(path, error.strerror or str(error)) from error


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


# Forks


def _close_all() -> None:
    fork_lock.acquire()  # until the fork is over, in both processes
    for file in list(_open_files):
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_close_all,
        after_in_parent=fork_lock.release,
        after_in_child=fork_lock.release,
    )

"""SQLite files that processes share: private, checked before anything is written, closed by forks.

SQLite's locks belong to a process: a fork does not inherit them, and closing any descriptor of the
file drops them all. Without them, the process that closes the file last deletes the write-ahead log
that others write to. So all connections are closed before a fork, each process opens its own, and
whatever else opens files (media of a folder, for one) asks `is_open_database` before.

Importing this module does not import sqlite3, which budgets in memory do without.
"""

from __future__ import annotations

import os
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_mimo._checks import shown
from langchain_mimo._forks import fork_lock

if TYPE_CHECKING:
    import sqlite3

_open_files: weakref.WeakSet[SqliteFile] = weakref.WeakSet()
_open_paths: list[str] = []
"""The path of each open connection. A list can be copied while another thread changes it."""

_Identity: TypeAlias = tuple[int, int] | None
"""Device and inode of a file; None if there is none."""


class SqliteFile(ABC):
    """A file with one connection for each process, which one thread at a time uses.

    Attributes:
        path: Its absolute path.
    """

    def __init__(self, path: str) -> None:
        """Take the path; `_open` opens the file.

        Args:
            path: An absolute path.
        """
        self.path = path
        self._real_path = path
        self._db: sqlite3.Connection | None = None
        self._identity: _Identity = None
        self._log_identity: _Identity = None

    def __del__(self) -> None:
        """Close the connection."""
        with suppress(Exception):
            self._disconnect()  # without the lock: this may run while any lock is held

    def close(self) -> None:
        """Close the connection; what needs it next opens another one."""
        with fork_lock:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
            _open_paths.remove(self._real_path)

    def _is_there(self) -> bool:
        """Whether the path still names the file that was opened last."""
        return _identity(self.path) == self._identity

    def _abandon(self) -> None:
        """Close a file that was deleted or replaced; nobody would find what is written to it.

        SQLite leaves the write-ahead log of such a file, and would read it as that of the new one.
        """
        if self._db is None:
            return
        log = self._real_path + "-wal"
        is_ours = _identity(log) == self._log_identity
        self.close()
        for path in (log, self._real_path + "-shm") if is_ours else ():
            with suppress(OSError):
                Path(path).unlink()

    @abstractmethod
    def _prepare(self, db: sqlite3.Connection) -> None:
        """Check a file that was just opened, create its tables if it is new, then `_use_wal`."""

    @abstractmethod
    def _refusal(self, reason: str) -> Exception:
        """Return the error that says why the file cannot be used."""

    def _open(self, busy_seconds: float) -> sqlite3.Connection:
        """Open the file, or create it; the caller holds `fork_lock`.

        Args:
            busy_seconds: Seconds to wait for other programs that have locked the file.
        """
        import sqlite3  # noqa: PLC0415 - see above

        self._real_path = os.path.realpath(self.path)  # SQLite's other files are beside this one
        self._create_private()
        _open_paths.append(self._real_path)
        try:
            db = sqlite3.connect(
                self.path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(db)
            except BaseException:
                db.close()
                raise
        except BaseException:
            _open_paths.remove(self._real_path)
            raise
        self._db = db
        self._identity = _identity(self.path)
        self._log_identity = _identity(self._real_path + "-wal")
        _open_files.add(self)
        return db

    def _create_private(self) -> None:
        """Create a file that only its owner may read, since SQLite would let everybody read it."""
        folder = Path(self._real_path).parent
        if not folder.is_dir():
            raise self._refusal(f"its folder {folder} does not exist")
        if Path(self.path).is_dir():
            raise self._refusal("it is a folder; add the name of a file")
        try:
            os.close(os.open(self._real_path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            # SQLite would give its files beside a read-only file the same mode, and leave them.
            is_effective = os.access in os.supports_effective_ids
            if not os.access(self.path, os.R_OK | os.W_OK, effective_ids=is_effective):
                raise self._refusal("no permission to write it") from None
        except PermissionError as error:
            raise self._refusal(f"no permission to write in its folder {folder}") from error
        except OSError as error:
            raise self._refusal(error.strerror or str(error)) from error

    def _version(
        self, db: sqlite3.Connection, application: int, newest: int, tables: Iterable[str]
    ) -> int:
        """Return the version of the file, after the tables of a new one were created.

        Args:
            db: A connection with an open transaction.
            application: The `application_id` of such files.
            newest: The version of a new file.
            tables: The statements that create its tables.
        """
        version, found = int(pragma(db, "user_version")), pragma(db, "application_id")
        if not version and not found and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
            for statement in tables:
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {application}")
            db.execute(f"PRAGMA user_version = {newest}")
            return newest
        if found != application:
            raise self._refusal("it is a database of another program")
        return version

    def _use_wal(self, db: sqlite3.Connection, busy_seconds: float) -> None:
        """Choose a write-ahead log; only of a file that is known to be ours, since it stays so.

        Of several processes that open a new file, one switches; to the others SQLite says at once
        that the file is locked, whatever the timeout.
        """
        import sqlite3  # noqa: PLC0415 - see above

        last = time.monotonic() + busy_seconds
        while True:
            try:
                mode = pragma(db, "journal_mode = WAL")
                break
            except sqlite3.OperationalError:
                if time.monotonic() > last:
                    raise
                time.sleep(0.01)
        if mode != "wal":
            raise self._refusal("its disk, perhaps a network drive, cannot share memory")


def _identity(path: str) -> _Identity:
    try:
        found = os.stat(path)  # noqa: PTH116 - before each transaction
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def immediate(db: sqlite3.Connection) -> Generator[None]:
    """Begin a transaction that writes, and commit it, or roll it back after an error."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(Exception):  # SQLite may have rolled back itself
            db.execute("ROLLBACK")
        raise


def pragma(db: sqlite3.Connection, text: str) -> Any:
    """Return the value of a pragma."""
    return db.execute(f"PRAGMA {text}").fetchone()[0]


def is_open_database(status: os.stat_result) -> bool:
    """Return whether a file is one that this process has open here, or belongs to one.

    Args:
        status: What `os.stat` says of the file, since opening it would already be wrong.
    """
    for path in set(_open_paths):
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                if os.path.samestat(os.stat(path + suffix), status):  # noqa: PTH116
                    return True
    return False


def file_path(name: str, path: object) -> str:
    """Return the absolute path of a file, in which "~" is the home folder.

    Args:
        name: The argument that was passed.
        path: Its value.

    Raises:
        ValueError: It is not the path of a file.
    """
    text: Any = os.fspath(path) if isinstance(path, os.PathLike) else path
    is_file = isinstance(text, str) and text.strip() and "\0" not in text
    if not is_file or text == ":memory:" or text.startswith("file:"):
        raise ValueError(f"{name} must be the path of a file, got {shown(path)}")
    try:
        return str(Path(text).expanduser().absolute())
    except RuntimeError as error:
        raise ValueError(f"{name}={text!r}: {error}") from error


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

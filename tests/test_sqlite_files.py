"""SQLite files that processes share; tests of budgets and journals have what they do with theirs."""

import gc
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from langchain_mimo import _sqlite_files
from langchain_mimo._sqlite_files import SqliteFile, immediate, is_open_database


class Notes(SqliteFile):
    """A file with one table."""

    def _prepare(self, db):
        with immediate(db):
            if self._version(db, 7, 1, ["CREATE TABLE notes (text)"]) != 1:
                raise self._refusal("another version")
        self._use_wal(db, 1.0)

    def _refusal(self, reason):
        return LookupError(reason)


@pytest.fixture
def notes(tmp_path):
    notes = Notes(str(tmp_path / "notes.db"))
    yield notes
    notes.close()


def is_open(path):
    return is_open_database(Path(path).stat())


@pytest.mark.skipif(not hasattr(os, "link"), reason="no hard links")
def test_a_file_is_open_by_any_name_until_its_last_connection_is_closed(notes):
    other = Notes(notes.path)
    notes._open(1.0)
    other._open(1.0)
    os.link(notes.path, notes.path + " by another name")
    assert is_open(notes.path)
    assert is_open(notes.path + "-wal")
    assert is_open(notes.path + " by another name")
    assert not is_open(__file__)
    notes.close()
    notes.close()
    assert is_open(notes.path)
    del other
    gc.collect()
    assert not is_open(notes.path)


@pytest.mark.skipif(sys.platform == "win32", reason="links need permission there")
def test_a_link_is_followed_to_a_file_that_may_not_exist_yet(tmp_path):
    (tmp_path / "folder").mkdir()
    link, target = tmp_path / "link.db", tmp_path / "folder" / "notes.db"
    link.symlink_to(target)
    notes = Notes(str(link))
    notes._open(1.0).execute("INSERT INTO notes VALUES ('one')")
    names = [str(target) + suffix for suffix in ("", "-wal", "-shm")]
    assert all(is_open(name) for name in names)
    assert {Path(name).stat().st_mode & 0o777 for name in names} == {0o600}
    link.unlink()
    notes.close()
    assert not is_open(target)


def test_a_file_that_is_refused_is_not_open(notes):
    Path(notes.path).write_bytes(b"notes" * 500)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        notes._open(1.0)
    assert not is_open(notes.path)
    Path(notes.path).unlink()
    notes._open(1.0).execute("PRAGMA user_version = 2")
    notes.close()
    with pytest.raises(LookupError, match="another version"):
        notes._open(1.0)
    assert not is_open(notes.path)
    assert _sqlite_files._open_paths.count(notes.path) == 0


def test_a_transaction_that_fails_changes_nothing(notes):
    db = notes._open(1.0)

    def fail():
        with immediate(db):
            db.execute("INSERT INTO notes VALUES ('one')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with immediate(db):
        db.execute("INSERT INTO notes VALUES ('two')")
    assert db.execute("SELECT text FROM notes").fetchall() == [("two",)]


class Busy:
    """A connection to a file of which others choose the journal mode."""

    def __init__(self, times, mode="wal"):
        self.times, self.mode = times, mode

    def execute(self, _):
        self.times -= 1
        if self.times >= 0:
            raise sqlite3.OperationalError("database is locked")
        return self

    def fetchone(self):
        return (self.mode,)


def test_the_journal_mode_is_tried_again(notes):
    """SQLite says at once that a file is locked while another process chooses its mode."""
    busy = Busy(3)
    notes._use_wal(busy, 5.0)
    assert busy.times == -1
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        notes._use_wal(Busy(1000), 0.05)


def test_a_disk_without_shared_memory_is_refused(notes):
    with pytest.raises(LookupError, match="perhaps a network drive, cannot share memory"):
        notes._use_wal(Busy(0, "delete"), 1.0)

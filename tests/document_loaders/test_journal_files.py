"""The file of a journal: what it survives, what it refuses, and what a full disk costs."""

import contextlib
import os
import re
import sqlite3
import stat
import sys
import tempfile
from pathlib import Path

import pytest
from journal_samples import answer, info

from langchain_mimo import MiMoConfigurationError, MiMoError, _sqlite_files
from langchain_mimo.document_loaders import Claim, MediaJournal, journal_file

IS_ROOT = hasattr(os, "getuid") and os.getuid() == 0
NOBODY = 65534


@pytest.fixture
def path(tmp_path):
    return tmp_path / "media.journal"


def fill(path, keys="abc"):
    """Make a journal with some answers, and return them."""
    with MediaJournal(path) as journal:
        return {key: journal.claim(key, info()).finish(answer("text of " + key)) for key in keys}


def read(path, keys="abc"):
    with MediaJournal(path) as journal:
        return {key: journal.claim(key, info(), timeout=0) for key in keys}


def execute(path, *statements):
    """Change a file as another program would."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        return [db.execute(each).fetchall() for each in statements]


def refused(path, reason):
    return pytest.raises(
        MiMoConfigurationError,
        match=f"^the journal {re.escape(str(path))} cannot be used: {reason}",
    )


# ------------------------------------------------------------------------------ what it makes


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are others there")
def test_only_the_owner_may_read_it(path):
    with MediaJournal(path) as journal:
        journal.claim("k", info()).finish(answer())
        for each in path.parent.iterdir():
            assert stat.S_IMODE(each.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_answers_are_written_through_to_the_disk(path):
    with MediaJournal(path) as journal:
        file = journal._file
        for durable, level in ((True, 2), (False, 1)):
            with file.transaction(durable=durable) as db:
                assert db.execute("PRAGMA synchronous").fetchone() == (level,)
                assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_lookup_uses_an_index(path):
    fill(path)
    for statement in (
        "SELECT * FROM segments WHERE key = 'a'",
        "SELECT key FROM segments WHERE source = 'a.mp4'",
        "SELECT sha256 FROM digests WHERE path = 'a'",
    ):
        plan = execute(path, f"EXPLAIN QUERY PLAN {statement}")[0][0][3]
        assert plan.startswith("SEARCH"), plan


def test_a_path_of_the_home_folder(path, monkeypatch):
    monkeypatch.setenv("HOME", str(path.parent))
    monkeypatch.setenv("USERPROFILE", str(path.parent))
    with MediaJournal(Path("~") / path.name) as journal:
        assert journal.path == str(path)


def test_an_empty_file_becomes_a_journal(path):
    path.touch()
    fill(path)


# ------------------------------------------------------------------------------ what it refuses


def test_a_folder(path):
    path.mkdir()
    with refused(path, "it is a folder; add the name of a file"):
        MediaJournal(path)


def test_a_folder_that_does_not_exist(path):
    with refused(path / "j", "its folder .* does not exist"):
        MediaJournal(path / "j")


@pytest.fixture
def folder_of_a_user():
    """A folder of a user who may not write everything, as root may; the test runs as that user."""
    with tempfile.TemporaryDirectory() as name:
        fill(Path(name) / "first")  # imports all modules, which that user may not be able to read
        if not IS_ROOT:
            yield Path(name)
            return
        os.chown(name, NOBODY, -1)
        os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are others there")
def test_a_file_and_a_folder_that_may_not_be_written(folder_of_a_user):
    folder = folder_of_a_user
    path = folder / "media.journal"
    answers = fill(path)
    path.chmod(0o400)
    with refused(path, "no permission to write it"):
        MediaJournal(path)
    path.chmod(0o600)
    folder.chmod(0o500)
    with refused(path, "no permission to write it or its folder"):
        MediaJournal(path)
    with refused(folder / "new", "no permission to write in its folder"):
        MediaJournal(folder / "new")
    folder.chmod(0o700)
    assert read(path) == answers


def test_what_the_system_reports_of_permissions(path, monkeypatch):
    """As above, on any system."""

    def deny(*_):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", deny)
        with refused(path, "no permission to write in its folder"):
            MediaJournal(path)
    fill(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_, **__: False)
        with refused(path, "no permission to write it"):
            MediaJournal(path)
    with MediaJournal(path) as journal:
        journal._file._connection().execute("PRAGMA query_only = ON")
        with refused(
            path, r"no permission to write it or its folder \(attempt to write a readonly"
        ):
            journal.claim("new", info())


def test_the_database_of_another_program_stays_as_it_is(path):
    execute(path, "CREATE TABLE notes (text)", "INSERT INTO notes VALUES ('mine')")
    before = path.read_bytes()
    with refused(path, "it is a database of another program"):
        MediaJournal(path)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", [b"no database at all\n" * 100, b"SQLite format 3\0" * 100])
def test_what_is_no_database_stays_as_it_is(path, content):
    path.write_bytes(content)
    with refused(path, "it is damaged, or no SQLite file"):
        MediaJournal(path)
    assert path.read_bytes() == content


def test_a_damaged_journal_names_what_to_do(path):
    fill(path, [f"key {number}" for number in range(200)])
    content = bytearray(path.read_bytes())
    content[4096:-4096] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    reason = "it is damaged, .*; restore it from a copy, or move it away"
    with refused(path, reason), MediaJournal(path) as journal:
        journal.report()


def test_a_newer_journal_is_refused_and_stays_as_it_is(path):
    answers = fill(path)
    execute(path, f"PRAGMA user_version = {journal_file.VERSION + 1}")
    with refused(path, "its version is 2, and this langchain-mimo knows version 1; update"):
        MediaJournal(path)
    execute(path, f"PRAGMA user_version = {journal_file.VERSION}")
    assert read(path) == answers


# ----------------------------------------------------------------------------------- versions


@pytest.fixture
def newer(monkeypatch):
    """A langchain-mimo whose journals have a later version."""
    monkeypatch.setattr(journal_file, "VERSION", 3)
    monkeypatch.setattr(
        journal_file,
        "MIGRATIONS",
        {
            1: ["ALTER TABLE segments ADD COLUMN language TEXT"],
            2: ["UPDATE segments SET language = 'zh'", "CREATE INDEX new ON segments (language)"],
        },
    )


def test_an_older_journal_is_migrated(path, request):
    answers = fill(path)
    request.getfixturevalue("newer")
    assert read(path) == answers
    assert execute(path, "PRAGMA user_version", "SELECT DISTINCT language FROM segments") == [
        [(3,)],
        [("zh",)],
    ]


def test_a_migration_that_fails_changes_nothing(path, newer, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(journal_file, "VERSION", 1)
        answers = fill(path)
    journal_file.MIGRATIONS[2] = ["UPDATE segments SET absent = 1"]
    with refused(path, "no such column: absent"):
        MediaJournal(path)
    assert execute(path, "PRAGMA user_version") == [[(1,)]]
    monkeypatch.setattr(journal_file, "VERSION", 1)
    assert read(path) == answers


def test_a_version_without_a_way_up_is_refused(path, newer):
    execute(path, "CREATE TABLE segments (key)", "PRAGMA user_version = 1")
    execute(path, f"PRAGMA application_id = {journal_file.APPLICATION}")
    del journal_file.MIGRATIONS[1]
    with refused(path, "its version is 1, and this langchain-mimo knows version 3"):
        MediaJournal(path)


def test_a_journal_that_another_version_migrates_meanwhile_is_left_alone(path, monkeypatch):
    with MediaJournal(path) as older:
        claim = older.claim("a", info())
        execute(path, "PRAGMA user_version = 3")
        with refused(path, "its version is 3"):
            older.claim("b", info())
        with pytest.warns(UserWarning, match="its version is 3.* is kept in memory"):
            claim.finish(answer())
        execute(path, "PRAGMA user_version = 1")
    assert read(path, "a")["a"].text == "{}"


# ----------------------------------------------------------------------------------- full disks


def fill_disk(journal):
    """Let the file grow no further, as SQLite reports a full disk."""
    pages = journal._file._connection().execute("PRAGMA page_count").fetchone()[0]
    journal._file._connection().execute(f"PRAGMA max_page_count = {pages}")


def free_disk(journal):
    journal._file._connection().execute("PRAGMA max_page_count = 1000000")


LARGE = "x" * 100_000


def test_a_full_disk_loses_no_answer_and_sends_nothing_more(path):
    with MediaJournal(path) as journal:
        first, second = journal.claim("a", info()), journal.claim("b", info(index=1))
        fill_disk(journal)
        with pytest.warns(UserWarning, match=r"disk is full.*a\.mp4, segment 0 is kept in memory"):
            entry = first.finish(answer(LARGE))
        with pytest.warns(UserWarning, match="segment 1"):
            second.fail("refused", "moderation", answer(LARGE))
        assert (entry.state, entry.text) == ("done", LARGE)
        for key in ("a", "c"):
            with pytest.raises(MiMoError, match=f"{re.escape(str(path))} .*disk is full") as caught:
                journal.claim(key, info())
            assert caught.value.__notes__ == ["Outcomes that are in memory alone: 2."]
        with MediaJournal(path) as other, pytest.raises(MiMoError, match="is asking"):
            other.claim("a", info(), timeout=0)  # it is paid for, though not written
        free_disk(journal)
        assert journal.claim("a", info()) == entry
        assert journal.report().total.attempts == 2
    assert read(path, "a")["a"] == entry
    assert read(path, "b")["b"].state == "refused"


def test_closing_saves_what_is_in_memory_or_says_that_it_is_lost(path):
    for is_free in (True, False):
        journal = MediaJournal(path)
        claim = journal.claim(f"key {is_free}", info())
        fill_disk(journal)
        with pytest.warns(UserWarning, match="disk is full"):
            claim.finish(answer(LARGE))
        if is_free:
            free_disk(journal)
            journal.close()
        else:
            with pytest.raises(MiMoError, match="disk is full") as caught:
                journal.close()
            assert "memory alone: 1" in caught.value.__notes__[0]
        del claim
    with MediaJournal(path) as journal:
        assert journal.claim("key True", info()).text == LARGE
        again = journal.claim("key False", info(), timeout=0)
        assert isinstance(again, Claim)
        again.release()


def test_ctrl_c_while_an_answer_is_written_loses_nothing(path, monkeypatch):
    with MediaJournal(path) as journal:
        claim = journal.claim("a", info())
        with monkeypatch.context() as patch:
            patch.setattr(_sqlite_files, "_identity", _interrupt)
            with pytest.raises(KeyboardInterrupt):
                claim.finish(answer())
        assert journal.claim("a", info()).text == "{}"
        assert journal.report().total.attempts == 1


def _interrupt(_):
    raise KeyboardInterrupt


def test_an_outcome_that_was_written_before_an_interrupt_is_billed_once(path, monkeypatch):
    with MediaJournal(path) as journal:
        claim = journal.claim("a", info())
        with monkeypatch.context() as patch:
            patch.setattr("langchain_mimo.document_loaders.journal_claims.live_tokens", None)
            with pytest.raises(AttributeError):  # as an interrupt right after the commit
                claim.finish(answer())
        outcomes = journal._outcomes
        outcomes._unsaved["token"] = _outcome(claim)
        assert journal.claim("a", info()).text == "{}"
        assert journal.report().total.attempts == 1


def _outcome(claim):
    from langchain_mimo.document_loaders.journal_claims import Outcome  # noqa: PLC0415

    return Outcome(claim.key, claim.info, claim._token, "done", None, answer("again"))


def test_a_locked_file_can_be_tried_again(path, monkeypatch):
    monkeypatch.setattr(journal_file, "BUSY_SECONDS", 0.05)
    with MediaJournal(path) as journal:
        claim = journal.claim("a", info())
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(MiMoError, match="is locked by another program") as caught:
                journal.claim("b", info())
            assert caught.value.is_retryable
            with pytest.warns(UserWarning, match=r"locked.* is kept in memory"):
                claim.finish(answer())
            with pytest.raises(MiMoError, match="is locked"):
                MediaJournal(path)
        assert journal.claim("a", info()).state == "done"


# ----------------------------------------------------------------------- deleted and replaced


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be deleted there")
@pytest.mark.parametrize("suffixes", [("",), ("", "-wal", "-shm")])
@pytest.mark.parametrize("count", [1, 2])
def test_a_journal_that_was_deleted_goes_on_in_a_new_file(path, suffixes, count):
    fill(path)
    journals = [MediaJournal(path) for _ in range(count)]
    claims = [each.claim(f"mine {n}", info()) for n, each in enumerate(journals)]
    for suffix in suffixes:
        Path(f"{path}{suffix}").unlink()
    for number, claim in enumerate(claims):
        with pytest.warns(
            UserWarning, match="was deleted or replaced while it was open; it goes on"
        ):
            claim.finish(answer(f"text {number}"))
    for each in journals:
        assert each.claim("mine 0", info()).text == "text 0"
        each.close()
    with MediaJournal(path) as other:
        assert other.report().total.segments == count
        assert other.claim(f"mine {count - 1}", info()).text == f"text {count - 1}"
        other.claim("a", info(), timeout=0).release()


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be replaced there")
@pytest.mark.parametrize("is_link", [False, True])
def test_a_journal_that_was_replaced_goes_on_in_the_other_file(path, is_link):
    answers = fill(path.with_name("copy"), "xyz")
    target = path.with_name("target") if is_link else path
    if is_link:
        path.symlink_to(target)
    with MediaJournal(path) as journal:
        claim = journal.claim("a", info())
        path.with_name("copy").replace(target)
        with pytest.warns(UserWarning, match="it goes on in the file that is there now"):
            assert journal.claim("x", info()) == answers["x"]
        claim.finish(answer("mine"))
    assert read(path, "xyz") == answers
    assert read(path, "a")["a"].text == "mine"


def test_a_journal_that_was_replaced_by_something_else_is_refused(path):
    with MediaJournal(path) as journal:
        path.unlink()
        path.write_text("notes")
        with refused(path, "it is damaged"), pytest.warns(UserWarning, match="replaced"):
            journal.claim("a", info())
    assert path.read_text() == "notes"


def test_a_copy_and_a_moved_journal_know_the_answers(path):
    answers = fill(path)
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    path.rename(path.with_name("moved"))
    assert read(copy) == read(path.with_name("moved")) == answers

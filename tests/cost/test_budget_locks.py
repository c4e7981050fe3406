"""A budget's file: its locks, forks that use it, and files of others, which stay as they are."""

import contextlib
import os
import pickle
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from forks import end_of_fork, needs_fork, start_fork

from langchain_mimo import MediaError, MiMoConfigurationError
from langchain_mimo._media.local_files import open_allowed_file, resolve_folders
from langchain_mimo._media.references import LocalFile
from langchain_mimo.cost import CallBudget, budget_file, plan_corpus
from langchain_mimo.cost.budget_file import FileStore
from langchain_mimo.cost.windows import Ask
from langchain_mimo.document_loaders import MediaBlobLoader
from langchain_mimo.media import identify


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "budget.db")


needs_proc_locks = pytest.mark.skipif(
    not Path("/proc/locks").exists(), reason="looks into /proc/locks"
)


def holds_lock(path):
    """Return whether this process has a lock on a file, which SQLite keeps while it is open."""
    inode = f":{Path(path).stat().st_ino} "
    lines = Path("/proc/locks").read_text().splitlines()
    return any(inode in line and line.split()[4] == str(os.getpid()) for line in lines)


@needs_proc_locks
@pytest.mark.parametrize("again", ["new", "pickled"])
def test_a_second_budget_of_a_file_leaves_the_lock_of_the_first(path, again):
    budget = CallBudget(share=path)
    assert holds_lock(path)
    other = CallBudget(share=path) if again == "new" else pickle.loads(pickle.dumps(budget))
    assert holds_lock(path)
    del other
    assert budget.acquire()
    assert holds_lock(path)


@needs_proc_locks
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_looking_for_media_beside_a_budget_leaves_its_lock(path, suffix):
    budget = CallBudget(share=path)
    file = Path(path + suffix)
    link = file.with_name("link.mp4")
    link.symlink_to(file)
    for name in (file, link):
        with pytest.raises(MediaError, match="it is a budget or journal that is in use"):
            identify(name)
        with pytest.raises(ValueError, match="it is a budget or journal that is in use"):
            open_allowed_file(LocalFile(str(name)), resolve_folders(file.parent))
    unreadable = plan_corpus(file.parent, model="mimo-v2.6-flash").unreadable
    assert any(each.path.name == file.name for each in unreadable)
    assert list(MediaBlobLoader(file.parent).yield_blobs()) == []
    assert holds_lock(path)
    del budget


def test_a_budget_that_is_closed_is_a_file_as_any_other(path):
    CallBudget(share=path)
    assert identify(path) is None


@needs_proc_locks
@needs_fork
def test_a_fork_has_a_lock_of_its_own(path):
    """Without it, who closes the file last would delete the log that others write to."""
    budgets = [CallBudget(share=path), CallBudget(share=path)]
    child = start_fork(lambda: budgets[0].acquire() and holds_lock(path))
    assert end_of_fork(child) == 0
    assert all(budget.acquire() for budget in budgets)
    assert holds_lock(path)


@needs_fork
def test_the_log_stays_while_a_fork_uses_it(path):
    """The parent closes its connection while the child has the file open."""
    budgets = [CallBudget(share=path)]
    (go, say), (answered, answer) = os.pipe(), os.pipe()

    def use_it():
        budgets[0].acquire()
        os.write(answer, b"x")
        os.read(go, 1)
        budgets[0].acquire()
        return Path(path + "-wal").exists()

    child = start_fork(use_it)
    assert os.read(answered, 1) == b"x"
    budgets[0].acquire()
    budgets.clear()
    assert Path(path + "-wal").exists()
    os.write(say, b"x")
    assert end_of_fork(child) == 0
    for descriptor in (go, say, answered, answer):
        os.close(descriptor)
    ask = Ask("", "", requests_per_minute=4)
    store = FileStore(path)
    assert [isinstance(store.reserve(ask), int) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE entries (x)"],
        ["PRAGMA application_id = 5"],
        ["CREATE TABLE entries (x)", f"PRAGMA application_id = {budget_file.APPLICATION}"],
    ],
)
def test_a_file_that_is_refused_stays_as_it_is_to_the_byte(path, statements):
    with contextlib.closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()
    before = Path(path).read_bytes()
    with pytest.raises(MiMoConfigurationError, match=r"cannot be used: (it is a|its version is)"):
        CallBudget(share=path)
    assert Path(path).read_bytes() == before
    assert [file.name for file in Path(path).parent.iterdir()] == ["budget.db"]


def test_a_budget_in_memory_needs_no_sqlite():
    code = "import sys; from langchain_mimo.cost import CallBudget; CallBudget(max_cost=1)"
    code += "; print('sqlite3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

"""A journal that several processes share, some of which are forked or killed."""

import contextlib
import multiprocessing
import os
import random
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path

import pytest
from forks import end_of_fork, needs_fork, start_fork
from journal_samples import answer, info

from langchain_mimo import MiMoError
from langchain_mimo.document_loaders import Claim, MediaBlobLoader, MediaJournal

SPAWN = multiprocessing.get_context("spawn")
needs_processes = pytest.mark.skipif(sys.platform == "win32", reason="no look at processes there")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "media.journal")


def note(log, line):
    """Write what a fake model was asked, as its server would: before it answers."""
    descriptor = os.open(log, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(descriptor, f"{os.getpid()} {line}\n".encode())
    os.close(descriptor)


def asked(log):
    """Return the keys that each process was asked about."""
    pairs = [line.split() for line in Path(log).read_text().splitlines()]
    return [(int(pid), key) for pid, key in pairs]


def work(path, log, keys, seconds):
    """Ask about segments as a parser does, with four threads."""
    with MediaJournal(path) as journal:

        def run(keys):
            for key in keys:
                found = journal.claim(key, info(), timeout=60)
                if isinstance(found, Claim):
                    note(log, key)
                    time.sleep(seconds)
                    found.finish(answer("text of " + key))

        order = random.sample(keys, len(keys))
        threads = [threading.Thread(target=run, args=(order[number::4],)) for number in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()


def check(path, keys):
    """Return the report, after a look at every segment and at the file itself."""
    with MediaJournal(path) as journal:
        for key in keys:
            entry = journal.claim(key, info(), timeout=0)
            assert (entry.state, entry.text) == ("done", "text of " + key)
        total = journal.report().total
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return total


def run_processes(path, log, keys, count, kills, seconds=0.01):
    """Let processes work, kill some of them at random moments, and return their ids."""
    killed = []

    def start():
        process = SPAWN.Process(target=work, args=(path, log, keys, seconds))
        process.start()
        return process

    running = [start() for _ in range(count)]
    for _ in range(kills):
        before = len(Path(log).read_text().splitlines()) if Path(log).exists() else 0
        wanted = before + random.randint(1, len(keys) // (2 * kills))
        while len(Path(log).read_text().splitlines() if Path(log).exists() else ()) < wanted:
            time.sleep(0.005)
            assert any(each.is_alive() for each in running)
        victim = random.choice([each for each in running if each.is_alive()])
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
        killed.append(victim.pid)
        running.append(start())
    for each in running:
        each.join(120)
        assert each.exitcode == (-signal.SIGKILL if each.pid in killed else 0)
    return killed


def check_requests(path, log, keys, killed):
    """Each segment is asked about once, but for those in flight when their process was killed."""
    requests = asked(log)
    again = len(requests) - len(keys)
    assert 0 <= again <= 4 * len(killed)
    assert {key for _, key in requests} == set(keys)
    answered = [key for pid, key in requests if pid not in killed]
    assert len(answered) == len(set(answered)), "two living processes asked about one segment"
    total = check(path, keys)
    assert total.attempts == len(keys)
    assert again <= total.interrupted <= 4 * len(killed)


@needs_processes
def test_processes_share_the_work_though_one_is_killed(path, tmp_path):
    keys = [f"k{number}" for number in range(60)]
    log = str(tmp_path / "requests")
    killed = run_processes(path, log, keys, count=2, kills=1)
    check_requests(path, log, keys, killed)


@needs_processes
@pytest.mark.slow
def test_ten_kills_cost_no_more_than_what_was_in_flight(path, tmp_path):
    keys = [f"k{number}" for number in range(1000)]
    log = str(tmp_path / "requests")
    killed = run_processes(path, log, keys, count=4, kills=10)
    check_requests(path, log, keys, killed)


# ------------------------------------------------------------------------------ one that dies


def claim_and_die(path):
    journal = MediaJournal(path)
    journal.claim("done", info()).finish(answer("text of done"))
    claim = journal.claim("k", info())
    os.kill(os.getpid(), signal.SIGKILL)
    claim.release()


@needs_processes
def test_the_claim_of_a_killed_process_is_free_at_once(path):
    child = SPAWN.Process(target=claim_and_die, args=(path,))
    child.start()
    child.join()
    assert Path(path + "-wal").stat().st_size > 0  # it left its write-ahead log
    with MediaJournal(path) as journal:
        claim = journal.claim("k", info(), timeout=0)
        assert isinstance(claim, Claim)
        claim.finish(answer("text of k"))
        assert journal.report().total.interrupted == 1
    assert check(path, ["k", "done"]).attempts == 2


@needs_fork
@needs_processes
def test_the_claim_of_a_process_that_nobody_has_waited_for_is_free(path):
    """Until its parent looks at it, the system keeps its process id."""
    with MediaJournal(path) as journal:
        child = start_fork(lambda: journal.claim("k", info()))
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        journal.claim("k", info(), timeout=0).release()
        os.waitpid(child, 0)


# --------------------------------------------------------------------------------------- forks


@needs_fork
def test_a_fork_uses_the_journal_that_it_inherits(path):
    with MediaJournal(path) as journal:
        mine, kept = journal.claim("mine", info()), journal.claim("kept", info())

        def child():
            with pytest.raises(MiMoError, match="is asking"):
                journal.claim("mine", info(), timeout=0)
            journal.claim("theirs", info()).finish(answer("text of theirs"))
            mine.finish(answer("text of mine"))

        assert end_of_fork(start_fork(child)) == 0
        assert journal.claim("theirs", info()).text == "text of theirs"
        assert journal.claim("mine", info()).text == "text of mine"
        with pytest.raises(MiMoError, match="is asking"):
            journal.claim("kept", info(), timeout=0)
        kept.finish(answer("text of kept"))
    check(path, ["mine", "kept", "theirs"])


@needs_fork
def test_a_fork_that_drops_a_claim_leaves_it_to_its_parent(path):
    with MediaJournal(path) as journal:
        claims = [journal.claim("k", info())]

        def child():
            claims.clear()
            journal.claim("other", info()).finish(answer("text of other"))

        assert end_of_fork(start_fork(child)) == 0
        with pytest.raises(MiMoError, match="is asking"):
            journal.claim("k", info(), timeout=0)
        claims.pop().finish(answer("text of k"))
    assert check(path, ["k", "other"]).interrupted == 0


@needs_fork
@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="looks into /proc/locks")
def test_a_fork_and_a_second_journal_hold_locks_of_their_own(path):
    """Without them, who closes the file last would delete the log that others write to."""

    def holds_lock():
        inode = f":{Path(path).stat().st_ino} "
        lines = Path("/proc/locks").read_text().splitlines()
        return any(inode in line and line.split()[4] == str(os.getpid()) for line in lines)

    def child():
        journal.report()
        assert holds_lock()

    with MediaJournal(path) as journal:
        assert holds_lock()
        MediaJournal(path).close()
        with MediaJournal(path):
            assert holds_lock()
            assert end_of_fork(start_fork(child)) == 0
        journal.report()
        assert list(MediaBlobLoader(Path(path).parent).yield_blobs()) == []
        assert holds_lock()


@needs_fork
def test_forks_while_threads_write(path):
    keys = [f"k{number}" for number in range(200)]
    with MediaJournal(path) as journal:

        def write(keys):
            for key in keys:
                journal.claim(key, info()).finish(answer("text of " + key))

        threads = [threading.Thread(target=write, args=(keys[n:100:2],)) for n in range(2)]
        for each in threads:
            each.start()
        for number in range(10):
            assert (
                end_of_fork(start_fork(lambda n=number: write(keys[100 + n * 10 : 110 + n * 10])))
                == 0
            )
        for each in threads:
            each.join()
    assert check(path, keys).attempts == len(keys)


# ------------------------------------------------------------------------------ file size limits


def write_to_the_limit(path):
    import resource  # noqa: PLC0415
    import warnings  # noqa: PLC0415

    warnings.simplefilter("error")
    journal = MediaJournal(path)
    journal.claim("first", info()).finish(answer("text of first"))
    claim = journal.claim("second", info())
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    with pytest.raises(UserWarning, match=r"check its disk and the limits.* is kept in memory"):
        claim.finish(answer("x" * 200_000))
    with pytest.raises(MiMoError, match="check its disk and the limits of this process"):
        journal.claim("third", info())
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert journal.claim("second", info()).text == "x" * 200_000
    journal.close()


@needs_processes
def test_a_file_that_the_system_lets_grow_no_further(path):
    child = SPAWN.Process(target=write_to_the_limit, args=(path,))
    child.start()
    child.join()
    assert child.exitcode == 0
    check(path, ["first"])

"""What was found in whole files is kept within limits, and found once however many ask."""

import contextlib
import hashlib
import os
import threading
import time

import pytest
from forks import end_of_fork, needs_fork, start_fork

from langchain_mimo._media import digests, known_files
from langchain_mimo._media.known_files import KnownFiles
from langchain_mimo.errors import MediaError
from langchain_mimo.media import file_digest


@pytest.fixture
def settled(monkeypatch):
    """Let files count as settled at once: no program can set back when an inode changed."""
    monkeypatch.setattr(known_files, "SETTLED_NS", 0)


@pytest.fixture
def descriptors(tmp_path, settled):
    """Ten files that nobody writes to any more."""
    opened = []
    for number in range(10):
        path = tmp_path / str(number)
        path.write_bytes(bytes(number + 1))
        opened.append(os.open(path, os.O_RDONLY))
    yield opened
    for descriptor in opened:
        os.close(descriptor)


def test_a_file_is_read_once_while_it_is_kept(descriptors):
    known, reads = KnownFiles(3), []
    for number in (0, 1, 2, 0, 3, 0, 1):
        known.get(descriptors[number], lambda number=number: reads.append(number))
    assert reads == [0, 1, 2, 3, 1]  # 1 was not used for the longest time when 3 came
    assert len(known) == 3
    known.get(descriptors[0], lambda: reads.append("audio"), "audio")
    assert reads[-1] == "audio"


def test_weights_are_limited_each_and_together(descriptors):
    known = KnownFiles(10, weight=lambda value: value, most_each=6)
    for descriptor, weight in zip(descriptors, (4, 5, 7, 3, 6), strict=False):
        assert known.get(descriptor, lambda weight=weight: weight) == weight
    kept = [known.get(each, lambda: 0) for each in descriptors[:5]]
    assert kept == [0, 0, 0, 3, 6]


def test_many_threads_read_a_file_once(descriptors):
    known, reads, results = KnownFiles(3), [], []
    waits = []

    def read():
        reads.append(1)
        time.sleep(0.5)
        return "found"

    def ask():
        found = known.get(descriptors[0], read, waiting=lambda: waits.append(1))
        results.append(found)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reads == [1]
    assert results == ["found"] * 8
    assert waits


def test_a_failure_is_not_kept_and_the_next_one_reads(descriptors):
    known = KnownFiles(3)
    with pytest.raises(ZeroDivisionError):
        known.get(descriptors[0], lambda: 1 // 0)
    assert known.get(descriptors[0], lambda: 1) == 1


def test_a_file_that_two_threads_read_counts_once(descriptors):
    """After a thread failed, one that waited for it and a new one may both read."""
    known, reading, fails = KnownFiles(2), threading.Event(), threading.Event()
    both = threading.Barrier(2)

    def fail():
        reading.set()
        fails.wait(10)
        raise ZeroDivisionError

    def read():
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(1)
        return "found"

    def ask(read, waiting=lambda: None):
        with contextlib.suppress(ZeroDivisionError):
            known.get(descriptors[0], read, waiting=waiting)

    waits = threading.Event()
    threads = [
        threading.Thread(target=ask, args=(fail,)),
        threading.Thread(target=ask, args=(read, waits.set)),
        threading.Thread(target=ask, args=(read,)),
    ]
    threads[0].start()
    reading.wait(10)
    threads[1].start()
    assert waits.wait(10)
    fails.set()
    threads[0].join(10)
    threads[2].start()
    for each in threads[1:]:
        each.join(10)
    for descriptor in descriptors[:2]:
        assert known.get(descriptor, lambda: "found") == "found"
    assert len(known) == 2


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_does_not_wait_for_threads_of_its_parent(descriptors):
    known, reading, done = KnownFiles(3), threading.Event(), threading.Event()

    def read():
        reading.set()
        done.wait(10)

    thread = threading.Thread(target=known.get, args=(descriptors[0], read))
    thread.start()
    reading.wait()
    ended = end_of_fork(start_fork(lambda: known.get(descriptors[0], lambda: 7) == 7))
    done.set()
    thread.join()
    assert ended == 0


def test_a_digest_follows_the_file(tmp_path):
    path = tmp_path / "file"
    for number, seconds_ago in enumerate((60, 50, 0, 0)):
        path.write_bytes(bytes([number]) * 3_000_000)
        os.utime(path, (time.time() - seconds_ago,) * 2)
        for _ in range(2):
            assert file_digest(path) == hashlib.sha256(bytes([number]) * 3_000_000).hexdigest()
            assert file_digest(str(path)) == file_digest(path)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("read_between", [False, True])
def test_a_change_in_place_is_noticed_when_its_time_is_set_back(tmp_path, read_between):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    before = path.stat()
    assert file_digest(path) == hashlib.sha256(b"one").hexdigest()
    time.sleep(0.03)  # a tick of the kernel
    with path.open("r+b") as file:
        file.write(b"two")
    if read_between:
        file_digest(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (before.st_ino, before.st_size, before.st_mtime_ns) == (
        after.st_ino, after.st_size, after.st_mtime_ns,
    )  # fmt: skip
    assert file_digest(path) == hashlib.sha256(b"two").hexdigest()


def test_a_file_whose_time_was_set_back_is_not_settled(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    os.utime(path, (0, 0))
    with path.open("rb") as file:
        assert known_files.identity(file.fileno()) is None


@pytest.mark.usefixtures("settled")
def test_digests_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(digests.known_digests, "_most", 5)
    for number in range(9):
        path = tmp_path / str(number)
        path.write_bytes(bytes([number]))
        file_digest(path)
    assert len(digests.known_digests) <= 5


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_digest_of_no_file_is_refused_by_name(tmp_path, name):
    with pytest.raises(MediaError, match="cannot open '/"):
        file_digest(tmp_path / name)

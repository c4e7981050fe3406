"""Which process is this one, and does another one still run."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
from forks import needs_fork, start_fork

from langchain_mimo import _processes
from langchain_mimo._processes import Process, this_process

needs_processes = pytest.mark.skipif(sys.platform == "win32", reason="no look at processes there")
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")


@needs_processes
def test_this_process_runs():
    assert this_process().pid == os.getpid()
    assert this_process() is this_process()
    assert this_process().is_running() is True


@needs_processes
def test_a_process_that_has_ended_does_not_run():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert this_process()._replace(pid=child.pid).is_running() is False


@needs_proc
def test_another_process_with_the_same_id_does_not_count():
    earlier = this_process()._replace(began="1")
    assert earlier.is_running() is False


@needs_fork
@needs_proc
def test_a_process_that_nobody_has_waited_for_has_ended():
    child = start_fork(lambda: None)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    for began in ("1", ""):
        assert this_process()._replace(pid=child, began=began).is_running() is False
    os.waitpid(child, 0)


@needs_processes
@pytest.mark.parametrize(("noted", "told"), [("", "123"), ("123", ""), ("", ""), ("123", "123")])
def test_where_the_system_does_not_tell_when_it_began_the_id_decides(monkeypatch, noted, told):
    process = this_process()._replace(began=noted)
    monkeypatch.setattr(_processes, "_began", lambda _: told)
    assert process.is_running() is True


@needs_processes
def test_a_process_of_another_user_runs(monkeypatch):
    def deny(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", deny)
    assert this_process().is_running() is True


@pytest.mark.parametrize("place", ["another host", ""])
def test_a_process_elsewhere_cannot_be_seen(place):
    assert Process(place, os.getpid(), "").is_running() is None


def test_where_processes_cannot_be_looked_up_no_process_is_touched(monkeypatch):
    """On Windows, `os.kill(pid, 0)` ends a process."""
    monkeypatch.setattr(_processes, "_place", lambda: "")
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a process would be ended"))
    _processes._process.cache_clear()
    try:
        assert this_process().is_running() is None
    finally:
        _processes._process.cache_clear()


def check_child(parent):
    mine = this_process()
    assert mine.pid == os.getpid() != parent.pid
    assert mine.is_running()
    assert parent.is_running()


@needs_fork
@needs_processes
def test_a_fork_is_a_process_of_its_own():
    child = multiprocessing.get_context("fork").Process(target=check_child, args=(this_process(),))
    child.start()
    child.join(30)
    assert child.exitcode == 0

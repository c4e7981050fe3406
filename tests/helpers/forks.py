"""Runs a function in a fork of the test's process, and waits no longer than a test may take."""

import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

WAIT_S = 40
"""Seconds after which a fork counts as hung."""


def start_fork(function: Callable[[], object]) -> int:
    """Call a function in a fork; return the id of its process.

    Its exit code is 0 if the function returns a true value or None, 1 if it returns a false one,
    and 2 if it raises.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        child = os.fork()
    if child:
        return child
    code = 2
    try:
        result = function()
        code = 0 if result is None or result else 1
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(code)


def end_of_fork(child: int) -> int:
    """Wait for a fork; return its exit code, or minus the signal that ended it.

    A fork that hangs is killed: it may hang before it runs any code of the function.
    """
    until = time.monotonic() + WAIT_S
    ended, status = os.waitpid(child, os.WNOHANG)
    while not ended:
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.005)
        ended, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status)

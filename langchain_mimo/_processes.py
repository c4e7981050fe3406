"""Which process is this one, and does another one still run.

A process is known by its place, its id and when it began, since the system uses ids again. Files
that processes share (`cost.budget_file`, the journal) note it with what a process holds there.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

_ENDED = "ended"


class Process(NamedTuple):
    """A process.

    Attributes:
        place: The host and, on Linux, its namespace of process ids: containers of one host have
            their own. "" where processes cannot be looked up, on Windows.
        pid: Process id.
        began: When it began, in ticks since the system started; "" if the system does not tell.
    """

    place: str
    pid: int
    began: str

    def is_running(self) -> bool | None:
        """Return whether the process still runs; None if that cannot be seen from here.

        A process that has ended counts as ended, even before its parent has waited for it. Where
        the system does not tell when it began, one that has its id is taken for it.
        """
        place = this_process().place
        if not place or self.place != place:
            return None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass  # it belongs to another user
        began = _began(self.pid)
        return began != _ENDED and (began == self.began or not began or not self.began)


def this_process() -> Process:
    """Return the process that asks."""
    return _process(os.getpid())


@lru_cache(maxsize=1)
def _process(pid: int) -> Process:
    return Process(_place(), pid, _began(pid))


def _place() -> str:
    if sys.platform == "win32":  # `os.kill(pid, 0)` would end a process there
        return ""
    namespace = ""
    with suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {namespace}"


def _began(pid: int) -> str:
    """Return when a process began; `_ENDED` for one that nobody has waited for yet ("Z")."""
    with suppress(OSError, IndexError):
        text = Path(f"/proc/{pid}/stat").read_text()
        state, *others = text.rpartition(")")[2].split()
        return _ENDED if state == "Z" else others[18]
    return ""

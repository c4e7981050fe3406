"""Which process asks about a segment, and whether it still runs.

A claim is held by a process, known by its id and start time, and in it by one `Claim` object, known
by a token. A claim without its process, or without its object, is free. Nothing has to be renewed,
so a process may be stopped or busy for as long as it likes.

Only the processes of the same host and container can be looked up. For others, and on Windows, a
claim ends by its age.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOREIGN_SECONDS = 3600.0
"""Seconds after which a claim is free whose process cannot be looked up."""

live_tokens: set[str] = set()
"""The claims of this process whose object exists. A fork inherits the set, but not the process id
that stands with each token in the file."""


class Owner(NamedTuple):
    """Who asks about a segment.

    Attributes:
        token: Identifies the `Claim` object.
        place: Host and container; "" if processes cannot be looked up.
        pid: Process id.
        began: When the process began, as the system writes it; "" if it does not tell.
        at: Wall time of the claim.
    """

    token: str
    place: str
    pid: int
    began: str
    at: float

    @classmethod
    def new(cls, now: float) -> Owner:
        """Return this process as the owner of a new claim."""
        return cls(secrets.token_hex(16), *_this_process(os.getpid()), now)

    def is_alive(self, now: float) -> bool:
        """Return whether the claim is still held.

        Args:
            now: The wall time.
        """
        place, pid, began = _this_process(os.getpid())
        if (self.place, self.pid, self.began) == (place, pid, began):
            return self.token in live_tokens
        if self.place == place and place:
            return _runs(self.pid, self.began)
        return now < self.at + FOREIGN_SECONDS

    def __str__(self) -> str:
        """Name the process, for an error."""
        host = self.place.partition(" ")[0]
        return f"process {self.pid}" + (f" on {host}" if host else "")


@cache
def _this_process(pid: int) -> tuple[str, int, str]:
    return _place(), pid, _began(pid)


def _place() -> str:
    """Return where process ids mean the same as here; "" on Windows.

    `os.kill(pid, 0)` would end the process there.
    """
    if sys.platform == "win32":
        return ""
    namespace = ""
    with suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {namespace}"


def _runs(pid: int, began: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it belongs to another user
    return _began(pid) == began


def _began(pid: int) -> str:
    """Return when a process began, in ticks since the start of the system; ids are used again.

    A process that has ended and that its parent has not yet asked about ("Z") counts as ended.
    """
    with suppress(OSError, IndexError):
        text = Path(f"/proc/{pid}/stat").read_text()
        state, *others = text.rpartition(")")[2].split()
        return "ended" if state == "Z" else others[18]
    return ""

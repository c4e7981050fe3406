"""Which process asks about a segment, and whether it still runs.

A claim is held by a process, known by its id and start time, and in it by one `Claim` object, known
by a token. A claim without its process, or without its object, is free. Nothing has to be renewed,
so a process may be stopped or busy for as long as it likes.

Only the processes of the same host and container can be looked up. For others, and on Windows, a
claim ends by its age.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

from langchain_mimo._processes import Process, this_process

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
        return cls(secrets.token_hex(16), *this_process(), now)

    def is_alive(self, now: float) -> bool:
        """Return whether the claim is still held.

        Args:
            now: The wall time.
        """
        process = Process(self.place, self.pid, self.began)
        if process == this_process():
            return self.token in live_tokens
        is_running = process.is_running()
        return now < self.at + FOREIGN_SECONDS if is_running is None else is_running

    def __str__(self) -> str:
        """Name the process, for an error."""
        host = self.place.partition(" ")[0]
        return f"process {self.pid}" + (f" on {host}" if host else "")

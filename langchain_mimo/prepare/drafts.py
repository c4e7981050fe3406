"""Drafts: files that are written first, and moved to their place when they are complete.

A draft is deleted when its call ends, however it ends, except that a killed process cannot delete
anything. A later call to the same folder does it instead. It deletes nothing but drafts, and knows
by a lock that no process is writing to them: a process holds a lock on its draft while it works,
and the operating system drops the lock when the process dies. Where files cannot be locked, as on
Windows and some network folders, nothing is cleaned up.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

STALE_SECONDS = 3600
"""A draft that was last written to longer ago, and that no process has locked, is deleted."""

_NAME = re.compile(r"\.prepare-[0-9a-f]{16}")
_MAX_ENTRIES = 10_000
"""Entries of a folder that are looked at for stale drafts."""


@contextmanager
def new_draft(folder: Path, *, private: bool) -> Iterator[Path]:
    """Create an empty draft in a folder, and delete it at the end unless it was moved.

    Args:
        folder: Where to create it.
        private: Whether only this user may read it; else it has the permissions of a new file.

    Raises:
        OSError: It cannot be created.
    """
    with suppress(OSError):
        _delete_stale_drafts(folder)
    draft = folder / f".prepare-{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
    try:
        _lock(descriptor)
        yield draft
    finally:
        os.close(descriptor)
        draft.unlink(missing_ok=True)


def _delete_stale_drafts(folder: Path) -> None:
    if fcntl is None:
        return
    with os.scandir(folder) as entries:
        names = [e.name for e in islice(entries, _MAX_ENTRIES) if _NAME.fullmatch(e.name)]
    for name in names:
        with suppress(OSError):
            _delete_if_stale(folder / name)


def _delete_if_stale(draft: Path) -> None:
    if not _is_old_and_ours(draft.lstat()):
        return
    descriptor = os.open(draft, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if _is_old_and_ours(os.fstat(descriptor)) and _lock(descriptor):
            draft.unlink()
    finally:
        os.close(descriptor)


def _is_old_and_ours(status: os.stat_result) -> bool:
    return (
        stat.S_ISREG(status.st_mode)
        and status.st_uid == os.getuid()
        and time.time() - status.st_mtime > STALE_SECONDS
    )


def _lock(descriptor: int) -> bool:
    """Lock a file for this process; False if it is locked, or cannot be."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

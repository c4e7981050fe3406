"""Remembers what takes reading a whole file: its digest, the index of its packets.

A file counts as the same by its device, inode, size and the times at which its contents and its
inode changed (`mtime`, `ctime`), and only if both are past: a file may be written twice within the
resolution of the clock. Programs can set back `mtime`, but not `ctime`. On Windows, `ctime` is when
the file was created: there, a file that is changed in place, with the same size and its `mtime` set
back, counts as the same.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Generic, TypeAlias, TypeVar
from weakref import WeakSet

T = TypeVar("T")
Identity: TypeAlias = tuple[int, int, int, int, int]

SETTLED_NS = 2_000_000_000
"""Nanoseconds after which a file is no longer being written."""

_LOOK_UP_SECONDS = 0.2
"""Seconds after which a thread that waits for another one looks whether it may wait on."""


def identity(descriptor: int) -> Identity | None:
    """Return what identifies an open file and its contents; None if nothing does."""
    state = os.fstat(descriptor)
    times = state.st_mtime_ns, state.st_ctime_ns
    if not state.st_ino or time.time_ns() - max(times) < SETTLED_NS:
        return None
    return state.st_dev, state.st_ino, state.st_size, *times


class KnownFiles(Generic[T]):
    """What was found in the files that were read last.

    It is safe to use in threads: while one reads a file, others that want the same wait for it.
    """

    def __init__(
        self, most: int, weight: Callable[[T], int] = lambda _: 1, most_each: int | None = None
    ) -> None:
        """Begin with nothing known.

        Args:
            most: Most weight that is kept.
            weight: The weight of what was found. Default: 1.
            most_each: Most weight of one file that is kept. Default: `most`.
        """
        self._most, self._weight = most, weight
        self._most_each = most if most_each is None else most_each
        self._reset()
        _all.add(self)

    def _reset(self) -> None:
        self._known: OrderedDict[Hashable, T] = OrderedDict()
        self._kept = 0
        self._reading: dict[Hashable, Lock] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        """Return of how many files something is known."""
        return len(self._known)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()
            self._kept = 0

    def get(
        self,
        descriptor: int,
        read: Callable[[], T],
        *more: Hashable,
        waiting: Callable[[], None] = lambda: None,
    ) -> T:
        """Return what is known of a file, or read it.

        Args:
            descriptor: The open file.
            read: Reads the file.
            more: What else the result depends on.
            waiting: Called every now and then while another thread reads it; it may raise.
        """
        file = identity(descriptor)
        if file is None:
            return read()
        key = (*file, *more)
        with self._lock:
            reading = self._reading.setdefault(key, Lock())
        while not reading.acquire(timeout=_LOOK_UP_SECONDS):
            waiting()
        try:
            with self._lock:
                if key in self._known:
                    self._known.move_to_end(key)
                    return self._known[key]
            found = read()
            if identity(descriptor) == file:
                self._keep(key, found)
            return found
        finally:
            with self._lock:
                if self._reading.get(key) is reading:
                    del self._reading[key]
            reading.release()

    def _keep(self, key: Hashable, found: T) -> None:
        weight = self._weight(found)
        if weight > self._most_each:
            return
        with self._lock:
            if key in self._known:  # two threads read it, after a third one failed
                self._kept -= self._weight(self._known.pop(key))
            self._known[key] = found
            self._kept += weight
            while self._kept > self._most:
                self._kept -= self._weight(self._known.popitem(last=False)[1])


_all: WeakSet[KnownFiles[Any]] = WeakSet()


def _after_fork() -> None:
    """Forget what is known, with the locks that threads of the parent may hold."""
    for each in _all:
        each._reset()  # noqa: SLF001 - the same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

"""Jobs in threads, and signals, for a thread that a KeyboardInterrupt may strike at any place.

Python raises KeyboardInterrupt in the main thread between any two steps, also within the methods of
`concurrent.futures` and `threading.Event`, which are Python code: a lock that they hold is then
never released, and whoever wants it waits for ever. What the main thread uses here is safe from
that: locks in a `with` statement and `SimpleQueue`, which are both written in C, and attributes.
"""

from __future__ import annotations

import _thread
import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

IDLE_S = 0.05
"""Seconds after which a thread that has nothing to do ends: so long may the program's end wait."""


class Signal:
    """Ends the waits of threads and of tasks; any thread sets it, once.

    Attributes:
        is_set: Whether it was set.
    """

    __slots__ = ("_tasks", "_threads", "is_set")

    def __init__(self) -> None:
        self.is_set = False
        self._threads: SimpleQueue[None] = SimpleQueue()
        self._tasks: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()

    def set(self) -> None:
        """End the waits, and all later ones."""
        self.is_set = True
        self._threads.put(None)
        while self._tasks:
            with suppress(IndexError, RuntimeError):  # a task left meanwhile; its loop is closed
                loop, woken = self._tasks.popleft()
                loop.call_soon_threadsafe(_wake, woken)

    def wait(self, seconds: float | None) -> None:
        """Wait until it is set, in a thread.

        Args:
            seconds: Seconds after which the wait ends anyway; None for no limit.
        """
        if self.is_set:
            return
        with suppress(Empty):
            self._threads.get(timeout=None if seconds is None else max(seconds, 0.0))
            self._threads.put(None)  # for other threads

    async def wait_in_loop(self, seconds: float | None) -> None:
        """Do the same in an event loop."""
        loop = asyncio.get_running_loop()
        waiting = loop, loop.create_future()
        self._tasks.append(waiting)
        if not self.is_set:  # else `set` may not have seen the task
            try:
                await asyncio.wait((waiting[1],), timeout=seconds)
            finally:
                with suppress(ValueError):
                    self._tasks.remove(waiting)


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)


class ThreadJob(Generic[R]):
    """A job that a thread runs once."""

    def __init__(self, work: Callable[[], R]) -> None:
        self._work: Callable[[], R] | None = work
        self._outcome: tuple[R] | BaseException | None = None

    def run(self) -> None:
        """Run it, and keep its result or error."""
        work, self._work = self._work, None
        if work is None:
            return
        try:
            self._outcome = (work(),)
        except BaseException as error:  # noqa: BLE001 - raised where the result is wanted
            self._outcome = error

    def done(self) -> bool:
        """Whether it has ended."""
        return self._outcome is not None

    def exception(self) -> BaseException | None:
        """Return its error; None without one, or if it has not ended."""
        return self._outcome if isinstance(self._outcome, BaseException) else None

    def result(self) -> R:
        """Return its result, or raise its error. It must have ended."""
        if isinstance(self._outcome, tuple):
            return self._outcome[0]
        raise self._outcome or RuntimeError("the job has not ended")


class Workers:
    """Threads that run jobs, each with the context variables of the thread that starts it.

    Args:
        most: Most threads, at least 1.
        name: The name of the threads.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most, self._name = most, name
        # The garbage collector may end what starts a job, in the middle of anything.
        self._lock = threading.RLock()
        self._threads: set[threading.Thread] = set()
        self._jobs: SimpleQueue[ThreadJob[Any] | None] = SimpleQueue()
        self._ended: SimpleQueue[None] = SimpleQueue()

    def start(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> ThreadJob[R]:
        """Start a job, as soon as a thread is free.

        Args:
            work: The function.
            *args: Its arguments.
            **kwargs: Its arguments.
        """
        job: ThreadJob[R] = ThreadJob(partial(copy_context().run, work, *args, **kwargs))
        with self._lock:
            self._jobs.put(job)
            # An interrupt may have struck where one was about to start.
            self._threads = {each for each in self._threads if each.is_alive()}
            if len(self._threads) < self._most:
                # No daemon: what was begun is done before a program ends.
                thread = threading.Thread(target=self._run, name=self._name, daemon=False)
                self._threads.add(thread)
                _start(thread)
        return job

    def wait(self) -> None:
        """Wait until a job has ended since the last wait; it may be one that was seen already."""
        self._ended.get()

    def result_of(self, job: ThreadJob[R]) -> R:
        """Wait for a job; return its result, or raise its error."""
        while not job.done():
            self.wait()
        return job.result()

    def close(self) -> None:
        """Begin no more jobs, and wait until those that were begun have ended."""
        while not self._jobs.empty():
            try:
                self._jobs.get_nowait()
            except Empty:  # a thread was faster
                break
        with self._lock:
            threads = list(self._threads)
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            if thread.is_alive():  # one whose start was interrupted need not be
                thread.join()

    def _run(self) -> None:
        this = threading.current_thread()
        while True:
            try:
                job = self._jobs.get(timeout=IDLE_S)
            except Empty:
                with self._lock:
                    self._threads.discard(this)
                    if self._jobs.empty():
                        return
                    self._threads.add(this)
                continue
            if job is None:
                return
            job.run()
            del job
            # One token is enough: whoever takes it looks at all jobs afterwards.
            if self._ended.empty():
                self._ended.put(None)


def _start(thread: threading.Thread) -> None:
    """Start a thread from another one, since `Thread.start` waits with locks of Python code."""
    begun: SimpleQueue[BaseException | None] = SimpleQueue()

    def start() -> None:
        try:
            thread.start()
        except BaseException as error:  # noqa: BLE001 - raised below
            begun.put(error)
        else:
            begun.put(None)

    _thread.start_new_thread(start, ())
    if (error := begun.get()) is not None:
        raise error

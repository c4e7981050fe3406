"""Threads that run jobs for one thread, which a KeyboardInterrupt may strike at any place.

Python raises KeyboardInterrupt in the main thread between any two steps, also within the methods of
`concurrent.futures.Future` and `wait`, which are Python code: a lock that they hold is then never
released, and a worker that wants it waits for ever. What the main thread uses here is safe from
that: locks in a `with` statement and `SimpleQueue`, which are both written in C, and attributes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

IDLE_S = 1.0
"""Seconds after which a thread that has nothing to do ends: so that none outlives the program."""


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
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
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
            if len(self._threads) == self._most:
                return job
            thread = threading.Thread(target=self._run, name="mimo-media")
            self._threads.add(thread)
        thread.start()
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
        while True:
            try:
                job = self._jobs.get(timeout=IDLE_S)
            except Empty:
                with self._lock:
                    if self._jobs.empty():
                        self._threads.discard(threading.current_thread())
                        return
                continue
            if job is None:
                return
            job.run()
            del job
            # One token is enough: whoever takes it looks at all jobs afterwards.
            if self._ended.empty():
                self._ended.put(None)

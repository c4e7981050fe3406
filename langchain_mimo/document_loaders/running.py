"""Runs work in order with a bounded window, in threads or as tasks, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from typing import ParamSpec, TypeVar

from langchain_mimo._threads import ThreadJob, Workers

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


class StoppedError(Exception):
    """Work was stopped before it sent anything, since nobody waits for its result."""


class Stop:
    """Tells work that is under way that nobody waits for its result."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Stop the work at its next `check`."""
        self._is_set = True

    def check(self, _: float = 0.0) -> None:
        """Raise if the work was stopped; takes what a callback for progress gets.

        Raises:
            StoppedError: It was.
        """
        if self._is_set:
            raise StoppedError


def in_order(
    items: Iterable[T], work: Callable[[T, Stop], R], max_concurrency: int
) -> Generator[R, None, None]:
    """Yield the results of work on items in their order, with so many under way at most.

    When the iteration ends early, by an error or by its caller, nothing new begins; what was sent
    already runs to its end, so that its answer is kept.

    Args:
        items: The items.
        work: The function; it gets an item, and the `Stop` to check.
        max_concurrency: Most items under way, at least 1.
    """
    stop, pending, workers = Stop(), deque[ThreadJob[R]](), Workers(max_concurrency, "mimo-media")
    try:
        for item in items:
            pending.append(workers.start(work, item, stop))
            if len(pending) == max_concurrency:
                yield workers.result_of(pending.popleft())
        while pending:
            yield workers.result_of(pending.popleft())
    finally:
        stop.set()
        workers.close()


async def ain_order(
    items: Iterable[T], work: Callable[[T, Stop], Awaitable[R]], max_concurrency: int
) -> AsyncGenerator[R, None]:
    """Do the same with tasks.

    After an error, what was sent already runs to its end; when the caller cancels or leaves, it is
    cancelled, and has ended when this returns.
    """
    stop, pending = Stop(), deque[asyncio.Future[R]]()
    try:
        for item in items:
            pending.append(asyncio.ensure_future(work(item, stop)))
            if len(pending) == max_concurrency:
                yield await pending[0]
                pending.popleft()
        while pending:
            yield await pending[0]
            pending.popleft()
    except Exception:
        stop.set()
        await asyncio.gather(*pending, return_exceptions=True)
        raise
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


async def in_thread(stop: Stop, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run blocking work in a thread; on cancellation stop it, and wait until it has ended.

    Args:
        stop: Set on cancellation.
        work: The function.
        *args: Its arguments.
        **kwargs: Its arguments.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # it is not raised: the cancellation is
        raise

"""Lets attempts into the windows of a store in the order in which they came; nothing waits here.

Each window has a line. Only the first in line asks the store; the others wait until it has left the
line. Whoever waits yields a future, and the caller (the transport, for threads and for event loops)
waits for it: so a place that becomes free is taken at once, and nobody asks again and again.

A store that others change too (`is_shared`) cannot say when they leave room, so the first in line
also asks it again after a while. It is called in a thread of its own, as it may block.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from weakref import WeakSet

from langchain_mimo._transport.gates import Wait
from langchain_mimo.cost.windows import Ask, BudgetStore, Later, Settlement
from langchain_mimo.errors import MiMoError

PLACE_SECONDS = 0.1
"""Seconds after which the first in line asks a shared store again, when it waits for a place."""

WINDOW_SECONDS = 1.0
"""The same, when it waits for a window: others may need less than they have reserved."""

LOGGED_SECONDS = 3.0
"""Seconds from which on a wait is logged when it begins."""

UNSENT = Settlement(0, 0.0, is_sent=False)
"""How an attempt ends of which the server got nothing."""

FREE = Settlement(0, 0.0)
"""How an attempt ends that used no tokens and cost nothing."""


_logger = logging.getLogger("langchain_mimo")


class _Waiter:
    """One in a line; `woken` is what it waits for, and `logged` what the log said about it."""

    __slots__ = ("logged", "woken")

    def __init__(self) -> None:
        self.woken: Future[None] | None = None
        self.logged = ""

    def wake(self) -> None:
        if self.woken is not None and not self.woken.done():
            self.woken.set_result(None)

    def sleep(self) -> Future[None]:
        self.woken = Future()
        return self.woken

    def log(self, answer: Later) -> None:
        """Log a long wait when it begins, once for each reason."""
        if (answer.seconds or 0.0) >= LOGGED_SECONDS and answer.reason != self.logged:
            self.logged = answer.reason
            _logger.info(
                "waiting up to %.0f s for the call budget (%s)", answer.seconds, answer.reason
            )


class Lines:
    """The lines before the windows of one store. It is safe to use in threads and event loops."""

    def __init__(self, store: BudgetStore) -> None:
        """Begin without anybody in line.

        Args:
            store: The store.
        """
        self._store = store
        self._reset()
        _all.add(self)

    def _reset(self) -> None:
        """Forget who waits, and the lock and the thread: a fork has none of them."""
        # A generator may be closed by the garbage collector, in the middle of anything.
        self._lock = threading.RLock()
        self._lines: dict[str, deque[_Waiter]] = {}
        self._thread: ThreadPoolExecutor | None = None
        self._failure: Exception | None = None
        self._owed: deque[tuple[Any, Settlement]] = deque()

    def enter_now(self, ask: Ask) -> Any:
        """Return what the store says if nobody is in line and it need not be waited for, else None.

        Args:
            ask: What is needed.
        """
        if self._store.is_shared:
            return None
        with self._lock:
            if ask.window in self._lines:
                return None
            answer = self._store.reserve(ask)
        return None if isinstance(answer, Later) else answer

    def enter(self, ask: Ask, *, waits: bool = True) -> Generator[Wait, None, Any]:
        """Wait in line, and return what the store says: a reservation, or `Spending`.

        Closing the generator leaves the line.

        Args:
            ask: What is needed.
            waits: False returns `Later` instead of waiting for room.
        """
        waiter = _Waiter()
        with self._lock:
            self._lines.setdefault(ask.window, deque()).append(waiter)
        reserve = self._reserve_in_thread if self._store.is_shared else self._reserve
        try:
            while True:
                with self._lock:
                    is_first = self._lines[ask.window][0] is waiter
                    woken = waiter.sleep()  # before the store looks: what ends meanwhile counts
                if is_first:
                    answer = yield from reserve(ask)
                    if not isinstance(answer, Later):
                        return answer
                else:
                    answer = Later(None)
                if not waits:
                    return answer
                waiter.log(answer)
                yield self._seconds(answer, is_first), woken
        finally:
            self._leave(ask.window, waiter)

    def _seconds(self, answer: Later, is_first: bool) -> float | None:
        """Return how long to wait: a shared store is asked again in a while, whatever it says."""
        if not self._store.is_shared or not is_first:
            return answer.seconds
        return PLACE_SECONDS if answer.seconds is None else min(answer.seconds, WINDOW_SECONDS)

    def _leave(self, window: str, waiter: _Waiter) -> None:
        with self._lock:
            line = self._lines.get(window)
            if line is None or waiter not in line:
                return  # after a fork
            line.remove(waiter)
            if not line:
                del self._lines[window]
        self.wake(window)

    def wake(self, window: str | None = None) -> None:
        """Let the first in a line, or in every line, ask the store again."""
        with self._lock:
            lines = self._lines.values() if window is None else (self._lines.get(window),)
            first = [line[0] for line in lines if line]
            for waiter in first:
                waiter.wake()

    def _reserve(self, ask: Ask) -> Generator[Wait, None, Any]:
        """Ask a store of this process."""
        with self._lock:
            return self._store.reserve(ask)
        yield  # a generator, as `_reserve_in_thread`

    def settle(self, reservation: Any, settlement: Settlement) -> None:
        """End an attempt, and let the next one in."""
        if self._store.is_shared:
            ending = self._in_thread(self._settle_owed, (reservation, settlement))
            ending.add_done_callback(self._settled)
            return
        with self._lock:
            self._store.settle(reservation, settlement)
        if self._lines:
            self.wake()  # in all lines, since `max_cost` is one ceiling over all windows

    def pause(self, account: str, seconds: float) -> None:
        """Let no attempt of an account start for some seconds, as `BudgetStore.pause`."""
        if self._store.is_shared:
            self._in_thread(self._store.pause, account, seconds).add_done_callback(self._settled)
            return
        with self._lock:
            self._store.pause(account, seconds)
        self.wake()

    def call(self, method: Callable[..., Any], *args: Any) -> Any:
        """Return what a method of the store returns; this waits for a shared store."""
        if self._store.is_shared:
            return _value(self._in_thread(method, *args))
        with self._lock:
            return method(*args)

    # A shared store

    def _reserve_in_thread(self, ask: Ask) -> Generator[Wait, None, Any]:
        """Ask a shared store in its thread."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        pending = self._in_thread(self._reserve_shared, ask)
        try:
            yield None, pending
            while not pending.done():
                yield None, pending  # the wait ended early, at a time limit
        except GeneratorExit:
            pending.add_done_callback(self._give_back)
            raise
        return _value(pending)

    def _give_back(self, pending: Future[Any]) -> None:
        """Return the reservation of a waiter who left while the store was asked."""
        answer = pending.result()
        if not isinstance(answer, Later | Exception | tuple):
            self._in_thread(self._settle_owed, (answer, UNSENT)).add_done_callback(self._keep)

    def _reserve_shared(self, ask: Ask) -> Any:
        self._settle_owed()
        return self._store.reserve(ask)

    def _settle_owed(self, *more: tuple[Any, Settlement]) -> None:
        """Settle attempts, and those that ended while another program had the store locked."""
        self._owed.extend(more)
        while self._owed:
            owed = self._owed.popleft()
            try:
                self._store.settle(*owed)
            except MiMoError as error:
                if error.is_retryable:
                    self._owed.appendleft(owed)
                raise

    def _settled(self, done: Future[Any]) -> None:
        self._keep(done)
        self.wake()

    def _keep(self, done: Future[Any]) -> None:
        """Keep what went wrong with nobody waiting for it: the next attempt raises it."""
        error = done.result()
        if isinstance(error, Exception) and not getattr(error, "is_retryable", False):
            self._failure = error

    def _in_thread(self, method: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run a method of the store in its thread; an exception is a result of the future."""
        with self._lock:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="langchain-mimo-budget")
            return self._thread.submit(_attempted, method, *args)


def _attempted(method: Callable[..., Any], *args: Any) -> Any:
    try:
        return method(*args)
    except Exception as error:  # noqa: BLE001 - raised where the result is used
        return error


def _value(done: Future[Any]) -> Any:
    value = done.result()
    if isinstance(value, Exception):
        raise value
    return value


_all: WeakSet[Lines] = WeakSet()


def _after_fork() -> None:
    for lines in _all:
        lines._reset()  # noqa: SLF001 - the same module
        lines._store.forked()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

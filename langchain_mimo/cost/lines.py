"""Lets attempts into the windows of a store in the order in which they came; nothing waits here.

Each window has a line. Only the first in line asks the store; the others wait until it has left the
line. Whoever waits yields a signal, and the caller (the transport, for threads and for event loops)
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
from typing import Any
from weakref import WeakSet

from langchain_mimo._threads import Signal, Workers
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
        self.woken = Signal()
        self.logged = ""

    def sleep(self) -> Signal:
        self.woken = Signal()
        return self.woken

    def log(self, answer: Later) -> None:
        """Log a long wait when it begins, once for each reason."""
        if (answer.seconds or 0.0) >= LOGGED_SECONDS and answer.reason != self.logged:
            self.logged = answer.reason
            _logger.info(
                "waiting up to %.0f s for the call budget (%s)", answer.seconds, answer.reason
            )


class _Asked:
    """What a shared store says; `answered` is set when it has, and `is_left` when nobody waits."""

    __slots__ = ("answer", "answered", "is_left")

    def __init__(self) -> None:
        self.answer: Any = None
        self.answered = Signal()
        self.is_left = False

    def value(self) -> Any:
        """Return the answer, or raise it."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


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
        self._thread = Workers(1, "langchain-mimo-budget")
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
        waiter, asked = _Waiter(), _Asked()
        reserve = self._reserve_in_thread if self._store.is_shared else self._reserve
        try:
            try:
                with self._lock:
                    self._lines.setdefault(ask.window, deque()).append(waiter)
                while True:
                    with self._lock:
                        is_first = self._lines[ask.window][0] is waiter
                        woken = waiter.sleep()  # before the store looks: what ends meanwhile counts
                    answer: Any = Later(None)
                    if is_first:
                        asked = _Asked()
                        answer = yield from reserve(ask, asked)
                        if not isinstance(answer, Later):
                            return answer
                    if not waits:
                        return answer
                    waiter.log(answer)
                    yield self._seconds(answer, is_first), woken
            finally:
                self._leave(ask.window, waiter)
        except BaseException as stopped:
            if isinstance(stopped, KeyboardInterrupt):  # it may have struck in `_leave`
                self._leave(ask.window, waiter)
            self._give_back(asked)
            raise

    def _seconds(self, answer: Later, is_first: bool) -> float | None:
        """Return how long to wait: a shared store is asked again in a while, whatever it says."""
        if not self._store.is_shared or not is_first:
            return answer.seconds
        return PLACE_SECONDS if answer.seconds is None else min(answer.seconds, WINDOW_SECONDS)

    def _leave(self, window: str, waiter: _Waiter) -> None:
        with self._lock:
            line = self._lines.get(window, deque())
            if waiter in line:  # after a fork it is not
                line.remove(waiter)
            if not line:
                self._lines.pop(window, None)
        self.wake(window)

    def wake(self, window: str | None = None) -> None:
        """Let the first in a line, or in every line, ask the store again."""
        with self._lock:
            lines = self._lines.values() if window is None else (self._lines.get(window),)
            first = [line[0] for line in lines if line]
            for waiter in first:
                waiter.woken.set()

    def _reserve(self, ask: Ask, asked: _Asked) -> Generator[Wait, None, Any]:
        """Ask a store of this process."""
        with self._lock:
            asked.answer = self._store.reserve(ask)
        return asked.answer
        yield  # a generator, as `_reserve_in_thread`

    def settle(self, reservation: Any, settlement: Settlement) -> None:
        """End an attempt, and let the next one in."""
        if self._store.is_shared:
            self._thread.start(self._change, self._settle_owed, (reservation, settlement))
            return
        with self._lock:
            self._store.settle(reservation, settlement)
        if self._lines:
            self.wake()  # in all lines, since `max_cost` is one ceiling over all windows

    def pause(self, account: str, seconds: float) -> None:
        """Let no attempt of an account start for some seconds, as `BudgetStore.pause`."""
        if self._store.is_shared:
            self._thread.start(self._change, self._store.pause, account, seconds)
            return
        with self._lock:
            self._store.pause(account, seconds)
        self.wake()

    def call(self, method: Callable[..., Any], *args: Any) -> Any:
        """Return what a method of the store returns; this waits for a shared store."""
        if self._store.is_shared:
            asked = _Asked()
            self._thread.start(self._ask, asked, method, *args)
            asked.answered.wait(None)
            return asked.value()
        with self._lock:
            return method(*args)

    # A shared store

    def _reserve_in_thread(self, ask: Ask, asked: _Asked) -> Generator[Wait, None, Any]:
        """Ask a shared store in its thread."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        self._thread.start(self._ask, asked, self._reserve_shared, ask)
        while not asked.answered.is_set:  # the wait may end early, at a time limit
            yield None, asked.answered
        return asked.value()

    def _give_back(self, asked: _Asked) -> None:
        """Return the reservation of a waiter who leaves; if the store has no answer yet, later."""
        with self._lock:
            asked.is_left = True
            answer, asked.answer = asked.answer, None
        if answer is not None and not isinstance(answer, Exception | tuple):
            self.settle(answer, UNSENT)

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

    # In the thread of the store

    def _ask(self, asked: _Asked, method: Callable[..., Any], *args: Any) -> None:
        """Keep what a method returns or raises; an exception is raised where it is waited for."""
        try:
            answer = method(*args)
        except Exception as error:  # noqa: BLE001 - see above
            answer = error
        with self._lock:
            asked.answer, is_left = answer, asked.is_left
        asked.answered.set()
        if is_left:
            self._give_back(asked)

    def _change(self, method: Callable[..., Any], *args: Any) -> None:
        """Run a method for which nobody waits; the next attempt raises what goes wrong in it."""
        try:
            method(*args)
        except Exception as error:  # noqa: BLE001 - see above
            if not getattr(error, "is_retryable", False):
                self._failure = error
        self.wake()


_all: WeakSet[Lines] = WeakSet()


def _after_fork() -> None:
    for lines in _all:
        lines._reset()  # noqa: SLF001 - the same module
        lines._store.forked()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

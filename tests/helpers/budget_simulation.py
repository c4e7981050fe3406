"""Runs the lines of a budget on a clock that jumps, and checks what they let through."""

import bisect
import heapq
import itertools
from collections import deque
from dataclasses import dataclass

from langchain_mimo.cost.lines import Lines
from langchain_mimo.cost.windows import MemoryStore, Settlement

MINUTE = 60.0


@dataclass
class Attempt:
    """One attempt: `used` is None when its usage never arrives; `patience` ends in a cancel."""

    ask: object
    arrives: float = 0.0
    lasts: float = 1.0
    used: int | None = None
    patience: float | None = None
    granted: float | None = None
    ended: float | None = None
    steps: tuple[int, int] | None = None
    answer: object = None


class Simulation:
    """A budget's lines, and a clock that jumps from event to event."""

    def __init__(self, store=None):
        self.now = 0.0
        self.store = store or MemoryStore(lambda: self.now)
        self.lines = Lines(self.store)
        self.order = []
        self._events = []
        self._ready = deque()
        self._waiting = {}
        self._numbers = itertools.count()

    def at(self, time, action):
        heapq.heappush(self._events, (time, next(self._numbers), action))

    def run(self, attempts):
        for attempt in attempts:
            self.at(attempt.arrives, lambda attempt=attempt: self._enter(attempt))
        while self._ready or self._events:
            while self._ready:
                self._ready.popleft()()
                self._look()
            if self._events:
                self.now, _, action = heapq.heappop(self._events)
                action()
                self._look()
        return attempts

    def _look(self):
        """Go on with the attempts that were woken."""
        woken = [signal for signal in self._waiting if signal.is_set]
        self._ready.extend(self._waiting.pop(signal) for signal in woken)

    def _enter(self, attempt):
        entering = self.lines.enter(attempt.ask)
        state = {"wait": 0, "done": False}

        def go_on(wait):
            if state["done"] or wait != state["wait"]:
                return
            state["wait"] += 1
            mark = state["wait"]
            try:
                seconds, woken = next(entering)
            except StopIteration as end:
                state["done"] = True
                self._granted(attempt, end.value)
                return
            if seconds is not None:
                self.at(self.now + seconds, lambda: go_on(mark))
            self._waiting[woken] = lambda: go_on(mark)

        def give_up():
            if not state["done"]:
                state["done"] = True
                entering.close()

        if attempt.patience is not None:
            self.at(self.now + attempt.patience, give_up)
        go_on(0)

    def _granted(self, attempt, answer):
        attempt.granted, attempt.answer = self.now, answer
        began = next(self._numbers)
        self.order.append(attempt)

        def end():
            attempt.ended = self.now
            attempt.steps = began, next(self._numbers)
            self.lines.settle(answer, Settlement(attempt.used))

        if not isinstance(answer, tuple):
            self.at(self.now + attempt.lasts, end)


def check_limits(order):
    """Check every window of a minute that ends where an attempt was let through."""
    for window in {attempt.ask.window for attempt in order}:
        granted = [attempt for attempt in order if attempt.ask.window == window]
        ask, times = granted[0].ask, [attempt.granted for attempt in granted]
        for index, moment in enumerate(times):
            last = granted[index]
            first = bisect.bisect_right(times, moment - MINUTE)
            recent = granted[first : index + 1]
            if ask.requests_per_minute is not None:
                assert len(recent) <= ask.requests_per_minute
            if ask.tokens_per_minute is not None:
                assert sum(charged(each, last) for each in recent) <= ask.tokens_per_minute
            if ask.max_concurrency is not None:
                running = sum(not is_over(each, last) for each in granted[: index + 1])
                assert running <= ask.max_concurrency


def is_over(attempt, other):
    """Return whether an attempt had ended when another one was let through."""
    return attempt.steps[1] < other.steps[0]


def charged(attempt, last):
    """Return what an attempt counts for: what was reserved, until less is known to be used."""
    known = attempt.used is not None and is_over(attempt, last)
    return min(attempt.ask.tokens, attempt.used) if known else attempt.ask.tokens

"""The limits of accounts in one process: sliding windows, pauses and spending; no I/O, no waiting.

`BudgetStore` is all that `CallBudget` asks of the place where its state is kept, so that a file for
several processes (`budget_file`), or a remote object, can take the place of `MemoryStore`.

How a window works. Requests and tokens are counted where they began: in an entry, which stands for
everything that began within a thousandth of the period and leaves `PERIOD + MARGIN` seconds after
the last of it, so that a window holds a thousand entries at most, however many calls there are.
Settling an attempt corrects the tokens of its entry: fewer are taken off at once, more are counted
where that happens, as the server counts them then. It never takes the request out, since the server
remembers it for a minute, not until its response.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import add
from typing import Any, NamedTuple, Protocol

from langchain_mimo.cost.call_needs import Bill
from langchain_mimo.cost.ledger_rows import Counts, LedgerCounts, LedgerRow

PERIOD = 60.0
"""Seconds of MiMo's windows: its limits are per minute."""

MARGIN = 1.0
"""Seconds that an entry stays longer, since a request reaches the server later than it was allowed
here, and not always by the same delay. It costs 1.6 % of a limit."""

_MANY = 1000
_ENTRIES = 1000


@dataclass(slots=True)
class Ask:
    """What an attempt needs; never changed. A named tuple would be slower to read.

    Attributes:
        account: Hash of key and host, whose pause applies; "" for the pause of any account.
        window: Name of the window: account and model.
        requests_per_minute: Limit of the window, or None.
        tokens_per_minute: Limit of the window, or None.
        max_concurrency: Limit of attempts in progress in the window, or None.
        tokens: Tokens to reserve; at most the limit.
        cost: The highest possible cost.
        max_cost: The ceiling over all accounts and models, or None.
    """

    account: str
    window: str
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_concurrency: int | None = None
    tokens: int = 0
    cost: float = 0.0
    max_cost: float | None = None


class Spending(NamedTuple):
    """Money, in the currency of the budget.

    Attributes:
        spent: Cost of the attempts whose usage is known.
        lost: The highest possible cost of those that ended without a usage, which nobody knows.
        running: The highest possible cost of those that run.
    """

    spent: float = 0.0
    lost: float = 0.0
    running: float = 0.0


class Later(NamedTuple):
    """The attempt has to wait.

    Attributes:
        seconds: Seconds until there is room at the latest; None when an attempt has to end first.
        reason: What it waits for: the name of a limit, or "pause".
    """

    seconds: float | None
    reason: str = ""


@dataclass(slots=True)
class Settlement:
    """How an attempt ended; never changed, as an `Ask`.

    Attributes:
        tokens: Tokens that it used; None when unknown, so that the reservation stays.
        cost: What it cost; None when unknown, so that the highest possible cost stays.
        is_sent: Whether the server got a request; if not, it leaves the window.
        billed: What the ledger adds, or None.
    """

    tokens: int | None = None
    cost: float | None = None
    is_sent: bool = True
    billed: Bill | None = None


def ceiling(ask: Ask, spent: float, lost: float, running: float) -> Spending | Later | None:
    """Return what `max_cost` says to an attempt: no, not while others run, or nothing.

    Args:
        ask: What the attempt needs.
        spent: `Spending.spent`.
        lost: `Spending.lost`.
        running: `Spending.running`.
    """
    most = ask.max_cost
    if most is None or spent + lost + running + ask.cost <= most:
        return None
    if spent + lost + ask.cost <= most:
        return Later(None, "max_cost")
    return Spending(spent, lost, running)


class BudgetStore(Protocol):
    """Where a budget keeps its state. The methods of one object are called one at a time.

    Attributes:
        is_shared: Whether others change the state too. Its methods may then block, and are called
            in a thread of their own.
    """

    is_shared: bool

    def reserve(self, ask: Ask) -> Any:
        """Reserve what an attempt needs.

        Returns:
            `Later`, or `Spending` when the ceiling could be passed whatever the attempts that run
            will cost; else the reservation, an object for `settle`.
        """

    def settle(self, reservation: Any, settlement: Settlement) -> None:
        """End an attempt."""

    def pause(self, account: str, seconds: float) -> None:
        """Let no attempt of an account start for some seconds; "" stands for all accounts.

        0 seconds end the pauses of the account; those of all accounts, for "".
        """

    def spending(self) -> Spending:
        """Return what has been spent and reserved."""

    def rows(self) -> Sequence[LedgerRow]:
        """Return the rows of the ledger."""

    def forked(self) -> None:
        """Forget the attempts that run, in a process that was forked: they run in the parent."""


class _Entry:
    """Requests and tokens that began at about the same time in a window; `at` is the last time."""

    __slots__ = ("at", "ends", "is_over", "requests", "tokens", "window")

    def __init__(self, window: _Window, at: float) -> None:
        self.window, self.at, self.ends = window, at, at + window.period / _ENTRIES
        self.requests = self.tokens = 0
        self.is_over = False


class _Held:
    """A reservation: its place in a window, its tokens, and the highest possible cost."""

    __slots__ = ("cost", "entry", "tokens")

    def __init__(self, entry: _Entry, tokens: int, cost: float) -> None:
        self.entry, self.tokens, self.cost = entry, tokens, cost


class _Window:
    """The entries of the last `period` seconds, oldest first, and their sums."""

    __slots__ = ("entries", "newest", "period", "requests", "running", "tokens")

    def __init__(self, period: float, now: float) -> None:
        self.period = period
        self.requests = self.tokens = self.running = 0
        self.entries: deque[_Entry] = deque()
        self.newest = self.begin(now)

    def begin(self, now: float) -> _Entry:
        """Begin an entry, and drop those whose time is over."""
        self.forget(now)
        entry = _Entry(self, now)
        self.entries.append(entry)  # first: what Ctrl+C kept out of it would never be dropped
        self.newest = entry
        return entry

    def forget(self, now: float) -> None:
        """Drop the entries whose time is over."""
        entries = self.entries
        while entries and entries[0].at + self.period <= now:
            entry = entries.popleft()
            self.requests -= entry.requests
            self.tokens -= entry.tokens
            entry.is_over = True

    def until_room(self, requests: int, tokens: int, now: float) -> Later | None:
        """Return how long requests and tokens too many still stay.

        None means that they have left already, or that they do not leave.
        """
        for entry in self.entries:
            reason = "tokens_per_minute" if tokens > 0 else "requests_per_minute"
            requests -= entry.requests
            tokens -= entry.tokens
            if requests <= 0 and tokens <= 0:
                until = entry.at + self.period
                return None if until <= now else Later(until - now, reason)
        return None


class MemoryStore:
    """The state of a budget in one process."""

    is_shared = False

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, period: float = PERIOD + MARGIN
    ) -> None:
        """Begin with empty windows.

        Args:
            clock: Returns the time in seconds.
            period: Seconds that an entry stays.
        """
        self._clock = clock
        self._period = period
        self._windows: dict[str, _Window] = {}
        self._pauses: dict[str, float] = {}
        self._spent = self._lost = self._running = 0.0
        self._number = 0
        self._counts: dict[str, Counts] = {}

    def reserve(self, ask: Ask) -> _Held | Later | Spending:
        """Reserve what an attempt needs, as `BudgetStore.reserve`."""
        now = self._clock()
        if self._pauses and (left := self._paused(ask.account, now)) > 0:
            return Later(left, "pause")
        most = ask.max_cost
        if most is not None and self._spent + self._lost + self._running + ask.cost > most:
            answer = ceiling(ask, self._spent, self._lost, self._running)
            if answer is not None:
                return answer
        window = self._windows.get(ask.window) or self._new_window(ask.window, now)
        entry = window.newest
        if entry.ends <= now:
            entry = window.begin(now)
        limit = ask.requests_per_minute
        requests = 0 if limit is None else window.requests + 1 - limit
        limit = ask.tokens_per_minute
        tokens = 0 if limit is None else window.tokens + ask.tokens - limit
        if requests > 0 or tokens > 0:
            later = window.until_room(requests, tokens, now)
            if later is not None:
                return later
        if ask.max_concurrency is not None and window.running >= ask.max_concurrency:
            return Later(None, "max_concurrency")
        tokens, cost = ask.tokens, ask.cost
        held = _Held(entry, tokens, cost)
        # No call after this: where Ctrl+C strikes one, nobody would give the place back.
        entry.at = now
        entry.requests += 1
        entry.tokens += tokens
        window.requests += 1
        window.tokens += tokens
        window.running += 1
        self._number += 1
        self._running += cost
        return held

    def _new_window(self, name: str, now: float) -> _Window:
        """Return a new window; many others that are empty go, as when keys change all the time."""
        if len(self._windows) >= _MANY:
            for other, window in list(self._windows.items()):
                window.forget(now)
                if not window.entries and not window.running:
                    del self._windows[other]
        window = self._windows[name] = _Window(self._period, now)
        return window

    def _paused(self, account: str, now: float) -> float:
        """Return the seconds of a pause that are left, and forget pauses that are over."""
        self._pauses = {name: until for name, until in self._pauses.items() if until > now}
        names = (account, "") if account else tuple(self._pauses)
        return max((self._pauses.get(name, now) for name in names), default=now) - now

    def settle(self, reservation: _Held, settlement: Settlement) -> None:
        """End an attempt, as `BudgetStore.settle`."""
        entry = reservation.entry
        window = entry.window
        if window.running:  # after a fork, the attempts of the parent may end here too
            window.running -= 1
        more = 0 if settlement.tokens is None else settlement.tokens - reservation.tokens
        if more > 0:
            now = self._clock()
            entry = window.newest if now < window.newest.ends else window.begin(now)
            entry.at = now
        if not entry.is_over:
            entry.tokens += more
            window.tokens += more
            if not settlement.is_sent:
                entry.requests -= 1
                window.requests -= 1
        if self._number:
            self._number -= 1
        # Sums of floats are not exact, and a rest would be waited for.
        self._running = max(self._running - reservation.cost, 0.0) if self._number else 0.0
        if settlement.cost is None:
            self._lost += reservation.cost
        else:
            self._spent += settlement.cost
        if settlement.billed is not None:
            model, counts = settlement.billed
            before = self._counts.get(model)
            self._counts[model] = counts if before is None else tuple(map(add, before, counts))

    def pause(self, account: str, seconds: float) -> None:
        """Let no attempt of an account start for some seconds, as `BudgetStore.pause`."""
        if not seconds:
            self._pauses = {} if not account else self._pauses | {account: 0.0}
            return
        until = self._clock() + seconds
        self._pauses[account] = max(self._pauses.get(account, until), until)

    def spending(self) -> Spending:
        """Return what has been spent and reserved."""
        return Spending(self._spent, self._lost, self._running)

    def rows(self) -> Sequence[LedgerRow]:
        """Return the rows of the ledger."""
        return [
            LedgerRow(model, "realtime", (), LedgerCounts(*counts))
            for model, counts in self._counts.items()
        ]

    def forked(self) -> None:
        """Forget the attempts that run, as `BudgetStore.forked`."""
        for window in self._windows.values():
            window.running = 0
        self._lost, self._running, self._number = self._lost + self._running, 0.0, 0

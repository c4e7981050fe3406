"""The windows of a budget, and the lines before them, on a clock that jumps."""

import random
import threading
import time

import pytest
from budget_simulation import MINUTE, Attempt, Simulation, check_limits
from hypothesis import given
from hypothesis import strategies as st

from langchain_mimo.cost.lines import Lines
from langchain_mimo.cost.windows import Ask, Later, MemoryStore, Settlement, Spending


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def ask(**limits):
    return Ask("account", "window", **limits)


# ---------------------------------------------------------------------------------- one window


def test_a_request_leaves_its_window_a_second_after_a_minute(clock):
    store = MemoryStore(clock)
    assert not isinstance(store.reserve(ask(requests_per_minute=1)), Later)
    clock.now += 20
    assert store.reserve(ask(requests_per_minute=1)) == Later(41.0, "requests_per_minute")
    clock.now += 40.9
    assert isinstance(store.reserve(ask(requests_per_minute=1)), Later)
    clock.now += 0.1
    assert not isinstance(store.reserve(ask(requests_per_minute=1)), Later)


def test_an_answer_frees_no_request_but_the_tokens_that_were_not_used(clock):
    store = MemoryStore(clock)
    wanted = ask(requests_per_minute=3, tokens_per_minute=100, tokens=60)
    first = store.reserve(wanted)
    assert store.reserve(wanted) == Later(61.0, "tokens_per_minute")
    store.settle(first, Settlement(tokens=40))
    assert not isinstance(store.reserve(wanted), Later)
    assert isinstance(store.reserve(wanted), Later)


def test_tokens_beyond_the_reservation_are_charged_when_they_are_known(clock):
    store = MemoryStore(clock)
    first = store.reserve(ask(tokens_per_minute=100, tokens=10))
    clock.now += 30
    store.settle(first, Settlement(tokens=95))
    assert store.reserve(ask(tokens_per_minute=100, tokens=10)) == Later(31.0, "tokens_per_minute")
    clock.now += 31  # the ten reserved have left, the 85 have not
    assert store.reserve(ask(tokens_per_minute=100, tokens=20)) == Later(30.0, "tokens_per_minute")
    assert not isinstance(store.reserve(ask(tokens_per_minute=100, tokens=15)), Later)


def test_a_settlement_after_the_window_takes_nothing_off_others(clock):
    store = MemoryStore(clock)
    first = store.reserve(ask(tokens_per_minute=100, tokens=100))
    clock.now += 100
    store.reserve(ask(tokens_per_minute=100, tokens=100))
    store.settle(first, Settlement(tokens=10))
    assert isinstance(store.reserve(ask(tokens_per_minute=100, tokens=1)), Later)


def test_an_unknown_usage_leaves_the_reservation_in_the_window(clock):
    store = MemoryStore(clock)
    first = store.reserve(ask(tokens_per_minute=100, tokens=100, cost=2.0))
    store.settle(first, Settlement())
    assert isinstance(store.reserve(ask(tokens_per_minute=100, tokens=1)), Later)
    assert store.spending() == Spending(0.0, 2.0)


def test_what_was_never_sent_gives_everything_back(clock):
    store = MemoryStore(clock)
    wanted = ask(
        requests_per_minute=1, tokens_per_minute=9, max_concurrency=1, tokens=9, cost=1, max_cost=1
    )
    for _ in range(5):
        store.settle(store.reserve(wanted), Settlement(0, 0.0, is_sent=False))
    assert store.spending() == Spending(0.0, 0.0)


def test_the_ceiling_counts_what_is_spent_and_what_is_reserved(clock):
    store = MemoryStore(clock)
    first = store.reserve(ask(cost=2.0, max_cost=5.0))
    second = store.reserve(ask(cost=2.0, max_cost=5.0))
    assert store.reserve(ask(cost=2.0, max_cost=5.0)) == Later(None, "max_cost")
    assert store.reserve(ask(cost=5.5, max_cost=5.0)) == Spending(0.0, 0.0, 4.0)
    store.settle(first, Settlement(cost=0.5))
    store.settle(second, Settlement(cost=1.5))
    third = store.reserve(ask(cost=2.0, max_cost=5.0))
    assert store.reserve(ask(cost=2.0, max_cost=5.0)) == Later(None, "max_cost")
    store.settle(third, Settlement())  # nobody knows what it cost
    assert store.reserve(ask(cost=2.0, max_cost=5.0)) == Spending(2.0, 2.0, 0.0)


def test_a_pause_stops_all_windows_of_its_account(clock):
    store = MemoryStore(clock)
    store.pause("one", 10)
    store.pause("one", 5)  # a shorter one does not end it
    assert store.reserve(Ask("one", "one pro")) == Later(10.0, "pause")
    assert store.reserve(Ask("one", "one flash")) == Later(10.0, "pause")
    assert not isinstance(store.reserve(Ask("two", "two flash")), Later)
    assert store.reserve(Ask("", "")) == Later(10.0, "pause")  # an unknown account may be any
    store.pause("", 20)
    assert store.reserve(Ask("two", "two flash")) == Later(20.0, "pause")
    clock.now += 20
    assert not isinstance(store.reserve(Ask("one", "one pro")), Later)


def test_a_pause_of_no_seconds_ends_pauses(clock):
    store = MemoryStore(clock)
    for account in ("one", "two", ""):
        store.pause(account, 1e12)
    store.pause("", 0)
    assert not isinstance(store.reserve(Ask("one", "one pro")), Later)
    store.pause("one", 1e12)
    store.pause("two", 5)
    store.pause("one", 0)
    assert not isinstance(store.reserve(Ask("one", "one pro")), Later)
    assert store.reserve(Ask("two", "two pro")) == Later(5.0, "pause")


def test_a_window_holds_a_thousand_entries_however_many_calls_it_counts(clock):
    store = MemoryStore(clock)
    wanted = ask(requests_per_minute=20_000, tokens_per_minute=10**9, tokens=7)
    reserved = []
    for _ in range(20_000):
        reserved.append(store.reserve(wanted))
        clock.now += 0.003
    (window,) = store._windows.values()
    assert len(window.entries) <= 1001
    assert (window.requests, window.tokens) == (20_000, 140_000)
    later = store.reserve(wanted)
    # The oldest entry leaves a period after the last call that it counts.
    assert later == Later(pytest.approx(61 - 60 + 0.061, abs=0.004), "requests_per_minute")
    for each in reserved:
        store.settle(each, Settlement(2))
    assert window.tokens == 40_000
    clock.now += 61
    store.reserve(wanted)
    assert (window.requests, window.tokens, len(window.entries)) == (1, 7, 1)


def test_idle_windows_are_forgotten(clock):
    store = MemoryStore(clock)
    for number in range(3000):
        store.settle(store.reserve(Ask("a", f"{number}")), Settlement(1, 0.0))
        clock.now += 1
    assert len(store._windows) <= 1001


# -------------------------------------------------------------------------------- many attempts


def random_attempts(number, seed):
    """Attempts of three models, some of them cancelled, some without a usage."""
    pick = random.Random(seed)
    asks = [
        {
            "requests_per_minute": pick.choice((None, 1, 7, 100)),
            "tokens_per_minute": pick.choice((None, 1000, 50_000)),
            "max_concurrency": pick.choice((None, 1, 5)),
        }
        for _ in range(3)
    ]
    busy = number / pick.choice((2, 30, 100))
    attempts = []
    for _ in range(number):
        model = pick.randrange(3)
        tokens = pick.randint(1, 1000)
        attempts.append(
            Attempt(
                Ask("account", f"model {model}", **asks[model], tokens=tokens),
                arrives=pick.uniform(0, busy),
                lasts=pick.choice((0.01, pick.uniform(0, 5), pick.uniform(0, 120))),
                used=pick.choice((None, pick.randint(0, tokens), pick.randint(0, 2000))),
                patience=pick.choice((None, None, None, pick.uniform(0, 100))),
            )
        )
    return attempts


def check_random(number, seed):
    attempts = random_attempts(number, seed)
    simulation = Simulation()
    simulation.run(attempts)
    check_limits(simulation.order)
    assert all(attempt.granted is not None or attempt.patience is not None for attempt in attempts)
    assert all(attempt.ended is not None for attempt in simulation.order)
    assert not simulation.lines._lines
    assert all(window.running == 0 for window in simulation.store._windows.values())


@given(st.integers(1, 150), st.integers(0, 2**32))
def test_no_window_is_ever_above_a_limit_and_nobody_is_forgotten(number, seed):
    check_random(number, seed)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(10))
def test_no_window_is_ever_above_a_limit_in_a_hundred_thousand_attempts(seed):
    check_random(10_000, seed)


@pytest.mark.parametrize(
    ("limits", "tokens", "used"),
    [
        ({"requests_per_minute": 100}, 0, 0),
        ({"tokens_per_minute": 10_000}, 100, 100),
        ({"tokens_per_minute": 10_000}, 100, 50),  # half of a reservation is not used
        ({"requests_per_minute": 20, "tokens_per_minute": 10_000, "max_concurrency": 30}, 500, 500),
    ],
)
def test_at_least_95_percent_of_a_limit_are_used_under_load(limits, tokens, used):
    wanted = Ask("account", "window", **limits, tokens=tokens)
    attempts = [Attempt(wanted, lasts=2.0, used=used) for _ in range(2500)]
    simulation = Simulation()
    simulation.run(attempts)
    check_limits(simulation.order)
    end = 10 * MINUTE
    begun = [attempt for attempt in attempts if attempt.granted < end]
    shares = []
    if requests := limits.get("requests_per_minute"):
        shares.append(len(begun) / (10 * requests))
    if most := limits.get("tokens_per_minute"):
        shares.append(sum(attempt.used for attempt in begun) / (10 * most))
    assert max(shares) >= 0.95


def test_attempts_are_let_through_in_the_order_in_which_they_came():
    sizes = [900, 10, 10, 900, 10]
    attempts = [
        Attempt(Ask("a", "w", tokens_per_minute=1000, tokens=size), arrives=index, used=size)
        for index, size in enumerate(sizes)
    ]
    simulation = Simulation()
    simulation.run(attempts)
    assert simulation.order == attempts


def test_one_that_is_cancelled_makes_room_for_the_next():
    wanted = Ask("a", "w", tokens_per_minute=1000, tokens=600)
    small = Ask("a", "w", tokens_per_minute=1000, tokens=100)
    attempts = [
        Attempt(wanted, used=600),
        Attempt(wanted, arrives=1, patience=5.0),
        Attempt(small, arrives=2, used=100),
    ]
    Simulation().run(attempts)
    assert [attempt.granted for attempt in attempts] == [0.0, None, 6.0]


def test_a_free_place_is_taken_at_once():
    wanted = Ask("a", "w", max_concurrency=1)
    attempts = [Attempt(wanted, lasts=7.0, used=0) for _ in range(3)]
    Simulation().run(attempts)
    assert [attempt.granted for attempt in attempts] == [0.0, 7.0, 14.0]


def test_threads_share_the_lines():
    granted, lock = [], threading.Lock()

    class Recording(MemoryStore):
        def reserve(self, ask):
            answer = super().reserve(ask)
            if not isinstance(answer, Later):
                granted.append(answer.entry.at)
            return answer

    lines = Lines(Recording(period=0.2))
    running, most = [0], [0]

    def work():
        for _ in range(5):
            for seconds, woken in (entering := entered(lines)):
                woken.wait(seconds)
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.002)
            with lock:
                running[0] -= 1
            lines.settle(entering.answer, Settlement(0))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 40
    assert most[0] <= 3
    assert all(
        later - earlier >= 0.2 for earlier, later in zip(granted, granted[10:], strict=False)
    )


class entered:  # noqa: N801
    """Iterates over the waits of an attempt, and keeps the answer."""

    def __init__(self, lines):
        self._entering = lines.enter(Ask("a", "w", requests_per_minute=10, max_concurrency=3))

    def __iter__(self):
        self.answer = yield from self._entering

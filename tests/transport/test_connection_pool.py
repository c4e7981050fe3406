"""The pool's books: each connection is busy, idle or handed out to be closed, and only once."""

import gc
import itertools
import sys
import threading
from functools import partial

import httpcore2
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from langchain_mimo._transport import connection_pool
from langchain_mimo._transport.connection_pool import ConnectionPool

ORIGINS = [httpcore2.Origin(b"https", host, port) for host in (b"a", b"b") for port in (443, 8443)]
MAX_IDLE = 4


class Connection:
    """A connection as far as a pool looks at it.

    Attributes:
        asked: How often the pool asked whether it has expired.
    """

    def __init__(self, origin):
        self.origin = origin
        self.idle = False
        self.expired = False
        self.asked = 0

    def is_available(self):
        return self.idle

    def has_expired(self):
        self.asked += 1
        return self.expired


def give_back_all(pool, connections):
    for connection in connections:
        connection.idle = True
        pool.give_back(connection)


def taken(pool, number, origin=ORIGINS[0]):
    return [pool.take(origin)[0] for _ in range(number)]


class Books(RuleBasedStateMachine):
    """Any order of requests, ends, failures and expiries."""

    def __init__(self):
        super().__init__()
        self.pool = ConnectionPool(self.create, MAX_IDLE)
        self.created = []
        self.busy = []
        self.idle = []
        self.closed = []
        self.is_closed = False

    def create(self, origin):
        assert not any(each.origin == origin and not each.expired for each in self.idle)
        self.created.append(Connection(origin))
        return self.created[-1]

    def close(self, connections):
        for connection in connections:
            assert connection not in self.closed
            self.closed.append(connection)
            if connection in self.idle:
                self.idle.remove(connection)
            connection.idle = False

    @rule(origin=st.sampled_from(ORIGINS))
    def begin(self, origin):
        newest = [c for c in self.idle if c.origin == origin and not c.expired]
        connection, expired = self.pool.take(origin)
        assert all(each.expired for each in expired)
        assert connection.origin == origin
        assert connection is (newest[-1] if newest else self.created[-1])
        self.close(expired)
        if connection in self.idle:
            self.idle.remove(connection)
        connection.idle = False
        self.busy.append(connection)

    @precondition(lambda self: self.busy)
    @rule(data=st.data(), reusable=st.booleans())
    def end(self, data, reusable):
        connection = data.draw(st.sampled_from(self.busy))
        self.busy.remove(connection)
        connection.idle = reusable
        surplus = self.pool.give_back(connection)
        if connection not in surplus:
            assert connection.idle
            assert not self.is_closed
            self.idle.append(connection)
        self.close(surplus)
        assert self.pool.give_back(connection) == []

    @precondition(lambda self: self.idle)
    @rule(data=st.data())
    def expire(self, data):
        data.draw(st.sampled_from(self.idle)).expired = True

    @precondition(lambda self: not self.is_closed)
    @rule(really=st.integers(0, 9))
    def close_pool(self, really):
        if really == 9:
            self.is_closed = True
            everything = self.pool.close()
            assert everything == [*self.idle, *self.pool.busy]
            self.close(everything[: len(self.idle)])

    @invariant()
    def the_books_are_right(self):
        assert self.pool.idle == self.idle
        assert set(self.pool.busy) == set(self.busy)
        assert len(self.idle) <= (0 if self.is_closed else MAX_IDLE)
        places = [*self.busy, *self.idle, *self.closed]
        assert len(places) == len(set(places)) == len(self.created)


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_the_connection_used_last_is_taken_first():
    pool = ConnectionPool(Connection, 10)
    first, second, third = taken(pool, 3)
    give_back_all(pool, [third, first, second])
    assert taken(pool, 3) == [second, first, third]


def test_the_oldest_is_closed_when_there_are_too_many_whatever_its_origin():
    pool = ConnectionPool(Connection, 2)
    connections = [pool.take(origin)[0] for origin in ORIGINS]
    for each in connections:
        each.idle = True
    assert [pool.give_back(each) for each in connections] == [
        [],
        [],
        [connections[0]],
        [connections[1]],
    ]


def test_expired_connections_of_other_origins_are_closed_too():
    pool = ConnectionPool(Connection, 10)
    old = taken(pool, 3, ORIGINS[1])
    give_back_all(pool, old)
    for each in old[:2]:
        each.expired = True
    (connection,) = taken(pool, 1)
    connection.idle = True
    assert pool.give_back(connection) == old[:2]
    assert pool.idle == [old[2], connection]


def test_no_idle_connection_is_kept_if_none_may_be():
    pool = ConnectionPool(Connection, 0)
    (connection,) = taken(pool, 1)
    connection.idle = True
    assert pool.give_back(connection) == [connection]
    assert pool.idle == pool.busy == []


def test_a_connection_whose_response_nobody_closes_is_let_go():
    pool = ConnectionPool(Connection, 10)
    connections = taken(pool, 3)
    assert len(pool.busy) == 3
    del connections
    gc.collect()
    assert pool.busy == []


# Interruptions: at each line of the pool, Ctrl-C or the garbage collector may come


def interrupted_at(number, action, interrupt):
    """Run an action and call `interrupt` before the line of that number; return if it was run."""
    lines = itertools.count()

    def trace(frame, event, _):
        if frame.f_code.co_filename != connection_pool.__file__:
            return None
        if event == "line" and next(lines) == number:
            interrupt()
        return trace

    sys.settrace(trace)
    try:
        action()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return next(lines) > number


def raise_interrupt():
    raise KeyboardInterrupt


def use_all(pool):
    """Check that a pool still works, and hands no connection out twice."""
    handed_out = [pool.take(origin)[0] for origin in ORIGINS for _ in range(4)]
    assert len(set(handed_out)) == 16
    give_back_all(pool, handed_out)
    assert len(pool.idle) == 3
    assert pool.busy == []


def pool_in_use():
    """Return a pool with idle connections, an expired one, and one to give back."""
    pool = ConnectionPool(Connection, 3)
    idle = taken(pool, 4)
    (busy,) = taken(pool, 1)
    give_back_all(pool, idle)
    idle[-1].expired = True
    busy.idle = True
    return pool, busy


ACTIONS = {
    "take": lambda pool, busy: pool.take(ORIGINS[0]),
    "take a new one": lambda pool, busy: pool.take(ORIGINS[1]),
    "give back": lambda pool, busy: pool.give_back(busy),
}


def interrupt(action, number):
    """Interrupt an action by Ctrl-C; return whether it has so many lines."""
    pool, busy = pool_in_use()
    found = interrupted_at(number, partial(ACTIONS[action], pool, busy), raise_interrupt)
    busy = None  # the interrupted call has dropped it
    use_all(pool)
    return found


def collect_during(action, number):
    """Close another response during an action; return whether it has so many lines."""
    pool, busy = pool_in_use()
    (other,) = taken(pool, 1, ORIGINS[2])
    other.idle = True
    to_close = []

    def collect():
        sys.settrace(None)
        to_close.extend(pool.give_back(other))

    found = interrupted_at(number, partial(ACTIONS[action], pool, busy), collect)
    if found:
        assert (other in pool.idle) != (other in to_close)
    give_back_all(pool, pool.busy)
    use_all(pool)
    return found


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("way", [interrupt, collect_during])
def test_an_interruption_at_any_line_leaves_a_pool_that_works(action, way):
    number = next(number for number in itertools.count() if not way(action, number))
    assert number > 10


# Work


@pytest.mark.parametrize("number", [10, 1000])
def test_a_request_looks_at_a_few_connections_however_many_there_are(number):
    pool = ConnectionPool(Connection, number)
    connections = taken(pool, number)
    give_back_all(pool, connections)
    assert sum(each.asked for each in connections) <= 2 * number
    before = sum(each.asked for each in connections)
    give_back_all(pool, taken(pool, 1))
    assert sum(each.asked for each in connections) - before <= 3


def test_threads_never_share_a_connection():
    pool = ConnectionPool(Connection, 3)
    uses, failures = {}, []

    def run():
        for _ in range(300):
            connection, _ = pool.take(ORIGINS[0])
            if uses.setdefault(connection, threading.get_ident()) != threading.get_ident():
                failures.append(connection)
            connection.idle = True
            del uses[connection]
            pool.give_back(connection)
            if len(pool.idle) > 3:
                failures.append("too many")

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert pool.busy == []

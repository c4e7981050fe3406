"""Which connections a pool has, kept so that no request looks at all of them.

How it works: a connection serves one request at a time, and the number of connections has no limit.
So no request ever waits for another one: it takes an idle connection to its origin, or a new one.
All that has to be known is which connections are idle, and they are kept in two orders:

- by origin, a stack: the connection used last is taken first, so that the others can expire;
- by age: when a connection comes back, the oldest are closed, if there are too many of them or if
  they have expired.

Each of these steps takes the same time for ten connections and for ten thousand, plus the closing
of what has expired. httpcore2's own pool goes through all its connections whenever a request begins
or ends, and polls the socket of each idle one.

A connection in use belongs to its response, which gives it back when it is closed. The pool refers
to it weakly: a response that nobody closes takes its connection along when it is garbage-collected.

There is no I/O in here: whoever calls closes the connections that a method returns.

Ctrl-C may end a method at any line, and the garbage collector may close an abandoned response in
the middle of one, which gives its connection back. The pool still works then; at worst it closes a
connection that it could have kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

_Origin: TypeAlias = tuple[bytes, bytes, int]
"""Scheme, host and port, since httpcore2's `Origin` cannot be hashed."""


class ConnectionPool:
    """The connections of one transport, sync or async. Safe to use in threads."""

    def __init__(self, create: Callable[[Any], Any], max_idle: int) -> None:
        """Create an empty pool.

        Args:
            create: Creates a connection to an origin; it connects with its first request.
            max_idle: Number of idle connections to keep, at least 0.
        """
        self._create = create
        self._max_idle = max_idle
        self._lock = threading.RLock()
        self._in_step = False  # whether the books are being changed
        self._busy: WeakKeyDictionary[Any, _Origin] = WeakKeyDictionary()
        self._by_age: OrderedDict[Any, _Origin] = OrderedDict()
        self._by_origin: dict[_Origin, OrderedDict[Any, None]] = {}
        self._closed = False

    @property
    def idle(self) -> list[Any]:
        """The idle connections, the oldest first."""
        return list(self._by_age)

    @property
    def busy(self) -> list[Any]:
        """The connections that serve a request or wait for their response to be closed."""
        return list(self._busy)

    def take(self, origin: Any) -> tuple[Any, list[Any]]:
        """Take a connection: the idle one that was used last, or a new one.

        Args:
            origin: An `httpcore2.Origin`.

        Returns:
            The connection, and expired ones to close.
        """
        key = (origin.scheme, origin.host, origin.port)
        expired = []
        with self._lock:
            try:
                self._in_step = True
                while stack := self._by_origin.get(key):
                    connection = next(reversed(stack))
                    self._remove(connection, key)
                    if not connection.has_expired():
                        break
                    expired.append(connection)
                else:
                    connection = self._create(origin)
                self._busy[connection] = key
            finally:
                self._in_step = False
        return connection, expired

    def give_back(self, connection: Any) -> list[Any]:
        """Give a connection back once its response is closed, or its request has failed.

        Returns:
            Connections to close: this one if it cannot serve another request, and old ones.
        """
        with self._lock:
            if self._in_step:  # the garbage collector closes a response in the middle of another
                return [connection]
            try:
                self._in_step = True
                return self._keep(connection)
            finally:
                self._in_step = False

    def close(self) -> list[Any]:
        """Keep no connection from now on.

        Returns:
            Connections to close: idle ones and those in use. One that is still connecting cannot be
            closed yet; it is when it is given back.
        """
        with self._lock:
            try:
                self._in_step = True
                self._closed = True
                connections = [*self._by_age, *self._busy]
                self._by_age.clear()
                self._by_origin.clear()
            finally:
                self._in_step = False
        return connections

    def _keep(self, connection: Any) -> list[Any]:
        """Keep a connection if it can serve another request; returns which ones to close."""
        key = self._busy.pop(connection, None)
        if key is None:  # it was given back before
            return []
        if self._closed or not connection.is_available():
            return [connection]
        # Whether the server has closed it is asked when it is taken again: that asks the system.
        self._by_age[connection] = key
        self._by_origin.setdefault(key, OrderedDict())[connection] = None
        return self._surplus(connection)

    def _surplus(self, newest: Any) -> list[Any]:
        """Remove the oldest idle connections while they are too many or have expired.

        The newest is not looked at: a moment ago it had not, and each look asks the system.
        """
        removed = []
        while self._by_age:
            oldest, key = next(iter(self._by_age.items()))
            is_fresh = oldest is newest or not oldest.has_expired()
            if len(self._by_age) <= self._max_idle and is_fresh:
                break
            self._remove(oldest, key)
            removed.append(oldest)
        return removed

    def _remove(self, connection: Any, key: _Origin) -> None:
        """Remove an idle connection, also if Ctrl-C interrupted this half-way before."""
        self._by_age.pop(connection, None)
        if stack := self._by_origin.get(key):
            stack.pop(connection, None)
        if not stack:
            self._by_origin.pop(key, None)

"""One generator: send, wait, send again; and the two shells that drive it, sync and async."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
)
from typing import Any, TypeAlias, TypeVar

import httpx2

from langchain_mimo._transport import clients
from langchain_mimo._transport import response_body as reading
from langchain_mimo._transport.attempt import Call, Exchange, address, context_of
from langchain_mimo._transport.clients import AnyClient
from langchain_mimo._transport.error_responses import ErrorContext
from langchain_mimo._transport.request_body import RequestBody
from langchain_mimo._transport.response_body import FAULTS
from langchain_mimo._transport.retries import shared_backoff
from langchain_mimo._transport.timeouts import Watch
from langchain_mimo.errors import MiMoConfigurationError, MiMoError, MiMoTimeoutError

T = TypeVar("T")
"""What an attempt gives when it succeeds."""

C = TypeVar("C", Iterator[bytes], AsyncIterator[bytes])

_Opened: TypeAlias = tuple[Exchange, httpx2.Response, C, list[dict[str, Any]]]
"""An answer with its first events, and where the rest comes from."""


class _Plan:
    """What all attempts of one call share, and the generator that decides about them."""

    __slots__ = ("body", "call", "context", "started", "url")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.url: httpx2.URL = address(call)
        self.context: ErrorContext = context_of(call, self.url)
        self.body = RequestBody(call.tree, call.media)
        self.started = time.monotonic()

    def exchange(self) -> Exchange:
        """Begin an attempt."""
        watch = Watch(self.call.timeouts, self.started)
        return Exchange(self.url, self.context, self.body, watch)

    def steps(self) -> Generator[float | None, None, None]:
        """Yield the seconds to wait, or None to send; a failure to send is thrown in.

        Raises:
            MiMoError: The failure, when it is not to be sent again; also when the wait would
                pass the `total` limit.
        """
        policy = self.call.retry
        backoff = shared_backoff(self.url.netloc.decode("ascii"), self.call.key())
        attempt = 0
        while True:
            attempt += 1
            pause = backoff.wait(random.random(), policy.retry_after_cap)  # noqa: S311
            if policy.max_retries and pause:
                self._afford(pause, None)
                yield pause
            try:
                yield None
            except MiMoError as error:
                delay = policy.delay(attempt, error, random.random())  # noqa: S311
                backoff.learn(error, policy)
                if delay is None:
                    raise
                self._afford(delay, error)
                yield delay

    def _afford(self, pause: float, error: MiMoError | None) -> None:
        """Raise now rather than after a wait that the `total` limit cuts short anyway."""
        total = self.call.timeouts.total
        if total is None or time.monotonic() + pause < self.started + total:
            return
        raise error or MiMoTimeoutError("total", total, host=self.url.host, held_back=pause)


class Transport:
    """Sends calls over shared clients of ours, or over the user's own.

    Costs nothing to make: clients come with the first call. Safe in threads, in any number of
    event loops, and after a fork.
    """

    def __init__(
        self,
        settings: clients.ClientSettings | None = None,
        http_client: httpx2.Client | None = None,
        http_async_client: httpx2.AsyncClient | None = None,
    ) -> None:
        """Note what to use.

        Args:
            settings: What clients of ours must be like; default: the environment's proxies and
                certifi's authorities.
            http_client: A client to use instead for sync calls. It keeps its own headers, proxies
                and hooks, is never closed here, and holds `idle` less strictly: see
                `Watch.longest_silence`.
            http_async_client: The same for async calls; it belongs to one event loop.
        """
        self._settings = settings or clients.ClientSettings()
        self._client = http_client
        self._async_client = http_async_client
        self._key: Any = None

    def close(self) -> None:
        """Let go of the shared client for threads; the last user closes it. A later call works."""
        if self._key is not None:
            clients.release_sync(self._key, self)

    async def aclose(self) -> None:
        """Let go of the running loop's shared client and of that for threads."""
        if self._key is not None:
            await clients.release_async(self._key, self)
        self.close()

    # Sync

    def request(self, call: Call) -> dict[str, Any]:
        """Send a call and return its whole answer.

        Raises:
            MiMoError: See the package's docstring.
        """
        return self._drive(_Plan(call), self._whole)

    def stream(self, call: Call) -> Generator[dict[str, Any], None, None]:
        """Send a call and yield the events of its answer; closing closes the connection.

        Raises:
            MiMoError: See the package's docstring.
        """
        exchange, response, chunks, events = self._drive(_Plan(call), self._open)
        try:
            while True:
                if events:
                    yield from events
                    exchange.watch.got_events()
                if exchange.over:
                    break
                chunk = next(chunks, None)
                if chunk is None:
                    yield from exchange.finish()
                    break
                events = exchange.take(chunk)
            exchange.conclude()
            if exchange.done:
                reading.drain(exchange, response, chunks)
        except FAULTS as error:
            raise exchange.fault(error) from error
        finally:
            response.close()

    def _drive(self, plan: _Plan, attempt: Callable[[_Plan, Exchange], T]) -> T:
        """Attempt, wait and attempt again as the plan's steps say."""
        plan.body.open()
        try:
            steps = plan.steps()
            pause = next(steps)
            while True:
                if pause is not None:
                    time.sleep(pause)
                    pause = next(steps)
                    continue
                exchange = plan.exchange()
                try:
                    return attempt(plan, exchange)
                except FAULTS as error:
                    pause = steps.throw(_caused(exchange.fault(error), error))
                except MiMoError as error:
                    pause = steps.throw(error)
        finally:
            plan.body.dispose()

    def _whole(self, plan: _Plan, exchange: Exchange) -> dict[str, Any]:
        """Attempt to get a whole answer."""
        response = self._send(plan, exchange, stream=False)
        try:
            return exchange.whole(b"".join(reading.chunks(response, exchange)))
        finally:
            response.close()

    def _open(self, plan: _Plan, exchange: Exchange) -> _Opened[Iterator[bytes]]:
        """Attempt to get the first events of a stream."""
        response = self._send(plan, exchange, stream=True)
        try:
            chunks = reading.chunks(response, exchange)
            events: list[dict[str, Any]] = []
            while not (events or exchange.over):
                chunk = next(chunks, None)
                events = exchange.finish() if chunk is None else exchange.take(chunk)
                if chunk is None:
                    break
            if not events:
                exchange.conclude()
        except BaseException:
            response.close()
            raise
        return exchange, response, chunks, events

    def _send(self, plan: _Plan, exchange: Exchange, *, stream: bool) -> httpx2.Response:
        """Send the request and return its answer, whose body is still to come."""
        client = self._client
        if client is None:
            shared = clients.sync_client(self._settings, self._client_key(), self)
            exchange.strict = shared.keeps_deadlines
            request = exchange.request(plan.call, stream=stream)
            response = shared.client.send(request, stream=True, auth=None)
        else:
            request = exchange.request(plan.call, stream=stream, client=_usable(client))
            response = client.send(request, stream=True, follow_redirects=False)
        accepted = False
        try:
            accepted = exchange.accepts(request, response)
            if accepted:
                return response
            body = reading.beginning(reading.chunks(response, exchange))
        finally:
            if not accepted:
                response.close()
        raise exchange.refusal(body)

    # Async: the same with `await`

    async def arequest(self, call: Call) -> dict[str, Any]:
        """Send a call and return its whole answer.

        Raises:
            MiMoError: See the package's docstring.
        """
        return await self._adrive(_Plan(call), self._awhole)

    async def astream(self, call: Call) -> AsyncGenerator[dict[str, Any], None]:
        """Send a call and yield the events of its answer; closing closes the connection.

        Raises:
            MiMoError: See the package's docstring.
        """
        exchange, response, chunks, events = await self._adrive(_Plan(call), self._aopen)
        try:
            while True:
                if events:
                    for event in events:
                        yield event
                    exchange.watch.got_events()
                if exchange.over:
                    break
                chunk = await anext(chunks, None)
                if chunk is None:
                    for event in exchange.finish():
                        yield event
                    break
                events = exchange.take(chunk)
            exchange.conclude()
            if exchange.done:
                await reading.adrain(exchange, chunks)
        except FAULTS as error:
            raise exchange.fault(error) from error
        finally:
            await response.aclose()

    async def _adrive(self, plan: _Plan, attempt: Callable[[_Plan, Exchange], Awaitable[T]]) -> T:
        """Attempt, wait and attempt again as the plan's steps say."""
        await plan.body.aopen()
        try:
            steps = plan.steps()
            pause = next(steps)
            while True:
                if pause is not None:
                    await asyncio.sleep(pause)
                    pause = next(steps)
                    continue
                exchange = plan.exchange()
                try:
                    return await attempt(plan, exchange)
                except FAULTS as error:
                    pause = steps.throw(_caused(exchange.fault(error), error))
                except MiMoError as error:
                    pause = steps.throw(error)
        finally:
            plan.body.dispose()

    async def _awhole(self, plan: _Plan, exchange: Exchange) -> dict[str, Any]:
        """Attempt to get a whole answer."""
        response = await self._asend(plan, exchange, stream=False)
        try:
            chunks = reading.achunks(response, exchange)
            return exchange.whole(b"".join([chunk async for chunk in chunks]))
        finally:
            await response.aclose()

    async def _aopen(self, plan: _Plan, exchange: Exchange) -> _Opened[AsyncIterator[bytes]]:
        """Attempt to get the first events of a stream."""
        response = await self._asend(plan, exchange, stream=True)
        try:
            chunks = reading.achunks(response, exchange)
            events: list[dict[str, Any]] = []
            while not (events or exchange.over):
                chunk = await anext(chunks, None)
                events = exchange.finish() if chunk is None else exchange.take(chunk)
                if chunk is None:
                    break
            if not events:
                exchange.conclude()
        except BaseException:
            await response.aclose()
            raise
        return exchange, response, chunks, events

    async def _asend(self, plan: _Plan, exchange: Exchange, *, stream: bool) -> httpx2.Response:
        """Send the request and return its answer, whose body is still to come."""
        client = self._async_client
        if client is None:
            shared = await clients.async_client(self._settings, self._client_key(), self)
            exchange.strict = shared.keeps_deadlines
            request = exchange.request(plan.call, stream=stream)
            response = await shared.client.send(request, stream=True, auth=None)
        else:
            request = exchange.request(plan.call, stream=stream, client=_usable(client))
            response = await client.send(request, stream=True, follow_redirects=False)
        accepted = False
        try:
            accepted = exchange.accepts(request, response)
            if accepted:
                return response
            body = await reading.abeginning(reading.achunks(response, exchange))
        finally:
            if not accepted:
                await response.aclose()
        raise exchange.refusal(body)

    def _client_key(self) -> Any:
        if self._key is None:
            self._key = self._settings.key()
        return self._key


def _caused(fault: MiMoError, error: Exception) -> MiMoError:
    fault.__cause__ = error
    return fault


def _usable(client: AnyClient) -> AnyClient:
    if client.is_closed:
        name = "http_client" if isinstance(client, httpx2.Client) else "http_async_client"
        raise MiMoConfigurationError(f"The {name} given has been closed.")
    return client

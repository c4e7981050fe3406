"""Sends requests and retries them as their plan says: a sync and an async shell do the I/O."""

from __future__ import annotations

import asyncio
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

from langchain_mimo._threads import Signal
from langchain_mimo._transport import clients, response_body
from langchain_mimo._transport.api_request import ApiRequest
from langchain_mimo._transport.attempt import Attempt
from langchain_mimo._transport.destination import Destination
from langchain_mimo._transport.http_packages import ClientKind, package_of
from langchain_mimo._transport.own_clients import check_open, warn_of_shared_client
from langchain_mimo._transport.plan import Plan
from langchain_mimo.errors import MiMoError

T = TypeVar("T")
"""Result of a successful attempt."""

C = TypeVar("C", Iterator[bytes], AsyncIterator[bytes])

_OpenStream: TypeAlias = tuple[Attempt, httpx2.Response, C, list[dict[str, Any]]]
"""A response, its chunks still to come, and its first events."""


class Transport:
    """Sends requests over shared clients of this package, or over the user's own.

    It is cheap to create: clients are created with the first request. It is safe to use in threads,
    in any number of event loops, and after a fork.
    """

    def __init__(
        self,
        settings: clients.ClientSettings | None = None,
        http_client: Any = None,
        http_async_client: Any = None,
    ) -> None:
        """Store the settings and clients.

        Args:
            settings: Settings of the shared clients. Default: the environment's proxies, and the
                certificate authorities of the operating system.
            http_client: A `Client` of httpx2 or httpx to use instead for sync calls. It keeps its
                own headers, proxies and hooks, is never closed here, and applies `idle` less
                strictly: see `AttemptTimer.longest_silence`.
            http_async_client: An `AsyncClient` of httpx2 or httpx, likewise for async calls; it
                belongs to one event loop.
        """
        self._settings = settings or clients.ClientSettings()
        self._client = http_client
        self._async_client = http_async_client
        self._key: Any = None
        self._destination: Destination | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the API key out of pickles and copies."""
        return {**self.__dict__, "_destination": None}

    def _plan(self, api_request: ApiRequest, client: Any, kind: ClientKind) -> Plan:
        """Plan a request; all with the same URL and headers share what is prepared of them."""
        self._destination = api_request.destination(self._destination)
        http = httpx2 if client is None else package_of(client, kind) or httpx2
        return Plan(api_request, self._settings, http)

    def close(self) -> None:
        """Release the shared client for threads; the last user closes it. Later calls work."""
        if self._key is not None:
            clients.release_sync(self._key, self)

    async def aclose(self) -> None:
        """Release the shared clients of the running loop and for threads."""
        if self._key is not None:
            await clients.release_async(self._key, self)
        self.close()

    # Sync

    def request(self, api_request: ApiRequest) -> dict[str, Any]:
        """Send a request and return the response.

        Raises:
            MiMoError: See the docstring of `_transport`.
        """
        plan = self._plan(api_request, self._client, "Client")
        return self._drive(plan, self._receive)

    def stream(self, api_request: ApiRequest) -> Generator[dict[str, Any], None, None]:
        """Send a request and yield the response's events; closing closes the connection.

        Raises:
            MiMoError: See the docstring of `_transport`.
        """
        plan = self._plan(api_request, self._client, "Client")
        attempt, response, chunks, events = self._drive(plan, self._open)
        failure = None
        try:
            while True:
                if events:
                    yield from plan.note(events) if plan.counts_usage else events
                    attempt.timer.restart_idle()
                if attempt.ended:
                    break
                chunk = next(chunks, None)
                if chunk is None:
                    yield from plan.note(attempt.finish())
                    break
                events = attempt.feed(chunk)
            attempt.raise_failure()
            if attempt.done:
                response_body.drain(attempt, response, chunks)
        except attempt.faults as fault:
            failure = attempt.error_from(fault)
            raise failure from fault
        finally:
            response.close()
            plan.leave()
            if attempt.log is not None:
                attempt.log_end(failure)
            del failure  # its traceback holds this frame

    def _drive(self, plan: Plan, run: Callable[[Plan, Attempt], T]) -> T:
        """Run attempts and wait between them, as the plan's steps say."""
        steps = plan.steps()
        try:
            plan.open()
            pause = next(steps)
            while True:
                if pause is not None:
                    _wait(*pause)
                    pause = next(steps)
                    continue
                if not plan.is_open:
                    plan.open_body()
                attempt = plan.attempt()
                try:
                    return run(plan, attempt)
                except attempt.faults as fault:
                    attempt.log_end(fault)
                    pause = steps.throw(_caused(attempt.error_from(fault), fault))
                except MiMoError as error:
                    attempt.log_end(error)
                    pause = steps.throw(error)
                except BaseException as stopped:
                    attempt.log_end(stopped)
                    raise
        except BaseException:
            plan.leave()
            raise
        finally:
            steps.close()
            plan.body.dispose()

    def _receive(self, plan: Plan, attempt: Attempt) -> dict[str, Any]:
        """Send the request and read the response."""
        response = self._send(plan, attempt, stream=False)
        try:
            answer = attempt.decode(
                response_body.read(response_body.chunks(response, attempt), attempt)
            )
        finally:
            response.close()
        if plan.counts_usage:
            plan.finish(answer)
        return answer

    def _open(self, plan: Plan, attempt: Attempt) -> _OpenStream[Iterator[bytes]]:
        """Send the request and read the first events of the stream."""
        response = self._send(plan, attempt, stream=True)
        try:
            chunks = response_body.chunks(response, attempt)
            events: list[dict[str, Any]] = []
            while not (events or attempt.ended):
                chunk = next(chunks, None)
                events = attempt.finish() if chunk is None else attempt.feed(chunk)
                if chunk is None:
                    break
            if not events:
                attempt.raise_failure()
        except BaseException:
            response.close()
            raise
        return attempt, response, chunks, events

    def _send(self, plan: Plan, attempt: Attempt, *, stream: bool) -> httpx2.Response:
        """Send the request and return the response, its body not yet read."""
        client = self._client
        if client is None:
            if self._async_client is not None:
                warn_of_shared_client("http_async_client")
            shared = clients.sync_client(self._settings, self._client_key(), self)
            attempt.keeps_deadlines = True
            request = attempt.build_request(plan.api_request, stream=stream)
            response = clients.send(shared, request)
        else:
            check_open("http_client", client)
            try:
                request = attempt.build_request_with(client, plan.api_request, stream=stream)
                response = client.send(request, stream=True, follow_redirects=False)
            except Exception as error:  # noqa: BLE001 - of any kind
                raise attempt.client_error(error)  # noqa: B904 - it may be the error itself
        accepted = False
        try:
            if attempt.accept_head(request, response):
                attempt.hand_on_head(plan.api_request)
                accepted = True
                return response
            body = response_body.read_error(response, attempt)
        finally:
            if not accepted:
                response.close()
        raise attempt.error_response(body)

    # Async: the same with `await`

    async def arequest(self, api_request: ApiRequest) -> dict[str, Any]:
        """Send a request and return the response.

        Raises:
            MiMoError: See the docstring of `_transport`.
        """
        plan = self._plan(api_request, self._async_client, "AsyncClient")
        return await self._adrive(plan, self._areceive)

    async def astream(self, api_request: ApiRequest) -> AsyncGenerator[dict[str, Any], None]:
        """Send a request and yield the response's events; closing closes the connection.

        Raises:
            MiMoError: See the docstring of `_transport`.
        """
        plan = self._plan(api_request, self._async_client, "AsyncClient")
        attempt, response, chunks, events = await self._adrive(plan, self._aopen)
        failure = None
        try:
            while True:
                if events:
                    for event in plan.note(events) if plan.counts_usage else events:
                        yield event
                    attempt.timer.restart_idle()
                if attempt.ended:
                    break
                chunk = await anext(chunks, None)
                if chunk is None:
                    for event in plan.note(attempt.finish()):
                        yield event
                    break
                events = attempt.feed(chunk)
            attempt.raise_failure()
            if attempt.done:
                await response_body.adrain(attempt, chunks)
        except attempt.faults as fault:
            failure = attempt.error_from(fault)
            raise failure from fault
        finally:
            plan.leave()
            await response.aclose()
            if attempt.log is not None:
                attempt.log_end(failure)
            del failure  # its traceback holds this frame

    async def _adrive(self, plan: Plan, run: Callable[[Plan, Attempt], Awaitable[T]]) -> T:
        """Run attempts and wait between them, as the plan's steps say."""
        steps = plan.steps()
        try:
            await plan.aopen()
            pause = next(steps)
            while True:
                if pause is not None:
                    await _await(*pause)
                    pause = next(steps)
                    continue
                if not plan.is_open:
                    await plan.body.in_thread(plan.open_body)
                attempt = plan.attempt()
                try:
                    return await run(plan, attempt)
                except attempt.faults as fault:
                    attempt.log_end(fault)
                    pause = steps.throw(_caused(attempt.error_from(fault), fault))
                except MiMoError as error:
                    attempt.log_end(error)
                    pause = steps.throw(error)
                except BaseException as stopped:
                    attempt.log_end(stopped)
                    raise
        except BaseException:
            plan.leave()
            raise
        finally:
            steps.close()
            plan.body.dispose()

    async def _areceive(self, plan: Plan, attempt: Attempt) -> dict[str, Any]:
        """Send the request and read the response."""
        response = await self._asend(plan, attempt, stream=False)
        try:
            chunks = response_body.achunks(response, attempt)
            answer = attempt.decode(await response_body.aread(chunks, attempt))
        finally:
            await response.aclose()
        if plan.counts_usage:
            plan.finish(answer)
        return answer

    async def _aopen(self, plan: Plan, attempt: Attempt) -> _OpenStream[AsyncIterator[bytes]]:
        """Send the request and read the first events of the stream."""
        response = await self._asend(plan, attempt, stream=True)
        try:
            chunks = response_body.achunks(response, attempt)
            events: list[dict[str, Any]] = []
            while not (events or attempt.ended):
                chunk = await anext(chunks, None)
                events = attempt.finish() if chunk is None else attempt.feed(chunk)
                if chunk is None:
                    break
            if not events:
                attempt.raise_failure()
        except BaseException:
            await response.aclose()
            raise
        return attempt, response, chunks, events

    async def _asend(self, plan: Plan, attempt: Attempt, *, stream: bool) -> httpx2.Response:
        """Send the request and return the response, its body not yet read."""
        client = self._async_client
        if client is None:
            if self._client is not None:
                warn_of_shared_client("http_client")
            shared = await clients.async_client(self._settings, self._client_key(), self)
            attempt.keeps_deadlines = True
            request = attempt.build_request(plan.api_request, stream=stream)
            response = await clients.asend(shared, request)
        else:
            check_open("http_async_client", client)
            try:
                request = attempt.build_request_with(client, plan.api_request, stream=stream)
                response = await client.send(request, stream=True, follow_redirects=False)
            except Exception as error:  # noqa: BLE001 - of any kind
                raise attempt.client_error(error)  # noqa: B904 - it may be the error itself
        accepted = False
        try:
            if attempt.accept_head(request, response):
                attempt.hand_on_head(plan.api_request)
                accepted = True
                return response
            body = await response_body.aread_error(response, attempt)
        finally:
            if not accepted:
                await response.aclose()
        raise attempt.error_response(body)

    def _client_key(self) -> Any:
        if self._key is None:
            self._key = self._settings.key()
        return self._key


def _wait(seconds: float | None, woken: Signal | None) -> None:
    """Wait for some seconds, or until a signal is set."""
    if woken is None:
        time.sleep(seconds or 0.0)
    else:
        woken.wait(seconds)


async def _await(seconds: float | None, woken: Signal | None) -> None:
    """Do the same in an event loop."""
    if woken is None:
        await asyncio.sleep(seconds or 0.0)
    else:
        await woken.wait_in_loop(seconds)


def _caused(error: MiMoError, cause: Exception) -> MiMoError:
    error.__cause__ = cause
    return error

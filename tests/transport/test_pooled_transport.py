"""The transports over a network without sockets: nothing leaks, and no work grows with the pool."""

import asyncio
import cProfile
import itertools
import ssl
from pathlib import Path

import httpcore2
import httpx2
import pytest
from fake_network import BODY, AsyncFakeBackend, AsyncFakeStream, FakeBackend
from hypothesis import given, settings
from hypothesis import strategies as st

import langchain_mimo
from langchain_mimo._transport import ApiRequest, ClientSettings, Transport, clients
from langchain_mimo._transport.pooled_transport import AsyncPooledTransport, PooledTransport

URL = "http://127.0.0.1/v1/chat/completions"
LIMITS = httpx2.Limits(max_keepalive_connections=3, keepalive_expiry=30.0)
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
FAILURES = {
    httpcore2.ConnectError: httpx2.ConnectError,
    httpcore2.ConnectTimeout: httpx2.ConnectTimeout,
    httpcore2.ReadError: httpx2.ReadError,
    httpcore2.ReadTimeout: httpx2.ReadTimeout,
    httpcore2.WriteTimeout: httpx2.WriteTimeout,
    httpcore2.RemoteProtocolError: httpx2.RemoteProtocolError,
    httpcore2.ProxyError: httpx2.ProxyError,
}


def over(backend):
    """Return one of our transports over a network without sockets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "SyncBackend", lambda: backend)
        patch.setattr(httpcore2, "AnyIOBackend", lambda: backend)
        kind = PooledTransport if isinstance(backend, FakeBackend) else AsyncPooledTransport
        return kind(CONTEXT, LIMITS)


def check_nothing_is_left(transport, backend):
    pool = transport._pool
    assert pool.busy == []
    assert len(pool.idle) <= LIMITS.max_keepalive_connections
    assert all(each.is_idle() for each in pool.idle)
    assert len(backend.open_streams) == len(pool.idle)


# Failures


def body_of(client):
    with client.stream("POST", URL, content=b"{}") as response:
        return b"".join(response.iter_raw())


async def abody_of(client):
    async with client.stream("POST", URL, content=b"{}") as response:
        return b"".join([chunk async for chunk in response.aiter_raw()])


def outcome_of(client):
    """Return the body of a response, or the exception that the client raises."""
    try:
        return body_of(client)
    except (Exception, KeyboardInterrupt) as error:
        return error.with_traceback(None)


async def aoutcome_of(client):
    try:
        return await abody_of(client)
    except Exception as error:
        return error.with_traceback(None)


@pytest.mark.parametrize("failure", [*FAILURES, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("reused", [False, True])
def test_a_failed_operation_leaves_nothing(failure, reused):
    for at in itertools.count(1):
        backend = FakeBackend()
        transport = over(backend)
        client = httpx2.Client(transport=transport)
        if reused:
            assert body_of(client) == BODY
        backend.fails_at = {backend.operations + at: failure("failed")}
        outcome = outcome_of(client)
        if outcome == BODY:
            break
        assert type(outcome) is FAILURES.get(failure, failure)
        check_nothing_is_left(transport, backend)
        assert body_of(client) == BODY
        client.close()
        assert backend.open_streams == []
    assert at > 4


@pytest.mark.parametrize("failure", [*FAILURES, MemoryError])
async def test_a_failed_operation_leaves_nothing_in_an_event_loop(failure):
    for at in itertools.count(1):
        backend = AsyncFakeBackend()
        transport = over(backend)
        backend.fails_at = {at: failure("failed")}
        client = httpx2.AsyncClient(transport=transport)
        outcome = await aoutcome_of(client)
        if outcome == BODY:
            break
        assert type(outcome) is FAILURES.get(failure, failure)
        check_nothing_is_left(transport, backend)
        assert await abody_of(client) == BODY
        await client.aclose()
        assert backend.open_streams == []
    assert at > 5


def test_an_error_in_what_is_sent_and_a_response_left_early_leave_nothing():
    backend = FakeBackend()
    transport = over(backend)
    client = httpx2.Client(transport=transport)

    def content():
        yield b"{"
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        client.post(URL, content=content())
    with client.stream("POST", URL) as response:
        next(response.iter_raw())
    check_nothing_is_left(transport, backend)


def test_a_dropped_connection_is_not_used_again():
    backend = FakeBackend()
    transport = over(backend)
    client = httpx2.Client(transport=transport)
    assert body_of(client) == BODY
    backend.streams[0].dropped = True
    assert body_of(client) == BODY
    assert [each.is_closed for each in backend.streams] == [True, False]


def test_closing_the_client_closes_streams_in_use():
    backend = FakeBackend()
    transport = over(backend)
    client = httpx2.Client(transport=transport)
    response = client.send(client.build_request("POST", URL, content=b"{}"), stream=True)
    client.close()
    assert backend.open_streams == []
    response.close()
    check_nothing_is_left(transport, backend)


def test_closing_the_transport_during_a_request_keeps_no_connection():
    """As if another thread closed it; the request itself comes to its end or fails."""
    backend = FakeBackend()
    transport = over(backend)
    client = httpx2.Client(transport=transport)
    connect = backend.connect_tcp

    def close_first(*args, **options):
        transport.close()
        return connect(*args, **options)

    backend.connect_tcp = close_first
    assert body_of(client) == BODY
    assert backend.open_streams == []


def test_closing_the_transport_just_before_a_request_fails_it_as_a_connection():
    backend = FakeBackend()
    transport = over(backend)
    client = httpx2.Client(transport=transport)
    assert body_of(client) == BODY
    take = transport._pool.take

    def take_and_close(origin):
        taken = take(origin)
        transport.close()
        return taken

    transport._pool.take = take_and_close
    with pytest.raises(httpx2.ConnectError, match="closed"):
        body_of(client)
    check_nothing_is_left(transport, backend)


# Any order of events

CALLS = st.tuples(
    st.integers(0, 12),  # the step of the event loop at which it begins
    st.sampled_from(["read", "read", "leave", "forget"]),
    st.one_of(st.none(), st.integers(1, 25)),  # steps after which it is cancelled
    st.one_of(st.none(), st.integers(1, 25)),  # steps to a second cancellation
)


async def one_call(client, way):
    if way == "forget":  # a response that nobody closes
        await client.send(client.build_request("POST", URL, content=b"{}"), stream=True)
        return None
    async with client.stream("POST", URL, content=b"{}") as response:
        body = b""
        async for chunk in response.aiter_raw():
            body += chunk
            if way == "leave":
                return None
        return body


async def run_calls(client, calls):
    """Begin and cancel the calls at their steps; return their results."""
    tasks, cancellations = {}, {}
    for step in range(70):
        for number, (begin, way, after, again) in enumerate(calls):
            if begin == step:
                tasks[number] = asyncio.create_task(one_call(client, way))
                if after is not None:
                    cancellations.setdefault(step + after, []).append(number)
                    if again is not None:
                        cancellations.setdefault(step + after + again, []).append(number)
        for number in cancellations.get(step, ()):
            tasks[number].cancel()
        await asyncio.sleep(0)
    return await asyncio.gather(*tasks.values(), return_exceptions=True)


@settings(max_examples=100, deadline=None)
@given(
    calls=st.lists(CALLS, min_size=1, max_size=12),
    failures=st.dictionaries(st.integers(1, 60), st.sampled_from(list(FAILURES))),
    drops=st.sets(st.integers(0, 5)),
)
def test_nothing_is_left_whatever_happens(calls, failures, drops):
    backend = AsyncFakeBackend()
    transport = over(backend)
    backend.fails_at = {at: kind("failed") for at, kind in failures.items()}

    async def run():
        client = httpx2.AsyncClient(transport=transport)
        results = await run_calls(client, calls)
        allowed = (asyncio.CancelledError, *FAILURES.values())
        for result in results:
            assert result in (None, BODY) or isinstance(result, allowed), repr(result)
            assert failures or not isinstance(result, httpx2.HTTPError)
        forgotten = any(way == "forget" for _, way, _, _ in calls)
        if not forgotten:
            check_nothing_is_left(transport, backend)
        for number in drops & set(range(len(backend.streams))):
            backend.streams[number].dropped = True
        backend.fails_at = {}
        assert await asyncio.gather(*(abody_of(client) for _ in range(5))) == [BODY] * 5
        await client.aclose()
        assert transport._pool.idle == []
        assert forgotten or backend.open_streams == []

    asyncio.run(run())


# Work

WATCHED = (
    str(Path(langchain_mimo.__file__).parent / "_transport"),
    str(Path(httpcore2.__file__).parent),
)


class Together(AsyncFakeBackend):
    """A network on which no stream goes on before all of them are open."""

    def __init__(self, number):
        super().__init__()
        self.number = number
        self.all_open = asyncio.Event()

    async def pause(self):
        if len(self.streams) == self.number:
            self.all_open.set()
        await self.all_open.wait()

    async def connect_tcp(self, *_, **__):
        return AsyncFakeStream(self)


def calls_per_stream(number):
    """Count the calls that transports and httpcore2 make, per stream."""
    profile = cProfile.Profile()

    async def one(transport):
        return [event async for event in transport.astream(ApiRequest(URL, {}, {}))]

    async def run():
        backend = Together(number)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(httpcore2, "AnyIOBackend", lambda: backend)
            patch.setattr(clients, "_registry", clients._Registry())
            transport = Transport(ClientSettings(trust_env=False, verify=CONTEXT))
            with profile:
                results = await asyncio.gather(*(one(transport) for _ in range(number)))
            assert results == [[{"a": 1}]] * number
            await transport.aclose()
        assert len(backend.streams) == number
        assert backend.open_streams == []

    asyncio.run(run())
    watched = [
        entry
        for entry in profile.getstats()
        if not isinstance(entry.code, str) and entry.code.co_filename.startswith(WATCHED)
    ]
    return sum(call.callcount for entry in watched for call in entry.calls or ()) / number


def test_a_stream_takes_as_much_work_among_1600_as_among_100():
    calls_per_stream(1)  # fills caches
    few, many = calls_per_stream(100), calls_per_stream(1600)
    assert many <= 1.05 * few, (few, many)

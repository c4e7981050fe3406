"""Leaving a stream, a loop, a process: sockets close, pools stay usable, nothing is left over."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from forks import end_of_fork, needs_fork, start_fork

from langchain_mimo._transport import MiMoTimeouts, RetryPolicy, Transport, clients
from langchain_mimo.errors import MiMoError

ONE, DONE = b'data: {"a":1}\n\n', b"data: [DONE]\n\n"
SOON = 5.0
"""Seconds within which a disconnect must be seen; one is promised, but test machines are slow."""


@pytest.fixture
def silent(server):
    """A server that sends one event and is silent until the client hangs up."""
    server.hung_up = []
    server.silent = threading.Event()

    def script(connection, n):
        while server.take(connection):
            if b'"json"' in server.requests[-1][1]:
                connection.respond()
                continue
            connection.head()
            if b'"silent"' not in server.requests[-1][1]:
                connection.chunk(ONE)
            server.silent.set()
            server.hung_up.append(connection.seconds_until_closed())
            return

    server.script = script
    return server


def hang_ups(server, number=1):
    """Wait for a number of disconnects."""
    for _ in range(1000):
        if len(server.hung_up) >= number:
            return server.hung_up
        time.sleep(0.01)
    return server.hung_up


def open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_break_hangs_up(silent, make_request):
    transport = Transport()
    for _ in transport.stream(make_request()):
        break
    gc.collect()
    assert hang_ups(silent)[0] < SOON
    assert transport.request(make_request(tree={"x": "json"})) == {"a": 1}


def test_close_hangs_up(silent, make_request):
    stream = Transport().stream(make_request())
    assert next(stream) == {"a": 1}
    stream.close()
    assert hang_ups(silent)[0] < SOON


def test_an_error_of_the_caller_hangs_up(silent, make_request):
    def run():
        for event in Transport().stream(make_request()):
            raise KeyError(event["a"])

    with pytest.raises(KeyError):
        run()
    gc.collect()
    assert hang_ups(silent)[0] < SOON


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("what", ["silent", "event"])
def test_ctrl_c_while_the_server_is_silent(silent, make_request, what):
    def interrupt():
        silent.silent.wait(5)
        time.sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    transport = Transport()
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        list(transport.stream(make_request(tree={"x": what})))
    assert hang_ups(silent)[0] < SOON
    assert transport.request(make_request(tree={"x": "json"})) == {"a": 1}


async def ahang_ups(server, number=1):
    return await asyncio.to_thread(hang_ups, server, number)


async def test_async_break_hangs_up(silent, make_request):
    transport = Transport()
    async for _ in transport.astream(make_request()):
        break
    gc.collect()
    assert (await ahang_ups(silent))[0] < SOON
    assert await transport.arequest(make_request(tree={"x": "json"})) == {"a": 1}


async def test_aclose_hangs_up(silent, make_request):
    stream = Transport().astream(make_request())
    assert await anext(stream) == {"a": 1}
    await stream.aclose()
    assert (await ahang_ups(silent))[0] < SOON


@pytest.mark.parametrize("what", ["silent", "event"])
async def test_cancelling_a_task_hangs_up(silent, make_request, what):
    transport = Transport()

    async def run():
        async for _ in transport.astream(make_request(tree={"x": what})):
            pass

    task = asyncio.create_task(run())
    await asyncio.to_thread(silent.silent.wait, 5)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await ahang_ups(silent))[0] < SOON
    assert await transport.arequest(make_request(tree={"x": "json"})) == {"a": 1}


async def test_cancelling_a_request_that_is_not_streamed_hangs_up(silent, make_request):
    transport = Transport()
    task = asyncio.create_task(transport.arequest(make_request(tree={"x": "silent"})))
    await asyncio.to_thread(silent.silent.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await ahang_ups(silent))[0] < SOON


async def test_a_timeout_around_a_call_is_the_callers(silent, make_request):
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.2):
            await Transport().arequest(make_request(tree={"x": "silent"}))
    assert not isinstance(caught.value, MiMoError)


def test_cancelling_while_waiting_for_the_next_attempt(server, make_request):
    responded = threading.Event()

    def script(connection, n):
        server.take(connection)
        connection.respond(b"", "503 x", "Retry-After: 30")
        responded.set()

    server.script = script

    async def run():
        task = asyncio.create_task(Transport().arequest(make_request()))
        await asyncio.to_thread(responded.wait, 5)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(run(), 10))
    assert len(server.requests) == 1


@pytest.fixture
def steady(server):
    """A server that responds to everything and keeps its connections open."""

    def script(connection, n):
        while server.take(connection):
            if b'"json"' in server.requests[-1][1]:
                connection.respond()
            else:
                connection.head()
                connection.chunk(ONE, DONE)
                connection.end()

    server.script = script
    return server


@pytest.mark.filterwarnings("error")
def test_one_instance_in_many_loops(steady, make_request):
    transport = Transport()

    async def run():
        assert [e async for e in transport.astream(make_request())] == [{"a": 1}]
        assert await transport.arequest(make_request(tree={"x": "json"})) == {"a": 1}

    for _ in range(3):
        asyncio.run(run())
        gc.collect()
    assert len(steady.requests) == 6
    assert steady.connections == 3


@pytest.mark.filterwarnings("error")
def test_a_loop_that_ends_with_a_stream_unfinished(silent, make_request):
    streams = []

    async def run():
        streams.append(Transport().astream(make_request()))
        await anext(streams[0])

    asyncio.run(run())
    gc.collect()
    assert hang_ups(silent)[0] < SOON


def test_loops_in_threads(steady, make_request):
    transport = Transport()
    responses = []

    def run():
        for _ in range(3):
            responses.append(asyncio.run(transport.arequest(make_request(tree={"x": "json"}))))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert responses == [{"a": 1}] * 24
    assert len(steady.requests) == 24


def test_threads_share_a_client(steady, make_request):
    responses = []

    def run():
        transport = Transport()
        for _ in range(5):
            responses.append(transport.request(make_request(tree={"x": "json"})))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert responses == [{"a": 1}] * 40
    assert len(steady.requests) == 40
    assert steady.connections <= 8


def test_a_thousand_instances_use_one_connection(steady, make_request):
    Transport().request(make_request(tree={"x": "json"}))
    before = open_descriptors()
    for _ in range(1000):
        assert Transport().request(make_request(tree={"x": "json"})) == {"a": 1}
    assert open_descriptors() <= before + 1
    assert steady.connections == 1


def test_close_closes_and_a_later_call_works(steady, make_request):
    transport = Transport()
    for user in list(clients._registry.sync.values()):
        user.users.clear()
    transport.request(make_request(tree={"x": "json"}))
    transport.close()
    assert transport.request(make_request(tree={"x": "json"})) == {"a": 1}
    assert steady.connections == 2
    transport.close()


async def test_aclose_closes_and_a_later_call_works(steady, make_request):
    transport = Transport()
    await transport.arequest(make_request(tree={"x": "json"}))
    await transport.aclose()
    assert await transport.arequest(make_request(tree={"x": "json"})) == {"a": 1}
    assert steady.connections == 2
    await transport.aclose()


@needs_fork
def test_both_processes_can_send_after_a_fork(steady, make_request):
    transport = Transport()
    api_request = make_request(tree={"x": "json"})
    transport.request(api_request)

    def send_too():
        good = all(transport.request(api_request) == {"a": 1} for _ in range(20))
        return good and asyncio.run(transport.arequest(api_request)) == {"a": 1}

    child = start_fork(send_too)
    for _ in range(20):
        assert transport.request(api_request) == {"a": 1}
    assert end_of_fork(child) == 0
    assert len(steady.requests) == 42
    assert steady.connections == 3


def test_a_program_ends_without_warnings(steady):
    code = f"""
import asyncio, logging
from langchain_mimo._transport import ApiRequest, Transport
# In development mode asyncio warns about slow steps, which a busy machine causes.
logging.getLogger("asyncio").setLevel(logging.ERROR)
api_request = ApiRequest({steady.url!r}, {{}}, {{"x": "json"}})
transport = Transport()
transport.request(api_request)
asyncio.run(transport.arequest(api_request))
stream = transport.stream(ApiRequest({steady.url!r}, {{}}, {{}}))
next(stream)
"""
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_many_concurrent_streams_all_end(server, make_request):
    """Of ten connections, one breaks before its first event and one after it."""

    def script(connection, n):
        while server.take(connection):
            if n % 10 == 0:
                connection.reset()
                return
            connection.head()
            connection.chunk(ONE)
            time.sleep(0.02)
            if n % 10 == 5:
                return
            connection.chunk(ONE, DONE)
            connection.end()

    server.script = script
    transport = Transport()
    api_request = make_request(
        retry=RetryPolicy(max_retries=9, initial_delay=0.01), timeouts=MiMoTimeouts()
    )

    async def one():
        events = []
        try:
            async for event in transport.astream(api_request):
                events.append(event)
        except MiMoError as error:
            return type(error).__name__, len(events)
        return "complete", len(events)

    async def run():
        before = len(asyncio.all_tasks())
        results = await asyncio.gather(*(one() for _ in range(200)))
        await asyncio.sleep(0.05)
        return results, len(asyncio.all_tasks()) - before

    threads = threading.active_count
    descriptors = open_descriptors()
    results, left_tasks = asyncio.run(run())
    assert set(results) == {("complete", 2), ("MiMoConnectionError", 1)}
    assert left_tasks == 0
    server.close()
    for _ in range(200):
        if open_descriptors() <= descriptors and threads() < 20:
            break
        time.sleep(0.02)
    assert open_descriptors() <= descriptors

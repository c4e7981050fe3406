"""Connections close themselves when an operation fails, without a step of the event loop."""

import asyncio

import httpcore2
import pytest

from langchain_mimo._transport.deadline_backend import AsyncDeadlineStream, DeadlineStream

OPERATIONS = {"read": (1,), "write": (b"x",), "start_tls": (None,)}
FAILURES = [
    httpcore2.ReadError("broke"),
    httpcore2.ReadTimeout("silent"),
    httpcore2.WriteTimeout("full"),
    KeyboardInterrupt(),
    asyncio.CancelledError(),
]


class Failing:
    """A stream whose operations all raise the same exception."""

    def __init__(self, failure):
        self.failure = failure
        self.closed = 0

    def fail(self, *_):
        raise self.failure

    read = write = start_tls = fail

    def close(self):
        self.closed += 1


class AsyncFailing(Failing):
    async def fail(self, *_):
        raise self.failure

    read = write = start_tls = fail

    async def aclose(self):
        self.closed += 1
        await asyncio.sleep(0)


def steps_of(coroutine):
    """Run a coroutine without an event loop; return how often it gave way, and what it raised."""
    steps = 0
    try:
        while True:
            coroutine.send(None)
            steps += 1
    except StopIteration:
        return steps, None
    except BaseException as raised:
        return steps, raised


def run(kind, failure, operation):
    """Return the wrapped stream, and what an operation raised."""
    if kind == "async":
        inner = AsyncFailing(failure)
        stream = AsyncDeadlineStream(inner)
        hold_head(stream, operation)
        steps, raised = steps_of(getattr(stream, operation)(*OPERATIONS[operation]))
        assert steps == 0
        return inner, raised
    inner = Failing(failure)
    stream = DeadlineStream(inner)
    hold_head(stream, operation)
    with pytest.raises(type(failure)) as caught:
        getattr(stream, operation)(*OPERATIONS[operation])
    return inner, caught.value


def hold_head(stream, operation):
    """Write the head of a request, so that the next write is not held."""
    if operation == "write" and (coroutine := stream.write(b"head")):
        assert steps_of(coroutine) == (0, None)


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_failed_operation_closes(kind, operation, failure):
    inner, raised = run(kind, failure, operation)
    assert raised is failure
    assert inner.closed == 1


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_failed_write_leaves_a_response_to_be_read(kind):
    inner, _ = run(kind, httpcore2.WriteError("the server reads no more"), "write")
    assert inner.closed == 0


def test_closing_takes_no_step_but_waits_for_what_it_must():
    class Slow(AsyncFailing):
        async def aclose(self):
            await asyncio.sleep(0)
            await asyncio.sleep(0.01)
            await asyncio.sleep(0)
            self.closed += 1

    inner = Slow(None)
    asyncio.run(AsyncDeadlineStream(inner).aclose())
    assert inner.closed == 1

    inner = AsyncFailing(None)
    assert steps_of(AsyncDeadlineStream(inner).aclose()) == (0, None)
    assert inner.closed == 1


def test_an_error_of_closing_is_raised():
    class Broken(AsyncFailing):
        async def aclose(self):
            await asyncio.sleep(0)
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        asyncio.run(AsyncDeadlineStream(Broken(None)).aclose())


class Recording:
    """A stream that notes what is written, and when it is read."""

    def __init__(self):
        self.done = []

    def write(self, buffer, _):
        self.done.append(bytes(buffer))

    def read(self, *_):
        self.done.append("read")
        return b""


class AsyncRecording(Recording):
    async def write(self, *arguments):
        Recording.write(self, *arguments)

    async def read(self, *_):
        return Recording.read(self)


BLOCK = bytes(64 * 1024)
HEAD = b"POST / HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(
    ("writes", "written"),
    [
        ([HEAD, b"{}", b""], [HEAD + b"{}"]),
        ([HEAD, b""], [HEAD]),  # CONNECT has no body
        ([HEAD], [HEAD]),  # a greeting of SOCKS, which is answered
        ([HEAD, b"{", b"a", b"}", b""], [HEAD + b"{", b"a", b"}"]),
        ([HEAD, BLOCK, b""], [HEAD, BLOCK]),
        ([HEAD, BLOCK * 2 + b"x"], [HEAD, BLOCK, BLOCK, b"x"]),
        ([HEAD, b"{", BLOCK, b"}"], [HEAD + b"{", BLOCK, b"}"]),
        ([BLOCK + b"x", b"{}", b""], [BLOCK + b"x", b"{}"]),
        ([], []),
    ],
)
def test_the_head_of_a_request_is_written_with_the_start_of_its_body(kind, writes, written):
    inner = Recording() if kind == "sync" else AsyncRecording()
    stream = DeadlineStream(inner) if kind == "sync" else AsyncDeadlineStream(inner)
    for _ in range(2):  # two requests over one connection
        for buffer in writes:
            step = stream.write(buffer)
            assert step is None or steps_of(step) == (0, None)
        step = stream.read(1)
        assert step == b"" or steps_of(step) == (0, None)
    assert inner.done == [*written, "read"] * 2

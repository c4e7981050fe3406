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
        steps, raised = steps_of(getattr(stream, operation)(*OPERATIONS[operation]))
        assert steps == 0
        return inner, raised
    inner = Failing(failure)
    with pytest.raises(type(failure)) as caught:
        getattr(DeadlineStream(inner), operation)(*OPERATIONS[operation])
    return inner, caught.value


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

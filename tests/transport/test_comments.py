"""SSE comments, such as the `: PROCESSING` of MiMo: ignored, and no sign of progress."""

import asyncio

import httpx2
import pytest
from api_requests import api_request

from langchain_mimo._transport import MiMoTimeouts
from langchain_mimo._transport import timeouts as limits
from langchain_mimo.errors import MiMoTimeoutError

COMMENT = b": PROCESSING\n\n"
ONE, TWO = b'data: {"a":1}\n\n', b'data: {"a":2}\n\n'
DONE = b"data: [DONE]\n\n"
EVENTS = [{"a": 1}, {"a": 2}]

HALF_A_MINUTE = [(5.0, COMMENT)] * 6
PLACES = {
    "before": [*HALF_A_MINUTE, (0.0, ONE), (0.0, TWO + DONE)],
    "between": [(0.0, ONE), *HALF_A_MINUTE, (0.0, TWO + DONE)],
    "before and between": [*HALF_A_MINUTE, (0.0, ONE), *HALF_A_MINUTE, (0.0, TWO + DONE)],
    "after": [(0.0, ONE + TWO), *HALF_A_MINUTE, (0.0, DONE)],
}


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the server moves."""

    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(limits.time, "monotonic", clock)
    monkeypatch.setattr(limits, "_now", clock)
    return clock


@pytest.fixture
def stream(shell, clock):
    """A function that streams a body of pieces, each after some seconds."""

    def run(pieces, events, **timeouts):
        class Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
            def __iter__(self):
                for seconds, piece in pieces:
                    clock.now += seconds
                    yield piece

            async def __aiter__(self):
                for piece in self:
                    for _ in range(3):  # lets the loop notice that a limit has expired
                        await asyncio.sleep(0)
                    yield piece

        side = shell(lambda n, request: httpx2.Response(200, stream=Body()))
        return side.stream(api_request(timeouts=MiMoTimeouts(**timeouts)), events)

    return run


@pytest.mark.parametrize("place", PLACES)
def test_half_a_minute_of_comments_is_ignored(stream, place):
    assert stream(PLACES[place], []) == EVENTS
    assert stream(PLACES[place], [], first_event=31, idle=31) == EVENTS


@pytest.mark.parametrize(
    ("place", "limit", "before"),
    [("before", "first_event", 0), ("between", "idle", 1), ("after", "idle", 2)],
)
def test_comments_extend_no_limit(stream, place, limit, before):
    events = []
    with pytest.raises(MiMoTimeoutError) as caught:
        stream(PLACES[place], events, **{limit: 21})
    assert (caught.value.limit, caught.value.seconds) == (limit, 21)
    assert caught.value.received >= len(COMMENT)
    assert events == EVENTS[:before]


@pytest.mark.parametrize(
    "body",
    [
        COMMENT + ONE + COMMENT + COMMENT + TWO + COMMENT + DONE,
        b": PROCESSING\n" + ONE + b": PROCESSING\n" + TWO + DONE,
        COMMENT.replace(b"\n", b"\r\n") + ONE + COMMENT.replace(b"\n", b"\r\n") + TWO + DONE,
        b":PROCESSING\n\n" + ONE + b":\n\n" + TWO + DONE + COMMENT,
    ],
    ids=["between blank lines", "without a blank line", "CRLF", "without a space"],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_comments_are_ignored_however_they_arrive(stream, body, size):
    pieces = [(0.0, body[at : at + size]) for at in range(0, len(body), size)]
    assert stream(pieces, []) == EVENTS

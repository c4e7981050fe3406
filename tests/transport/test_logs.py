"""What the logger `langchain_mimo` gets: requests at DEBUG, retries at INFO, never content."""

import asyncio
import contextlib
import logging
import re
import sys

import httpx2
import pytest
from api_requests import KEY, api_request, error_body

from langchain_mimo import ChatMiMo, _checks
from langchain_mimo._transport import RetryPolicy
from langchain_mimo.errors import MiMoError

FAST = RetryPolicy(max_retries=2, initial_delay=1e-6)
URL = "https://api.example/v1/chat?token=canary-query"
BODY = b'data: {"a":1}\n\ndata: {"a":2}\n\ndata: [DONE]\n\n'


@pytest.fixture
def lines(caplog):
    """Lines of the package's logger at DEBUG, with their level."""
    caplog.set_level(logging.DEBUG, logger="langchain_mimo")
    return lambda: [
        f"{record.levelname} {re.sub(r'[0-9.]+ s$', 'T s', record.getMessage())}"
        for record in caplog.records
        if record.name == "langchain_mimo"
    ]


def answers(*statuses, body=BODY):
    """Respond with each status in turn."""

    def handler(n, request):
        status = statuses[n - 1]
        if status == 200:
            return httpx2.Response(200, content=body, headers={"x-request-id": f"req-{n}"})
        return httpx2.Response(status, content=error_body(status, "canary-text"))

    return handler


def request(**options):
    options.setdefault("retry", FAST)
    return api_request(url=URL, tree={"model": "mimo-v2.6-flash", "x": "canary-content"}, **options)


def test_a_request_is_two_lines(shell, lines):
    shell(answers(200, body=b'{"a": 1}')).request(request())
    assert lines() == [
        (
            "DEBUG POST https://api.example/v1/chat, attempt 1: sending 48 bytes, "
            "model mimo-v2.6-flash"
        ),
        (
            "DEBUG POST https://api.example/v1/chat, attempt 1: status 200, 8 bytes, "
            "request id req-1, T s"
        ),
    ]


def test_a_stream_is_two_lines(shell, lines):
    shell(answers(200)).stream(request())
    assert lines()[1:] == [
        (
            f"DEBUG POST https://api.example/v1/chat, attempt 1: status 200, {len(BODY)} bytes, "
            "2 events, request id req-1, T s"
        ),
    ]


def test_retries_are_info(shell, lines):
    shell(answers(503, 429, 200)).stream(request())
    found = lines()
    assert [line for line in found if line.startswith("INFO") and "waiting" not in line] == [
        (
            "INFO attempt 1 of 3 to api.example failed: MiMoServerError (status 503); "
            "next attempt in T s"
        ),
        (
            "INFO attempt 2 of 3 to api.example failed: MiMoRateLimitError (status 429); "
            "next attempt in T s"
        ),
    ]
    assert (
        "DEBUG POST https://api.example/v1/chat, attempt 2: status 429, MiMoRateLimitError"
        in (found[4].rpartition(", T s")[0])
    )


def test_faults_and_streams_that_are_closed_early_end_with_a_line(shell, lines):
    with pytest.raises(MiMoError):
        shell(lambda n, request: httpx2.ConnectError("canary-text")).request(request())
    assert lines()[-1] == (
        "DEBUG POST https://api.example/v1/chat, attempt 3: no response, ConnectError, T s"
    )
    side = shell(answers(200, body=BODY.partition(b"data: [DONE]")[0]))
    if side.sync:
        stream = side.transport.stream(request())
        next(stream)
        stream.close()
    else:

        async def run():
            stream = side.transport.astream(request())
            await anext(stream)
            await stream.aclose()

        asyncio.run(run())
    assert lines()[-1].endswith("events, request id req-1, closed early, T s")


def test_a_cancelled_request_ends_with_a_line(lines):
    from langchain_mimo._transport import Transport  # noqa: PLC0415

    async def hang(request):
        await asyncio.sleep(30)

    async def run():
        client = httpx2.AsyncClient(transport=httpx2.MockTransport(hang))
        task = asyncio.create_task(Transport(http_async_client=client).arequest(request()))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert lines()[-1].endswith("attempt 1: no response, CancelledError, T s")


def test_nothing_secret_is_logged(shell, lines):
    def handler(n, request):
        if n == 2:
            return httpx2.ReadError(f"canary-text {KEY}")
        return httpx2.Response(
            500, content=error_body(500, f"canary-text {KEY}"), headers={"x-request-id": KEY}
        )

    with pytest.raises(MiMoError):
        shell(handler).stream(request())
    text = "\n".join(lines())
    assert "canary" not in text.replace("[key]", "")
    assert KEY not in text


def test_nothing_is_made_up_when_the_level_is_higher(shell, caplog):
    caplog.set_level(logging.WARNING, logger="langchain_mimo")
    side = shell(answers(503, 200))
    side.stream(request())
    assert not [record for record in caplog.records if record.name == "langchain_mimo"]


def test_the_package_configures_nothing():
    logger = logging.getLogger("langchain_mimo")
    assert logger.level == logging.NOTSET
    assert logger.propagate
    assert [type(handler) for handler in logger.handlers] == [logging.NullHandler]


def chat_model():
    done = {"index": 0, "finish_reason": "stop", "message": {"content": "Hello"}}
    body = {"id": "1", "choices": [done]}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=body))
    return ChatMiMo("mimo-v2.6-flash", api_key=KEY, http_client=httpx2.Client(transport=transport))


CALLS = {
    "invoke": lambda llm: llm.invoke("Hello"),
    "stream": lambda llm: list(llm.stream("Hello")),
    "batch of one": lambda llm: llm.batch(["Hello"]),
}


@pytest.fixture
def outside_notebooks(monkeypatch):
    monkeypatch.setattr(_checks, "_warned", set())
    monkeypatch.delitem(sys.modules, "IPython", raising=False)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.usefixtures("outside_notebooks")
def test_a_sync_call_in_an_event_loop_is_logged_once_for_each_line(call, caplog, monkeypatch):
    llm = chat_model()

    async def run():
        for _ in range(2):
            with contextlib.suppress(MiMoError):  # the response is no stream
                CALLS[call](llm)
        with contextlib.suppress(MiMoError):
            CALLS["invoke"](llm)

    asyncio.run(run())
    texts = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(texts) == (1 if call == "invoke" else 2)
    for text in texts:
        assert text.startswith(f"{__file__}:")
        assert "this sync call blocks the running event loop until it ends; use ainvoke" in text
    caplog.clear()
    _checks._warned.clear()
    monkeypatch.setitem(sys.modules, "IPython", sys)
    asyncio.run(run())
    assert caplog.records == []


@pytest.mark.usefixtures("outside_notebooks")
def test_other_sync_calls_are_not_logged(caplog):
    llm = chat_model()
    llm.invoke("Hello")
    asyncio.run(asyncio.to_thread(llm.invoke, "Hello"))
    assert caplog.records == []

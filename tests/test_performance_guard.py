"""Performance checks that count instead of timing, so they do not depend on the machine.

Times on a shared machine prove nothing; `make benchmark` measures them. Each bound is about 15 %
above the count measured on Python 3.11 when it was set, those of calls and streams about 5 %; the
number of imported modules is exact.
When a test fails, look at what was added before you raise the bound. docs/performance.md explains
what each count is worth.
"""

import asyncio
import base64
import gc
import json
import subprocess
import sys
import tracemalloc
import typing
from collections import deque
from pathlib import Path

import httpx2
import orjson
import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGenerationChunk

import langchain_mimo
from langchain_mimo._chat.requests import build_request
from langchain_mimo._chat.responses import stream_chunks, stream_events
from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._media.references import DeferredMedia, InlineBase64, LocalFile, MediaReference
from langchain_mimo._transport.pooled_transport import AsyncPooledTransport, PooledTransport
from langchain_mimo._transport.request_body import RequestBody
from langchain_mimo._transport.sse import EventDecoder
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.cost import CallBudget

OURS = str(Path(langchain_mimo.__file__).parent)
EVENTS = 1000


def is_ours(code):
    return code.co_filename.startswith(OURS)


def calls_of(action, counts=is_ours):
    """Count calls of Python functions, including resumed generators; by default, the package's own."""
    count = 0

    def note(frame, event, _):
        nonlocal count
        if event == "call" and counts(frame.f_code):
            count += 1

    action()  # fill caches first, so that one-time work does not count
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def blocks_of(action):
    """Count the memory blocks that the result of an action keeps allocated."""
    action()
    gc.collect()
    before = sys.getallocatedblocks()
    kept = action()
    gc.collect()
    after = sys.getallocatedblocks()
    assert kept is not None
    return after - before


def peak_of(action):
    """Return the peak memory of an action in bytes, above what was in use before."""
    action()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        action()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


# ------------------------------------------------------------------------------------ importing

IMPORTS = """
import sys
import langchain_core.language_models.chat_models
known = set(sys.modules)
import {module}
print(*sorted(set(sys.modules) - known))
"""


@pytest.mark.parametrize(
    ("module", "bound"), [("langchain_mimo", 2), ("langchain_mimo.chat_models", 26)]
)
def test_importing_loads_few_modules_beyond_core(module, bound):
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(OURS).parent,
    )
    added = done.stdout.split()
    third_party = [name for name in added if not name.startswith("langchain_mimo")]
    assert third_party == [], "import these with the first call that needs them"
    assert len(added) <= bound, added


def test_constructing_resolves_no_type_hints():
    def construct():
        ChatMiMo(model="mimo-v2.6-flash", api_key="sk-canary")

    assert calls_of(construct, lambda code: code is typing.get_type_hints.__code__) == 0
    assert calls_of(construct) <= 25


# ---------------------------------------------------------------------------------------- calls


ANSWER = orjson.dumps(
    {
        "id": "1",
        "model": "mimo-v2.6-flash",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hello"}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
)


class Packets(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """The body of a response, packet by packet."""

    def __init__(self, packets):
        self.packets = packets

    def __iter__(self):
        return iter(self.packets)

    async def __aiter__(self):
        for packet in self.packets:
            yield packet


@pytest.fixture
def serve(monkeypatch):
    """Let our own clients take the packets of each response from here, and not from a socket."""

    def serve(packets):
        def response():
            return httpx2.Response(200, stream=Packets(packets))

        async def ahandle(_, request):
            assert [piece async for piece in request.stream]
            return response()

        def handle(_, request):
            assert list(request.stream)
            return response()

        monkeypatch.setattr(PooledTransport, "handle_request", handle)
        monkeypatch.setattr(AsyncPooledTransport, "handle_async_request", ahandle)
        return ChatMiMo(model="mimo-v2.6-flash", api_key="sk-canary", base_url="http://x.example")

    return serve


def test_calls_per_invoke(serve):
    llm = serve([ANSWER])
    assert calls_of(lambda: llm.invoke("Hello")) <= 186


def test_calls_that_a_budget_adds_to_an_invoke(serve):
    plain = serve([ANSWER])
    limited = plain.model_copy(update={"budget": CallBudget(max_concurrency=9, max_cost=1.0)})
    calls = [calls_of(lambda llm=llm: llm.invoke("Hello")) for llm in (plain, limited)]
    assert calls[1] - calls[0] <= 15


def test_calls_per_ainvoke(serve):
    llm = serve([ANSWER])
    with asyncio.Runner() as runner:
        assert calls_of(lambda: runner.run(llm.ainvoke("Hello"))) <= 187


def test_calls_per_invoke_with_a_client_of_ones_own():
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, content=ANSWER))
    with httpx2.Client(transport=transport) as client:
        llm = ChatMiMo(model="mimo-v2.6-flash", api_key="sk-canary", http_client=client)
        assert calls_of(lambda: llm.invoke("Hello")) <= 199


# -------------------------------------------------------------------------------------- streams


def packets(batch):
    """Return the bytes of a stream, `batch` events per packet."""
    events = [
        b"data: "
        + orjson.dumps(
            {
                "id": "1",
                "model": "mimo-v2.6-flash",
                "choices": [{"index": 0, "delta": {"content": f"word{at} "}}],
            }
        )
        + b"\n\n"
        for at in range(EVENTS)
    ]
    return [b"".join(events[at : at + batch]) for at in range(0, EVENTS, batch)]


def streamed(feed, batch):
    """Decode a stream like the transport and the model."""
    decoder = EventDecoder()
    return [
        chunk
        for packet in packets(batch)
        for event in decoder.feed(packet)
        for chunk in feed(event)
    ]


REQUEST = build_request(
    ChatMiMo(model="mimo-v2.6-flash", api_key="sk-canary"),
    [HumanMessage("Hi.")],
    None,
    {},
    stream=True,
)


@pytest.mark.parametrize(("batch", "bound"), [(32, 10.6), (1, 12.6)])
def test_calls_per_chunk(batch, bound):
    count = calls_of(lambda: streamed(stream_chunks(REQUEST).feed, batch))
    assert count / EVENTS <= bound


@pytest.mark.parametrize(("batch", "bound"), [(32, 7.5), (1, 9.5)])
def test_calls_per_event(batch, bound):
    count = calls_of(lambda: streamed(stream_events(REQUEST, "1").feed, batch))
    assert count / EVENTS <= bound


END = [orjson.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}), b"[DONE]"]
END_OF_STREAM = b"".join(b"data: " + each + b"\n\n" for each in END)


@pytest.mark.parametrize(("batch", "bound"), [(32, 13.1), (1, 20.2)])
def test_calls_per_chunk_from_the_packet_to_the_caller(serve, batch, bound):
    llm = serve([*packets(batch), END_OF_STREAM])
    count = calls_of(lambda: deque(llm.stream("Hello"), maxlen=0))
    assert count / EVENTS <= bound


@pytest.mark.parametrize(("batch", "bound"), [(32, 13.1), (1, 20.2)])
def test_calls_per_chunk_from_the_packet_to_the_caller_async(serve, batch, bound):
    llm = serve([*packets(batch), END_OF_STREAM])

    async def drain():
        async for _ in llm.astream("Hello"):
            pass

    with asyncio.Runner() as runner:
        count = calls_of(lambda: runner.run(drain()))
    assert count / EVENTS <= bound


def test_chunks_use_no_more_memory_than_plain_ones():
    def plain():
        return [
            ChatGenerationChunk(message=AIMessageChunk(content=f"word{at} ", id="1"))
            for at in range(EVENTS)
        ]

    ours = blocks_of(lambda: streamed(stream_chunks(REQUEST).feed, 32))
    assert ours <= 1.1 * blocks_of(plain)


# ------------------------------------------------------------------------------------ histories


def agent_history(messages):
    """Return a conversation of alternating tool calls and results."""
    history = [HumanMessage("Find out what the weather is like everywhere.")]
    for at in range(messages // 2):
        call = {"name": "weather", "args": {"city": f"City {at}"}, "id": f"call_{at}"}
        reasoning = {"reasoning_content": "I look it up."}
        history.append(AIMessage("", additional_kwargs=reasoning, tool_calls=[call]))
        history.append(ToolMessage("Sunny.", tool_call_id=f"call_{at}"))
    return history


def calls_to_encode(messages):
    llm = ChatMiMo(model="mimo-v2.6-flash", api_key="sk-canary")
    history = agent_history(messages)

    def encode():
        tree = build_request(llm, history, None, {}, stream=False).encode()
        return b"".join(RequestBody(tree, MediaPolicy()))

    assert len(json.loads(encode())["messages"]) == len(history)
    return calls_of(encode)


def test_the_cost_per_message_is_constant():
    assert calls_to_encode(200) / 200 <= 10
    growth = (calls_to_encode(400) - calls_to_encode(200)) / (
        calls_to_encode(200) - calls_to_encode(100)
    )
    assert growth == pytest.approx(2, rel=0.02)


# ---------------------------------------------------------------------------------------- media

MEBIBYTE = 1 << 20


def drained(source):
    """Return a function that opens, reads and closes a request body."""

    def drain():
        reference = MediaReference("audio", source, "audio/wav", message_index=0, block_index=0)
        body = RequestBody({"data": DeferredMedia(reference)}, MediaPolicy([folder]))
        body.open()
        try:
            assert sum(map(len, body)) == body.content_length
        finally:
            body.dispose()

    folder = Path(source.path).parent if isinstance(source, LocalFile) else "/nowhere"
    return drain


def make_audio(size):
    """Return a WAV file of silence."""
    head = b"RIFF" + (size + 36).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    head += bytes.fromhex("0100 0100 c05d0000 80bb0000 0200 1000")
    return head + b"data" + size.to_bytes(4, "little") + bytes(size)


@pytest.mark.parametrize("size", [4 * MEBIBYTE, 16 * MEBIBYTE])
def test_a_file_is_never_loaded_entirely(size, tmp_path):
    path = tmp_path / "silence.wav"
    path.write_bytes(make_audio(size))
    assert peak_of(drained(LocalFile(str(path)))) <= 0.33 * MEBIBYTE


@pytest.mark.parametrize("size", [4 * MEBIBYTE, 16 * MEBIBYTE])
def test_inline_media_are_not_copied(size):
    text = base64.b64encode(make_audio(size)).decode("ascii")
    assert peak_of(drained(InlineBase64(text))) <= 0.87 * MEBIBYTE

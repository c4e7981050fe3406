"""Counts that grow with every careless change, and do not depend on the machine.

Times are no verdict on a shared machine; `make benchmark` measures those. Each bound is some 15 %
above what was counted when it was set, with Python 3.11: when a test fails, look at what was added
before raising it. docs/performance.md tells what each of these is worth.
"""

import base64
import gc
import json
import subprocess
import sys
import tracemalloc
import typing
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
from langchain_mimo._transport.request_body import RequestBody
from langchain_mimo._transport.sse import EventDecoder
from langchain_mimo.chat_models import ChatMiMo

OURS = str(Path(langchain_mimo.__file__).parent)
EVENTS = 1000


def is_ours(code):
    return code.co_filename.startswith(OURS)


def calls_of(action, counts=is_ours):
    """Count calls of Python functions, generators resumed among them; by default, our own."""
    count = 0

    def note(frame, event, _):
        nonlocal count
        if event == "call" and counts(frame.f_code):
            count += 1

    action()  # what is made once and kept does not count
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def blocks_of(action):
    """Count the blocks of memory that what an action returns keeps in use."""
    action()
    gc.collect()
    before = sys.getallocatedblocks()
    kept = action()
    gc.collect()
    after = sys.getallocatedblocks()
    assert kept is not None
    return after - before


def peak_of(action):
    """Return the most bytes that were in use at once beyond those before."""
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
    ("module", "most"), [("langchain_mimo", 2), ("langchain_mimo.chat_models", 20)]
)
def test_importing_adds_little_to_core(module, most):
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(OURS).parent,
    )
    added = done.stdout.split()
    strangers = [name for name in added if not name.startswith("langchain_mimo")]
    assert strangers == [], "these are to be imported with the first call that needs them"
    assert len(added) <= most, added


def test_constructing_resolves_no_type_hints():
    def construct():
        ChatMiMo(model="mimo-v2.6-flash", api_key="sk-canary")

    assert calls_of(construct, lambda code: code is typing.get_type_hints.__code__) == 0
    assert calls_of(construct) <= 28


# ---------------------------------------------------------------------------------------- calls


def test_a_call_is_short():
    answer = {
        "id": "1",
        "model": "mimo-v2.6-flash",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hello"}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json=answer))
    with httpx2.Client(transport=transport) as client:
        llm = ChatMiMo(model="mimo-v2.6-flash", api_key="sk-canary", http_client=client)
        assert calls_of(lambda: llm.invoke("Hello")) <= 158


# -------------------------------------------------------------------------------------- streams


def packets(batch):
    """Bytes of a stream, so many events in each packet."""
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


def streamed(reply, batch):
    """Decode a stream as the transport and the model do."""
    decoder = EventDecoder()
    return [
        made for packet in packets(batch) for event in decoder.feed(packet) for made in reply(event)
    ]


REQUEST = build_request(
    ChatMiMo(model="mimo-v2.6-flash", api_key="sk-canary"), [HumanMessage("Hi.")], None, {}, stream=True
)


@pytest.mark.parametrize(("batch", "most"), [(32, 8), (1, 11.2)])
def test_calls_per_chunk(batch, most):
    count = calls_of(lambda: streamed(stream_chunks(REQUEST).feed, batch))
    assert count / EVENTS <= most


@pytest.mark.parametrize(("batch", "most"), [(32, 8.1), (1, 11.5)])
def test_calls_per_event(batch, most):
    count = calls_of(lambda: streamed(stream_events(REQUEST, "1").feed, batch))
    assert count / EVENTS <= most


def test_chunks_hold_no_more_than_their_text():
    def lean():
        return [
            ChatGenerationChunk(message=AIMessageChunk(content=f"word{at} ", id="1"))
            for at in range(EVENTS)
        ]

    ours = blocks_of(lambda: streamed(stream_chunks(REQUEST).feed, 32))
    assert ours <= 1.1 * blocks_of(lean)


# ------------------------------------------------------------------------------------ histories


def agent(messages):
    """A conversation of calls and results in turn."""
    turns = [HumanMessage("Find out what the weather is like everywhere.")]
    for at in range(messages // 2):
        call = {"name": "weather", "args": {"city": f"City {at}"}, "id": f"call_{at}"}
        reasoning = {"reasoning_content": "I look it up."}
        turns.append(AIMessage("", additional_kwargs=reasoning, tool_calls=[call]))
        turns.append(ToolMessage("Sunny.", tool_call_id=f"call_{at}"))
    return turns


def calls_to_encode(messages):
    llm = ChatMiMo(model="mimo-v2.6-flash", api_key="sk-canary")
    turns = agent(messages)

    def encode():
        tree = build_request(llm, turns, None, {}, stream=False).encode()
        return b"".join(RequestBody(tree, MediaPolicy()))

    assert len(json.loads(encode())["messages"]) == len(turns)
    return calls_of(encode)


def test_histories_cost_the_same_for_every_message():
    assert calls_to_encode(200) / 200 <= 17
    growth = (calls_to_encode(400) - calls_to_encode(200)) / (
        calls_to_encode(200) - calls_to_encode(100)
    )
    assert growth == pytest.approx(2, rel=0.02)


# ---------------------------------------------------------------------------------------- media

MEBIBYTE = 1 << 20


def drained(source):
    """Open, iterate over and close a request's body."""

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
    """A WAV file of silence."""
    head = b"RIFF" + (size + 36).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    head += bytes.fromhex("0100 0100 c05d0000 80bb0000 0200 1000")
    return head + b"data" + size.to_bytes(4, "little") + bytes(size)


@pytest.mark.parametrize("size", [4 * MEBIBYTE, 16 * MEBIBYTE])
def test_a_file_is_never_whole_in_memory(size, tmp_path):
    path = tmp_path / "silence.wav"
    path.write_bytes(make_audio(size))
    assert peak_of(drained(LocalFile(str(path)))) <= 0.33 * MEBIBYTE


@pytest.mark.parametrize("size", [4 * MEBIBYTE, 16 * MEBIBYTE])
def test_inline_media_are_not_copied(size):
    text = base64.b64encode(make_audio(size)).decode("ascii")
    assert peak_of(drained(InlineBase64(text))) <= 0.87 * MEBIBYTE

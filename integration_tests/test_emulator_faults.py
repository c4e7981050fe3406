"""Every fault of the emulator over a real socket, seen by an httpx2 client and by raw sockets."""

import json
import socket
import threading
import time
from pathlib import Path

import httpx2
import pytest

from langchain_mimo.emulator import FAULTS, MiMoEmulator

MESSAGES = [{"role": "user", "content": "Hello, 你好"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string"}},
            "required": ["location"],
        },
    },
}


@pytest.fixture
def emulator():
    with MiMoEmulator() as running:
        yield running


@pytest.fixture
def client(emulator):
    headers = {"api-key": emulator.api_key}
    with httpx2.Client(base_url=emulator.base_url, headers=headers, timeout=5) as client:
        yield client


def ask(client, **changes):
    body = {"model": "mimo-v2.6-flash", "messages": MESSAGES, **changes}
    return client.post("/chat/completions", json=body)


def stream(client, **changes):
    return ask(client, stream=True, **changes)


def data_of(text):
    lines = [line.removeprefix("data:").strip() for line in text.splitlines() if "data:" in line]
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_every_fault_has_a_test():
    texts = [
        path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*_faults.py")
    ]
    assert [name for name in FAULTS if f'"{name}"' not in "".join(texts)] == []


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("count", [0, 1, 150])
def test_cut_after(emulator, client, streaming, reset, count):
    emulator.fault("cut_after", bytes=count, reset=reset)
    received = bytearray()

    def read():
        body = {"model": "mimo-v2.6-flash", "messages": MESSAGES, "stream": streaming}
        with client.stream("POST", "/chat/completions", json=body) as response:
            for piece in response.iter_raw():
                received.extend(piece)

    with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
        read()
    # A reset can drop bytes that were not read yet; nothing beyond the limit is ever sent.
    assert len(received) <= count if reset else len(received) == count
    assert ask(client).status_code == 200
    assert emulator.requests[0].fault == "cut_after"
    assert emulator.disconnects == []


def test_a_clean_cut_is_complete_for_http(emulator, client):
    emulator.fault("cut_after", bytes=300, clean=True)
    response = stream(client)
    assert len(response.content) == 300
    assert "transfer-encoding" not in response.headers
    assert "[DONE]" not in response.text


@pytest.mark.parametrize("reset", [False, True])
def test_cut_before_headers(emulator, client, reset):
    emulator.fault("cut_before_headers", reset=reset)
    with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
        ask(client)
    assert ask(client).status_code == 200


def test_reset_kept_alive_applies_only_to_reused_connections(emulator, client):
    emulator.fault("reset_kept_alive")
    assert ask(client).status_code == 200
    with pytest.raises(httpx2.ReadError):
        ask(client)
    assert ask(client).status_code == 200
    assert emulator.connections == 2


def test_close_idle(emulator, client):
    emulator.fault("close_idle")
    assert ask(client).status_code == 200
    deadline = time.monotonic() + 5
    while emulator.open_connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert emulator.open_connections == 0
    assert ask(client).status_code == 200
    assert emulator.connections == 2


@pytest.mark.parametrize("after", [None, 0, 3])
def test_stall_until_the_client_disconnects(emulator, client, after):
    emulator.fault("stall", after_events=after)
    with pytest.raises(httpx2.ReadTimeout):
        client.post(
            "/chat/completions",
            json={"model": "mimo-v2.6-flash", "messages": MESSAGES, "stream": True},
            timeout=httpx2.Timeout(5, read=0.3),
        )
    (disconnect,) = emulator.wait_for_disconnects(1, timeout=5)
    assert disconnect.path == "/v1/chat/completions"
    assert disconnect.elapsed > 0.2


def test_stall_that_ends(emulator, client):
    emulator.fault("stall", after_events=2, seconds=0.2)
    started = time.monotonic()
    assert "[DONE]" in stream(client).text
    assert time.monotonic() - started >= 0.2


def test_pings_only(emulator, client):
    emulator.fault("pings_only", after_events=2, interval=0.01, seconds=0.1)
    text = stream(client).text
    assert text.count(": ping") == 10
    assert text.index("data:") < text.index(": ping") < text.index("[DONE]")


@pytest.mark.parametrize("part", ["body", "headers"])
def test_slow_loris(emulator, client, part):
    emulator.fault("slow_loris", part=part, interval=0.001, size=50)
    started = time.monotonic()
    response = ask(client)
    assert response.json()["choices"][0]["finish_reason"] == "stop"
    assert time.monotonic() - started > 0.005


def test_split_writes(emulator, client):
    emulator.fault("split_writes", size=2, interval=0)
    response = stream(client)
    assert "你好" in "".join(
        event["choices"][0]["delta"]["content"] or ""
        for event in data_of(response.text)
        if event["choices"]
    )


def test_keep_open_after_done(emulator, client):
    emulator.fault("keep_open_after_done", seconds=60)
    body = {"model": "mimo-v2.6-flash", "messages": MESSAGES, "stream": True}
    with client.stream("POST", "/chat/completions", json=body) as response:
        for line in response.iter_lines():
            if line == "data: [DONE]":
                break
    assert emulator.wait_for_disconnects(1, timeout=5)


@pytest.mark.parametrize("kind", ["text", "html", "binary", "json"])
def test_garbage(emulator, client, kind):
    emulator.fault("garbage", kind=kind)
    response = stream(client)
    assert response.status_code == 200
    assert b"data: {" not in response.content


@pytest.mark.parametrize("space", [False, True])
def test_error_in_stream(emulator, client, space):
    emulator.fault("error_in_stream", after_events=2, space=space, code="429", message="busy")
    response = stream(client)
    events = data_of(response.text)
    assert [("error" in event) for event in events] == [False, False, True]
    assert (f"data:{' ' if space else ''}" + '{"error"') in response.text
    assert "[DONE]" not in response.text


def finish_reasons(text):
    return [
        event["choices"][0]["finish_reason"]
        for event in data_of(text)
        if event["choices"] and event["choices"][0]["finish_reason"]
    ]


def test_stream_endings(emulator, client):
    emulator.fault("duplicated_finish")
    assert finish_reasons(stream(client).text) == ["stop", "stop"]
    emulator.fault("no_done")
    text = stream(client).text
    assert finish_reasons(text) == ["stop"]
    assert "[DONE]" not in text
    for done in (True, False):
        emulator.fault("no_finish", done=done)
        text = stream(client).text
        assert finish_reasons(text) == []
        assert ("[DONE]" in text) is done
        assert data_of(text)


def test_usage_on_every_chunk(emulator, client):
    emulator.fault("usage_on_every_chunk")
    counts = [event["usage"]["completion_tokens"] for event in data_of(stream(client).text)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


@pytest.mark.parametrize("reason", ["length", "tool_calls", None])
def test_half_tool_call_in_a_stream(emulator, client, reason):
    emulator.fault("half_tool_call", characters=9, finish_reason=reason)
    prompt = [{"role": "user", "content": "What is the weather in Paris?"}]
    text = stream(client, messages=prompt, tools=[TOOL]).text
    arguments = "".join(
        call["function"]["arguments"]
        for event in data_of(text)
        if event["choices"]
        for call in event["choices"][0]["delta"]["tool_calls"] or []
    )
    assert arguments == '{"locatio'
    assert finish_reasons(text) == ([reason] if reason else [])
    assert ("[DONE]" in text) is (reason is not None)


def test_half_tool_call_without_a_stream(emulator, client):
    emulator.fault("half_tool_call", characters=9)
    prompt = [{"role": "user", "content": "What is the weather in Paris?"}]
    choice = ask(client, messages=prompt, tools=[TOOL]).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"locatio'


def test_unusual_but_legal_forms(emulator, client):
    emulator.fault("crlf")
    assert b"\r\n\r\n" in stream(client).content
    emulator.fault("comments")
    text = stream(client).text
    assert ": keep-alive" in text
    assert "retry: 3000" in text
    emulator.fault("line_separator")
    assert "\u2028".encode() in stream(client).content
    emulator.fault("multi_line_data")
    assert 'data:   "id"' in stream(client).text
    emulator.fault("byte_order_mark")
    assert stream(client).content.startswith(b"\xef\xbb\xbfdata:")


def test_skip_and_every(emulator, client):
    emulator.fault("server_error", None, skip=1, every=3)
    codes = [ask(client).status_code for _ in range(8)]
    assert codes == [200, 503, 200, 200, 503, 200, 200, 503]
    emulator.clear_faults()
    assert ask(client).status_code == 200


def test_unknown_faults_and_parameters(emulator):
    with pytest.raises(ValueError, match="unknown fault 'melt'; the faults are cut_after, "):
        emulator.fault("melt")
    with pytest.raises(
        ValueError, match="no parameter byte; its parameters are bytes, reset, clean"
    ):
        emulator.fault("cut_after", byte=1)


def test_stopping_disconnects_waiting_clients():
    emulator = MiMoEmulator().start()
    emulator.fault("stall")
    errors = []

    def wait():
        try:
            httpx2.post(
                f"{emulator.base_url}/chat/completions",
                json={"model": "mimo-v2.6-flash", "messages": MESSAGES},
                headers={"api-key": emulator.api_key},
                timeout=30,
            )
        except httpx2.TransportError as error:
            errors.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not emulator.requests:
        time.sleep(0.01)
    emulator.stop()
    waiting.join(5)
    assert len(errors) == 1


def test_a_reset_reaches_the_client(emulator):
    emulator.fault("cut_before_headers", reset=True)
    body = json.dumps({"model": "mimo-v2.6-flash", "messages": MESSAGES}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\napi-key: {emulator.api_key}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=5) as raw:
        raw.sendall(head + body)
        with pytest.raises(ConnectionResetError):
            raw.recv(1)


def test_the_bill_is_recorded_whatever_reaches_the_client(emulator, client):
    whole = ask(client).json()["usage"]
    assert emulator.requests[-1].usage == whole
    assert data_of(stream(client).text)[-1]["usage"] == emulator.requests[-1].usage
    emulator.fault("cut_after", bytes=10)
    with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
        ask(client)
    assert emulator.requests[-1].usage["total_tokens"] == whole["total_tokens"]
    assert ask(client, model="mimo-v9").status_code == 400
    emulator.reply(status=503, body="")
    assert ask(client).status_code == 503
    assert [request.usage for request in emulator.requests[-2:]] == [None, None]

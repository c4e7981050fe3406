"""Which requests a fault strikes: every fault, whole answers and streams, in both API formats."""

import contextlib
import json
import socket
import struct

import httpx2
import pytest

from langchain_mimo.emulator import FAULTS

HELLO = [{"role": "user", "content": "Hello, 你好"}]
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/anthropic/v1/messages"}
BOTH, STREAMS = "both", "streams"

# fault, its parameters, the requests that it strikes
ROWS = [
    ("cut_after", {}, BOTH),
    ("cut_after", {"clean": True}, BOTH),
    ("cut_before_headers", {}, BOTH),
    ("reset_kept_alive", {}, BOTH),
    ("close_idle", {}, BOTH),
    ("stall", {"seconds": 0.05}, BOTH),
    ("stall", {"after_events": 0, "seconds": 3}, STREAMS),
    ("stall", {"after_events": 4, "seconds": 3}, STREAMS),
    ("pings_only", {"seconds": 3}, STREAMS),
    ("pings_only", {"after_events": 4}, STREAMS),
    ("slow_loris", {"size": 100, "interval": 0.001}, BOTH),
    ("slow_loris", {"part": "headers", "interval": 0.0001}, BOTH),
    ("split_writes", {"size": 50}, BOTH),
    ("keep_open_after_done", {"seconds": 3}, STREAMS),
    ("rate_limit", {}, BOTH),
    ("quota", {}, BOTH),
    ("payment_required", {}, BOTH),
    ("forbidden", {}, BOTH),
    ("moderation", {}, BOTH),
    ("server_error", {}, BOTH),
    ("connection_refused_400", {}, BOTH),
    ("string_error", {}, BOTH),
    ("html_error_page", {}, BOTH),
    ("empty_error", {}, BOTH),
    ("redirect", {}, BOTH),
    ("garbage", {}, BOTH),
    ("error_in_stream", {}, STREAMS),
    ("duplicated_finish", {}, STREAMS),
    ("usage_on_every_chunk", {}, STREAMS),
    ("no_done", {}, STREAMS),
    ("no_finish", {}, STREAMS),
    ("half_tool_call", {}, BOTH),
    ("crlf", {}, STREAMS),
    ("comments", {}, STREAMS),
    ("line_separator", {}, STREAMS),
    ("multi_line_data", {}, STREAMS),
    ("byte_order_mark", {}, STREAMS),
]


def named(row):
    return " ".join([row[0], *(f"{key}={value}" for key, value in row[1].items())])


@pytest.fixture
def client(emulator):
    """A client with one connection, which waits for an answer much longer than any takes."""
    with httpx2.Client(
        base_url=emulator.root_url,
        headers={"api-key": emulator.api_key},
        limits=httpx2.Limits(max_connections=1),
        timeout=httpx2.Timeout(10, pool=1),
    ) as made:
        yield made


def body(*, streaming=False, **changes):
    return {
        "model": "mimo-v2.6-flash",
        "max_tokens": 500,
        "messages": HELLO,
        "stream": streaming,
        **changes,
    }


def meet(client, path):
    """Ask for a stream, and leave as soon as something of it arrived or nothing can any more."""
    try:
        with client.stream("POST", path, json=body(streaming=True)) as response:
            next(response.iter_raw(), None)
    except httpx2.TransportError:
        pass


def test_the_table_has_every_fault():
    assert {row[0] for row in ROWS} == set(FAULTS)


@pytest.mark.parametrize("row", [row for row in ROWS if row[2] is STREAMS], ids=named)
def test_a_fault_of_streams_leaves_whole_answers_and_their_connection_alone(
    emulator, client, api_format, row
):
    name, parameters, _ = row
    path = PATHS[api_format]
    emulator.fault(name, **parameters)
    for _ in range(2):
        answer = client.post(path, json=body())
        assert answer.status_code == 200
        assert answer.headers["content-length"] == str(len(answer.content))
        assert answer.json()["usage"]
    assert emulator.connections == 1
    assert [request.fault for request in emulator.requests] == [None, None]
    meet(client, path)
    assert emulator.requests[-1].fault == name  # it still waited


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("row", [row for row in ROWS if row[2] is BOTH], ids=named)
def test_a_fault_of_both_strikes_once_and_the_next_answer_is_well(
    emulator, client, api_format, row, streaming
):
    name, parameters, _ = row
    path = PATHS[api_format]
    if name == "reset_kept_alive":
        client.post(path, json=body())
        emulator.requests.clear()
    emulator.fault(name, **parameters)
    with contextlib.suppress(httpx2.TransportError):
        client.post(path, json=body(streaming=streaming))
    # By a connection of its own: no client can know yet that the server closed the other one.
    address, headers = emulator.root_url + path, {"api-key": emulator.api_key}
    answer = httpx2.post(address, json=body(), headers=headers)
    assert answer.status_code == 200
    assert answer.json()["usage"]
    assert [request.fault for request in emulator.requests] == [name, None]


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row[2] is STREAMS or row[0] == "half_tool_call"], ids=named
)
def test_a_stream_that_is_refused_is_refused_as_usual(emulator, client, row):
    name, parameters, _ = row
    emulator.fault(name, **parameters)
    for _ in range(2):
        answer = client.post(PATHS["openai"], json=body(streaming=True, model="gpt-4o"))
        assert answer.status_code == 400
        assert answer.text.startswith('data:{"error":')
    assert [request.fault for request in emulator.requests] == [name, None]


@pytest.mark.parametrize("row", [row for row in ROWS if row[2] is STREAMS], ids=named)
def test_a_fault_of_streams_counts_streams_only(emulator, client, row):
    name, parameters, _ = row
    emulator.fault(name, skip=1, **parameters)
    path = PATHS["openai"]
    assert client.post(path, json=body()).status_code == 200
    assert client.post(path, json=body(streaming=True)).text.endswith("[DONE]\n\n")
    meet(client, path)
    assert [request.fault for request in emulator.requests] == [None, None, name]


@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_hangs_up_in_a_long_stream_makes_no_noise(emulator, caplog, capfd, reset):
    emulator.reply(pieces=["word "] * 50_000)
    raw = json.dumps(body(streaming=True)).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\napi-key: {emulator.api_key}\r\n"
        f"content-length: {len(raw)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=5) as client:
        client.sendall(head + raw)
        client.recv(1000)
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert len(emulator.wait_for_disconnects(1, timeout=10)) == 1
    emulator.stop()
    assert caplog.records == []
    assert capfd.readouterr().err == ""

"""Which requests a fault applies to: every fault, with and without streaming, in both formats."""

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

# fault, its parameters, the requests that it applies to
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
    ("payment_burst", {}, BOTH),
    ("forbidden", {}, BOTH),
    ("search_quota", {}, BOTH),
    ("moderation", {}, BOTH),
    ("risk_control", {}, BOTH),
    ("media_corrupted", {}, BOTH),
    ("server_error", {}, BOTH),
    ("connection_refused_400", {}, BOTH),
    ("string_error", {}, BOTH),
    ("html_error_page", {}, BOTH),
    ("empty_error", {}, BOTH),
    ("redirect", {}, BOTH),
    ("garbage", {}, BOTH),
    ("content_filter", {}, BOTH),
    ("whitespace_padding", {}, BOTH),
    ("repetition", {}, BOTH),
    ("tool_call_flood", {}, BOTH),
    ("xml_tool_call", {}, BOTH),
    ("cut_at_nullable", {}, BOTH),
    ("stringified_arguments", {}, BOTH),
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

ANSWER_FAULTS = [name for name, fault in FAULTS.items() if fault.rewrite is not None]

PIXELS = "https://example.com/x.png"
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
}
TOOLS = {
    "openai": [{"type": "function", "function": {"name": "find", "parameters": PARAMETERS}}],
    "anthropic": [{"name": "find", "input_schema": PARAMETERS}],
}
IMAGES = {
    "openai": {"type": "image_url", "image_url": {"url": PIXELS}},
    "anthropic": {"type": "image", "source": {"type": "url", "url": PIXELS}},
}


def needed(name, api_format):
    """The fields without which the fault ignores a request."""
    if name == "search_quota":
        return {"tools": [{"type": "web_search"}]}
    if name == "media_corrupted":
        return {"messages": [{"role": "user", "content": [IMAGES[api_format]]}]}
    if name == "whitespace_padding":
        schema = {"name": "x", "schema": PARAMETERS}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    if name in {"tool_call_flood", "xml_tool_call", "cut_at_nullable", "stringified_arguments"}:
        return {"tools": TOOLS[api_format]}
    return {}


def row_id(row):
    return " ".join([row[0], *(f"{key}={value}" for key, value in row[1].items())])


@pytest.fixture
def client(emulator):
    """A client with one connection and a timeout much longer than any response takes."""
    with httpx2.Client(
        base_url=emulator.root_url,
        headers={"api-key": emulator.api_key},
        limits=httpx2.Limits(max_connections=1),
        timeout=httpx2.Timeout(10, pool=1),
    ) as client:
        yield client


def body(*, streaming=False, **changes):
    return {
        "model": "mimo-v2.6-flash",
        "max_tokens": 500,
        "messages": HELLO,
        "stream": streaming,
        **changes,
    }


def start_stream(client, path):
    """Request a stream, and disconnect after its first bytes or its failure."""
    try:
        with client.stream("POST", path, json=body(streaming=True)) as response:
            next(response.iter_raw(), None)
    except httpx2.TransportError:
        pass


def test_the_rows_cover_every_fault():
    of_get = {name for name, fault in FAULTS.items() if fault.method == "GET"}
    assert {row[0] for row in ROWS} == set(FAULTS) - of_get


@pytest.mark.parametrize("row", [row for row in ROWS if row[2] is STREAMS], ids=row_id)
def test_a_stream_fault_does_not_apply_to_other_responses_and_their_connection(
    emulator, client, api_format, row
):
    name, parameters, _ = row
    path = PATHS[api_format]
    emulator.fault(name, **parameters)
    for _ in range(2):
        response = client.post(path, json=body())
        assert response.status_code == 200
        assert response.headers["content-length"] == str(len(response.content))
        assert response.json()["usage"]
    assert emulator.connections == 1
    assert [request.fault for request in emulator.requests] == [None, None]
    start_stream(client, path)
    assert emulator.requests[-1].fault == name  # it was still waiting


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("row", [row for row in ROWS if row[2] is BOTH], ids=row_id)
def test_a_fault_applies_once_and_the_next_response_is_intact(
    emulator, client, api_format, row, streaming
):
    name, parameters, _ = row
    path = PATHS[api_format]
    if name == "reset_kept_alive":
        client.post(path, json=body())
        emulator.requests.clear()
    emulator.fault(name, **parameters)
    with contextlib.suppress(httpx2.TransportError):
        client.post(path, json=body(streaming=streaming, **needed(name, api_format)))
    # A new connection: the client cannot know yet that the server closed the other one.
    url, headers = emulator.root_url + path, {"api-key": emulator.api_key}
    response = httpx2.post(url, json=body(), headers=headers)
    assert response.status_code == 200
    assert response.json()["usage"]
    assert [request.fault for request in emulator.requests] == [name, None]


@pytest.mark.parametrize(
    "name", [name for name in FAULTS if needed(name, "openai") or name == "models_not_found"]
)
def test_a_fault_waits_for_a_request_that_it_can_change(emulator, client, api_format, name):
    path = PATHS[api_format]
    emulator.fault(name, times=None, every=2)
    for _ in range(3):
        assert client.post(path, json=body()).status_code == 200
    if name == "models_not_found":
        for _ in range(3):
            client.get("/v1/models")
    else:
        for _ in range(3):
            client.post(path, json=body(**needed(name, api_format)))
    names = [request.fault for request in emulator.requests]
    assert names == [None, None, None, name, None, name]


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row[2] is STREAMS or row[0] in ["half_tool_call", *ANSWER_FAULTS]],
    ids=row_id,
)
def test_a_refused_stream_is_not_changed_by_the_fault(emulator, client, row):
    name, parameters, _ = row
    emulator.fault(name, **parameters)
    for _ in range(2):
        response = client.post(
            PATHS["openai"],
            json=body(streaming=True, temperature=9, **needed(name, "openai")),
        )
        assert response.status_code == 400
        assert response.text.startswith('data:{"error":')
    assert [request.fault for request in emulator.requests] == [name, None]


@pytest.mark.parametrize("row", [row for row in ROWS if row[2] is STREAMS], ids=row_id)
def test_a_stream_fault_counts_only_streams(emulator, client, row):
    name, parameters, _ = row
    emulator.fault(name, skip=1, **parameters)
    path = PATHS["openai"]
    assert client.post(path, json=body()).status_code == 200
    assert client.post(path, json=body(streaming=True)).text.endswith("[DONE]\n\n")
    start_stream(client, path)
    assert [request.fault for request in emulator.requests] == [None, None, name]


@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_leaves_a_long_stream_causes_no_log_output(emulator, caplog, capfd, reset):
    emulator.reply(pieces=["word "] * 50_000)
    raw = json.dumps(body(streaming=True)).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\napi-key: {emulator.api_key}\r\n"
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

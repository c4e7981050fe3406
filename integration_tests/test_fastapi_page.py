"""What docs/fastapi.md says about clients that go away, with its own program on a real server."""

import threading

import httpx2
import pytest
import uvicorn
from page_outputs import blocks_of
from repository import ROOT


@pytest.fixture
def address(emulator, monkeypatch):
    """The address of the page's program, running with uvicorn and the emulator behind it."""
    monkeypatch.setenv("MIMO_API_KEY", emulator.api_key)
    monkeypatch.setenv("MIMO_BASE_URL", emulator.base_url)
    program = {"__name__": "server"}
    exec(blocks_of((ROOT / "docs" / "fastapi.md").read_text(encoding="utf-8"))[0].code, program)
    config = uvicorn.Config(program["app"], port=0, log_level="warning")
    listener = config.bind_socket()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.mark.parametrize("pause", [0.01, 1])
def test_a_client_that_goes_away_ends_the_request_to_mimo(address, emulator, pause):
    emulator.reply("a b c", pieces=["a"] * 200, pause=pause)
    with (
        httpx2.Client(trust_env=False) as client,
        client.stream("POST", f"{address}/chat", json={"text": "Hello"}) as response,
    ):
        assert next(line for line in response.iter_lines() if line.startswith("data"))
    emulator.wait_for_disconnects(1, timeout=20)
    assert len(emulator.disconnects) == 1


def test_errors_are_events(address, emulator):
    emulator.reply(status=401, body="")
    with httpx2.Client(trust_env=False) as client:
        response = client.post(f"{address}/chat", json={"text": "Hello"})
        assert response.text.startswith("event: error\ndata: ")
        assert client.post(f"{address}/chat", json={"text": ""}).status_code == 422
    assert len(emulator.requests) == 1

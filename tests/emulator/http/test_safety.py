"""What keeps the emulator alive, and web pages out: hosts, CORS, bodies in flight, threads."""

import asyncio
import json
import threading

import httpx2
import pytest
from emulator_requests import CHAT, KEY, data_url, function, get, image, png, post, request, user

from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.emulator.api import chat_request
from langchain_mimo.emulator.http.bodies import Bodies
from langchain_mimo.emulator.http.origins import names_this_machine
from langchain_mimo.emulator.media import images
from langchain_mimo.emulator.refusals import Refusal
from langchain_mimo.emulator.workers import is_light


@pytest.mark.parametrize(
    ("header", "listening_on", "expected"),
    [
        ("127.0.0.1:8123", "127.0.0.1", True),
        ("127.8.8.8", "127.0.0.1", True),
        ("localhost:8123", "127.0.0.1", True),
        ("LOCALHOST", "127.0.0.1", True),
        ("mimo.localhost", "127.0.0.1", True),
        ("[::1]:8123", "::1", True),
        ("[::1]:8123", "localhost", True),
        ("evil.example", "127.0.0.1", False),
        ("evil.example:8123", "localhost", False),
        ("localhost.evil.example", "127.0.0.1", False),
        ("127.0.0.1.evil.example", "127.0.0.1", False),
        ("192.168.1.5:8123", "127.0.0.1", False),
        ("user@evil.example", "127.0.0.1", False),
        ("[::1", "127.0.0.1", False),
        ("", "127.0.0.1", False),
        # Whoever listens on other addresses wants to be reached by other names.
        ("emulator:8123", "0.0.0.0", True),
        ("emulator:8123", "::", True),
    ],
)
def test_hosts(header, listening_on, expected):
    assert names_this_machine(header, listening_on) is expected


async def test_web_pages_cannot_read_responses():
    response = await post(MiMoEmulator(), request())
    assert response.status_code == 200
    assert not [name for name in response.headers if name.startswith("access-control")]
    assert (await _options(MiMoEmulator())).status_code == 405


async def test_web_pages_can_read_responses_if_asked():
    emulator = MiMoEmulator(cors=True)
    for response in (await post(emulator, request()), await get(emulator, "/v1/models")):
        assert response.headers["access-control-allow-origin"] == "*"
    preflight = await _options(emulator)
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-max-age"] == "1800"


async def _options(emulator):
    transport = httpx2.ASGITransport(app=emulator.application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.options(CHAT)


class Chunks:
    """A request whose body arrives in pieces."""

    headers: dict = {}  # noqa: RUF012

    def __init__(self, *sizes):
        self.sizes = sizes

    async def stream(self):
        for size in self.sizes:
            yield bytes(size)


async def test_few_bodies_are_held_at_the_same_time():
    bodies = Bodies(100)
    async with bodies.read(Chunks(60, 40)) as first, bodies.read(Chunks(100)) as second:
        assert (len(first), len(second)) == (100, 100)
        with pytest.raises(Refusal, match="too many large requests") as refused:
            async with bodies.read(Chunks(1)):
                pytest.fail("there was room")
        assert refused.value.status == 503
    with pytest.raises(Refusal, match="larger than 100 bytes"):
        async with bodies.read(Chunks(60, 41)):
            pytest.fail("it was small enough")
    # All room is free again, also that of refused ones.
    async with bodies.read(Chunks(100)), bodies.read(Chunks(100)):
        pass


@pytest.mark.parametrize(
    ("body", "light"),
    [
        (request(), True),
        (request(tools=[function("f")]), False),
        (request(response_format={"type": "json_object"}), False),
        (request(messages=user(image(data_url("image/png", png())))), False),
        (request(messages=user(image("https://x.example/a.png"))), False),
        (request(messages=[{"role": "user", "content": "x" * 5000}]), False),
        (request(messages=[{"role": "user", "content": "Answer in JSON"}]), False),
    ],
)
def test_what_is_answered_on_the_event_loop(body, light):
    encoded = json.dumps(body).encode()
    assert is_light(encoded) is light
    assert not is_light(encoded.replace(b'"tools"', b'"\\u0074ools"')) or light


async def test_media_are_opened_in_threads(monkeypatch):
    """The event loop serves other requests while an image is decoded."""
    opening, others_done, threads = threading.Event(), threading.Event(), []
    decode = images._open_header

    def slow(container, file):
        threads.append(threading.current_thread())
        opening.set()
        assert others_done.wait(30)
        return decode(container, file)

    monkeypatch.setattr(images, "_open_header", slow)
    emulator = MiMoEmulator()
    body = request(messages=user(image(data_url("image/png", png()))))
    waiting = asyncio.create_task(post(emulator, body))
    assert await asyncio.to_thread(opening.wait, 30)
    assert (await post(emulator, request())).status_code == 200
    others_done.set()
    assert (await waiting).status_code == 200
    assert threading.main_thread() not in threads


@pytest.mark.parametrize("stream", [False, True])
async def test_a_fault_of_the_emulator_is_a_bad_request(stream, monkeypatch, caplog):
    def fail(*_):
        raise KeyError("from within")

    monkeypatch.setattr(chat_request, "check_ranges", fail)
    emulator = MiMoEmulator()
    response = await post(emulator, request(stream=stream))
    assert response.status_code == 400
    body = response.text.removeprefix("data:")
    assert json.loads(body)["error"]["message"] == "Invalid request parameters"
    assert emulator.requests[0].status == 400
    assert "from within" in caplog.text


async def test_a_wrong_key_comes_first():
    response = await post(MiMoEmulator(), request(tools=3), headers={**KEY, "api-key": "sk-other"})
    assert response.status_code == 401

"""The emulator as a server: official SDKs, large bodies, many clients, its command line."""

import base64
import concurrent.futures
import errno
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import anthropic
import httpx2
import openai
import pytest
from PIL import Image

from langchain_mimo.emulator import FAULTS, MiMoEmulator, ResponderError

MODEL = "mimo-v2.6-flash"
HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "object",
    "properties": {"location": {"type": "string"}},
    "required": ["location"],
}


@pytest.fixture
def emulator():
    with MiMoEmulator() as running:
        yield running


def make_image():
    stream = io.BytesIO()
    Image.new("RGB", (1024, 1024), "blue").save(stream, "PNG")
    return stream.getvalue()


def test_the_openai_sdk(emulator):
    with openai.OpenAI(base_url=emulator.base_url, api_key=emulator.api_key) as client:
        response = client.chat.completions.create(model=MODEL, messages=HELLO)
        assert response.choices[0].message.content.startswith("Hello!")
        assert response.choices[0].message.reasoning_content
        chunks = list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert text == response.choices[0].message.content
        assert chunks[-1].usage.total_tokens == response.usage.total_tokens
        assert [model.id for model in client.models.list()]
        with pytest.raises(openai.BadRequestError, match="Unsupported model gpt-4o"):
            client.chat.completions.create(model="gpt-4o", messages=HELLO)
        with pytest.raises(openai.BadRequestError, match="Param Incorrect") as refused:
            client.chat.completions.create(model=MODEL, messages=[])
        assert refused.value.param == "messages must not be empty"


def test_the_openai_sdk_sends_its_own_message_back(emulator):
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
    messages = [{"role": "user", "content": "What is the weather in Oslo and Rome?"}]
    with openai.OpenAI(base_url=emulator.base_url, api_key=emulator.api_key) as client:
        first = client.chat.completions.create(model=MODEL, messages=messages, tools=[tool])
        message = first.choices[0].message
        assert len(message.tool_calls) == 2
        messages.append(message)
        messages += [
            {"role": "tool", "tool_call_id": call.id, "content": "rain"}
            for call in message.tool_calls
        ]
        second = client.chat.completions.create(model=MODEL, messages=messages, tools=[tool])
        messages += [second.choices[0].message, {"role": "user", "content": "Thanks"}]
        third = client.chat.completions.create(model=MODEL, messages=messages, tools=[tool])
    assert second.choices[0].message.content.count("rain") == 2
    assert third.choices[0].finish_reason == "stop"


def test_the_anthropic_sdk(emulator):
    tool = {"name": "get_weather", "description": "Weather", "input_schema": WEATHER}
    messages = [{"role": "user", "content": "What is the weather in Oslo?"}]
    address = f"{emulator.root_url}/anthropic"
    with anthropic.Anthropic(base_url=address, api_key=emulator.api_key) as client:
        first = client.messages.create(
            model=MODEL, max_tokens=1024, messages=messages, tools=[tool]
        )
        assert first.stop_reason == "tool_use"
        assert first.content[-1].input == {"location": "Oslo"}
        messages += [
            {"role": "assistant", "content": first.content},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": first.content[-1].id, "content": "rain"}
                ],
            },
        ]
        with client.messages.stream(
            model=MODEL, max_tokens=1024, messages=messages, tools=[tool]
        ) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        assert text == "get_weather returned: rain"
        assert [block.type for block in final.content] == ["thinking", "text"]
        assert final.usage.output_tokens > 0
        with pytest.raises(anthropic.AuthenticationError):
            client.with_options(api_key="sk-other").messages.create(
                model=MODEL, max_tokens=10, messages=messages
            )


def test_an_image_arrives_byte_for_byte(emulator):
    data = make_image()
    url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    with openai.OpenAI(base_url=emulator.base_url, api_key=emulator.api_key) as client:
        part = {"type": "image_url", "image_url": {"url": url}}
        response = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": [part]}]
        )
    assert response.choices[0].message.content == "Image 1: PNG, 1024×1024 pixels, mainly blue."
    assert response.usage.prompt_tokens_details.image_tokens == 1024
    (item,) = emulator.requests[0].media
    assert item.data == data
    assert item.size == len(data)


def test_a_body_of_seventy_megabytes_does_not_block_other_requests(emulator):
    noise = os.urandom(25 * 10**6)
    header = make_image()
    part = base64.b64encode(header + noise).decode()
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{part}"}}
    content = [image, image, {"type": "text", "text": "what?"}]
    body = {"model": MODEL, "messages": [{"role": "user", "content": content}]}
    raw = json.dumps(body).encode()
    assert len(raw) > 66 * 10**6
    headers = {"api-key": emulator.api_key}
    responses = []
    with httpx2.Client(base_url=emulator.base_url, headers=headers, timeout=60) as client:
        large = threading.Thread(
            target=lambda: responses.append(client.post("/chat/completions", content=raw))
        )
        large.start()
        small = client.post("/chat/completions", json={"model": MODEL, "messages": HELLO})
        large.join()
    assert small.status_code == 200
    assert responses[0].status_code == 200
    assert responses[0].json()["usage"]["prompt_tokens_details"]["image_tokens"] == 2048


def test_many_clients_at_once(emulator):
    headers = {"api-key": emulator.api_key}
    limits = httpx2.Limits(max_connections=50)
    body = {"model": MODEL, "messages": HELLO, "stream": True}
    with (
        httpx2.Client(base_url=emulator.base_url, headers=headers, limits=limits) as client,
        concurrent.futures.ThreadPoolExecutor(50) as pool,
    ):
        texts = list(
            pool.map(lambda _: client.post("/chat/completions", json=body).text, range(200))
        )
    assert all(text.endswith("data: [DONE]\n\n") for text in texts)
    assert emulator.connections <= 50
    assert len(emulator.requests) == 200
    assert emulator.disconnects == []


def test_delays_and_pauses(emulator):
    emulator.reply("x", delay=0.2)
    emulator.reply("x", pause=0.05, pieces=["a", "b"], reasoning="")
    headers = {"api-key": emulator.api_key}
    with httpx2.Client(base_url=emulator.base_url, headers=headers) as client:
        start = time.monotonic()
        client.post("/chat/completions", json={"model": MODEL, "messages": HELLO})
        assert time.monotonic() - start >= 0.2
        start = time.monotonic()
        body = {"model": MODEL, "messages": HELLO, "stream": True}
        client.post("/chat/completions", json=body)
        assert time.monotonic() - start >= 0.25


def ask(emulator):
    return httpx2.post(
        f"{emulator.base_url}/chat/completions",
        json={"model": MODEL, "messages": HELLO},
        headers={"api-key": emulator.api_key},
    )


def use(emulator, responder, error=None):
    with emulator:
        emulator.respond_with(responder)
        assert ask(emulator).status_code == (500 if responder else 200)
        if error is not None:
            raise error


def test_the_end_of_the_block_raises_the_responders_error(capfd):
    emulator = MiMoEmulator()
    with pytest.raises(ResponderError, match="failed with ZeroDivisionError") as caught:
        use(emulator, lambda request: 1 / 0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "Traceback" not in capfd.readouterr().err
    use(emulator, None)  # the errors are cleared at the next start


def test_an_error_in_the_block_gets_the_responders_error_as_a_note():
    with pytest.raises(LookupError) as caught:
        use(MiMoEmulator(), lambda request: 5, LookupError())
    assert caught.value.__notes__ == ["the responder must return a Reply, a str or None, got 5"]


def test_unused_replies_are_not_an_error():
    with MiMoEmulator() as emulator:
        emulator.reply("x")
    assert len(emulator.pending_replies) == 1


def test_a_request_that_still_waits_at_the_end_prints_nothing(caplog, capfd):
    with MiMoEmulator() as running:
        running.fault("stall", seconds=30)
        with pytest.raises(httpx2.TimeoutException):
            httpx2.post(
                f"{running.base_url}/chat/completions",
                headers={"Authorization": f"Bearer {running.api_key}"},
                json={"model": MODEL, "messages": HELLO, "stream": True},
                timeout=0.5,
            )
    assert caplog.records == []
    assert capfd.readouterr().err == ""


def test_start_and_stop_again():
    emulator = MiMoEmulator("sk-own")
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.base_url
    for _ in range(3):
        emulator.start()
        with pytest.raises(RuntimeError, match="already"):
            emulator.start()
        response = httpx2.get(f"{emulator.base_url}/models", headers={"api-key": "sk-own"})
        assert response.headers["server"] == "MiFE/3.4.34"
        emulator.stop()
        emulator.stop()
    names = [thread.name for thread in threading.enumerate()]
    assert "mimo-emulator" not in names


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("rebound.example", 403), ("127.0.0.1.evil.example", 403)],
)
def test_other_names_of_this_machine_are_refused(emulator, host, status):
    """A page whose name was made to lead here (DNS rebinding) would count as this machine's own."""
    body = {"model": "mimo-v2.6-flash", "messages": [{"role": "user", "content": "Hello"}]}
    response = httpx2.post(
        f"{emulator.base_url}/chat/completions",
        json=body,
        headers={"host": host, "api-key": emulator.api_key},
    )
    assert response.status_code == status
    if status == 403:
        assert "serves its own machine only" in response.json()["error"]["message"]
        assert emulator.requests == []


def test_a_port_in_use():
    with MiMoEmulator() as first:
        with pytest.raises(OSError, match="in use") as caught:
            MiMoEmulator(port=first.port).start()
        assert caught.value.errno == errno.EADDRINUSE
        assert f"cannot listen on 127.0.0.1:{first.port}: " in str(caught.value)


@pytest.mark.parametrize("host", ["192.0.2.1", "a..b"])
def test_a_host_of_another_machine(host):
    with pytest.raises(OSError, match=f"cannot listen on {host}:0: .*; choose an address of this"):
        MiMoEmulator(host=host).start()


def open_resources():
    names = sorted(thread.name for thread in threading.enumerate())
    return names, len(list(Path("/dev/fd").iterdir()))


def test_idle_emulators_leave_nothing_behind():
    def start_and_stop():
        with MiMoEmulator(), MiMoEmulator():
            MiMoEmulator()  # never started

    start_and_stop()  # what the first import opens may stay open
    threads, files = open_resources()
    for _ in range(3):
        start_and_stop()
    threads_after, files_after = open_resources()
    # Threads and files that other tests left may end meanwhile.
    assert set(threads_after) <= set(threads)
    assert files_after <= files


def command(*arguments):
    return [sys.executable, "-m", "langchain_mimo.emulator", *arguments]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_command_line(tmp_path, stop):
    (tmp_path / "a.png").write_bytes(make_image())
    arguments = [
        *("--port", "0", "--api-key", "sk-7", "--as-of", "2026-04-24", "--lenient"),
        "--strict-parameters",
        *("--media-root", f"https://files.example/={tmp_path}"),
        *("--fault", "server_error:status=502,times=1"),
    ]
    with subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            address = line.split()[4]
            assert line == f"MiMo emulator ready at {address} (key sk-7)\n"
            part = {"type": "image_url", "image_url": {"url": "https://files.example/a.png"}}
            body = {"model": "mimo-v2.5", "messages": [{"role": "user", "content": [part]}]}
            codes = []
            for _ in range(2):
                response = httpx2.post(
                    f"{address}/chat/completions", json=body, headers={"api-key": "sk-7"}
                )
                codes.append(response.status_code)
            assert codes == [502, 200]
            assert "1024×1024" in response.json()["choices"][0]["message"]["content"]
            refused = httpx2.post(
                f"{address}/chat/completions", json={**body, "seed": 7}, headers={"api-key": "sk-7"}
            )
            assert refused.status_code == 400
        finally:
            process.send_signal(stop)
            rest, _ = process.communicate(timeout=10)
    assert rest == ""
    assert process.returncode == 0


def run(*arguments, program=None):
    return subprocess.run(
        [sys.executable, "-c", program, *arguments] if program else command(*arguments),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_a_port_in_use_on_the_command_line():
    with MiMoEmulator() as first:
        port = first.port
        done = run("--port", str(port))
    assert done.returncode == 1
    assert done.stderr == (
        f"cannot start the emulator: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "stop the program that uses it, or choose another port with --port (0 for a free one), in "
        "Python with port=\n"
    )


# Simulates an installation without the extra: its packages cannot be imported.
WITHOUT_EXTRA = "import sys; sys.modules |= dict.fromkeys(['starlette', 'uvicorn', 'av']); "
MISSING = (
    "the emulator needs starlette, uvicorn, av; "
    'run pip install ".[emulator]" in the folder of your clone of langchain-mimo\n'
)


def test_the_command_line_without_the_extra():
    program = "import runpy; runpy.run_module('langchain_mimo.emulator', run_name='__main__')"
    done = run("--port", "0", program=WITHOUT_EXTRA + program)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", MISSING)


def test_an_emulator_without_the_extra():
    program = "from langchain_mimo.emulator import *; print(len(FAULTS)); MiMoEmulator()"
    done = run(program=WITHOUT_EXTRA + program)
    assert done.stdout == f"{len(FAULTS)}\n"
    assert done.stderr.endswith(f"ImportError: {MISSING}")


def test_help_lists_every_fault():
    done = subprocess.run(command("--help"), capture_output=True, text=True, timeout=20, check=True)
    assert "cut_after(bytes=200" in done.stdout

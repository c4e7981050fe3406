"""What LangSmith's client sends to its service, here a server on this machine."""

import base64
import random
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from langchain_core.tracers.langchain import LangChainTracer
from langsmith import Client
from langsmith.anonymizer import create_anonymizer
from repository import ROOT

from langchain_mimo import ChatMiMo, audio_block
from langchain_mimo.errors import MiMoError

BASE64 = re.compile(r"[A-Za-z0-9+/]{200,}={0,2}")
HEADER_CANARY = "header-canary-0123456789"


class Service(ThreadingHTTPServer):
    """Takes runs as LangSmith does.

    Attributes:
        received: Body of each request.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.received = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def client(self, **settings):
        url = f"http://127.0.0.1:{self.server_port}"
        return Client(api_url=url, api_key="lsv2_test", **settings)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self):
        self.server.received.append(self.rfile.read(int(self.headers["content-length"])))
        self.do_GET()

    def do_PATCH(self):
        self.do_POST()

    def log_message(self, *_):
        pass


@pytest.fixture
def service():
    service = Service()
    yield service
    service.shutdown()
    service.server_close()


@pytest.fixture
def audio(tmp_path):
    """Noise, so that its base64 occurs nowhere else."""
    samples = random.Random(1).randbytes(60_000)
    head = b"RIFF" + (len(samples) + 36).to_bytes(4, "little") + b"WAVEfmt " + bytes.fromhex(
        "10000000 0100 0100 803e0000 007d0000 0200 1000"
    )  # fmt: skip
    path = tmp_path / "noise.wav"
    path.write_bytes(head + b"data" + len(samples).to_bytes(4, "little") + samples)
    return path


def traced(service, emulator, block, fault=None, **settings):
    """Trace one call, and return the bytes that the service got."""
    client = service.client(**settings)
    if fault:
        emulator.fault(fault)
    llm = ChatMiMo(
        model="mimo-v2.6-flash",
        base_url=emulator.base_url,
        api_key=emulator.api_key,
        default_headers={"x-team": HEADER_CANARY},
        allowed_media_dirs=[block["path"].parent] if "path" in block else None,
        max_retries=0,
    )
    content = [block.get("block", block), {"type": "text", "text": "What do you hear?"}]
    config = {"callbacks": [LangChainTracer(client=client)]}
    try:
        llm.invoke([("user", content)], config)
    except MiMoError:
        assert fault
    client.flush()
    received = b"".join(service.received)
    service.received.clear()
    assert b"What do you hear?" in received or settings.get("hide_inputs")
    assert emulator.api_key.encode() not in received
    assert HEADER_CANARY.encode() not in received
    return received


def inline(path):
    text = base64.b64encode(path.read_bytes()).decode("ascii")
    return {"type": "audio", "base64": text, "mime_type": "audio/wav"}, text


@pytest.mark.parametrize("fault", [None, "server_error"])
def test_a_reference_is_traced_without_its_bytes(service, emulator, audio, fault):
    _, text = inline(audio)
    block = {"block": audio_block(audio), "path": audio}
    received = traced(service, emulator, block, fault)
    assert audio.name.encode() in received
    assert text[1000:1100].encode() not in received
    assert len(received) < 12_000


def test_inline_base64_is_traced_in_full(service, emulator, audio):
    block, text = inline(audio)
    received = traced(service, emulator, block)
    assert text[1000:1100].encode() in received
    assert len(received) > len(text)


@pytest.mark.parametrize("fault", [None, "server_error"])
def test_an_anonymizer_shortens_base64_in_the_trace_alone(service, emulator, audio, fault):
    block, text = inline(audio)
    shorten = create_anonymizer([{"pattern": BASE64, "replace": "[base64]"}])
    received = traced(service, emulator, block, fault, anonymizer=shorten)
    assert b"[base64]" in received
    assert BASE64.pattern in (ROOT / "docs/logging-and-tracing.md").read_text(encoding="utf-8")
    assert text[1000:1100].encode() not in received
    assert len(received) < 12_000
    assert emulator.requests[-1].raw_length > len(text)  # MiMo got it in full


def test_inputs_can_be_hidden(service, emulator, audio):
    block, text = inline(audio)
    received = traced(service, emulator, block, hide_inputs=True, hide_outputs=True)
    assert text[1000:1100].encode() not in received
    assert b"What do you hear?" not in received

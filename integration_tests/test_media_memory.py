"""Memory needed to send a large file: the peak resident size of a separate process.

The server discards request bodies and sends a fixed response, so that it is fast. Sizes are in
millions of bytes; the limits are those that docs/media.md states.
"""

import http.server
import json
import os
import subprocess
import sys
import threading

import pytest
from repository import ROOT

RESPONSE = json.dumps(
    {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "mimo-v2.6-flash",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()

CHILD = """
import asyncio, base64, pathlib, sys
from langchain_core.messages import HumanMessage
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.media import audio_block

method, base_url, folder = sys.argv[1:]
llm = ChatMiMo(
    model="mimo-v2.6-flash", base_url=base_url, api_key="sk-test", allowed_media_dirs=[folder]
)

def resident(field):
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split(field + ":")[1].split()[0]) * 1024
    import resource  # other systems report only the peak since the process started
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

def message(name):
    path = pathlib.Path(folder, name)
    if "base64" in method:
        text = base64.b64encode(path.read_bytes()).decode()
        url = "data:audio/wav;base64," + text
        del text
        return HumanMessage([{"type": "input_audio", "input_audio": {"data": url}}])
    return HumanMessage([audio_block(path)])

def call(message):
    if "batch" not in method:
        one = llm.ainvoke if method.startswith("a") else llm.invoke
        return one([message])
    config = {"max_concurrency": 4}
    many = llm.abatch if method.startswith("a") else llm.batch
    return many([[message]] * 20, config)

def run(message):
    result = call(message)
    return asyncio.run(result) if asyncio.iscoroutine(result) else result

run(message("small.wav"))
large = message("large.wav")
if pathlib.Path("/proc/self/clear_refs").exists():
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # reset the peak
before = resident("VmRSS")
run(large)
print(resident("VmHWM") - before)
"""


class Sink(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 1 << 18)))
        self.server.lengths.append(length)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(RESPONSE)))
        self.end_headers()
        self.wfile.write(RESPONSE)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def sink():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    server.lengths = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two WAV files of silence, of 37 MB and of 1 KB."""
    directory = tmp_path_factory.mktemp("large")
    for name, size in (("small.wav", 1000), ("large.wav", 37_000_000)):
        data = size - 44
        header = (
            b"RIFF" + (size - 8).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\x01\0\x01\0"
            b"\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data" + data.to_bytes(4, "little")
        )
        (directory / name).write_bytes(header + bytes(data))
    return directory


@pytest.mark.parametrize("method", ["invoke", "ainvoke", "batch", "abatch", "base64", "abase64"])
def test_sending_37_megabytes_takes_less_than_4_megabytes_of_memory(sink, folder, method):
    sink.lengths.clear()
    base_url = f"http://127.0.0.1:{sink.server_port}/v1"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.run(
        [sys.executable, "-c", CHILD, method, base_url, str(folder)],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    calls = 20 if "batch" in method else 1
    large = [length for length in sink.lengths if length > 37_000_000 * 4 // 3]
    assert len(large) == calls
    assert int(child.stdout) < 4_000_000, f"{int(child.stdout) / 1e6:.1f} MB"

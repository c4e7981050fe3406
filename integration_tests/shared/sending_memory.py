"""The memory that a process needs to send media, to a server that discards them."""

import contextlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading

from repository import ROOT


class _Sink(http.server.BaseHTTPRequestHandler):
    """Discards bodies and answers the same each time."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read1(min(left, 1 << 20)))
        self.server.lengths.append(length)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.response)))
        self.end_headers()
        self.wfile.write(self.server.response)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def discarding_server(content):
    """Run a server whose messages have some text; it has its `url`, and the `lengths` of bodies."""
    message = {"role": "assistant", "content": content}
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "mimo-v2.6-flash",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Sink) as server:
        server.response, server.lengths = json.dumps(body).encode(), []
        server.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def output_of(program, *arguments):
    """Run a Python program, which can import `peak_of`, and return what it prints."""
    folders = ROOT, pathlib.Path(__file__).parent, ROOT / "tests" / "helpers"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    child = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr[-3000:]
    return child.stdout


def peak_of(work):
    """Call a function in a child process; return its result, and by how many bytes memory grew."""
    if pathlib.Path("/proc/self/clear_refs").exists():
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # reset the peak
    before = _resident("VmRSS")
    result = work()
    return result, _resident("VmHWM") - before


def _resident(field):
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split(field + ":")[1].split()[0]) * 1024
    import resource  # noqa: PLC0415 - Windows has none; elsewhere only the peak since the start

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

"""What hostile responses cost: each call runs in a process of its own, whose memory is measured."""

import functools
import gzip
import json
import subprocess
import sys
import zlib

import pytest

MEBIBYTE = 1 << 20

CHILD = """
import asyncio, json, resource, sys
from langchain_mimo import ChatMiMo

url, way, package, settings = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
if package != "own":
    http = __import__(package)
    settings["http_client"] = http.Client()
    settings["http_async_client"] = http.AsyncClient()
llm = ChatMiMo(model="mimo-v2.6-flash", base_url=url, max_retries=0, timeout=120, **settings)

async def astream():
    return [chunk async for chunk in llm.astream("hi")]

calls = {
    "invoke": lambda: llm.invoke("hi"),
    "stream": lambda: list(llm.stream("hi")),
    "ainvoke": lambda: asyncio.run(llm.ainvoke("hi")),
    "astream": lambda: asyncio.run(astream()),
}
llm.get_num_tokens("import what a call needs")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    calls[way]()
    said = ""
except Exception as error:
    said = f"{type(error).__name__}: {error}"
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"said": said[:400], "mebibytes": (after - before) / 1024}))
"""


@functools.cache
def bomb(layers):
    """Blanks of 400 MB, compressed once or several times."""
    compressor = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    data = b"".join(compressor.compress(b" " * MEBIBYTE) for _ in range(400)) + compressor.flush()
    for _ in range(layers - 1):
        data = gzip.compress(data)
    return data


def send_head(connection, *headers, status="200 OK"):
    connection.send("\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode())


def endless(piece, *headers, status="200 OK"):
    """A response that sends a piece until the client hangs up, 1.5 GB at most."""

    def script(server, connection):
        send_head(connection, "Connection: close", *headers, status=status)
        block = piece * (MEBIBYTE // len(piece) + 1)
        for _ in range(1500):
            connection.send(block)

    return script


def compressed(layers, status="200 OK", kind="application/json"):
    def script(server, connection):
        encoding = ", ".join(["gzip"] * layers)
        body = bomb(layers)
        send_head(
            connection,
            *(f"Content-Length: {len(body)}", f"Content-Encoding: {encoding}"),
            f"Content-Type: {kind}",
            status=status,
        )
        connection.send(body)

    return script


def small_chunks(server, connection):
    """One event in chunks of two bytes, 4 MB of them; as objects they would take 80 MB."""
    connection.head()
    connection.chunk(b"data: ")
    for _ in range(20):
        connection.send(b"2\r\nxx\r\n" * 100_000)


EVENT = (
    b"data: "
    + json.dumps({"choices": [{"index": 0, "delta": {"content": "x"}}]}).encode()
    + b"\n\n"
)
LENGTH = {"max_response_bytes": MEBIBYTE}

# script, ways, settings, words of the error, most memory in MiB
HOSTILE = {
    "a whole answer without end": (endless(b" "), "whole", {}, "more than 67,108,864 bytes", 300),
    "the same with a limit": (endless(b" "), "whole", LENGTH, "more than 1,048,576 bytes", 60),
    "a page without end": (endless(b"<html><title"), "whole", {}, "more than 67,108,864 bytes", 300),
    "gzip": (compressed(1), "whole", {}, "more than 67,108,864 bytes", 300),
    "three layers of gzip": (compressed(3), "whole", {}, "compressed with 'gzip, gzip, gzip'", 60),
    "an error of gzip": (compressed(1, "400 No"), "whole", {}, "400", 60),
    "an error without end": (endless(b"x", status="503 No"), "whole", {}, "503", 60),
    "an error of three layers": (compressed(3, "429 No"), "whole", {}, "429", 60),
    "a stream of gzip": (compressed(1, kind="text/event-stream"), "stream", {}, "event", 300),
    "an event without end": (endless(b"data: x"), "stream", {}, "more than 64 MiB", 300),
    "an event in small chunks": (small_chunks, "stream", {}, "ncomplete", 40),
    "events without end": (endless(EVENT), "stream", LENGTH, "more than 8,388,608 bytes", 250),
}  # fmt: skip


QUICK = [
    "the same with a limit",
    "three layers of gzip",
    "an error of gzip",
    "an error without end",
]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("name", QUICK)
def test_memory_is_bounded(server, name, is_async):
    measure(server, name, is_async, "own")


@pytest.mark.slow
@pytest.mark.parametrize("package", ["own", "httpx2", "httpx"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("name", HOSTILE)
def test_memory_is_bounded_in_every_client(server, name, is_async, package):
    measure(server, name, is_async, package)


def measure(server, name, is_async, package):
    """Call the model in a process of its own, and check its error and its memory."""
    script, kind, settings, words, most = HOSTILE[name]

    def serve(connection, n):
        server.take(connection)
        script(server, connection)

    server.script = serve
    way = ("a" if is_async else "") + {"whole": "invoke", "stream": "stream"}[kind]
    base_url = server.url.removesuffix("/chat/completions")
    command = [sys.executable, "-c", CHILD, base_url, way, package, json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=True)
    result = json.loads(done.stdout)
    assert words in result["said"], result
    assert result["mebibytes"] < most, result

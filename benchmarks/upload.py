"""Sends one media item in its own process; prints the peak memory in MB and the time in ms."""

from __future__ import annotations

import asyncio
import base64
import gc
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
import orjson
from langchain_core.messages import HumanMessage

from benchmarks.media_files import MIME_TYPES
from benchmarks.subjects import PROMPT, model_factory, post_url

TIMES = 5


def _peak_since_reset() -> float:
    """Return the peak memory in MB: on Linux since `_reset_peak`, elsewhere since the start."""
    try:
        status = Path("/proc/self/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    except OSError:
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / (1 << 20)


def _reset_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def sender(
    subject: str, kind: str, path: Path, url: str
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return two functions: one warms the subject up, one sends the media item."""
    package, _, way = subject.partition(", ")
    if package == "httpx2":
        return _bare_sender(httpx2.Client(timeout=None), kind, path, url)
    model: Any
    if package == "ChatMiMo":
        model = model_factory(package)(url, allowed_media_dirs=[str(path.parent)])
    else:
        model = model_factory(package)(url)
    block: dict[str, Any] = {"type": kind, "mime_type": MIME_TYPES[kind]}
    if way == "inline":
        block["base64"] = base64.b64encode(path.read_bytes()).decode("ascii")
    elif way == "file with digest":
        from langchain_mimo import media

        block = getattr(media, f"{kind}_block")(path)
    else:
        block["url"] = path.as_uri()
    message = HumanMessage([block, {"type": "text", "text": "What is this?"}])
    if way == "file, async":
        runner = asyncio.Runner()
        return lambda: runner.run(model.ainvoke(PROMPT)), lambda: runner.run(
            model.ainvoke([message])
        )
    return lambda: model.invoke(PROMPT), lambda: model.invoke([message])


def _bare_sender(
    client: httpx2.Client, kind: str, path: Path, url: str
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    head = b'{"messages":[{"content":[{"url":"data:' + MIME_TYPES[kind].encode() + b";base64,"
    headers = {"content-type": "application/json"}

    def send(data: bytes) -> Any:
        body = b"".join((head, base64.b64encode(data), b'"}]}]}'))
        response = client.post(post_url(url), content=body, headers=headers)
        return orjson.loads(response.content)

    return lambda: send(b""), lambda: send(path.read_bytes())


def main() -> None:
    subject, kind, path, url = sys.argv[1:]
    warnings.simplefilter("ignore")
    os.environ["LANGSMITH_TRACING"] = "false"
    warm_up, send = sender(subject, kind, Path(path), url)
    warm_up()
    gc.collect()
    _reset_peak()
    before = _peak_since_reset()
    send()
    peak = _peak_since_reset() - before
    times = []
    for _ in range(TIMES):
        start = time.perf_counter()
        send()
        times.append(time.perf_counter() - start)
    print(peak, median(times) * 1e3)


if __name__ == "__main__":
    main()

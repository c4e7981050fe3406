"""Many streams at once in one event loop, and how many connections streams use up."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from benchmarks.measures.streams import astream, stream
from benchmarks.sampling import Measure
from benchmarks.subjects import HTTPX, MODELS, adrain_httpx, drain_httpx, maker
from benchmarks.worker import Context

EVENTS = 200
SCENARIO = f"stream-{EVENTS}-8"
IN_A_ROW = 30


async def at_once(call: Callable[[], Awaitable[Any]], count: int) -> tuple[float, int]:
    """Start so many streams; returns the seconds they take and how many fail."""
    began = time.perf_counter()
    done = await asyncio.gather(*(call() for _ in range(count)), return_exceptions=True)
    failures = sum(isinstance(each, BaseException) for each in done)
    return time.perf_counter() - began, failures


def measure(context: Context) -> list[Measure]:
    return [
        *_at_once(context, 200, MODELS),
        *_at_once(context, 1000, ("ChatMiMo",)),
        *_reuse(context),
    ]


def _at_once(context: Context, count: int, names: tuple[str, ...]) -> list[Measure]:
    wall = Measure(f"{count} streams at once", "s")
    failed = Measure(f"{count} streams at once, failures", "")
    url = context.url(SCENARIO)
    # A pool without a bound, as ChatMiMo's own: what is compared is work, not waiting for a slot.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
    with asyncio.Runner() as runner:
        client = httpx.AsyncClient(limits=limits, timeout=None)
        calls: dict[str, Callable[[], Awaitable[Any]]] = {HTTPX: lambda: adrain_httpx(client, url)}
        for name in names:
            model = maker(name)(url)
            calls[name] = lambda model=model: astream(model, EVENTS)
        for at in range(max(2, context.rounds // 2) + 1):
            for name, call in calls.items():
                taken, failures = runner.run(at_once(call, count))
                if at:  # the first round opens connections
                    wall.add(name, taken)
                    failed.add(name, failures)
        runner.run(client.aclose())
    return [wall, failed]


def _reuse(context: Context) -> list[Measure]:
    """Count the connections of streams one after the other."""
    used = Measure(f"connections for {IN_A_ROW} streams", "")
    aused = Measure(f"connections for {IN_A_ROW} streams, async", "")
    with asyncio.Runner() as runner:
        for name in (HTTPX, *MODELS):
            for measured, suffix in ((used, "sync"), (aused, "async")):
                scenario = f"{SCENARIO}+{name.split()[0]}-{suffix}"
                url = context.url(scenario)
                model = None if name == HTTPX else maker(name)(url)
                if suffix == "sync":
                    client = httpx.Client()
                    for _ in range(IN_A_ROW):
                        stream(model, EVENTS) if model else drain_httpx(client, url)
                else:
                    runner.run(_in_a_row(model, url))
                with urllib.request.urlopen(f"{context.origin}/stats/{scenario}") as answer:
                    measured.add(name, float(answer.read()))
    return [used, aused]


async def _in_a_row(model: Any, url: str) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(IN_A_ROW):
            await (astream(model, EVENTS) if model else adrain_httpx(client, url))

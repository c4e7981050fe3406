"""Measures many streams at once in one event loop, and the connections that streams open."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.measures.streams import astream, stream
from benchmarks.sampling import Measure, rotate
from benchmarks.subjects import BARE_CLIENTS, MODELS, adrain, drain, model_factory
from benchmarks.worker import Context

EVENTS = 200
SCENARIO = f"stream-{EVENTS}-8"
IN_A_ROW = 30


def measure(context: Context) -> list[Measure]:
    return [
        *_at_once(context, 200, MODELS),
        *_at_once(context, 1000, ("ChatMiMo",)),
        *_reuse(context),
    ]


async def _run(call: Callable[[], Awaitable[Any]], count: int) -> tuple[float, int]:
    """Start `count` streams; returns the seconds that they take and how many fail."""
    start = time.perf_counter()
    results = await asyncio.gather(*(call() for _ in range(count)), return_exceptions=True)
    failures = sum(isinstance(result, BaseException) for result in results)
    return time.perf_counter() - start, failures


def _at_once(context: Context, count: int, models: tuple[str, ...]) -> list[Measure]:
    """Measure `count` streams at once, with the bare clients and the models."""
    wall = Measure(f"{count} streams at once", "s")
    failed = Measure(f"{count} streams at once, failures", "")
    url = context.url(SCENARIO)
    with asyncio.Runner() as runner:
        clients = {}
        for name, package in BARE_CLIENTS.items():
            # As many connections as ChatMiMo's own pool: work is compared, not waiting for a slot.
            limits = package.Limits(max_connections=None, max_keepalive_connections=200)
            clients[name] = package.AsyncClient(limits=limits, timeout=None)
        calls: dict[str, Callable[[], Awaitable[Any]]] = {
            name: lambda client=client: adrain(client, url) for name, client in clients.items()
        }
        for name in models:
            model = model_factory(name)(url)
            calls[name] = lambda model=model: astream(model, EVENTS)
        for call in calls.values():  # opens connections
            runner.run(_run(call, count))
        for number in range(max(2, context.rounds // 2)):
            for name in rotate(calls, number):
                taken, failures = runner.run(_run(calls[name], count))
                wall.add(name, taken)
                failed.add(name, failures)
        for client in clients.values():
            runner.run(client.aclose())
    return [wall, failed]


def _reuse(context: Context) -> list[Measure]:
    """Count the connections that streams open one after the other."""
    used = Measure(f"connections for {IN_A_ROW} streams", "")
    aused = Measure(f"connections for {IN_A_ROW} streams, async", "")
    with asyncio.Runner() as runner:
        for name in (*BARE_CLIENTS, *MODELS):
            for measured, suffix in ((used, "sync"), (aused, "async")):
                scenario = f"{SCENARIO}+{name.split()[0]}-{suffix}"
                url = context.url(scenario)
                if suffix == "sync":
                    _in_a_row(name, url)
                else:
                    runner.run(_ain_a_row(name, url))
                with urllib.request.urlopen(f"{context.origin}/stats/{scenario}") as response:
                    measured.add(name, float(response.read()))
    return [used, aused]


def _in_a_row(name: str, url: str) -> None:
    if name in BARE_CLIENTS:
        with BARE_CLIENTS[name].Client() as client:
            for _ in range(IN_A_ROW):
                drain(client, url)
        return
    model = model_factory(name)(url)
    for _ in range(IN_A_ROW):
        stream(model, EVENTS)


async def _ain_a_row(name: str, url: str) -> None:
    if name in BARE_CLIENTS:
        async with BARE_CLIENTS[name].AsyncClient() as client:
            for _ in range(IN_A_ROW):
                await adrain(client, url)
        return
    model = model_factory(name)(url)
    for _ in range(IN_A_ROW):
        await astream(model, EVENTS)

"""Measures many streams at once in one event loop, and the connections that streams open."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

from benchmarks.measures.streams import astream, stream
from benchmarks.sampling import Measure, rotate
from benchmarks.subjects import (
    BARE_CLIENTS,
    HTTPX2,
    LEANEST,
    MODELS,
    PEERS,
    LeanestModel,
    adrain,
    drain,
    model_factory,
)
from benchmarks.worker import Context

EVENTS = 200
SCENARIO = f"stream-{EVENTS}-8"
IN_A_ROW = 30
GROWTH = {100: 4, 400: 1, 1600: 1}
"""Numbers of streams at once, and how often each runs in a sample: small ones are noisier."""

GROWTH_NAME = "one of N streams at once"
OWN_POOL = "httpx2 over ChatMiMo's pool"
"""The network's floor with the connections that ChatMiMo uses: httpx2's own pool costs more."""

Call = Callable[[], Awaitable[Any]]


def at_once(subject: str, count: int) -> str:
    """Return the name of a subject in the measure of growth."""
    return f"{subject}, {count}"


def measure(context: Context) -> list[Measure]:
    with asyncio.Runner() as runner:
        clients = _clients()
        url = context.url(SCENARIO)
        floors: dict[str, Call] = {
            name: lambda client=client: adrain(client, url) for name, client in clients.items()
        }
        model = model_factory("ChatMiMo")(url)
        floors["ChatMiMo"] = lambda: astream(model, EVENTS)
        measures = [
            _growth(runner, floors, context.rounds),
            *_many(runner, floors, context.rounds),
            *_peers(runner, floors, url),
        ]
        for client in clients.values():
            runner.run(client.aclose())
    return [*measures, *_reuse(context)]


def _clients() -> dict[str, httpx2.AsyncClient]:
    """Return the bare clients; no httpx: its times at 200 streams vary tenfold between rounds."""
    from langchain_mimo._transport.clients import ClientSettings

    # As many connections as ChatMiMo's own pool: work is compared, not waiting for a slot.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=200)
    return {
        HTTPX2: httpx2.AsyncClient(limits=limits, timeout=None),
        OWN_POOL: ClientSettings().build(httpx2.AsyncClient).client,
    }


async def _run(call: Call, count: int, times: int = 1) -> tuple[float, int]:
    """Run `count` streams at once; returns the seconds that they take and how many fail."""
    start = time.perf_counter()
    failures = 0
    for _ in range(times):
        results = await asyncio.gather(*(call() for _ in range(count)), return_exceptions=True)
        failures += sum(isinstance(result, BaseException) for result in results)
    return (time.perf_counter() - start) / times, failures


def _growth(runner: asyncio.Runner, calls: dict[str, Call], rounds: int) -> Measure:
    """Measure what one stream costs among 100, 400 and 1,600."""
    measured = Measure(GROWTH_NAME, "ms")
    subjects = [(name, count) for count in GROWTH for name in calls]
    for call in calls.values():  # opens connections
        runner.run(_run(call, max(GROWTH)))
    for number in range(rounds):
        for at in rotate(map(str, range(len(subjects))), number):
            name, count = subjects[int(at)]
            taken, failures = runner.run(_run(calls[name], count, GROWTH[count]))
            assert not failures, (name, count, failures)
            measured.add(at_once(name, count), taken / count * 1e3)
    return measured


def _many(runner: asyncio.Runner, calls: dict[str, Call], rounds: int) -> list[Measure]:
    """Measure 1,000 streams at once, also of the leanest model."""
    leanest = LeanestModel(chunks=EVENTS)
    return _together(runner, {**calls, LEANEST: lambda: astream(leanest, EVENTS)}, 1000, rounds)


def _peers(runner: asyncio.Runner, floors: dict[str, Call], url: str) -> list[Measure]:
    """Measure 200 streams at once, beside other models; sets no target."""
    calls = dict(floors)
    for name in PEERS:
        model = model_factory(name)(url)
        calls[name] = lambda model=model: astream(model, EVENTS)
    return _together(runner, calls, 200, 3)


def _together(
    runner: asyncio.Runner, calls: dict[str, Call], count: int, rounds: int
) -> list[Measure]:
    wall = Measure(f"{count} streams at once", "s")
    failed = Measure(f"{count} streams at once, failures", "")
    for call in calls.values():
        runner.run(_run(call, count))
    for number in range(rounds):
        for name in rotate(calls, number):
            taken, failures = runner.run(_run(calls[name], count))
            wall.add(name, taken)
            failed.add(name, failures)
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

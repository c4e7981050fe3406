"""Measures many streams at once in one event loop, and the connections that streams open."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
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
LONGEST = 60
"""Seconds after which a sample counts as one that does not end: its streams have failed."""

GROWTH = {100: 3, 400: 1, 1600: 1}
"""Numbers of streams at once, and how often each runs in a sample, which is the median of them."""

GROWTH_NAME = "one of N streams at once"
OWN_POOL = "httpx2 over ChatMiMo's pool"
"""The network's floor with the connections that ChatMiMo uses: httpx2's own pool costs more."""

RARER = "ChatMiMo, gc.set_threshold(50_000)"
"""ChatMiMo in a program that collects garbage a seventieth as often."""

Call = Callable[[], Awaitable[Any]]
Opener = Callable[[], AbstractAsyncContextManager[Call]]
"""Opens a subject with no connections, and closes it: each sample connects anew."""


def at_once(subject: str, count: int) -> str:
    """Return the name of a subject in the measure of growth."""
    return f"{subject}, {count}"


def measure(context: Context) -> list[Measure]:
    url = context.url(SCENARIO)
    floors: dict[str, Opener] = {
        HTTPX2: partial(_bare, _bare_client, url),
        OWN_POOL: partial(_bare, _client_with_own_pool, url),
        "ChatMiMo": partial(_model, "ChatMiMo", url),
    }
    peers = {name: partial(_model, name, url) for name in PEERS}
    rounds = context.rounds
    with asyncio.Runner() as runner:
        measures = [
            _growth(runner, floors, rounds),
            *_together(runner, {**floors, RARER: _rarer(url), LEANEST: _leanest}, 1000, rounds),
            *_together(runner, {**floors, **peers}, 100, 2),
        ]
    return [*measures, *_reuse(context)]


def _bare_client() -> httpx2.AsyncClient:
    """Return a bare client; httpx has none here: its times vary tenfold between rounds."""
    # As many connections as ChatMiMo's own pool: work is compared, not waiting for a slot.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=200)
    return httpx2.AsyncClient(limits=limits, timeout=None)


def _client_with_own_pool() -> httpx2.AsyncClient:
    from langchain_mimo._transport.clients import ClientSettings

    return ClientSettings().build(httpx2.AsyncClient).client


@asynccontextmanager
async def _bare(create: Callable[[], httpx2.AsyncClient], url: str) -> AsyncIterator[Call]:
    async with create() as client:
        yield lambda: adrain(client, url)


@asynccontextmanager
async def _model(name: str, url: str) -> AsyncIterator[Call]:
    model: Any = model_factory(name)(url)
    yield lambda: astream(model, EVENTS)
    if name == "ChatMiMo":
        await model.aclose()


@asynccontextmanager
async def _leanest() -> AsyncIterator[Call]:
    model = LeanestModel(chunks=EVENTS)
    yield lambda: astream(model, EVENTS)


def _rarer(url: str) -> Opener:
    @asynccontextmanager
    async def open_() -> AsyncIterator[Call]:
        thresholds = gc.get_threshold()
        gc.set_threshold(50_000, *thresholds[1:])
        async with _model("ChatMiMo", url) as call:
            yield call
        gc.set_threshold(*thresholds)

    return open_


async def _run(opener: Opener, count: int) -> tuple[float, int]:
    """Run `count` streams at once; returns the seconds that they take and how many fail.

    Here nothing is hidden from the garbage collector: langchain-core keeps the chunks of a stream
    until it ends, so collections are a large part of what many streams cost a program.
    """
    gc.collect()
    async with opener() as call:
        start = time.perf_counter()
        async with asyncio.timeout(LONGEST):
            results = await asyncio.gather(*(call() for _ in range(count)), return_exceptions=True)
        taken = time.perf_counter() - start
    return taken, sum(isinstance(result, BaseException) for result in results)


def _growth(runner: asyncio.Runner, openers: dict[str, Opener], rounds: int) -> Measure:
    """Measure what one stream costs among 100, 400 and 1,600."""
    measured = Measure(GROWTH_NAME, "ms")
    subjects = {at_once(name, count): (name, count) for count in GROWTH for name in openers}
    for opener in openers.values():  # warms up
        runner.run(_run(opener, max(GROWTH)))
    for number in range(rounds):
        for subject in rotate(subjects, number):
            name, count = subjects[subject]
            runs = [runner.run(_run(openers[name], count)) for _ in range(GROWTH[count])]
            assert not any(failures for _, failures in runs), (subject, runs)
            measured.add(subject, statistics.median(taken for taken, _ in runs) / count * 1e3)
    return measured


def _together(
    runner: asyncio.Runner, openers: dict[str, Opener], count: int, rounds: int
) -> list[Measure]:
    """Measure `count` streams at once; the time of a sample that does not end is left out.

    With some peers, one of 100 streams sometimes never ends.
    """
    wall = Measure(f"{count} streams at once", "s")
    failed = Measure(f"{count} streams at once, failures", "")
    for number in range(-1, rounds):  # the first round warms up
        for name in rotate(openers, number):
            try:
                taken, failures = runner.run(_run(openers[name], count))
            except TimeoutError:
                failed.add(name, count)
                continue
            if number >= 0:
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

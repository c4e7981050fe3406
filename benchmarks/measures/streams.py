"""Measures streams of 2,000 events: chunks, v1 chunks and content-block events, sync and async."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from benchmarks.sampling import Measure, sample
from benchmarks.subjects import (
    BARE_CLIENTS,
    HTTPX,
    LEANEST,
    MODELS,
    PEERS,
    PROMPT,
    LeanestModel,
    adrain,
    drain,
    model_factory,
)
from benchmarks.worker import Context

EVENTS = 2000


def stream(model: Any, at_least: int) -> None:
    """Drain a stream of chunks."""
    count = 0
    for _ in model.stream(PROMPT):
        count += 1
    assert count >= at_least, (model, count)


async def astream(model: Any, at_least: int) -> None:
    count = 0
    async for _ in model.astream(PROMPT):
        count += 1
    assert count >= at_least, (model, count)


def events(model: Any, at_least: int) -> None:
    """Drain a stream of content-block events."""
    count = 0
    for _ in model.stream_events(PROMPT, version="v3"):
        count += 1
    assert count >= at_least, (model, count)


async def aevents(model: Any, at_least: int) -> None:
    count = 0
    async for _ in await model.astream_events(PROMPT, version="v3"):
        count += 1
    assert count >= at_least, (model, count)


def compare(
    name: str, context: Context, actions: dict[str, Callable[[], object]], count: int = EVENTS
) -> Measure:
    """Sample events per second."""
    measured = Measure(name, "events/s", more_is_better=True)
    return sample(
        *(measured, actions, context.rounds),
        convert=lambda taken: count / taken,
        seldom=(*PEERS, HTTPX),
    )


def measure(context: Context) -> list[Measure]:
    with asyncio.Runner() as runner:
        return [*_chunks(context, runner), *_blocks(context, runner)]


def _models(url: str, **more: Any) -> dict[str, Any]:
    models = {name: model_factory(name)(url, **more) for name in MODELS}
    return models | {LEANEST: LeanestModel(**more)}


def _chunks(context: Context, runner: asyncio.Runner) -> list[Measure]:
    """Measure chunks, beside the bare clients, with many events and with one in each write."""
    measures = []
    clients = {name: package.Client() for name, package in BARE_CLIENTS.items()}
    aclients = {name: package.AsyncClient() for name, package in BARE_CLIENTS.items()}
    for batch in (32, 1):
        url = context.url(f"stream-{EVENTS}-{batch}")
        models = _models(url)
        sync = {n: lambda c=c, url=url: drain(c, url) for n, c in clients.items()}
        sync |= {n: lambda m=m: stream(m, EVENTS) for n, m in models.items()}
        measures.append(compare(f"stream, {batch} per write", context, sync))
        async_ = {n: lambda c=c, url=url: runner.run(adrain(c, url)) for n, c in aclients.items()}
        async_ |= {n: lambda m=m: runner.run(astream(m, EVENTS)) for n, m in models.items()}
        measures.append(compare(f"astream, {batch} per write", context, async_))
    for name in BARE_CLIENTS:
        clients[name].close()
        runner.run(aclients[name].aclose())
    return measures


def _blocks(context: Context, runner: asyncio.Runner) -> list[Measure]:
    """Measure v1 content blocks and v3 content-block events."""
    url = context.url(f"stream-{EVENTS}-32")
    v1_models, models = _models(url, output_version="v1"), _models(url)
    v1 = {n: lambda m=m: stream(m, EVENTS) for n, m in v1_models.items()}
    v3 = {n: lambda m=m: events(m, EVENTS) for n, m in models.items()}
    av3 = {n: lambda m=m: runner.run(aevents(m, EVENTS)) for n, m in models.items()}
    v1_measure = Measure("stream, v1 blocks", "events/s", more_is_better=True)
    rounds = max(3, context.rounds // 3)  # sets no target
    return [
        sample(v1_measure, v1, rounds, convert=lambda taken: EVENTS / taken),
        compare("v3 events", context, v3),
        compare("v3 events, async", context, av3),
    ]

"""Streams of 2,000 events: chunks, v1 chunks and content-block events, sync and async."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from benchmarks.sampling import Measure, sample
from benchmarks.subjects import (
    HTTPX,
    LEAN,
    MODELS,
    PROMPT,
    LeanModel,
    adrain_httpx,
    drain_httpx,
    maker,
)
from benchmarks.worker import Context

EVENTS = 2000


def stream(model: Any, least: int) -> None:
    """Drain a stream of chunks."""
    count = 0
    for _ in model.stream(PROMPT):
        count += 1
    assert count >= least, (model, count)


async def astream(model: Any, least: int) -> None:
    count = 0
    async for _ in model.astream(PROMPT):
        count += 1
    assert count >= least, (model, count)


def events(model: Any, least: int) -> None:
    """Drain a stream of content-block events."""
    count = 0
    for _ in model.stream_events(PROMPT, version="v3"):
        count += 1
    assert count >= least, (model, count)


async def aevents(model: Any, least: int) -> None:
    count = 0
    async for _ in await model.astream_events(PROMPT, version="v3"):
        count += 1
    assert count >= least, (model, count)


def compare(
    name: str, context: Context, actions: dict[str, Callable[[], object]], count: int = EVENTS
) -> Measure:
    """Sample events per second."""
    measured = Measure(name, "events/s", more_is_better=True)
    return sample(measured, actions, context.rounds, value=lambda taken: count / taken)


def _models(url: str, **more: Any) -> dict[str, Any]:
    return {name: maker(name)(url, **more) for name in MODELS} | {LEAN: LeanModel(**more)}


def measure(context: Context) -> list[Measure]:
    measures = []
    with asyncio.Runner() as runner, httpx.Client() as client:
        aclient = httpx.AsyncClient()
        for batch in (32, 1):
            url = context.url(f"stream-{EVENTS}-{batch}")
            floor = {HTTPX: lambda url=url: drain_httpx(client, url)}
            models = _models(url)
            sync = {n: lambda m=m: stream(m, EVENTS) for n, m in models.items()}
            measures.append(compare(f"stream, {batch} per write", context, floor | sync))
            afloor = {HTTPX: lambda url=url: runner.run(adrain_httpx(aclient, url))}
            async_ = {n: lambda m=m: runner.run(astream(m, EVENTS)) for n, m in models.items()}
            measures.append(compare(f"astream, {batch} per write", context, afloor | async_))
        url = context.url(f"stream-{EVENTS}-32")
        v1 = {
            n: lambda m=m: stream(m, EVENTS) for n, m in _models(url, output_version="v1").items()
        }
        measures.append(compare("stream, v1 blocks", context, v1))
        v3 = {n: lambda m=m: events(m, EVENTS) for n, m in _models(url).items()}
        measures.append(compare("v3 events", context, v3))
        av3 = {n: lambda m=m: runner.run(aevents(m, EVENTS)) for n, m in _models(url).items()}
        measures.append(compare("v3 events, async", context, av3))
        runner.run(aclient.aclose())
    return measures

"""Measures calls that do not stream, over a connection that is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import orjson

from benchmarks.sampling import Measure, sample
from benchmarks.subjects import (
    BARE_CLIENTS,
    BODY,
    HTTPX,
    LEANEST,
    MODELS,
    PEERS,
    PROMPT,
    LeanestModel,
    model_factory,
    post_url,
)
from benchmarks.worker import Context

CALLS = 40
SAMPLES = 2
"""Samples in a round: many short ones in turn, since the machine varies from second to second."""


def measure(context: Context) -> list[Measure]:
    base_url = context.url("response")
    models = {name: model_factory(name)(base_url) for name in MODELS}
    models[LEANEST] = LeanestModel()
    url = post_url(base_url)

    clients = {name: package.Client() for name, package in BARE_CLIENTS.items()}
    sync: dict[str, Callable[[], object]] = {
        name: lambda client=client: orjson.loads(client.post(url, json=BODY).content)
        for name, client in clients.items()
    }
    sync |= {name: lambda model=model: model.invoke(PROMPT) for name, model in models.items()}
    invoke = Measure("invoke", "ms")
    sample(
        *(invoke, sync, context.rounds * SAMPLES),
        times=CALLS,
        convert=lambda taken: taken * 1e3,
        seldom=(*PEERS, HTTPX),
    )
    for client in clients.values():
        client.close()

    with asyncio.Runner() as runner:
        aclients = {name: package.AsyncClient() for name, package in BARE_CLIENTS.items()}

        async def bare(client: object) -> object:
            return orjson.loads((await client.post(url, json=BODY)).content)

        calls: dict[str, Callable[[], Awaitable[object]]] = {
            name: lambda client=client: bare(client) for name, client in aclients.items()
        }
        calls |= {name: lambda model=model: model.ainvoke(PROMPT) for name, model in models.items()}

        async def repeat(call: Callable[[], Awaitable[object]]) -> None:
            for _ in range(CALLS):
                await call()

        asynchronous = {
            name: lambda call=call: runner.run(repeat(call)) for name, call in calls.items()
        }
        ainvoke = Measure("ainvoke", "ms")
        sample(
            *(ainvoke, asynchronous, context.rounds * SAMPLES),
            convert=lambda taken: taken / CALLS * 1e3,
            seldom=(*PEERS, HTTPX),
        )
        for client in aclients.values():
            runner.run(client.aclose())
    return [invoke, ainvoke]

"""What one call costs that does not stream, over a connection that is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import orjson

from benchmarks.sampling import Measure, sample
from benchmarks.subjects import BODY, HTTPX, LEAN, MODELS, PROMPT, LeanModel, maker, post_url
from benchmarks.worker import Context

CALLS = 100


def measure(context: Context) -> list[Measure]:
    url = context.url("answer")
    models = {name: maker(name)(url) for name in MODELS} | {LEAN: LeanModel()}
    client = httpx.Client()
    sync = {HTTPX: lambda: orjson.loads(client.post(post_url(url), json=BODY).content)}
    sync |= {name: lambda model=model: model.invoke(PROMPT) for name, model in models.items()}
    invoke = Measure("invoke", "ms")
    sample(invoke, sync, context.rounds, times=CALLS, value=lambda taken: taken * 1e3)

    with asyncio.Runner() as runner:
        aclient = httpx.AsyncClient()

        async def bare() -> object:
            return orjson.loads((await aclient.post(post_url(url), json=BODY)).content)

        calls: dict[str, Callable[[], Awaitable[object]]] = {HTTPX: bare}
        calls |= {name: lambda model=model: model.ainvoke(PROMPT) for name, model in models.items()}

        async def several(call: Callable[[], Awaitable[object]]) -> None:
            for _ in range(CALLS):
                await call()

        asynchronous = {
            name: lambda call=call: runner.run(several(call)) for name, call in calls.items()
        }
        ainvoke = Measure("ainvoke", "ms")
        sample(ainvoke, asynchronous, context.rounds, value=lambda taken: taken / CALLS * 1e3)
        runner.run(aclient.aclose())
    client.close()
    return [invoke, ainvoke]

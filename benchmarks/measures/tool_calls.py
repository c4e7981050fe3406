"""A tool call whose arguments come in 500 fragments."""

from __future__ import annotations

from benchmarks.measures.streams import compare, events, stream
from benchmarks.sampling import Measure
from benchmarks.subjects import MODELS, maker
from benchmarks.worker import Context

FRAGMENTS = 500


def measure(context: Context) -> list[Measure]:
    url = context.url(f"arguments-{FRAGMENTS}-32")
    models = {name: maker(name)(url) for name in MODELS}
    chunks = {n: lambda m=m: stream(m, 1) for n, m in models.items()}
    v3 = {n: lambda m=m: events(m, 1) for n, m in models.items()}
    return [
        compare("tool call, stream", context, chunks, FRAGMENTS),
        compare("tool call, v3 events", context, v3, FRAGMENTS),
    ]

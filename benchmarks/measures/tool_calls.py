"""Measures a tool call whose arguments arrive in 500 fragments."""

from __future__ import annotations

from benchmarks.measures.streams import compare, events, stream
from benchmarks.sampling import Measure
from benchmarks.subjects import OPENAI_FORMAT, model_factory
from benchmarks.worker import Context

FRAGMENTS = 500


def measure(context: Context) -> list[Measure]:
    url = context.url(f"arguments-{FRAGMENTS}-32")
    models = {name: model_factory(name)(url) for name in OPENAI_FORMAT}
    chunks = {name: lambda model=model: stream(model, 1) for name, model in models.items()}
    v3 = {name: lambda model=model: events(model, 1) for name, model in models.items()}
    return [
        compare("tool call, stream", context, chunks, FRAGMENTS),
        compare("tool call, v3 events", context, v3, FRAGMENTS),
    ]

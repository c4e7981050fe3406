"""Measures the creation of a model, which `configurable_fields` repeats for every call."""

from __future__ import annotations

from functools import partial

from benchmarks.sampling import Measure, sample
from benchmarks.subjects import MODELS, model_factory
from benchmarks.worker import Context

SLOW = ("ChatDeepSeek", "ChatGoogleGenerativeAI")
"""Models that create HTTP clients of their own, each time: tens of milliseconds."""


def measure(context: Context) -> list[Measure]:
    url = context.url("response")
    actions = {name: partial(model_factory(name), url) for name in MODELS}
    fast = {name: actions[name] for name in MODELS if name not in SLOW}
    measured = Measure("constructor", "µs")
    sample(measured, fast, context.rounds, times=500, convert=lambda taken: taken * 1e6)
    slow = {name: actions[name] for name in SLOW}
    sample(measured, slow, context.rounds, times=3, convert=lambda taken: taken * 1e6)
    return [measured]

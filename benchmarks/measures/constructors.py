"""Measures the creation of a model, which `configurable_fields` repeats for every call."""

from __future__ import annotations

from functools import partial

from benchmarks.sampling import Measure, sample
from benchmarks.subjects import MODELS, model_factory
from benchmarks.worker import Context


def measure(context: Context) -> list[Measure]:
    url = context.url("response")
    actions = {name: partial(model_factory(name), url) for name in MODELS}
    fast = {name: actions[name] for name in ("ChatMiMo", "ChatOpenAI", "ChatMistralAI")}
    measured = Measure("constructor", "µs")
    sample(measured, fast, context.rounds, times=500, convert=lambda taken: taken * 1e6)
    # ChatDeepSeek creates its own HTTP clients for every model: 40 ms each.
    slow = {"ChatDeepSeek": actions["ChatDeepSeek"]}
    sample(measured, slow, context.rounds, times=3, convert=lambda taken: taken * 1e6)
    return [measured]

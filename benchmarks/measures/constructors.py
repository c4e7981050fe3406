"""What making a model costs; `configurable_fields` does it for every call."""

from __future__ import annotations

from functools import partial

from benchmarks.sampling import Measure, sample
from benchmarks.subjects import MODELS, maker
from benchmarks.worker import Context


def measure(context: Context) -> list[Measure]:
    url = context.url("answer")
    actions = {name: partial(maker(name), url) for name in MODELS}
    quick = {name: actions[name] for name in ("ChatMiMo", "ChatOpenAI", "ChatMistralAI")}
    measured = Measure("constructor", "µs")
    sample(measured, quick, context.rounds, times=500, value=lambda taken: taken * 1e6)
    # Clients of its own for every model: 40 ms each.
    slow = {"ChatDeepSeek": actions["ChatDeepSeek"]}
    sample(measured, slow, context.rounds, times=3, value=lambda taken: taken * 1e6)
    return [measured]

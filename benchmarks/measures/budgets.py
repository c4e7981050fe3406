"""Measures calls through a `CallBudget`, in memory and in a file, beside the same calls without."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.measures.histories import history
from benchmarks.sampling import Measure, sample
from benchmarks.subjects import PROMPT, model_factory
from benchmarks.worker import Context

WITHOUT = "ChatMiMo"
IN_MEMORY = "ChatMiMo, budget in memory"
IN_A_FILE = "ChatMiMo, budget in a file"

NAMES = ("invoke through a budget", "invoke of 200 messages through a budget")

LIMITS: dict[str, Any] = {
    "requests_per_minute": 10**7,
    "tokens_per_minute": 10**12,
    "max_concurrency": 20,
    "max_cost": 1000.0,
}
"""All limits apply, and none is reached. The window holds every call of a minute, which are far
more than MiMo's limits would let in."""


def measure(context: Context) -> list[Measure]:
    from langchain_mimo.cost import CallBudget

    create = model_factory("ChatMiMo")
    url = context.url("response")
    with TemporaryDirectory() as folder:
        budgets = {
            WITHOUT: None,
            IN_MEMORY: CallBudget(**LIMITS),
            IN_A_FILE: CallBudget(**LIMITS, share=Path(folder) / "budget.db"),
        }
        # Without this limit, each call reserves the largest output of the model; no response is
        # longer than its limit.
        models = {
            name: create(url, budget=budget, max_completion_tokens=4_000)
            for name, budget in budgets.items()
        }
        measures = []
        inputs: tuple[Any, ...] = (PROMPT, history(200))
        for name, messages, times in zip(NAMES, inputs, (12, 6), strict=True):
            calls = {each: partial(model.invoke, messages) for each, model in models.items()}
            measures.append(
                sample(
                    # Many short samples in turn: 5 % are less than the machine varies in a second.
                    *(Measure(name, "ms of CPU"), calls, context.rounds * 8),
                    times=times,
                    convert=lambda taken: taken * 1e3,
                    seldom=(IN_A_FILE,),
                    clock=time.process_time,  # a budget adds no waiting, and 5 % are little
                )
            )
        return measures

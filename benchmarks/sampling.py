"""Samples: every subject once per round, so that a busy machine is busy for all of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass
class Measure:
    """One quantity, sampled for several subjects.

    Attributes:
        name: What it is, in words.
        unit: Of its samples.
        samples: By subject, one per round.
        more_is_better: Whether a larger sample is the better one.
    """

    name: str
    unit: str
    more_is_better: bool = False
    samples: dict[str, list[float]] = field(default_factory=dict)

    def add(self, subject: str, sample: float) -> None:
        self.samples.setdefault(subject, []).append(sample)

    def typical(self, subject: str) -> float:
        return median(self.samples[subject])

    def ratio(self, subject: str, reference: str) -> float:
        """The median of the rounds' own ratios: what slows a whole round slows both alike."""
        pairs = zip(self.samples[subject], self.samples[reference], strict=True)
        return median(mine / other for mine, other in pairs)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def seconds(action: Callable[[], object], times: int = 1) -> float:
    """Seconds that one run of an action takes, on the average of so many.

    What is alive before it, other packages above all, is taken out of the garbage collector's
    sight: the more of it there is, the more each object that an action makes would cost.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    began = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - began) / times


def sample(
    measure: Measure,
    actions: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    times: int = 1,
    value: Callable[[float], float] = lambda taken: taken,
) -> Measure:
    """Fill a measure: each action warms up once, then runs `times` times in every round.

    Args:
        measure: What to fill.
        actions: By subject.
        rounds: How often each is sampled.
        times: Runs in one sample.
        value: From seconds per run to the measure's unit.
    """
    for action in actions.values():
        action()
    names = list(actions)
    for at in range(rounds):
        for name in names[at % len(names) :] + names[: at % len(names)]:
            measure.add(name, value(seconds(actions[name], times)))
    return measure

"""Sampling: each subject is sampled once per round, so a busy machine slows all of them alike."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Measure:
    """One quantity, sampled for several subjects.

    Attributes:
        name: Name of the quantity.
        unit: Unit of the samples.
        more_is_better: Whether larger samples are better.
        samples: The samples of each subject, one per round, from the first round on.
    """

    name: str
    unit: str
    more_is_better: bool = False
    samples: dict[str, list[float]] = field(default_factory=dict)

    def add(self, subject: str, sample: float) -> None:
        self.samples.setdefault(subject, []).append(sample)

    def median(self, subject: str) -> float:
        return statistics.median(self.samples[subject])

    def ratios(self, subject: str, reference: str) -> list[float]:
        """Return each round's ratio: a slow round slows both subjects alike.

        Peers are sampled in the first rounds only, so the shorter list decides.
        """
        pairs = zip(self.samples[subject], self.samples[reference], strict=False)
        return [mine / other for mine, other in pairs]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def rotate(subjects: Iterable[str], number: int) -> list[str]:
    """Return the subjects in the order of a round: each round starts with the next subject."""
    subjects = list(subjects)
    start = number % len(subjects)
    return subjects[start:] + subjects[:start]


def confidence_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return an interval that holds the true median with a probability of at least 95 %.

    It lies between two order statistics, so it assumes no distribution: the number of values below
    the true median is binomial with probability 1/2. Below six values it is their whole range.
    """
    ordered = sorted(values)
    count = len(ordered)
    outside, rank = 0.0, 0
    while rank < count // 2:
        outside += 2 * math.comb(count, rank) / 2**count
        if outside > 0.05:
            break
        rank += 1
    rank = max(rank, 1)
    return ordered[rank - 1], ordered[count - rank]


def seconds(
    action: Callable[[], object], times: int = 1, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the seconds by a clock that an action takes, averaged over `times` runs.

    Objects that are alive before, mostly of other packages, are hidden from the garbage collector.
    Otherwise the more of them there are, the more each object that the action creates costs.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    start = clock()
    for _ in range(times):
        action()
    return (clock() - start) / times


def sample(
    measure: Measure,
    actions: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    times: int = 1,
    convert: Callable[[float], float] = lambda taken: taken,
    seldom: Collection[str] = (),
    clock: Callable[[], float] = time.perf_counter,
) -> Measure:
    """Fill a measure: each action warms up once, then runs `times` times in every round.

    Args:
        measure: The measure to fill.
        actions: What to run, by subject.
        rounds: Number of samples of each subject.
        times: Number of runs in one sample.
        convert: Converts seconds per run to the measure's unit.
        seldom: Subjects that set no close target: only the first third of the rounds samples them.
        clock: Returns seconds: those that pass, or those of the processor.

    Returns:
        The measure.
    """
    for action in actions.values():
        action()
    for number in range(rounds):
        due = [each for each in actions if each not in seldom or number < max(3, rounds // 3)]
        for subject in rotate(due, number):
            measure.add(subject, convert(seconds(actions[subject], times, clock)))
    return measure

"""ChatMiMo's targets: mostly ratios within one run, so that the machine does not matter."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.measures import budgets
from benchmarks.measures.concurrency import GROWTH, GROWTH_NAME, OWN_POOL, at_once
from benchmarks.measures.histories import FLOOR as PLAIN_DICTS
from benchmarks.measures.histories import LENGTHS
from benchmarks.measures.media import HTTPX2_UPLOAD
from benchmarks.media_files import KINDS
from benchmarks.sampling import Measure, confidence_interval
from benchmarks.subjects import HTTPX2, LEANEST

Measures = Mapping[str, Measure]


@dataclass(frozen=True)
class Target:
    """One target.

    Attributes:
        measure: Name of the measure.
        label: What is compared with the bound, in words.
        values: Computes what is compared with the bound, once per round.
        bound: The bound of the median.
        at_least: Whether the bound is a minimum; a maximum otherwise.
    """

    measure: str
    label: str
    values: Callable[[Measures], list[float]]
    bound: float
    at_least: bool = False

    def value(self, measures: Measures) -> float:
        """Return the median of the rounds."""
        return statistics.median(self.values(measures))

    def met(self, measures: Measures) -> bool:
        return self._meets(self.value(measures))

    def certain(self, measures: Measures) -> bool:
        """Return whether the verdict is the same for all likely medians."""
        low, high = confidence_interval(self.values(measures))
        return self._meets(low) == self._meets(high)

    def _meets(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    @property
    def limit(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


def _ratio(
    measure: str,
    reference: str,
    bound: float,
    *,
    subject: str = "ChatMiMo",
    at_least: bool = False,
) -> Target:
    def values(measures: Measures) -> list[float]:
        return measures[measure].ratios(subject, reference)

    return Target(measure, f"{subject} / {reference}", values, bound, at_least)


def _samples(measure: str, subject: str, unit: str, bound: float) -> Target:
    label = f"{subject}, {unit}" if unit else subject
    return Target(measure, label, lambda measures: measures[measure].samples[subject], bound)


def _of_both_floors(measure: str, bound: float) -> Target:
    """Compare speed with what the leanest model and the bare client allow, one after the other.

    A model can at best take the time of both: 1 / (1 / leanest + 1 / client) events per second.
    """

    def values(measures: Measures) -> list[float]:
        samples = measures[measure].samples
        rows = zip(samples["ChatMiMo"], samples[LEANEST], samples[HTTPX2], strict=True)
        return [own * (1 / leanest + 1 / client) for own, leanest, client in rows]

    return Target(measure, f"ChatMiMo / ({LEANEST} and {HTTPX2})", values, bound, at_least=True)


def _of_their_sum(measure: str, bound: float) -> Target:
    """Compare time with that of the leanest model and of a bare client over the same pool."""

    def values(measures: Measures) -> list[float]:
        samples = measures[measure].samples
        rows = zip(samples["ChatMiMo"], samples[LEANEST], samples[OWN_POOL], strict=True)
        return [own / (leanest + client) for own, leanest, client in rows]

    return Target(measure, f"ChatMiMo / ({LEANEST} + {OWN_POOL})", values, bound)


def _per_message(measures: Measures) -> list[float]:
    per_message = measures["encode one message of N"]
    return per_message.ratios(f"{LENGTHS[-1]} messages", f"{LENGTHS[1]} messages")


def _per_stream(measures: Measures) -> list[float]:
    fewest, most = min(GROWTH), max(GROWTH)
    return measures[GROWTH_NAME].ratios(at_once("ChatMiMo", most), at_once("ChatMiMo", fewest))


def _failures(measures: Measures) -> list[float]:
    return [max(measures["1000 streams at once, failures"].samples["ChatMiMo"])]


TARGETS = (
    _ratio("import", "core before ChatMiMo", 1.03),
    _ratio("constructor", "ChatOpenAI", 0.09),
    _ratio("invoke", HTTPX2, 1.5),
    _ratio("ainvoke", HTTPX2, 1.5),
    *(
        _ratio(name, budgets.WITHOUT, 1.05, subject=budgets.IN_MEMORY)  # a file has no target
        for name in budgets.NAMES
    ),
    _ratio("stream, 32 per write", LEANEST, 0.8, at_least=True),
    _ratio("stream, 32 per write", "ChatOpenAI", 7, at_least=True),
    _ratio("astream, 32 per write", LEANEST, 0.8, at_least=True),
    _of_both_floors("stream, 1 per write", 0.8),
    _of_both_floors("astream, 1 per write", 0.8),
    _ratio("v3 events", LEANEST, 3.5, at_least=True),
    _ratio("v3 events, async", LEANEST, 3, at_least=True),
    _ratio("encode 200 messages, 100 tool rounds", PLAIN_DICTS, 5),
    Target("encode one message of N", "of 400 / of 100", _per_message, 1.2),
    *(
        target
        for kind in KINDS
        for target in (
            _ratio(f"20 MB {kind}, time", HTTPX2_UPLOAD, 0.8, subject="ChatMiMo, file"),
            _samples(f"20 MB {kind}, memory", "ChatMiMo, file", "MB", 0.5),
        )
    ),
    *(
        # langchain-core copies inline images for tracers, even if there are none.
        _samples(f"20 MB {kind}, memory", "ChatMiMo, inline", "MB", 2)
        for kind in ("video", "audio")
    ),
    Target(GROWTH_NAME, f"ChatMiMo, of {max(GROWTH)} / of {min(GROWTH)}", _per_stream, 1.25),
    _ratio("1000 streams at once", HTTPX2, 1),
    _of_their_sum("1000 streams at once", 1.25),
    Target("1000 streams at once, failures", "ChatMiMo", _failures, 0),
    _samples("connections for 30 streams", "ChatMiMo", "connections", 1),
    _samples("connections for 30 streams, async", "ChatMiMo", "connections", 1),
)


def sampled_targets(measures: Measures) -> list[Target]:
    """Return the targets whose measures were taken."""
    return [target for target in TARGETS if target.measure in measures]

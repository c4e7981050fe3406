"""What ChatMiMo promises: ratios within one run, so that the machine does not matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.measures.histories import FLOOR as PLAIN
from benchmarks.measures.histories import LENGTHS
from benchmarks.measures.media import FLOOR as READ_AND_ENCODED
from benchmarks.media_files import KINDS
from benchmarks.sampling import Measure
from benchmarks.subjects import HTTPX, LEAN

Measures = Mapping[str, Measure]


@dataclass(frozen=True)
class Target:
    """One promise.

    Attributes:
        measure: Name of the measure that it is about.
        says: The promise in words, without its bound.
        value: What is compared with the bound.
        bound: The bound.
        at_least: Whether the value must not be smaller, or else must not be larger.
    """

    measure: str
    says: str
    value: Callable[[Measures], float]
    bound: float
    at_least: bool = False

    def met(self, measures: Measures) -> bool:
        value = self.value(measures)
        return value >= self.bound if self.at_least else value <= self.bound

    @property
    def sign(self) -> str:
        return "≥" if self.at_least else "≤"


def _ratio(
    measure: str, reference: str, bound: float, *, at_least: bool = False, subject: str = "ChatMiMo"
) -> Target:
    def value(measures: Measures) -> float:
        return measures[measure].ratio(subject, reference)

    return Target(measure, f"{subject} / {reference}", value, bound, at_least)


def _typical(measure: str, subject: str, unit: str, bound: float) -> Target:
    def value(measures: Measures) -> float:
        return measures[measure].typical(subject)

    return Target(measure, f"{subject}, {unit}", value, bound)


def _growth(measures: Measures) -> float:
    per_message = measures["encode one message of N"]
    return per_message.ratio(f"{LENGTHS[-1]} messages", f"{LENGTHS[1]} messages")


def _failures(measures: Measures) -> float:
    return max(measures["1000 streams at once, failures"].samples["ChatMiMo"])


TARGETS = (
    _ratio("import", "core before ChatMiMo", 1.03),
    _ratio("constructor", "ChatOpenAI", 0.1),
    _ratio("invoke", HTTPX, 1.6),
    _ratio("ainvoke", HTTPX, 1.6),
    _ratio("stream, 32 per write", LEAN, 0.65, at_least=True),
    _ratio("stream, 32 per write", "ChatOpenAI", 7, at_least=True),
    _ratio("astream, 32 per write", LEAN, 0.58, at_least=True),
    _ratio("v3 events", LEAN, 3, at_least=True),
    _ratio("v3 events, async", LEAN, 2.5, at_least=True),
    _ratio("encode 200 messages, 100 tool rounds", PLAIN, 8),
    Target("encode one message of N", "of 400 / of 100", _growth, 1.2),
    *(
        target
        for kind in KINDS
        for target in (
            _ratio(f"20 MB {kind}, time", READ_AND_ENCODED, 1.3, subject="ChatMiMo, file"),
            _typical(f"20 MB {kind}, memory", "ChatMiMo, file", "MB", 2),
        )
    ),
    *(
        # Langchain-core copies inline pictures for tracers, also where there are none.
        _typical(f"20 MB {kind}, memory", "ChatMiMo, inline", "MB", 2)
        for kind in ("video", "audio")
    ),
    _ratio("200 streams at once", HTTPX, 3),
    Target("1000 streams at once, failures", "ChatMiMo", _failures, 0),
    _typical("connections for 30 streams", "ChatMiMo", "connections", 1),
    _typical("connections for 30 streams, async", "ChatMiMo", "connections", 1),
)


def known(measures: Measures) -> list[Target]:
    """The targets whose measures were taken."""
    return [target for target in TARGETS if target.measure in measures]

"""ChatMiMo's targets: mostly ratios within one run, so that the machine does not matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.measures.histories import FLOOR as PLAIN_DICTS
from benchmarks.measures.histories import LENGTHS
from benchmarks.measures.media import HTTPX2_UPLOAD, HTTPX_UPLOAD
from benchmarks.media_files import KINDS
from benchmarks.sampling import Measure
from benchmarks.subjects import HTTPX, HTTPX2, LEANEST

Measures = Mapping[str, Measure]


@dataclass(frozen=True)
class Target:
    """One target.

    Attributes:
        measure: Name of the measure.
        label: What is compared with the bound, in words.
        value: Computes what is compared with the bound.
        bound: The bound.
        at_least: Whether the bound is a minimum; a maximum otherwise.
        required: Whether a run fails if the target is not met.
    """

    measure: str
    label: str
    value: Callable[[Measures], float]
    bound: float
    at_least: bool = False
    required: bool = True

    def met(self, measures: Measures) -> bool:
        value = self.value(measures)
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
    required: bool = True,
) -> Target:
    def value(measures: Measures) -> float:
        return measures[measure].ratio(subject, reference)

    return Target(measure, f"{subject} / {reference}", value, bound, at_least, required)


def _client_ratios(measure: str, bound: float) -> tuple[Target, Target]:
    """Return one target for each bare client.

    The bounds were set against httpx. They are not required against httpx2, which is faster,
    until ChatMiMo meets them there.
    """
    return _ratio(measure, HTTPX2, bound, required=False), _ratio(measure, HTTPX, bound)


def _upload_ratios(measure: str, bound: float) -> tuple[Target, Target]:
    """Do the same for uploads of a file."""
    subject = "ChatMiMo, file"
    return (
        _ratio(measure, HTTPX2_UPLOAD, bound, subject=subject, required=False),
        _ratio(measure, HTTPX_UPLOAD, bound, subject=subject),
    )


def _median(measure: str, subject: str, unit: str, bound: float) -> Target:
    def value(measures: Measures) -> float:
        return measures[measure].median(subject)

    return Target(measure, f"{subject}, {unit}", value, bound)


def _growth(measures: Measures) -> float:
    per_message = measures["encode one message of N"]
    return per_message.ratio(f"{LENGTHS[-1]} messages", f"{LENGTHS[1]} messages")


def _failures(measures: Measures) -> float:
    return max(measures["1000 streams at once, failures"].samples["ChatMiMo"])


TARGETS = (
    _ratio("import", "core before ChatMiMo", 1.03),
    _ratio("constructor", "ChatOpenAI", 0.1),
    *_client_ratios("invoke", 1.6),
    *_client_ratios("ainvoke", 1.6),
    _ratio("stream, 32 per write", LEANEST, 0.65, at_least=True),
    _ratio("stream, 32 per write", "ChatOpenAI", 7, at_least=True),
    _ratio("astream, 32 per write", LEANEST, 0.58, at_least=True),
    _ratio("v3 events", LEANEST, 3, at_least=True),
    _ratio("v3 events, async", LEANEST, 2.5, at_least=True),
    _ratio("encode 200 messages, 100 tool rounds", PLAIN_DICTS, 8),
    Target("encode one message of N", "of 400 / of 100", _growth, 1.2),
    *(
        target
        for kind in KINDS
        for target in (
            *_upload_ratios(f"20 MB {kind}, time", 1.3),
            _median(f"20 MB {kind}, memory", "ChatMiMo, file", "MB", 2),
        )
    ),
    *(
        # langchain-core copies inline images for tracers, even if there are none.
        _median(f"20 MB {kind}, memory", "ChatMiMo, inline", "MB", 2)
        for kind in ("video", "audio")
    ),
    *_client_ratios("200 streams at once", 3),
    Target("1000 streams at once, failures", "ChatMiMo", _failures, 0),
    _median("connections for 30 streams", "ChatMiMo", "connections", 1),
    _median("connections for 30 streams, async", "ChatMiMo", "connections", 1),
)


def sampled_targets(measures: Measures) -> list[Target]:
    """Return the targets whose measures were taken."""
    return [target for target in TARGETS if target.measure in measures]

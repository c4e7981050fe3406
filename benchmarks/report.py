"""The results as text: what everything took, and which promises hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.sampling import Measure
from benchmarks.targets import known


def number(value: float) -> str:
    """Write a number with three digits that count."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if abs(value) >= 1 else 3}f}"


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Align rows in columns, the last ones to the right."""
    rows = list(rows)
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def measured(measures: Mapping[str, Measure]) -> str:
    """One small table for each measure: the typical sample, and how many times ChatMiMo's it is."""
    parts = []
    for measure in measures.values():
        own = next((each for each in measure.samples if each.startswith("ChatMiMo")), None)
        rows = []
        for subject in measure.samples:
            typical = measure.typical(subject)
            times = ""
            if own is not None and subject != own and measure.typical(own):
                times = f"{number(typical / measure.typical(own))} ×"
            rows.append((f"  {subject}", f"{number(typical)} {measure.unit}".rstrip(), times))
        better = ", more is better" if measure.more_is_better else ""
        parts.append(f"{measure.name}{better}\n{table(rows)}")
    return "\n\n".join(parts)


def markdown(measures: Mapping[str, Measure]) -> str:
    """The table of targets as the documentation shows it."""
    rows = ["| Measure | Ratio or amount | Target | Measured |", "|---|---|---:|---:|"]
    for target in known(measures):
        value = f"{target.value(measures):.4g}"
        if not target.met(measures):
            value = f"**{value}**, not met"
        bound = f"{target.sign} {target.bound:g}"
        rows.append(f"| {target.measure} | {target.says} | {bound} | {value} |")
    return "\n".join(rows)


def promises(measures: Mapping[str, Measure]) -> tuple[str, bool]:
    """The table of targets, and whether all are met."""
    rows = [("measure", "ratio or amount", "target", "measured", "")]
    targets = known(measures)
    for target in targets:
        verdict = "met" if target.met(measures) else "NOT MET"
        bound = f"{target.sign} {target.bound:g}"
        value = f"{target.value(measures):.3f}"
        rows.append((target.measure, target.says, bound, value, verdict))
    return table(rows), all(target.met(measures) for target in targets)

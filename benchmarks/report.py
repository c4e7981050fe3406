"""Reports the results as text: the samples of each measure, and which targets are met."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.sampling import Measure, confidence_interval
from benchmarks.targets import Target, sampled_targets


def format_number(value: float) -> str:
    """Format a number with about three significant digits."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if abs(value) >= 1 else 3}f}"


def align(rows: Iterable[tuple[str, ...]]) -> str:
    """Align rows in columns: the first to the left, the others to the right."""
    rows = list(rows)
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def measures_as_text(measures: Mapping[str, Measure]) -> str:
    """Return a small table for each measure: medians, and their ratio to ChatMiMo's."""
    parts = []
    for measure in measures.values():
        own = next((each for each in measure.samples if each.startswith("ChatMiMo")), None)
        rows = []
        for subject in measure.samples:
            value = measure.median(subject)
            ratio = ""
            if own is not None and subject != own and measure.median(own):
                ratio = f"{format_number(value / measure.median(own))} ×"
            rows.append((f"  {subject}", f"{format_number(value)} {measure.unit}".rstrip(), ratio))
        better = ", more is better" if measure.more_is_better else ""
        parts.append(f"{measure.name}{better}\n{align(rows)}")
    return "\n\n".join(parts)


def targets_as_markdown(measures: Mapping[str, Measure]) -> str:
    """Return the table of targets for the documentation."""
    rows = ["| Measure | Ratio or amount | Target | Measured | Range |", "|---|---|---:|---:|---:|"]
    for target in sampled_targets(measures):
        value = f"{target.value(measures):.4g}"
        if not target.met(measures):
            value = f"**{value}**, not met"
        range_ = _range(target, measures)
        rows.append(f"| {target.measure} | {target.label} | {target.limit} | {value} | {range_} |")
    return "\n".join(rows)


def targets_as_text(measures: Mapping[str, Measure]) -> tuple[str, bool]:
    """Return the table of targets, and whether all targets are met."""
    rows = [("measure", "ratio or amount", "target", "measured", "range", "")]
    targets = sampled_targets(measures)
    for target in targets:
        verdict = "met" if target.met(measures) else "NOT MET"
        if not target.certain(measures):
            verdict += ", uncertain"
        value = f"{target.value(measures):.3f}"
        range_ = _range(target, measures)
        rows.append((target.measure, target.label, target.limit, value, range_, verdict))
    return align(rows), all(target.met(measures) for target in targets)


def _range(target: Target, measures: Mapping[str, Measure]) -> str:
    """Return where the median lies with a probability of 95 %, "" if it does not vary."""
    low, high = confidence_interval(target.values(measures))
    return "" if low == high else f"{low:.4g} to {high:.4g}"

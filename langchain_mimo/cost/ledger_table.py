"""Shows a ledger in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from unicodedata import category, east_asian_width

from langchain_mimo.catalogue import Currency, Price
from langchain_mimo.cost.ledger_rows import LedgerCost, LedgerCounts, LedgerRow, cost_of

_LINES = (
    *(("responses", "responses"), ("  without usage", "without_usage")),
    *(("input tokens", "input"), ("  text", "text"), ("  image", "image"), ("  video", "video")),
    *(("  audio", "audio"), ("  from the cache", "cached")),
    *(("output tokens", "output"), ("  reasoning", "reasoning"), ("web searches", "web_searches")),
)
_ALWAYS = ("responses", "input", "output")


def table(rows: Sequence[LedgerRow], currency: Currency, prices: Mapping[str, Price] | None) -> str:
    """Return a table with a column for each model and tier; lines of zeros are left out."""
    columns: dict[str, list[LedgerRow]] = {}
    for row in rows:
        columns.setdefault(row.label, []).append(row)
    if len(columns) != 1:
        columns["total"] = list(rows)
    counts = [sum((row.counts for row in found), LedgerCounts()) for found in columns.values()]
    costs = [cost_of(found, currency, prices) for found in columns.values()]
    lines = [["", *columns]]
    for label, name in _LINES:
        values = [getattr(each, name) for each in counts]
        if any(values) or name in _ALWAYS:
            lines.append([label, *(f"{value:,}" for value in values)])
    lines.append([currency, *map(_amount, costs)])
    return "\n".join([*aligned(lines), *_notes(cost_of(rows, currency, prices))])


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, its first column to the left and the others to the right."""
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    rows = []
    for first, *rest in lines:
        cells = [first + " " * (widths[0] - _width(first))]
        cells += [
            " " * (width - _width(cell)) + cell
            for cell, width in zip(rest, widths[1:], strict=True)
        ]
        rows.append("  ".join(cells).rstrip())
    return rows


def _width(text: str) -> int:
    """Return the columns that a text takes in a terminal: two for each Chinese character."""
    if text.isascii():
        return len(text)
    return sum(
        0 if category(char) in ("Mn", "Me", "Cf") else 1 + (east_asian_width(char) in "WF")
        for char in text
    )


def _amount(cost: LedgerCost) -> str:
    amount = str(cost.money).partition(" ")[0]
    if cost.unknown and not cost.money.amount:
        return "unknown"
    return amount if cost.is_complete else f">= {amount}"


def _notes(cost: LedgerCost) -> list[str]:
    notes = []
    if cost.unknown:
        named = ", ".join(f"{model} ({count})" for model, count in sorted(cost.unknown.items()))
        notes.append(
            f"Responses whose price in {cost.money.currency} is unknown, by model: {named}."
        )
    if cost.without_usage:
        notes.append(f"Responses whose tokens are unknown: {cost.without_usage}.")
    if cost.as_of:
        notes.append(f"Prices of {cost.as_of}.")
    return notes

"""What is in a journal, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from typing import Any

from langchain_mimo.cost.ledger_rows import LedgerCounts
from langchain_mimo.cost.ledger_table import aligned
from langchain_mimo.cost.prices import Money
from langchain_mimo.document_loaders.journal_file import (
    COLUMNS_OF_BILL,
    COLUMNS_OF_COUNTS,
    JournalFile,
)

MAX_LINES = 50
"""Lines of a report's table, without its totals."""

MAX_ERRORS = 5
"""Different errors that a row of a report quotes."""


@dataclass(frozen=True, slots=True)
class JournalRow:
    """The segments of one source in one state, or a total.

    Attributes:
        source: The file or URL under which they were paid for; "" in a total.
        state: "done", "refused", "failed" or "sent" (asked at the moment); "" in a total.
        segments: How many.
        counts: The tokens that were billed for them, by modality.
        cost: What was billed, an amount for each currency.
        unpriced: Answers whose cost is not known, and that `cost` lacks.
        attempts: Requests that were sent.
        interrupted: Times that a process ended, or dropped a claim, before it had the answer; MiMo
            may have billed those requests too.
        errors: Up to five different errors.
    """

    source: str
    state: str
    segments: int = 0
    counts: LedgerCounts = field(default_factory=LedgerCounts)
    cost: tuple[Money, ...] = ()
    unpriced: int = 0
    attempts: int = 0
    interrupted: int = 0
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JournalReport:
    """A report of a journal. `print` it for a table.

    Attributes:
        path: The journal's file.
        rows: One for each source and state, sorted by source.
    """

    path: str
    rows: tuple[JournalRow, ...] = field(repr=False)

    @property
    def total(self) -> JournalRow:
        """The sum of all rows."""
        return _sum(self.rows)

    def by_state(self) -> tuple[JournalRow, ...]:
        """Return a total for each state."""
        states = sorted({row.state for row in self.rows})
        return tuple(
            _sum([row for row in self.rows if row.state == state], state) for state in states
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as data for JSON: `path`, `rows`, `by_state` and `total`."""
        return {
            "path": self.path,
            "rows": [_row_dict(row) for row in self.rows],
            "by_state": [_row_dict(row) for row in self.by_state()],
            "total": _row_dict(self.total),
        }

    def __str__(self) -> str:
        """Return a table of at most 50 rows, then a total by state and of all."""
        head = ["source", "state", "segments", "text", "image", "video", "audio", "cached"]
        lines = [[*head, "output", "cost", "requests"]]
        lines += [_cells(row) for row in self.rows[:MAX_LINES]]
        lines += [_cells(row, "all") for row in (*self.by_state(), self.total)]
        return "\n".join([*aligned(lines), *self._notes()])

    def _notes(self) -> list[str]:
        total = self.total
        notes = []
        if (hidden := len(self.rows) - MAX_LINES) > 0:
            notes.append(f"Rows that are not shown: {hidden}; to_dict() has all.")
        if total.unpriced:
            notes.append(f"Answers whose cost is not known: {total.unpriced}.")
        if total.counts.without_usage:
            notes.append(f"Answers whose tokens are not known: {total.counts.without_usage}.")
        if total.interrupted:
            notes.append(
                f"Requests without an answer, since their process ended: {total.interrupted}; MiMo "
                "may have billed those that were sent already."
            )
        notes += [f"Error: {error}" for error in total.errors]
        return notes


_SUMS = ", ".join(f"total({name})" for name in COLUMNS_OF_BILL)


def read_report(file: JournalFile) -> JournalReport:
    """Read what is in a journal."""
    sums = file.read(
        f"SELECT source, state, count(*), total(interrupted), {_SUMS} FROM segments"  # noqa: S608
        " GROUP BY source, state ORDER BY source, state"
    )
    errors: dict[tuple[str, str], list[str]] = {}
    for source, state, error in file.read(
        "SELECT DISTINCT source, state, error FROM segments WHERE error IS NOT NULL"
    ):
        errors.setdefault((source, state), []).append(error)
    return JournalReport(file.path, tuple(_row(each, errors) for each in sums))


def _row(values: Sequence[Any], errors: dict[tuple[str, str], list[str]]) -> JournalRow:
    source, state, segments, interrupted, *sums = values
    bill = dict(zip(COLUMNS_OF_BILL, sums, strict=True))
    return JournalRow(
        source,
        state,
        segments,
        LedgerCounts(**{name: int(bill[name]) for name in COLUMNS_OF_COUNTS}),
        _money(bill["usd"], bill["cny"]),
        int(bill["unpriced"]),
        int(bill["attempts"]),
        int(interrupted),
        tuple(errors.get((source, state), [])[:MAX_ERRORS]),
    )


def _money(usd: float, cny: float) -> tuple[Money, ...]:
    amounts = Money(usd, "USD"), Money(cny, "CNY")
    return tuple(each for each in amounts if each.amount)


def _sum(rows: Sequence[JournalRow], state: str = "") -> JournalRow:
    def total(name: str) -> Any:
        return sum(map(attrgetter(name), rows))

    amounts = {"USD": 0.0, "CNY": 0.0}
    for each in (money for row in rows for money in row.cost):
        amounts[each.currency] += each.amount
    return JournalRow(
        "",
        state,
        total("segments"),
        LedgerCounts.sum([LedgerCounts(), *(row.counts for row in rows)]),
        _money(amounts["USD"], amounts["CNY"]),
        total("unpriced"),
        total("attempts"),
        total("interrupted"),
        _first(error for row in rows for error in row.errors),
    )


def _first(errors: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(errors))[:MAX_ERRORS]


def _row_dict(row: JournalRow) -> dict[str, Any]:
    counts = asdict(row.counts) | {"text": row.counts.text}
    cost = {money.currency: money.amount for money in row.cost}
    return asdict(row) | {"counts": counts, "cost": cost, "errors": list(row.errors)}


def _cells(row: JournalRow, name: str = "") -> list[str]:
    source = name or (row.source if row.source.isprintable() else ascii(row.source))
    counts = row.counts
    kinds = counts.text, counts.image, counts.video, counts.audio, counts.cached, counts.output
    cost = " + ".join(map(str, row.cost)) or ("unknown" if row.unpriced else "0")
    tokens = [f"{each:,}" for each in kinds]
    return [source, row.state, f"{row.segments:,}", *tokens, cost, f"{row.attempts:,}"]

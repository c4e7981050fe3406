"""Counts what was paid for: by model, tier, kind of token and the program's own tags."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from langchain_mimo._checks import choice, integer, known_keywords, shown
from langchain_mimo.catalogue import Currency, Price, Tier
from langchain_mimo.cost.ledger_rows import LedgerCost, LedgerCounts, LedgerRow, cost_of, tags_of
from langchain_mimo.cost.ledger_table import table
from langchain_mimo.cost.prices import CURRENCIES, TIERS, check_prices
from langchain_mimo.errors import MiMoInputError, as_input_error

MAX_ROWS = 10_000
"""Rows that a ledger keeps. Further combinations of tags are counted under `OTHER_TAGS`."""

OTHER_TAGS = ("(other tags)",)
NO_TAG = "(no tag)"

_VERSION = 1
_GROUPS = ("model", "tier", "tag")


class Ledger:
    """What was paid for, exact to the token; safe to use from several threads.

    A `LedgerCallback` fills it from any LangChain program; `add` counts a single response. It
    stores counts and no text of prompts or responses.

    Args:
        prices: Prices by model id, which replace those of the catalogue in every tier and
            currency. Default: none.
        currency: "USD" or "CNY", in which `cost`, `table` and `print` show what it costs. Default:
            "USD".

    Raises:
        MiMoInputError: `prices` is not a mapping of model ids to `Price`, or the currency is
            another one.

    Example:
        ```python
        from langchain_mimo.cost import Ledger

        ledger = Ledger()
        usage = {"input_tokens": 1_000, "output_tokens": 50, "total_tokens": 1_050}
        ledger.add("mimo-v2.6-flash", usage, tags=["chapter-1"])
        print(ledger)
        ```
    """

    @known_keywords(MiMoInputError)
    def __init__(
        self, *, prices: Mapping[str, Price] | None = None, currency: Currency = "USD"
    ) -> None:
        check_prices(prices)
        self._currency = _checked(currency)
        self._prices = dict(prices or {})
        self._rows: dict[tuple[str, Tier, tuple[str, ...]], LedgerCounts] = {}
        self._lock = threading.Lock()

    @known_keywords(MiMoInputError)
    def add(
        self,
        model: str,
        usage: Mapping[str, Any] | None,
        *,
        tier: Tier = "realtime",
        tags: Iterable[str] = (),
        web_searches: int = 0,
    ) -> None:
        """Count a response.

        Args:
            model: Model id, for the price.
            usage: Its `usage_metadata`, or None when nobody stated it: such a response is counted
                in `without_usage`, as is one whose tokens of input or output are not counts.
            tier: "realtime" or "batch". Default: "realtime".
            tags: The program's own tags. After 10,000 combinations of models, tiers and tags,
                further ones are counted under "(other tags)".
            web_searches: Number of web searches, which are billed on their own.

        Raises:
            MiMoInputError: An argument has a wrong type or value.
        """
        with as_input_error():
            if not isinstance(model, str) or not model:
                raise ValueError(f"model must be a model id, got {shown(model)}")
            if not (usage is None or isinstance(usage, Mapping)):
                raise ValueError(f"usage must be a usage_metadata or None, got {shown(usage)}")
            choice("tier", tier, TIERS)
            integer("web_searches", web_searches, 0)
            row = LedgerRow(
                model, tier, tags_of("tags", tags), LedgerCounts.of(usage, web_searches)
            )
        self.add_rows([row])

    def add_rows(self, rows: Iterable[LedgerRow]) -> None:
        """Count what rows of a ledger say, at once.

        Args:
            rows: The rows.

        Raises:
            MiMoInputError: They are not rows; then none is counted.
        """
        found: dict[tuple[str, Tier, tuple[str, ...]], list[LedgerCounts]] = {}
        for row in rows if isinstance(rows, Iterable) else [rows]:
            if not isinstance(row, LedgerRow) or not isinstance(row.counts, LedgerCounts):
                raise MiMoInputError(f"rows must be rows of a Ledger, got {shown(row)}")
            found.setdefault((row.model, row.tier, row.tags), []).append(row.counts)
        with self._lock:
            for key, counts in found.items():
                if key not in self._rows and len(self._rows) >= MAX_ROWS:
                    key = (*key[:2], OTHER_TAGS)  # noqa: PLW2901
                self._rows[key] = LedgerCounts.sum((self._rows.get(key, LedgerCounts()), *counts))

    def merge(self, other: Ledger) -> None:
        """Add all that another ledger counted; the other one stays as it is.

        Raises:
            MiMoInputError: `other` is not a ledger.
        """
        if not isinstance(other, Ledger):
            raise MiMoInputError(f"other must be a Ledger, got {shown(other)}")
        self.add_rows(other.rows)

    @property
    def rows(self) -> tuple[LedgerRow, ...]:
        """A row for each model, tier and combination of tags, in the order of their first use."""
        with self._lock:
            return tuple(LedgerRow(*key, counts) for key, counts in self._rows.items())

    @property
    def total(self) -> LedgerCounts:
        """The sum of all rows."""
        return LedgerCounts.sum(row.counts for row in self.rows)

    def cost(self, currency: Currency | None = None) -> LedgerCost:
        """Return what all of it costs by MiMo's price list.

        Args:
            currency: "USD" or "CNY", in which MiMo bills the account. Default: that of the ledger.

        Returns:
            The cost with a pay-as-you-go key, and which responses it does not contain, because
            their price in this currency or their usage is unknown.

        Raises:
            MiMoInputError: The currency is another one.
        """
        return cost_of(self.rows, _checked(currency, self._currency), self._prices)

    def by(self, group: Literal["model", "tier", "tag"]) -> dict[str, Ledger]:
        """Return a ledger for each model, tier or tag.

        Args:
            group: "model", "tier" or "tag". A row with several tags is in the ledger of each;
                rows without tags are under "(no tag)".

        Raises:
            MiMoInputError: `group` is another value.
        """
        with as_input_error():
            choice("group", group, _GROUPS)
        found: dict[str, Ledger] = {}
        for row in self.rows:
            names = (row.tags or (NO_TAG,)) if group == "tag" else (getattr(row, group),)
            for name in names:
                found.setdefault(name, self._empty()).add_rows([row])
        return found

    def _empty(self) -> Ledger:
        return Ledger(prices=self._prices, currency=self._currency)

    def table(self, currency: Currency | None = None) -> str:
        """Return a table for terminals: a column for each model, and a total.

        Args:
            currency: "USD" or "CNY". Default: that of the ledger.

        Raises:
            MiMoInputError: The currency is another one.
        """
        return table(self.rows, _checked(currency, self._currency), self._prices)

    def to_dict(self) -> dict[str, Any]:
        """Return the rows as JSON values, for `from_dict`; prices are not part of them."""
        return {"version": _VERSION, "rows": [row.to_dict() for row in self.rows]}

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any],
        *,
        prices: Mapping[str, Price] | None = None,
        currency: Currency = "USD",
    ) -> Ledger:
        """Return the ledger that `to_dict` described.

        Args:
            data: What `to_dict` returned, also after a round trip through JSON.
            prices: As for the constructor.
            currency: As for the constructor.

        Raises:
            MiMoInputError: `data` is not such a dict, or of a newer version; the error names the
                place.
        """
        ledger = cls(prices=prices, currency=currency)
        version = data.get("version") if isinstance(data, Mapping) else None
        rows = data.get("rows") if isinstance(data, Mapping) else None
        if version != _VERSION or not isinstance(rows, list):
            raise MiMoInputError(
                f"data must be what Ledger.to_dict() of version {_VERSION} returned, got "
                f"{shown(data)}"
            )
        with as_input_error():
            read = [LedgerRow.from_dict(row, f"rows[{index}]") for index, row in enumerate(rows)]
        ledger.add_rows(read)
        return ledger

    def __str__(self) -> str:
        """Return the table in the currency of the ledger."""
        return self.table()

    def __repr__(self) -> str:
        """Return what it holds, in one line."""
        total = self.total
        return f"<Ledger of {total.responses} responses, {total.total:,} tokens>"

    def __eq__(self, other: object) -> bool:
        """Whether two ledgers counted the same; prices do not matter."""
        if not isinstance(other, Ledger):
            return NotImplemented
        return set(self.rows) == set(other.rows)

    __hash__ = None  # type: ignore[assignment]

    def __getstate__(self) -> dict[str, Any]:
        """Return what pickles and copies keep; the copy counts on its own."""
        return {"rows": self.rows, "prices": self._prices, "currency": self._currency}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled ledger."""
        Ledger.__init__(self, prices=state["prices"], currency=state.get("currency", "USD"))
        self.add_rows(state["rows"])


def _checked(currency: Currency | None, default: Currency | None = None) -> Currency:
    """Return the currency, or the default for None.

    Raises:
        MiMoInputError: It is not one of MiMo's.
    """
    if currency is None and default is not None:
        return default
    with as_input_error():
        choice("currency", currency, CURRENCIES)
    return currency  # type: ignore[return-value]

"""What applies to the calls of a model of an account, and how an attempt of it is settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_mimo import catalogue
from langchain_mimo._transport.gates import Call, Outcome
from langchain_mimo.catalogue import Currency, Price
from langchain_mimo.cost.call_needs import account_name, counted
from langchain_mimo.cost.ledger_callback import SELF_HOSTED
from langchain_mimo.cost.lines import FREE, UNSENT, Lines
from langchain_mimo.cost.prices import list_price, search_cost, token_cost
from langchain_mimo.cost.windows import Settlement

_MOST_OUTPUT = 128 * 1024
"""Output tokens that a model which is not in the catalogue may write."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What applies to a model of an account; `name` is the model's in prices and ledger."""

    name: str
    account: str
    window: str
    requests: int | None
    tokens: int | None
    output: int
    price: Price | None


class Ticket:
    """An attempt that was let through, as `_transport.gates.Ticket`."""

    __slots__ = ("_lines", "_reservation", "_terms")

    def __init__(self, lines: Lines, terms: Terms, reservation: Any) -> None:
        self._lines, self._terms, self._reservation = lines, terms, reservation

    def end(self, outcome: Outcome, usage: Mapping[str, Any] | None) -> None:
        """Settle the attempt."""
        if outcome == "unsent":
            settlement = UNSENT
        elif outcome == "refused":
            settlement = FREE
        else:
            terms, counts = self._terms, counted(usage)
            _, is_unknown, read, _, _, _, cached, written, _, searches = counts
            tokens = cost = None
            if not is_unknown:
                tokens, cost = read + written, 0.0
                if (price := terms.price) is not None:
                    cost = token_cost(price, read, cached, written)
                    cost += search_cost(searches, price.currency) if searches else 0.0
            settlement = Settlement(tokens, cost, True, (terms.name, counts))
        self._lines.settle(self._reservation, settlement)


def terms_of(
    call: Call,
    model: str,
    *,
    requests: int | None,
    tokens: int | None,
    prices: Mapping[str, Price],
    currency: Currency,
) -> Terms:
    """Return the terms of a call.

    MiMo's limits and prices are not those of a server of one's own, whatever its model is called.

    Args:
        call: The call.
        model: Its model.
        requests: The budget's limit per minute, or None for the catalogue's.
        tokens: The same for tokens.
        prices: The budget's own prices, which apply to any server.
        currency: The currency of the budget.
    """
    known = catalogue.find(model)
    limits = known.limits if known is not None and call.is_mimos else catalogue.AccountLimits()
    account = account_name(call.host, call.key)
    name = model if call.is_mimos or model in prices else f"{model}{SELF_HOSTED}"
    return Terms(
        name,
        account,
        f"{account} {model}",
        requests or limits.requests_per_minute,
        tokens or limits.tokens_per_minute,
        known.default_output_tokens if known is not None else _MOST_OUTPUT,
        list_price(name, prices, currency=currency),
    )


def one_at_a_time(model: str, output: int, most: int) -> str:
    """Warn of a limit of tokens that lets one call a minute start."""
    return (
        f"without max_completion_tokens, a call of {model!r} reserves {output:,} tokens of output, "
        f"and tokens_per_minute of the CallBudget is {most:,}: so one call a minute may start; set "
        "max_completion_tokens to what a response needs"
    )

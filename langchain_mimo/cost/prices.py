"""Money, and the price of a response by MiMo's price list (docs/api-facts.md, docs/models.md)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import get_args

from langchain_core.messages.ai import UsageMetadata

from langchain_mimo import catalogue
from langchain_mimo._checks import (
    choice,
    integer,
    known_arguments,
    known_keywords,
    nearest,
    number,
    shown,
)
from langchain_mimo.catalogue import Currency, Price, Tier
from langchain_mimo.errors import MiMoInputError, as_input_error

CURRENCIES: tuple[Currency, ...] = get_args(Currency)
TIERS: tuple[Tier, ...] = get_args(Tier)

MAX_COUNT = 2**53
"""The most tokens that a usage may state; larger numbers are mistakes."""


@known_arguments(MiMoInputError)
@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency. Amounts of two currencies are never added or compared.

    Attributes:
        amount: US dollars or yuan, at least 0.
        currency: "USD" or "CNY". Default: "USD".

    Raises:
        MiMoInputError: The amount is not a number >= 0, or the currency is another one.
    """

    amount: float
    currency: Currency = "USD"

    def __post_init__(self) -> None:
        """Check both."""
        with as_input_error():
            object.__setattr__(self, "amount", number("amount", self.amount, 0))
            choice("currency", self.currency, CURRENCIES)

    def __str__(self) -> str:
        """Return the amount with at least three significant digits, as "0.00123 USD"."""
        digits = 2 - math.floor(math.log10(self.amount)) if self.amount else 2
        return f"{self.amount:,.{min(max(digits, 2), 12)}f} {self.currency}"

    def __add__(self, other: Money) -> Money:
        """Return the sum of two amounts of one currency."""
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.amount + self._same_currency(other), self.currency)

    def __lt__(self, other: Money) -> bool:
        """Whether this is less than an amount of the same currency."""
        return self.amount < self._same_currency(other)

    def __le__(self, other: Money) -> bool:
        """Whether this is at most an amount of the same currency."""
        return self.amount <= self._same_currency(other)

    def _same_currency(self, other: Money) -> float:
        if not isinstance(other, Money):
            raise TypeError(f"{self} cannot be compared with {shown(other)}; make it Money")
        if self.currency != other.currency:
            raise MiMoInputError(
                f"{self} and {other} are of two currencies, and no exchange rate is known; use "
                "one currency"
            )
        return other.amount


def list_price(
    model: str,
    prices: Mapping[str, Price] | None = None,
    *,
    tier: Tier = "realtime",
    currency: Currency = "USD",
) -> Price | None:
    """Return the price of a model, or None when it is unknown in this tier and currency.

    Args:
        model: Model id.
        prices: Prices by model id, which replace those of the catalogue in every tier. A model
            whose price is given in one currency has no price in the other.
        tier: "realtime" or "batch".
        currency: "USD" or "CNY".
    """
    if prices is not None and model in prices:
        return prices[model] if prices[model].currency == currency else None
    return catalogue.PRICES.get((model, tier, currency))


def unknown_price(model: str, prices: Mapping[str, Price] | None = None) -> str:
    """Return that a model has no price, as a sentence, with the model that may have been meant.

    Args:
        model: Model id, as given.
        prices: Prices by model id, as given.
    """
    text = f"no price of {model!r} is known"
    known = {name for name, _, _ in catalogue.PRICES} | set(prices or ())
    near = nearest(model, sorted(known - {model}), 0.8) if isinstance(model, str) else None
    return f"{text}; did you mean {near!r}?" if near else f"{text}."


@known_keywords(MiMoInputError)
def price_of(
    usage: UsageMetadata | None,
    model: str,
    web_searches: int = 0,
    *,
    tier: Tier = "realtime",
    currency: Currency = "USD",
    prices: Mapping[str, Price] | None = None,
) -> float | None:
    """Return what a response costs by MiMo's price list, as `response_metadata["cost_usd"]` says.

    Args:
        usage: The response's `usage_metadata`, or None or {} when the server sent none.
        model: Model id.
        web_searches: Number of web searches, at least 0; each is billed on its own. MiMo counts
            them in `response_metadata["web_search_usage"]["tool_usage"]`.
        tier: "realtime", or "batch" for the batch API. Default: "realtime".
        currency: "USD" or "CNY", in which MiMo bills the account. Default: "USD".
        prices: Prices by model id, which replace those of the catalogue in every tier and
            currency. Default: none.

    Returns:
        The cost with a pay-as-you-go key, at the prices of `langchain_mimo.catalogue`, which are
        dated; None when the usage is unknown, or the model's price in this tier and currency.

    Raises:
        MiMoInputError: `usage` is not a `usage_metadata`, `model` is not a string, a count is not
            an integer >= 0, the tier or the currency is another
            one, or `prices` is not a mapping of model ids to `Price`.

    Example:
        ```python
        from langchain_mimo.cost import price_of

        usage = {"input_tokens": 1_000_000, "output_tokens": 0, "total_tokens": 1_000_000}
        print(price_of(usage, "mimo-v2.6-flash"))
        ```
    """
    with as_input_error():
        if not isinstance(model, str):
            raise ValueError(f"model must be a model id, got {shown(model)}")  # noqa: TRY004
        billed = _billed(usage)
        integer("web_searches", web_searches, 0)
        choice("tier", tier, TIERS)
        choice("currency", currency, CURRENCIES)
    check_prices(prices)
    price = list_price(model, prices, tier=tier, currency=currency)
    if billed is None or price is None:
        return None
    return token_cost(price, *billed) + search_cost(web_searches, currency)


def cost_of(usage: UsageMetadata | None, model: str, web_searches: int) -> float | None:
    """Return what `price_of` returns, for a usage that this package made, without checks.

    Args:
        usage: The usage, or None.
        model: Model id.
        web_searches: Number of web searches.
    """
    price = list_price(model)
    if price is None or not usage:
        return None
    read = usage["input_tokens"]
    cached = usage.get("input_token_details", {}).get("cache_read", 0)
    cost = token_cost(price, read, min(cached, read), usage["output_tokens"])
    return cost + search_cost(web_searches, price.currency) if web_searches else cost


def _billed(usage: object) -> tuple[int, int, int] | None:
    """Return the input tokens, those of them from the cache, and the output tokens.

    Raises:
        ValueError: `usage` is not a `usage_metadata`, or one of them is not a count.
    """
    if usage is not None and not isinstance(usage, Mapping):
        raise ValueError(f"usage must be a usage_metadata or None, got {shown(usage)}")
    if not usage:
        return None
    read = integer("usage['input_tokens']", usage.get("input_tokens"), 0, MAX_COUNT)
    written = integer("usage['output_tokens']", usage.get("output_tokens"), 0, MAX_COUNT)
    details = usage.get("input_token_details") or {}
    if not isinstance(details, Mapping):
        raise ValueError(f"usage['input_token_details'] must be a dict, got {shown(details)}")  # noqa: TRY004
    cached = integer("the cache_read of usage", details.get("cache_read") or 0, 0, MAX_COUNT)
    # Never more than the whole input, whatever a gateway reports.
    return read, min(cached, read), written


def token_cost(price: Price, input_tokens: float, cached: float, output_tokens: float) -> float:
    """Return what tokens cost.

    Args:
        price: Their price.
        input_tokens: Tokens of the whole prompt.
        cached: Those of them that were read from the cache.
        output_tokens: Tokens of reasoning and answer.
    """
    uncached = input_tokens - cached
    cost = cached * price.cache_hit + uncached * price.input + output_tokens * price.output
    return cost / 1e6


def search_cost(web_searches: int, currency: Currency) -> float:
    """Return what web searches cost; the price list has no other price for batches."""
    price = catalogue.UNIT_PRICES["web_search", currency]
    return web_searches * price.amount / price.per


def check_prices(prices: object, currency: Currency | None = None) -> None:
    """Check a program's own prices.

    Args:
        prices: What was passed as `prices`.
        currency: The currency that they must have. Default: any.

    Raises:
        MiMoInputError: They are not a mapping of model ids to `Price`, one is of another currency,
            an amount is not a number >= 0, or `as_of` is not a date.
    """
    if prices is None:
        return
    if (
        not isinstance(prices, Mapping)
        or not all(isinstance(model, str) and model for model in prices)
        or not all(isinstance(price, Price) for price in prices.values())
    ):
        raise MiMoInputError(
            "prices must be a dict of model ids to "
            f"langchain_mimo.catalogue.Price(cache_hit, input, output, as_of), got {shown(prices)}"
        )
    for model, price in prices.items():
        if currency is not None and price.currency != currency:
            raise MiMoInputError(
                f"the price of {model!r} must be in {currency}, the currency of an estimate, got "
                f"{shown(price.currency)}"
            )
        with as_input_error():
            choice(f"the currency of {model!r}", price.currency, CURRENCIES)
            for name in ("cache_hit", "input", "output"):
                number(f"the {name} price of {model!r}", getattr(price, name), 0)
            if type(price.as_of) is not date:  # a datetime cannot be compared with a date
                raise ValueError(
                    f"as_of of the price of {model!r} must be a datetime.date, got "
                    f"{shown(price.as_of)}"
                )

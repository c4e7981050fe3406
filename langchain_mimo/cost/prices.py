"""The price of a response by MiMo's price list (docs/api-facts.md, docs/models.md)."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_core.messages.ai import UsageMetadata

from langchain_mimo import catalogue
from langchain_mimo.catalogue import Price


def list_price(model: str, prices: Mapping[str, Price] | None = None) -> Price | None:
    """Return the price of a model in US dollars, or None when it is unknown.

    Args:
        model: Model id.
        prices: Prices by model id that override those of the catalogue.
    """
    if prices is not None and model in prices:
        return prices[model]
    known = catalogue.find(model)
    return known.price if known is not None else None


def price_of(usage: UsageMetadata | None, model: str, web_searches: int = 0) -> float | None:
    """Return what a response costs by MiMo's price list.

    Args:
        usage: The response's `usage_metadata`, or None when the server sent none.
        model: Model id.
        web_searches: Number of web searches, each billed on its own.

    Returns:
        US dollars; None when the usage or the model's price is unknown.
    """
    price = list_price(model)
    if usage is None or price is None:
        return None
    cached = usage.get("input_token_details", {}).get("cache_read", 0)
    tokens = (
        cached * price.cache_hit
        + (usage["input_tokens"] - cached) * price.input
        + usage["output_tokens"] * price.output
    )
    search = catalogue.UNIT_PRICES["web_search", "USD"]
    return tokens / 1e6 + web_searches * search.amount / search.per

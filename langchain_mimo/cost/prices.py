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
    """Return what a response costs by MiMo's price list, as `response_metadata["cost_usd"]` says.

    Args:
        usage: The response's `usage_metadata`, or None when the server sent none.
        model: Model id.
        web_searches: Number of web searches, at least 0; each is billed on its own. MiMo counts
            them in `response_metadata["web_search_usage"]["tool_usage"]`.

    Returns:
        US dollars for a realtime call with a pay-as-you-go key, at the prices of
        `langchain_mimo.catalogue`, which are dated; None when the usage or the model's price is
        unknown.

    Example:
        ```python
        from langchain_mimo.cost import price_of

        usage = {"input_tokens": 1_000_000, "output_tokens": 0, "total_tokens": 1_000_000}
        print(price_of(usage, "mimo-v2.6-flash"))
        ```
    """
    price = list_price(model)
    if usage is None or price is None:
        return None
    # Never more than the whole input, whatever a gateway reports.
    cached = min(usage.get("input_token_details", {}).get("cache_read", 0), usage["input_tokens"])
    tokens = (
        cached * price.cache_hit
        + (usage["input_tokens"] - cached) * price.input
        + usage["output_tokens"] * price.output
    )
    search = catalogue.UNIT_PRICES["web_search", "USD"]
    return tokens / 1e6 + web_searches * search.amount / search.per

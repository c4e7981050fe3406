"""Usage by modality, and its cost in US dollars at the catalogue's dated prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from langchain_core.messages.ai import UsageMetadata
from rich.table import Table

from langchain_mimo import catalogue


def dollars(model: str, usage: UsageMetadata) -> float | None:
    """Return the cost of a usage, or None if the model's price is not known.

    Input tokens read from MiMo's cache cost less; output tokens include the reasoning.
    """
    known = catalogue.find(model)
    if known is None or known.price is None:
        return None
    cached = usage.get("input_token_details", {}).get("cache_read", 0)
    uncached = usage["input_tokens"] - cached
    price = known.price
    total = (
        cached * price.cache_hit + uncached * price.input + usage["output_tokens"] * price.output
    )
    return total / 1e6


def cost_table(usages: Mapping[str, UsageMetadata]) -> Table:
    """Return a table of usage and cost, with one column per model id."""
    table = Table("tokens", *usages, title="Usage and cost")
    for column in table.columns[1:]:
        column.justify = "right"
    rows: dict[str, Callable[[UsageMetadata], int]] = {
        "input": lambda usage: usage["input_tokens"],
        "  images": lambda usage: _detail(usage, "image"),
        "  video frames": lambda usage: _detail(usage, "video"),
        "  audio": lambda usage: _detail(usage, "audio"),
        "  read from the cache": lambda usage: _detail(usage, "cache_read"),
        "output": lambda usage: usage["output_tokens"],
        "  reasoning": lambda usage: usage.get("output_token_details", {}).get("reasoning", 0),
    }
    for name, count in rows.items():
        table.add_row(name, *(f"{count(usage):,}" for usage in usages.values()))
    table.add_section()
    costs = [dollars(model, usage) for model, usage in usages.items()]
    table.add_row("US dollars", *("unknown" if cost is None else f"{cost:.6f}" for cost in costs))
    return table


def _detail(usage: UsageMetadata, name: str) -> int:
    return int(cast("dict[str, int]", usage.get("input_token_details", {})).get(name, 0))

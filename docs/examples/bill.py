"""What answers cost: usage by modality and US dollars, by the catalogue's dated prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from langchain_core.messages.ai import UsageMetadata
from rich.table import Table

from langchain_mimo import catalogue


def dollars(model: str, usage: UsageMetadata) -> float | None:
    """Return what a usage costs, or None when the model's price is not known.

    Prompt tokens read from MiMo's cache cost less; output tokens include the thoughts.
    """
    known = catalogue.find(model)
    if known is None or known.price is None:
        return None
    cached = usage.get("input_token_details", {}).get("cache_read", 0)
    fresh = usage["input_tokens"] - cached
    price = known.price
    total = cached * price.cache_hit + fresh * price.input + usage["output_tokens"] * price.output
    return total / 1e6


def bill_table(usages: Mapping[str, UsageMetadata]) -> Table:
    """Lay out usages, by model id, as a table with a column for each model."""
    table = Table("tokens", *usages, title="The bill")
    for column in table.columns[1:]:
        column.justify = "right"
    rows: dict[str, Callable[[UsageMetadata], int]] = {
        "prompt": lambda usage: usage["input_tokens"],
        "  of pictures": lambda usage: _detail(usage, "image"),
        "  of videos' frames": lambda usage: _detail(usage, "video"),
        "  of sound": lambda usage: _detail(usage, "audio"),
        "  read from the cache": lambda usage: _detail(usage, "cache_read"),
        "answer and thoughts": lambda usage: usage["output_tokens"],
        "  of thoughts": lambda usage: usage.get("output_token_details", {}).get("reasoning", 0),
    }
    for name, count in rows.items():
        table.add_row(name, *(f"{count(usage):,}" for usage in usages.values()))
    table.add_section()
    costs = [dollars(model, usage) for model, usage in usages.items()]
    table.add_row("US dollars", *("unknown" if cost is None else f"{cost:.6f}" for cost in costs))
    return table


def _detail(usage: UsageMetadata, name: str) -> int:
    return int(cast("dict[str, int]", usage.get("input_token_details", {})).get(name, 0))

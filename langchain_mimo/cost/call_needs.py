"""What an attempt needs of a budget, and what it used, read from the JSON of both.

The sizes come from the encoding, which knows them anyway: estimating every message of a long
conversation would cost more than sending it. The usage of the response corrects them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_mimo import catalogue
from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._transport.gates import Call
from langchain_mimo._wire.anthropic.response import to_openai_usage
from langchain_mimo._wire.json_values import count
from langchain_mimo._wire.to_langchain.usage import usage_metadata
from langchain_mimo._wire.turns import Turn, media_parts
from langchain_mimo.catalogue import Price
from langchain_mimo.cost.estimate import estimate_media
from langchain_mimo.cost.ledger_rows import LedgerCounts

BYTES_PER_TOKEN = 3
"""Bytes of a request's JSON that count as one token: more than the tokens of most texts."""

SEARCHES = 5
"""Web searches that a request with the search tool may make: the default of `max_keyword`."""


def account_name(host: str, key: str) -> str:
    """Return the name of an account, from which nobody can tell the key."""
    return hashlib.sha256(f"{host}\0{key}".encode("utf-8", "replace")).hexdigest()[:32]


def likely_input(call: Call) -> int:
    """Return the input tokens of an attempt, by the bytes of its text and by its media."""
    return call.text_bytes // BYTES_PER_TOKEN + call.media_tokens[0]


def media_tokens(turns: Sequence[Turn], policy: MediaPolicy) -> tuple[int, int]:
    """Return the estimated tokens of the media in turns: the likely number and the highest one.

    Args:
        turns: The conversation as it will be sent.
        policy: Which files may be opened; the same as for sending.

    Raises:
        MediaError: A file may not be opened, or sending it would fail.
    """
    likely = highest = 0
    for turn in turns:
        for part in media_parts(turn):
            estimate = estimate_media(
                part.reference, policy, fps=part.fps, media_resolution=part.media_resolution
            )
            likely += estimate.image + estimate.video + estimate.audio + estimate.marks
            highest += estimate.high
    return likely, highest


def output_asked(call: Call) -> int | None:
    """Return the limit of output tokens in a request, or None."""
    asked = count(call.tree.get("max_completion_tokens"))
    return count(call.tree.get("max_tokens")) if asked is None else asked


def highest_cost(call: Call, price: Price, output: int) -> float:
    """Return the most that an attempt can cost, in the currency of its price.

    Args:
        call: The request; no token is shorter than a byte.
        price: The price of its model.
        output: Tokens that the response may have.
    """
    tokens = (call.text_bytes + call.media_tokens[1]) * price.input + output * price.output
    search = catalogue.UNIT_PRICES["web_search", price.currency]
    return tokens / 1e6 + _searches(call.tree.get("tools")) * search.amount / search.per


def _searches(tools: object) -> int:
    """Return how many web searches a request may make."""
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, Mapping) and tool.get("type") == "web_search":
            most = count(tool.get("max_keyword"))
            return SEARCHES if most is None else most
    return 0


def read_usage(usage: Mapping[str, Any] | None) -> LedgerCounts:
    """Count the usage of a response in either format; None for one that nobody stated."""
    if usage is None:
        return LedgerCounts.of(None)
    is_anthropic = "prompt_tokens" not in usage and "input_tokens" in usage
    searches = usage.get("web_search_usage")
    calls = count(searches.get("tool_usage")) if isinstance(searches, Mapping) else None
    read = usage_metadata(to_openai_usage(usage) if is_anthropic else usage)
    return LedgerCounts.of(read, calls or 0)

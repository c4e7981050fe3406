"""What an attempt needs of a budget, and what it used, read from the JSON of both.

The sizes come from the encoding, which knows them anyway: estimating every message of a long
conversation would cost more than sending it. The usage of the response corrects them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._transport.gates import Call
from langchain_mimo._wire.anthropic.response import to_openai_usage
from langchain_mimo._wire.json_values import count
from langchain_mimo._wire.to_langchain.usage import input_details, output_details
from langchain_mimo._wire.turns import Turn, media_parts
from langchain_mimo.catalogue import Price
from langchain_mimo.cost.estimate import estimate_media
from langchain_mimo.cost.ledger_rows import Counts, counts_of, unknown_counts
from langchain_mimo.cost.prices import search_cost

Bill: TypeAlias = tuple[str, Counts]
"""Model and counts of a response."""

BYTES_PER_TOKEN = 3
"""Bytes of a request's JSON that count as one token: more than the tokens of most texts."""

SEARCHES = 5
"""Web searches that a request with the search tool may make: the default of `max_keyword`."""


def account_name(host: str, key: str) -> str:
    """Return the name of an account, from which nobody can tell the key."""
    return hashlib.sha256(f"{host}\0{key}".encode("utf-8", "replace")).hexdigest()[:32]


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


def highest_cost(call: Call, price: Price, output: int) -> float:
    """Return the most that an attempt can cost, in the currency of its price.

    Args:
        call: The request; no token is shorter than a byte.
        price: The price of its model.
        output: Tokens that the response may have.
    """
    tokens = (call.text_bytes + call.media_tokens[1]) * price.input + output * price.output
    tools = call.tree.get("tools")
    return tokens / 1e6 + (search_cost(_searches(tools), price.currency) if tools else 0.0)


def _searches(tools: object) -> int:
    """Return how many web searches a request may make."""
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, Mapping) and tool.get("type") == "web_search":
            most = count(tool.get("max_keyword"))
            return SEARCHES if most is None else most
    return 0


def counted(usage: Mapping[str, Any] | None) -> Counts:
    """Return what a response used, as `LedgerCounts.of` counts it.

    Args:
        usage: The `usage` object of a response in either format, or None.
    """
    if usage is None:
        return unknown_counts()
    if "prompt_tokens" not in usage:
        usage = _in_openai_format(usage)
    searches = _searches_made(usage) if "web_search_usage" in usage else 0
    read, written = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    if read is None and written is None:
        return unknown_counts(searches)
    if not (usage.get("prompt_tokens_details") or usage.get("completion_tokens_details")):
        return 1, 0, read or 0, 0, 0, 0, 0, written or 0, 0, searches
    return counts_of(read or 0, written or 0, input_details(usage), output_details(usage), searches)


def _in_openai_format(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    if "prompt_tokens" in usage or "input_tokens" not in usage:
        return usage
    return to_openai_usage(usage) or {}


def _searches_made(usage: Mapping[str, Any]) -> int:
    searches = usage.get("web_search_usage")
    return count(searches.get("tool_usage")) or 0 if isinstance(searches, dict) else 0

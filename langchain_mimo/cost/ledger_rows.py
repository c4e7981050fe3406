"""What a ledger counts, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from operator import attrgetter
from typing import Any, TypeAlias

from langchain_mimo._checks import choice, integer, shown
from langchain_mimo.catalogue import Currency, Price, Tier
from langchain_mimo.cost.prices import (
    MAX_COUNT,
    TIERS,
    Money,
    list_price,
    search_cost,
    token_cost,
)

Counts: TypeAlias = tuple[int, ...]
"""The values of a `LedgerCounts`, in the order of its attributes."""


@dataclass(frozen=True, slots=True)
class LedgerCounts:
    """Tokens and requests that were billed. The attributes of one sum add up.

    Attributes:
        responses: Responses that were added, those without usage included.
        without_usage: Those of them whose usage nobody stated, or only in part: their other tokens
            are not known.
        input: Tokens of the whole prompt.
        image: Tokens of images, a part of `input`.
        video: Tokens of the frames of videos, a part of `input`.
        audio: Tokens of audio, including the audio of videos, a part of `input`.
        cached: Tokens of `input`, of any kind, that were read from the prompt cache.
        output: Tokens of reasoning and answer.
        reasoning: Tokens of reasoning, a part of `output`.
        web_searches: Web searches.
    """

    responses: int = 0
    without_usage: int = 0
    input: int = 0
    image: int = 0
    video: int = 0
    audio: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0
    web_searches: int = 0

    @property
    def text(self) -> int:
        """The rest of `input`: text, tool definitions, and the markers around media and turns.

        The Anthropic format states no kinds of media, so there it is the whole input.
        """
        return max(0, self.input - self.image - self.video - self.audio)

    @property
    def total(self) -> int:
        """All tokens, of prompts and responses."""
        return self.input + self.output

    def __add__(self, other: LedgerCounts) -> LedgerCounts:
        """Return the sum of two counts."""
        return LedgerCounts.sum((self, other))

    @classmethod
    def sum(cls, counts: Iterable[LedgerCounts]) -> LedgerCounts:
        """Return the sum of any number of counts."""
        return cls(*map(sum, zip(*map(_values, counts), strict=True)))

    @classmethod
    def of(cls, usage: Mapping[str, Any] | None, web_searches: int = 0) -> LedgerCounts:
        """Count one response.

        Args:
            usage: Its `usage_metadata`. Without `input_tokens` and `output_tokens` that are counts,
                the response is one without usage; what is known of it counts.
            web_searches: Its web searches.
        """
        if not usage:
            return cls(*unknown_counts(web_searches))
        return cls(
            *counts_of(
                _count(usage.get("input_tokens")),
                _count(usage.get("output_tokens")),
                _details(usage, "input_token_details"),
                _details(usage, "output_token_details"),
                web_searches,
            )
        )


_FIELDS = tuple(each.name for each in fields(LedgerCounts))
_values = attrgetter(*_FIELDS)


def unknown_counts(web_searches: int = 0) -> Counts:
    """Return the counts of a response whose usage nobody stated."""
    return 1, 1, 0, 0, 0, 0, 0, 0, 0, web_searches


def counts_of(
    read: int | None,
    written: int | None,
    input_details: Mapping[str, Any],
    output_details: Mapping[str, Any],
    web_searches: int,
) -> Counts:
    """Return the counts of one response.

    Args:
        read: Tokens of the whole prompt, or None when nobody stated them.
        written: Tokens of reasoning and answer, likewise.
        input_details: "image", "video", "audio" and "cache_read" of a `usage_metadata`.
        output_details: "reasoning" of it.
        web_searches: Web searches.
    """
    unknown = int(read is None or written is None)
    tokens, output = read or 0, written or 0
    image = video = audio = cached = reasoning = 0
    # Parts are never more than the whole, whatever a gateway reports.
    if input_details:
        image = min(_count(input_details.get("image")) or 0, tokens)
        video = min(_count(input_details.get("video")) or 0, tokens - image)
        audio = min(_count(input_details.get("audio")) or 0, tokens - image - video)
        cached = min(_count(input_details.get("cache_read")) or 0, tokens)
    if output_details:
        reasoning = min(_count(output_details.get("reasoning")) or 0, output)
    return 1, unknown, tokens, image, video, audio, cached, output, reasoning, web_searches


def _details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    details = usage.get(name)
    return details if isinstance(details, Mapping) else {}


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_COUNT else None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What one model was paid for in one tier under the same tags.

    Attributes:
        model: Model id.
        tier: "realtime" or "batch".
        tags: The program's own tags, sorted.
        counts: What was counted.
    """

    model: str
    tier: Tier
    tags: tuple[str, ...]
    counts: LedgerCounts

    @property
    def label(self) -> str:
        """How a table calls the model in this tier."""
        return self.model if self.tier == "realtime" else f"{self.model} ({self.tier})"

    def price(self, prices: Mapping[str, Price] | None, currency: Currency) -> Price | None:
        """Return the price of its tokens, or None when it is unknown."""
        return list_price(self.model, prices, tier=self.tier, currency=currency)

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        named = {"model": self.model, "tier": self.tier, "tags": list(self.tags)}
        return named | asdict(self.counts)

    @classmethod
    def from_dict(cls, data: object, name: str) -> LedgerRow:
        """Read a row that `to_dict` returned.

        Args:
            data: The row.
            name: What it is called in errors.

        Raises:
            ValueError: It is not such a row.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"{name} must be a dict, got {shown(data)}")  # noqa: TRY004
        model, tier = data.get("model"), data.get("tier")
        if not isinstance(model, str):
            raise ValueError(f"{name}.model must be a string, got {shown(model)}")  # noqa: TRY004
        choice(f"{name}.tier", tier, TIERS)
        counts = [integer(f"{name}.{field}", data.get(field), 0) for field in _FIELDS]
        return cls(model, tier, tags_of(f"{name}.tags", data.get("tags")), LedgerCounts(*counts))  # type: ignore[arg-type]


def tags_of(name: str, tags: object) -> tuple[str, ...]:
    """Return tags sorted, each once.

    Args:
        name: What they are called in errors.
        tags: The tags.

    Raises:
        ValueError: They are not a list of strings, such as a single string.
    """
    found = tuple(tags) if isinstance(tags, Iterable) and not isinstance(tags, str) else (None,)
    if not all(isinstance(tag, str) for tag in found):
        raise ValueError(f"{name} must be a list of strings, got {shown(tags)}")
    return tuple(sorted(set(found)))


@dataclass(frozen=True, slots=True)
class LedgerCost:
    """What a ledger's responses cost in one currency.

    Attributes:
        money: The cost of all responses whose price and usage are known.
        unknown: Responses whose price in this currency is unknown, by model: none of their cost is
            in `money`.
        without_usage: Responses whose usage nobody stated: only their web searches, and tokens that
            were stated, are in `money`.
        as_of: The oldest date of the prices that were used, or None.
    """

    money: Money
    unknown: dict[str, int]
    without_usage: int = 0
    as_of: date | None = None

    @property
    def is_complete(self) -> bool:
        """Whether `money` is the whole cost; otherwise the cost is at least that."""
        return not self.unknown and not self.without_usage


def cost_of(
    rows: Iterable[LedgerRow], currency: Currency, prices: Mapping[str, Price] | None
) -> LedgerCost:
    """Return what rows cost."""
    amount, unknown, without_usage, dates = 0.0, dict[str, int](), 0, list[date]()
    for row in rows:
        counts, price = row.counts, row.price(prices, currency)
        if price is None:
            unknown[row.label] = unknown.get(row.label, 0) + counts.responses
            continue
        dates.append(price.as_of)
        without_usage += counts.without_usage
        amount += token_cost(price, counts.input, counts.cached, counts.output)
        amount += search_cost(counts.web_searches, currency)
    return LedgerCost(Money(amount, currency), unknown, without_usage, min(dates, default=None))

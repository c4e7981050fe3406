"""The price of a response, against MiMo's list (docs/api-facts.md, docs/models.md)."""

import math
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_mimo.catalogue import MODELS, PRICES, UNIT_PRICES, Price
from langchain_mimo.cost import CallBudget, Ledger, plan_corpus, price_of
from langchain_mimo.cost.prices import cost_of
from langchain_mimo.errors import MiMoInputError

COUNTS = st.integers(0, 10_000_000)


def usage(read=0, written=0, cached=None):
    counts = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    if cached is None:
        return counts
    return {**counts, "input_token_details": {"cache_read": cached}}


def test_the_prices_of_the_list_by_hand():
    # US dollars per million tokens, read on the day that Price.as_of names.
    assert price_of(usage(1_000_000), "mimo-v2.6-flash") == pytest.approx(0.14)
    assert price_of(usage(0, 1_000_000), "mimo-v2.6-flash") == pytest.approx(0.28)
    assert price_of(usage(1_000_000, cached=1_000_000), "mimo-v2.6-flash") == pytest.approx(0.0028)
    assert price_of(usage(), "mimo-v2.6-flash", web_searches=1000) == pytest.approx(5)
    assert price_of(usage(), "mimo-v2.6-flash") == 0


@given(
    st.sampled_from([*sorted(MODELS), "another"]),
    st.none() | st.builds(usage, COUNTS, COUNTS, st.none() | COUNTS),
    st.integers(0, 50),
)
def test_a_message_states_what_price_of_returns(model, used, searches):
    assert cost_of(used, model, searches) == price_of(used, model, searches)


@given(st.sampled_from(sorted(PRICES)), COUNTS, COUNTS, COUNTS, st.integers(0, 50))
def test_every_price_is_the_sum_of_its_parts(key, uncached, cached, written, searches):
    model = key[0]
    price = PRICES[model, "realtime", "USD"]
    parts = (
        price_of(usage(uncached), model),
        price_of(usage(cached, cached=cached), model),
        price_of(usage(0, written), model),
        price_of(usage(), model, searches),
    )
    whole = price_of(usage(uncached + cached, written, cached), model, searches)
    assert whole == pytest.approx(math.fsum(parts))
    search = UNIT_PRICES["web_search", "USD"]
    assert whole == pytest.approx(
        (uncached * price.input + cached * price.cache_hit + written * price.output) / 1e6
        + searches * search.amount / search.per
    )


def test_more_cached_than_sent_is_never_a_credit():
    assert price_of(usage(100, 0, 10_000), "mimo-v2.6-pro") == price_of(
        usage(100, 0, 100), "mimo-v2.6-pro"
    )


@pytest.mark.parametrize("model", ["mimo-v9", "", *(m for m in MODELS if MODELS[m].price is None)])
def test_unknown_prices_are_none(model):
    assert price_of(usage(1, 1), model) is None


def test_unknown_usage_is_none_even_with_searches():
    assert price_of(None, "mimo-v2.6-flash", 3) is None


NO_PRICES = "prices must be a dict of model ids to langchain_mimo.catalogue.Price("
DAY = date(2026, 11, 1)


@pytest.mark.parametrize(
    "take",
    [
        lambda prices: CallBudget(prices=prices),
        lambda prices: Ledger(prices=prices),
        lambda prices: price_of(None, "m", prices=prices),
        lambda prices: plan_corpus([], model="m", prices=prices),
    ],
    ids=["budget", "ledger", "price_of", "plan_corpus"],
)
@pytest.mark.parametrize(
    ("prices", "complaint"),
    [
        ({"m": 1}, NO_PRICES), ({1: 2}, NO_PRICES), ("x", NO_PRICES), ([("a", 1)], NO_PRICES), (5, NO_PRICES),
        ({"m": (1, 2, 3)}, NO_PRICES), ({1: Price(1, 2, 3, DAY)}, NO_PRICES), ({"": Price(1, 2, 3, DAY)}, NO_PRICES),
        ({"m": Price(1, -2, 3, DAY)}, "the input price of 'm' must be a number >= 0, got -2"),
        ({"m": Price(1, 2, math.inf, DAY)}, "the output price of 'm' must be a number >= 0, got inf"),
        ({"m": Price(1, 2, 3, DAY, "EUR")}, "the currency of 'm' must be 'USD' or 'CNY', got 'EUR'"),
        ({"m": Price(1, 2, 3, "today")}, "as_of of the price of 'm' must be a datetime.date, got 'today'"),
        ({"m": Price(1, 2, 3, datetime(2026, 1, 1, tzinfo=UTC))}, "as_of of the price of 'm' must be a datetime.date, got "),
    ],
    ids=str,
)  # fmt: skip
def test_own_prices_are_checked_alike_by_all_who_take_them(take, prices, complaint):
    with pytest.raises(MiMoInputError) as caught:
        take(prices)
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"usage": "x"}, "usage must be a usage_metadata or None, got 'x'"),
        ({"usage": [1]}, "usage must be a usage_metadata or None, got [1]"),
        ({"usage": {"output_tokens": 1}}, "usage['input_tokens'] must be an integer from 0 to "),
        ({"usage": usage(-5)}, "usage['input_tokens'] must be an integer from 0 to "),
        ({"usage": usage(1, -5)}, "usage['output_tokens'] must be an integer from 0 to "),
        ({"usage": usage(10**400)}, "usage['input_tokens'] must be an integer from 0 to "),
        ({"usage": usage(1, 1, -1)}, "the cache_read of usage must be an integer from 0 to "),
        ({"usage": usage(1, 1) | {"input_token_details": 5}}, "usage['input_token_details'] must be a dict, got 5"),
        ({"model": 1}, "model must be a model id, got 1"),
        ({"model": ["m"]}, "model must be a model id, got ['m']"),
        ({"web_searches": -1}, "web_searches must be an integer >= 0, got -1"),
    ],
    ids=str,
)  # fmt: skip
def test_what_has_no_price_is_refused(arguments, complaint):
    with pytest.raises(MiMoInputError) as caught:
        price_of(**({"usage": usage(1, 1), "model": "mimo-v2.6-pro"} | arguments))
    assert str(caught.value).startswith(complaint)


def test_an_empty_usage_is_unknown():
    assert price_of({}, "mimo-v2.6-flash") is None
    nothing = {**usage(1_000_000), "input_token_details": None}
    assert price_of(nothing, "mimo-v2.6-flash") == pytest.approx(0.14)

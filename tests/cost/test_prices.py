"""The price of a response, against MiMo's list (docs/api-facts.md, docs/models.md)."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_mimo.catalogue import MODELS, PRICES, UNIT_PRICES
from langchain_mimo.cost import price_of

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

"""Amounts of money: their checks, and that two currencies never mix."""

import copy
import pickle

import pytest

from langchain_mimo.catalogue import PRICES, Price
from langchain_mimo.cost import Money, price_of
from langchain_mimo.cost.prices import list_price
from langchain_mimo.errors import MiMoInputError

USAGE = {"input_tokens": 3_000_000, "output_tokens": 1_000_000, "total_tokens": 4_000_000}
OWN = Price(0.5, 1.0, 2.0, PRICES["mimo-v2.6-pro", "realtime", "USD"].as_of, "CNY")


def test_amounts_of_one_currency_are_added_and_compared():
    assert Money(1.5) + Money(2) == Money(3.5, "USD")
    assert Money(1) < Money(2) <= Money(2)
    assert Money(3) > Money(2) >= Money(2)
    assert hash(Money(2)) == hash(Money(2.0))
    assert pickle.loads(pickle.dumps(Money(1, "CNY"))) == copy.deepcopy(Money(1, "CNY"))


@pytest.mark.parametrize("act", [lambda a, b: a + b, lambda a, b: a < b, lambda a, b: a >= b])
def test_two_currencies_never_mix(act):
    with pytest.raises(MiMoInputError, match="are of two currencies"):
        act(Money(1), Money(2, "CNY"))
    assert Money(1) != Money(1, "CNY")


@pytest.mark.parametrize(
    "act", [lambda m: m + 1, lambda m: m < 1, lambda m: m >= 1, lambda m: sum([m])]
)
def test_money_and_numbers_do_not_mix(act):
    with pytest.raises(TypeError):
        act(Money(1))


@pytest.mark.parametrize("amount", [-0.01, float("nan"), float("inf"), True, "1", None])
def test_an_amount_is_a_number_from_zero(amount):
    with pytest.raises(MiMoInputError, match="amount must be a number >= 0, got"):
        Money(amount)


@pytest.mark.parametrize("currency", ["EUR", "usd", None, ["USD"]])
def test_a_currency_is_one_of_two(currency):
    with pytest.raises(MiMoInputError, match="currency must be 'USD' or 'CNY', got"):
        Money(1, currency)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.00 USD"),
        (1234.567, "1,234.57 USD"),
        (1, "1.00 USD"),
        (0.14, "0.140 USD"),
        (0.0000105, "0.0000105 USD"),
        (1e-30, "0.000000000000 USD"),
    ],
)
def test_amounts_are_shown_with_three_digits(amount, text):
    assert str(Money(amount)) == text


@pytest.mark.parametrize(("model", "tier", "currency"), sorted(PRICES))
def test_every_price_of_the_list_is_used(model, tier, currency):
    price = PRICES[model, tier, currency]
    assert list_price(model, tier=tier, currency=currency) is price
    found = price_of(USAGE, model, tier=tier, currency=currency)
    assert found == pytest.approx(3 * price.input + price.output)


def test_prices_in_yuan_and_of_batches_by_hand():
    assert price_of(USAGE, "mimo-v2.6-flash", currency="CNY") == pytest.approx(3 * 1 + 2)
    assert price_of(USAGE, "mimo-v2.6-flash", tier="batch") == pytest.approx(1.5 * 0.14 + 0.14)
    searched = price_of(USAGE, "mimo-v2.6-flash", 1000, tier="batch", currency="CNY")
    assert searched == pytest.approx(2.5 + 16)


def test_a_tier_without_a_price_is_unknown():
    assert price_of(USAGE, "mimo-v2.6-pro-ultraspeed", tier="batch") is None


def test_own_prices_replace_the_list_and_are_unknown_in_the_other_currency():
    own = {"mimo-v2.6-flash": OWN, "mimo-v9": OWN}
    for model in own:
        assert price_of(USAGE, model, currency="CNY", prices=own) == pytest.approx(5)
        assert price_of(USAGE, model, tier="batch", currency="CNY", prices=own) == 5
        assert price_of(USAGE, model, prices=own) is None
    assert price_of(USAGE, "mimo-v2.6-pro", prices=own) == price_of(USAGE, "mimo-v2.6-pro")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"web_searches": -1}, "web_searches must be an integer >= 0, got -1"),
        ({"web_searches": 1.5}, "web_searches must be an integer >= 0, got 1.5"),
        ({"tier": "fast"}, "tier must be 'realtime' or 'batch', got 'fast'"),
        ({"currency": "EUR"}, "currency must be 'USD' or 'CNY', got 'EUR'"),
        ({"prices": {"mimo-v9": 3}}, "prices must be a dict of model ids to "),
        ({"prices": {"mimo-v9": OWN._replace(currency="EUR")}}, "the currency of 'mimo-v9' must"),
        ({"prices": {"mimo-v9": OWN._replace(input=-1)}}, "the input price of 'mimo-v9' must be"),
    ],
)
def test_bad_arguments_are_refused(arguments, complaint):
    with pytest.raises(MiMoInputError) as caught:
        price_of(USAGE, "mimo-v2.6-flash", **arguments)
    assert str(caught.value).startswith(complaint)

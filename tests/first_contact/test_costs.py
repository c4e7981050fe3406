"""Mistakes of a first day with prices, ledgers and plans: the class, and what the text must name."""

from datetime import date

import pytest
from error_words import is_found_by_its_words

from langchain_mimo import MiMoInputError
from langchain_mimo.catalogue import Price
from langchain_mimo.cost import CallBudget, Ledger, Money, plan_corpus, price_of

DAY = date(2026, 11, 1)
USAGE = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
MODEL = "mimo-v2.6-flash"

MISTAKES = {
    "prices that are numbers": (lambda: CallBudget(prices={"m": 1}), ["prices", "Price(", "{'m': 1}"]),
    "prices by number": (lambda: Ledger(prices={1: 2}), ["prices", "model ids", "{1: 2}"]),
    "a price without a date": (lambda: CallBudget(prices={"m": Price(1, 2, 3, "x")}), ["as_of", "'m'", "'x'"]),
    "a negative price": (lambda: CallBudget(prices={"m": Price(1, -2, 3, DAY)}), ["input price", "'m'", "-2"]),
    "a usage that is a string": (lambda: price_of("x", MODEL), ["usage_metadata", "'x'"]),
    "a negative count": (lambda: price_of(USAGE | {"input_tokens": -5}, MODEL), ["input_tokens", "-5"]),
    "a cached count of text": (
        lambda: price_of(USAGE | {"input_token_details": {"cache_read": "3"}}, MODEL), ["cache_read", "'3'"]
    ),
    "a model that is a number": (lambda: price_of(USAGE, 1), ["model id", "got 1"]),
    "rows that are numbers": (lambda: Ledger().add_rows([1]), ["rows of a Ledger", "got 1"]),
    "a ledger that is a list": (lambda: Ledger.from_dict([]), ["to_dict", "got []"]),
    "two currencies": (lambda: Money(1) + Money(1, "CNY"), ["1.00 USD", "1.00 CNY", "use one currency"]),
    "an empty path": (lambda: plan_corpus("", model=MODEL), ["paths", "''"]),
    "a dict of paths": (lambda: plan_corpus({"a.png": 1}, model=MODEL), ["paths", "{'a.png': 1}"]),
    "no model": (lambda: plan_corpus([], model=""), ["model id", "''"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_and_found(mistake):
    act, named = MISTAKES[mistake]
    with pytest.raises(MiMoInputError) as caught:
        act()
    text = str(caught.value)
    assert [part for part in named if part not in text] == []
    assert is_found_by_its_words(text)
    assert not text.endswith(".")


def test_what_a_plan_leaves_out_is_found_by_its_words(tmp_path):
    paths = [tmp_path, tmp_path / "gone.png", str(tmp_path / "*.mp4"), "https://host/a.png"]
    corpus = plan_corpus(paths, model=MODEL)
    assert len(corpus.unreadable) == 4
    assert all(is_found_by_its_words(file.reason) for file in corpus.unreadable)
    assert is_found_by_its_words(str(plan_corpus([], model=MODEL)))

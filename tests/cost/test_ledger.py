"""The ledger: what it counts, what it costs, how it is stored and shown."""

import copy
import json
import pickle
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_mimo.catalogue import PRICES, Price
from langchain_mimo.cost import CallBudget, Ledger, LedgerCounts, Money, price_of
from langchain_mimo.cost.ledger import MAX_ROWS
from langchain_mimo.errors import MiMoInputError

MODELS = ["mimo-v2.6-flash", "mimo-v2.6-pro", "mimo-v2.6-pro-ultraspeed", "gpt-9"]
DAY = PRICES["mimo-v2.6-flash", "realtime", "USD"].as_of


@st.composite
def usages(draw):
    image, video, audio, text = (draw(st.integers(0, 10**7)) for _ in range(4))
    read, written = image + video + audio + text, draw(st.integers(0, 10**6))
    return {
        "input_tokens": read,
        "output_tokens": written,
        "total_tokens": read + written,
        "input_token_details": {
            "image": image,
            "video": video,
            "audio": audio,
            "cache_read": draw(st.integers(0, read)),
        },
        "output_token_details": {"reasoning": draw(st.integers(0, written))},
    }


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(MODELS),
        st.none() | usages(),
        st.sampled_from(["realtime", "batch"]),
        st.lists(st.sampled_from("abc"), max_size=3),
        st.integers(0, 9),
    ),
    max_size=12,
)


def ledger_of(entries):
    ledger = Ledger()
    for model, usage, tier, tags, searches in entries:
        ledger.add(model, usage, tier=tier, tags=tags, web_searches=searches)
    return ledger


@given(ENTRIES)
def test_tokens_add_up_exactly_by_kind(entries):
    total = ledger_of(entries).total
    known = [usage for _, usage, *_ in entries if usage]
    assert total.responses == len(entries)
    assert total.without_usage == len(entries) - len(known)
    assert total.input == sum(usage["input_tokens"] for usage in known)
    assert total.output == sum(usage["output_tokens"] for usage in known)
    for kind in ("image", "video", "audio"):
        assert getattr(total, kind) == sum(u["input_token_details"][kind] for u in known)
    assert total.text == total.input - total.image - total.video - total.audio
    assert total.cached == sum(u["input_token_details"]["cache_read"] for u in known)
    assert total.reasoning == sum(u["output_token_details"]["reasoning"] for u in known)
    assert total.web_searches == sum(searches for *_, searches in entries)
    assert total.total == sum(usage["total_tokens"] for usage in known)


@given(ENTRIES, st.sampled_from(["USD", "CNY"]))
def test_the_cost_is_the_sum_of_what_each_response_costs(entries, currency):
    cost = ledger_of(entries).cost(currency)
    amount, unknown, without = 0.0, {}, 0
    for model, usage, tier, _, searches in entries:
        empty = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        price = price_of(usage or empty, model, searches, tier=tier, currency=currency)
        if price is None:
            label = model if tier == "realtime" else f"{model} (batch)"
            unknown[label] = unknown.get(label, 0) + 1
        else:
            amount, without = amount + price, without + (usage is None)
    assert cost.money.amount == pytest.approx(amount)
    assert cost.money.currency == currency
    assert cost.unknown == unknown
    assert cost.without_usage == without
    assert cost.is_complete == (not unknown and not without)


@given(ENTRIES, ENTRIES)
def test_two_ledgers_become_one(one, other):
    merged, added = ledger_of(one), ledger_of(other)
    merged.merge(added)
    assert merged == ledger_of(one + other)
    assert added == ledger_of(other)


@given(ENTRIES)
def test_a_ledger_survives_json_pickles_and_copies(entries):
    ledger = ledger_of(entries)
    assert Ledger.from_dict(json.loads(json.dumps(ledger.to_dict()))) == ledger
    for twin in (pickle.loads(pickle.dumps(ledger)), copy.deepcopy(ledger), copy.copy(ledger)):
        assert twin == ledger
        twin.add("mimo-v2.6-pro", None)
        assert twin.total.responses == ledger.total.responses + 1


@given(ENTRIES)
def test_groups_hold_everything(entries):
    ledger = ledger_of(entries)
    for group in ("model", "tier"):
        parts = ledger.by(group)
        assert set(parts) == {entry[0 if group == "model" else 2] for entry in entries}
        assert sum((part.total for part in parts.values()), LedgerCounts()) == ledger.total
    tagged = ledger.by("tag")
    for tag in "abc":
        expected = [entry for entry in entries if tag in entry[3]]
        assert tagged.get(tag, Ledger()) == ledger_of(expected)
    assert tagged.get("(no tag)", Ledger()) == ledger_of([e for e in entries if not e[3]])


def test_a_ledger_added_to_itself_doubles():
    ledger = ledger_of(
        [("mimo-v2.6-pro", {"input_tokens": 3, "output_tokens": 1}, "batch", ["a"], 2)]
    )
    before = ledger.total
    ledger.merge(ledger)
    assert ledger.total == before + before


def test_own_prices_count_in_their_currency():
    own = Price(0.0, 2.0, 4.0, DAY, "CNY")
    ledger = Ledger(prices={"gpt-9": own})
    ledger.add("gpt-9", {"input_tokens": 500_000, "output_tokens": 250_000})
    assert ledger.cost("CNY").money == Money(2, "CNY")
    assert ledger.cost().unknown == {"gpt-9": 1}
    copied = pickle.loads(pickle.dumps(ledger))
    assert copied.cost("CNY") == ledger.by("model")["gpt-9"].cost("CNY") == ledger.cost("CNY")


def test_threads_lose_nothing():
    ledger = Ledger()
    usage = {"input_tokens": 1, "output_tokens": 2}

    def work():
        for _ in range(500):
            ledger.add("mimo-v2.6-flash", usage, web_searches=1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.total == LedgerCounts(responses=4000, input=4000, output=8000, web_searches=4000)


def test_rows_are_limited_and_nothing_is_lost():
    ledger = Ledger()
    for number in range(MAX_ROWS + 50):
        ledger.add("mimo-v2.6-flash", {"input_tokens": 1, "output_tokens": 0}, tags=[str(number)])
    assert len(ledger.rows) == MAX_ROWS + 1
    assert ledger.by("tag")["(other tags)"].total.input == 50
    assert ledger.total.input == MAX_ROWS + 50


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"input_tokens": None, "output_tokens": "7", "input_token_details": None},
        {"input_tokens": -5, "output_tokens": True, "input_token_details": {"image": 1.5}},
        {"input_tokens": "x", "output_tokens": float("nan"), "input_token_details": 5},
        {"input_tokens": 1e300, "output_tokens": 10**400, "output_token_details": [1]},
        {"total_tokens": 9},
    ],
)
def test_a_usage_without_counts_is_no_usage(usage):
    ledger = Ledger()
    ledger.add("mimo-v2.6-pro", usage)
    assert ledger.total == LedgerCounts(responses=1, without_usage=1)
    assert not ledger.cost().is_complete


def test_half_a_usage_counts_and_is_not_complete():
    ledger = Ledger()
    ledger.add("mimo-v2.6-pro", {"input_tokens": 9, "output_tokens": -1})
    assert ledger.total == LedgerCounts(responses=1, without_usage=1, input=9)
    assert ledger.table().splitlines()[-3].split() == ["USD", ">=", "0.00000391"]


def test_parts_are_never_more_than_the_whole():
    ledger = Ledger()
    parts = {"image": 70, "video": 70, "audio": 70}
    usage = {"input_tokens": 100, "output_tokens": 5, "input_token_details": parts}
    ledger.add("mimo-v2.6-pro", {**usage, "output_token_details": {"reasoning": 9}})
    total = ledger.total
    assert (total.image, total.video, total.audio, total.text) == (70, 30, 0, 0)
    assert (total.output, total.reasoning) == (5, 5)
    assert ledger.cost().is_complete


@pytest.mark.parametrize("rows", [[1], 5, None, "x", [None], [{"model": "m"}]], ids=str)
def test_rows_of_something_else_are_refused_and_none_counts(rows):
    ledger, good = Ledger(), Ledger()
    good.add("m", None)
    with pytest.raises(MiMoInputError, match="rows must be rows of a Ledger, got "):
        ledger.add_rows(rows)
    with pytest.raises(MiMoInputError, match="rows must be rows of a Ledger, got 1"):
        ledger.add_rows([*good.rows, 1])
    assert ledger == Ledger()


def test_more_cached_than_sent_is_no_credit():
    ledger = Ledger()
    usage = {"input_tokens": 10, "output_tokens": 0, "input_token_details": {"cache_read": 99}}
    ledger.add("mimo-v2.6-pro", usage)
    assert ledger.total.cached == 10
    assert ledger.cost().money.amount == pytest.approx(price_of(usage, "mimo-v2.6-pro"))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"model": ""}, "model must be a model id, got ''"),
        ({"model": None}, "model must be a model id, got None"),
        ({"usage": 7}, "usage must be a usage_metadata or None, got 7"),
        ({"tier": "fast"}, "tier must be 'realtime' or 'batch', got 'fast'"),
        ({"tags": "chapter"}, "tags must be a list of strings, got 'chapter'"),
        ({"tags": [1]}, "tags must be a list of strings, got [1]"),
        ({"web_searches": -1}, "web_searches must be an integer >= 0, got -1"),
    ],
)
def test_bad_entries_are_refused_and_count_nothing(arguments, complaint):
    ledger = Ledger()
    with pytest.raises(MiMoInputError) as caught:
        ledger.add(**({"model": "mimo-v2.6-pro", "usage": None} | arguments))
    assert str(caught.value) == complaint
    assert ledger == Ledger()


ROW = {"model": "m", "tier": "batch", "tags": [], **dict.fromkeys(LedgerCounts.__match_args__, 0)}


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (None, "data must be what Ledger.to_dict() of version 1 returned, got None"),
        ({"version": 2, "rows": []}, "data must be what Ledger.to_dict() of version 1 returned"),
        ({"version": 1}, "data must be what Ledger.to_dict() of version 1 returned"),
        ({"version": 1, "rows": [ROW, 3]}, "rows[1] must be a dict, got 3"),
        ({"version": 1, "rows": [ROW | {"model": 3}]}, "rows[0].model must be a string, got 3"),
        ({"version": 1, "rows": [ROW | {"tier": 3}]}, "rows[0].tier must be 'realtime' or 'batch'"),
        ({"version": 1, "rows": [ROW | {"tags": "a"}]}, "rows[0].tags must be a list of strings"),
        ({"version": 1, "rows": [ROW | {"input": "3"}]}, "rows[0].input must be an integer >= 0"),
        (
            {"version": 1, "rows": [{"model": "m", "tier": "batch", "tags": []}]},
            "rows[0].responses",
        ),
    ],
)
def test_what_is_no_ledger_is_refused_with_its_place(data, complaint):
    with pytest.raises(MiMoInputError) as caught:
        Ledger.from_dict(data)
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize("act", [lambda x: x.cost("EUR"), lambda x: x.table("EUR")])
def test_other_currencies_are_refused(act):
    with pytest.raises(MiMoInputError, match="currency must be 'USD' or 'CNY', got 'EUR'"):
        act(Ledger())


def test_other_groups_and_ledgers_are_refused():
    with pytest.raises(MiMoInputError, match="group must be 'model', 'tier' or 'tag', got 'tags'"):
        Ledger().by("tags")
    with pytest.raises(MiMoInputError, match=r"other must be a Ledger, got \{\}"):
        Ledger().merge({})
    with pytest.raises(MiMoInputError, match="prices must be a dict"):
        Ledger(prices=[1])


def test_the_table_of_one_model():
    ledger = Ledger()
    ledger.add("mimo-v2.6-flash", {"input_tokens": 1_000, "output_tokens": 50})
    assert str(ledger) == (
        "               mimo-v2.6-flash\n"
        "responses                    1\n"
        "input tokens             1,000\n"
        "  text                   1,000\n"
        "output tokens               50\n"
        "USD                   0.000154\n"
        f"Prices of {DAY}."
    )
    assert repr(ledger) == "<Ledger of 1 responses, 1,050 tokens>"


def test_the_table_says_what_it_does_not_know():
    ledger = Ledger()
    details = {"image": 300, "video": 0, "cache_read": 100}
    ledger.add(
        "mimo-v2.6-flash",
        {"input_tokens": 1_000, "output_tokens": 50, "input_token_details": details},
        web_searches=2,
    )
    ledger.add("mimo-v2.6-flash", None, tier="batch")
    ledger.add("gpt-9", {"input_tokens": 7, "output_tokens": 7})
    assert ledger.table("CNY").splitlines() == [
        "                  mimo-v2.6-flash  mimo-v2.6-flash (batch)    gpt-9      total",
        "responses                       1                        1        1          3",
        "  without usage                 0                        1        0          1",
        "input tokens                1,000                        0        7      1,007",
        "  text                        700                        0        7        707",
        "  image                       300                        0        0        300",
        "  from the cache              100                        0        0        100",
        "output tokens                  50                        0        7         57",
        "web searches                    2                        0        0          2",
        "CNY                        0.0330                  >= 0.00  unknown  >= 0.0330",
        "Responses whose price in CNY is unknown, by model: gpt-9 (1).",
        "Responses whose tokens are unknown: 1.",
        f"Prices of {DAY}.",
    ]


def test_a_ledger_has_a_currency():
    ledger = Ledger(currency="CNY")
    ledger.add("mimo-v2.6-flash", {"input_tokens": 1_000, "output_tokens": 50})
    twin = Ledger.from_dict(ledger.to_dict(), currency="CNY")
    for each in (ledger, copy.copy(ledger), ledger.by("model")["mimo-v2.6-flash"], twin):
        assert each.cost() == ledger.cost("CNY") != ledger.cost("USD")
        assert str(each) == ledger.table("CNY")
    assert "\nUSD  " in ledger.table("USD")
    with pytest.raises(MiMoInputError, match="currency must be 'USD' or 'CNY', got None"):
        Ledger(currency=None)


def test_the_ledger_of_a_budget_is_in_the_currency_of_its_ceiling():
    assert CallBudget(max_cost=Money(1, "CNY")).ledger.cost().money == Money(0, "CNY")
    assert CallBudget().ledger.cost().money == Money(0, "USD")


def test_wide_characters_take_two_columns():
    ledger = Ledger()
    ledger.add("小米-pro", {"input_tokens": 1, "output_tokens": 2})
    ledger.add("e\u0301", {"input_tokens": 3, "output_tokens": 4})
    lines = ledger.table().splitlines()
    assert lines[:2] == [
        "               小米-pro        e\u0301    total",
        "responses             1        1        2",
    ]


def test_an_empty_ledger_can_be_shown():
    assert str(Ledger()).splitlines()[0].split() == ["total"]

"""Mistakes of a first day: arguments of functions and classes that these do not have."""

import inspect
import pickle

import pytest

from langchain_mimo._wire.tool_definitions import wire_tools
from langchain_mimo.cost import (
    CallBudget,
    Ledger,
    LedgerCallback,
    Money,
    estimate_file,
    plan_corpus,
    plan_segments,
    plan_video,
    price_of,
)
from langchain_mimo.errors import MiMoConfigurationError, MiMoInputError
from langchain_mimo.prepare import prepare_audio, prepare_image, prepare_many, prepare_video

MISSPELT = {
    "budget": (plan_video, {"budget": 9}, "plan_video has no argument 'budget'; did you mean 'budget_tokens'?"),
    "other budget": (plan_segments, {"token_budget": 9}, "did you mean 'budget_tokens'?"),
    "budget of prepare": (prepare_video, {"budget_tokens": 9}, "did you mean 'token_budget'?"),
    "start": (prepare_video, {"start": 1}, "prepare_video has no argument 'start'; did you mean 'start_s'?"),
    "end": (prepare_audio, {"end": 1}, "prepare_audio has no argument 'end'; did you mean 'end_s'?"),
    "size": (prepare_image, {"max_byte": 1}, "prepare_image has no argument 'max_byte'; did you mean 'max_bytes'?"),
    "unknown": (prepare_image, {"quality": 1}, "prepare_image has no argument 'quality'; it takes output, max_bytes,"),
    "file": (estimate_file, {"resolution": "max"}, "did you mean 'media_resolution'?"),
    "corpus": (plan_corpus, {"currancy": "CNY"}, "plan_corpus has no argument 'currancy'; did you mean 'currency'?"),
}  # fmt: skip


@pytest.mark.parametrize("row", MISSPELT)
def test_a_misspelt_argument_of_a_function_for_media(row):
    function, options, start = MISSPELT[row]
    model = {"model": "mimo-v2.6-flash"} if function in (estimate_file, plan_corpus) else {}
    with pytest.raises(MiMoInputError) as raised:
        function("a.mp4", **model, **options)
    assert start in str(raised.value)
    [tool] = wire_tools([function])  # its signature is its own
    names = list(inspect.signature(function).parameters)
    assert list(tool["function"]["parameters"]["properties"]) == [
        name for name in names if name != "progress"
    ]
    assert pickle.loads(pickle.dumps(function)) is function


OBJECTS = {
    "budget": (CallBudget, {"max_costs": 1}, "CallBudget has no argument 'max_costs'; did you mean 'max_cost'?"),
    "ledger": (Ledger, {"price": {}}, "Ledger has no argument 'price'; did you mean 'prices'?"),
    "add": (Ledger().add, {"model": "m", "usage": None, "tag": ()}, "Ledger.add has no argument 'tag'; did you mean 'tags'?"),
    "callback": (LedgerCallback, {"tag": "a"}, "LedgerCallback has no argument 'tag'; did you mean 'tags'?"),
    "money": (Money, {"amout": 1}, "Money has no argument 'amout'; did you mean 'amount'?"),
    "price": (price_of, {"usage": None, "curency": "CNY"}, "price_of has no argument 'curency'; did you mean 'currency'?"),
    "many": (prepare_many, {"calls": [], "workers": 2}, "prepare_many has no argument 'workers'; did you mean 'max_workers'?"),
}  # fmt: skip


@pytest.mark.parametrize("row", OBJECTS)
def test_a_misspelt_argument_of_what_counts_and_prices(row):
    function, options, text = OBJECTS[row]
    with pytest.raises((MiMoConfigurationError, MiMoInputError)) as raised:
        function(**options)
    assert str(raised.value) == text

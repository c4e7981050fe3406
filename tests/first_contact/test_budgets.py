"""Mistakes of a first day: budgets and their files."""

import pytest
from error_words import is_found_by_its_words

from langchain_mimo import ChatMiMo
from langchain_mimo.cost import CallBudget, Money
from langchain_mimo.errors import MiMoConfigurationError, MiMoInputError

KEY = "sk-canary-0123456789"

MISTAKES = {
    "no path": (lambda: CallBudget(share=""), ["share", "path of a file", "''"]),
    "a number": (lambda: CallBudget(share=5), ["share", "path of a file", "5"]),
    "memory": (lambda: CallBudget(share=":memory:"), ["share", "leave share out"]),
    "the class": (
        lambda: ChatMiMo(model="m", api_key=KEY, budget=CallBudget),
        ["budget must be a CallBudget", "the class CallBudget", "CallBudget()"],
    ),
    "an endless pause": (lambda: CallBudget().pause(float("inf")), ["seconds", ">= 0", "inf"]),
}


@pytest.mark.parametrize(("mistake", "named"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_remedy(mistake, named):
    with pytest.raises((MiMoConfigurationError, MiMoInputError)) as caught:
        mistake()
    text = str(caught.value)
    assert [part for part in named if part not in text] == []
    assert is_found_by_its_words(text)


FILES = {
    "two currencies": ("budget.db", ["counts CNY", "max_cost is in USD", "another file"]),
    "no folder": ("none/budget.db", ["budget.db", "folder", "does not exist"]),
    "a folder": (".", ["it is a folder", "add the name of a file"]),
}


@pytest.mark.parametrize(("share", "named"), FILES.values(), ids=FILES)
def test_a_file_that_does_not_fit_is_named_with_the_reason(share, named, tmp_path):
    CallBudget(share=tmp_path / "budget.db", max_cost=Money(1, "CNY"))
    with pytest.raises(MiMoConfigurationError) as caught:
        CallBudget(share=tmp_path / share, max_cost=1)
    text = str(caught.value)
    assert [part for part in named if part not in text] == []
    assert is_found_by_its_words(text)

"""Mistakes of a first day: budgets, against the emulator, which counts what arrives."""

import pytest
from error_words import is_found_by_its_words

from langchain_mimo import ChatMiMo, MiMoTimeouts
from langchain_mimo.cost import CallBudget
from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.errors import MiMoBudgetError, MiMoRateLimitError, MiMoTimeoutError


@pytest.fixture
def emulator():
    with MiMoEmulator() as running:
        yield running


def model(emulator, budget, **fields):
    settings = {"model": "mimo-v2.6-flash", "api_key": emulator.api_key, "max_retries": 0} | fields
    return ChatMiMo(base_url=emulator.base_url, budget=budget, **settings)


def test_a_batch_fits_below_a_ceiling_that_holds_few_calls_at_once(emulator):
    budget = CallBudget(max_cost=0.1)  # holds two calls at once, by what they may cost
    messages = model(emulator, budget).batch([f"Name {number} colours." for number in range(20)])
    assert len(messages) == len(emulator.requests) == 20
    assert 0 < budget.spent.amount < 0.1
    assert budget.spent.amount == pytest.approx(budget.ledger.cost().money.amount)
    assert budget.reserved.amount == 0


def test_a_call_in_the_loop_of_a_stream_ends_with_total(emulator):
    budget = CallBudget(max_concurrency=1)
    llm = model(emulator, budget, timeout=MiMoTimeouts(total=0.3))
    stream = model(emulator, budget).stream("Tell me a thing")
    next(stream)
    with pytest.raises(MiMoTimeoutError, match="waiting for the call budget") as caught:
        llm.invoke("inner")
    assert is_found_by_its_words(str(caught.value))
    stream.close()
    assert llm.invoke("inner").text


def test_a_pause_after_a_429_can_be_ended(emulator):
    emulator.fault("rate_limit", times=1, retry_after="seconds", seconds=3600)
    budget = CallBudget()
    llm = model(emulator, budget, timeout=MiMoTimeouts(total=0.2))
    with pytest.raises(MiMoRateLimitError, match=r"budget=CallBudget\(\.\.\.\)"):
        llm.invoke("Hi")
    with pytest.raises(MiMoTimeoutError):
        llm.invoke("Hi")
    budget.pause(0)
    assert model(emulator, budget).invoke("Hi").text


def test_a_server_of_ones_own_has_no_price(emulator):
    llm = model(emulator, CallBudget(max_cost=1), server="vllm")
    with pytest.raises(MiMoBudgetError, match=r"\(self-hosted\)") as caught:
        llm.invoke("Hi")
    assert is_found_by_its_words(str(caught.value))
    assert not emulator.requests

"""Mistakes of a first day: settings, against the emulator, which counts what arrives."""

import warnings

import pytest
from error_words import is_found_by_its_words

from langchain_mimo import ChatMiMo, MiMoTimeouts, RetryPolicy, _checks
from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.errors import MiMoConfigurationError, MiMoError, MiMoNotFoundError


@pytest.fixture(autouse=True)
def first_day(monkeypatch):
    monkeypatch.setattr(_checks, "_warned", set())
    for name in ("MIMO_API_KEY", "XIAOMI_API_KEY", "MIMO_MAX_RETRIES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def emulator():
    with MiMoEmulator() as running:
        yield running


def model(emulator, **fields):
    settings = {"model": "mimo-v2.6-flash", "api_key": emulator.api_key} | fields
    return ChatMiMo(base_url=emulator.base_url, **settings)


@pytest.mark.parametrize("way", ["argument", "variable"])
def test_a_policy_that_sets_delays_alone_keeps_the_number_of_retries(way, emulator, monkeypatch):
    emulator.fault("server_error", times=3)
    if way == "variable":
        monkeypatch.setenv("MIMO_MAX_RETRIES", "0")
    fields = {"max_retries": 0} if way == "argument" else {}
    with pytest.raises(MiMoError) as caught:
        model(emulator, retry_policy=RetryPolicy(initial_delay=0.01), **fields).invoke("Hello")
    assert len(emulator.requests) == caught.value.attempts == 1


def test_a_long_retry_after_advises_to_raise_total(emulator):
    emulator.fault("rate_limit", times=1, retry_after="seconds", seconds=20)
    with pytest.raises(MiMoError) as caught:
        model(emulator, timeout=MiMoTimeouts(total=3)).invoke("Hello")
    text = str(caught.value)
    assert "retry after: 20 s. The next wait of 2" in text
    assert text.endswith("would pass total=3 s; raise it with timeout=MiMoTimeouts(total=...).")
    assert "max_retries" not in text
    assert is_found_by_its_words(text)
    assert len(emulator.requests) == 1


def test_a_retired_model_warns_before_the_emulator_refuses_it(emulator):
    with pytest.warns(UserWarning, match=r"^MiMo retired mimo-v2\.5 on .*; use mimo-v2\.6-flash"):
        llm = model(emulator, model="mimo-v2.5")
    with pytest.raises(MiMoNotFoundError, match=r"use mimo-v2\.6-flash"):
        llm.invoke("Hello")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ChatMiMo("mimo-v2.5-pro", server="vllm", base_url=emulator.base_url)


def test_the_key_of_the_environment_stays_at_home(emulator, monkeypatch):
    monkeypatch.setenv("MIMO_API_KEY", emulator.api_key)
    with pytest.raises(MiMoConfigurationError, match='or pass "none" to a server that') as caught:
        model(emulator, api_key="")
    assert is_found_by_its_words(str(caught.value))
    model(emulator, api_key=None).invoke("Hello")
    with pytest.raises(MiMoError):
        model(emulator, api_key="none").invoke("Hello")
    assert [request.status for request in emulator.requests] == [200, 401]

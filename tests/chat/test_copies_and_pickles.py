"""Copies keep working and keep the key in the process; pickles do not carry it."""

import copy
import pickle

import cloudpickle
import httpx2
import pytest
from langchain_core.rate_limiters import InMemoryRateLimiter

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.errors import MiMoConfigurationError

CANARY = "sk-canary-0123456789"
BODY = {
    "id": "x",
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "hi"}}],
}


def answering():
    return httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json=BODY)))


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "model_copy": lambda llm: llm.model_copy(),
    "model_copy deep": lambda llm: llm.model_copy(deep=True),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_work_and_keep_the_key(name, monkeypatch):
    monkeypatch.delenv("MIMO_API_KEY", raising=False)
    llm = ChatMiMo(
        model="m",
        api_key=CANARY,
        http_client=answering(),
        rate_limiter=InMemoryRateLimiter(requests_per_second=1000),
    )
    llm.invoke("x")
    made = COPIES[name](llm)
    assert made.api_key.get_secret_value() == CANARY
    assert made.http_client is llm.http_client
    assert made.rate_limiter is llm.rate_limiter
    assert made.invoke("x").content == "hi"


def test_a_copy_with_another_client_uses_it():
    llm = ChatMiMo(model="m", api_key=CANARY, http_client=answering())
    llm.invoke("x")
    other = httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(401)))
    with pytest.raises(Exception, match="401"):
        llm.model_copy(update={"http_client": other}).invoke("x")
    assert llm.invoke("x").content == "hi"


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
@pytest.mark.parametrize("variable", ["MIMO_API_KEY", "XIAOMI_API_KEY"])
def test_a_key_of_the_environment_is_pickled_by_name(monkeypatch, pickler, variable):
    monkeypatch.delenv("MIMO_API_KEY", raising=False)
    monkeypatch.setenv(variable, CANARY)
    data = pickler.dumps(ChatMiMo(model="m", temperature=0.5))
    assert b"canary" not in data
    assert pickle.loads(data).api_key.get_secret_value() == CANARY
    monkeypatch.setenv(variable, "sk-elsewhere")
    back = pickle.loads(data)
    assert (back.api_key.get_secret_value(), back.temperature) == ("sk-elsewhere", 0.5)
    monkeypatch.delenv(variable)
    with pytest.raises(MiMoConfigurationError, match="no API key"):
        pickle.loads(data).invoke("x")


@pytest.mark.parametrize(
    "fields", [{"api_key": CANARY}, {"api_key": "sk-env", "default_headers": {"X": CANARY}}]
)
def test_other_secrets_are_refused_or_allowed(monkeypatch, fields):
    monkeypatch.setenv("MIMO_API_KEY", "sk-env")
    with pytest.raises(MiMoConfigurationError, match="allow_key_in_pickle") as caught:
        pickle.dumps(ChatMiMo(model="m", **fields))
    assert "canary" not in str(caught.value)
    llm = ChatMiMo(model="m", allow_key_in_pickle=True, **fields)
    assert pickle.loads(pickle.dumps(llm)) == llm


def test_headers_are_secrets_even_without_a_key(monkeypatch):
    monkeypatch.delenv("MIMO_API_KEY", raising=False)
    monkeypatch.delenv("XIAOMI_API_KEY", raising=False)
    llm = ChatMiMo(model="m", base_url="http://127.0.0.1:1", default_headers={"X": CANARY})
    with pytest.raises(MiMoConfigurationError, match="default_headers"):
        pickle.dumps(llm)


def test_a_client_of_ones_own_cannot_travel(monkeypatch):
    monkeypatch.setenv("MIMO_API_KEY", CANARY)
    with pytest.raises(MiMoConfigurationError, match="http_client"):
        pickle.dumps(ChatMiMo(model="m", http_client=answering()))

"""How often a model retries, from argument, policy and environment; counted where requests arrive."""

import json

import httpx2
import pytest
from langchain_core.load import dumps, load
from langchain_core.runnables import ConfigurableField

from langchain_mimo import ChatMiMo, RetryPolicy
from langchain_mimo.errors import MiMoConfigurationError, MiMoServerError

FAST = {"initial_delay": 1e-6}


def attempts_of(llm):
    """Return how many requests arrive at a server that always fails."""
    sent = []

    def respond(request):
        sent.append(request)
        return httpx2.Response(503)

    client = httpx2.Client(transport=httpx2.MockTransport(respond))
    with pytest.raises(MiMoServerError) as caught:
        llm.model_copy(update={"http_client": client}).invoke("x")
    assert caught.value.attempts == len(sent)
    return len(sent)


def model(**fields):
    return ChatMiMo(model="mimo-v2.6-flash", api_key="sk-test", **fields)


@pytest.mark.parametrize("kind", [RetryPolicy, dict])
@pytest.mark.parametrize(
    ("argument", "in_policy", "variable", "attempts"),
    [
        (None, None, None, 3),
        (0, None, None, 1),
        (4, None, "1", 5),
        (None, None, "0", 1),
        (None, None, "1", 2),
        (None, None, "", 3),
        (None, 1, None, 2),
        (None, 3, "0", 4),
        (None, 0, "5", 1),
        (1, 1, "5", 2),
    ],
)
def test_a_policy_without_a_number_takes_the_models(
    argument, in_policy, variable, attempts, kind, monkeypatch
):
    if variable is not None:
        monkeypatch.setenv("MIMO_MAX_RETRIES", variable)
    fields = {} if argument is None else {"max_retries": argument}
    number = {} if in_policy is None else {"max_retries": in_policy}
    llm = model(retry_policy=kind(**FAST, **number), **fields)
    assert attempts_of(llm) == attempts
    assert llm.max_retries == attempts - 1


@pytest.mark.parametrize("kind", [RetryPolicy, dict])
@pytest.mark.parametrize(("argument", "in_policy"), [(0, 4), (4, 0), (2, 3)])
def test_an_argument_and_a_policy_that_contradict_each_other_are_refused(argument, in_policy, kind):
    with pytest.raises(MiMoConfigurationError) as caught:
        model(max_retries=argument, retry_policy=kind(max_retries=in_policy))
    assert str(caught.value) == (
        f"max_retries={argument} and RetryPolicy(max_retries={in_policy}) contradict each other; "
        "remove one of them"
    )


def test_copies_serialized_and_configured_models_keep_the_number(monkeypatch):
    llm = model(max_retries=1, retry_policy=RetryPolicy(**FAST))
    assert attempts_of(llm.model_copy(update={"max_retries": 3})) == 4
    monkeypatch.setenv("MIMO_API_KEY", "sk-test")
    for original in (llm, model(retry_policy=RetryPolicy(max_retries=1, **FAST))):
        tree = json.loads(dumps(original))
        back = load(tree, valid_namespaces=["langchain_mimo"], allowed_objects=[ChatMiMo])
        assert attempts_of(back) == 2
        other = original.configurable_fields(top_p=ConfigurableField("p"))
        assert attempts_of(other.with_config(configurable={"p": 0.5})._prepare()[0]) == 2


@pytest.mark.parametrize("value", ["2.0", "-1", "+2", "two", "1e3"])
def test_a_variable_that_is_no_integer_is_refused(value, monkeypatch):
    monkeypatch.setenv("MIMO_MAX_RETRIES", value)
    with pytest.raises(MiMoConfigurationError) as caught:
        model()
    assert str(caught.value) == f"MIMO_MAX_RETRIES must be an integer >= 0, got {value!r}"

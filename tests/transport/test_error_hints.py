"""The hints that depend on the request: its key, its host, its model."""

import json

import httpx2
import pytest
from api_requests import api_request, error_body

from langchain_mimo._transport.destination import Destination
from langchain_mimo._transport.error_hints import ErrorContext
from langchain_mimo._transport.error_responses import error_from_response
from langchain_mimo.catalogue import MODELS, TOKEN_PLAN_HOSTS, current_ids
from langchain_mimo.errors import MiMoAuthenticationError, MiMoNotFoundError

HOST = "api.xiaomimimo.com"
URL = httpx2.URL(f"https://{HOST}/v1/chat/completions")
SEARCH = {"type": "web_search", "limit": 3}
FUNCTION = {"type": "function", "function": {"name": "web_search", "parameters": {}}}


@pytest.mark.parametrize(
    ("family", "host", "pieces"),
    [
        ("tp-", HOST, ["tp-", HOST, *TOKEN_PLAN_HOSTS.values(), "region"]),
        ("ttp-", HOST, ["ttp-", "region"]),
        ("tp-", TOKEN_PLAN_HOSTS["sgp"], ["one region only", *TOKEN_PLAN_HOSTS]),
        ("sk-", TOKEN_PLAN_HOSTS["cn"], ["pay-as-you-go", HOST]),
        ("sk-", HOST, ["sk-", "console"]),
        ("", HOST, ["unknown prefix"]),
        ("sk-", "127.0.0.1", ["127.0.0.1"]),
        ("sk-", "notxiaomimimo.com", ["notxiaomimimo.com", "that server"]),
    ],
)
def test_a_401_names_host_and_key_family(family, host, pieces):
    context = ErrorContext(host, family, "mimo-v2.6-pro", ("sk-canary-canary",))
    text = str(error_from_response(401, {}, error_body(401, "Invalid API Key"), context))
    for piece in pieces:
        assert piece in text
    assert "canary" not in text


def context_of(headers, **tree):
    return Destination(str(URL), headers).context({"model": "m", **tree})


def test_a_401_without_a_key_says_so():
    text = str(error_from_response(401, {}, error_body(401, "Invalid API Key"), context_of({})))
    assert f"No key was sent to {HOST}; pass api_key or set MIMO_API_KEY." in text


@pytest.mark.parametrize(
    ("url", "pieces"),
    [
        (str(URL), ["MiMo reads api-key even if it is wrong", "default_headers", "http_client"]),
        ("https://gateway.example/v1", ["gateway.example", "which of them it reads"]),
    ],
)
def test_a_401_names_the_headers_if_two_keys_were_sent(url, pieces):
    headers = {"Authorization": "Bearer sk-good-canary", "API-Key": "tp-other-canary"}
    context = Destination(url, headers).context({})
    assert context.key_family == "tp-"
    error = error_from_response(401, {}, error_body(401, "tp-other-canary sk-good-canary"), context)
    assert type(error) is MiMoAuthenticationError
    for piece in ["in the headers api-key and authorization", *pieces]:
        assert piece in str(error)
    assert "canary" not in str(error) + str(error.response.text)


def test_a_key_in_the_headers_of_the_users_own_client_counts_too(shell):
    side = shell(lambda n, request: httpx2.Response(401, content=error_body(401, "sk-own-canary")))
    client = side.transport._client or side.transport._async_client
    client.headers["api-key"] = "sk-own-canary"
    with pytest.raises(MiMoAuthenticationError) as caught:
        side.request(api_request())
    assert "in the headers api-key and authorization" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_the_same_key_in_two_headers_is_no_contradiction():
    context = context_of({"Authorization": "Bearer sk-good-key", "api-key": "sk-good-key"})
    assert context.rival_headers == ()


@pytest.mark.parametrize(
    ("tools", "searches"),
    [
        ([FUNCTION, SEARCH], True),
        ([FUNCTION], False),
        ([], False),
        (None, False),
        ("web_search", False),
        (["web_search"], False),
    ],
)
def test_which_requests_search_the_web(tools, searches):
    assert context_of({}, tools=tools).searches is searches


def unsupported(model, host=HOST):
    """The error for a model, as MiMo's gateway sends it."""
    error = {"code": "400", "message": f"Unsupported model {model or 'unknown-model'}"}
    body = json.dumps({"error": error}, indent=4).encode()
    return error_from_response(400, {}, body, ErrorContext(host, "sk-", model))


@pytest.mark.parametrize("model", [m for m in MODELS.values() if m.ended and m.successor])
def test_a_retired_model_names_its_successor(model):
    old = error_body(400, "Param Incorrect", f"Not supported model {model.id}")
    for error in (
        unsupported(model.id),
        error_from_response(400, {}, old, ErrorContext(HOST, "sk-", model.id)),
        error_from_response(404, {}, b"", ErrorContext("reseller.example", "", model.id)),
    ):
        assert type(error) is MiMoNotFoundError
        assert f"retired as of {model.ended.date()}; use {model.successor}." in str(error)


@pytest.mark.parametrize("host", [HOST, "127.0.0.1"])
@pytest.mark.parametrize(
    ("model", "start"),
    [
        ("mimo-v9", "Unknown model 'mimo-v9'; MiMo serves "),
        ("MiMo-V2.6-Pro", "Unknown model 'MiMo-V2.6-Pro'; MiMo serves "),
        ("", "The request names no model; set model to one of "),
    ],
)
def test_an_unknown_or_missing_model_names_those_that_mimo_serves(model, start, host):
    error = unsupported(model, host)
    assert type(error) is MiMoNotFoundError
    assert error.hint == f"{start}{', '.join(current_ids())}."


def test_a_model_that_mimo_lists_may_not_be_in_the_plan():
    assert "your account or plan" in unsupported("mimo-v2.6-pro-ultraspeed").hint


@pytest.mark.parametrize("host", ["vllm.local", "notxiaomimimo.com"])
def test_a_404_of_another_server_lists_no_ids_of_mimo(host):
    error = error_from_response(404, {}, b"", ErrorContext(host, "", "my-model"))
    assert error.hint == "Check the model id and base_url (MiMo's ends in /v1)."


@pytest.mark.parametrize(
    ("model", "start"),
    [
        ("mimo-v2.5-tts", "mimo-v2.5-tts synthesizes speech and does not chat; use one of "),
        ("mimo-v2.5-asr", "mimo-v2.5-asr transcribes speech and does not chat; use one of "),
    ],
)
def test_a_speech_model_names_the_chat_models(model, start):
    body = error_body(400, "Param Incorrect", "system role is not allowed for TTS model")
    error = error_from_response(400, {}, body, ErrorContext(HOST, "sk-", model))
    assert error.hint == f"{start}{', '.join(current_ids())}."


def test_the_range_of_the_output_limit_is_the_models():
    body = error_body(400, "Param Incorrect", "max_completion_tokens is too small: 0.")
    flash = error_from_response(400, {}, body, ErrorContext(HOST, "sk-", "mimo-v2-flash"))
    assert "from 1 to 65,536" in flash.hint
    other = error_from_response(400, {}, body, ErrorContext(HOST, "sk-", "x"))
    assert "that the model allows" in other.hint

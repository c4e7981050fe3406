"""Requests that MiMo refuses, through ChatMiMo: each error says what is wrong and what to do."""

import httpx2
import pytest
from chat_calls import WAYS, call, model_at, run_agent
from langchain.agents import create_agent
from langchain_core import exceptions as core
from langchain_core.tools import tool

from langchain_mimo.catalogue import current_ids
from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.errors import (
    MiMoAuthenticationError,
    MiMoInvalidRequestError,
    MiMoNotFoundError,
)

IDS = ", ".join(current_ids())
CONSOLE = "https://platform.xiaomimimo.com/console/plugin"
LIMIT = "Set max_completion_tokens to a number from 1 to 131,072."

# name: fields of the model, class of the error, what MiMo says, the hint
MODELS = {
    "unknown": (
        {"model": "mimo-v9"},
        MiMoNotFoundError,
        "400 Unsupported model mimo-v9.",
        f"Unknown model 'mimo-v9'; MiMo serves {IDS}.",
    ),
    "retired": (
        {"model": "mimo-v2.5"},
        MiMoNotFoundError,
        "400 Unsupported model mimo-v2.5.",
        "mimo-v2.5 is retired as of 2026-10-21; use mimo-v2.6-flash.",
    ),
    "retired long ago": (
        {"model": "mimo-v2-omni"},
        MiMoNotFoundError,
        "400 Unsupported model mimo-v2-omni.",
        "mimo-v2-omni is retired as of 2026-06-30; use mimo-v2.6-flash.",
    ),
    "missing": (
        {"extra_body": {"model": None}},
        MiMoNotFoundError,
        "400 Unsupported model unknown-model.",
        f"The request names no model; set model to one of {IDS}.",
    ),
    "speech": (
        {"model": "mimo-v2.5-tts"},
        MiMoInvalidRequestError,
        "400 Param Incorrect; param: messages must contain an assistant role for TTS model.",
        f"mimo-v2.5-tts synthesizes speech and does not chat; use one of {IDS}.",
    ),
    "transcription": (
        {"model": "mimo-v2.5-asr"},
        MiMoInvalidRequestError,
        "400 Param Incorrect; param: ASR request requires a user message with input_audio content.",
        f"mimo-v2.5-asr transcribes speech and does not chat; use one of {IDS}.",
    ),
}
OPENAI_ONLY = {
    "output limit too large": (
        {"extra_body": {"max_completion_tokens": 999_999_999}},
        MiMoInvalidRequestError,
        "400 Param Incorrect; param: max_completion_tokens is too large: 999999999.",
        LIMIT,
    ),
    "output limit too small": (
        {"extra_body": {"max_completion_tokens": 0}},
        MiMoInvalidRequestError,
        "400 Param Incorrect; param: max_completion_tokens is too small: 0.",
        LIMIT,
    ),
    "unknown response_format": (
        {"extra_body": {"response_format": {"type": "xml"}}},
        MiMoInvalidRequestError,
        "400 Invalid request parameters; type: Bad Request.",
        "MiMo does not say which parameter it means.",
    ),
}
ANTHROPIC_ONLY = {
    "output limit too large": (
        {"extra_body": {"max_tokens": 999_999_999}},
        MiMoInvalidRequestError,
        "400 Param Incorrect; param: max_completion_tokens is too large: 999999999.",
        LIMIT,
    ),
}
CASES = [
    *(
        pytest.param(api_format, *row, id=f"{api_format} {name}")
        for api_format in ("openai", "anthropic")
        for name, row in MODELS.items()
    ),
    *(pytest.param("openai", *row, id=f"openai {name}") for name, row in OPENAI_ONLY.items()),
    *(
        pytest.param("anthropic", *row, id=f"anthropic {name}")
        for name, row in ANTHROPIC_ONLY.items()
    ),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("api_format", "fields", "error", "said", "hint"), CASES)
def test_a_refused_request(emulator, api_format, fields, error, said, hint, way):
    model = model_at(emulator, api_format=api_format, max_retries=2, **fields)
    with pytest.raises(error) as caught:
        call(model, way)
    assert type(caught.value) is error
    assert str(caught.value).startswith(said)
    assert caught.value.hint.startswith(hint)
    assert not caught.value.is_retryable
    assert [request.status for request in emulator.requests] == [400]


def test_a_system_message_for_a_speech_model(emulator):
    with pytest.raises(MiMoInvalidRequestError, match="system role is not allowed") as caught:
        model_at(emulator, model="mimo-v2.5-tts").invoke([("system", "x"), ("user", "y")])
    assert "does not chat" in caught.value.hint


# Web search that is switched off


@pytest.mark.parametrize("way", WAYS)
def test_web_search_that_is_off(way):
    with MiMoEmulator(web_search=False) as emulator:
        model = model_at(emulator, max_retries=2)
        with pytest.raises(MiMoInvalidRequestError, match="webSearchEnabled is false") as caught:
            call(model.bind_tools([{"type": "web_search"}]), way)
        assert CONSOLE in caught.value.hint
        assert len(emulator.requests) == 1
        assert call(model, way).text


# Keys


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({"api_key": "sk-wrong-canary"}, "The key was sent to 127.0.0.1:{port}"),
        (
            {"api_key": None},
            "No key was sent to 127.0.0.1:{port}; pass api_key or set MIMO_API_KEY.",
        ),
        (
            {"default_headers": {"api-key": "sk-other-canary"}},
            "Different keys were sent to 127.0.0.1:{port} in the headers api-key and authorization",
        ),
    ],
    ids=["wrong", "missing", "two"],
)
def test_a_key_that_is_refused(emulator, api_format, fields, hint, way, monkeypatch):
    for variable in ("MIMO_API_KEY", "XIAOMI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(MiMoAuthenticationError) as caught:
        call(model_at(emulator, api_format=api_format, **fields), way)
    error = caught.value
    assert isinstance(error, core.ModelAuthenticationError)
    assert (error.code, error.type) == ("401", "invalid_key")
    assert error.param == "Please provide valid API Key"
    assert error.hint.startswith(hint.format(port=emulator.port))
    assert "canary" not in str(error) + repr(error.__dict__)


def test_the_right_key_in_api_key_counts(emulator):
    headers = {"api-key": emulator.api_key}
    assert call(model_at(emulator, api_key="sk-wrong", default_headers=headers), "invoke").text


class OwnClients:
    """A model with the caller's own clients, which are closed in the loop that used them."""

    def __init__(self, make_client):
        self._make_client = make_client

    async def call(self, emulator, way, **fields):
        with self._make_client(httpx2.Client) as client:
            async with self._make_client(httpx2.AsyncClient) as async_client:
                model = model_at(
                    emulator, http_client=client, http_async_client=async_client, **fields
                )
                match way:
                    case "ainvoke":
                        return await model.ainvoke("Hello")
                    case "astream":
                        return [chunk async for chunk in model.astream("Hello")]
                    case _:
                        return call(model, way)


@pytest.mark.parametrize("way", WAYS)
async def test_a_key_in_the_headers_of_an_own_client_counts_too(emulator, way):
    own = OwnClients(lambda client: client(headers={"api-key": "sk-other-canary"}))
    with pytest.raises(MiMoAuthenticationError, match="api-key and authorization") as caught:
        await own.call(emulator, way)
    assert "canary" not in str(caught.value)


# A body that something on the way has cut


class Cut(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """The first bytes of a body."""

    START = b'{"model": "mimo-v2.6-fl'

    def __iter__(self):
        yield self.START

    async def __aiter__(self):
        yield self.START


def cut_body(request):
    request.headers["content-length"] = str(len(Cut.START))
    request.stream = Cut()


async def acut_body(request):
    cut_body(request)


def cutting(client):
    hook = cut_body if client is httpx2.Client else acut_body
    return client(event_hooks={"request": [hook]})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fields", [{}, {"api_key": "sk-wrong"}], ids=["right key", "wrong key"])
async def test_a_body_that_is_not_json_is_noticed_before_the_key(emulator, api_format, fields, way):
    with pytest.raises(MiMoInvalidRequestError) as caught:
        await OwnClients(cutting).call(emulator, way, api_format=api_format, **fields)
    assert str(caught.value).startswith("400 Invalid JSON in request body.")
    assert (caught.value.param, caught.value.type) == (None, None)
    assert "hooks of http_client" in caught.value.hint


# Agents


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("api_format", "fields", "error", "said", "hint"), CASES)
def test_an_agent_raises_the_same_error(emulator, api_format, fields, error, said, hint, way):
    ran = []

    @tool
    def weather(city: str) -> str:
        """Tell the weather of a city."""
        ran.append(city)
        return "Rain."

    agent = create_agent(model_at(emulator, api_format=api_format, **fields), [weather])
    with pytest.raises(error) as caught:
        run_agent(agent, way, "What is the weather in Oslo?")
    assert caught.value.hint.startswith(hint)
    assert not ran


def test_langchains_class_lets_another_model_take_over(emulator):
    retired = model_at(emulator, model="mimo-v2.5-pro")
    current = model_at(emulator)
    either = retired.with_fallbacks([current], exceptions_to_handle=(core.ModelNotFoundError,))
    assert "mimo-v2.6-flash" in either.invoke("Hello").text

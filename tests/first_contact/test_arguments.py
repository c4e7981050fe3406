"""Mistakes of a first day: arguments of the constructor and of a call.

Each row is one mistake, by its number in the list of 68 that was provoked in the first place, with
the class it ends in, and what its text must name: where, the value, and the remedy.
"""

import asyncio
import ssl
import warnings
from pathlib import Path

import httpx
import httpx2
import pytest
from error_words import is_found_by_its_words
from pydantic import SecretStr

from langchain_mimo import (
    ChatMiMo,
    MiMoConfigurationError,
    MiMoError,
    MiMoInputError,
    MiMoTimeouts,
    _checks,
)
from langchain_mimo._transport import clients
from langchain_mimo.errors import MiMoAuthenticationError, MiMoNotFoundError

CANARY = "sk-canary-0123456789"
SERVING = ("mimo-v2.6-pro", "mimo-v2.6-flash", "mimo-v2.6-pro-ultraspeed")
ANSWER = {
    "id": "1",
    "model": "mimo-v2.6-flash",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hello"}}],
}
WRONG_KEY = {
    "error": {"code": "401", "message": "Invalid API Key", "param": "", "type": "invalid_key"}
}
NO_SUCH_MODEL = {
    "error": {"code": "400", "message": "Not supported model mimo-v3", "param": "", "type": ""}
}
NO_CALL = {"status_code": 200, "json": ANSWER}


@pytest.fixture(autouse=True)
def first_day(monkeypatch, tmp_path):
    monkeypatch.setattr(_checks, "_warned", set())
    monkeypatch.chdir(tmp_path)
    for name in ("MIMO_API_KEY", "XIAOMI_API_KEY", "MIMO_BASE_URL", "MIMO_MAX_RETRIES"):
        monkeypatch.delenv(name, raising=False)


def model(**fields):
    return lambda: ChatMiMo(**{"model": "mimo-v2.6-flash", "api_key": CANARY, **fields})


def answering(**response):
    return httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(**response)))


def call(response=NO_CALL, /, *, fields=None, **keywords):
    """Return a call whose keywords are wrong, or whose model the server refuses."""

    def run():
        sent = []
        answer = httpx2.Response(**response)
        transport = httpx2.MockTransport(lambda request: sent.append(request) or answer)
        llm = model(http_client=httpx2.Client(transport=transport), **(fields or {}))()
        try:
            return llm.invoke("Hello", **keywords)
        finally:
            assert bool(sent) is (response is not NO_CALL)

    return run


def closed_client():
    client = answering(**NO_CALL)
    client.close()
    return model(http_client=client)().invoke("Hello")


KEYS = [
    (f"“{CANARY}”", "has a character that is not ASCII ('“' at position 0)"),
    (f"{CANARY}\N{NO-BREAK SPACE}", "has a character that is not ASCII ('\\xa0' at position 20)"),
    (f"{CANARY}\nsk-second", "has a line break at position 20"),
    (f"{CANARY} # mine", "has a space at position 20"),
    (f"{CANARY}\t1", "has a tab at position 20"),
    (f"{CANARY}\x001", "has the character '\\x00' at position 20"),
    (f'"{CANARY}"', "has a quotation mark at its start or end"),
    (f"'{CANARY}'", "has a quotation mark at its start or end"),
    (f"{CANARY}`", "has a quotation mark at its start or end"),
    (f"Bearer {CANARY}", "begins with 'Bearer'"),
    (f"Authorization: Bearer {CANARY}", "begins with 'Authorization: Bearer'"),
    (f"api-key: {CANARY}", "begins with 'api-key:'"),
    (f"MIMO_API_KEY={CANARY}", "begins with 'MIMO_API_KEY='"),
    (f"export XIAOMI_API_KEY='{CANARY}'", "begins with 'export XIAOMI_API_KEY='"),
]
"""65: keys that were copied with something else, and what is said of them."""

CONSTRUCTOR = [
    (1, model(api_key=None), ["api.xiaomimimo.com", "MIMO_API_KEY", "api_key="]),
    (3, model(api_key="tp-1"), ['region="cn"', 'region="sgp"', 'region="ams"', "base_url"]),
    (4, model(region="eu"), ["region must be 'cn', 'sgp' or 'ams', got 'eu'"]),
    (5, model(region="cn"), ["region='cn'", "Token Plan", "remove it"]),
    (7, model(server="vllm"), ['server="vllm" needs base_url', "http://localhost:8000/v1"]),
    (7, model(server="sglang", api_key=None), ["(no key is needed there)", "to MiMo's cloud"]),
    (7, model(base_url=""), ["base_url is empty; pass a URL, or leave it out"]),
    (8, model(temprature=1), ["'temprature'", "did you mean 'temperature'?"]),
    (10, model(model_kwargs={}), ["'model_kwargs'", "extra_body={...}"]),
    (11, model(request_timeout=5), ["'request_timeout'", "use timeout"]),
    (11, model(proxy="http://p"), ["'proxy'", "HTTPS_PROXY", "http_client=httpx2.Client(proxy="]),
    (12, ChatMiMo, ["ChatMiMo needs a model", *SERVING]),
    (12, lambda: ChatMiMo(api_key=CANARY), ["ChatMiMo needs a model", *SERVING]),
    (12, model(model=" "), ["model must not be empty", *SERVING]),
    (13, lambda: ChatMiMo("mimo-v2.6-flash", CANARY), ["got 2 arguments", "api_key="]),
    (13, lambda: ChatMiMo("a", model="b"), ["twice", "'a'", "'b'", "remove one of them"]),
    (14, model(temperature=3), ["temperature must be a number from 0 to 1.5, got 3"]),
    (14, model(temperature="hot"), ["temperature must be a number, got 'hot'"]),
    (14, model(top_p=0), ["top_p must be a number from 0.01 to 1, got 0"]),
    (14, model(max_tokens=0), ["max_tokens must be an integer from 1 to 131072, got 0"]),
    (14, model(stop=list("abcde")), ["stop must have at most 4 sequences, got 5"]),
    (17, model(model="mimo-v2.5-asr"), ["'mimo-v2.5-asr' transcribes speech", *SERVING]),
    (17, model(model="mimo-v2.5-tts"), ["'mimo-v2.5-tts' synthesizes speech", *SERVING]),
    (
        18,
        model(allowed_media_dirs="media"),
        ["allowed_media_dirs", "'media', that is '/", "/media', which does not exist"],
    ),
    (18, model(allowed_media_dirs=5), ["allowed_media_dirs must be a folder or a list", "got 5"]),
    (19, model(timeout=(5, 5)), ["timeout must be", "MiMoTimeouts(...)", "got (5, 5)"]),
    (19, model(timeout={"conect": 5}), ["timeout", "'conect'", "did you mean 'connect'?"]),
    (19, lambda: MiMoTimeouts(conect=5), ["'conect'", "did you mean 'connect'?"]),
    (19, model(verify=5), ["verify must be", "ssl.SSLContext", "got 5"]),
    (54, model(verify="/no/ca.pem"), ["verify names '/no/ca.pem', which does not exist"]),
    (4, model(reasoning_effort="max"), ["must be 'none', 'low', 'medium' or 'high', got 'max'"]),
    (28, model(fps=30), ["fps must be a number from 0.1 to 10, got 30"]),
    (28, model(media_resolution="high"), ["media_resolution must be 'default' or 'max'", "'high'"]),
    (46, closed_client, ["http_client is closed", "stays open as long as the model is used"]),
    (47, model(http_client=httpx2.AsyncClient()), ["must be an httpx2.Client", "AsyncClient"]),
    (65, model(api_key=f"{CANARY}\n"), ["api_key has", "a line break", "copy the key alone"]),
    *((65, model(api_key=key), [f"api_key {wrong}; copy the key alone"]) for key, wrong in KEYS),
]


@pytest.mark.parametrize(
    ("wrong", "parts"), [row[1:] for row in CONSTRUCTOR], ids=[str(row[0]) for row in CONSTRUCTOR]
)
def test_a_wrong_constructor_argument(wrong, parts):
    with pytest.raises(MiMoConfigurationError) as caught:
        wrong()
    text = str(caught.value)
    for part in parts:
        assert part in text
    assert "canary" not in text
    assert "pydantic" not in text
    assert "\n" not in text
    assert len(text) < 300
    assert is_found_by_its_words(text)


@pytest.mark.parametrize("variable", ["MIMO_API_KEY", "XIAOMI_API_KEY"])
@pytest.mark.parametrize(("key", "wrong"), [row for row in KEYS if "\0" not in row[0]])
def test_65_a_key_of_the_environment_that_was_copied_with_something_else(
    monkeypatch, variable, key, wrong
):
    monkeypatch.setenv(variable, key)
    if key.strip() != key:  # spaces and line breaks around it are left out
        assert ChatMiMo("mimo-v2.6-flash").api_key.get_secret_value() == CANARY
        return
    with pytest.raises(MiMoConfigurationError) as caught:
        ChatMiMo("mimo-v2.6-flash")
    assert str(caught.value) == f"{variable} {wrong}; copy the key alone"


@pytest.mark.parametrize(("key", "wrong"), KEYS)
def test_65_a_key_that_a_function_returns(key, wrong):
    for function in (lambda: key, lambda: SecretStr(key)):
        with pytest.raises(MiMoConfigurationError) as caught:
            model(api_key=function)().invoke("Hello")
        text = f"the key that the function given as api_key returned {wrong}; copy the key alone"
        assert str(caught.value) == text


@pytest.mark.parametrize("key", ["sk-a_B.c~d+e/f==", "bearer-of-my-own", "EMPTY", "key=x", "a:b"])
def test_other_keys_pass(monkeypatch, key):
    assert model(api_key=key)().api_key.get_secret_value() == key
    monkeypatch.setenv("MIMO_API_KEY", f" {key}\n")
    assert ChatMiMo("mimo-v2.6-flash").api_key.get_secret_value() == key


CALLS = [
    (
        2,
        call({"status_code": 401, "json": WRONG_KEY}),
        MiMoAuthenticationError,
        ["Invalid API Key"],
    ),
    (9, call(temprature=1), MiMoInputError, ["'temprature'", "did you mean 'temperature'?"]),
    (14, call(temperature=3), MiMoInputError, ["temperature must be", "0 to 1.5", "got 3"]),
    (14, call(temperature="hot"), MiMoInputError, ["temperature must be", "got 'hot'"]),
    (14, call(max_tokens=0), MiMoInputError, ["max_tokens must be", "1 to 131072", "got 0"]),
    (14, call(stop=list("abcde")), MiMoInputError, ["stop must have at most 4", "got 5"]),
    (
        15,
        call({"status_code": 400, "json": NO_SUCH_MODEL}, model="mimo-v3"),
        MiMoNotFoundError,
        ["'mimo-v3'", *SERVING],
    ),
    (17, call(model="mimo-v2.5-asr"), MiMoInputError, ["transcribes speech", *SERVING]),
    (28, call(fps=30), MiMoInputError, ["fps must be a number from 0.1 to 10, got 30"]),
    (28, call(media_resolution="high"), MiMoInputError, ["must be 'default' or 'max'", "'high'"]),
]


@pytest.mark.parametrize(
    ("wrong", "expected", "parts"), [row[1:] for row in CALLS], ids=[str(row[0]) for row in CALLS]
)
def test_a_wrong_call_argument(wrong, expected, parts):
    with pytest.raises(MiMoError) as caught:
        wrong()
    assert type(caught.value) is expected
    for part in parts:
        assert part in str(caught.value)
    assert "canary" not in str(caught.value)
    assert is_found_by_its_words(str(caught.value))


def test_6_a_region_in_the_program_against_a_host_of_the_environment(monkeypatch):
    monkeypatch.setenv("MIMO_BASE_URL", "http://old-emulator.local:8123")
    with pytest.raises(MiMoConfigurationError) as caught:
        ChatMiMo("mimo-v2.6-flash", api_key="tp-canary", region="cn")
    for part in (
        "region='cn'",
        "MIMO_BASE_URL points to old-emulator.local",
        "unset MIMO_BASE_URL or pass base_url=",
    ):
        assert part in str(caught.value)
    assert is_found_by_its_words(str(caught.value))


def test_6_a_host_of_the_environment_that_is_none(monkeypatch):
    monkeypatch.setenv("MIMO_BASE_URL", "old-emulator.local:8123")
    with pytest.raises(MiMoConfigurationError, match=r"^MIMO_BASE_URL must start") as caught:
        ChatMiMo("mimo-v2.6-flash", api_key=CANARY)
    assert is_found_by_its_words(str(caught.value))


WARNINGS = [
    (10, {"reasoning_effort": "high"}, {}, "one level of thinking"),
    (16, {"model": "mimo-v2.5-pro"}, {}, "retired mimo-v2.5-pro on 2026-10-21; use mimo-v2.6-pro"),
    (8, {"base_url": "http://vllm.internal/v1"}, {}, "unencrypted to vllm.internal"),
    (10, {}, {"top_k": 3}, "extra_body={'top_k': ...}"),
    (11, {}, {"request_timeout": 5}, "use timeout, a field of the model"),
    (37, {}, {"parallel_tool_calls": False}, 'api_format="anthropic" can limit it to one'),
]


@pytest.mark.parametrize(
    ("fields", "keywords", "words"),
    [row[1:] for row in WARNINGS],
    ids=[str(row[0]) for row in WARNINGS],
)
def test_what_is_no_error_warns_at_the_programs_own_line(fields, keywords, words):
    client = answering(**NO_CALL)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        llm = ChatMiMo(
            **{"model": "mimo-v2.6-flash", "api_key": CANARY, "http_client": client, **fields}
        )
        assert llm.invoke("Hello", **keywords).content == "Hello"
    assert [warning.filename for warning in caught] == [__file__]
    assert words in str(caught[0].message)
    assert is_found_by_its_words(str(caught[0].message))


@pytest.mark.parametrize("is_sync", [True, False])
def test_a_call_that_bypasses_the_client_warns_once(monkeypatch, is_sync):
    def no_shared_client(*_):
        raise MiMoConfigurationError("the shared client was used")

    for name in ("sync_client", "async_client"):
        monkeypatch.setattr(clients, name, no_shared_client)
    given, missing = (
        ("http_async_client", "http_client")
        if is_sync
        else (
            "http_client",
            "http_async_client",
        )
    )
    own = httpx2.AsyncClient() if is_sync else httpx2.Client()

    def run(llm):
        with pytest.raises(MiMoConfigurationError, match="the shared client was used"):
            llm.invoke("Hello") if is_sync else asyncio.run(llm.ainvoke("Hello"))

    with pytest.warns(UserWarning, match=f"^{given} is for .* pass {missing} too") as caught:
        run(model(**{given: own})())
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(model(**{given: own})())
        _checks._warned.clear()
        run(model()())


@pytest.mark.filterwarnings("ignore:verify= has no effect")
def test_what_users_bring_is_taken(tmp_path):
    client = answering(**NO_CALL)
    (tmp_path / "company.pem").touch()
    llm = ChatMiMo(
        "mimo-v2.6-flash",
        api_key=CANARY,
        timeout=httpx.Timeout(30, connect=5),
        verify=tmp_path / "company.pem",
        allowed_media_dirs=tmp_path,
        stop="END",
        http_client=client,
    )
    assert llm.model == "mimo-v2.6-flash"
    assert llm.timeout == MiMoTimeouts(connect=5, first_event=30, idle=30)
    assert llm.verify == str(tmp_path / "company.pem")
    assert [Path(folder) for folder in llm.allowed_media_dirs] == [tmp_path.resolve()]
    assert llm.stop == ["END"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert llm.invoke("Hello").content == "Hello"
    context = ssl.create_default_context()
    assert ChatMiMo("m", api_key=CANARY, verify=context).verify is context


def test_speech_and_unknown_models_of_other_hosts_are_their_own_affair():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("mimo-v2.5-asr", "mimo-v2.5-pro", "mimo-v3"):
            for server in ("mimo", "vllm"):
                url = "https://reseller.example/v1"
                assert ChatMiMo(name, base_url=url, server=server).model == name

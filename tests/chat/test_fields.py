"""The constructor: environment, keys, hosts, typos, and what stays secret."""

import json
import warnings

import httpx2
import pytest
from langchain_core.load import dumps, loads
from pydantic import SecretStr

from langchain_mimo import _checks
from langchain_mimo._chat.api_keys import current_key
from langchain_mimo._chat.call_options import call_options
from langchain_mimo._transport import MiMoTimeouts, RetryPolicy
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.errors import MiMoConfigurationError

CANARY = "sk-canary-0123456789"


def api_request(llm):
    return llm._api_request({}, None, current_key(llm.api_key))


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ("MIMO_API_KEY", "XIAOMI_API_KEY", "MIMO_BASE_URL", "MIMO_MAX_RETRIES"):
        monkeypatch.delenv(name, raising=False)


def test_the_model_is_required():
    with pytest.raises(MiMoConfigurationError, match=r"needs a model, .*mimo-v2\.6-flash"):
        ChatMiMo(api_key=CANARY)


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("temprature", "temperature"),
        ("max_token", "max_tokens"),
        ("apikey", "api_key"),
        ("timeouts", "timeout"),
        ("http_asynch_client", "http_async_client"),
    ],
)
def test_an_unknown_argument_names_the_nearest(typo, meant):
    with pytest.raises(MiMoConfigurationError) as caught:
        ChatMiMo(model="mimo-v2.6-flash", api_key=CANARY, **{typo: 1})
    assert str(caught.value) == f"ChatMiMo has no argument {typo!r}; did you mean {meant!r}?"


def test_an_argument_near_nothing_is_told_of_extra_body():
    with pytest.raises(MiMoConfigurationError, match="extra_body"):
        ChatMiMo(model="mimo-v2.6-flash", api_key=CANARY, zzz=1)


def test_the_key_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("XIAOMI_API_KEY", "sk-second")
    assert ChatMiMo(model="m").api_key.get_secret_value() == "sk-second"
    monkeypatch.setenv("MIMO_API_KEY", "sk-first")
    assert ChatMiMo(model="m").api_key.get_secret_value() == "sk-first"
    assert ChatMiMo(model="m", api_key="sk-own").api_key.get_secret_value() == "sk-own"


def test_no_key_for_mimos_own_host():
    with pytest.raises(MiMoConfigurationError) as caught:
        ChatMiMo(model="mimo-v2.6-flash")
    assert "api.xiaomimimo.com" in str(caught.value)
    assert "MIMO_API_KEY" in str(caught.value)


def test_no_key_and_no_header_for_other_hosts():
    llm = ChatMiMo(model="m", base_url="http://127.0.0.1:8000/v1")
    call = api_request(llm)
    assert call.url == "http://127.0.0.1:8000/v1/chat/completions"
    assert call.headers == {}


def test_the_base_url_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("MIMO_BASE_URL", "https://reseller.example/api")
    llm = ChatMiMo(model="m", api_key=CANARY)
    assert api_request(llm).url == "https://reseller.example/api/v1/chat/completions"


def test_none_means_the_default(monkeypatch):
    monkeypatch.setenv("MIMO_BASE_URL", "https://reseller.example/api")
    monkeypatch.setenv("MIMO_API_KEY", CANARY)
    llm = ChatMiMo(model="m", base_url=None, api_key=None)
    assert api_request(llm).url == "https://reseller.example/api/v1/chat/completions"
    assert api_request(llm).headers["Authorization"] == f"Bearer {CANARY}"


@pytest.mark.parametrize("name", ["base_url", "api_key"])
@pytest.mark.parametrize("empty", ["", SecretStr("")])
def test_an_empty_argument_is_an_error(monkeypatch, name, empty):
    """It is a variable that nothing filled; the default would be another server, or another key."""
    monkeypatch.setenv("MIMO_BASE_URL", "https://reseller.example/api")
    monkeypatch.setenv("MIMO_API_KEY", CANARY)
    if name == "base_url":
        empty = ""
    with pytest.raises(MiMoConfigurationError, match=f"^{name} is empty; pass a .* leave it out"):
        ChatMiMo(model="m", **{name: empty})


@pytest.mark.parametrize("empty", ["", SecretStr("")])
def test_a_server_of_ones_own_gets_no_key_of_the_environment(monkeypatch, empty):
    monkeypatch.setenv("MIMO_API_KEY", CANARY)
    own = {"model": "m", "base_url": "https://own.example/v1"}
    with pytest.raises(MiMoConfigurationError) as caught:
        ChatMiMo(**own, api_key=empty)
    assert str(caught.value) == (
        "api_key is empty; pass a key, leave it out to use MIMO_API_KEY, or pass "
        '"none" to a server that needs no key'
    )
    headers = {"none": "Bearer none", None: f"Bearer {CANARY}"}
    for key, header in headers.items():
        assert api_request(ChatMiMo(**own, api_key=key)).headers["Authorization"] == header
    monkeypatch.setenv("MIMO_BASE_URL", " ")
    monkeypatch.setenv("XIAOMI_API_KEY", "")
    assert ChatMiMo(model="m").base_url is None


@pytest.mark.parametrize("name", ["http_client", "http_async_client"])
@pytest.mark.parametrize("value", ["x", httpx2.Client, object()])
def test_a_client_that_is_none(name, value):
    with pytest.raises(MiMoConfigurationError, match=f"^{name} must be an httpx2"):
        ChatMiMo(model="m", api_key=CANARY, **{name: value})


def test_a_token_plan_key_without_a_region():
    with pytest.raises(MiMoConfigurationError) as caught:
        ChatMiMo(model="m", api_key="tp-canary-012345")
    for name in ("cn", "sgp", "ams"):
        assert f"token-plan-{name}.xiaomimimo.com" in str(caught.value)
    assert "canary" not in str(caught.value)
    llm = ChatMiMo(model="m", api_key="tp-canary-012345", region="sgp")
    assert api_request(llm).url.startswith("https://token-plan-sgp.xiaomimimo.com/v1/")


@pytest.mark.parametrize("value", [0, 10.1, -1])
def test_fps_out_of_range(value):
    with pytest.raises(MiMoConfigurationError, match=r"fps must be a number from 0\.1 to 10"):
        ChatMiMo(model="m", api_key=CANARY, fps=value)


def test_a_reasoning_effort_is_kept_serialized_and_identifies_the_model():
    llm = ChatMiMo(model="m", api_key=CANARY, reasoning_effort="none")
    assert llm._identifying_params["reasoning_effort"] == "none"
    assert json.loads(dumps(llm))["kwargs"]["reasoning_effort"] == "none"
    assert ChatMiMo(model="m", api_key=CANARY)._get_llm_string() != llm._get_llm_string()


def test_a_level_of_effort_warns_in_the_constructor():
    with pytest.warns(UserWarning, match="one level of thinking"):
        assert ChatMiMo(model="m", api_key=CANARY, reasoning_effort="high").thinking is None


@pytest.mark.parametrize("value", ["minimal", "xhigh", "max", "", 1])
def test_an_unknown_effort_names_the_accepted_ones(value):
    with pytest.raises(MiMoConfigurationError) as caught:
        ChatMiMo(model="m", api_key=CANARY, reasoning_effort=value)
    accepted = "'none', 'low', 'medium' or 'high'"
    assert str(caught.value) == f"reasoning_effort must be {accepted}, got {value!r}"


@pytest.mark.parametrize(("thinking", "effort"), [(True, "none"), (False, "low"), (False, "high")])
def test_an_effort_that_contradicts_thinking(thinking, effort):
    with pytest.raises(MiMoConfigurationError, match=f"^thinking={thinking} contradicts.*{effort}"):
        ChatMiMo(model="m", api_key=CANARY, thinking=thinking, reasoning_effort=effort)


@pytest.mark.parametrize("value", ["-1", "two", "1.5"])
def test_retries_from_the_environment_are_checked(monkeypatch, value):
    monkeypatch.setenv("MIMO_MAX_RETRIES", value)
    with pytest.raises(MiMoConfigurationError, match="MIMO_MAX_RETRIES"):
        ChatMiMo(model="m", api_key=CANARY)


def test_retries_from_the_environment(monkeypatch):
    assert ChatMiMo(model="m", api_key=CANARY).max_retries == 2
    monkeypatch.setenv("MIMO_MAX_RETRIES", "0")
    assert ChatMiMo(model="m", api_key=CANARY).max_retries == 0


def test_a_retired_model_names_its_successor():
    with pytest.warns(UserWarning, match=r"mimo-v2\.5-pro.*2026-10-21.*mimo-v2\.6-pro"):
        ChatMiMo(model="MiMo-V2.5-Pro", api_key=CANARY)


@pytest.mark.parametrize(
    ("fields", "warns"),
    [
        ({"base_url": "http://127.0.0.1:8000/v1"}, True),  # the emulator
        ({"base_url": "http://localhost:8000"}, True),
        ({"base_url": "http://127.0.0.1:8000/v1", "server": "vllm"}, False),
        ({"base_url": "https://reseller.example/v1"}, False),
    ],
)
def test_retired_models_warn_where_mimos_ranges_hold(fields, warns, monkeypatch):
    monkeypatch.setattr(_checks, "_warned", set())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        llm = ChatMiMo(model="mimo-v2.5", api_key="none", **fields)
        for model in ("mimo-v2.5-pro", "mimo-v2.5-tts"):  # of a call; speech is not refused here
            call_options(llm, None, {"model": model})
    texts = [str(warning.message) for warning in caught]
    successors = ("mimo-v2.5 on 2026-10-21; use mimo-v2.6-flash.", "use mimo-v2.6-pro.")
    assert len(texts) == (2 if warns else 0)
    assert all(end in text for end, text in zip(successors, texts, strict=False))


def test_aliases():
    llm = ChatMiMo(model="m", api_key=CANARY, max_tokens=7, stop_sequences=["a"])
    assert (llm.max_completion_tokens, llm.stop) == (7, ["a"])
    llm = ChatMiMo(model="m", api_key=CANARY, max_completion_tokens=8, stop=["b"])
    assert (llm.max_completion_tokens, llm.stop) == (8, ["b"])


def test_secrets_stay_secret():
    llm = ChatMiMo(
        model="mimo-v2.6-flash", api_key=CANARY, default_headers={"X-Token": "canary-header"}
    )
    shown = [repr(llm), str(llm), str(llm.model_dump()), dumps(llm), str(llm._identifying_params)]
    shown += [str(llm._get_ls_params()), str(llm._get_llm_string()), str(llm.asdict())]
    with pytest.raises(MiMoConfigurationError, match="temperature") as caught:
        ChatMiMo(model="m", api_key=CANARY, temperature="hot")
    shown += [str(caught.value), repr(caught.value)]
    for text in shown:
        assert "canary" not in text
    assert api_request(llm).headers == {
        "Authorization": f"Bearer {CANARY}",
        "X-Token": "canary-header",
    }


def test_dumps_and_loads(monkeypatch):
    llm = ChatMiMo(model="mimo-v2.6-flash", api_key=CANARY, temperature=0.5, max_tokens=9)
    text = dumps(llm)
    assert json.loads(text)["id"] == ["langchain_mimo", "chat_models", "ChatMiMo"]
    back = loads(
        text,
        secrets_map={"MIMO_API_KEY": CANARY},
        valid_namespaces=["langchain_mimo"],
        allowed_objects=[ChatMiMo],
    )
    assert back == llm


def test_limits_and_retries_survive_dumps_and_loads():
    llm = ChatMiMo(
        model="m",
        api_key=CANARY,
        timeout=MiMoTimeouts(connect=1, total=9),
        retry_policy=RetryPolicy(max_retries=1, retry_upstream_funds=True),
    )
    back = loads(
        dumps(llm),
        secrets_map={"MIMO_API_KEY": CANARY},
        valid_namespaces=["langchain_mimo"],
        allowed_objects=[ChatMiMo],
    )
    assert api_request(back).timeouts == MiMoTimeouts(connect=1, total=9)
    assert api_request(back).retry == llm.retry_policy


@pytest.mark.parametrize("path", ["gone.pem", "~nobody-of-that-name/gone.pem", "{}/gone.pem"])
def test_a_certificate_that_is_not_there_is_named(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = path.format(tmp_path)
    where = "" if path == str(tmp_path / "gone.pem") else f" ({tmp_path / path})"
    with pytest.raises(MiMoConfigurationError) as caught:
        ChatMiMo(model="m", api_key=CANARY, verify=path)
    assert f"verify names {path!r}{where}, which does not exist" in str(caught.value)


def test_a_certificate_that_is_gone_since_is_named(tmp_path):
    path = tmp_path / "company.pem"
    path.touch()
    llm = ChatMiMo(model="m", api_key=CANARY, verify=path)
    path.unlink()
    with pytest.raises(MiMoConfigurationError, match=r"certificates of verify='.*company\.pem'"):
        llm.invoke("x")


def test_verify_beside_a_client_gets_one_warning():
    clients = {"http_client": httpx2.Client(), "http_async_client": httpx2.AsyncClient()}
    with pytest.warns(UserWarning, match="verify= has no effect on http_client, which") as found:
        ChatMiMo(model="m", api_key=CANARY, verify=False, **clients)
    assert len(found) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ChatMiMo(model="m", api_key=CANARY, **clients)


def test_the_profile_is_the_catalogues():
    profile = ChatMiMo(model="mimo-v2.6-flash", api_key=CANARY).profile
    assert profile["max_input_tokens"] == 1_048_576
    assert profile["video_inputs"] is True
    assert profile["structured_output"] is True
    assert ChatMiMo(model="mimo-v9", api_key=CANARY).profile is None
    own = {"max_input_tokens": 5}
    assert ChatMiMo(model="mimo-v2.6-flash", api_key=CANARY, profile=own).profile == own

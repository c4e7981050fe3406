"""Where requests go: what the program says and what the environment says must agree."""

import warnings

import pytest

from langchain_mimo import ChatMiMo, _checks
from langchain_mimo.errors import MiMoConfigurationError

VARIABLES = ("MIMO_API_KEY", "XIAOMI_API_KEY", "MIMO_BASE_URL")
PLAN_CN = "token-plan-cn.xiaomimimo.com"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    monkeypatch.setattr(_checks, "_warned", set())
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def host(**settings):
    return ChatMiMo(model="mimo-v2.6-flash", **settings)._endpoints.host


@pytest.mark.parametrize("server", ["vllm", "sglang"])
def test_a_server_of_ones_own_needs_its_address(server, monkeypatch):
    monkeypatch.setenv("MIMO_API_KEY", "sk-environment")
    with pytest.raises(MiMoConfigurationError) as caught:
        host(server=server)
    assert f'server="{server}" needs base_url' in str(caught.value)
    assert host(server=server, base_url="http://localhost:8000/v1") == "localhost"
    monkeypatch.setenv("MIMO_BASE_URL", "http://127.0.0.1:8000/v1")
    assert host(server=server) == "127.0.0.1"


@pytest.mark.parametrize(
    ("base_url", "settings", "words"),
    [
        ("http://127.0.0.1:8123/v1", {"api_key": "tp-1", "region": "cn"}, [PLAN_CN, "127.0.0.1"]),
        (
            "https://api.xiaomimimo.com/v1",
            {"api_key": "tp-1"},
            ["Token Plan", "api.xiaomimimo.com"],
        ),
        ("https://reseller.example/v1", {"api_key": "ttp-1"}, ["Token Plan", "reseller.example"]),
        (f"https://{PLAN_CN}/v1", {"api_key": "sk-1"}, ["pay-as-you-go", PLAN_CN]),
        (
            f"https://{PLAN_CN}/v1",
            {"api_key": "tp-1", "region": "sgp"},
            ["token-plan-sgp", PLAN_CN],
        ),
    ],
)
def test_the_program_against_the_environment(monkeypatch, base_url, settings, words):
    monkeypatch.setenv("MIMO_BASE_URL", base_url)
    with pytest.raises(MiMoConfigurationError) as caught:
        host(**settings)
    for word in (*words, "MIMO_BASE_URL", "unset MIMO_BASE_URL or pass base_url="):
        assert word in str(caught.value)
    assert settings["api_key"] not in str(caught.value)


@pytest.mark.parametrize(
    ("base_url", "settings"),
    [
        ("http://127.0.0.1:8123/v1", {"api_key": "sk-emulator"}),
        ("https://reseller.example/v1", {"api_key": "sk-of-the-reseller"}),
        ("https://reseller.example/v1", {"api_key": "anything"}),
        (f"https://{PLAN_CN}/v1", {"api_key": "tp-1"}),
        (f"https://{PLAN_CN}/v1", {"api_key": "tp-1", "region": "cn"}),
        (f"https://{PLAN_CN}/v1", {"api_key": lambda: "sk-later"}),
    ],
)
def test_what_agrees_with_the_environment(monkeypatch, base_url, settings):
    monkeypatch.setenv("MIMO_BASE_URL", base_url)
    assert host(**settings) in base_url


def test_the_environment_may_hold_both(monkeypatch):
    monkeypatch.setenv("MIMO_BASE_URL", "http://127.0.0.1:8123/v1")
    monkeypatch.setenv("MIMO_API_KEY", "tp-of-the-environment")
    assert host() == "127.0.0.1"


def test_the_program_may_send_any_key_to_its_own_address():
    assert host(api_key="tp-1", base_url="http://127.0.0.1:8123/v1") == "127.0.0.1"


def test_a_region_and_another_address_in_the_program():
    with pytest.raises(MiMoConfigurationError, match=r"region='cn' means .*; remove one of them"):
        host(api_key="tp-1", region="cn", base_url="https://reseller.example/v1")
    assert host(api_key="tp-1", region="cn", base_url=f"https://{PLAN_CN}/v1") == PLAN_CN


def test_plain_http_warns_once_for_each_host():
    settings = {"base_url": "http://vllm.internal:8000/v1", "api_key": "sk-canary"}
    with pytest.warns(UserWarning, match=r"unencrypted to vllm\.internal:8000 \(http\)") as caught:
        host(**settings)
    assert [warning.filename for warning in caught] == [__file__]
    assert "canary" not in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        host(**settings)
    with pytest.warns(UserWarning, match=r"10\.0\.0\.7"):
        host(base_url="http://10.0.0.7/v1")


@pytest.mark.parametrize(
    "base_url",
    [
        *("http://localhost:1/v1", "http://LOCALHOST/v1", "http://vllm.localhost/v1"),
        *("http://127.0.0.1:8123/v1", "http://127.9.9.9/v1", "http://[::1]:8000/v1"),
        "https://vllm.internal/v1",
    ],
)
def test_no_warning_on_this_machine_or_with_tls(base_url):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        host(base_url=base_url)


@pytest.mark.parametrize(
    "base_url",
    [
        *("http://[::1", "http://::1]/v1", "http://a℀b/v1", "http://a b/v1", "http://ab /v1"),
        *("http://h:port/v1", "http://h:99999/v1", "http://h\n.example/v1", "http://h\x00/v1"),
        *("http://a..b/v1", f"http://{'a' * 64}.example/v1", "http://-a/v1", "http://a%20b/v1"),
        *("http://a\\b/v1", f"http://{'ü' * 70}.example/v1", "http://u:canary@[::1"),
    ],
)
def test_malformed_addresses_are_refused_in_the_constructor(base_url):
    with pytest.raises(MiMoConfigurationError) as caught:
        host(base_url=base_url)
    assert "base_url" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://my_server/v1", "my_server"),
        ("https://bücher.example/v1", "bücher.example"),
        ("https://[2001:db8::1]:8443/v1", "2001:db8::1"),
        ("https://Example.COM./v1", "example.com."),
    ],
)
def test_unusual_addresses_that_are_valid(base_url, expected):
    assert host(base_url=base_url) == expected

"""Base URLs, key families and regions."""

import pytest

from langchain_mimo._wire.endpoints import default_base_url, derive_endpoints, key_family
from langchain_mimo.errors import MiMoConfigurationError


@pytest.mark.parametrize(
    "tail",
    [
        "",
        "/",
        "/v1",
        "/v1/",
        "/anthropic",
        "/anthropic/",
        "/anthropic/v1",
        "/anthropic/v1/",
        "/v1/chat/completions",
        "/anthropic/v1/messages",
    ],
)
@pytest.mark.parametrize(
    "root", ["https://api.xiaomimimo.com", "http://127.0.0.1:8123", "https://host.example/some/api"]
)
def test_all_forms_of_a_base_url_give_the_same_endpoints(root, tail):
    endpoints = derive_endpoints(root + tail)
    assert endpoints.root == root
    assert endpoints.chat_completions == f"{root}/v1/chat/completions"
    assert endpoints.anthropic_messages == f"{root}/anthropic/v1/messages"
    assert endpoints.models == f"{root}/v1/models"


@pytest.mark.parametrize(
    ("url", "is_mimo"),
    [
        ("https://api.xiaomimimo.com/v1", True),
        ("https://TOKEN-PLAN-CN.xiaomimimo.com", True),
        ("https://xiaomimimo.com.evil.example", False),
        ("https://notxiaomimimo.com", False),
        ("http://localhost:8000", False),
    ],
)
def test_hosts_of_mimo(url, is_mimo):
    assert derive_endpoints(url).is_mimo is is_mimo


@pytest.mark.parametrize(
    "url",
    ["", "api.xiaomimimo.com", "ftp://host", "https://", "https://h/v1?key=1", "https://u:p@h/v1"],
)
def test_invalid_base_urls_are_refused(url):
    with pytest.raises(MiMoConfigurationError, match="base_url"):
        derive_endpoints(url)


def test_a_password_in_a_url_is_not_repeated():
    with pytest.raises(MiMoConfigurationError) as caught:
        derive_endpoints("https://user:canary@host/v1")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "region", "url"),
    [
        (None, None, "https://api.xiaomimimo.com/v1"),
        ("sk-1", None, "https://api.xiaomimimo.com/v1"),
        ("tp-1", "cn", "https://token-plan-cn.xiaomimimo.com/v1"),
        ("tp-1", "sgp", "https://token-plan-sgp.xiaomimimo.com/v1"),
        ("ttp-1", "ams", "https://token-plan-ams.xiaomimimo.com/v1"),
    ],
)
def test_the_host_follows_the_key(key, region, url):
    assert default_base_url(key, region) == url


@pytest.mark.parametrize("key", ["tp-1", "ttp-1"])
def test_a_token_plan_key_needs_a_region_and_the_error_lists_them(key):
    with pytest.raises(MiMoConfigurationError) as caught:
        default_base_url(key, None)
    for name in ("cn", "sgp", "ams"):
        assert f'region="{name}" (token-plan-{name}.xiaomimimo.com)' in str(caught.value)
    assert key not in str(caught.value)


@pytest.mark.parametrize(("key", "region"), [("sk-1", "cn"), ("tp-1", "mars"), (None, "sgp")])
def test_regions_that_do_not_fit_the_key(key, region):
    with pytest.raises(MiMoConfigurationError, match="region"):
        default_base_url(key, region)


@pytest.mark.parametrize(
    ("key", "family"),
    [("sk-a", "sk"), ("tp-a", "tp"), ("ttp-a", "tp"), ("x", "other"), (None, "other")],
)
def test_key_families(key, family):
    assert key_family(key) == family

"""Shared clients: one for equal settings, none before it is needed, and no secret is shown."""

import asyncio
import gc
import os
import ssl
import subprocess
import sys
import threading
import warnings

import certifi
import httpx2
import pytest
from forks import end_of_fork, needs_fork, start_fork

from langchain_mimo._transport import ClientSettings, Transport, clients
from langchain_mimo._transport.clients import async_client, release_async, release_sync, sync_client
from langchain_mimo._transport.deadline_backend import AsyncDeadlineBackend, DeadlineBackend
from langchain_mimo._transport.environment_proxies import environment_proxies
from langchain_mimo._transport.pooled_transport import AsyncPooledTransport, PooledTransport
from langchain_mimo.errors import MiMoConfigurationError


class User:
    """An object that uses a client."""


def factory_of(transport):
    """Return what creates the connections of one of our transports."""
    return transport._pool._create.__self__


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT"):
            monkeypatch.delenv(name)
    own = clients._Registry()
    own.contexts.update(clients._registry.contexts)
    monkeypatch.setattr(clients, "_registry", own)
    yield own
    own.close()


def test_equal_settings_share_one_client():
    one, other = ClientSettings(), ClientSettings()
    a, b = User(), User()
    shared = sync_client(one, one.key(), a)
    assert sync_client(other, other.key(), b) is shared
    assert shared.client.follow_redirects is False
    different = ClientSettings(trust_env=False)
    assert sync_client(different, different.key(), a) is not shared


def test_the_environment_is_part_of_the_settings(monkeypatch):
    settings = ClientSettings()
    key = settings.key()
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert settings.key() != key
    shared = sync_client(settings, settings.key(), User())
    mounts = [str(pattern.pattern) for pattern in shared.client._mounts]
    assert "https://" in mounts
    untrusting = ClientSettings(trust_env=False)
    plain = sync_client(untrusting, untrusting.key(), User())
    assert not plain.client._mounts


def test_one_ssl_context_serves_all(registry):
    registry.contexts.clear()
    for settings in (ClientSettings(), ClientSettings(trust_env=True, proxy="http://p.example")):
        sync_client(settings, settings.key(), User())
    assert len({id(context) for context in registry.contexts.values()}) == 1


def test_verify_takes_a_file_a_context_or_false(tmp_path):
    settings = ClientSettings(verify=certifi.where())
    sync_client(settings, settings.key(), User())
    context = ssl.create_default_context()
    assert clients._ssl_context(context, trust_env=True) is context
    nowhere = ClientSettings(verify=str(tmp_path / "none.pem"))
    with pytest.raises(MiMoConfigurationError, match=r"none\.pem"):
        sync_client(nowhere, nowhere.key(), User())
    unverified = clients._ssl_context(False, trust_env=True)
    assert unverified.verify_mode == ssl.CERT_NONE


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("SSL_CERT_FILE", "/gone/ca.pem", "No such file or directory"),
        ("SSL_CERT_DIR", "/gone/certificates", "No such file or directory"),
        ("SSL_CERT_FILE", __file__, "NO_CERTIFICATE_OR_CRL_FOUND|no certificate or crl found"),
    ],
)
def test_the_environment_names_certificates_that_cannot_be_loaded(
    monkeypatch, variable, value, why
):
    monkeypatch.setenv(variable, value)
    settings = ClientSettings()
    with pytest.raises(MiMoConfigurationError, match=why) as caught:
        sync_client(settings, settings.key(), User())
    assert f"{variable}={value!r}" in str(caught.value)
    unverified = ClientSettings(verify=False)
    sync_client(unverified, unverified.key(), User())


def test_by_default_httpx2_decides_which_authorities_are_trusted(monkeypatch):
    calls = []
    create = httpx2.create_ssl_context
    monkeypatch.setattr(
        httpx2, "create_ssl_context", lambda **kwargs: calls.append(kwargs) or create(**kwargs)
    )
    clients._registry.contexts.clear()
    context = clients._ssl_context(True, trust_env=False)
    assert calls == [{"verify": True, "trust_env": False}]
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_of_the_environment_replace_the_operating_systems(
    monkeypatch, tmp_path, variable
):
    monkeypatch.setenv(variable, certifi.where() if variable == "SSL_CERT_FILE" else str(tmp_path))
    context = clients._ssl_context(True, trust_env=True)
    expected = ssl.create_default_context(
        cafile=certifi.where() if variable == "SSL_CERT_FILE" else None,
        capath=str(tmp_path) if variable == "SSL_CERT_DIR" else None,
    )
    assert context.cert_store_stats() == expected.cert_store_stats()
    assert clients._ssl_context(True, trust_env=False) is not context


def test_a_certificate_file_that_does_not_exist_is_a_configuration_error(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    settings = ClientSettings()
    with pytest.raises(MiMoConfigurationError, match="SSL_CERT_FILE"):
        sync_client(settings, settings.key(), User())


@pytest.mark.parametrize(
    "proxy", ["ftp://me:canary@p.example", "nonsense", "http://[::1", "http://me:canary@[::1"]
)
def test_the_error_for_an_invalid_proxy_does_not_show_its_password(proxy):
    settings = ClientSettings(proxy=proxy)
    with pytest.raises(MiMoConfigurationError, match="proxy") as caught:
        sync_client(settings, settings.key(), User())
    assert "canary" not in repr(caught.value) + repr(caught.value.__context__)


def test_settings_do_not_show_the_password_of_a_proxy():
    settings = ClientSettings(proxy="http://me:canary@proxy.example:3128")
    assert "canary" not in repr(settings)
    assert "proxy.example" in repr(settings)
    assert "canary" not in repr(ClientSettings(proxy="http://me:canary@["))


def test_our_clients_keep_deadlines_with_and_without_a_proxy(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    settings = ClientSettings()
    shared = sync_client(settings, settings.key(), User())
    for transport in (shared.client._transport, *filter(None, shared.client._mounts.values())):
        assert isinstance(factory_of(transport)._network_backend, DeadlineBackend)


async def test_our_async_clients_keep_deadlines():
    settings = ClientSettings()
    user = User()
    shared = await async_client(settings, settings.key(), user)
    backend = factory_of(shared.client._transport)._network_backend
    assert isinstance(backend, AsyncDeadlineBackend)
    await release_async(settings.key(), user)
    assert shared.client.is_closed


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        (PooledTransport, httpx2.HTTPTransport),
        (AsyncPooledTransport, httpx2.AsyncHTTPTransport),
    ],
)
@pytest.mark.parametrize("proxy", [None, "http://me:pw@p.example:3128", "https://p.example"])
def test_connections_are_created_as_httpx2_creates_them(kind, theirs, proxy):
    context = ssl.create_default_context()
    proxy = proxy and httpx2.Proxy(proxy)
    expected = vars(theirs(verify=context, limits=clients._LIMITS, proxy=proxy)._pool)
    own = vars(factory_of(kind(context, clients._LIMITS, proxy)))
    for name in (
        *("_ssl_context", "_keepalive_expiry", "_http1", "_http2", "_retries"),
        *("_local_address", "_uds", "_socket_options"),
    ):
        assert own[name] == expected[name], name
    if proxy:
        assert str(own["_proxy"].url) == str(expected["_proxy_url"])
        assert own["_proxy"].headers == expected["_proxy_headers"]
        assert own["_proxy"].ssl_context is expected["_proxy_ssl_context"]


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"HTTP_PROXY": "http://a.example:3128", "HTTPS_PROXY": "b.example"},
        {"ALL_PROXY": "http://user:pw@c.example"},
        {"HTTPS_PROXY": "http://a.example", "NO_PROXY": "*"},
        {"HTTPS_PROXY": "http://a.example", "NO_PROXY": "x.example, *"},
        {
            "HTTPS_PROXY": "http://a.example",
            "NO_PROXY": "x.example, .y.example,,LocalHost,127.0.0.1,10.0.0.0/8,::1,"
            "fe80::/10,[::2],[::3]:8080,http://w.example,127.0.0.1:8080,v.example:99",
        },
        {"HTTPS_PROXY": "http://a.example", "NO_PROXY": "10.0.0.0/99,x/8,*.x/8,http://[,a b,\x01"},
    ],
)
def test_proxies_of_the_environment_are_read_as_httpx2_reads_them(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with httpx2.Client() as client:
        expected = {
            pattern.pattern: transport and transport._pool._proxy_url
            for pattern, transport in client._mounts.items()
        }
    settings = ClientSettings()
    shared = sync_client(settings, settings.key(), User())
    mounts = {
        pattern.pattern: transport and factory_of(transport)._proxy.url
        for pattern, transport in shared.client._mounts.items()
    }
    assert {key: value and str(value) for key, value in mounts.items()} == {
        key: value and str(value) for key, value in expected.items()
    }
    assert list(mounts) == list(expected)
    assert set(environment_proxies()) == set(expected)


def test_no_proxy_takes_a_wildcard(monkeypatch):
    """Which httpx2 2.16.0 does not."""
    monkeypatch.setenv("HTTPS_PROXY", "http://a.example")
    monkeypatch.setenv("NO_PROXY", "*.z.example")
    assert environment_proxies() == {"https://": "http://a.example", "all://*.z.example": None}


def test_the_last_user_closes_the_client_and_a_later_call_gets_a_new_one():
    settings = ClientSettings()
    key, a, b = settings.key(), User(), User()
    shared = sync_client(settings, key, a)
    sync_client(settings, key, b)
    release_sync(key, a)
    assert not shared.client.is_closed
    release_sync(key, b)
    assert shared.client.is_closed
    release_sync(key, b)
    assert sync_client(settings, key, a) is not shared


def test_a_user_that_was_garbage_collected_does_not_count():
    settings = ClientSettings()
    key, a, b = settings.key(), User(), User()
    shared = sync_client(settings, key, a)
    sync_client(settings, key, b)
    del b
    gc.collect()
    release_sync(key, a)
    assert shared.client.is_closed


def test_each_loop_has_a_client_that_is_closed_with_it(registry):
    settings = ClientSettings()
    user = User()

    async def two():
        one = await async_client(settings, settings.key(), user)
        assert await async_client(settings, settings.key(), user) is one
        return one.client

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = asyncio.run(two()), asyncio.run(two())
        gc.collect()
    assert first is not second
    assert first.is_closed
    assert second.is_closed
    assert all(not found for found in registry.by_loop.values())


def test_a_loop_that_was_only_closed_is_forgotten(registry):
    settings = ClientSettings()
    user = User()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(async_client(settings, settings.key(), user))
    loop.close()
    asyncio.run(async_client(settings, settings.key(), user))
    assert loop not in registry.by_loop


def test_many_threads_make_one_client():
    settings = ClientSettings()
    key = settings.key()
    barrier = threading.Barrier(8)
    found = []

    def run():
        barrier.wait(5)
        found.append(sync_client(settings, key, threading.current_thread()))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 8
    assert len({id(each) for each in found}) == 1


@needs_fork
def test_a_forked_process_creates_its_own_client(monkeypatch):
    settings = ClientSettings()
    shared = sync_client(settings, settings.key(), User())
    clients._registry.lock.acquire()  # as another thread might during the fork
    monkeypatch.setattr(clients, "_inherited", [])

    def is_its_own():
        fresh = sync_client(settings, settings.key(), User())
        return fresh is not shared and not shared.client.is_closed

    child = start_fork(is_its_own)
    clients._registry.lock.release()
    assert end_of_fork(child) == 0


def test_creating_and_closing_transports_creates_no_client(registry):
    transports = [Transport() for _ in range(1000)]
    assert not registry.sync
    for transport in transports:
        transport.close()
    assert not registry.sync


def test_importing_loads_no_network_library():
    code = (
        "import sys; from langchain_mimo._transport import *; import langchain_mimo._transport.transport;"
        "print([n for n in ('httpcore2', 'httpx', 'h11', 'anyio._core._sockets') if n in sys.modules])"
    )
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.stdout.strip() == "[]", done.stdout

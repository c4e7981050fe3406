"""Shared clients: one for equal settings, none before it is needed, nothing secret in sight."""

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

from langchain_mimo._transport import ClientSettings, Transport, clients
from langchain_mimo._transport import deadline_backend as deadlines
from langchain_mimo._transport.clients import async_client, release_async, release_sync, sync_client
from langchain_mimo.errors import MiMoConfigurationError


class User:
    """Somebody who uses a client."""


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
    for settings in (ClientSettings(), ClientSettings(trust_env=True, proxy="http://p.example")):
        sync_client(settings, settings.key(), User())
    assert len({id(context) for context in registry.contexts.values()}) == 1


def test_certificates_of_ones_own(tmp_path):
    settings = ClientSettings(verify=certifi.where())
    sync_client(settings, settings.key(), User())
    context = ssl.create_default_context()
    assert clients._ssl_context(context, trust_env=True) is context
    nowhere = ClientSettings(verify=str(tmp_path / "none.pem"))
    with pytest.raises(MiMoConfigurationError, match=r"none\.pem"):
        sync_client(nowhere, nowhere.key(), User())
    unchecked = clients._ssl_context(False, trust_env=True)
    assert unchecked.verify_mode == ssl.CERT_NONE


@pytest.mark.parametrize(
    "proxy", ["ftp://me:canary@p.example", "nonsense", "http://[::1", "http://me:canary@[::1"]
)
def test_a_proxy_that_is_none_is_a_mistake_without_its_password(proxy):
    settings = ClientSettings(proxy=proxy)
    with pytest.raises(MiMoConfigurationError, match="proxy") as caught:
        sync_client(settings, settings.key(), User())
    assert "canary" not in repr(caught.value) + repr(caught.value.__context__)


def test_settings_do_not_show_a_proxys_password():
    settings = ClientSettings(proxy="http://me:canary@proxy.example:3128")
    assert "canary" not in repr(settings)
    assert "proxy.example" in repr(settings)
    assert "canary" not in repr(ClientSettings(proxy="http://me:canary@["))


def test_our_clients_keep_deadlines_proxies_included(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    settings = ClientSettings()
    shared = sync_client(settings, settings.key(), User())
    assert shared.keeps_deadlines
    for transport in (shared.client._transport, *filter(None, shared.client._mounts.values())):
        assert isinstance(transport._pool._network_backend, deadlines.DeadlineBackend)


async def test_our_async_clients_keep_deadlines():
    settings = ClientSettings()
    user = User()
    shared = await async_client(settings, settings.key(), user)
    assert shared.keeps_deadlines
    backend = shared.client._transport._pool._network_backend
    assert isinstance(backend, deadlines.AsyncDeadlineBackend)
    await release_async(settings.key(), user)
    assert shared.client.is_closed


def test_a_client_built_in_another_way_is_not_touched():
    with httpx2.Client(transport=httpx2.MockTransport(lambda request: None)) as client:
        assert deadlines.install(client) is False


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


def test_garbage_is_no_user():
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_begins_again(monkeypatch):
    settings = ClientSettings()
    shared = sync_client(settings, settings.key(), User())
    clients._registry.lock.acquire()  # as another thread might hold it during the fork
    monkeypatch.setattr(clients, "_inherited", [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        fresh = sync_client(settings, settings.key(), User())
        good = fresh is not shared and not shared.client.is_closed
        os._exit(0 if good else 1)
    clients._registry.lock.release()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_models_come_and_go_without_clients(registry):
    transports = [Transport() for _ in range(1000)]
    assert not registry.sync
    for transport in transports:
        transport.close()
    assert not registry.sync


def test_importing_costs_no_network_library():
    code = (
        "import sys; from langchain_mimo._transport import *; import langchain_mimo._transport.transport;"
        "print([n for n in ('httpcore2', 'h11', 'anyio._core._sockets') if n in sys.modules])"
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

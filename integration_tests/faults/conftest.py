"""Servers that do exactly what a test says, and both shells of the transport."""

import asyncio
import subprocess
import time

import pytest
from raw_server import Proxy, RawServer

from langchain_mimo._transport import ApiRequest, MiMoTimeouts, RetryPolicy, Transport

KEY = "sk-canary-canary-canary"


@pytest.fixture
def server():
    server = RawServer()
    yield server
    server.close()


@pytest.fixture
def other_server():
    server = RawServer()
    yield server
    server.close()


@pytest.fixture
def proxy():
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Paths of a certificate for 127.0.0.1 that nobody trusts, and of its key."""
    folder = tmp_path_factory.mktemp("tls")
    options = "-x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext"
    subprocess.run(
        ["openssl", "req", *options.split(), "subjectAltName=IP:127.0.0.1",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def tls_server(server, certificate):
    server.use_tls(*certificate)
    return server


class Shell:
    """The sync or the async shell, used as a program would."""

    def __init__(self, kind, transport=None):
        self.kind = kind
        self.transport = transport or Transport()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.transport.close()

    def request(self, api_request):
        if self.kind == "sync":
            return self.transport.request(api_request)
        return asyncio.run(self.transport.arequest(api_request))

    def stream(self, api_request, events=None):
        """Collect the events in a list, which the caller keeps if the stream fails."""
        events = [] if events is None else events
        if self.kind == "sync":
            for event in self.transport.stream(api_request):
                events.append(event)
            return events

        async def run():
            async for event in self.transport.astream(api_request):
                events.append(event)

        asyncio.run(run())
        return events

    def streams(self, api_request, times):
        """Collect several streams, one after another, in one loop."""
        if self.kind == "sync":
            return [list(self.transport.stream(api_request)) for _ in range(times)]

        async def run():
            return [[e async for e in self.transport.astream(api_request)] for _ in range(times)]

        return asyncio.run(run())


@pytest.fixture(params=["sync", "async"])
def kind(request):
    """Wrap a transport in the sync or the async shell."""
    return lambda transport: Shell(request.param, transport)


@pytest.fixture
def shell(kind):
    with kind(Transport()) as shell:
        yield shell


@pytest.fixture
def make_request(server):
    def make(url=None, tree=None, **options):
        options.setdefault("retry", RetryPolicy(max_retries=2, initial_delay=0.0))
        options.setdefault("timeouts", MiMoTimeouts(connect=5, first_event=10, idle=10))
        return ApiRequest(url or server.url, {"api-key": KEY}, tree or {"model": "m"}, **options)

    return make


@pytest.fixture
def nothing_hangs():
    """Fail a test that takes 8 s; the server would stall for 20."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 8

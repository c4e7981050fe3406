"""A server that fails may drop its connection without saying so: the next call uses another one."""

import asyncio
import json

import httpx
import httpx2
import pytest

from langchain_mimo._transport import RetryPolicy, Transport
from langchain_mimo.errors import MiMoAPIError, MiMoError

pytestmark = pytest.mark.usefixtures("nothing_hangs")

ERROR = json.dumps({"error": {"message": "the engine has died"}}).encode()
NEVER = RetryPolicy(max_retries=0)
FRAMINGS = {
    "length": lambda connection, status: connection.respond(ERROR, status),
    "chunks": lambda connection, status: (
        connection.head(status, "Content-Type: application/json"),
        connection.chunk(ERROR),
        connection.end(),
    ),
    "no body": lambda connection, status: connection.respond(b"", status),
    "compressed unasked": lambda connection, status: connection.respond(
        ERROR, status, "Content-Encoding: br"
    ),
}


class Calls:
    """Calls over one client, sync or async; of ours (`http` is None) or of a program's own."""

    def __init__(self, http, is_sync):
        self.http = http
        self.is_sync = is_sync

    def run(self, requests, hook=None):
        """Send requests, one after another; return the response or the error of each."""
        if not self.is_sync:
            return asyncio.run(self._arun(requests, hook))
        client = self.http and self.http.Client(trust_env=False)
        if hook:
            client.event_hooks = {"response": [lambda response: (response.read(), hook(response))]}
        transport = Transport(http_client=client)
        try:
            return [_outcome(lambda each=each: transport.request(each)) for each in requests]
        finally:
            client.close() if client else transport.close()

    async def _arun(self, requests, hook):
        async def ahook(response):
            await response.aread()
            hook(response)

        client = self.http and self.http.AsyncClient(trust_env=False)
        if hook:
            client.event_hooks = {"response": [ahook]}
        transport = Transport(http_async_client=client)
        try:
            outcomes = []
            for each in requests:
                try:
                    outcomes.append(await transport.arequest(each))
                except MiMoError as error:
                    outcomes.append(error)
            return outcomes
        finally:
            await (client or transport).aclose()


def _outcome(call):
    try:
        return call()
    except MiMoError as error:
        return error


@pytest.fixture(params=[None, httpx2, httpx], ids=["ours", "httpx2", "httpx"])
def http(request):
    return request.param


@pytest.fixture(params=["sync", "async"])
def calls(request, http):
    return Calls(http, request.param == "sync")


def failing_once(server, respond, status):
    """Fail once, then reset that connection when the next request arrives on it."""

    def script(connection, n):
        server.take(connection)
        if n > 1:
            connection.respond()
            return
        respond(connection, status)
        connection.sock.recv(1)  # b"" if the client has hung up
        connection.reset()

    return script


@pytest.mark.parametrize("status", ["500 x", "502 x", "503 x", "529 x", "599 x", "408 x"])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_the_next_call_works(calls, server, make_request, status, framing):
    server.script = failing_once(server, FRAMINGS[framing], status)
    failed, worked = calls.run([make_request(retry=NEVER)] * 2)
    assert isinstance(failed, MiMoAPIError)
    assert failed.status_code == int(status[:3])
    assert worked == {"a": 1}
    assert server.connections == 2


def test_the_next_call_works_over_tls(calls, tls_server, make_request, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    tls_server.script = failing_once(tls_server, FRAMINGS["length"], "503 x")
    if calls.http:
        package = calls.http

        class Trusting:
            Client = staticmethod(lambda **_: package.Client())
            AsyncClient = staticmethod(lambda **_: package.AsyncClient())

        calls.http = Trusting
    failed, worked = calls.run([make_request(tls_server.url, retry=NEVER)] * 2)
    assert failed.status_code == 503
    assert worked == {"a": 1}


@pytest.mark.parametrize("status", ["400 x", "401 x", "404 x", "429 x"])
def test_a_refused_request_keeps_its_connection(calls, server, make_request, status):
    def script(connection, n):
        while server.take(connection):
            connection.respond(ERROR, status)

    server.script = script
    outcomes = calls.run([make_request(retry=NEVER)] * 3)
    assert [each.status_code for each in outcomes] == [int(status[:3])] * 3
    assert server.connections == 1


@pytest.mark.parametrize("is_sync", [True, False], ids=["sync", "async"])
@pytest.mark.parametrize("http", [httpx2, httpx], ids=["httpx2", "httpx"])
def test_a_hook_may_read_the_error_and_raise_it(http, is_sync, server, make_request):
    server.script = failing_once(server, FRAMINGS["length"], "503 x")
    calls = Calls(http, is_sync)
    failed, worked = calls.run(
        [make_request(retry=NEVER)] * 2, hook=lambda response: response.raise_for_status()
    )
    assert failed.status_code == 503
    assert worked == {"a": 1}

"""Proxies and certificates over real sockets, with the clients of this package."""

import logging
import os

import pytest
from server_scripts import keep_alive

from langchain_mimo._transport import ClientSettings, MiMoTimeouts, RetryPolicy, Transport
from langchain_mimo.errors import MiMoConnectionError, MiMoTimeoutError

pytestmark = pytest.mark.usefixtures("nothing_hangs")

NEVER = RetryPolicy(max_retries=0)
LIMITS = MiMoTimeouts(connect=0.4, first_event=0.4, idle=0.4)
TWO_EVENTS = [{"a": 1}, {"a": 2}]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """Remove the proxies and certificates of the environment that the tests run in."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT"):
            monkeypatch.delenv(name)


def test_a_proxy_of_the_environment_forwards_requests(
    shell, server, proxy, make_request, monkeypatch, caplog
):
    caplog.set_level(logging.DEBUG)
    server.script = keep_alive(server)
    monkeypatch.setenv("HTTP_PROXY", f"http://me:canary@127.0.0.1:{proxy.port}")
    assert shell.streams(make_request(), 3) == [TWO_EVENTS] * 3
    assert proxy.heads[0].startswith(b"POST " + server.url.encode() + b" HTTP/1.1")
    assert b"proxy-authorization: basic" in proxy.heads[0].lower()
    assert server.connections == proxy.connections == 1
    assert "canary" not in caplog.text


def test_a_proxy_of_the_environment_tunnels_tls(
    kind, tls_server, proxy, certificate, make_request, monkeypatch
):
    tls_server.script = keep_alive(tls_server)
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:canary@127.0.0.1:{proxy.port}")
    with kind(Transport(ClientSettings(verify=str(certificate[0])))) as shell:
        assert shell.streams(make_request(tls_server.url), 3) == [TWO_EVENTS] * 3
    assert [head.split(b"\r\n")[0] for head in proxy.heads] == [
        b"CONNECT 127.0.0.1:%d HTTP/1.1" % tls_server.port
    ]
    assert b"proxy-authorization: basic" in proxy.heads[0].lower()
    assert b"canary" not in proxy.heads[0]
    assert b"proxy-authorization" not in tls_server.requests[0][0].lower()


def test_a_proxy_of_the_settings_takes_precedence(kind, server, proxy, make_request, monkeypatch):
    server.script = keep_alive(server)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with kind(Transport(ClientSettings(proxy=proxy.url))) as shell:
        assert shell.stream(make_request()) == TWO_EVENTS
    assert len(proxy.heads) == 1


def test_no_proxy_is_respected(shell, server, proxy, make_request, monkeypatch):
    server.script = keep_alive(server)
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "other.example,127.0.0.0/8")
    assert shell.stream(make_request()) == TWO_EVENTS
    assert proxy.heads == []


def test_a_proxy_that_refuses(shell, server, make_request, monkeypatch):
    def script(connection, n):
        connection.sock.recv(65536)
        connection.respond(b"", "407 Proxy Authentication Required")

    server.script = script
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:canary@127.0.0.1:{server.port}")
    with pytest.raises(MiMoConnectionError, match=r"\(set in HTTPS_PROXY\) refused") as caught:
        shell.request(make_request("https://upstream.example/v1"))
    assert "canary" not in repr(caught.value) + repr(vars(caught.value.__cause__))
    assert server.connections == 1


def test_a_proxy_that_is_not_there(shell, make_request, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(MiMoConnectionError, match=r"the proxy 127\.0\.0\.1:9 \(set in"):
        shell.request(make_request("https://upstream.example/v1"))


@pytest.mark.parametrize("trickle", [False, True])
def test_the_limits_apply_in_the_tunnel_of_a_proxy(
    shell, server, make_request, monkeypatch, trickle
):
    def script(connection, n):
        connection.sock.recv(65536)
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        if trickle:
            connection.sock.recv(100)
            connection.send(b"\x16\x03\x03\x40\x00")
            while not server.stopping.wait(0.05):
                connection.send(b"\x02")
        server.stall()

    server.script = script
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.port}")
    request = make_request("https://upstream.example/v1", timeouts=LIMITS, retry=NEVER)
    with pytest.raises(MiMoTimeoutError) as caught:
        shell.request(request)
    assert caught.value.limit == "connect"


def test_an_untrusted_certificate_is_not_retried(shell, tls_server, make_request):
    with pytest.raises(MiMoConnectionError, match="verify=") as caught:
        shell.request(make_request(tls_server.url))
    assert not caught.value.is_retryable
    assert tls_server.connections == 1


def respond_once(server):
    return lambda connection, n: server.take(connection) and connection.respond()


def test_verify_takes_a_private_authority(kind, tls_server, certificate, make_request):
    tls_server.script = respond_once(tls_server)
    with kind(Transport(ClientSettings(verify=str(certificate[0])))) as shell:
        assert shell.request(make_request(tls_server.url)) == {"a": 1}


def test_verify_false_checks_nothing(kind, tls_server, make_request):
    tls_server.script = respond_once(tls_server)
    with kind(Transport(ClientSettings(verify=False))) as shell:
        assert shell.request(make_request(tls_server.url)) == {"a": 1}


def test_ssl_cert_file_is_read_unless_trust_env_is_false(
    kind, tls_server, certificate, make_request, monkeypatch
):
    tls_server.script = respond_once(tls_server)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with kind(Transport()) as shell:
        assert shell.request(make_request(tls_server.url)) == {"a": 1}
    with (
        kind(Transport(ClientSettings(trust_env=False))) as shell,
        pytest.raises(MiMoConnectionError, match="not trusted"),
    ):
        shell.request(make_request(tls_server.url))

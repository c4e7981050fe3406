"""What a fault of a connection is called, and the remedy: without a socket."""

import errno
import os
import socket
import ssl

import httpx
import httpx2
import pytest

from langchain_mimo._transport import ClientSettings
from langchain_mimo._transport.connection_errors import Route, connection_error
from langchain_mimo._transport.error_hints import ErrorContext

SECRET = "canary-0123456789"
PROXY = f"http://me:{SECRET}@proxy.example:3128"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def error_of(cause, fault=httpx2.ConnectError, url="https://api.example/v1", **route):
    """Return the error for a client's fault with a cause of its own."""
    raised = fault(str(cause))
    raised.__cause__ = cause
    return connection_error(httpx2, raised, Route(httpx2.URL(url), ClientSettings(), **route), ())


def tls_error(reason):
    cause = ssl.SSLError(1, f"[SSL: {reason}] x (_ssl.c:1006)")
    cause.reason = reason
    return cause


def certificate_error(code, message):
    cause = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]")
    cause.verify_code, cause.verify_message = code, message
    return cause


def os_error(number):
    return OSError(number, os.strerror(number))


# What happened; what the text must say; whether a retry may help.
CASES = {
    "refused": (
        os_error(errno.ECONNREFUSED),
        ["cannot connect to api.example:443: Connection refused", "server is running", "base_url"],
        True,
    ),
    "asyncio's text for the same": (
        OSError(errno.ECONNREFUSED, "Connect call failed ('10.0.0.1', 443)"),
        ["Connection refused"],
        True,
    ),
    "several addresses": (
        ExceptionGroup("all", [os_error(errno.ECONNREFUSED), os_error(errno.ENETUNREACH)]),
        ["Connection refused"],
        True,
    ),
    "unknown host": (
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        ["the host name is not known", "spelling of the host name in base_url", "DNS"],
        True,
    ),
    "no route": (os_error(errno.EHOSTUNREACH), ["No route", "network, VPN and firewall"], True),
    "too many files": (os_error(errno.EMFILE), ["raise the limit"], False),
    "no TLS there": (tls_error("WRONG_VERSION_NUMBER"), ["does not speak TLS", "http://"], False),
    "as Python 3.13 says it": (tls_error("RECORD_LAYER_FAILURE"), ["does not speak TLS"], False),
    "TLS versions": (tls_error("TLSV1_ALERT_PROTOCOL_VERSION"), ["TLS versions"], False),
    "client certificate": (
        tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"),
        ["client certificate", "verify="],
        False,
    ),
    "private authority": (
        certificate_error(20, "unable to get local issuer certificate"),
        ["not trusted (unable to get local issuer certificate)", "verify='/path/to/ca.pem'"],
        False,
    ),
    "expired": (certificate_error(10, "certificate has expired"), ["renew", "clock"], False),
    "not yet valid": (certificate_error(9, "certificate is not yet valid"), ["clock"], False),
    "other host": (
        certificate_error(62, "Hostname mismatch, certificate is not valid for 'api.example'."),
        ["Hostname mismatch", "use a host name of the certificate in base_url"],
        False,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_cause_has_its_remedy(name):
    cause, parts, is_retryable = CASES[name]
    error = error_of(cause)
    for part in ("api.example:443", *parts):
        assert part in str(error)
    assert error.is_retryable is is_retryable
    assert "[Errno" not in str(error)
    assert "_ssl.c" not in str(error)


def test_a_break_of_tls_later_is_not_blamed_on_the_port():
    error = error_of(tls_error("DECRYPTION_FAILED_OR_BAD_RECORD_MAC"), httpx2.ReadError)
    assert "broke before a response" in str(error)
    assert "does not speak TLS" not in str(error)
    assert error.is_retryable


def test_a_server_over_plain_http_that_hangs_up_may_expect_tls():
    cause = os_error(errno.ECONNRESET)
    assert "https://" in str(error_of(cause, httpx2.ReadError, "http://api.example/v1"))
    assert "https://" not in str(error_of(cause, httpx2.ReadError, "https://api.example/v1"))
    route = Route(httpx2.URL("http://api.example/v1"), ClientSettings())
    error = connection_error(httpx2, httpx2.ReadError("x"), route, (), "3 events (70 bytes)")
    assert "broke after 3 events (70 bytes): x; call again" in str(error)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_only_this_machine_may_lack_the_emulator(host):
    refused = os_error(errno.ECONNREFUSED)
    command = "`python -m langchain_mimo.emulator`"
    assert f"{host}:8123" in str(error_of(refused, url=f"http://{host}:8123/v1"))
    assert command in str(error_of(refused, url=f"http://{host}:8123/v1"))
    assert command not in str(error_of(refused))


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_the_proxy_of_the_environment_is_named_with_its_variable(variable, monkeypatch):
    monkeypatch.setenv(variable, PROXY)
    text = str(error_of(os_error(errno.ECONNREFUSED)))
    assert f"api.example:443 through the proxy proxy.example:3128 (set in {variable})" in text
    assert f"that {variable} has its address, or list api.example in NO_PROXY" in text
    assert SECRET not in text
    assert "emulator" not in text


def test_a_host_in_no_proxy_goes_through_none(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", "api.example")
    assert "proxy" not in str(error_of(os_error(errno.ECONNREFUSED)))


@pytest.mark.parametrize("package", [httpx2, httpx])
@pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
def test_the_proxy_of_a_clients_own_is_named_with_the_argument(package, kind):
    client = getattr(package, kind)(proxy=PROXY)
    name = "http_client" if kind == "Client" else "http_async_client"
    fault = package.ProxyError(f"407 Proxy Authentication Required {SECRET}")
    route = Route(httpx2.URL("https://api.example/v1"), ClientSettings(), client, name)
    error = connection_error(package, fault, route, ())
    assert str(error).startswith(
        f"the proxy proxy.example:3128 (set in {name}) refused the connection to api.example:443: "
        "407 Proxy Authentication Required"
    )
    assert f"check user name and password in {name}" in str(error)
    assert SECRET not in str(error)
    assert not error.is_retryable


def test_a_client_without_a_known_transport_has_no_known_proxy():
    client = httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200)))
    text = str(error_of(os_error(errno.ECONNREFUSED), client=client))
    assert "through" not in text
    assert "(the connection is made by http_client)" in text


@pytest.mark.parametrize(("status", "is_retryable"), [("502", True), ("503", True), ("403", False)])
def test_what_a_proxy_says_decides_about_retries(status, is_retryable, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    fault = httpx2.ProxyError(f"{status} Because")
    route = Route(httpx2.URL("https://api.example/v1"), ClientSettings())
    assert connection_error(httpx2, fault, route, ()).is_retryable is is_retryable


def test_only_over_plain_http_may_a_proxy_respond_in_the_servers_place(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", PROXY)
    for scheme, place in (
        ("http", "api.example:80 through the proxy proxy.example:3128 (set in ALL_PROXY)"),
        ("https", "api.example:443"),
    ):
        route = Route(httpx2.URL(f"{scheme}://api.example/v1"), ClientSettings())
        context = route.completed(ErrorContext(host="api.example"))
        assert context.place == place
        assert SECRET in context.secrets

"""Mistakes of a first day: connections that fail, over real sockets.

Each row is one mistake, by its number in the list of 68 that was provoked in the first place. What
the error says must name the host and its port, the proxy if there is one, and what to check.
"""

import asyncio
import os
import socket
import ssl
import subprocess
import sys

import httpx2
import pytest
from error_words import is_found_by_its_words
from raw_server import RawServer

from langchain_mimo import ChatMiMo, MiMoTimeouts, RetryPolicy
from langchain_mimo.errors import (
    MiMoAPIError,
    MiMoConfigurationError,
    MiMoConnectionError,
    MiMoError,
    MiMoIncompleteStreamError,
    MiMoRedirectError,
    MiMoTimeoutError,
)

KEY = "sk-canary-0123456789"
PASSWORD = "canary-password"
FAR = "https://upstream.example/v1"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT"):
            monkeypatch.delenv(name)


@pytest.fixture
def servers():
    """Start servers, each with its script; they are closed in the end."""
    started = []

    def start(script, certificate=None):
        server = RawServer()
        started.append(server)
        server.script = script
        if certificate:
            server.use_tls(f"{certificate}.crt", f"{certificate}.key")
        return server

    yield start
    for server in started:
        server.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Create certificates that trust themselves: a good one, an expired one, one for other names."""
    folder = tmp_path_factory.mktemp("certificates")
    for name, days, names in (
        ("good", 2, "IP:127.0.0.1"),
        ("expired", -1, "IP:127.0.0.1"),
        ("other", 2, "DNS:other.example"),
    ):
        for command in (
            (
                f"req -new -newkey rsa:2048 -nodes -subj /CN=test -addext subjectAltName={names} "
                f"-keyout {name}.key -out {name}.csr"
            ),
            (
                f"x509 -req -in {name}.csr -signkey {name}.key -days {days} -copy_extensions copy "
                f"-out {name}.crt"
            ),
        ):
            subprocess.run(
                ["openssl", *command.split()], cwd=folder, check=True, capture_output=True
            )
    return folder


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def calls(base_url, **fields):
    """Return what a sync and an async call raise."""
    policy = RetryPolicy(max_retries=1, initial_delay=1e-3)
    fields = {"timeout": MiMoTimeouts(connect=10, first_event=10), **fields}
    llm = ChatMiMo(
        model="mimo-v2.6-flash", base_url=base_url, api_key=KEY, retry_policy=policy, **fields
    )
    found = []
    if "http_async_client" not in fields:
        with pytest.raises(MiMoError) as caught:
            llm.invoke("Hello")
        found.append(caught.value)
    if "http_client" not in fields:

        async def call():
            with pytest.raises(MiMoError) as caught:
                await llm.ainvoke("Hello")
            return caught.value

        found.append(asyncio.run(call()))
    return found


def check(errors, kind, *parts, retryable):
    for error in errors:
        assert type(error) is kind, error
        text = str(error)
        for part in parts:
            assert part in text, text
        assert error.is_retryable is retryable
        shown = text + repr(error.__cause__) + repr(getattr(error.__cause__, "args", ""))
        assert "canary" not in shown
        assert "[Errno" not in text
        assert is_found_by_its_words(text), text


def answer(body=b"", status="200 OK"):
    def script(connection, n):
        connection.sock.recv(65536)
        connection.respond(body, status)

    return script


def test_48_nothing_listens_there():
    port = free_port()
    errors = calls(f"http://127.0.0.1:{port}/v1")
    parts = (f"127.0.0.1:{port}: Connection refused", "server is running", "base_url")
    command = "`python -m langchain_mimo.emulator`"
    check(errors, MiMoConnectionError, *parts, command, "2 attempts", retryable=True)
    assert [error.attempts for error in errors] == [2, 2]


def test_49_the_host_is_not_known():
    errors = calls("https://nosuch.invalid/v1")
    parts = ("nosuch.invalid:443", "host name is not known", "spelling", "base_url", "DNS")
    check(errors, MiMoConnectionError, *parts, retryable=True)


def test_50_a_certificate_of_a_private_authority(servers, certificates):
    server = servers(answer(), certificates / "good")
    url = f"https://127.0.0.1:{server.port}/v1"
    parts = (f"127.0.0.1:{server.port}", "not trusted (self-signed certificate)")
    check(calls(url), MiMoConnectionError, *parts, "verify='/path/to/ca.pem'", retryable=False)
    for name, kind in (
        ("http_client", httpx2.Client),
        ("http_async_client", httpx2.AsyncClient),
    ):
        errors = calls(url, **{name: kind()})
        check(errors, MiMoConnectionError, *parts, f"create {name} with verify=", retryable=False)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("expired", ("certificate has expired", "renew", "clock of this machine")),
        ("other", ("IP address mismatch", "host name of the certificate in base_url")),
    ],
)
def test_50_certificates_with_another_fault(name, parts, servers, certificates):
    server = servers(answer(), certificates / name)
    verify = str(certificates / f"{name}.crt")
    errors = calls(f"https://127.0.0.1:{server.port}/v1", verify=verify)
    check(errors, MiMoConnectionError, f":{server.port}", *parts, retryable=False)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_50_no_version_of_tls_in_common(servers, certificates):
    server = servers(answer(b"{}"), certificates / "good")
    context = ssl.create_default_context(cafile=certificates / "good.crt")
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    errors = calls(f"https://127.0.0.1:{server.port}/v1", verify=context)
    check(errors, MiMoConnectionError, f":{server.port}", "TLS versions", retryable=False)


def test_51_https_to_a_port_of_http(servers):
    server = servers(answer(b"bad", "400 Bad Request"))
    errors = calls(f"https://127.0.0.1:{server.port}/v1")
    parts = (f":{server.port}", "does not speak TLS", "http:// in base_url")
    check(errors, MiMoConnectionError, *parts, retryable=False)


def test_51_http_to_a_port_of_https(servers, certificates):
    server = servers(answer(), certificates / "good")
    errors = calls(f"http://127.0.0.1:{server.port}/v1")
    parts = (f":{server.port}", "broke before a response", "start base_url with https://")
    check(errors, MiMoConnectionError, *parts, retryable=True)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_52_a_proxy_that_is_dead(variable, monkeypatch):
    port = free_port()
    monkeypatch.setenv(variable, f"http://me:{PASSWORD}@127.0.0.1:{port}")
    parts = ("upstream.example:443", f"the proxy 127.0.0.1:{port} (set in {variable})")
    remedy = (f"that {variable} has its address", "NO_PROXY")
    check(calls(FAR), MiMoConnectionError, *parts, *remedy, retryable=True)


@pytest.mark.parametrize(("name", "kind"), [("http_client", httpx2.Client),
                                            ("http_async_client", httpx2.AsyncClient)])  # fmt: skip
def test_52_a_dead_proxy_of_a_clients_own(name, kind):
    port = free_port()
    client = kind(proxy=f"http://me:{PASSWORD}@127.0.0.1:{port}")
    errors = calls(FAR, **{name: client})
    check(errors, MiMoConnectionError, f"127.0.0.1:{port} (set in {name})", retryable=True)


@pytest.mark.parametrize(
    ("status", "parts", "retryable"),
    [
        ("407 Proxy Authentication Required", ("407", "user name and password"), False),
        ("403 Forbidden", ("403 Forbidden", "what the proxy allows"), False),
        ("502 Bad Gateway", ("502 Bad Gateway", "cannot reach the server"), True),
    ],
)
def test_52_a_proxy_that_refuses(status, parts, retryable, servers, monkeypatch):
    proxy = servers(answer(b"", status))
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{PASSWORD}@127.0.0.1:{proxy.port}")
    where = (f"127.0.0.1:{proxy.port} (set in HTTPS_PROXY) refused", "upstream.example:443")
    check(calls(FAR), MiMoConnectionError, *where, *parts, retryable=retryable)


@pytest.mark.filterwarnings("ignore:base_url sends all messages")
def test_52_a_proxy_that_responds_in_the_servers_place(servers, monkeypatch):
    proxy = servers(
        answer(f"<title>{PASSWORD}</title>".encode(), "407 Proxy Authentication Required")
    )
    monkeypatch.setenv("HTTP_PROXY", f"http://me:{PASSWORD}@127.0.0.1:{proxy.port}")
    parts = ("407 upstream.example:80 through the proxy", "(set in HTTP_PROXY)", "user name")
    check(calls("http://upstream.example/v1"), MiMoAPIError, *parts, retryable=False)


WRONG_SCHEME = "its scheme must be http, https, socks5 or socks5h, got"
WRONG_PORT = "its port must be a number from 1 to 65535"
NO_SCHEME = "its URL must start with a scheme"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://127.0.0.1:9", f"{WRONG_SCHEME} 'ftp'"),
        ("socks4://127.0.0.1:9", f"{WRONG_SCHEME} 'socks4'"),
        ("socks5://127.0.0.1:9", "pip install 'httpx2[socks]'"),
        ("SOCKS5://127.0.0.1:9", "pip install 'httpx2[socks]'"),
        ("http://proxy:port", f"{WRONG_PORT}, got 'port'"),
        ("proxy:port", f"{WRONG_PORT}, got 'port'"),
        ("http://127.0.0.1:8080:9", f"{WRONG_PORT}, got '8080:9'"),
        ("http://proxy:99999", f"{WRONG_PORT}, got '99999'"),
        ("http://proxy:0/", f"{WRONG_PORT}, got '0'"),
        ("http://[::1", 'its IPv6 address has no closing "]"'),
        ("http://[::1]:x", f"{WRONG_PORT}, got 'x'"),
        ("http://", "its URL names no host"),
        ("http://:8080", "its URL names no host"),
        (f"http://me:{PASSWORD}@proxy:port", f"{WRONG_PORT};"),
        (f"http://me:{PASSWORD}/x@proxy:8080", f"{WRONG_PORT};"),
        ("http://me:12canary/x@proxy:8080", f"{WRONG_PORT};"),
        (f"http://me:{PASSWORD}@", "its URL names no host"),
        (f"me:{PASSWORD}://proxy", NO_SCHEME),
        (f"http://me:{PASSWORD}@a b", "the host in its URL contains a space"),
        (f"http://me:{PASSWORD}@[zz]", "its URL is not valid; escape special characters"),
    ],
)
def test_53_a_proxy_whose_url_is_unusable(url, reason, variable, monkeypatch):
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # this one is right
    monkeypatch.setenv(variable, url)
    parts = (f"cannot use the proxy of {variable}: ", reason)
    check(calls(FAR), MiMoConfigurationError, *parts, retryable=False)


@pytest.mark.parametrize(
    ("wrong", "right"), [("SSL_CERT_FILE", "SSL_CERT_DIR"), ("SSL_CERT_DIR", "SSL_CERT_FILE")]
)
def test_54_certificates_of_the_environment_that_are_missing(
    wrong, right, certificates, monkeypatch
):
    monkeypatch.setenv(wrong, "/gone")
    if right == "SSL_CERT_DIR":  # of the two, only the file counts
        monkeypatch.setenv(right, str(certificates))
    parts = (f"the certificates of {wrong}='/gone': No such file", f"or unset {wrong} to trust")
    errors = calls(FAR)
    check(errors, MiMoConfigurationError, *parts, retryable=False)
    assert right not in str(errors[0])


def test_55_nobody_accepts_the_connection():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    waiting = [socket.socket() for _ in range(4)]
    try:
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        errors = calls(f"http://127.0.0.1:{port}/v1", timeout=MiMoTimeouts(connect=0.3))
    finally:
        for each in (*waiting, listener):
            each.close()
    parts = (f"connecting to 127.0.0.1:{port}", "'connect' of 0.3 s", "MiMoTimeouts(connect=...)")
    check(errors, MiMoTimeoutError, *parts, retryable=True)


def test_63_a_connection_that_breaks(servers):
    def script(connection, n):
        connection.read_request()
        connection.reset()

    server = servers(script)
    errors = calls(f"http://127.0.0.1:{server.port}/v1")
    parts = (f"127.0.0.1:{server.port} broke before a response", "see the server's log")
    check(errors, MiMoConnectionError, *parts, retryable=True)


def test_68_a_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "langchain_mimo.emulator", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert f"127.0.0.1:{port}: Address already in use; stop the program" in done.stderr
    assert "choose another port with --port (0 for a free one)" in done.stderr
    assert is_found_by_its_words(done.stderr)
    assert "Traceback" not in done.stderr


EVENT = b'data: {"id": "1", "choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\n'


def streamed(base_url, **fields):
    """Return what a sync and an async stream raise."""
    llm = ChatMiMo(model="mimo-v2.6-flash", base_url=base_url, api_key=KEY, **fields)
    with pytest.raises(MiMoError) as caught:
        list(llm.stream("Hello"))
    found = [caught.value]

    async def call():
        with pytest.raises(MiMoError) as caught:
            async for _ in llm.astream("Hello"):
                pass
        return caught.value

    return [*found, asyncio.run(call())]


@pytest.mark.parametrize("limit", ["idle", "total"])
def test_55_a_stream_that_falls_silent(limit, servers):
    def script(connection, n):
        connection.read_request()
        connection.head()
        connection.chunk(EVENT)
        connection.seconds_until_closed()

    server = servers(script)
    errors = streamed(
        f"http://127.0.0.1:{server.port}/v1", timeout=MiMoTimeouts(**{limit: 0.3}), max_retries=0
    )
    parts = (f"from 127.0.0.1:{server.port}, after 1 events", f"MiMoTimeouts({limit}=...)")
    place = "What had arrived is in partial_message."
    check(errors, MiMoTimeoutError, f"{limit!r} of 0.3 s", *parts, place, retryable=True)
    assert [error.partial_message.content for error in errors] == ["Hi", "Hi"]


def test_62_a_redirect_to_https(servers):
    def script(connection, n):
        connection.read_request()
        location = f"https://me:{PASSWORD}@127.0.0.1:{server.port}/v1/chat/completions?k={PASSWORD}"
        connection.respond(b"", "301 Moved Permanently", f"Location: {location}")

    server = servers(script)
    place = f"127.0.0.1:{server.port}"
    whole = (
        f"301 http://{place} redirects to https://{place}/v1/chat/completions. Not followed, "
        "because the API key would be sent along. If you trust that address, set "
        f'base_url="https://{place}/v1".'
    )
    check(calls(f"http://{place}/v1"), MiMoRedirectError, whole, retryable=False)


@pytest.mark.parametrize("is_clean", [True, False])
@pytest.mark.parametrize(
    ("sent", "partial"),
    [
        (b"", None),
        (b": PROCESSING\n\n", None),
        (b"data: {" + b" " * 193, None),
        (EVENT, "Hi"),
        (EVENT + EVENT[:40], "Hi"),
    ],
)
def test_63_a_stream_that_is_cut(sent, partial, is_clean, servers):
    def script(connection, n):
        connection.read_request()
        connection.head()
        if sent:
            connection.chunk(sent)
        if is_clean:
            connection.end()
        connection.sock.shutdown(socket.SHUT_RDWR)

    server = servers(script)
    errors = streamed(f"http://127.0.0.1:{server.port}/v1", max_retries=0)
    again = "call again; if it happens often, check the server and the proxies in between"
    kind = MiMoConnectionError if partial is None and not is_clean else MiMoIncompleteStreamError
    told = [] if partial is None else ["is in partial_message"]
    check(errors, kind, f"127.0.0.1:{server.port} ", again, *told, retryable=True)
    for error in errors:
        message = getattr(error, "partial_message", None)
        assert (message and message.content) == partial

"""A user's own client may be of httpx2 or of httpx, which this package never imports."""

import asyncio
import base64
import os
import socket
import subprocess
import sys

import httpx
import httpx2
import pytest

from langchain_mimo._transport import ApiRequest, RetryPolicy, Transport
from langchain_mimo._transport.http_packages import hang_up, hang_up_after_failure, package_of
from langchain_mimo.errors import (
    MiMoAPIError,
    MiMoAuthenticationError,
    MiMoConnectionError,
    MiMoRateLimitError,
    MiMoRedirectError,
    MiMoTimeoutError,
)

KEY = "sk-canary-canary-canary"
NEVER = RetryPolicy(max_retries=0)


@pytest.fixture(params=[httpx2, httpx], ids=["httpx2", "httpx"])
def http(request):
    return request.param


@pytest.fixture(params=["Client", "AsyncClient"])
def kind(request):
    return request.param


def api_request(**options):
    options.setdefault("retry", NEVER)
    return ApiRequest("https://api.example/v1", {"api-key": KEY}, {"model": "m"}, **options)


def send(http, kind, handler, the_request=None, **options):
    """Send a request over a client whose transport is a function."""
    client = getattr(http, kind)(transport=http.MockTransport(handler), **options)
    the_request = the_request or api_request()
    if kind == "Client":
        return Transport(http_client=client).request(the_request)
    return asyncio.run(Transport(http_async_client=client).arequest(the_request))


def test_the_package_of_a_client_is_found(http, kind):
    other = "AsyncClient" if kind == "Client" else "Client"
    own = type("Own", (getattr(http, kind),), {})
    for client in (getattr(http, kind)(), own()):
        assert package_of(client, kind) is http
        assert package_of(client, other) is None
    assert package_of(object(), kind) is None


def test_httpx_is_not_imported(kind):
    code = (
        "import sys, langchain_mimo, langchain_mimo._transport.transport\n"
        "import langchain_mimo._transport.pooled_transport\n"
        "from langchain_mimo._transport.http_packages import package_of\n"
        "import httpx2\n"
        f"assert package_of(httpx2.{kind}(), '{kind}') is httpx2\n"
        f"assert package_of(object(), '{kind}') is None\n"
        "print('httpx' in sys.modules)"
    )
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.stdout.strip() == "False"


FAULTS = {
    "ConnectTimeout": (MiMoTimeoutError, "time limit 'connect'"),
    "ReadTimeout": (MiMoTimeoutError, "time limit 'first_event'"),
    "WriteTimeout": (MiMoTimeoutError, "time limit 'first_event'"),
    "PoolTimeout": (MiMoConnectionError, r"connections of http_\w+ are in use; raise max_connect"),
    "ConnectError": (MiMoConnectionError, r"cannot connect to api\.example:443: why; check that"),
    "ReadError": (MiMoConnectionError, r"to api\.example:443 broke before a response: why; call"),
    "WriteError": (MiMoConnectionError, "broke before a response: why; call again"),
    "CloseError": (MiMoConnectionError, "broke before a response: why; call again"),
    "RemoteProtocolError": (MiMoConnectionError, "broke before a response: why; call again"),
    "LocalProtocolError": (
        MiMoConnectionError,
        r"cannot send the request to api\.example:443: why$",
    ),
    "UnsupportedProtocol": (MiMoConnectionError, r"send the request to api\.example:443: why$"),
    "ProxyError": (MiMoConnectionError, r"refused the connection to api\.example:443: why; check"),
    "DecodingError": (MiMoConnectionError, "why; the response is not compressed"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_exceptions_of_both_packages_become_the_same_errors(http, kind, name):
    cls, text = FAULTS[name]

    def handler(request):
        raise getattr(http, name)("why", request=request)

    with pytest.raises(cls, match=text) as caught:
        send(http, kind, handler)
    assert type(caught.value.__cause__) is getattr(http, name)
    with pytest.raises(RuntimeError, match="request"):
        _ = caught.value.__cause__.request


def test_what_the_users_client_adds_is_sent(http, kind):
    seen = []

    def handler(request):
        seen.append(request)
        return http.Response(200, json={})

    class Auth(http.Auth):
        requires_request_body = True

        def auth_flow(self, request):
            request.headers["x-signature"] = str(len(request.content))
            yield request

    send(
        http,
        kind,
        handler,
        headers={"x-corporate": "yes", "accept": "nothing"},
        params={"tenant": "7"},
        cookies={"session": "9"},
        auth=Auth(),
    )
    request = seen[0]
    assert isinstance(request, http.Request)
    assert request.content == b'{"model":"m"}'
    assert request.url.params["tenant"] == "7"
    assert request.headers["cookie"] == "session=9"
    assert request.headers["x-corporate"] == "yes"
    assert request.headers["x-signature"] == "13"
    assert request.headers["accept"] == "application/json"
    assert request.headers["api-key"] == KEY
    assert request.headers["content-length"] == "13"
    assert "transfer-encoding" not in request.headers


AUTH = {
    "basic": ("me", "canary-password"),
    "a function": lambda request: (
        request.headers.__setitem__("Authorization", "Bearer canary-token"),
        request,
    )[1],
}


@pytest.mark.parametrize("auth", AUTH.values(), ids=AUTH)
@pytest.mark.parametrize("status", [200, 401, 503])
def test_what_auth_adds_is_never_shown(http, kind, auth, status):
    def handler(request):
        error = {"error": {"message": f"you sent {request.headers['authorization']}"}}
        return http.Response(status, json=error)

    with pytest.raises(MiMoAPIError, match=r"you sent \[key\]") as caught:
        send(http, kind, handler, auth=auth)
    shown = str(caught.value) + (caught.value.response.text if caught.value.response else "")
    assert "canary" not in shown
    assert base64.b64encode(b"me:canary-password").decode() not in shown


def test_an_auth_flow_may_send_the_request_twice(http, kind):
    seen = []

    def handler(request):
        seen.append(request.content)
        return http.Response(401 if len(seen) == 1 else 200, json={"n": len(seen)})

    class Auth(http.Auth):
        def auth_flow(self, request):
            response = yield request
            if response.status_code == 401:
                yield request

    assert send(http, kind, handler, auth=Auth()) == {"n": 2}
    assert seen == [b'{"model":"m"}'] * 2


STATUSES = {401: MiMoAuthenticationError, 429: MiMoRateLimitError, 307: MiMoRedirectError,
            418: MiMoAPIError}  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("reads", [False, True])
def test_a_hook_that_raises_for_the_status_does_not_hide_the_error(http, kind, status, reads):
    body = b'{"error": {"message": "because", "code": "x"}}'

    def check(response):
        if reads:
            response.read()
        response.raise_for_status()

    async def acheck(response):
        if reads:
            await response.aread()
        response.raise_for_status()

    def handler(request):
        headers = {"retry-after": "3", "location": "https://other.example/x"}
        content = iter([body]) if kind == "Client" else acontent()
        return http.Response(status, headers=headers, content=content)

    async def acontent():
        yield body

    hooks = {"response": [check if kind == "Client" else acheck]}
    with pytest.raises(STATUSES[status]) as caught:
        send(http, kind, handler, event_hooks=hooks)
    error = caught.value
    assert type(error) is STATUSES[status]
    assert error.status_code == status
    if status != 307:
        assert error.retry_after == 3.0
        assert error.message == (
            "because"
            if reads
            else "api.example:443 responded with 'not read before an event hook raised for the "
            "status'"
        )
    with pytest.raises(RuntimeError):
        _ = error.__cause__.response.request


def test_a_hook_may_read_the_response(http, kind):
    seen = []

    def read(response):
        seen.append(response.read())

    async def aread(response):
        seen.append(await response.aread())

    hooks = {"response": [read if kind == "Client" else aread]}
    handler = lambda request: http.Response(200, json={"a": 1})  # noqa: E731
    assert send(http, kind, handler, event_hooks=hooks) == {"a": 1}
    assert len(seen) == 1


# Hanging up


class PseudoSocket:
    """A socket as uvloop shows it: what could change it is refused."""

    def __init__(self, sock):
        self.family, self.type, self.fileno = sock.family, sock.type, sock.fileno

    def shutdown(self, how):
        raise TypeError("transport sockets do not support shutdown() method")


class NetworkStream:
    def __init__(self, sock):
        self.sock = sock

    def get_extra_info(self, info):
        return self.sock if info == "socket" else None


def response_over(http, sock, status=200, version=b"HTTP/1.1"):
    stream = NetworkStream(sock)
    return http.Response(status, extensions={"network_stream": stream, "http_version": version})


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        yield ours, theirs


def is_shut_down(theirs):
    try:
        return theirs.recv(1) == b""
    except BlockingIOError:
        return False


@pytest.mark.parametrize("show", [lambda sock: sock, PseudoSocket], ids=["socket", "uvloop"])
def test_hanging_up_shuts_the_connection_down(http, pair, show):
    ours, theirs = pair
    hang_up(response_over(http, show(ours)))
    assert is_shut_down(theirs)
    hang_up(response_over(http, show(ours)))
    assert ours.recv(1) == b"", "it is still the client's to close"


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, False), (404, False), (429, False), (408, True), (500, True), (503, True), (599, True)],
)
def test_hanging_up_after_a_failure_of_the_server(http, pair, status, expected):
    ours, theirs = pair
    hang_up_after_failure(response_over(http, ours, status))
    assert is_shut_down(theirs) is expected


def test_a_connection_of_http_2_is_not_hung_up(http, pair):
    ours, theirs = pair
    hang_up_after_failure(response_over(http, ours, 503, b"HTTP/2"))
    assert not is_shut_down(theirs)


def test_hanging_up_needs_a_socket(http, pair):
    ours, theirs = pair
    hang_up(http.Response(503))
    hang_up(response_over(http, None, 503))
    ours.close()
    hang_up(response_over(http, ours, 503))
    assert theirs.recv(1) == b"", "closed before"

"""What users' own clients raise besides HTTP errors: always an error that names the client."""

import asyncio
import traceback

import httpx
import httpx2
import pytest

from langchain_mimo._transport import ApiRequest, RetryPolicy, Transport
from langchain_mimo.errors import MiMoConfigurationError, MiMoConnectionError, MiMoError

URL = "http://mimo.example/v1/chat/completions"
EVENTS = b'data: {"a": 1}\n\ndata: [DONE]\n\n'


@pytest.fixture(params=[httpx2, httpx], ids=["httpx2", "httpx"])
def http(request):
    return request.param


class Caller:
    """Calls through a client of one package, sync or async."""

    def __init__(self, http, is_sync, streamed):
        self.http, self.is_sync, self.streamed = http, is_sync, streamed
        self.name = "http_client" if is_sync else "http_async_client"
        self.sent = 0

    def client(self, handler=None, **options):
        def counted(request):
            self.sent += 1
            return (handler or self.answer)(request)

        kind = self.http.Client if self.is_sync else self.http.AsyncClient
        options.setdefault("transport", self.http.MockTransport(counted))
        return kind(**options)

    def answer(self, request, **options):
        if self.streamed:
            return self.http.Response(200, content=EVENTS, **options)
        return self.http.Response(200, json={"a": 1}, **options)

    def call(self, client):
        transport = Transport(**{self.name: client})
        request = ApiRequest(
            URL, {"api-key": "sk-canary"}, {"x": 1}, retry=RetryPolicy(initial_delay=0.0)
        )
        if self.is_sync:
            return [*transport.stream(request)] if self.streamed else [transport.request(request)]

        async def run():
            if self.streamed:
                return [event async for event in transport.astream(request)]
            return [await transport.arequest(request)]

        return asyncio.run(run())

    def fails(self, client, error=MiMoConfigurationError):
        with pytest.raises(MiMoError) as caught:
            self.call(client)
        assert type(caught.value) is error
        return caught.value


@pytest.fixture(params=[True, False], ids=["sync", "async"])
def is_sync(request):
    return request.param


@pytest.fixture(params=[True, False], ids=["stream", "request"])
def caller(request, http, is_sync):
    return Caller(http, is_sync, request.param)


def test_a_cookie_beyond_ascii_that_a_server_set(caller):
    headers = [(b"set-cookie", "state=余额不足canary; Path=/".encode())]
    client = caller.client(lambda request: caller.answer(request, headers=headers))
    assert caller.call(client) == [{"a": 1}]
    error = caller.fails(client)
    assert str(error) == (
        f"{caller.name} has a cookie with characters beyond ASCII in its jar, which cannot be "
        f"sent; remove it with {caller.name}.cookies.clear()"
    )
    shown = "".join(traceback.format_exception(error)) + repr(vars(error.__cause__))
    shown += repr(error.__cause__.args) + error.__cause__.object
    assert "canary" not in shown
    assert caller.sent == 1
    client.cookies.clear()
    assert caller.call(client) == [{"a": 1}]


def test_a_cookie_beyond_ascii_that_the_program_set(caller):
    client = caller.client(cookies={"name": "é"})
    assert f"{caller.name}.cookies.clear()" in str(caller.fails(client))
    assert caller.sent == 0


FAULTS = [
    RuntimeError("unexpected"),
    TypeError("not a coroutine"),
    ValueError("no value"),
    AttributeError("no attribute"),
    KeyError("key"),
    AssertionError(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
    UnicodeEncodeError("ascii", "é", 0, 1, "invalid"),
    NotImplementedError(),
    RecursionError("too deep"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_whatever_is_raised_while_sending(caller, fault):
    def handler(request):
        raise fault

    error = caller.fails(caller.client(handler))
    assert str(error).startswith(caller.name)
    assert "check its" in str(error)
    assert error.__cause__ is fault
    assert caller.sent == 1, "it is not retried"


@pytest.mark.parametrize("name", ["InvalidURL", "CookieConflict"])
def test_errors_of_the_package_that_are_not_of_http(caller, name):
    def handler(request):
        raise getattr(caller.http, name)("unusable")

    assert f"{caller.name} raised {name}: unusable" in str(caller.fails(caller.client(handler)))


@pytest.mark.parametrize("name", ["ConnectError", "ReadError", "ProxyError", "StreamError"])
def test_http_errors_stay_what_they_were(caller, name):
    def handler(request):
        raise getattr(caller.http, name)("it broke")

    caller.fails(caller.client(handler), MiMoConnectionError)


def test_a_package_that_is_missing(caller):
    def handler(request):
        raise ImportError("install httpx2[http2]")

    error = caller.fails(caller.client(handler))
    assert str(error) == (
        f"{caller.name} needs a package that is not installed: install httpx2[http2]"
    )


def test_secrets_are_masked(caller):
    def handler(request):
        raise RuntimeError(f"sent {request.headers['api-key']}, {request.headers['x-corp']}")

    error = caller.fails(caller.client(handler, headers={"x-corp": "corporate-canary"}))
    assert "canary" not in "".join(traceback.format_exception(error))


def test_a_body_that_raises(caller):
    def chunks():
        yield EVENTS[:5]
        raise RuntimeError("the body broke")

    async def achunks():
        for chunk in chunks():
            yield chunk

    def handler(request):
        return caller.http.Response(200, content=chunks() if caller.is_sync else achunks())

    error = caller.fails(caller.client(handler))
    assert f"{caller.name} raised RuntimeError: the body broke" in str(error)


def test_a_transport_of_the_other_kind(caller):
    wrong = caller.http.AsyncHTTPTransport if caller.is_sync else caller.http.HTTPTransport
    error = caller.fails(caller.client(transport=wrong()))
    assert "check its transport" in str(error)


def test_an_auth_that_returns_nothing(caller):
    assert "check its transport, auth" in str(caller.fails(caller.client(auth=lambda _: None)))


def test_a_sync_hook_of_an_async_client(http):
    caller = Caller(http, False, True)
    client = caller.client(event_hooks={"request": [lambda request: None]})
    assert "those of an async client must be async" in str(caller.fails(client))


def test_a_client_that_is_closed_while_it_is_used(caller):
    client = caller.client()
    if caller.is_sync:
        client.event_hooks = {"request": [lambda request: client.close()]}
    else:

        async def close(request):
            await client.aclose()

        client.event_hooks = {"request": [close]}

    client._transport = caller.http.MockTransport(closed)
    block = "async with" if caller.name == "http_async_client" else "with"
    assert str(caller.fails(client)) == (
        f"{caller.name} is closed, so ChatMiMo cannot use it; pass one that stays open as long as "
        f'the model is used (do not leave its "{block}" block before)'
    )


def closed(request):
    raise RuntimeError("Cannot send a request, as the client has been closed.")


def test_classes_of_the_program_pass(caller):
    class OverBudgetError(Exception):
        pass

    def handler(request):
        raise OverBudgetError

    with pytest.raises(OverBudgetError):
        caller.call(caller.client(handler))

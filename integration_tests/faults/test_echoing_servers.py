"""Servers that repeat the secrets of a request: no error, cause, traceback or pickle shows them."""

import base64
import io
import json
import logging
import pickle
import traceback
from urllib.parse import quote

import pytest
from chat_calls import WAYS, call
from langchain_core.tracers.base import BaseTracer
from raw_server import RawServer

from langchain_mimo import ChatMiMo
from langchain_mimo.errors import MiMoConnectionError, MiMoError

KEY = 'canary+key/0123="<x'  # no prefix that gives it away; JSON, URLs and HTML escape it
TOKEN = "CORP-TOKEN-42-canary"
LONG = 300_000


def forms(secret):
    """How servers spell a secret; also in pieces that give it away."""
    encoded = base64.b64encode(secret.encode()).decode()
    spelled = [secret, f"Bearer {secret}", quote(secret, safe=""), json.dumps(secret), encoded]
    return [*spelled, secret.replace("<", "&lt;").replace('"', "&quot;")]


def unmistakable(secret):
    """Pieces of a secret that must not show."""
    return {
        *forms(secret),
        secret[:12],
        secret[-8:],
        base64.b64encode(secret.encode()).decode()[:16],
    }


ECHO = " ".join([*forms(KEY), *forms(TOKEN)])
NESTED = "[" * 300 + json.dumps(ECHO) + "]" * 300

BODIES = {
    "MiMo's error": json.dumps({"error": {"message": ECHO, "param": ECHO, "code": ECHO, "type": ECHO}}),
    "an error that is text": json.dumps({"error": ECHO}),
    "a list": json.dumps([ECHO, ECHO]),
    "a list of one": json.dumps([{"message": ECHO}]),
    "a string": json.dumps(ECHO),
    "a number": "1" * 400,
    "a huge integer": json.dumps({"error": {"message": 2**70, "code": 2**64, "param": ECHO}}),
    "nested": NESTED,
    "nested in an error": json.dumps({"error": {"message": "x"}})[:-2] + f', "param": {NESTED}}}}}',
    "keys": json.dumps({KEY: 1, TOKEN: {KEY: TOKEN}}),
    "keys of an error": json.dumps({"error": {KEY: TOKEN, "message": {TOKEN: KEY}}}),
    "HTML": f"<html><head><title>{ECHO}</title></head><body>{ECHO}</body></html>",
    "HTML of titles": "<html>" + "<title" * 40_000 + ECHO,
    "text": ECHO,
    "text cut within a secret": "x" * 1190 + ECHO + "x" * LONG,
    "long text": (ECHO + " ") * 2000,
    "events": f"data: {json.dumps({'error': {'message': ECHO}})}\n\n",
    "an event that is no object": f"data: {json.dumps([ECHO])}\n\n",
    "an event that is no JSON": f"data: {ECHO}\n\n",
    "half an event": f'data: {{"choices": [{{"delta": {{"content": {json.dumps(ECHO)}',
    "trailing garbage": json.dumps({"error": {"message": "m"}}) + ECHO,
    "nothing": "",
}  # fmt: skip

STATUSES = [200, 307, 400, 401, 402, 403, 404, 407, 421, 429, 500, 503]


@pytest.fixture(scope="module")
def server():
    server = RawServer()

    def script(connection, n):
        while server.take(connection):
            connection.send(server.response)

    server.script = script
    yield server
    server.close()


def response(status, body, *, head=()):
    """A response that repeats the secrets in its reason, headers and body."""
    body = body.encode() if isinstance(body, str) else body
    kind = "text/event-stream" if body.startswith(b"data:") else "application/json"
    lines = [
        f"HTTP/1.1 {status} {TOKEN}",
        *(f"Content-Length: {len(body)}", f"Content-Type: {kind}", f"x-request-id: {KEY}"),
        *(
            f"x-echo: {ECHO[:4000]}",
            f"Location: https://{TOKEN}.example/{KEY}",
            "x-gateway: 余额不足",
        ),
        *head,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Tracer(BaseTracer):
    """Collects what LangSmith would get."""

    def __init__(self):
        super().__init__()
        self.shown = []

    def _persist_run(self, run):
        self.shown += [str(run.error), repr(run.outputs), repr(run.extra)]


def model(server, **settings):
    fields = {"model": "mimo-v2.6-flash", "max_retries": 0, "timeout": 20, "second_chance": False}
    headers = {"X-Corp": TOKEN}
    url = f"http://127.0.0.1:{server.port}/v1"
    return ChatMiMo(base_url=url, api_key=KEY, default_headers=headers, **(fields | settings))


def error_of(llm, way):
    """The error of a call, and everything of it that a program could show, log or keep."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger("langchain_mimo").addHandler(handler)
    logging.getLogger("langchain_mimo").setLevel(logging.DEBUG)
    tracer = Tracer()
    try:
        call(llm.with_config(callbacks=[tracer]), way)
    except Exception as raised:
        error = raised
    else:
        return None, []
    finally:
        logging.getLogger("langchain_mimo").removeHandler(handler)
        logging.getLogger("langchain_mimo").setLevel(logging.NOTSET)
    texts = [str(error), repr(error), repr(error.args), repr(vars(error)), log.getvalue()]
    texts.append("".join(traceback.format_exception(error)))
    cause = error
    while cause is not None:
        texts += [str(cause), repr(cause.args)]
        cause = cause.__cause__ or cause.__context__
    if (got := getattr(error, "response", None)) is not None:
        texts += [got.text, repr(list(got.headers.raw))]
    texts.append(repr(pickle.loads(pickle.dumps(error)).__dict__))
    return error, [*texts, *tracer.shown]


def assert_nothing_shows(error, texts):
    assert isinstance(error, MiMoError), repr(error)[:300]
    for text in texts:
        for piece in unmistakable(KEY) | unmistakable(TOKEN):
            assert piece not in text, (
                f"{piece!r} shows: …{text[max(0, text.find(piece) - 200) :][:400]}"
            )
    assert len(str(error).encode()) <= 3000
    assert len(texts[3].encode()) <= 12_000


@pytest.mark.parametrize("api_format", ["openai", "anthropic"])
@pytest.mark.parametrize("name", BODIES)
def test_nothing_shows_in_errors(server, name, api_format):
    for status in STATUSES:
        server.response = response(status, BODIES[name])
        for way in WAYS if status in (200, 400) else WAYS[:1]:
            error, texts = error_of(model(server, api_format=api_format), way)
            assert error is not None, (status, way)
            assert_nothing_shows(error, texts)


@pytest.mark.parametrize(
    "raw",
    [
        f"HTTP/1.1 200 OK\r\nbad header line {ECHO}\r\n\r\n".encode(),
        f"{ECHO}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nContent-Length: {ECHO}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{ECHO}\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n{ECHO[:20]}".encode(),
    ],
    ids=["header", "status line", "length", "chunk", "encoding"],
)
@pytest.mark.parametrize("way", WAYS)
def test_nothing_shows_of_what_is_not_http(server, raw, way):
    server.response = raw
    error, texts = error_of(model(server, timeout=2), way)
    assert_nothing_shows(error, texts)


@pytest.mark.parametrize("way", WAYS[:1] + WAYS[2:3])
def test_nothing_shows_of_the_credentials_of_a_proxy(server, way, monkeypatch):
    pair = f"user:{TOKEN}"
    encoded = base64.b64encode(pair.encode()).decode()
    monkeypatch.setenv("HTTP_PROXY", f"http://{quote('user')}:{TOKEN}@127.0.0.1:{server.port}")
    monkeypatch.setenv("NO_PROXY", "")
    server.response = response(407, f"no access for {pair} Basic {encoded}")
    llm = ChatMiMo(
        model="mimo-v2.6-flash", base_url="http://mimo.localhost:1/v1", api_key=KEY, max_retries=0
    )
    error, texts = error_of(llm, way)
    assert_nothing_shows(error, texts)
    assert not any(encoded in text for text in texts)


def test_a_planted_secret_is_found():
    planted = MiMoConnectionError(f"the server said {KEY}")
    with pytest.raises(AssertionError, match="shows"):
        assert_nothing_shows(planted, [str(planted)] * 4)
    with pytest.raises(AssertionError, match="shows"):
        assert_nothing_shows(planted, ["", "", "", "", base64.b64encode(TOKEN.encode()).decode()])


OK = json.dumps(
    {
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"content": "Hi.", "role": "assistant"},
            }
        ]
    }
)


@pytest.mark.parametrize(
    "value", ["余额不足", "\udcff\udcfe", "é" * 5000], ids=["UTF-8", "bytes", "long"]
)
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("way", WAYS[::2])
def test_any_bytes_in_headers_are_retried_like_others(other_server, status, value, way):
    header = f"x-gateway-message: {value}".encode("utf-8", "surrogateescape")
    refused = b"HTTP/1.1 %d No\r\nContent-Length: 2\r\nretry-after: 0\r\n" % status + header
    responses = [refused + b"\r\n\r\n{}", response(200, OK)]

    def script(connection, n):
        while other_server.take(connection):
            connection.send(responses.pop(0) if len(responses) > 1 else responses[0])

    other_server.script = script
    assert call(model(other_server, max_retries=1), way).content == "Hi."
    assert len(responses) == 1
    responses.insert(0, refused + b"\r\n\r\n{}")
    error, texts = error_of(model(other_server), way)
    assert error.status_code == status
    assert error.response.headers["x-gateway-message"]
    assert_nothing_shows(error, texts)

"""Mistakes of a first day: what servers answer to them.

Each row is one mistake, by its number in the list of 68 that was provoked in the first place, with
the class it ends in, and what its text must name: where, what, and the remedy.
"""

import asyncio
import json
import warnings
from dataclasses import dataclass, field
from functools import reduce
from operator import add

import httpx2
import pytest
from error_words import is_found_by_its_words
from pydantic import BaseModel

from langchain_mimo import ChatMiMo, RetryPolicy
from langchain_mimo._wire.to_langchain.metadata import STOCK_REFUSAL
from langchain_mimo.errors import (
    MiMoAPIError,
    MiMoAuthenticationError,
    MiMoBalanceError,
    MiMoContentFilterError,
    MiMoContextOverflowError,
    MiMoError,
    MiMoIncompleteStreamError,
    MiMoInvalidRequestError,
    MiMoInvalidResponseError,
    MiMoNotFoundError,
    MiMoPermissionError,
    MiMoQuotaError,
    MiMoRateLimitError,
    MiMoRedirectError,
    MiMoServerError,
)

CANARY = "sk-canary-0123456789"
MIMO = "https://api.xiaomimimo.com/v1"
OWN = "https://llm.example:8000/v1"
LOCAL = "http://127.0.0.1:8123/v1"
BEGIN = 'data: {"id": "1", "choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\n'


@dataclass
class Row:
    """One mistake.

    Attributes:
        number: Its number in the list.
        status: Status of each response, or several in turn.
        body: Fields of the error, or the whole body as text.
        error: Class of the error.
        says: What the text must contain.
        retryable: Value of `is_retryable`.
        attempts: Number of requests that the server got.
        base_url: Where the request goes.
        headers: Headers of each response.
        client: Arguments of the client.
        streamed: Whether to stream; None for both.
    """

    number: int
    status: int
    body: dict | str
    error: type[MiMoError]
    says: list[str]
    retryable: bool = False
    attempts: int = 1
    base_url: str = MIMO
    headers: dict = field(default_factory=dict)
    client: dict = field(default_factory=dict)
    streamed: bool | None = None


WRONG_KEY = {"code": "401", "message": "Invalid API Key", "type": "invalid_key"}
BUSY = {"code": "429", "message": "Too many requests", "type": "limitation"}
NO_SUCH_MODEL = {"code": "400", "message": "Not supported model mimo-v3"}
PYDANTIC = (
    "[{'type': 'extra_forbidden', 'loc': ('body', 'parallel_tool_calls'), 'msg': 'Extra inputs "
    "are not permitted', 'input': False}]"
)
PAGE = "<html><title>502 Bad Gateway</title></html>"
CUT = '{"id": "1", "choices": [{"index": 0, "message": {"content": "Hel'

ROWS = {
    "wrong key": Row(
        2, 401, WRONG_KEY, MiMoAuthenticationError,
        ["401 Invalid API Key", "sent to 127.0.0.1:8123; ", "check that it is a key of that server"],
        base_url=LOCAL,
    ),
    "wrong key for MiMo": Row(
        2, 401, WRONG_KEY, MiMoAuthenticationError,
        ["sent to api.xiaomimimo.com", "check in the console"],
    ),
    "a client with auth=": Row(
        2, 401, WRONG_KEY, MiMoAuthenticationError,
        ["http_", "client has auth=", "may replace the key", "api.xiaomimimo.com"],
        client={"auth": ("me", "canary-password")},
    ),
    "unknown model elsewhere": Row(
        15, 400, NO_SUCH_MODEL, MiMoNotFoundError,
        ["Not supported model mimo-v3", "mimo-v2.6-flash"],
    ),
    "argument that MiMo does not know": Row(
        37, 400, {"code": "400", "message": PYDANTIC}, MiMoInvalidRequestError,
        ["400 parallel_tool_calls: Extra inputs are not permitted"],
    ),
    "429": Row(
        56, 429, BUSY, MiMoRateLimitError,
        ["429 Too many requests", "retry after: 0.001 s", "3 attempts were made", " s of waiting",
         "api.xiaomimimo.com", "max_concurrency", "rate_limiter", "max_retries"],
        retryable=True, attempts=3, headers={"retry-after-ms": "1"},
    ),
    "quota": Row(
        57, 429, {"code": "429", "message": "quota exhausted"}, MiMoQuotaError,
        ["quota of the plan is used up", "until it is renewed"],
    ),
    "402": Row(
        57, 402, {"code": "402", "message": "Insufficient account balance"}, MiMoBalanceError,
        ["402 Insufficient account balance", "Top up the account in MiMo's console"],
        attempts=2,
    ),
    "403": Row(
        57, 403, {"code": "403", "message": "Access denied"}, MiMoPermissionError,
        ["because of your region or its risk control", "the key is valid", "MiMo's support"],
    ),
    "403 of another server": Row(
        57, 403, {"code": "403", "message": "Access denied"}, MiMoPermissionError,
        ["llm.example:8000 refused", "what the key may do there", "firewall or gateway"],
        base_url=OWN,
    ),
    "content filter": Row(
        58, 400, {"code": "421", "message": "Moderation Block", "type": "content_filter"},
        MiMoContentFilterError,
        ["(code 421) Moderation Block", "reads the system message too", "change the text or the"],
    ),
    "503, empty": Row(
        59, 503, "", MiMoServerError,
        ["503 api.xiaomimimo.com:443 responded with an empty body", "3 attempts were made",
         "on the side of api.xiaomimimo.com", "try again later", "with_fallbacks"],
        retryable=True, attempts=3,
    ),
    "500": Row(
        59, 500, {"message": "boom"}, MiMoServerError,
        ["500 boom", "3 attempts were made", "on the side of api.xiaomimimo.com"],
        retryable=True, attempts=3,
    ),
    "HTML page, 200": Row(
        60, 200, PAGE, MiMoInvalidResponseError,
        ["api.xiaomimimo.com responded with an HTML page titled '502 Bad Gateway'", "base_url",
         "a proxy or a login page is in between"],
        streamed=False,
    ),
    "HTML page, 200, streamed": Row(
        60, 200, PAGE, MiMoIncompleteStreamError,
        ["api.xiaomimimo.com responded with 200 and an HTML page", "check base_url", "login page"],
        streamed=True,
    ),
    "JSON that is cut off": Row(
        60, 200, CUT, MiMoInvalidResponseError,
        ["JSON that is cut off or damaged", "call again", "proxies in between"],
        retryable=True, streamed=False,
    ),
    "HTML page, 502": Row(
        61, 502, PAGE, MiMoServerError,
        ["502 llm.example:8000 responded with an HTML page titled '502 Bad Gateway'",
         "3 attempts were made", "try again later"],
        retryable=True, attempts=3, base_url=OWN,
    ),
    "a proxy that wants a password": Row(
        61, 407, "", MiMoAPIError,
        ["407 llm.example:8000 responded with an empty body", "user name and password"],
        base_url=OWN,
    ),
    "redirect": Row(
        62, 307, "", MiMoRedirectError,
        ["307 https://api.xiaomimimo.com redirects to https://example.com/[key]. Not followed",
         "the API key would be sent along", "login page or a gateway"],
        headers={"location": f"https://example.com/{CANARY}"},
    ),
    "redirect to https": Row(
        62, 301, "", MiMoRedirectError,
        [("301 http://127.0.0.1:8123 redirects to https://127.0.0.1:8123/v1/chat/completions. Not "
         "followed, because the API key would be sent along. If you trust that address, set "
         'base_url="https://127.0.0.1:8123/v1".')],
        base_url=LOCAL,
        headers={"location": f"https://me:{CANARY}@127.0.0.1:8123/v1/chat/completions?k={CANARY}"},
    ),
    "cut stream": Row(
        63, 200, BEGIN, MiMoIncompleteStreamError,
        ["the stream from llm.example:8000 ended without a finish_reason", ("what arrived is in "
         "partial_message; call again; if it happens often, check the server and the proxies")],
        retryable=True, base_url=OWN, streamed=True,
    ),
    "stream that is cut inside its second event": Row(
        63, 200, BEGIN + 'data: {"id": "1", "cho', MiMoIncompleteStreamError,
        ["the stream from llm.example:8000 ended in the middle of an event: ", "; call again; if",
         "What had arrived is in partial_message."],
        retryable=True, base_url=OWN, streamed=True,
    ),
    "stream that is cut inside its first event": Row(
        63, 200, f"data: {{{' ' * 100}" + '"id": "1", "cho', MiMoIncompleteStreamError,
        ["the stream from llm.example:8000 ended in the middle of an event: ", "; call again; if"],
        retryable=True, base_url=OWN, streamed=True,
    ),
    "stream of comments": Row(
        63, 200, ": ping\n\n: ping\n\n", MiMoIncompleteStreamError,
        ["the stream from llm.example:8000 ended before its first event; call again; if it"],
        retryable=True, base_url=OWN, streamed=True,
    ),
    "stream that is empty": Row(
        63, 200, "", MiMoIncompleteStreamError,
        ["the stream from llm.example:8000 ended before its first event; call again; if it"],
        retryable=True, base_url=OWN, streamed=True,
        headers={"content-type": "text/event-stream; charset=utf-8"},
    ),
    "JSON of another API": Row(
        60, 200, '{"status": "ok"}', MiMoInvalidResponseError,
        ["the response from llm.example:8000 is JSON but not a chat completion", "base_url"],
        base_url=OWN, streamed=False,
    ),
    "error in a stream": Row(
        63, 200, BEGIN + 'data: {"error": {"message": "boom"}}\n\n', MiMoIncompleteStreamError,
        ["the stream broke", "partial_message", "500 boom", "on the side of api.xiaomimimo.com"],
        retryable=True, streamed=True,
    ),
    "context overflow": Row(
        64, 400,
        {"message": "maximum context length is 1048576 tokens, you requested 1625004"},
        MiMoContextOverflowError,
        ["1625004", "1048576", "Shorten the history, or send fewer or smaller media"],
    ),
}  # fmt: skip


def model(row, sent):
    """Return a model whose server gives the row's answer to everything."""
    body = row.body if isinstance(row.body, str) else json.dumps({"error": row.body})

    def respond(request):
        sent.append(request)
        return httpx2.Response(row.status, content=body, headers=row.headers)

    mock = httpx2.MockTransport(respond)
    return ChatMiMo(
        model="mimo-v2.6-flash",
        api_key=CANARY,
        base_url=row.base_url,
        http_client=httpx2.Client(transport=mock, **row.client),
        http_async_client=httpx2.AsyncClient(transport=mock, **row.client),
        retry_policy=RetryPolicy(initial_delay=1e-6),
    )


async def drained(stream):
    return [chunk async for chunk in stream]


WAYS = {
    "invoke": (False, lambda llm: llm.invoke("Hello")),
    "ainvoke": (False, lambda llm: asyncio.run(llm.ainvoke("Hello"))),
    "stream": (True, lambda llm: list(llm.stream("Hello"))),
    "astream": (True, lambda llm: asyncio.run(drained(llm.astream("Hello")))),
}


CALLS = [
    (name, way)
    for name, row in ROWS.items()
    for way, (is_streamed, _) in WAYS.items()
    if row.streamed in (None, is_streamed)
]


@pytest.mark.parametrize(("name", "way"), CALLS)
def test_an_answer_says_where_what_and_what_to_do(name, way, monkeypatch):
    row, (_, run), sent = ROWS[name], WAYS[way], []
    monkeypatch.setattr("langchain_mimo._chat.second_chance.BURST_DELAY", 0.001)
    with pytest.raises(MiMoError) as caught:
        run(model(row, sent))
    error, text = caught.value, str(caught.value)
    assert type(error) is row.error
    for part in row.says:
        assert part in text
    assert error.is_retryable is row.retryable
    assert error.attempts == len(sent) == row.attempts
    assert "canary" not in text
    assert is_found_by_its_words(text)


def answer(finish_reason, **message):
    choice = {"index": 0, "finish_reason": finish_reason, "message": message}
    body = json.dumps({"id": "1", "choices": [choice]})
    return Row(0, 200, body, MiMoError, [])


def filtered(content, *, is_streamed):
    if not is_streamed:
        return answer("content_filter", content=content)
    events = [
        {"id": "1", "choices": [{"index": 0, "delta": {"content": content}}]},
        {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]},
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return Row(0, 200, body, MiMoError, [], headers={"content-type": "text/event-stream"})


def test_66_an_answer_that_is_no_object_of_the_schema():
    class City(BaseModel):
        name: str

    llm = model(answer("stop", content="no JSON here"), [])
    with pytest.raises(ValueError, match="no JSON here") as caught:
        llm.with_structured_output(City).invoke("Hello")
    for part in ("City", "Call again, describe the fields", "include_raw=True"):
        assert part in str(caught.value)
    assert is_found_by_its_words(str(caught.value))


def test_66_an_answer_that_was_cut_off():
    class City(BaseModel):
        name: str

    llm = model(answer("length", content='{"name": "Par'), [])
    with pytest.raises(ValueError, match="raise max_completion_tokens") as caught:
        llm.with_structured_output(City).invoke("Hello")
    assert "Call again" not in str(caught.value)
    assert is_found_by_its_words(str(caught.value))


@pytest.mark.parametrize("content", ["", "It is", STOCK_REFUSAL])
@pytest.mark.parametrize("call", ["invoke", "stream", "stream_events"])
def test_67_an_answer_that_the_content_filter_stopped(content, call):
    llm = model(filtered(content, is_streamed=call != "invoke"), [])
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        if call == "stream_events":
            message = llm.stream_events("Hello", version="v3").output
        else:
            answered = getattr(llm, call)("Hello")
            message = answered if call == "invoke" else reduce(add, answered)
    assert message.text == ("" if content == STOCK_REFUSAL else content)
    assert [each.filename for each in found] == [__file__]
    text = str(found[0].message)
    assert text.startswith("MiMo's content filter stopped the response (finish_reason 'content_")
    assert text.endswith("Change the text or the media that it is about.")
    assert is_found_by_its_words(text)


def test_67_reasoning_that_uses_up_the_tokens():
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model(answer("length", content="", reasoning_content="Hm"), []).invoke("Hello")
    texts = " ".join(str(each.message) for each in found)
    for part in ("reasoning used up max_completion_tokens", "Raise", "thinking=False"):
        assert part in texts
    assert is_found_by_its_words(texts)

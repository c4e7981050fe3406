"""The error table: status, code and param determine class, hint and `is_retryable`."""

import json
import pickle
from datetime import UTC, datetime

import pytest

from langchain_mimo._transport.error_responses import (
    ErrorContext,
    error_from_event,
    error_from_response,
    invalid_response_error,
    redirect_error,
    retry_after,
)
from langchain_mimo.catalogue import MODELS, TOKEN_PLAN_HOSTS
from langchain_mimo.errors import (
    MiMoAPIError,
    MiMoAuthenticationError,
    MiMoBalanceError,
    MiMoContentFilterError,
    MiMoContextOverflowError,
    MiMoInvalidRequestError,
    MiMoMediaRejectedError,
    MiMoNotFoundError,
    MiMoPermissionError,
    MiMoQuotaError,
    MiMoRateLimitError,
    MiMoServerError,
)

HOST = "api.xiaomimimo.com"
CONTEXT = ErrorContext(HOST, "sk-", "mimo-v2.6-pro", ("sk-canary-canary",))


def mimo(code, message, param="", kind=""):
    return json.dumps(
        {"error": {"code": str(code), "message": message, "param": param, "type": kind}}
    ).encode()


PYDANTIC = mimo(
    400,
    "[{'type': 'literal_error', 'loc': ('body', 'reasoning_effort'), 'msg': \"Input should be "
    "'low', 'medium' or 'high'\", 'input': 'max'}]",
    kind="Bad Request",
)

# status, body, class, is_retryable, what str() must contain
TABLE = {
    "401": (
        401,
        mimo(401, "Invalid API Key", "Please provide valid API Key", "invalid_key"),
        MiMoAuthenticationError,
        False,
        ["401", "Invalid API Key", "Please provide valid API Key", "invalid_key", HOST, "sk-"],
    ),
    "400 with the cause in param": (
        400,
        mimo(400, "Param Incorrect", "`text` is not set"),
        MiMoInvalidRequestError,
        False,
        ["400", "Param Incorrect", "`text` is not set", "lacks the text"],
    ),
    "400 framed as an event": (
        400,
        b"data:" + mimo(400, "Param Incorrect", "messages must not be empty") + b"\n\n",
        MiMoInvalidRequestError,
        False,
        ["messages must not be empty"],
    ),
    "pass-back": (
        400,
        b"data: "
        + mimo(
            400,
            "Param Incorrect",
            "The reasoning_content in the thinking mode must be passed back to the API.",
        ),
        MiMoInvalidRequestError,
        False,
        ["passed back", "additional_kwargs['reasoning_content']"],
    ),
    "pydantic form": (400, PYDANTIC, MiMoInvalidRequestError, False, ["reasoning_effort"]),
    "outage reported as 400": (
        400,
        mimo(400, "finishConnect(..) failed: Connection refused: s-x.xiaomi.srv/10.1.2.3:80"),
        MiMoServerError,
        True,
        ["internal outage"],
    ),
    "402": (
        402,
        mimo(402, "Insufficient account balance", kind="insufficient_balance"),
        MiMoBalanceError,
        False,
        ["Insufficient account balance", "Top up"],
    ),
    "402 in bursts": (
        402,
        mimo(402, "Upstream request failed: Insufficient account funds"),
        MiMoBalanceError,
        False,
        ["retry_upstream_funds"],
    ),
    "403": (
        403,
        mimo(403, "Illegal access", kind="illegal_access"),
        MiMoPermissionError,
        False,
        ["region"],
    ),
    "404 for media": (
        404,
        mimo(404, "No endpoints found that support image input"),
        MiMoNotFoundError,
        False,
        ["mimo-v2.6-pro does not accept this kind of media"],
    ),
    "421": (
        421,
        mimo(421, "Moderation Block", "considered high risk", "content_filter"),
        MiMoContentFilterError,
        False,
        ["high risk"],
    ),
    "421 passed on as 400": (
        400,
        b"data:" + mimo(421, "Moderation Block", "considered high risk", "content_filter"),
        MiMoContentFilterError,
        False,
        ["400 (code 421)"],
    ),
    "429": (429, mimo(429, "Too many requests", kind="limitation"), MiMoRateLimitError, True, []),
    "429 quota": (
        429,
        mimo(429, "quota exhausted", kind="limitation"),
        MiMoQuotaError,
        False,
        ["quota exhausted"],
    ),
    "corrupted media": (
        400,
        mimo(400, "Param Incorrect", "Multimodal data is corrupted"),
        MiMoMediaRejectedError,
        False,
        ["prepare_video"],
    ),
    "image format": (
        400,
        mimo(400, "Param Incorrect", "invalid image format, only bmp/gif/png/jpeg/webp"),
        MiMoMediaRejectedError,
        False,
        ["prepare_image"],
    ),
    "web search switched off": (
        400,
        mimo(400, "Param Incorrect", "web search plugin is not enabled"),
        MiMoInvalidRequestError,
        False,
        ["console"],
    ),
    "too large an output limit is not a context overflow": (
        400,
        mimo(400, "Param Incorrect", "max_completion_tokens is too large: 999999"),
        MiMoInvalidRequestError,
        False,
        ["max_completion_tokens"],
    ),
    "vLLM context overflow": (
        400,
        b'{"error":{"message":"This model\'s maximum context length is 4096 tokens","code":400}}',
        MiMoContextOverflowError,
        False,
        ["maximum context length"],
    ),
    "vLLM model": (
        404,
        b'{"error":{"message":"The model `x` does not exist.","param":"model","code":404}}',
        MiMoNotFoundError,
        False,
        ["param: model"],
    ),
    "vLLM 401, a string": (
        401,
        b'{"error":"Unauthorized"}',
        MiMoAuthenticationError,
        False,
        ["401 Unauthorized"],
    ),
    "FastAPI detail": (404, b'{"detail":"Not Found"}', MiMoNotFoundError, False, ["Not Found"]),
    "FastAPI validation": (
        422,
        b'{"detail":[{"loc":["body","x"],"msg":"field required"}]}',
        MiMoInvalidRequestError,
        False,
        ["field required"],
    ),
    "old vLLM form": (
        400,
        b'{"object":"error","message":"bad","type":"BadRequestError","code":400}',
        MiMoInvalidRequestError,
        False,
        ["400 bad"],
    ),
    "an object in a list": (
        400,
        b"[" + mimo(400, "Param Incorrect", "x") + b"]",
        MiMoInvalidRequestError,
        False,
        ["param: x"],
    ),
    "empty 502": (502, b"", MiMoServerError, True, ["an empty body"]),
    "bare 503": (503, b"upstream connect error", MiMoServerError, True, ["upstream connect"]),
    "HTML 504": (
        504,
        b"<!DOCTYPE html>\n<html><head><TITLE>504\nGateway</TITLE></head>" + b"x" * 5000,
        MiMoServerError,
        True,
        ["an HTML page titled '504 Gateway'"],
    ),
    "408": (408, b"", MiMoAPIError, True, []),
    "409": (409, b"", MiMoAPIError, True, []),
    "501": (501, b"", MiMoServerError, False, []),
    "405": (405, b'{"detail":"Method Not Allowed"}', MiMoAPIError, False, ["Not Allowed"]),
    "418 of null": (418, b"null", MiMoAPIError, False, []),
    "error null": (400, b'{"error":null}', MiMoInvalidRequestError, False, ["no message"]),
    "not UTF-8": (400, b"\xff\xfe\x00", MiMoInvalidRequestError, False, []),
}


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_table(row):
    status, body, cls, is_retryable, pieces = row
    error = error_from_response(status, {"x-request-id": "r-17"}, body, CONTEXT)
    assert type(error) is cls
    assert error.is_retryable is is_retryable
    assert error.status_code == status
    assert error.request_id == "r-17"
    text = str(error)
    assert text.startswith(str(status))
    assert "r-17" in text
    assert "\n" not in text
    for piece in pieces:
        assert piece in text
    assert len(text.encode()) <= 2048


@pytest.mark.parametrize(
    ("family", "host", "pieces"),
    [
        ("tp-", HOST, ["tp-", HOST, *TOKEN_PLAN_HOSTS.values(), "region"]),
        ("ttp-", HOST, ["ttp-", "region"]),
        ("tp-", TOKEN_PLAN_HOSTS["sgp"], ["one region only", *TOKEN_PLAN_HOSTS]),
        ("sk-", TOKEN_PLAN_HOSTS["cn"], ["pay-as-you-go", HOST]),
        ("sk-", HOST, ["sk-", "console"]),
        ("", HOST, ["unknown prefix"]),
        ("sk-", "127.0.0.1", ["127.0.0.1"]),
        ("sk-", "notxiaomimimo.com", ["notxiaomimimo.com", "that server"]),
    ],
)
def test_a_401_names_host_and_key_family(family, host, pieces):
    context = ErrorContext(host, family, "mimo-v2.6-pro", ("sk-canary-canary",))
    text = str(error_from_response(401, {}, mimo(401, "Invalid API Key"), context))
    for piece in pieces:
        assert piece in text
    assert "canary" not in text


@pytest.mark.parametrize("model", [m for m in MODELS.values() if m.ended and m.successor])
def test_a_retired_model_names_its_successor(model):
    body = mimo(400, "Param Incorrect", f"Not supported model {model.id}")
    error = error_from_response(400, {}, body, ErrorContext(HOST, "sk-", model.id))
    assert type(error) is MiMoNotFoundError
    assert model.successor in str(error)


def test_an_error_in_a_stream_takes_its_status_from_its_code():
    event = json.loads(mimo(429, "Too many requests"))
    assert error_from_event(event, {}, CONTEXT).status_code == 429
    nameless = error_from_event({"error": {"message": "boom"}}, {}, CONTEXT)
    assert (type(nameless), nameless.status_code) == (MiMoServerError, 500)
    assert str(error_from_event({"error": "boom"}, {}, CONTEXT)) == "500 boom"


def test_secrets_and_long_texts_are_removed():
    media = "iVBORw0KGgo" * 500
    body = mimo(400, f"key sk-canary-canary {media}", f"tp-abcdefgh12345 {media} " + "长" * 5000)
    headers = {"set-cookie": "session=canary", "x-request-id": "sk-canary-canary"}
    error = error_from_response(400, headers, body, CONTEXT)
    seen = [str(error), repr(error), error.response.text, repr(error.__dict__), str(error.args)]
    seen.append(str(dict(error.response.headers)))
    seen.append(pickle.dumps(error).decode("latin-1"))
    for text in seen:
        assert "canary" not in text.replace("[key]", "")
        assert "abcdefgh12345" not in text
        assert media[:64] not in text
    assert len(str(error).encode()) < 3000
    assert len(error.response.content) < 3000


def test_the_response_can_be_read_as_langchains_tracer_does():
    error = error_from_response(
        429, {"retry-after": "2", "content-encoding": "gzip"}, mimo(429, "Too many"), CONTEXT
    )
    assert error.response.json()["error"]["message"] == "Too many"
    assert error.response.headers["retry-after"] == "2"
    assert error.response.status_code == 429
    assert error.retry_after == 2.0
    page = error_from_response(502, {}, b"<html>", CONTEXT)
    assert page.response.text == "<html>"


NOW = datetime(2026, 10, 9, 12, 0, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Fri, 09 Oct 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 09 Oct 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "１"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after-ms": "x", "retry-after": "2"}, 2.0),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after(headers, NOW) == seconds


def test_a_redirect_error_names_only_the_host():
    error = redirect_error(
        307, {"location": "https://user:secret@evil.example/path?token=secret"}, CONTEXT
    )
    assert "evil.example" in str(error)
    assert "secret" not in str(error)
    assert "path" not in str(error)
    assert redirect_error(302, {"location": "http://[bad"}, CONTEXT).status_code == 302
    assert HOST in str(redirect_error(302, {"location": "/elsewhere"}, CONTEXT))


def test_a_body_of_another_kind_is_described():
    error = invalid_response_error(200, {}, b"<html><title>Login</title>", CONTEXT)
    assert "titled 'Login'" in str(error)
    assert error.status_code == 200
    assert "Login" in error.response.text

"""Errors from responses: statuses, events, secrets, waiting times, redirects."""

import dataclasses
import json
import pickle
from datetime import UTC, datetime

import pytest
from api_requests import error_body

from langchain_mimo._transport.error_hints import WEB_SEARCH_CONSOLE, ErrorContext
from langchain_mimo._transport.error_responses import (
    error_from_event,
    error_from_response,
    invalid_response_error,
    retry_after,
)
from langchain_mimo.errors import (
    MiMoAPIError,
    MiMoInvalidRequestError,
    MiMoQuotaError,
    MiMoRiskControlError,
    MiMoServerError,
)

HOST = "api.xiaomimimo.com"
CONTEXT = ErrorContext(HOST, "sk-", "mimo-v2.6-pro", ("sk-canary-canary",))
SEARCHING = dataclasses.replace(CONTEXT, searches=True)


@pytest.mark.parametrize("body", [b"", error_body(409, "Web search quota exhausted"), b"<html>"])
def test_a_409_of_a_request_with_web_search_is_its_quota(body):
    error = error_from_response(409, {}, body, SEARCHING)
    assert type(error) is MiMoQuotaError
    assert error.is_retryable is False
    assert WEB_SEARCH_CONSOLE in str(error)
    other = error_from_response(409, {}, body, CONTEXT)
    assert (type(other), other.is_retryable) == (MiMoAPIError, True)


@pytest.mark.parametrize("status", [429, 500])
def test_other_statuses_of_a_request_with_web_search_mean_what_they_always_mean(status):
    error = error_from_response(status, {}, error_body(status, "web search is busy"), SEARCHING)
    assert type(error) is type(error_from_response(status, {}, b"", CONTEXT))


def test_a_wrong_parameter_of_web_search_is_not_the_plugin():
    error = error_from_response(
        400, {}, error_body(400, "web_search.limit must be at most 50"), CONTEXT
    )
    assert type(error) is MiMoInvalidRequestError
    assert error.hint is None


def test_an_error_in_a_stream_takes_its_status_from_its_code():
    event = json.loads(error_body(429, "Too many requests"))
    assert error_from_event(event, {}, CONTEXT).status_code == 429
    risk = error_from_event(json.loads(error_body(441, "x", kind="risk_control")), {}, CONTEXT)
    assert (type(risk), risk.status_code) == (MiMoRiskControlError, 441)
    nameless = error_from_event({"error": {"message": "boom"}}, {}, CONTEXT)
    assert (type(nameless), nameless.status_code) == (MiMoServerError, 500)
    text = str(error_from_event({"error": "boom"}, {}, CONTEXT))
    assert text.startswith(f"500 boom. The error is on the side of {HOST}: try again later")


def test_secrets_and_long_texts_are_removed():
    media = "iVBORw0KGgo" * 500
    body = error_body(
        400, f"key sk-canary-canary {media}", f"tp-abcdefgh12345 {media} " + "长" * 5000
    )
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
        429, {"retry-after": "2", "content-encoding": "gzip"}, error_body(429, "Too many"), CONTEXT
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


def test_a_body_of_another_kind_is_described():
    error = invalid_response_error(200, {}, b"<html><title>Login</title>", CONTEXT)
    assert "titled 'Login'" in str(error)
    assert error.status_code == 200
    assert "Login" in error.response.text

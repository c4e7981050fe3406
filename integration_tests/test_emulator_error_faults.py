"""The faults that answer with an error, over a real socket."""

import email.utils
import time

import httpx2
import pytest

MESSAGES = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def client(emulator):
    headers = {"api-key": emulator.api_key}
    with httpx2.Client(base_url=emulator.base_url, headers=headers, timeout=5) as client:
        yield client


def ask(client, **changes):
    body = {"model": "mimo-v2.6-flash", "messages": MESSAGES, **changes}
    return client.post("/chat/completions", json=body)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("name", "status", "piece"),
    [
        ("quota", 429, '"message":"quota exhausted"'),
        ("payment_required", 402, '"type":"insufficient_balance"'),
        ("forbidden", 403, '"type":"illegal_access"'),
        ("payment_burst", 402, "Upstream request failed: Insufficient account funds"),
        ("moderation", 400, '"code":"421","message":"Moderation Block"'),
        ("risk_control", 400, '"type":"risk_control"'),
        ("connection_refused_400", 400, "Connection refused"),
        ("rate_limit", 429, '"message":"Too many requests"'),
    ],
)
def test_error_responses(emulator, client, name, status, piece, streaming):
    emulator.fault(name)
    response = ask(client, stream=streaming)
    assert response.status_code == status
    assert piece in response.text
    assert response.text.startswith("data:{" if streaming else "{")
    assert ask(client).status_code == 200


def test_the_documented_form_of_moderation(emulator, client):
    emulator.fault("moderation", status=421)
    response = ask(client)
    assert response.status_code == 421
    assert response.json()["error"]["code"] == "421"


def test_search_quota(emulator, client):
    emulator.fault("search_quota")
    assert ask(client).status_code == 200
    search = {"tools": [{"type": "web_search"}]}
    assert ask(client, **search).status_code == 409
    assert ask(client, **search).status_code == 200


@pytest.mark.parametrize("streaming", [False, True])
def test_media_corrupted_once(emulator, client, streaming):
    emulator.fault("media_corrupted")
    url = {"url": "https://example.com/x.png"}
    messages = [{"role": "user", "content": [{"type": "image_url", "image_url": url}]}]
    assert ask(client).status_code == 200
    response = ask(client, messages=messages, stream=streaming)
    assert response.status_code == 400
    assert response.text == ("data:" if streaming else "") + (
        '{"error":{"code":"400","message":"Multimodal data is corrupted or cannot be processed.",'
        '"param":"","type":"BadRequestError"}}'
    )
    assert ask(client, messages=messages, stream=streaming).status_code == 200


def test_models_not_found(emulator, client):
    emulator.fault("models_not_found", times=2)
    assert ask(client).status_code == 200
    for status in (404, 404, 200):
        response = client.get("/models")
        assert response.status_code == status
        assert response.text.startswith("<html>") is (status == 404)
    assert "openresty" not in response.text


def test_the_forms_of_retry_after(emulator, client):
    for form in ("none", "seconds", "milliseconds", "date"):
        emulator.fault("rate_limit", retry_after=form, seconds=2)
    headers = [ask(client).headers for _ in range(4)]
    assert "retry-after" not in headers[0]
    assert headers[1]["retry-after"] == "2"
    assert headers[2]["retry-after-ms"] == "2000"
    date = email.utils.parsedate_to_datetime(headers[3]["retry-after"])
    assert abs(date.timestamp() - time.time() - 2) < 3


@pytest.mark.parametrize("status", [500, 502, 503])
def test_server_error_then_success(emulator, client, status):
    emulator.fault("server_error", 2, status=status)
    assert [ask(client).status_code for _ in range(3)] == [status, status, 200]


def test_unusual_error_bodies(emulator, client):
    emulator.fault("string_error")
    assert ask(client).json() == {"error": "Unauthorized"}
    emulator.fault("html_error_page")
    assert ask(client).text.startswith("<html>")


def test_empty_error(emulator, client):
    emulator.fault("empty_error", status=503)
    response = ask(client)
    assert (response.status_code, response.content) == (503, b"")


def test_redirect(emulator, client):
    emulator.fault("redirect", location="http://other.example/v1")
    response = ask(client)
    assert (response.status_code, response.headers["location"]) == (307, "http://other.example/v1")

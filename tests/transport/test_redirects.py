"""Redirects: where they lead, what to do, and what is not shown."""

import pytest

from langchain_mimo._transport.error_hints import ErrorContext
from langchain_mimo._transport.redirects import redirect_error

OPENAI = "http://127.0.0.1:8000/v1/chat/completions"
ANTHROPIC = "https://gateway.example/anthropic/v1/messages"
CONTEXT = ErrorContext("127.0.0.1:8000", "sk-", "mimo-v2.6-pro", ("sk-canary-canary",))
CHECK = "Check base_url, and whether a login page or a gateway is in between."


def trusted(base_url):
    return f'If you trust that address, set base_url="{base_url}".'


@pytest.mark.parametrize(
    ("url", "location", "target", "remedy"),
    [
        (
            OPENAI,
            "https://127.0.0.1:8000/v1/chat/completions",
            "https://127.0.0.1:8000/v1/chat/completions",
            trusted("https://127.0.0.1:8000/v1"),
        ),
        (
            OPENAI,
            "https://user:secret@other.example/x/chat/completions/?token=secret#secret",
            "https://other.example/x/chat/completions/",
            trusted("https://other.example/x"),
        ),
        (
            OPENAI,
            "//[::1]:9/v1/chat/completions",
            "http://[::1]:9/v1/chat/completions",
            trusted("http://[::1]:9/v1"),
        ),
        (
            OPENAI,
            "/api/v1/chat/completions",
            "http://127.0.0.1:8000/api/v1/chat/completions",
            trusted("http://127.0.0.1:8000/api/v1"),
        ),
        (
            ANTHROPIC,
            "https://new.example/anthropic/v1/messages",
            "https://new.example/anthropic/v1/messages",
            trusted("https://new.example/anthropic"),
        ),
        (OPENAI, "/login?next=secret", "http://127.0.0.1:8000/login", CHECK),
        (OPENAI, f"{OPENAI}/", f"{OPENAI}/", CHECK),
        (OPENAI, OPENAI, OPENAI, CHECK),
        (OPENAI, "", "an address that it does not name", CHECK),
        (OPENAI, "http://[secret", "an invalid URL", CHECK),
        (OPENAI, "ftp://secret.example/", "an invalid URL", CHECK),
        (OPENAI, "/sk-canary-canary/x", "http://127.0.0.1:8000/[key]/x", CHECK),
    ],
)
def test_a_redirect_says_where_it_leads_and_what_to_do(url, location, target, remedy):
    error = redirect_error(301, {"location": location}, CONTEXT, url)
    origin = url.partition("/v1/")[0].removesuffix("/anthropic")
    reason = "Not followed, because the API key would be sent along."
    assert str(error) == f"301 {origin} redirects to {target}. {reason} {remedy}"
    assert "location" not in error.response.headers


def test_a_long_location_is_cut():
    error = redirect_error(302, {"location": f"/{'x' * 5000}"}, CONTEXT, OPENAI)
    assert len(str(error)) < 1000

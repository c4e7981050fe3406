"""Text from servers: masked in every spelling, wherever it is cut."""

import base64
import html
import json
import pickle
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_mimo._redaction import redact, sanitize, shown_keys

SECRET = 'Kq7+/="<&x Zw9-_.~Ü'

SPELLINGS = {
    "plain": SECRET,
    "Bearer": f"Bearer {SECRET}",
    "JSON": json.dumps(SECRET),
    "JSON in JSON": json.dumps(json.dumps(SECRET, ensure_ascii=False)),
    "JSON with escaped slashes": json.dumps(SECRET).replace("/", "\\/"),
    "URL": quote(SECRET, safe=""),
    "URL in lower case": quote(SECRET, safe="").lower(),
    "HTML": html.escape(SECRET),
    "HTML by numbers": "".join(
        c if c.isalnum() and c.isascii() else f"&#{ord(c)};" for c in SECRET
    ),
    "repr of bytes": repr(SECRET)[1:-1],
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "lower case": SECRET.lower(),
}


@pytest.mark.parametrize("name", SPELLINGS)
@given(before=st.integers(0, 900), after=st.integers(0, 300), limit=st.integers(20, 200))
def test_no_piece_of_a_secret_survives(name, before, after, limit):
    text = "." * before + SPELLINGS[name] + "." * after
    for given_text in (text, text.encode()):
        shown = redact(given_text, [SECRET], limit)
        assert len(shown.encode()) <= limit
        for piece in (SECRET, base64.b64encode(SECRET.encode()).decode()):
            pieces = (piece[at : at + 4].lower() for at in range(len(piece) - 3))
            assert not any(part in shown.lower() for part in pieces), shown


def test_long_text_with_media_that_shrinks():
    # Masking media shortens the text, so that the place of the first cut moves into the limit.
    for length in range(7850, 7850 + 2 * len(SECRET)):
        shown = redact("A" * 70 + " " + "B" * length + f" {SECRET}" * 40, [SECRET])
        assert shown.startswith(f"[70 characters] [{length} characters]")
        assert "Kq7+" not in shown


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("Bearer plain-secret", "the server got [key] and [key]"),
        (
            "Basic " + base64.b64encode(b"user:pass-word-1").decode(),
            "the server got [key] and [key]",
        ),
    ],
)
def test_credentials_are_masked_with_and_without_their_scheme(header, shown):
    inner = "plain-secret" if header.startswith("Bearer") else "pass-word-1"
    assert redact(f"the server got {header} and {inner}", [header]) == shown


def test_short_values_are_no_secrets():
    assert redact("a media team", ["media", ""]) == "a media team"


def test_keys_of_mimo_are_masked_without_being_known():
    assert (
        redact("sk-abcdefgh tp-12345678 ttp-1234567 desk-top")
        == "sk-[key] tp-[key] ttp-[key] desk-top"
    )


def test_exceptions_and_their_causes_are_sanitized():
    cause = ValueError(bytearray(b"illegal line: " + SECRET.encode()), 7)
    error = OSError(5, f"broken by {SECRET}")
    error.__cause__ = cause
    sanitize(error, [SECRET])
    assert "Kq7" not in repr(error) + repr(cause)
    assert cause.args == ("illegal line: [key]", 7)
    assert b"Kq7" not in pickle.dumps(error)


def test_circles_of_causes_end():
    first, second = ValueError("a"), ValueError("b")
    first.__context__, second.__context__ = second, first
    sanitize(first, ["secret-secret"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": 1, "message": 2}, "keys error, message"),
        ({"detail": 1, SECRET: 2, "x": 3}, "keys detail and 2 other keys"),
        ({SECRET: 1}, "1 other keys"),
        ({}, "an empty object"),
        ([SECRET], "list"),
        (SECRET, "str"),
    ],
    ids=str,
)
def test_keys_that_a_server_chose_are_not_repeated(body, words):
    assert shown_keys(body) == words

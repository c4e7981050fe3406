"""The one door through which text from servers reaches errors and logs: no secret, limited length.

The order matters. Text is cut first, so that nothing expensive runs on a body of any size; then
masked; then cut to the limit. A secret that the first cut splits is removed with the cut.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress

from langchain_mimo._checks import mask_keys

TEXT_LIMIT = 2000
"""Bytes that are kept of a response's body and of an error's text."""

MIN_SECRET_LENGTH = 8
"""Shorter values are not masked: they would be found in ordinary words."""

_MEDIA_RUN = re.compile(r"(?:[A-Za-z0-9+/]|\\/){64,}={0,2}")
_MASK = "[key]"
_COMMON_KEYS = frozenset(
    (
        *("candidates", "choices", "code", "content", "created", "data", "detail", "details"),
        *("error", "errors", "id", "message", "messages", "model", "models", "msg", "object"),
        *("output", "request_id", "response", "result", "results", "role", "status", "success"),
        *("text", "title", "type", "usage"),
    )
)


def redact(text: str | bytes, secrets: Iterable[str] = (), limit: int = TEXT_LIMIT) -> str:
    """Make text from a server safe to show: no keys, no media, limited length.

    Args:
        text: The text, or bytes of it in UTF-8.
        secrets: Values of headers that must not appear, in any usual encoding: of `Bearer KEY`, the
            whole and the key; of `Basic …`, the password too.
        limit: Largest number of bytes in UTF-8 to keep.

    Returns:
        The text with secrets and keys masked, runs of 64 or more base64 characters replaced by
        their length, and cut off at `limit`.
    """
    is_cut = len(text) > 4 * limit
    text = text[: 4 * limit]
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    for secret in _parts(secrets):
        text = _spelled(secret).sub(_MASK, text)
        if is_cut:
            text = _without_start_of(secret, text)
    text = mask_keys(text)
    text = _MEDIA_RUN.sub(lambda run: f"[{len(run[0])} characters]", text)
    data = text.encode("utf-8", "replace")
    if len(data) <= limit and not is_cut:
        return data.decode("utf-8")
    return data[: limit - 3].decode("utf-8", "ignore") + "…"


def sanitize(error: BaseException, secrets: Iterable[str]) -> None:
    """Redact the texts of an exception and of its causes, which may repeat what a server sent."""
    secrets = tuple(secrets)
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.args = tuple(
            redact(bytes(arg) if isinstance(arg, bytearray) else arg, secrets)
            if isinstance(arg, str | bytes | bytearray)
            else arg
            for arg in error.args
        )
        error = error.__cause__ or error.__context__  # type: ignore[assignment]


def shown_keys(body: object) -> str:
    """Describe the keys of a JSON object without repeating any word that a server chose freely."""
    if not isinstance(body, Mapping):
        return type(body).__name__
    known = sorted(key for key in body if key in _COMMON_KEYS)
    others = len(body) - len(known)
    words = [f"keys {', '.join(known)}" if known else "", f"{others} other keys" if others else ""]
    return " and ".join(filter(None, words)) or "an empty object"


def _spelled(secret: str) -> re.Pattern[str]:
    """Return a pattern for a secret as it is, in base64, or escaped any number of times.

    Servers put bodies into JSON into JSON, into URLs and into HTML; hosts lose their case.
    """
    encoded = base64.b64encode(secret.encode("utf-8", "replace")).decode("ascii")
    forms = ("".join(map(_spelled_character, secret)), re.escape(encoded.rstrip("=")) + "=*")
    return re.compile("|".join(forms), re.IGNORECASE)


def _spelled_character(character: str) -> str:
    if character.isascii() and character.isalnum():
        return character
    escaped = "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "replace"))
    name = re.escape(html.escape(character).strip("&;"))
    code = ord(character)
    forms = (re.escape(character), escaped, rf"u{code:04x}", rf"&(?:{name}|#{code}|#x0*{code:x});")
    return rf"\\*(?:{'|'.join(forms)})"


def _without_start_of(secret: str, text: str) -> str:
    """Remove the beginning of a secret from the end of a text that was cut there."""
    end, secret = text[-len(secret) :].lower(), secret.lower()
    for length in range(min(len(secret) - 1, len(text)), 3, -1):
        if end.endswith(secret[:length]):
            return text[:-length]
    return text


def _parts(secrets: Iterable[str]) -> list[str]:
    """Return the secrets, credentials without their scheme, and passwords; longest first."""
    found = set()
    for secret in secrets:
        _, blank, credentials = secret.rpartition(" ")
        found |= {secret, credentials}
        if blank and secret.lower().startswith("basic "):
            with suppress(ValueError):
                decoded = base64.b64decode(credentials, validate=True).decode("utf-8")
                found |= {decoded, decoded.partition(":")[2]}
    return sorted((s for s in found if len(s) >= MIN_SECRET_LENGTH), key=len, reverse=True)

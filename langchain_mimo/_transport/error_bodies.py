"""Reads error bodies of every known form: MiMo's, those of self-hosted servers, and proxies'.

MiMo's are `{"error": {"code", "message", "param", "type"}}`, often with the useful text in `param`.
Some have only `code` and `message`, some are printed on several lines, and most are behind `data:`
if a stream was requested (docs/api-facts.md). vLLM, FastAPI and gateways have forms of their own.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from langchain_mimo._redaction import redact

_HEAD = 8192
"""Bytes of a body that is not JSON, and characters of a list as Python prints it, that are read."""


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The fields of an error body, redacted.

    Attributes:
        message: Its message, or a description of a body of another form.
        code: Its `code` as text, or None.
        param: Its `param`, or None.
        type: Its `type`, or None.
        request_id: Its `request_id`, not redacted, or None.
        text: The text of a body that is not JSON, else None.
    """

    message: str
    code: str | None = None
    param: str | None = None
    type: str | None = None
    request_id: str | None = None
    text: str | None = None

    def encoded(self) -> bytes:
        """Return the body as bytes that may be kept: in MiMo's form if it was JSON."""
        if self.text is not None:
            return self.text.encode()
        fields = {
            "code": self.code,
            "message": self.message,
            "param": self.param or "",
            "type": self.type or "",
        }
        return orjson.dumps({"error": fields})


def read_body(body: bytes, secrets: Iterable[str]) -> ErrorBody:
    """Read the body of an error response.

    Args:
        body: The body or its start: MiMo's `{"error": …}`, the same behind `data:`, vLLM's form,
            FastAPI's `{"detail": …}`, a string, HTML, or nothing.
        secrets: Strings to mask.
    """
    texts = _without_event_framing(body)
    for text in texts:
        try:
            payload = orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
        if payload is not None:
            return read_payload(payload, secrets)
    text = texts[0]
    return ErrorBody(describe_body(text.encode(), secrets), text=redact(text, secrets))


def read_payload(payload: Any, secrets: Iterable[str]) -> ErrorBody:
    """Read an error body that is parsed already.

    Args:
        payload: The JSON value.
        secrets: Strings to mask.
    """
    request_id = payload.get("request_id") if isinstance(payload, dict) else None
    request_id = request_id if isinstance(request_id, str) else None
    if isinstance(payload, list) and len(payload) == 1:  # some gateways wrap the object
        payload = payload[0]
    if not isinstance(payload, dict):
        text = _clean(_validation_errors(payload) or payload, secrets, 300)
        return ErrorBody(text or "no message")
    error = payload.get("error", payload)
    if not isinstance(error, dict):
        message = _clean(error, secrets) or "no message"
        code = _clean(payload.get("code"), secrets, 60)
        return ErrorBody(message, code, request_id=request_id)
    found = next((error[key] for key in ("message", "detail", "msg") if error.get(key)), None)
    return ErrorBody(
        message=_clean(_validation_errors(found) or found, secrets, 1000) or "",
        code=_clean(error.get("code"), secrets, 60),
        param=_clean(error.get("param"), secrets),
        type=_clean(error.get("type"), secrets, 60),
        request_id=request_id,
    )


def describe_body(body: bytes, secrets: Iterable[str] = ()) -> str:
    """Describe a body that is not JSON in a few words: empty, an HTML page, or how it starts."""
    text = body[:_HEAD].decode("utf-8", "replace").strip()
    if not text:
        return "an empty body"
    if text[:200].lstrip("\ufeff").lstrip().lower().startswith(("<!doctype html", "<html")):
        title = " ".join(redact(_title(text), secrets, 250).split())
        return f"an HTML page titled {title!r}" if title else "an HTML page"
    return f"{redact(text, secrets, 300)!r}"


def _title(page: str) -> str:
    """Return the title of a page, or ""; by plain searches, since a pattern may take seconds."""
    lower = page.lower()
    start = lower.find("<title")
    start = lower.find(">", start, start + 100) if start >= 0 else -1
    end = lower.find("</title", start) if start >= 0 else -1
    return page[start + 1 : end] if end >= 0 else ""


def _without_event_framing(body: bytes) -> list[str]:
    """Return the body without the `data:` of events; the second text has all lines of an object."""
    text = body.decode("utf-8", "replace").lstrip("\ufeff").strip()
    if not text.startswith(("data:", "event:", ":")):
        return [text]
    lines = text.splitlines()
    data = "\n".join(line[5:].strip() for line in lines if line.startswith("data:"))
    return [data, text.removeprefix("data:")]


def _clean(value: Any, secrets: Iterable[str], limit: int = 600) -> str | None:
    """Return a field as redacted text on one line, or None if it is empty."""
    if value is None or value == "":
        return None
    text = value if isinstance(value, str) else _as_json(value)
    return " ".join(redact(text, secrets, limit).split())


def _validation_errors(value: Any) -> str:
    """Return pydantic's list of errors as text, one "field: message" each; "" for anything else.

    FastAPI sends the list itself, and MiMo how Python prints it.
    """
    if isinstance(value, str) and value.startswith("[{'") and len(value) <= _HEAD:
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            value = ast.literal_eval(value)
    if not isinstance(value, list) or not value:
        return ""
    texts = []
    for error in value:
        if not isinstance(error, dict) or not isinstance(error.get("loc"), list | tuple):
            return ""
        where = ".".join(map(str, error["loc"])).removeprefix("body.")
        texts.append(f"{where}: {error.get('msg')}")
    return "; ".join(texts)


def _as_json(value: Any) -> str:
    """Return a value as text, whatever its depth and however large its numbers."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):  # too deep, or an integer of thousands of digits
        return f"a {type(value).__name__} that is too deep to show"

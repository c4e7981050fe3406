"""Picks the exception and its hint for a server's error response, from one table.

The rows match what MiMo, self-hosted servers and gateways respond (docs/api-facts.md); `_TABLE` is
the only place that knows.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from langchain_mimo._redaction import redact
from langchain_mimo._transport.error_bodies import (
    ErrorBody,
    describe_body,
    read_body,
    read_payload,
)
from langchain_mimo._transport.error_hints import (
    WEB_SEARCH_CONSOLE,
    ErrorContext,
    key_hint,
    modality_hint,
    not_found_hint,
    output_limit_hint,
    permission_hint,
    rate_limit_hint,
    server_hint,
    speech_hint,
    unsupported_model_hint,
)
from langchain_mimo._transport.response_head import request_id
from langchain_mimo.errors import (
    MiMoAPIError,
    MiMoAuthenticationError,
    MiMoBalanceError,
    MiMoContentFilterError,
    MiMoContextOverflowError,
    MiMoInvalidRequestError,
    MiMoInvalidResponseError,
    MiMoMediaRejectedError,
    MiMoNotFoundError,
    MiMoPermissionError,
    MiMoQuotaError,
    MiMoRateLimitError,
    MiMoRiskControlError,
    MiMoServerError,
)


def error_from_response(
    status: int, headers: Mapping[str, str], body: bytes, context: ErrorContext
) -> MiMoAPIError:
    """Return the exception for an error response.

    Args:
        status: HTTP status.
        headers: Headers of the response.
        body: Its body, or the start of it, in any form that `error_bodies` knows.
        context: What is known about the request.
    """
    return _build(status, headers, read_body(body, context.secrets), context)


def error_from_event(
    event: Mapping[str, Any], headers: Mapping[str, str], context: ErrorContext
) -> MiMoAPIError:
    """Return the exception for an error object in a stream.

    Args:
        event: The event; its "error" is truthy.
        headers: Headers of the response that contains the stream.
        context: What is known about the request.

    Returns:
        The exception. Its status is the object's code if that is an HTTP status, else 500.
    """
    body = read_payload(dict(event), context.secrets)
    return _build(_status_in(body) or 500, headers, body, context)


def invalid_response_error(
    status: int, headers: Mapping[str, str], body: bytes, context: ErrorContext
) -> MiMoInvalidResponseError:
    """Return the exception for a 2xx response whose body is not a response of this API."""
    text = redact(body, context.secrets)
    is_cut = body.lstrip()[:1] in (b"{", b"[")
    what = "JSON that is cut off or damaged: " if is_cut else ""
    return MiMoInvalidResponseError(
        f"{context.host or 'the server'} responded with {what}"
        f"{describe_body(body, context.secrets)}",
        status_code=status,
        request_id=request_id(headers, None, context.secrets),
        hint="It was cut off or changed on its way: call again, and check the proxies in between."
        if is_cut
        else "Check base_url, and whether a proxy or a login page is in between.",
        response=redacted_response(status, headers, text.encode(), context),
        is_retryable=is_cut,
    )


def _build(
    status: int, headers: Mapping[str, str], body: ErrorBody, context: ErrorContext
) -> MiMoAPIError:
    text = " ".join(filter(None, (body.message, body.param, body.type, body.code)))
    # MiMo's gateway sends moderation and risk control as a 400, so a status in the body's code is
    # the more precise one.
    precise = _status_in(body) or status
    rule = next(rule for rule in _TABLE if rule.matches(precise, text, context))
    message = body.message
    if body.text is not None:  # no API wrote it, so where it comes from matters
        message = f"{context.place or context.host or 'the server'} responded with {message}"
    return rule.error(
        message,
        status_code=status,
        code=body.code,
        param=body.param,
        type=body.type,
        request_id=request_id(headers, body.request_id, context.secrets),
        hint=rule.hint(context) if callable(rule.hint) else rule.hint,
        retry_after=retry_after(headers, time.time()),
        response=redacted_response(status, headers, body.encoded(), context),
        is_retryable=rule.retryable,
    )


def _status_in(body: ErrorBody) -> int | None:
    return int(body.code) if body.code and _STATUS.fullmatch(body.code) else None


def redacted_response(
    status: int, headers: Mapping[str, str], body: bytes, context: ErrorContext
) -> httpx2.Response:
    """Return a response without its request, with redacted headers and body."""
    dropped = {
        "set-cookie", "location", "content-length", "content-encoding", "transfer-encoding",
    }  # fmt: skip
    # As bytes: a value may have any characters, and text is encoded as ASCII.
    kept = [
        (name.encode("utf-8"), redact(value, context.secrets).encode("utf-8"))
        for name, value in headers.items()
        if name.lower() not in dropped
    ]
    return httpx2.Response(status, headers=kept, content=body)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return how long the server asks to wait.

    Args:
        headers: Headers with `retry-after-ms` (milliseconds) or `retry-after` (seconds, or an HTTP
            date).
        now: Seconds since the epoch, for dates.

    Returns:
        Seconds, never negative; None if there is no valid header.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"\d{1,12}(\.\d*)?", value, re.ASCII):
            return float(value) * unit
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


_STATUS = re.compile(r"[45]\d\d")


@dataclass(frozen=True, slots=True)
class _Rule:
    """One row of the table; the first that matches is used.

    Attributes:
        statuses: HTTP statuses, as a range or tuple.
        pattern: Regular expression to find in message, param, type and code; "" matches all.
        error: Class to raise.
        hint: One or more sentences, or a function that returns them.
        retryable: Value of `is_retryable`; None for the default of the class.
        searches: Whether the row is for requests with web search only.
    """

    statuses: range | tuple[int, ...]
    pattern: str
    error: type[MiMoAPIError]
    hint: str | Callable[[ErrorContext], str] | None = None
    retryable: bool | None = None
    searches: bool = False

    def matches(self, status: int, text: str, context: ErrorContext) -> bool:
        return (
            status in self.statuses
            and (context.searches or not self.searches)
            and re.search(self.pattern, text, re.IGNORECASE) is not None
        )


_ANY = range(100, 1000)
_MODERATION_HINT = (
    "MiMo's moderation refused the conversation, and it reads the system message too; change the "
    "text or the media."
)
_UNREADABLE_HINT = (
    "MiMo cannot read one of the media; convert it with prepare_image, prepare_video or "
    "prepare_audio of langchain_mimo.prepare."
)
_RISK_CONTROL_HINT = (
    "MiMo's risk control blocks this account or address after many refused requests. Stop sending "
    "requests, change what was refused, and appeal through MiMo's website."
)

_TABLE = (
    _Rule(
        _ANY,
        r"finishConnect|connection refused",
        MiMoServerError,
        "MiMo had an internal outage; try again later.",
    ),
    _Rule((441,), "", MiMoRiskControlError, _RISK_CONTROL_HINT),
    _Rule(
        _ANY,
        r"risk_control|high-frequency non-compliant|高频的违规请求",
        MiMoRiskControlError,
        _RISK_CONTROL_HINT,
    ),
    _Rule(_ANY, r"content_filter|moderation block", MiMoContentFilterError, _MODERATION_HINT),
    _Rule((421,), "", MiMoContentFilterError, _MODERATION_HINT),
    _Rule((401,), "", MiMoAuthenticationError, key_hint),
    _Rule(
        (402,),
        r"upstream request failed",
        MiMoBalanceError,
        "MiMo also responds like this to bursts of requests on a Token Plan: send requests more "
        "slowly, or set RetryPolicy(retry_upstream_funds=True) to wait and retry.",
    ),
    _Rule((402,), "", MiMoBalanceError, "Top up the account in MiMo's console."),
    _Rule(
        (409,),
        "",
        MiMoQuotaError,
        f"The quota of web searches is used up: top it up at {WEB_SEARCH_CONSOLE}, or remove the "
        "tool web_search.",
        searches=True,
    ),
    _Rule(
        (400, 403, 404, 422),
        r"webSearchEnabled|web.?search.{0,60}(not enabled|disabled|not activated|not available)",
        MiMoInvalidRequestError,
        f"Enable the web search plugin at {WEB_SEARCH_CONSOLE}, which takes up to five minutes to "
        "apply, or remove the tool web_search.",
    ),
    _Rule(
        (403,),
        "",
        MiMoPermissionError,
        permission_hint,
    ),
    _Rule(
        (400, 404),
        r"support (image|audio|video|multimodal)|not a multimodal model",
        MiMoNotFoundError,
        modality_hint,
    ),
    # MiMo's texts: the first since July 2026, the second before.
    _Rule(
        (400, 404),
        r"unsupported model|not supported model",
        MiMoNotFoundError,
        unsupported_model_hint,
    ),
    _Rule(
        (400, 404),
        r"model.{0,80}(not exist|not found|deprecated)",
        MiMoNotFoundError,
        not_found_hint,
    ),
    _Rule((404,), "", MiMoNotFoundError, not_found_hint),
    _Rule(
        (400,),
        r"(role|allowed) for tts model|asr request requires",
        MiMoInvalidRequestError,
        speech_hint,
    ),
    _Rule(
        (400,),
        r"invalid json in request body",
        MiMoInvalidRequestError,
        "The body did not arrive as JSON, and MiMo checks this before the key. ChatMiMo always "
        "sends valid JSON: check proxies, gateways and hooks of http_client that change bodies.",
    ),
    _Rule(
        (400,),
        r"^invalid request parameters",
        MiMoInvalidRequestError,
        "MiMo does not say which parameter it means. It was seen for a response_format of an "
        "unknown type and for content parts of another API; check extra_body.",
    ),
    _Rule(
        (400,),
        r"completion_tokens is too (small|large)",
        MiMoInvalidRequestError,
        output_limit_hint,
    ),
    _Rule(
        (400,),
        r"reasoning_content.{0,80}passed back",
        MiMoInvalidRequestError,
        "An assistant message with tool calls has lost its reasoning. Keep "
        "additional_kwargs['reasoning_content'] in the history, or set thinking=False.",
    ),
    _Rule(
        (400, 422),
        r"multimodal data is corrupted",
        MiMoMediaRejectedError,
        f"{_UNREADABLE_HINT} It rejects media that are whole at times, and accepts them later.",
    ),
    _Rule(
        (400, 422), r"invalid (image|audio|video) format", MiMoMediaRejectedError, _UNREADABLE_HINT
    ),
    _Rule(
        (400, 413, 422),
        r"context (length|window)|maximum (context|model) len|(prompt|input).{0,40}too long"
        r"|too many (input )?tokens|exceeds? the (model'?s )?max(imum)?.{0,20}(length|tokens)",
        MiMoContextOverflowError,
        "Shorten the history, or send fewer or smaller media.",
    ),
    _Rule(
        (400,),
        r"text`? is not (set|present)",
        MiMoInvalidRequestError,
        "A message lacks the text that MiMo requires: the content of an assistant message is null, "
        "or a tool result is not a string.",
    ),
    _Rule(
        (429,),
        r"quota|exhausted|used up|usage limit",
        MiMoQuotaError,
        "The quota of the plan is used up; requests fail until it is renewed.",
    ),
    _Rule((429,), "", MiMoRateLimitError, rate_limit_hint),
    _Rule((400, 413, 422), "", MiMoInvalidRequestError),
    _Rule(
        (407,),
        "",
        MiMoAPIError,
        "A proxy asks for a user name and password: write them into its URL, as in "
        "http://user:password@host:port.",
    ),
    _Rule((408, 409, 425), "", MiMoAPIError, retryable=True),
    _Rule((501, 505), "", MiMoServerError, retryable=False),
    _Rule(range(500, 600), "", MiMoServerError, server_hint),
    _Rule(_ANY, "", MiMoAPIError),
)
"""From specific to general; the texts were seen in responses (docs/api-facts.md)."""

"""The one table that picks an error and its hint from what a server answered.

MiMo's errors are `{"error": {"code", "message", "param", "type"}}` with the useful text often in
`param`, framed as `data:{...}` when a stream was asked for; self-hosted servers and proxies have
forms of their own (mimo-api.md §6 and §11.1, seen 2026). All are read here, and nowhere else.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson

from langchain_mimo.catalogue import (
    GENERAL_HOST,
    MIMO_DOMAIN,
    TOKEN_PLAN_HOSTS,
    current_ids,
    find,
)
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
    MiMoRedirectError,
    MiMoServerError,
    redact,
)


@dataclass(frozen=True, slots=True)
class ErrorContext:
    """What is known of a request when its answer is an error; nothing here is secret but `secrets`.

    Attributes:
        host: Host it went to.
        key_family: "sk-", "tp-" or "ttp-": how the key began; "" when unknown.
        model: The model id asked for.
        secrets: Strings to mask in whatever the server says.
        has_key: Whether a key was sent at all.
    """

    host: str = ""
    key_family: str = ""
    model: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    has_key: bool = True


@dataclass(frozen=True, slots=True)
class _Said:
    """What an error body says, redacted."""

    message: str
    code: str | None = None
    param: str | None = None
    type: str | None = None


def error_from_response(
    status: int, headers: Mapping[str, str], body: bytes, context: ErrorContext
) -> MiMoAPIError:
    """Turn an error answer into the exception for it.

    Args:
        status: HTTP status.
        headers: The answer's headers.
        body: Its body, or the beginning of it, in any of the forms known: MiMo's `{"error": …}`,
            the same behind `data:`, vLLM's, FastAPI's `{"detail": …}`, a string, HTML, nothing.
        context: What is known of the request.

    Returns:
        The exception, not raised.
    """
    text = _payload_text(body)
    try:
        payload = orjson.loads(text)
    except orjson.JSONDecodeError:
        payload = None
    return _build(status, headers, payload, text, context)


def error_from_event(
    event: Mapping[str, Any], headers: Mapping[str, str], context: ErrorContext
) -> MiMoAPIError:
    """Turn an error object that came inside a stream into the exception for it.

    Args:
        event: The event; its "error" is true.
        headers: Headers of the answer whose stream it is.
        context: What is known of the request.

    Returns:
        The exception, not raised. Its status is the one that the object's code names, or 500.
    """
    said = _read(dict(event), "", ())
    status = int(said.code) if said.code and _STATUS.fullmatch(said.code) else 500
    return _build(status, headers, dict(event), "", context)


def redirect_error(
    status: int, headers: Mapping[str, str], context: ErrorContext
) -> MiMoRedirectError:
    """Return the exception for a 3xx; of the address only the host is named."""
    location = headers.get("location", "")
    try:
        host = urlsplit(location).hostname or context.host
    except ValueError:
        host = "an address that cannot be read"
    return MiMoRedirectError(
        f"{context.host} redirects to {redact(host, context.secrets, 253)}",
        status_code=status,
        request_id=_request_id(headers, None),
        hint="Redirects are not followed, since the key would go along; set base_url to the "
        "address that is meant.",
        response=_copy(status, headers, b"", context),
    )


def invalid_response_error(
    status: int, headers: Mapping[str, str], body: bytes, context: ErrorContext
) -> MiMoInvalidResponseError:
    """Return the exception for a successful status with a body that is not this API's."""
    return MiMoInvalidResponseError(
        f"{context.host or 'The server'} answered with {describe_body(body, context.secrets)}",
        status_code=status,
        request_id=_request_id(headers, None),
        hint="Is base_url right, and is there a proxy or login page in between?",
        response=_copy(status, headers, _redacted_text(body, context), context),
    )


def describe_body(body: bytes, secrets: Iterable[str] = ()) -> str:
    """Say in a few words what a body that is not JSON is: empty, a page, or its beginning."""
    text = body.decode("utf-8", "replace").strip()
    if not text:
        return "an empty body"
    if text[:200].lstrip("\ufeff").lstrip().lower().startswith(("<!doctype html", "<html")):
        title = re.search(r"<title[^>]*>(.{0,200}?)</title>", text, re.IGNORECASE | re.DOTALL)
        named = f" titled {' '.join(title[1].split())!r}" if title else ""
        return redact(f"an HTML page{named}", secrets, 300)
    return f"{redact(text, secrets, 300)!r}"


def _payload_text(body: bytes) -> str:
    """Take the `data:` off a body that is framed like an event (MiMo does, for stream requests)."""
    text = body.decode("utf-8", "replace").lstrip("\ufeff").strip()
    if not text.startswith(("data:", "event:", ":")):
        return text
    return "\n".join(line[5:].strip() for line in text.splitlines() if line.startswith("data:"))


def _read(payload: Any, text: str, secrets: Iterable[str]) -> _Said:
    """Find message, code, param and type in a body of any known form."""

    def clean(value: Any, limit: int = 600) -> str | None:
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            value = orjson.dumps(value, default=str).decode()
        return redact(" ".join(value.split()), secrets, limit)

    if isinstance(payload, list) and len(payload) == 1:  # some gateways wrap the object
        payload = payload[0]
    if not isinstance(payload, dict):
        return _Said(describe_body(text.encode(), secrets) if payload is None else f"{payload!r}")
    error = payload.get("error", payload)
    if not isinstance(error, dict):
        return _Said(clean(error) or "no message", clean(payload.get("code"), 60))
    message = next((error[key] for key in ("message", "detail", "msg") if error.get(key)), None)
    return _Said(
        clean(message, 1000) or "",
        clean(error.get("code"), 60),
        clean(error.get("param")),
        clean(error.get("type"), 60),
    )


def _build(
    status: int, headers: Mapping[str, str], payload: Any, text: str, context: ErrorContext
) -> MiMoAPIError:
    said = _read(payload, text, context.secrets)
    # Proxies pass MiMo's 421 on as a 400: where the body's code is a status, it knows better.
    named = int(said.code) if said.code and _STATUS.fullmatch(said.code) else status
    searched = " ".join(filter(None, (said.message, said.param, said.type, said.code)))
    rule = next(rule for rule in _TABLE if rule.fits(named, searched))
    return rule.error(
        said.message,
        status_code=status,
        code=said.code,
        param=said.param,
        type=said.type,
        request_id=_request_id(headers, payload, context.secrets),
        hint=rule.hint(context) if callable(rule.hint) else rule.hint,
        retry_after=retry_after(headers, time.time()),
        response=_copy(status, headers, _redacted_body(payload, text, said, context), context),
        is_retryable=rule.retryable,
    )


def _redacted_body(payload: Any, text: str, said: _Said, context: ErrorContext) -> bytes:
    if payload is None:
        return _redacted_text(text.encode(), context)
    said_again = {"code": said.code, "message": said.message, "param": said.param or "",
                  "type": said.type or ""}  # fmt: skip
    return orjson.dumps({"error": said_again})


def _redacted_text(body: bytes, context: ErrorContext) -> bytes:
    return redact(body.decode("utf-8", "replace"), context.secrets).encode()


def _copy(
    status: int, headers: Mapping[str, str], body: bytes, context: ErrorContext
) -> httpx2.Response:
    """Make a response that holds nothing of the request, and whose body is what we kept of it."""
    dropped = {
        "set-cookie", "location", "content-length", "content-encoding", "transfer-encoding",
    }  # fmt: skip
    kept = [
        (name, redact(value, context.secrets))
        for name, value in headers.items()
        if name.lower() not in dropped
    ]
    return httpx2.Response(status, headers=kept, content=body)


def _request_id(
    headers: Mapping[str, str], payload: Any, secrets: Iterable[str] = ()
) -> str | None:
    found = next((headers[name] for name in _REQUEST_ID_HEADERS if headers.get(name)), None)
    if found is None and isinstance(payload, dict):
        found = payload.get("request_id")
    return redact(found, secrets, 200) if isinstance(found, str) and found else None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Read how long a server asks to wait.

    Args:
        headers: `retry-after-ms` (milliseconds), or `retry-after` (seconds, or an HTTP date).
        now: Seconds since the epoch, for dates.

    Returns:
        Seconds, never negative; or None when nothing readable is asked for.
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

_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-mimo-request-id", "x-trace-id")


def _key_hint(context: ErrorContext) -> str:
    """Say which host and which family of key met, never the key (mimo-api.md §1)."""
    family, host = context.key_family, context.host
    if not context.has_key:
        return f"No key was sent to {host or 'the server'}; give api_key or set MIMO_API_KEY."
    if not (host == MIMO_DOMAIN or host.endswith("." + MIMO_DOMAIN)):
        return f"The key was sent to {host or 'the server'}; is it the key for that server?"
    regions = ", ".join(f"{region} = {name}" for region, name in TOKEN_PLAN_HOSTS.items())
    if family in ("tp-", "ttp-") and host not in TOKEN_PLAN_HOSTS.values():
        return (
            f"A Token Plan key ({family}) was sent to {host}, which takes pay-as-you-go keys "
            f"(sk-); set region to the one your plan belongs to: {regions}."
        )
    if family in ("tp-", "ttp-"):
        return (
            f"A Token Plan key ({family}) was sent to {host}; each is bound to one region and the "
            f"others refuse it: {regions}."
        )
    if family == "sk-" and host != GENERAL_HOST:
        return f"A pay-as-you-go key (sk-) was sent to {host}; such keys belong to {GENERAL_HOST}."
    told = f"A key of the family {family}" if family else "A key of no family known"
    return f"{told} was sent to {host}; check that it is whole and still valid in the console."


def _model_hint(context: ErrorContext) -> str:
    """Name the successor of a model that ended, or the ids that serve."""
    model = find(context.model)
    if model is not None and model.ended is not None:
        after = f"; use {model.successor}" if model.successor else ""
        return f"MiMo set the end of {model.id} to {model.ended.date()}{after}."
    if model is None and context.model and context.host.endswith(MIMO_DOMAIN):
        return (
            f"{context.model!r} is not a model known here; MiMo serves {', '.join(current_ids())}."
        )
    return "Check the model id, and that base_url ends where the API begins (MiMo's in /v1)."


def _modality_hint(context: ErrorContext) -> str:
    model = find(context.model)
    successor = model.successor if model is not None and model.successor else "mimo-v2.6-flash"
    return (
        f"{context.model or 'This model'} does not take such media; {successor} does. Media that "
        "stay in the history are refused again with every turn."
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """One row: the first whose status and pattern fit decides.

    Attributes:
        statuses: Statuses it is for, as a range or tuple.
        pattern: What must be found in message, param, type and code together; "" is everything.
        error: The class to raise.
        hint: A sentence, or what makes one.
        retryable: What `is_retryable` becomes; None leaves the class's own.
    """

    statuses: range | tuple[int, ...]
    pattern: str
    error: type[MiMoAPIError]
    hint: str | Callable[[ErrorContext], str] | None = None
    retryable: bool | None = None

    def fits(self, status: int, text: str) -> bool:
        return status in self.statuses and re.search(self.pattern, text, re.IGNORECASE) is not None


_ANY = range(100, 1000)
_CLIENT = range(400, 500)

_TABLE = (
    _Rule(
        _ANY,
        r"finishConnect|connection refused",
        MiMoServerError,
        "MiMo could not reach a machine of its own; such outages pass.",
    ),
    _Rule(_ANY, r"content_filter|moderation block", MiMoContentFilterError),
    _Rule((421,), "", MiMoContentFilterError, "The moderation refused this conversation."),
    _Rule((401,), "", MiMoAuthenticationError, _key_hint),
    _Rule(
        (402,),
        r"upstream request failed",
        MiMoBalanceError,
        "MiMo says so too when a Token Plan is used in quick bursts: send more slowly, or set "
        "RetryPolicy(retry_upstream_funds=True) to wait and try again.",
    ),
    _Rule((402,), "", MiMoBalanceError, "Top up the account in MiMo's console."),
    _Rule(
        _CLIENT,
        r"web.?search",
        MiMoInvalidRequestError,
        "Web search must be switched on as a plugin in MiMo's console; the switch takes up to five "
        "minutes to work.",
    ),
    _Rule(
        (403,),
        "",
        MiMoPermissionError,
        "MiMo refuses by region or by risk control; the key itself was understood.",
    ),
    _Rule(
        (400, 404),
        r"support (image|audio|video|multimodal)|not a multimodal model",
        MiMoNotFoundError,
        _modality_hint,
    ),
    _Rule(
        (400, 404),
        r"not supported model|unsupported model|model.{0,80}(not exist|not found|deprecated)",
        MiMoNotFoundError,
        _model_hint,
    ),
    _Rule((404,), "", MiMoNotFoundError, _model_hint),
    _Rule(
        (400,),
        r"reasoning_content.{0,80}passed back",
        MiMoInvalidRequestError,
        "An assistant turn with tool calls lost its thoughts on the way; keep "
        "additional_kwargs['reasoning_content'] in the history, or turn thinking off.",
    ),
    _Rule(
        (400, 422),
        r"multimodal data is corrupted|invalid (image|audio|video) format",
        MiMoMediaRejectedError,
        "MiMo cannot read a medium of this request; prepare_image, prepare_video and "
        "prepare_audio of langchain_mimo.prepare make files that it can.",
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
        "A turn has no text where MiMo wants one: an assistant's content is null, or a tool's "
        "result is not a string.",
    ),
    _Rule(
        (429,),
        r"quota|exhausted|used up|usage limit",
        MiMoQuotaError,
        "The plan's quota is used up; it does not help to try again before it is renewed.",
    ),
    _Rule((429,), "", MiMoRateLimitError),
    _Rule((400, 413, 422), "", MiMoInvalidRequestError),
    _Rule((408, 409, 425), "", MiMoAPIError, retryable=True),
    _Rule((501, 505), "", MiMoServerError, retryable=False),
    _Rule(range(500, 600), "", MiMoServerError),
    _Rule(_ANY, "", MiMoAPIError),
)
"""From the particular to the general; texts as seen on the wire (mimo-api.md §6, demand.md B)."""

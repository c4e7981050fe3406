"""One attempt to send a request and read its answer, without the sending and the reading.

The shells of `flow` own the socket; everything they have to know stands here, once for both.
"""

from __future__ import annotations

import errno
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpx2
import orjson

from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._transport.error_responses import (
    ErrorContext,
    describe_body,
    error_from_event,
    error_from_response,
    invalid_response_error,
    redirect_error,
)
from langchain_mimo._transport.request_body import RequestBody
from langchain_mimo._transport.retries import RetryPolicy
from langchain_mimo._transport.sse import EventDecoder
from langchain_mimo._transport.timeouts import MiMoTimeouts, Watch
from langchain_mimo.errors import (
    MiMoConfigurationError,
    MiMoConnectionError,
    MiMoError,
    MiMoIncompleteStreamError,
    redact,
)

ERROR_BODY_LIMIT = 256 * 1024
"""Bytes of an error's body that are read."""

ERROR_BODY_SECONDS = 5.0
"""How long the body of an error is waited for once its status is known."""

_SENDABLE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_KEY_HEADERS = ("authorization", "api-key", "x-api-key")
_SECRET_LENGTH = 8
_FRAMING = ("content-length", "transfer-encoding")


@dataclass(slots=True)
class Call:
    """What is to be sent, and how patiently.

    Attributes:
        url: Whole address of the endpoint.
        headers: What goes out beside Host, Content-Type, Content-Length and Accept: the key too.
        tree: JSON tree, with `DeferredMedia` leaves where media stand.
        timeouts: Time limits.
        retry: What is sent again, and when.
        media: Which files may be opened.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    tree: dict[str, Any] = field(repr=False)
    timeouts: MiMoTimeouts = field(default_factory=MiMoTimeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    media: MediaPolicy = field(default_factory=MediaPolicy)

    def key(self) -> str:
        """Return the header that holds the key, as sent, or ""."""
        found = {name.lower(): value for name, value in self.headers.items()}
        return next((found[name] for name in _KEY_HEADERS if found.get(name)), "")


@lru_cache(maxsize=64)
def _parse(url: str) -> httpx2.URL:
    return httpx2.URL(url)


def address(call: Call) -> httpx2.URL:
    """Parse a call's address and check what goes into its head.

    Raises:
        MiMoConfigurationError: It is not an http or https URL, or a header cannot be sent. The
            error names the header, never its value.
    """
    try:
        url = _parse(call.url)
    except httpx2.InvalidURL as error:
        raise MiMoConfigurationError(f"base_url does not make an address: {error}.") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise MiMoConfigurationError(
            f"base_url must begin with https:// or http:// and name a host, not {url.scheme!r}."
        )
    for name, value in call.headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise MiMoConfigurationError(f"{name[:80]!r} in default_headers is no header's name.")
        if not _SENDABLE.fullmatch(value):
            raise MiMoConfigurationError(
                f"The header {name!r} cannot be sent: it holds a line break, a space at its end or "
                "a character that is not ASCII. A key copied with more than itself looks like that."
            )
    return url


def context_of(call: Call, url: httpx2.URL) -> ErrorContext:
    """Gather what an error may say of a call, and what it must not."""
    key = call.key()
    bare = key.rpartition(" ")[2]
    family = re.match(r"(?:sk|ttp|tp)-", bare)
    model = call.tree.get("model")
    return ErrorContext(
        host=url.host,
        key_family=family[0] if family else "",
        has_key=bool(bare),
        model=model if isinstance(model, str) else "",
        secrets=(bare,) if len(bare) >= _SECRET_LENGTH else (),
    )


class Exchange:
    """The state of one attempt.

    Attributes:
        watch: Its time limits.
        strict: Whether the client holds every socket operation to the watch's deadline; a user's
            own does not.
        headers: The answer's headers, once there are some.
    """

    __slots__ = (
        "_body", "_context", "_decoder", "_head", "_status", "_url", "headers", "strict", "watch",
    )  # fmt: skip

    def __init__(
        self, url: httpx2.URL, context: ErrorContext, body: RequestBody, watch: Watch
    ) -> None:
        self._url = url
        self._context = context
        self._body = body
        self._decoder = EventDecoder()
        self._head: list[bytes] | None = []
        self._status = 0
        self.headers: Mapping[str, str] = {}
        self.strict = False
        self.watch = watch

    # The request

    def request(
        self, call: Call, *, stream: bool, client: httpx2.Client | httpx2.AsyncClient | None = None
    ) -> httpx2.Request:
        """Build the request.

        Args:
            call: What is to be sent.
            stream: Whether events are wanted.
            client: A user's own client, whose headers, cookies and parameters go along; or None.
        """
        headers = {
            "host": self._url.netloc.decode("ascii"),
            "accept": "text/event-stream" if stream else "application/json",
            # Compression would hold events back until a block is full.
            "accept-encoding": "identity" if stream else "gzip, deflate",
            "content-type": "application/json",
            "content-length": str(self._body.content_length),
        }
        for name, value in call.headers.items():
            if name.lower() not in _FRAMING:
                headers[name.lower()] = value
        extensions = {"timeout": self.watch.httpx_timeouts()}
        if client is None:
            return httpx2.Request(
                "POST", self._url, headers=headers, stream=self._body, extensions=extensions
            )
        made = client.build_request("POST", self._url, headers=headers, extensions=extensions)
        # A request made without a body has read it already, and would show an empty one to hooks.
        return httpx2.Request(
            "POST", made.url, headers=made.headers, stream=self._body, extensions=made.extensions
        )

    # The answer's head

    def accepts(self, request: httpx2.Request, response: httpx2.Response) -> bool:
        """Take the answer's head; False when its body is an error that has to be read first.

        Raises:
            MiMoRedirectError: It is a redirect.
        """
        self._status, self.headers = response.status_code, response.headers
        if 300 <= self._status < 400:
            raise redirect_error(self._status, self.headers, self._context)
        patience = self.watch.longest_silence()
        if self._status >= 400:
            patience = ERROR_BODY_SECONDS
            self.watch.soon(patience)
        if not self.strict:
            # httpcore2 looks this up once more before it reads the body.
            request.extensions["timeout"]["read"] = patience
        return self._status < 400

    def check(self) -> None:
        """Raise if a time limit has expired.

        Raises:
            MiMoTimeoutError: One has.
        """
        self.watch.check(self._context.host)

    def refusal(self, body: bytes) -> MiMoError:
        """Return the error for an answer that was not accepted."""
        return error_from_response(self._status, self.headers, body, self._context)

    # A whole answer

    def whole(self, body: bytes) -> dict[str, Any]:
        """Read the body of an accepted answer that is not a stream.

        Raises:
            MiMoAPIError: It is an error object in spite of its status, or not JSON at all.
        """
        if body.lstrip()[:5] == b"data:":
            decoder = EventDecoder()
            events = decoder.feed(body) + decoder.finish()
            tree: Any = events[0] if len(events) == 1 else None
        else:
            try:
                tree = orjson.loads(body)
            except orjson.JSONDecodeError:
                tree = _read_leniently(body)
        if not isinstance(tree, dict):
            raise invalid_response_error(self._status, self.headers, body, self._context)
        if tree.get("error"):
            raise error_from_event(tree, self.headers, self._context)
        return tree

    # A stream

    @property
    def done(self) -> bool:
        """Whether the stream ended as it should, with `[DONE]`."""
        return self._decoder.done

    @property
    def over(self) -> bool:
        """Whether nothing more is to be read: it is done, or failed."""
        return self._decoder.done or self._decoder.failure is not None

    def take(self, chunk: bytes) -> list[dict[str, Any]]:
        """Take bytes of a stream and return the events that they complete."""
        self.watch.received += len(chunk)
        events = self._decoder.feed(chunk)
        if events:
            return self._checked(events)
        if self._head is not None and self.watch.received <= ERROR_BODY_LIMIT:
            self._head.append(chunk)
        return events

    def finish(self) -> list[dict[str, Any]]:
        """Take the end of a stream and return the event that it completes, if there is one."""
        events = self._checked(self._decoder.finish())
        if not self._decoder.done and self.watch.events == 0:
            self._decoder.failure = self._no_stream()
        return events

    def conclude(self) -> None:
        """Raise what went wrong, once all events before it have been given out.

        Raises:
            MiMoAPIError: The stream held an error object.
            MiMoIncompleteStreamError: It held something else than events.
        """
        if self._decoder.failure is not None:
            raise self._decoder.failure

    def _checked(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Count events, and find an error among them: only those before it are given out."""
        for index, event in enumerate(events):
            if event.get("error"):
                self._decoder.failure = error_from_event(event, self.headers, self._context)
                events = events[:index]
                break
        if events:
            self._head = None
        self.watch.events += len(events)
        return events

    def _no_stream(self) -> MiMoError:
        """Explain a body without a single event: an error object, a page, or nothing."""
        if self._decoder.failure is not None and self._head is None:
            return self._decoder.failure
        body = b"".join(self._head or ())
        try:
            tree = orjson.loads(body)
        except orjson.JSONDecodeError:
            tree = None
        if isinstance(tree, dict) and tree.get("error"):
            return error_from_event(tree, self.headers, self._context)
        said = describe_body(body, self._context.secrets)
        return MiMoIncompleteStreamError(
            f"{self._context.host} answered {self._status} with {said} where a stream of events "
            "was asked for.",
            is_retryable=False,
        )

    # Faults

    def fault(self, error: Exception) -> MiMoError:
        """Turn what httpx2 or a socket raised into an error of ours."""
        host, watch = self._context.host, self.watch
        if isinstance(error, httpx2.RequestError):
            error._request = None  # noqa: SLF001 - its headers hold the key
        match error:
            case httpx2.ConnectTimeout():
                return watch.error(host, connecting=True)
            case httpx2.PoolTimeout():
                return MiMoConnectionError("The pool of http_client has no connection free.")
            case httpx2.TimeoutException() | TimeoutError():
                return watch.error(host)
            case httpx2.UnsupportedProtocol() | httpx2.LocalProtocolError():
                return MiMoConnectionError(
                    f"The request to {host} could not be written: {_reason(error)}.",
                    is_retryable=False,
                )
        lasting = _lasting(error)
        after = (
            f" after {watch.events} events ({watch.received} bytes)"
            if self._status
            else " before an answer"
        )
        verb = "cannot be made" if isinstance(error, httpx2.ConnectError) else f"broke{after}"
        said = redact(_reason(error), self._context.secrets, 500)
        advice = f" {lasting}" if lasting else ""
        return MiMoConnectionError(
            f"The connection to {host} {verb}: {said}.{advice}", is_retryable=not lasting
        )


def _read_leniently(body: bytes) -> Any:
    decoder = EventDecoder()
    events = decoder.feed(b"data: " + b" ".join(body.split(b"\n")) + b"\n\n")
    return events[0] if events else None


def _causes(error: BaseException | None) -> Iterable[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _lasting(error: Exception) -> str:
    """Say what to do about a fault that trying again does not mend, or ""."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "Its certificate is not trusted; name a private authority with verify=."
        if isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
            return "The process has too many files open; raise its limit or lower concurrency."
    if isinstance(error, httpx2.ProxyError):
        return "The proxy refused; check its address, user and password."
    if isinstance(error, httpx2.DecodingError):
        return "The answer is compressed wrongly."
    return ""

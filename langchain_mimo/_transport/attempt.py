"""One attempt to send a request and read its response, without any I/O.

`transport` does the I/O, once for threads and once for event loops; every decision is made here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx2

from langchain_mimo._redaction import redact, sanitize
from langchain_mimo._transport.api_request import (
    MAX_RESPONSE_BYTES,
    STREAM_FACTOR,
    ApiRequest,
)
from langchain_mimo._transport.clients import ClientSettings
from langchain_mimo._transport.connection_errors import Route, connection_error
from langchain_mimo._transport.destination import secrets_of
from langchain_mimo._transport.error_bodies import describe_body
from langchain_mimo._transport.error_hints import ErrorContext
from langchain_mimo._transport.error_responses import (
    error_from_event,
    error_from_response,
    invalid_response_error,
)
from langchain_mimo._transport.http_packages import faults_of, hang_up_after_failure
from langchain_mimo._transport.inflation import content_encoding
from langchain_mimo._transport.logs import AttemptLog, logger
from langchain_mimo._transport.own_clients import client_error
from langchain_mimo._transport.redirects import redirect_error
from langchain_mimo._transport.request_body import AsyncContent, RequestBody, SyncContent
from langchain_mimo._transport.response_head import ResponseHead
from langchain_mimo._transport.sse import CALL_AGAIN, EventDecoder, parse_json, starts_stream
from langchain_mimo._transport.timeouts import AttemptTimer
from langchain_mimo.errors import (
    MiMoError,
    MiMoIncompleteStreamError,
    MiMoInvalidResponseError,
)

ERROR_BODY_LIMIT = 256 * 1024
"""Bytes of an error's body that are read."""

ERROR_BODY_SECONDS = 5.0
"""How long to wait for the body of an error once its status is known."""


class Attempt:
    """The state of one attempt.

    Attributes:
        timer: Its time limits.
        keeps_deadlines: Whether the client applies the timer's deadline to every socket operation;
            a user's own client does not.
        faults: Exceptions of the client and its sockets, which `error_from` converts.
        headers: Headers of the response; empty until it arrives.
        encoding: How its body is compressed: "", "gzip" or "deflate".
        max_bytes: Largest body of a response that is not streamed, in bytes.
        number: Its number among the attempts of one request, starting at 1.
        log: Its log lines, or None if they are off.
    """

    __slots__ = (
        "_body", "_client", "_context", "_decoder", "_http", "_is_whole", "_settings", "_start",
        "_status", "_url", "encoding", "faults", "headers", "keeps_deadlines", "log", "max_bytes",
        "number", "timer",
    )  # fmt: skip

    def __init__(
        self,
        url: httpx2.URL,
        context: ErrorContext,
        body: RequestBody,
        timer: AttemptTimer,
        http: Any = httpx2,
        *,
        max_bytes: int = MAX_RESPONSE_BYTES,
        number: int = 1,
        settings: ClientSettings | None = None,
    ) -> None:
        """Prepare an attempt.

        Args:
            url: Where to send the request.
            context: What errors may say about it.
            body: Its body.
            timer: Its time limits.
            http: The package of the client in use, `httpx2` or `httpx`.
            max_bytes: Largest response, in bytes; see `ApiRequest`.
            number: Its number among the attempts of one request, starting at 1.
            settings: Settings of our own clients, for errors.
        """
        self._url = url
        self._context = context
        self._body = body
        self._client: Any = None
        self._decoder = EventDecoder(context.secrets, context.host)
        self._http = http
        self._is_whole = False
        self._settings = settings
        self._start: bytearray | None = bytearray()
        self._status = 0
        self.encoding = ""
        self.faults = faults_of(http)
        self.headers: Mapping[str, str] = {}
        self.keeps_deadlines = False
        self.log: AttemptLog | None = None
        self.max_bytes = max_bytes
        self.number = number
        self.timer = timer
        if logger.isEnabledFor(logging.DEBUG):
            self.log = AttemptLog(number, url, context, body.content_length)

    # The request

    def build_request(self, api_request: ApiRequest, *, stream: bool) -> httpx2.Request:
        """Build the request for one of our own clients.

        Args:
            api_request: What to send.
            stream: Whether to ask for events.
        """
        return httpx2.Request(
            "POST",
            self._url,
            headers=api_request.destination().headers(self._body.content_length, stream=stream),
            stream=self._body,
            extensions={"timeout": self.timer.timeout_extension()},
        )

    def build_request_with(self, client: Any, api_request: ApiRequest, *, stream: bool) -> Any:
        """Build the request with a user's own client, which adds headers, cookies and parameters.

        Args:
            client: The client.
            api_request: What to send.
            stream: Whether to ask for events.

        Returns:
            A request of the client's package.
        """
        self._client = client
        is_sync = isinstance(client, self._http.Client)
        headers = api_request.destination().headers(self._body.content_length, stream=stream)
        request = client.build_request(
            "POST",
            str(self._url),
            headers=dict(headers),
            content=SyncContent(self._body) if is_sync else AsyncContent(self._body),
            extensions={"timeout": self.timer.timeout_extension()},
        )
        self._context = api_request.destination().context(api_request.tree, request.headers)
        self._decoder = EventDecoder(self._context.secrets, self._context.host)
        return request

    # Status and headers of the response

    def accept_head(self, request: httpx2.Request, response: httpx2.Response) -> bool:
        """Read status and headers.

        Returns:
            True to read the body as a response; False to read it as an error.

        Raises:
            MiMoRedirectError: The response is a redirect.
            MiMoInvalidResponseError: It is compressed in a way that was not asked for.
        """
        self._status, self.headers = response.status_code, response.headers
        if self._client is not None and self._client.auth is not None:
            # It has changed the headers since the request was built.
            secrets = (*self._context.secrets, *secrets_of(response.request.headers))
            self._context = replace(self._context, secrets=secrets)
            self._decoder = EventDecoder(secrets, self._context.host)
        if 300 <= self._status < 400:
            raise redirect_error(self._status, self.headers, self._context, str(self._url))
        is_error = self._status >= 400
        if is_error:
            self.timer.expire_in(ERROR_BODY_SECONDS)
        if not self.keeps_deadlines:
            # The connection looks this up again before it reads the body.
            longest_read = ERROR_BODY_SECONDS if is_error else self.timer.longest_silence()
            request.extensions["timeout"]["read"] = longest_read
        self.encoding = content_encoding(self.headers)
        if self.encoding and self.encoding not in ("gzip", "deflate"):
            if self._status < 400:
                raise self._unusable(f"a body compressed with {self.encoding[:80]!r}")
            raise self.error_response(b"")
        return self._status < 400

    def hand_on_head(self, api_request: ApiRequest) -> None:
        """Hand on the headers of an accepted response."""
        if api_request.on_head is not None:
            context = self._context
            head = ResponseHead(self.headers, context.secrets, self.number, context.host)
            api_request.on_head(head)

    def check(self) -> None:
        """Raise if a time limit has expired.

        Raises:
            MiMoTimeoutError: A limit has expired.
        """
        self.timer.check(self._context.host)

    def error_response(self, body: bytes) -> MiMoError:
        """Return the error for a response that was not accepted."""
        self._context = self._route().completed(self._context)
        return error_from_response(self._status, self.headers, body, self._context)

    # A response that is not streamed

    def too_long(self) -> MiMoError:
        """Return the error for a response of more than `max_bytes`."""
        return self._unusable(f"more than {self.max_bytes:,} bytes", "raise max_response_bytes or ")

    def decoding_error(self, error: Exception) -> Exception:
        """Return the exception of the client for a body that is not compressed as it should be."""
        fault: Exception = self._http.DecodingError(str(error))
        return fault

    def _unusable(self, what: str, remedy: str = "") -> MiMoError:
        return MiMoInvalidResponseError(
            f"{self._context.host} responded with {redact(what, self._context.secrets)}",
            status_code=self._status,
            hint=f"To go on, {remedy}check base_url and the proxies in between.",
        )

    def decode(self, body: bytes) -> dict[str, Any]:
        """Decode the body of an accepted response that is not a stream.

        Raises:
            MiMoAPIError: It is an error object in spite of its status, or not a JSON object.
        """
        if body.lstrip()[:5] == b"data:":
            decoder = EventDecoder(self._context.secrets)
            events = decoder.feed(body) + decoder.finish()
            tree: Any = events[0] if len(events) == 1 else None
        else:
            tree = parse_json(body)
        if not isinstance(tree, dict):
            raise invalid_response_error(self._status, self.headers, body, self._context)
        if tree.get("error"):
            raise error_from_event(tree, self.headers, self._context)
        if self.log is not None:
            self.log.end(self._status, self.headers, received=len(body))
        return tree

    # A stream

    @property
    def done(self) -> bool:
        """Whether the stream ended with `[DONE]`."""
        return self._decoder.done

    @property
    def ended(self) -> bool:
        """Whether to stop reading: the stream is done or has failed."""
        return self._decoder.done or self._decoder.failure is not None

    def feed(self, chunk: bytes) -> list[dict[str, Any]]:
        """Take bytes of a stream, and return the events that they complete."""
        self.timer.received += len(chunk)
        if self.timer.received > STREAM_FACTOR * self.max_bytes:
            self._decoder.failure = MiMoIncompleteStreamError(
                f"the stream from {self._context.host} has more than "
                f"{STREAM_FACTOR * self.max_bytes:,} bytes; raise max_response_bytes if such "
                "answers are expected",
                is_retryable=False,
            )
            return []
        events = self._decoder.feed(chunk)
        if events:
            return self._up_to_error(events)
        if self._start is not None and self.timer.received <= ERROR_BODY_LIMIT:
            self._start += chunk
        return events

    def finish(self) -> list[dict[str, Any]]:
        """End the stream, and return the event that its end completes, if any."""
        self._is_whole = True
        events = self._up_to_error(self._decoder.finish())
        if not self._decoder.done and self.timer.events == 0:
            if answer := self._answer_in_one_piece():
                return self._up_to_error([answer])
            self._decoder.failure = self._not_a_stream()
        return events

    def _answer_in_one_piece(self) -> dict[str, Any] | None:
        """Return the answer of a server that does not stream, as the only event; or None."""
        tree = None if self._decoder.failure else parse_json(bytes(self._start or b""))
        if not isinstance(tree, dict) or tree.get("error"):
            return None
        return tree if tree.get("choices") or tree.get("content") else None

    def raise_failure(self) -> None:
        """Raise what ended the stream, once the events before it have been yielded.

        Raises:
            MiMoAPIError: The stream contained an error object.
            MiMoIncompleteStreamError: It contained something that is not an event.
        """
        if self._decoder.failure is not None:
            raise self._decoder.failure

    def _up_to_error(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Count events, and return those before the first error object."""
        for index, event in enumerate(events):
            if event.get("error"):
                self._decoder.failure = error_from_event(event, self.headers, self._context)
                events = events[:index]
                break
        if events:
            self._start = None
        self.timer.events += len(events)
        return events

    def _not_a_stream(self) -> MiMoError:
        """Return the error for a body without any event: an error object, a page, or nothing."""
        failure, body = self._decoder.failure, bytes(self._start or b"")
        is_cut = starts_stream(body, self.headers.get("content-type", ""))
        if failure is not None and (is_cut or self._start is None):
            return failure
        if is_cut:
            return MiMoIncompleteStreamError(
                f"the stream from {self._context.host} ended before its first event; {CALL_AGAIN}"
            )
        tree = parse_json(body)
        if isinstance(tree, dict) and tree.get("error"):
            return error_from_event(tree, self.headers, self._context)
        found = describe_body(body, self._context.secrets)
        return MiMoIncompleteStreamError(
            f"{self._context.host} responded with {self._status} and {found} "
            "instead of a stream of events; check base_url, and whether a proxy or a login page is "
            "in between",
            is_retryable=False,
        )

    # Faults

    def log_end(self, error: BaseException | None = None) -> None:
        """Log how the attempt ended: with an error, or with its stream."""
        if self.log is None:
            return
        failure = error or self._decoder.failure
        is_whole = self._is_whole or self.done
        self.log.end(
            self._status,
            self.headers,
            received=self.timer.received,
            events=self.timer.events,
            outcome=type(failure).__name__ if failure else "" if is_whole else "closed early",
        )

    def error_from(self, fault: Exception) -> MiMoError:
        """Convert an exception of the HTTP client or of a socket to an error of this package."""
        http, timer = self._http, self.timer
        if isinstance(fault, http.HTTPError):
            fault.request = None  # its headers hold the API key
        route = self._route()
        self._context = route.completed(self._context)
        sanitize(fault, self._context.secrets)
        if isinstance(fault, http.HTTPStatusError):
            return self._status_error(fault)
        if isinstance(fault, http.ConnectTimeout):
            return timer.error(route.described(), connecting=True)
        is_timeout = isinstance(fault, (http.TimeoutException, TimeoutError))
        if is_timeout and not isinstance(fault, http.PoolTimeout):
            return timer.error(self._context.host)
        progress = f"{timer.events} events ({timer.received} bytes)" if self._status else ""
        return connection_error(http, fault, route, self._context.secrets, progress)

    def _route(self) -> Route:
        """Return the way of the request, for errors."""
        is_async = self._client is not None and isinstance(self._client, self._http.AsyncClient)
        name = "http_async_client" if is_async else "http_client"
        return Route(self._url, self._settings or ClientSettings(), self._client, name)

    def _status_error(self, fault: Any) -> MiMoError:
        """Convert what `raise_for_status` raised in an event hook of the user's own client."""
        response = fault.response
        response.request = None
        hang_up_after_failure(response)
        try:
            body = response.content
        except self._http.StreamError:
            body = b"not read before an event hook raised for the status"
        self._status, self.headers = response.status_code, response.headers
        if 300 <= self._status < 400:
            return redirect_error(self._status, self.headers, self._context, str(self._url))
        return self.error_response(body)

    def client_error(self, error: Exception) -> Exception:
        """Return what to raise in place of an exception of a user's own client."""
        return client_error(self._http, self._client, error, self._context.secrets)

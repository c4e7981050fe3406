"""The ASGI application: routes, authenticates, records and answers requests."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from langchain_mimo.emulator.answers.own_answer import own_answer, scripted_answer
from langchain_mimo.emulator.api.formats import ANTHROPIC_MESSAGES, CHAT_COMPLETIONS, ApiFormat
from langchain_mimo.emulator.api.models import model_list, simulated_time
from langchain_mimo.emulator.conversation.outcome import Outcome
from langchain_mimo.emulator.conversation.records import RecordedMedium, RecordedRequest
from langchain_mimo.emulator.conversation.reply import Reply
from langchain_mimo.emulator.conversation.request import Conversation
from langchain_mimo.emulator.conversation.usage import (
    PrefixCache,
    PromptCount,
    merge_usage,
    usage_object,
)
from langchain_mimo.emulator.encoding import dump
from langchain_mimo.emulator.faults.answer import Answer
from langchain_mimo.emulator.faults.queue import ArmedFault, FaultQueue
from langchain_mimo.emulator.faults.targets import Target
from langchain_mimo.emulator.http.authentication import offered_key
from langchain_mimo.emulator.http.bodies import Bodies
from langchain_mimo.emulator.http.connections import Connection
from langchain_mimo.emulator.http.delivery import HttpResponse, deliver
from langchain_mimo.emulator.http.origins import ALLOW_ORIGIN, PREFLIGHT, names_this_machine
from langchain_mimo.emulator.media.library import MediaLibrary
from langchain_mimo.emulator.refusals import (
    Refusal,
    http_error,
    invalid_json,
    invalid_key,
    invalid_request,
    no_such_resource,
    prompt_too_long,
)
from langchain_mimo.emulator.responses import (
    EVENT_STREAM,
    encoded_events,
    not_found,
    raw_response,
    refused,
    with_headers_and_delays,
)
from langchain_mimo.emulator.script import ResponderError, Script
from langchain_mimo.emulator.settings import Settings
from langchain_mimo.emulator.workers import Workers

_LOGGER = logging.getLogger("langchain_mimo.emulator")

_Rewrite: TypeAlias = "Callable[[Outcome, Conversation, Reply | None], Answer]"
"""A fault of the answer with its parameters."""

MODEL_PATHS = ("/v1/models", "/models")
"""The paths of the list of models. In September 2026, MiMo served them on different days."""


@dataclass(frozen=True, slots=True)
class _InputTokens:
    prompt: PromptCount
    cached: int


class Application:
    """Routes requests, records them and answers them.

    Args:
        settings: The emulator's settings.
        library: Opens the media in requests.
        cache: Counts the tokens of prompts and how many of them are cached.
        script: The queued replies and the responder.
        faults: The queued faults.
        requests: Each received request is appended here.
        responder_errors: Each error of the responder is appended here.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        library: MediaLibrary,
        cache: PrefixCache,
        script: Script,
        faults: FaultQueue,
        requests: list[RecordedRequest],
        responder_errors: list[ResponderError],
    ) -> None:
        self._settings = settings
        self._library = library
        self._cache = cache
        self._script = script
        self._faults = faults
        self._requests = requests
        self._responder_errors = responder_errors
        self._streams = itertools.count(1)
        self._bodies = Bodies(settings.max_body_bytes)
        self._workers = Workers()
        self._starlette = Starlette(
            routes=[
                *(
                    Route(
                        api_format.path,
                        self._endpoint(partial(self._complete, api_format)),
                        methods=["POST"],
                    )
                    for api_format in (CHAT_COMPLETIONS, ANTHROPIC_MESSAGES)
                ),
                *(
                    Route(path + rest, self._endpoint(respond), methods=["GET"])
                    for path in MODEL_PATHS
                    for rest, respond in (("", self._models), ("/{model_id}", self._model))
                ),
            ],
            exception_handlers={HTTPException: _http_error},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        # Requests that still wait when the emulator stops are cancelled; uvicorn would log that as
        # an error of the application, with its traceback.
        with suppress(asyncio.CancelledError):
            if scope.get("method") == "OPTIONS" and self._settings.cors:
                await Response(headers=PREFLIGHT)(scope, receive, send)
            else:
                await self._starlette(scope, receive, send)

    def _endpoint(self, respond: Callable[[RecordedRequest, bytearray], HttpResponse]) -> _Endpoint:
        return _Endpoint(self, respond)

    async def serve(
        self,
        respond: Callable[[RecordedRequest, bytearray], HttpResponse],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Read a complete request, record it, and deliver the response that `respond` returns."""
        request = Request(scope, receive)
        connection = scope.get("state", {}).get("connection") or Connection()
        connection.path = request.url.path
        connection.requests += 1
        connection.received_at = 0.0
        try:
            self._check_host(request, connection)
            async with self._bodies.read(request) as raw:
                connection.received_at = time.monotonic()
                response = await self._record_and_respond(respond, request, raw, connection)
        except ClientDisconnect:
            return
        except Refusal as refusal:
            response = refused(refusal)
        if self._settings.cors:
            response.headers = [ALLOW_ORIGIN, *response.headers]
        await deliver(response, send, connection)

    def _check_host(self, request: Request, connection: Connection) -> None:
        """Refuse requests of pages whose name was made to lead to this machine."""
        host = request.headers.get("host", "")
        if connection.transport is None or names_this_machine(host, self._settings.host):
            return
        raise http_error(403, f"This emulator serves its own machine only, not {host[:100]!r}")

    async def _record_and_respond(
        self,
        respond: Callable[[RecordedRequest, bytearray], HttpResponse],
        request: Request,
        raw: bytearray,
        connection: Connection,
    ) -> HttpResponse:
        record = RecordedRequest(
            method=request.method,
            path=request.url.path,
            headers=dict(request.headers.items()),
            body=None,
            raw_length=len(raw),
            connection=connection.number,
            received_at=connection.received_at,
        )
        self._requests.append(record)
        if self._settings.max_recorded is not None:
            del self._requests[: -self._settings.max_recorded]
        armed = None
        if self._faults.waiting:
            body = await self._workers.run_for(raw, _object_in, raw)
            target = Target(request.method, request.url.path, body, connection.requests > 1)
            armed = self._faults.next(target)
        if armed is None:
            response = await self._respond(respond, record, raw)
        else:
            record.fault = armed.name
            response = await self._respond_with_fault(armed, target, respond, record, raw)
        record.status = response.status
        return response

    async def _respond(
        self,
        respond: Callable[[RecordedRequest, bytearray], HttpResponse],
        record: RecordedRequest,
        raw: bytearray,
    ) -> HttpResponse:
        if self._script.responder is not None:
            return await self._workers.run(respond, record, raw)
        return await self._workers.run_for(raw, respond, record, raw)

    async def _respond_with_fault(
        self,
        armed: ArmedFault,
        target: Target,
        respond: Callable[..., HttpResponse],
        record: RecordedRequest,
        raw: bytearray,
    ) -> HttpResponse:
        if armed.fault.replace is not None:
            return armed.fault.replace(armed.parameters, target.streaming)
        if armed.fault.rewrite is not None:
            respond = partial(respond, rewrite=partial(armed.fault.rewrite, armed.parameters))
        response = await self._respond(respond, record, raw)
        is_stream = response.body is None and response.status == 200
        if armed.fault.alter is None or (armed.streams_only and not is_stream):
            return response
        return armed.fault.alter(response, armed.parameters)

    def _models(self, record: RecordedRequest, _raw: bytearray) -> HttpResponse:
        if not self._is_authorized(record.headers, ("api-key",)):
            return refused(invalid_key())
        models = model_list(simulated_time(self._settings.as_of))
        return HttpResponse(200, body=dump(models))

    def _model(self, record: RecordedRequest, _raw: bytearray) -> HttpResponse:
        authorized = self._is_authorized(record.headers, ("api-key",))
        return refused(no_such_resource() if authorized else invalid_key())

    def _complete(
        self,
        api_format: ApiFormat,
        record: RecordedRequest,
        raw: bytearray,
        rewrite: _Rewrite | None = None,
    ) -> HttpResponse:
        streaming = False
        try:
            body = _decode(raw)
            if self._settings.keep_bodies:
                record.body = body
            streaming = isinstance(body, dict) and body.get("stream") is True
            return self._complete_body(api_format, record, body, rewrite)
        except Refusal as refusal:
            return refused(refusal, streaming=streaming)
        except Exception:
            # A fault of the emulator. MiMo's own answer to what it cannot read is a 400 too.
            _LOGGER.exception("The emulator cannot handle a request")
            return refused(invalid_request(), streaming=streaming)

    def _complete_body(
        self,
        api_format: ApiFormat,
        record: RecordedRequest,
        body: Any,
        rewrite: _Rewrite | None,
    ) -> HttpResponse:
        if not self._is_authorized(record.headers, api_format.key_headers):
            raise invalid_key()
        library = self._library.for_request()
        conversation = api_format.read(body, self._settings.rules(), library)
        prompt, cached = self._cache.count_prompt(conversation)
        if prompt.total > conversation.model.context_tokens:
            raise prompt_too_long(prompt.total, conversation.model.context_tokens)
        return self._answer(api_format, record, conversation, _InputTokens(prompt, cached), rewrite)

    def _answer(
        self,
        api_format: ApiFormat,
        record: RecordedRequest,
        conversation: Conversation,
        tokens: _InputTokens,
        rewrite: _Rewrite | None,
    ) -> HttpResponse:
        record.media = [
            RecordedMedium.of(item, keep_data=self._settings.keep_bodies)
            for item in conversation.media
        ]
        try:
            reply = self._script.next(record)
        except ResponderError as error:
            self._responder_errors.append(error)
            _LOGGER.error("%s", error)  # noqa: TRY400 - the end of the with block raises it
            return refused(http_error(500, str(error)), streaming=conversation.stream)
        if reply is not None and reply.is_raw:
            return raw_response(reply)
        outcome = (
            own_answer(conversation) if reply is None else scripted_answer(reply, conversation)
        )
        if rewrite is not None:
            outcome, reply = rewrite(outcome, conversation, reply)
        usage = merge_usage(
            usage_object(
                tokens.prompt,
                tokens.cached,
                outcome.completion_tokens,
                outcome.reasoning_tokens,
                outcome.searches,
            ),
            reply.usage if reply is not None else None,
        )
        record.usage = usage
        if conversation.stream:
            send_usage = self._settings.always_send_usage or conversation.include_usage
            events = api_format.events(outcome, conversation, usage if send_usage else None, reply)
            comment = api_format.sends_comments and record.fault is None and self._has_comment()
            response = HttpResponse(
                200, EVENT_STREAM, steps=encoded_events(events, comment=comment)
            )
        else:
            response = HttpResponse(
                200, body=dump(api_format.response(outcome, conversation, usage, reply))
            )
        return response if reply is None else with_headers_and_delays(response, reply)

    def _has_comment(self) -> bool:
        """Count a stream, and return whether a comment is sent before its first chunk."""
        every = self._settings.processing_every
        return every is not None and next(self._streams) % every == 0

    def _is_authorized(self, headers: Mapping[str, str], names: tuple[str, ...]) -> bool:
        key = offered_key(headers, names)
        return secrets.compare_digest(key.encode(), self._settings.api_key.encode())


class _Endpoint:
    """An ASGI endpoint: Starlette only routes to it, and the application sends the response."""

    def __init__(
        self,
        application: Application,
        respond: Callable[[RecordedRequest, bytearray], HttpResponse],
    ) -> None:
        self._application = application
        self._respond = respond

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._application.serve(self._respond, scope, receive, send)


def _decode(raw: bytearray) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise invalid_json() from None


def _object_in(raw: bytearray) -> dict[str, Any] | None:
    """Return the decoded body; None if it is not a JSON object."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "Internal Server Error"
    response = not_found() if status == 404 else refused(http_error(status, detail))
    return Response(response.body, status, media_type=response.content_type)

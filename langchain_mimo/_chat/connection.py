"""Connects ChatMiMo's fields to the transport: endpoints, limits and clients."""

# ruff: noqa: PLC0415 - modules that only a call needs are imported by the first call

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from langchain_mimo._chat.api_keys import acurrent_key, current_key
from langchain_mimo._chat.model_hooks import ModelHooks
from langchain_mimo._chat.settings import check_verify, request_headers
from langchain_mimo._transport.retries import policy_of
from langchain_mimo._transport.timeouts import MiMoTimeouts
from langchain_mimo.errors import MiMoError, MiMoMediaRejectedError

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_mimo._chat.requests import ChatRequest
    from langchain_mimo._chat.responses import StreamedResponse, WholeResponse
    from langchain_mimo._media.opening import MediaPolicy
    from langchain_mimo._transport import ApiRequest, Transport
    from langchain_mimo._transport.response_head import ResponseHead

T = TypeVar("T")


class ConnectedFields(ModelHooks):
    """Base of `ChatMiMo`: its fields, and the transport, created when first needed."""

    @property
    def _http(self) -> Transport:
        settings = (self.verify, self.http_client, self.http_async_client)
        # A copy with other settings shares private attributes with the original.
        made = self._transport  # once: pydantic looks private attributes up slowly
        if made is None or made[0] != settings:
            from langchain_mimo._transport import ClientSettings, Transport

            verify = check_verify(settings[0])
            transport = Transport(ClientSettings(verify=verify), *settings[1:])
            made = self._transport = (settings, transport)
        http: Transport = made[1]
        return http

    def _api_request(
        self,
        body: dict[str, Any],
        url: str | None,
        key: str | None,
        on_head: Callable[[ResponseHead], None] | None = None,
        request: ChatRequest | None = None,
    ) -> ApiRequest:
        """Return the API request that sends a body, to `url` if that is known already.

        `on_head` takes the head of each accepted response; `request` is what the body encodes.
        """
        from langchain_mimo._transport.api_request import MAX_RESPONSE_BYTES, ApiRequest
        from langchain_mimo._wire.formats import API_FORMATS

        api_format = API_FORMATS[self.api_format]
        return ApiRequest(
            url=url or api_format.address(self._endpoints),
            headers=request_headers(key, self.default_headers, api_format.headers),
            tree=body,
            timeouts=MiMoTimeouts.of(self.timeout),
            retry=policy_of(self.retry_policy, self.max_retries),
            media=self._media_policy,
            max_response_bytes=self.max_response_bytes or MAX_RESPONSE_BYTES,
            on_head=on_head,
            gate=self.budget,
            measure=None if request is None else request.media_tokens,
            is_mimos=self.server == "mimo",
        )

    @property
    def _media_policy(self) -> MediaPolicy:
        from langchain_mimo._media.opening import MediaPolicy

        folders = cast("Sequence[str | Path]", self.allowed_media_dirs)  # the validator's form
        return MediaPolicy(tuple(folders), self.media_limits or {})

    # ------------------------------------------------------------------------------- sending

    def _completed(self, response: WholeResponse) -> AIMessage:
        """Send what a response asks for, and return its message."""
        from langchain_mimo._transport.logs import log_blocked_loop

        log_blocked_loop()
        while response.body is not None:
            if response.delay:
                time.sleep(response.delay)
            try:
                key = current_key(self.api_key)
                request = self._api_request(
                    response.body, response.url, key, response.take_head, response.request
                )
                answer = self._http.request(request)
            except MiMoError as error:
                self._fail(response, error)
            else:
                response.feed(answer)
        return response.message

    async def _acompleted(self, response: WholeResponse) -> AIMessage:
        """Do the same in an event loop."""
        while response.body is not None:
            if response.delay:
                await asyncio.sleep(response.delay)
            try:
                key = await acurrent_key(self.api_key)
                request = self._api_request(
                    response.body, response.url, key, response.take_head, response.request
                )
                answer = await self._http.arequest(request)
            except MiMoError as error:
                await self._afail(response, error)
            else:
                response.feed(answer)
        return response.message

    def _streamed(self, response: StreamedResponse[T]) -> Iterator[T]:
        """Send what a streamed response asks for, and yield what it makes of the events."""
        from langchain_mimo._transport.logs import log_blocked_loop

        log_blocked_loop()
        while response.body is not None:
            if response.delay:
                time.sleep(response.delay)
            try:
                key = current_key(self.api_key)
                request = self._api_request(
                    response.body, response.url, key, response.take_head, response.request
                )
                with closing(self._http.stream(request)) as events:
                    for event in events:
                        yield from response.feed(event)
                        if response.is_over:
                            break
                rest = response.end()
            except MiMoError as error:
                self._fail(response, error)
            else:
                yield from rest

    async def _astreamed(self, response: StreamedResponse[T]) -> AsyncIterator[T]:
        """Do the same in an event loop."""
        while response.body is not None:
            if response.delay:
                await asyncio.sleep(response.delay)
            try:
                key = await acurrent_key(self.api_key)
                request = self._api_request(
                    response.body, response.url, key, response.take_head, response.request
                )
                async with aclosing(self._http.astream(request)) as events:
                    async for event in events:
                        for item in response.feed(event):
                            yield item
                        if response.is_over:
                            break
                rest = response.end()
            except MiMoError as error:
                await self._afail(response, error)
            else:
                for item in rest:
                    yield item

    def _fail(self, response: WholeResponse | StreamedResponse[Any], error: MiMoError) -> None:
        """Prepare another attempt, or raise the error, with the rejected media described."""
        try:
            response.fail(error)
        except MiMoMediaRejectedError as rejected:
            self._explain_rejection(rejected, response.request)
            raise

    async def _afail(
        self, response: WholeResponse | StreamedResponse[Any], error: MiMoError
    ) -> None:
        """Do the same in an event loop; reading headers of files blocks."""
        try:
            response.fail(error)
        except MiMoMediaRejectedError as rejected:
            with suppress(Exception):  # no thread is to be had, as when the interpreter ends
                await asyncio.to_thread(self._explain_rejection, rejected, response.request)
            raise

    def _explain_rejection(self, error: MiMoMediaRejectedError, request: ChatRequest) -> None:
        """Add to an error which media MiMo refused."""
        from langchain_mimo._chat.rejected_media import explain_rejection

        explain_rejection(error, request, self._media_policy)

    # --------------------------------------------------------------------------- lifecycle

    def close(self) -> None:
        """Close this model's idle connections; later calls open new ones."""
        if self._transport is not None:
            self._transport[1].close()

    async def aclose(self) -> None:
        """Close this model's idle connections, including those of the running event loop."""
        if self._transport is not None:
            await self._transport[1].aclose()

    def __enter__(self) -> Self:
        """Return the model itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the model's idle connections."""
        self.close()

    async def __aenter__(self) -> Self:
        """Return the model itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the model's idle connections."""
        await self.aclose()

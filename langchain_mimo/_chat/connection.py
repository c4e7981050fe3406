"""Connects ChatMiMo's fields to the transport: endpoints, limits and clients."""

# ruff: noqa: PLC0415 - modules that only a call needs are imported by the first call

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import PrivateAttr

from langchain_mimo._chat.fields import ChatMiMoFields
from langchain_mimo._chat.settings import endpoints_of, request_headers
from langchain_mimo._transport.timeouts import MiMoTimeouts

if TYPE_CHECKING:
    from langchain_mimo._media.opening import MediaPolicy
    from langchain_mimo._transport import ApiRequest, Transport


class ConnectedFields(ChatMiMoFields):
    """Base of `ChatMiMo`: its fields, and the transport, created when first needed."""

    _transport: tuple[Any, Transport] | None = PrivateAttr(default=None)

    @property
    def _http(self) -> Transport:
        settings = (self.verify, self.http_client, self.http_async_client)
        # A copy with other settings shares private attributes with the original.
        if self._transport is None or self._transport[0] != settings:
            from langchain_mimo._transport import ClientSettings, Transport

            transport = Transport(ClientSettings(verify=settings[0]), *settings[1:])
            self._transport = (settings, transport)
        return self._transport[1]

    def _api_request(self, body: dict[str, Any]) -> ApiRequest:
        """Return the API request that sends a body."""
        from langchain_mimo._transport import ApiRequest
        from langchain_mimo._transport.retries import default_policy
        from langchain_mimo._wire.formats import API_FORMATS

        api_format = API_FORMATS[self.api_format]
        return ApiRequest(
            url=api_format.address(endpoints_of(self.base_url, self._key, self.region)),
            headers=request_headers(self._key, self.default_headers, api_format.headers),
            tree=body,
            timeouts=MiMoTimeouts.of(self.timeout),
            retry=self.retry_policy or default_policy(self.max_retries),
            media=self._media_policy,
        )

    @property
    def _media_policy(self) -> MediaPolicy:
        from langchain_mimo._media.opening import MediaPolicy

        return MediaPolicy(tuple(self.allowed_media_dirs), self.media_limits or {})

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

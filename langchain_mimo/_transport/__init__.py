"""Sends JSON trees over HTTP and returns JSON objects; knows nothing of LangChain's messages.

    transport = Transport(ClientSettings(), http_client=None, http_async_client=None)

    body = transport.request(api_request)                  one JSON object
    for event in transport.stream(api_request): ...        JSON objects, in order
    body = await transport.arequest(api_request)
    async for event in transport.astream(api_request): ...
    transport.close(); await transport.aclose()

with

    ApiRequest(url, headers, tree, timeouts=MiMoTimeouts(), retry=RetryPolicy(),
               media=MediaPolicy())
        url        full URL of the endpoint
        headers    headers, including the API key; Host, Content-Type, Content-Length and Accept
                   are added
        tree       JSON tree, with `DeferredMedia` leaves in place of media

    MiMoTimeouts(connect=10.0, first_event=900.0, idle=300.0, total=None); MiMoTimeouts.of(value)
    RetryPolicy(max_retries=2, ...)
    ClientSettings(proxy=None, verify=True, trust_env=True)        hashable

The streams are generators: closing one closes its connection at once. A stream ends at `[DONE]` or
where the server ends the response; whether the message is complete is for the caller to decide.
Raised are:

    MiMoAPIError and its subclasses    an error response, an error object in a stream, or a
                                       response that is not one of this API
                                       (MiMoInvalidResponseError)
    MiMoConnectionError                the connection failed or broke, at any byte
    MiMoTimeoutError                   a time limit expired
    MiMoIncompleteStreamError          the response is not a stream of events
    MiMoRedirectError                  a 3xx; redirects are never followed
    MediaError                         a media item in the tree may not or cannot be sent
    MiMoInputError                     the tree contains something that JSON cannot represent
    MiMoConfigurationError             a URL or header that cannot be sent

Failures are retried as the policy says, but never after the first event has been yielded.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_mimo._transport.api_request import ApiRequest
    from langchain_mimo._transport.clients import ClientSettings
    from langchain_mimo._transport.retries import RetryPolicy
    from langchain_mimo._transport.timeouts import MiMoTimeouts
    from langchain_mimo._transport.transport import Transport

__all__ = ["ApiRequest", "ClientSettings", "MiMoTimeouts", "RetryPolicy", "Transport"]

_HOMES = {
    "ApiRequest": "api_request",
    "ClientSettings": "clients",
    "MiMoTimeouts": "timeouts",
    "RetryPolicy": "retries",
    "Transport": "transport",
}


def __getattr__(name: str) -> Any:
    """Import httpx2 with the first name that needs it; `timeouts` and `retries` do not."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value

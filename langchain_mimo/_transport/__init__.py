"""httpx2 and nothing above it: a JSON tree goes out, JSON objects come back, or a typed error.

    transport = Transport(ClientSettings(), http_client=None, http_async_client=None)

    body = transport.request(call)                     one whole JSON object
    for event in transport.stream(call): ...           JSON objects, in order
    body = await transport.arequest(call)
    async for event in transport.astream(call): ...
    transport.close(); await transport.aclose()

with

    Call(url, headers, tree, timeouts=MiMoTimeouts(), retry=RetryPolicy(), media=MediaPolicy())
        url        whole address of the endpoint
        headers    what goes out beside Host, Content-Type, Content-Length, Accept: the key too
        tree       JSON tree, `DeferredMedia` leaves where media stand

    MiMoTimeouts(connect=10.0, first_event=900.0, idle=300.0, total=None); MiMoTimeouts.of(value)
    RetryPolicy(max_retries=2, ...)
    ClientSettings(proxy=None, verify=True, trust_env=True)        hashable

Both streams are generators: closing one closes its connection at once. They end at `[DONE]` or
where the server ended the answer; whether the message is whole is for the caller to say. What
they raise:

    MiMoAPIError and its subclasses    an error answer, an error object among the events, or an
                                       answer that is not this API's (MiMoInvalidResponseError)
    MiMoConnectionError                no connection, or one that was cut (at any byte)
    MiMoTimeoutError                   a limit expired
    MiMoIncompleteStreamError          what came is not a stream of events
    MiMoRedirectError                  a 3xx; nothing is ever sent on to another address
    MediaError                         a medium of the tree may not, or cannot, be sent
    MiMoInputError                     the tree holds what JSON cannot
    MiMoConfigurationError             an address or header that cannot be sent

Faults are retried as the policy says, and never once the first event has been given out.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_mimo._transport.attempt import Call
    from langchain_mimo._transport.clients import ClientSettings
    from langchain_mimo._transport.retries import RetryPolicy
    from langchain_mimo._transport.timeouts import MiMoTimeouts
    from langchain_mimo._transport.transport import Transport

__all__ = ["Call", "ClientSettings", "MiMoTimeouts", "RetryPolicy", "Transport"]

_HOMES = {
    "Call": "attempt",
    "ClientSettings": "clients",
    "MiMoTimeouts": "timeouts",
    "RetryPolicy": "retries",
    "Transport": "transport",
}


def __getattr__(name: str) -> Any:
    """Import httpx2 with the first name that needs it; `limits` alone is free of it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value

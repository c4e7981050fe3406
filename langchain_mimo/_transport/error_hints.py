"""What errors may say about a request, and the hints of the error table that depend on it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from langchain_mimo.catalogue import (
    GENERAL_HOST,
    MIMO_DOMAIN,
    TOKEN_PLAN_HOSTS,
    current_ids,
    find,
)

WEB_SEARCH_CONSOLE = "https://platform.xiaomimimo.com/console/plugin"
"""Page of MiMo's console that enables web search and tops up its quota (docs/api-facts.md)."""


@dataclass(frozen=True, slots=True)
class ErrorContext:
    """What is known about a request whose response is an error; only `secrets` is secret.

    Attributes:
        host: Host of the server, with its port if the URL has one.
        key_family: "sk-", "tp-" or "ttp-", the prefix of the key; "" if unknown.
        model: The requested model id; "" if the request names none.
        secrets: Strings to mask in what the server says.
        has_key: Whether a key was sent.
        rival_headers: Names of the headers with a key, if they hold different keys; else empty.
        searches: Whether the request offers MiMo's web search.
        place: Host and port of the server, and the proxy that may have responded in its place.
        own_auth: Name of the user's client if it has `auth=`, which may replace the key; else "".
    """

    host: str = ""
    key_family: str = ""
    model: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    has_key: bool = True
    rival_headers: tuple[str, ...] = ()
    searches: bool = False
    place: str = ""
    own_auth: str = ""

    @property
    def name(self) -> str:
        """The host without its port."""
        return re.sub(r":\d+$", "", self.host)

    @property
    def is_mimo(self) -> bool:
        """Whether the host is MiMo's own."""
        return self.name == MIMO_DOMAIN or self.name.endswith("." + MIMO_DOMAIN)


def key_hint(context: ErrorContext) -> str:
    """Explain which key was sent to which host, never the key (docs/api-facts.md)."""
    host = context.host or "the server"
    if context.own_auth:
        return (
            f"{context.own_auth} has auth=, which may replace the key in the header Authorization; "
            f"remove it, or check that it is right for {host}."
        )
    if not context.has_key:
        return f"No key was sent to {host}; pass api_key or set MIMO_API_KEY."
    if context.rival_headers:
        return _rival_keys_hint(context)
    if not context.is_mimo:
        return f"The key was sent to {host}; check that it is a key of that server."
    return _key_family_hint(context)


def _key_family_hint(context: ErrorContext) -> str:
    """Explain which family of key was sent to which of MiMo's hosts."""
    family, host = context.key_family, context.host
    regions = ", ".join(f"{region} = {name}" for region, name in TOKEN_PLAN_HOSTS.items())
    if family in ("tp-", "ttp-") and context.name not in TOKEN_PLAN_HOSTS.values():
        return (
            f"A Token Plan key ({family}) was sent to {host}, which accepts pay-as-you-go keys "
            f"(sk-). Set region to that of your plan: {regions}."
        )
    if family in ("tp-", "ttp-"):
        return (
            f"A Token Plan key ({family}) was sent to {host}. Such a key is valid in one region "
            f"only; set region to that of your plan: {regions}."
        )
    if family == "sk-" and context.name != GENERAL_HOST:
        return f"A pay-as-you-go key (sk-) was sent to {host}; send it to {GENERAL_HOST}."
    key = f"A key with the prefix {family}" if family else "A key with an unknown prefix"
    return f"{key} was sent to {host}; check in the console that it is complete and still valid."


def _rival_keys_hint(context: ErrorContext) -> str:
    sent = (
        f"Different keys were sent to {context.host or 'the server'} in the headers "
        f"{' and '.join(context.rival_headers)}"
    )
    if not context.is_mimo:
        return f"{sent}; check which of them it reads (MiMo reads api-key)."
    return (
        f"{sent}, and MiMo reads api-key even if it is wrong. Pass the key as api_key, and remove "
        "the other one from default_headers or from the headers of your http_client."
    )


def permission_hint(context: ErrorContext) -> str:
    """Explain a 403, which MiMo sends for other reasons than other servers."""
    if context.is_mimo:
        return (
            "MiMo refused the request because of your region or its risk control; the key is "
            "valid. Call from a region that MiMo serves, or ask MiMo's support."
        )
    return (
        f"{context.host or 'The server'} refused the request. Check what the key may do there, and "
        "whether a firewall or gateway blocks it; MiMo itself refuses because of the region or "
        "its risk control."
    )


def rate_limit_hint(context: ErrorContext) -> str:
    """Say what to do about a 429."""
    return (
        f"{context.host or 'The server'} limits requests and tokens per minute: send fewer at once "
        "(max_concurrency of batch, rate_limiter, budget=CallBudget(...)), or raise max_retries."
    )


def server_hint(context: ErrorContext) -> str:
    """Say what to do about a 5xx."""
    return (
        f"The error is on the side of {context.host or 'the server'}: try again later, raise "
        "max_retries, or name another model with with_fallbacks."
    )


def unsupported_model_hint(context: ErrorContext) -> str:
    """Name the successor of a retired model, or the ids that MiMo serves."""
    if not context.model:
        return f"The request names no model; set model to one of {_chat_ids()}."
    model = find(context.model)
    if model is None:
        return f"Unknown model {context.model!r}; MiMo serves {_chat_ids()}."
    if model.ended is None:
        return f"MiMo lists {model.id}; check whether your account or plan includes it."
    successor = f"; use {model.successor}" if model.successor else ""
    return f"{model.id} is retired as of {model.ended.date()}{successor}."


def not_found_hint(context: ErrorContext) -> str:
    """Explain a 404 that may concern the model or the URL."""
    model = find(context.model)
    is_retired = model is not None and model.ended is not None
    if is_retired or (model is None and context.model and context.is_mimo):
        return unsupported_model_hint(context)
    return "Check the model id and base_url (MiMo's ends in /v1)."


def modality_hint(context: ErrorContext) -> str:
    """Name a model that accepts media."""
    model = find(context.model)
    successor = model.successor if model is not None and model.successor else "mimo-v2.6-flash"
    return (
        f"{context.model or 'This model'} does not accept this kind of media; use {successor}. "
        "Media in the history are rejected again in every turn."
    )


def speech_hint(context: ErrorContext) -> str:
    """Explain that a speech model does not chat."""
    model = find(context.model)
    hears = model is not None and "audio" in model.inputs
    return (
        f"{context.model or 'This model'} {'transcribes' if hears else 'synthesizes'} speech and "
        f"does not chat; use one of {_chat_ids()}."
    )


def output_limit_hint(context: ErrorContext) -> str:
    """Name the range of `max_completion_tokens`."""
    model = find(context.model)
    if model is None:
        return "Set max_completion_tokens to a number that the model allows."
    return f"Set max_completion_tokens to a number from 1 to {model.max_output_tokens:,}."


def _chat_ids() -> str:
    return ", ".join(current_ids())

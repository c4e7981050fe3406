"""Base URLs, the paths under them, and key families."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from langchain_mimo.catalogue import GENERAL_HOST, MIMO_DOMAIN, TOKEN_PLAN_HOSTS, Region
from langchain_mimo.errors import MiMoConfigurationError

KeyFamily: TypeAlias = Literal["sk", "tp", "other"]

Server: TypeAlias = Literal["mimo", "vllm", "sglang"]
"""The kind of server; `dialects` lists the differences."""

ApiFormatName: TypeAlias = Literal["openai", "anthropic"]
"""The format of requests and responses; see `formats`."""

HAS_RESPONSE_FORMAT: dict[ApiFormatName, bool] = {"openai": True, "anthropic": False}
"""Whether requests of a format have a `response_format` (docs/api-facts.md)."""

_API_PATH = re.compile(
    r"(/v1)?/chat/completions/?$|/anthropic(/v1)?(/messages)?/?$|/v1(/messages)?/?$|/+$"
)


class Endpoints(NamedTuple):
    """The URLs under one root.

    Attributes:
        root: Scheme, host and any path before the API's own.
        host: Host name without port, in lower case.
        chat_completions: Endpoint of the OpenAI format.
        anthropic_messages: Endpoint of the Anthropic format.
        models: Endpoint of the list of models, which this package does not request. In September
            2026 MiMo served it at `/models` too, and each path responded with 404 at times, so a
            client has to try both (docs/api-facts.md).
    """

    root: str
    host: str
    chat_completions: str
    anthropic_messages: str
    models: str

    @property
    def is_mimo(self) -> bool:
        """Whether the host is MiMo's own, which always requires a key."""
        return self.host == MIMO_DOMAIN or self.host.endswith("." + MIMO_DOMAIN)


def key_family(api_key: str | None) -> KeyFamily:
    """Return a key's family: pay-as-you-go (`sk-`), Token Plan (`tp-`, teams `ttp-`) or other."""
    if api_key and api_key.startswith("sk-"):
        return "sk"
    if api_key and api_key.startswith(("tp-", "ttp-")):
        return "tp"
    return "other"


def derive_endpoints(base_url: str) -> Endpoints:
    """Derive all endpoints from a base URL.

    Args:
        base_url: A root, with or without `/v1`, `/anthropic` or `/anthropic/v1` at its end.

    Returns:
        The endpoints under its root.

    Raises:
        MiMoConfigurationError: It is not an http(s) URL, or it contains a query, a fragment or
            credentials.
    """
    url = base_url.strip()
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = f"base_url must start with https:// or http:// and a host, got {url[:80]!r}"
        raise MiMoConfigurationError(msg)
    if parts.query or parts.fragment or parts.username or parts.password:
        msg = (
            f"base_url for {parts.hostname} must not contain a query, a fragment, a user or a "
            "password; pass keys as api_key and other credentials as default_headers"
        )
        raise MiMoConfigurationError(msg)
    root = _API_PATH.sub("", url.rstrip("/"), count=1)
    return Endpoints(
        root=root,
        host=parts.hostname.lower(),
        chat_completions=f"{root}/v1/chat/completions",
        anthropic_messages=f"{root}/anthropic/v1/messages",
        models=f"{root}/v1/models",
    )


def default_base_url(api_key: str | None, region: Region | None, *, is_known: bool = True) -> str:
    """Return the base URL of MiMo's host for a key.

    Args:
        api_key: The key, or None.
        region: Cluster of a Token Plan key: "cn", "sgp" or "ams".
        is_known: Whether the key is known now; otherwise `region` alone decides.

    Returns:
        The base URL, ending in /v1.

    Raises:
        MiMoConfigurationError: A Token Plan key has no region (the key works on one cluster only;
            the others answer 401), the region does not exist, or the key is of another family.
    """
    hosts = ", ".join(f'region="{name}" ({host})' for name, host in TOKEN_PLAN_HOSTS.items())
    if region is not None and region not in TOKEN_PLAN_HOSTS:
        msg = f"unknown region {region!r}; use {hosts}"
        raise MiMoConfigurationError(msg)
    if key_family(api_key) == "tp" or (region is not None and not is_known):
        if region is None:
            msg = f"a Token Plan key (tp-…) works on one cluster only; set {hosts}, or base_url"
            raise MiMoConfigurationError(msg)
        return f"https://{TOKEN_PLAN_HOSTS[region]}/v1"
    if region is not None:
        msg = (
            f"region={region!r} is for Token Plan keys (tp-…); "
            f"remove it, since other keys belong to {GENERAL_HOST}"
        )
        raise MiMoConfigurationError(msg)
    return f"https://{GENERAL_HOST}/v1"

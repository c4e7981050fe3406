"""Where requests go: base URLs, the family of a key, and the paths under a root."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from langchain_mimo.catalogue import GENERAL_HOST, MIMO_DOMAIN, TOKEN_PLAN_HOSTS, Region
from langchain_mimo.errors import MiMoConfigurationError

KeyFamily: TypeAlias = Literal["sk", "tp", "other"]

Server: TypeAlias = Literal["mimo", "vllm", "sglang"]
"""Who answers; `dialects` tells what differs."""

ApiFormatName: TypeAlias = Literal["openai", "anthropic"]
"""How the body is written; `api_formats` tells what differs."""

_TAIL = re.compile(
    r"(/v1)?/chat/completions/?$|/anthropic(/v1)?(/messages)?/?$|/v1(/messages)?/?$|/+$"
)


class Endpoints(NamedTuple):
    """The addresses under one root.

    Attributes:
        root: Scheme, host and any path before the API's own.
        host: Host name without port, lower case.
        chat_completions: The OpenAI-shaped endpoint.
        anthropic_messages: The Anthropic-shaped endpoint.
        models: The list of models.
    """

    root: str
    host: str
    chat_completions: str
    anthropic_messages: str
    models: str

    @property
    def is_mimo(self) -> bool:
        """Whether the host is MiMo's own, where a key is always needed."""
        return self.host == MIMO_DOMAIN or self.host.endswith("." + MIMO_DOMAIN)


def key_family(api_key: str | None) -> KeyFamily:
    """Tell a pay-as-you-go key (`sk-`) from a Token Plan key (`tp-`, teams `ttp-`)."""
    if api_key and api_key.startswith("sk-"):
        return "sk"
    if api_key and api_key.startswith(("tp-", "ttp-")):
        return "tp"
    return "other"


def derive_endpoints(base_url: str) -> Endpoints:
    """Derive every path from a base URL.

    Args:
        base_url: A root, or one that ends in `/v1`, `/anthropic` or `/anthropic/v1`.

    Returns:
        The endpoints under its root.

    Raises:
        MiMoConfigurationError: It is not an http(s) URL, or it carries a query or a password.
    """
    url = base_url.strip()
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = f"base_url must begin with https:// or http:// and name a host, not {url[:80]!r}"
        raise MiMoConfigurationError(msg)
    if parts.query or parts.fragment or parts.username or parts.password:
        msg = (
            f"base_url for {parts.hostname} must not hold a query, a fragment, a user or a "
            "password; give keys as api_key and other headers as default_headers"
        )
        raise MiMoConfigurationError(msg)
    root = _TAIL.sub("", url.rstrip("/"), count=1)
    return Endpoints(
        root=root,
        host=parts.hostname.lower(),
        chat_completions=f"{root}/v1/chat/completions",
        anthropic_messages=f"{root}/anthropic/v1/messages",
        models=f"{root}/v1/models",
    )


def default_base_url(api_key: str | None, region: Region | None) -> str:
    """Choose MiMo's host for a key.

    Args:
        api_key: The key, or None.
        region: Cluster of a Token Plan key: "cn", "sgp" or "ams".

    Returns:
        The base URL, ending in /v1.

    Raises:
        MiMoConfigurationError: A Token Plan key without a region (it is bound to one cluster, and
            the others answer 401), a region MiMo does not have, or one for a key of another kind.
    """
    hosts = ", ".join(f'region="{name}" ({host})' for name, host in TOKEN_PLAN_HOSTS.items())
    if region is not None and region not in TOKEN_PLAN_HOSTS:
        msg = f"there is no region {region!r}: choose {hosts}"
        raise MiMoConfigurationError(msg)
    if key_family(api_key) == "tp":
        if region is None:
            msg = (
                "a Token Plan key (tp-…) works on one cluster only, so say which: "
                f"{hosts}, or give base_url"
            )
            raise MiMoConfigurationError(msg)
        return f"https://{TOKEN_PLAN_HOSTS[region]}/v1"
    if region is not None:
        msg = (
            f"region={region!r} is for Token Plan keys (tp-…); "
            f"leave it out, other keys belong to {GENERAL_HOST}"
        )
        raise MiMoConfigurationError(msg)
    return f"https://{GENERAL_HOST}/v1"

"""Base URLs, the paths under them, and key families."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import SplitResult, urlsplit

from langchain_mimo._checks import shown
from langchain_mimo.catalogue import (
    GENERAL_HOST,
    MAX_STOP_SEQUENCES,
    MIMO_DOMAIN,
    TOKEN_PLAN_HOSTS,
    Region,
)
from langchain_mimo.errors import MiMoConfigurationError

KeyFamily: TypeAlias = Literal["sk", "tp", "other"]

Server: TypeAlias = Literal["mimo", "vllm", "sglang"]
"""The kind of server; `dialects` lists the differences."""

ApiFormatName: TypeAlias = Literal["openai", "anthropic"]
"""The format of requests and responses; see `formats`."""

HAS_RESPONSE_FORMAT: dict[ApiFormatName, bool] = {"openai": True, "anthropic": False}
"""Whether requests of a format have a `response_format` (docs/api-facts.md)."""

MOST_STOP_SEQUENCES: dict[ApiFormatName, int | None] = {
    "openai": MAX_STOP_SEQUENCES,
    "anthropic": None,
}
"""How many stop sequences a request of a format may have; None where MiMo names no limit."""

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]|\s")
_HOST = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?"
)

_API_PATH = re.compile(
    r"(/v1)?/chat/completions/?$|/anthropic(/v1)?(/messages)?/?$|/v1(/messages)?/?$|/+$"
)


class Endpoints(NamedTuple):
    """The URLs under one root.

    Attributes:
        root: Scheme, host and any path before the API's own.
        host: Host name without port, in lower case.
        place: The host, with the port if the URL has one, for messages.
        is_mimo: Whether the host is MiMo's own, which always requires a key.
        is_loopback: Whether the host is this machine.
        is_plain: Whether requests go over http, unencrypted.
        chat_completions: Endpoint of the OpenAI format.
        anthropic_messages: Endpoint of the Anthropic format.
        models: Endpoint of the list of models, which this package does not request. In September
            2026 MiMo served it at `/models` too, and each path responded with 404 at times, so a
            client has to try both (docs/api-facts.md).
    """

    root: str
    host: str
    place: str
    is_mimo: bool
    is_loopback: bool
    is_plain: bool
    chat_completions: str
    anthropic_messages: str
    models: str


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
    try:
        parts = urlsplit(url)
        host = _checked_host(url, parts)
    except ValueError as error:  # also from urlsplit: brackets that do not match, odd characters
        msg = f"base_url {_shown(url)} is not a valid URL: {error}"
        raise MiMoConfigurationError(msg) from None
    if parts.scheme not in {"http", "https"} or not host:
        msg = f"base_url must start with https:// or http:// and a host, got {_shown(url)}"
        raise MiMoConfigurationError(msg)
    if parts.query or parts.fragment or parts.username or parts.password:
        msg = (
            f"base_url for {host} must not contain a query, a fragment, a user or a "
            "password; pass keys as api_key and other credentials as default_headers"
        )
        raise MiMoConfigurationError(msg)
    root = _API_PATH.sub("", url.rstrip("/"), count=1)
    return Endpoints(
        root=root,
        host=host,
        place=parts.netloc,
        is_mimo=host == MIMO_DOMAIN or host.endswith("." + MIMO_DOMAIN),
        is_loopback=_is_loopback(host),
        is_plain=parts.scheme == "http",
        chat_completions=f"{root}/v1/chat/completions",
        anthropic_messages=f"{root}/anthropic/v1/messages",
        models=f"{root}/v1/models",
    )


def _is_loopback(host: str) -> bool:
    name = host.rstrip(".")
    return (
        name in ("localhost", "::1")
        or name.endswith(".localhost")
        or re.fullmatch(r"127(\.\d{1,3}){3}", name) is not None
    )


def _checked_host(url: str, parts: SplitResult) -> str:
    """Return the host in lower case, "" if there is none.

    Raises:
        ValueError: It cannot be the name or address of a host, or the port is none.
    """
    if match := _UNPRINTABLE.search(url):
        raise ValueError(f"it contains the character {match[0]!r}")
    parts.port  # noqa: B018 - raises ValueError for what is no port
    host = (parts.hostname or "").lower()
    if host and "[" not in parts.netloc:
        ascii_host = host if host.isascii() else host.encode("idna").decode()
        if len(ascii_host) > 253 or not _HOST.fullmatch(ascii_host):
            raise ValueError(f"{host[:80]!r} is not the name of a host")
    return host


def _shown(url: str) -> str:
    """Return the `repr` of a URL for an error, without a user name, password or key."""
    return shown(re.sub(r"//[^/]*@", "//…@", url))


_REGIONS = ", ".join(f'region="{name}" ({host})' for name, host in TOKEN_PLAN_HOSTS.items())


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
    if region is not None and region not in TOKEN_PLAN_HOSTS:
        msg = f"unknown region {region!r}; use {_REGIONS}"
        raise MiMoConfigurationError(msg)
    if key_family(api_key) == "tp" or (region is not None and not is_known):
        if region is None:
            msg = f"a Token Plan key (tp-…) works on one cluster only; set {_REGIONS}, or base_url"
            raise MiMoConfigurationError(msg)
        return f"https://{TOKEN_PLAN_HOSTS[region]}/v1"
    if region is not None:
        msg = (
            f"region={region!r} is for Token Plan keys (tp-…); "
            f"remove it, since other keys belong to {GENERAL_HOST}"
        )
        raise MiMoConfigurationError(msg)
    return f"https://{GENERAL_HOST}/v1"

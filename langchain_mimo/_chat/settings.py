"""Settings of a ChatMiMo: arguments, environment variables, endpoints and headers."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import SecretStr

from langchain_mimo import catalogue
from langchain_mimo._chat.api_keys import API_KEY_VARIABLES
from langchain_mimo._checks import shown, warn_once
from langchain_mimo._transport.retries import DEFAULT_MAX_RETRIES, RetryPolicy
from langchain_mimo._wire.endpoints import (
    Endpoints,
    Server,
    default_base_url,
    derive_endpoints,
    key_family,
)
from langchain_mimo.catalogue import TOKEN_PLAN_HOSTS, Region
from langchain_mimo.errors import MiMoConfigurationError

EmptyContent: TypeAlias = Literal["keep", "reasoning"]

PARAMETERS = (
    "max_completion_tokens",
    "temperature",
    "top_p",
    "stop",
    "frequency_penalty",
    "presence_penalty",
)
"""Documented scalar parameters, each also a field of ChatMiMo (docs/api-facts.md)."""

BASE_URL_VARIABLE = "MIMO_BASE_URL"
MAX_RETRIES_VARIABLE = "MIMO_MAX_RETRIES"


def env_base_url() -> str | None:
    """Return the base URL from MIMO_BASE_URL, or None."""
    return os.environ.get(BASE_URL_VARIABLE, "").strip() or None


def env_max_retries() -> int:
    """Return the number of retries from MIMO_MAX_RETRIES; 2 by default.

    Raises:
        MiMoConfigurationError: The variable is not an integer >= 0.
    """
    value = os.environ.get(MAX_RETRIES_VARIABLE, "").strip()
    if not value:
        return DEFAULT_MAX_RETRIES
    if not value.isdecimal():
        msg = f"{MAX_RETRIES_VARIABLE} must be an integer >= 0, got {value[:40]!r}"
        raise MiMoConfigurationError(msg)
    return int(value)


def check_client(name: str, value: object, verify: object) -> object:
    """Return a user's own HTTP client, of httpx2 or httpx.

    Args:
        name: "http_client" or "http_async_client".
        value: The client.
        verify: The field of that name, which has no effect on the client.

    Raises:
        ValueError: It is not a client of that kind.
    """
    from langchain_mimo._transport.http_packages import package_of  # noqa: PLC0415 - start-up time

    kind: Literal["Client", "AsyncClient"] = "Client" if name == "http_client" else "AsyncClient"
    if package_of(value, kind) is None:
        msg = f"{name} must be an httpx2.{kind} or httpx.{kind}, got {type(value).__name__}"
        raise ValueError(msg)
    if verify is not True:
        warn_once(
            f"verify= has no effect on {name}, which has its own setting; create the client with "
            f"verify=ssl.create_default_context(cafile=...), or leave {name} out.",
            "verify beside a client",
            per_place=True,
        )
    return value


def check_verify(value: object) -> bool | str | ssl.SSLContext:
    """Return what certificates are verified with; a path as a string.

    Raises:
        ValueError: It is of another kind.
    """
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, bool | ssl.SSLContext) or (isinstance(value, str) and value):
        return value
    msg = (
        "verify must be True, False, the path of a PEM file or folder, or an ssl.SSLContext, got "
        f"{shown(value)}"
    )
    raise ValueError(msg)


def check_authorities(value: object) -> bool | str | ssl.SSLContext:
    """Return the same for the constructor, where a path must exist.

    Raises:
        ValueError: It is of another kind, or a path of nothing.
    """
    checked = check_verify(value)
    if isinstance(checked, str):
        path = Path(checked)
        with suppress(RuntimeError):  # the home directory of a user who is not known
            path = path.expanduser()
        if not path.exists():
            named = "" if str(path) == checked and path.is_absolute() else f" ({path.absolute()})"
            msg = (
                f"verify names {checked!r}{named}, which does not exist; correct the path, or "
                "leave it out to trust the authorities of the operating system"
            )
            raise ValueError(msg)
    return checked


def read_policy(value: object) -> object:
    """Return a retry policy from a dict, as serialized models have it; others as they are.

    Raises:
        ValueError: A key of the dict is unknown, or its value wrong.
    """
    if not isinstance(value, Mapping):
        return value
    try:
        return RetryPolicy(**value)
    except MiMoConfigurationError as error:
        raise ValueError(f"retry_policy: {error}") from None


def agreed_retries(max_retries: int, policy: RetryPolicy, *, is_given: bool) -> int:
    """Return the number of retries of a model with a policy: the policy's, if it has one.

    Args:
        max_retries: The model's own number.
        policy: The policy.
        is_given: Whether the model's own is an argument, not from the environment.

    Raises:
        MiMoConfigurationError: Argument and policy contradict each other.
    """
    if policy.max_retries is None:
        return max_retries
    if is_given and policy.max_retries != max_retries:
        raise MiMoConfigurationError(
            f"max_retries={max_retries} and RetryPolicy(max_retries={policy.max_retries}) "
            "contradict each other; remove one of them"
        )
    return policy.max_retries


def checked_id(value: str) -> str:
    """Return a model id as MiMo takes it.

    Raises:
        ValueError: It is empty.
    """
    model = catalogue.strip_id(value)
    if not model:
        raise ValueError(f"model must not be empty; MiMo serves {chat_ids()}")
    return model


def check_model(model: str, endpoints: Endpoints, server: Server) -> None:
    """Check that MiMo's own hosts serve a model for chats; other hosts may serve any id.

    Warns once about a retired model: the date is MiMo's announcement, and the server decides. On
    this machine too, where the emulator stands for MiMo.

    Args:
        model: The model id.
        endpoints: Where requests go.
        server: What is there.

    Raises:
        ValueError: It is a speech model.
    """
    known = catalogue.find(model)
    if known is None:
        return
    if endpoints.is_mimo and not known.conversational:
        does = "transcribes" if "audio" in known.inputs else "synthesizes"
        raise ValueError(
            f"model {model!r} {does} speech and does not chat; ChatMiMo takes {chat_ids()}"
        )
    if not (known.ended and known.ended_by(datetime.now(UTC))):
        return
    if endpoints.is_mimo or (server == "mimo" and endpoints.is_loopback):
        warn_once(
            f"MiMo retired {known.id} on {known.ended:%Y-%m-%d}; use {known.successor}.",
            f"retired {known.id}",
        )


def chat_ids() -> str:
    """Return the ids of the chat models that MiMo serves, for errors."""
    return ", ".join(catalogue.current_ids())


@lru_cache(maxsize=64)
def derived_endpoints(base_url: str) -> Endpoints:
    """Return what `derive_endpoints` returns, remembered."""
    return derive_endpoints(base_url)


def endpoints_of(
    base_url: str | None, api_key: str | None, region: Region | None, *, has_key: bool
) -> Endpoints:
    """Return the endpoints that requests go to.

    Args:
        base_url: A base URL from argument or environment, or None for MiMo's.
        api_key: The key, or None if there is none or it is not known before a request.
        region: The cluster of a Token Plan key, or None.
        has_key: Whether requests have a key.

    Raises:
        MiMoConfigurationError: The URL is invalid, the region is missing, or MiMo's own host has
            no key.
    """
    endpoints = derived_endpoints(
        base_url or default_base_url(api_key, region, is_known=bool(api_key) or not has_key)
    )
    if endpoints.is_mimo and not has_key:
        msg = (
            f"no API key for {endpoints.place}: set {API_KEY_VARIABLES[0]} or pass api_key=; other "
            "servers need none"
        )
        raise MiMoConfigurationError(msg)
    return endpoints


def missing_base_url(server: Server) -> MiMoConfigurationError:
    """Return the error for a self-hosted server without a base URL."""
    return MiMoConfigurationError(
        f'server="{server}" needs base_url, such as "http://localhost:8000/v1" (no key is needed '
        "there); without it, messages would go to MiMo's cloud"
    )


def check_base_url(value: str | None) -> str | None:
    """Return the base URL as it is.

    Raises:
        ValueError: It is empty, which would mean MiMo's cloud unsaid.
    """
    if value == "":
        raise ValueError(
            "base_url is empty; pass a URL, or leave it out for MIMO_BASE_URL or MiMo's own host"
        )
    return value


def check_address(
    endpoints: Endpoints,
    *,
    base_url: str | None,
    region: Region | None,
    key_in_code: str | None,
    is_from_environment: bool,
) -> None:
    """Check that where requests go is where the program says, and warn of plain http.

    Args:
        endpoints: Where requests go.
        base_url: The base URL from argument or environment, or None.
        region: The cluster that the program names, or None.
        key_in_code: The key that the program passes, or None if the environment has it.
        is_from_environment: Whether the base URL comes from the environment.

    Raises:
        MiMoConfigurationError: The base URL is not that of the region or of the kind of key that
            the program names.
    """
    if base_url is None:
        return
    named = BASE_URL_VARIABLE if is_from_environment else "base_url"
    remedy = f"unset {named} or pass base_url=" if is_from_environment else "remove one of them"
    if region is not None and endpoints.host != TOKEN_PLAN_HOSTS[region]:
        msg = (
            f"region={region!r} means {TOKEN_PLAN_HOSTS[region]}, but {named} points to "
            f"{endpoints.place}; {remedy}"
        )
        raise MiMoConfigurationError(msg)
    # A base URL of the program is its own choice: resellers and tests take keys of any kind.
    if is_from_environment:
        is_plan_host = endpoints.host in TOKEN_PLAN_HOSTS.values()
        if key_family(key_in_code) == ("sk" if is_plan_host else "tp"):
            kind = "pay-as-you-go (sk-…)" if is_plan_host else "Token Plan (tp-…)"
            raise MiMoConfigurationError(
                f"the api_key passed is a {kind} key, but {named} points to {endpoints.place}; "
                f"{remedy}"
            )
    if endpoints.is_plain and not endpoints.is_loopback:
        warn_once(
            f"{named} sends all messages, and the API key if there is one, unencrypted to "
            f"{endpoints.place} (http); use https.",
            f"plain http {endpoints.place}",
        )


def secret_value(value: SecretStr | str) -> str:
    """Return the text of a secret."""
    return value if isinstance(value, str) else value.get_secret_value()


def request_headers(
    api_key: str | None,
    default_headers: Mapping[str, SecretStr | str] | None,
    format_headers: Mapping[str, str],
) -> dict[str, str]:
    """Return the headers of a request: the user's, the format's, and the key as a Bearer token.

    MiMo, resellers and vLLM accept `Authorization: Bearer` in both formats (docs/api-facts.md).
    The user's headers override ours; names are compared without case.

    Args:
        api_key: The key, or None.
        default_headers: The user's headers, or None.
        format_headers: The headers of the API format.
    """
    headers = dict(format_headers)
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    if not default_headers:
        return headers
    given = {name: secret_value(value) for name, value in default_headers.items()}
    taken = {name.lower() for name in given}
    return {name: value for name, value in headers.items() if name.lower() not in taken} | given


def check_budget(budget: object, rate_limiter: object) -> object:
    """Check that an argument is a budget, and that it does not count every request twice.

    Raises:
        MiMoConfigurationError: It is not, or it does.
    """
    if isinstance(budget, type):
        raise MiMoConfigurationError(
            f"budget must be a CallBudget, got the class {budget.__name__}; pass "
            f"{budget.__name__}() with its limits"
        )
    if not callable(getattr(budget, "admit", None)):
        raise MiMoConfigurationError(
            f"budget must be a langchain_mimo.cost.CallBudget, got {type(budget).__name__}"
        )
    if budget is rate_limiter:
        raise MiMoConfigurationError(
            "the same CallBudget was passed as budget and as rate_limiter, which would count each "
            "request twice; pass it as budget alone"
        )
    return budget

"""API keys: fixed ones, and functions that return the current one for keys that rotate."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from pydantic import SecretStr

from langchain_mimo.errors import MiMoConfigurationError

ApiKey: TypeAlias = SecretStr | str | Callable[[], str] | Callable[[], Awaitable[str]]
"""A key, or a function without arguments that returns it, sync or async."""

API_KEY_VARIABLES = ("MIMO_API_KEY", "XIAOMI_API_KEY")
"""Environment variables that may hold the key; the first one that is set wins."""


def env_api_key() -> SecretStr | None:
    """Return the key from MIMO_API_KEY, then XIAOMI_API_KEY, or None."""
    for variable in API_KEY_VARIABLES:
        if value := os.environ.get(variable, "").strip():
            return SecretStr(value)
    return None


def fixed_key(api_key: ApiKey | None) -> str | None:
    """Return a key that does not change, or None if there is none or a function returns it."""
    if isinstance(api_key, SecretStr):
        return api_key.get_secret_value() or None
    return api_key if isinstance(api_key, str) else None


def current_key(api_key: ApiKey | None) -> str | None:
    """Return the key for a request.

    Raises:
        MiMoConfigurationError: The function is async, or did not return a key.
    """
    if not callable(api_key):
        return fixed_key(api_key)
    key = api_key()
    if inspect.isawaitable(key):
        if inspect.iscoroutine(key):
            key.close()
        msg = (
            "api_key is an async function; call ainvoke or astream, or pass a function that is not"
        )
        raise MiMoConfigurationError(msg)
    return _returned(key)


async def acurrent_key(api_key: ApiKey | None) -> str | None:
    """Return the key for a request in an event loop; a sync function runs in a thread.

    Raises:
        MiMoConfigurationError: The function did not return a key.
    """
    if not callable(api_key):
        return fixed_key(api_key)
    if inspect.iscoroutinefunction(api_key):
        return _returned(await api_key())
    key = await asyncio.to_thread(api_key)
    return _returned(await key if inspect.isawaitable(key) else key)


def _returned(key: Any) -> str:
    """Check what a function returned; the error must not show it."""
    value = key.get_secret_value() if isinstance(key, SecretStr) else key
    if not isinstance(value, str) or not value:
        kind = "an empty string" if value == "" else type(value).__name__
        msg = f"the function given as api_key must return the key as a string, got {kind}"
        raise MiMoConfigurationError(msg)
    return value

"""API keys: fixed ones, and functions that return the current one for keys that rotate."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from pydantic import SecretStr

from langchain_mimo.errors import MiMoConfigurationError

ApiKey: TypeAlias = SecretStr | str | Callable[[], str] | Callable[[], Awaitable[str]]
"""A key, or a function without arguments that returns it, sync or async."""

API_KEY_VARIABLES = ("MIMO_API_KEY", "XIAOMI_API_KEY")
"""Environment variables that may hold the key; the first one that is set wins."""

_LABEL = (
    r"(?:authorization\s*:\s*)?bearer[\s:]|authorization\s*:|api-key\s*:"
    r"|(?:export\s+)?\w*api_?key\s*="
)
"""What is copied along with a key, in front of it: a header, or a line of a .env file."""

_UNSENDABLE = r"[^\x21-\x7e]"


def env_api_key() -> SecretStr | None:
    """Return the key from MIMO_API_KEY, then XIAOMI_API_KEY, or None.

    Raises:
        MiMoConfigurationError: A variable holds more than a key; the error does not show it.
    """
    for variable in API_KEY_VARIABLES:
        if (key := key_in(variable)) is not None:
            return key
    return None


def key_in(variable: str) -> SecretStr | None:
    """Return the key that a variable holds, or None if it is empty; see `env_api_key`."""
    value = os.environ.get(variable, "").strip()  # files of keys often end in a line break
    if not value:
        return None
    if wrong := wrong_in_key(value):
        raise MiMoConfigurationError(f"{variable} {wrong}")
    return SecretStr(value)


def check_key(value: object) -> object:
    """Return the key as a secret; anything but a string as it is.

    Raises:
        ValueError: It is empty or more than a key; the error does not show it.
    """
    if not isinstance(value, str | SecretStr):
        return value
    key = value if isinstance(value, str) else value.get_secret_value()
    if not key:
        raise ValueError(
            f"api_key is empty; pass a key, leave it out to use {API_KEY_VARIABLES[0]}, or pass "
            '"none" to a server that needs no key'
        )
    if wrong := wrong_in_key(key):
        raise ValueError(f"api_key {wrong}")
    return SecretStr(key)


def wrong_in_key(key: str) -> str | None:
    """Return what is wrong with a key, without showing more of it than one character; or None.

    MiMo says "Invalid API Key" of all of these, and some cannot be sent in a header.
    """
    if key.isascii() and key.replace("-", "").replace("_", "").isalnum():  # nearly all keys
        return None
    if label := re.match(_LABEL, key, re.IGNORECASE):
        return f"begins with {label[0].strip()!r}; copy the key alone"
    if key[0] in "\"'`" or key[-1] in "\"'`":
        return "has a quotation mark at its start or end; copy the key alone"
    if (found := re.search(_UNSENDABLE, key)) is None:
        return None
    character, position = found[0], found.start()
    if not character.isascii():
        return (
            f"has a character that is not ASCII ({character!r} at position {position}); copy the "
            "key alone"
        )
    names = {" ": "a space", "\t": "a tab", "\n": "a line break", "\r": "a line break"}
    name = names.get(character, f"the character {character!r}")
    return f"has {name} at position {position}; copy the key alone"


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
    if wrong := wrong_in_key(value):
        msg = f"the key that the function given as api_key returned {wrong}"
        raise MiMoConfigurationError(msg)
    return value

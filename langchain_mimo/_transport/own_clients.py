"""What a user's own client raises besides HTTP errors, as an error that says what to do."""

from __future__ import annotations

from typing import Any

from langchain_mimo._checks import warn_once
from langchain_mimo._redaction import redact, sanitize
from langchain_mimo._transport.http_packages import faults_of
from langchain_mimo.errors import MiMoConfigurationError, MiMoError

_PACKAGES = frozenset(
    {
        *("builtins", "asyncio", "anyio", "h11", "h2", "socksio"),
        *("httpcore", "httpcore2", "httpx", "httpx2"),
    }
)
"""Where the exceptions of clients are defined; others are the program's own, raised in a hook."""


def client_error(
    package: Any, client: Any, error: Exception, secrets: tuple[str, ...]
) -> Exception:
    """Return what to raise in place of an exception of a user's own client.

    Args:
        package: The client's package, `httpx2` or `httpx`.
        client: The client.
        error: What it raised while it built or sent a request, or read a response.
        secrets: Values that must not be shown.

    Returns:
        A MiMoConfigurationError that names the client and the remedy. The exception itself if it is
        an error of this package, one of HTTP or of a socket, or of a class of the program's own.
    """
    if isinstance(error, (MiMoError, MemoryError, *faults_of(package))):
        return error
    if type(error).__module__.partition(".")[0] not in _PACKAGES:
        return error
    name = "http_async_client" if isinstance(client, package.AsyncClient) else "http_client"
    text = f"{name} {_explain(name, client, error)}"
    if isinstance(error, UnicodeError):
        error.args = ()  # they repeat what could not be encoded
        if isinstance(error, UnicodeEncodeError):
            error.object = ""
    sanitize(error, secrets)
    failure = MiMoConfigurationError(redact(text, secrets, 1000))
    failure.__cause__ = error
    return failure


def _explain(name: str, client: Any, error: Exception) -> str:
    """Say what is wrong and what to do."""
    if client.is_closed:
        return _explain_closed(name)
    if isinstance(error, UnicodeEncodeError):
        if not all(f"{each.name}{each.value}".isascii() for each in client.cookies.jar):
            return (
                "has a cookie with characters beyond ASCII in its jar, which cannot be sent; "
                f"remove it with {name}.cookies.clear()"
            )
        return "cannot encode a header in ASCII; check its headers, auth and event hooks"
    if isinstance(error, RuntimeError) and "loop" in str(error):
        return (
            f"was used in another event loop, to which its connections belong ({error}); create "
            f"one client for each event loop, or leave {name} out: the shared clients work in any"
        )
    if isinstance(error, ImportError):
        return f"needs a package that is not installed: {error}"
    return (
        f"raised {type(error).__name__}: {error}; check its transport, auth and event hooks; those "
        "of an async client must be async"
    )


def _explain_closed(name: str) -> str:
    block = "async with" if name == "http_async_client" else "with"
    return (
        "is closed, so ChatMiMo cannot use it; pass one that stays open as long as the model is "
        f'used (do not leave its "{block}" block before)'
    )


def check_open(name: str, client: Any) -> None:
    """Check that a user's own client can be used; `name` is its argument.

    Raises:
        MiMoConfigurationError: It is closed.
    """
    if client.is_closed:
        raise MiMoConfigurationError(f"{name} {_explain_closed(name)}")


def warn_of_shared_client(given: str) -> None:
    """Warn once that the other kind of call does not go through the program's own client.

    Args:
        given: The argument that has a client: "http_client" or "http_async_client".
    """
    is_sync = given == "http_client"
    missing = "http_async_client" if is_sync else "http_client"
    warn_once(
        f"{given} is for {'sync' if is_sync else 'async'} calls alone: this "
        f"{'async' if is_sync else 'sync'} call uses a client of ChatMiMo's own, without the "
        f"proxy, certificates and hooks of yours; pass {missing} too."
    )

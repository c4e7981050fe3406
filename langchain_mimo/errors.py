"""Every error of this package, in one hierarchy; `error_table` picks from it by status and body.

MiMoError
├── MiMoConfigurationError                    a constructor argument or the environment is wrong
├── MiMoInputError (ValueError)               a message is wrong; raised before anything is sent
│   ├── UnsupportedModalityError              media for a model that takes none
│   ├── MediaError                            a medium MiMo would not take, or may not be opened
│   └── HistoryError                          turns that do not fit together
├── MiMoConnectionError                       the server cannot be reached, or hung up
├── MiMoTimeoutError                          a time limit expired
├── MiMoIncompleteStreamError                 a stream ended before it was whole
└── MiMoAPIError                              the server answered with an error
    ├── MiMoAuthenticationError               401: the key is wrong, or wrong for this host
    ├── MiMoBalanceError                      402: no money left
    ├── MiMoPermissionError                   403: region or risk control
    ├── MiMoNotFoundError                     404: no such model, or not for these media
    ├── MiMoInvalidRequestError               400 and others: the request is not understood
    │   ├── MiMoContextOverflowError          ... because it is too long for the model
    │   └── MiMoMediaRejectedError            ... because MiMo cannot read a medium
    ├── MiMoContentFilterError                421: moderation
    ├── MiMoRateLimitError                    429: too many requests; it passes
    │   └── MiMoQuotaError                    429: a plan is used up; it does not pass soon
    ├── MiMoServerError                       5xx, and an outage that MiMo dresses as a 400
    ├── MiMoRedirectError                     3xx: keys are never sent on to another address
    └── MiMoInvalidResponseError              an answer that is not what this API sends

From MiMoConnectionError down, each class is also LangChain's own typed error of the same meaning
(`langchain_core.exceptions.ModelRateLimitError` and so on), so that `is_retryable` and handlers
written for any provider work.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core import exceptions as core

if TYPE_CHECKING:
    import httpx2
    from langchain_core.messages import AIMessage

    _Refusal = core.ModelInvalidRequestError
else:
    # Core has a class for refusals from 1.7.5 on.
    _Refusal = getattr(core, "ModelRefusalError", core.ModelInvalidRequestError)

TEXT_LIMIT = 2000
"""Bytes of an answer, and of any error's text, that are kept."""

_MEDIA_RUN = re.compile(r"(?:[A-Za-z0-9+/]|\\/){64,}={0,2}")
_KEY = re.compile(r"\b(sk|tp|ttp)-[A-Za-z0-9_-]{6,}")


def redact(text: str, secrets: Iterable[str] = (), limit: int = TEXT_LIMIT) -> str:
    """Make text from a server fit for a log: no keys, no media, not long.

    Args:
        text: Anything.
        secrets: Strings that must not appear, such as the key in use.
        limit: Bytes of UTF-8 to keep.

    Returns:
        The text with secrets and keys masked, runs of 64 and more base64 characters replaced by
        their length, and cut at `limit`.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[key]")
    text = _KEY.sub(r"\1-[key]", text)
    text = _MEDIA_RUN.sub(lambda run: f"[{len(run[0])} characters]", text)
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode("utf-8")
    return data[: limit - 3].decode("utf-8", "ignore") + "…"


def _rebuild(cls: type[MiMoError], args: tuple[Any, ...], state: dict[str, Any]) -> MiMoError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class MiMoError(Exception):
    """Base of every error that this package raises. All of them can be pickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle arguments and attributes, whatever the constructor takes."""
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class MiMoConfigurationError(MiMoError):
    """A constructor argument or an environment variable is missing or wrong.

    No `ValueError`: pydantic would wrap it, and its one sentence would drown.
    """


class MiMoInputError(MiMoError, ValueError):
    """A message cannot be sent as it is; nothing was sent.

    Attributes:
        message_index: Index of the offending message in the list given, or None.
        block_index: Index of the offending block in its content, or None.
    """

    def __init__(
        self, reason: str, message_index: int | None = None, block_index: int | None = None
    ) -> None:
        self.reason = reason
        self.message_index = message_index
        self.block_index = block_index
        where = "" if message_index is None else f"messages[{message_index}]"
        if where and block_index is not None:
            where += f", block {block_index}"
        super().__init__(f"{where}: {reason}" if where else reason)


@contextmanager
def as_input_error(
    message_index: int | None = None, block_index: int | None = None
) -> Generator[None]:
    """Turn the `ValueError` of an argument check into a `MiMoInputError`.

    Args:
        message_index: Index of the message that holds the value, or None.
        block_index: Index of the block that holds the value, or None.
    """
    try:
        yield
    except MiMoError:
        raise
    except ValueError as error:
        raise MiMoInputError(str(error), message_index, block_index) from None


class UnsupportedModalityError(MiMoInputError):
    """A medium was given to a model that the catalogue knows not to take it."""


class MediaError(MiMoInputError):
    """A medium is of the wrong kind or size, damaged, changed, or may not be opened."""


class HistoryError(MiMoInputError):
    """Turns that do not fit together, such as a tool result without its call."""


class MiMoConnectionError(MiMoError, core.ModelConnectionError):
    """The server cannot be reached, or the connection was cut, at whatever byte.

    Attributes:
        is_retryable: False where trying again is no use, as with a certificate not trusted.
    """

    def __init__(self, message: str, *, is_retryable: bool = True) -> None:
        super().__init__(message)
        self.is_retryable = is_retryable


class MiMoTimeoutError(MiMoError, core.ModelTimeoutError):
    """A time limit expired.

    Attributes:
        limit: Which: "connect", "first_event", "idle" or "total", a field of `MiMoTimeouts`.
        seconds: Its value.
        events: Events of the stream that had arrived till then.
        received: Bytes of the answer's body that had arrived till then.
        partial_message: What had arrived of a streamed answer, with no tool call from cut
            arguments among its `tool_calls`; None when nothing had.
    """

    def __init__(
        self,
        limit: str,
        seconds: float,
        *,
        host: str = "",
        events: int = 0,
        received: int = 0,
        held_back: float | None = None,
    ) -> None:
        self.limit = limit
        self.seconds = seconds
        self.events = events
        self.received = received
        self.partial_message: AIMessage | None = None
        whose = f" of {host}" if host else ""
        if held_back is not None:
            super().__init__(
                f"The time limit {limit!r} of {seconds:g} s leaves no room for the "
                f"{held_back:.1f} s that an earlier 429{whose} asks all callers with this key to "
                "wait; nothing was sent."
            )
            return
        super().__init__(
            f"The time limit {limit!r} of {seconds:g} s expired while waiting for the answer"
            f"{whose}; {events} events ({received} bytes) had arrived. "
            f"Set it with timeout=MiMoTimeouts({limit}=...)."
        )


class MiMoIncompleteStreamError(MiMoError, core.ModelConnectionError):
    """A stream ended, or broke, before its message was whole, or never was a stream.

    Attributes:
        partial_message: What had arrived, with no tool call from cut arguments among its
            `tool_calls`; None when nothing had.
        is_retryable: As the error that broke the stream says, else True.
    """

    def __init__(
        self,
        reason: str,
        partial_message: AIMessage | None = None,
        *,
        is_retryable: bool = True,
    ) -> None:
        super().__init__(reason)
        self.partial_message = partial_message
        self.is_retryable = is_retryable


class MiMoAPIError(MiMoError):
    """The server answered with an error.

    Attributes:
        status_code: HTTP status; for an error object inside a stream that began with 200, the
            status its `code` names.
        code: The body's `error.code`, as text, or None.
        message: The body's `error.message`, or what can be said of a body of another form.
        param: The body's `error.param`: MiMo often puts the cause here. None when empty.
        type: The body's `error.type`, or None.
        request_id: What the server calls this request, or None.
        hint: What to do about it, or None.
        retry_after: Seconds the server asks to wait, or None.
        response: The answer as an `httpx2.Response`, already read, without its request; the body
            is cut at 2 KB and holds no media.
        is_retryable: Whether the same request may succeed later.
    """

    is_retryable = False

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        code: str | None = None,
        param: str | None = None,
        type: str | None = None,  # noqa: A002 - the field's name on the wire
        request_id: str | None = None,
        hint: str | None = None,
        retry_after: float | None = None,
        response: httpx2.Response | None = None,
        is_retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.code = code
        self.message = message
        self.param = param
        self.type = type
        self.request_id = request_id
        self.hint = hint
        self.retry_after = retry_after
        self.response = response
        if is_retryable is not None:
            self.is_retryable = is_retryable

    def __str__(self) -> str:
        """Status, code, message, param, type, request id, hint: in that order, on one line."""
        code = f" (code {self.code})" if self.code and self.code != str(self.status_code) else ""
        parts = [f"{self.status_code}{code} {self.message or 'no message'}"]
        parts += [
            f"{name}: {value}"
            for name, value in (
                ("param", self.param),
                ("type", self.type),
                ("request id", self.request_id),
            )
            if value
        ]
        text = "; ".join(parts)
        if self.hint:
            text += f"{'' if text.endswith('.') else '.'} {self.hint}"
        return text


class MiMoAuthenticationError(MiMoAPIError, core.ModelAuthenticationError):
    """401: the key is wrong, or belongs to another host."""


class MiMoBalanceError(MiMoAPIError, core.ModelError):
    """402: the account has no money left, or a Token Plan was used in too quick bursts."""


class MiMoPermissionError(MiMoAPIError, core.ModelPermissionDeniedError):
    """403: refused for the region, or by risk control."""


class MiMoNotFoundError(MiMoAPIError, core.ModelNotFoundError):
    """404, or a 400 that says so: no such model or address, or not for these media."""


class MiMoInvalidRequestError(MiMoAPIError, core.ModelInvalidRequestError):
    """400, 413, 422: the request is not what the API takes; `param` tends to say why."""


class MiMoContextOverflowError(MiMoInvalidRequestError, core.ContextOverflowError):
    """The prompt, or prompt and answer together, are too long for the model."""


class MiMoMediaRejectedError(MiMoInvalidRequestError):
    """MiMo cannot read one of the media; `langchain_mimo.prepare` converts them."""


class MiMoContentFilterError(MiMoAPIError, _Refusal):
    """421: moderation refused the request, or ended the answer."""


class MiMoRateLimitError(MiMoAPIError, core.ModelRateLimitError):
    """429: too many requests for now."""

    is_retryable = True


class MiMoQuotaError(MiMoRateLimitError):
    """429: the quota or plan is used up; asking again soon is no use."""

    is_retryable = False


class MiMoServerError(MiMoAPIError, core.ModelAPIError):
    """5xx, or the 400 behind which MiMo hides an outage of its own."""

    is_retryable = True


class MiMoRedirectError(MiMoAPIError):
    """3xx: a key is never sent on to another address, so the redirect is an error."""


class MiMoInvalidResponseError(MiMoAPIError, core.ModelAPIError):
    """A successful status with a body that this API does not send, a proxy's page say."""

    is_retryable = False

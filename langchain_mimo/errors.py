"""All exceptions of this package, in one hierarchy.

    MiMoError
    ├── MiMoConfigurationError                a constructor argument or the environment is wrong
    ├── MiMoInputError (ValueError)           a message is wrong; raised before anything is sent
    │   ├── UnsupportedModalityError          media for a model that does not accept them
    │   ├── MediaError                        media that MiMo rejects, or that may not be opened
    │   └── HistoryError                      turns that do not fit together
    ├── MiMoBudgetError                       the caller's own CallBudget refuses the call
    ├── MiMoConnectionError                   the server cannot be reached, or hung up
    ├── MiMoTimeoutError                      a time limit expired
    ├── MiMoIncompleteStreamError             a stream ended before its message was complete
    │   └── MiMoRunawayResponseError          ... because it was cut: too many calls, or repetition
    └── MiMoAPIError                          the server responded with an error
        ├── MiMoAuthenticationError           401: the key is wrong, or wrong for this host
        ├── MiMoBalanceError                  402: no money left
        ├── MiMoPermissionError               403: region or risk control
        │   └── MiMoRiskControlError          441: too many refused requests
        ├── MiMoNotFoundError                 404: no such model, or not for these media
        ├── MiMoInvalidRequestError           400 and others: the request is invalid
        │   ├── MiMoContextOverflowError      ... because it is too long for the model
        │   └── MiMoMediaRejectedError        ... because MiMo cannot read a media item
        ├── MiMoContentFilterError            421: moderation, mostly inside a 400
        ├── MiMoRateLimitError                429: too many requests
        │   └── MiMoQuotaError                a quota is used up; not retryable
        ├── MiMoServerError                   5xx, and outages that MiMo reports as a 400
        ├── MiMoRedirectError                 3xx: redirects are never followed
        └── MiMoInvalidResponseError          a response that is not one of this API

From MiMoConnectionError on, each class also inherits from LangChain's own exception of the same
meaning (`langchain_core.exceptions.ModelRateLimitError` and so on), so that `is_retryable` and
handlers written for any provider work.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from langchain_core import exceptions as core
from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata

from langchain_mimo._error_texts import joined, response_text, timeout_text, with_partial

if TYPE_CHECKING:
    _Refusal = core.ModelInvalidRequestError
else:
    # Core has a class for refusals since 1.7.5.
    _Refusal = getattr(core, "ModelRefusalError", core.ModelInvalidRequestError)


def _rebuild(cls: type[MiMoError], args: tuple[Any, ...], state: dict[str, Any]) -> MiMoError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class MiMoError(Exception):
    """Base class of all exceptions of this package; all of them can be pickled.

    Attributes:
        is_retryable: Whether the same call may succeed later.
        attempts: Number of times the call had sent a request, retries included; 0 for none.
        waited: Seconds that it had waited between them.
        usage_metadata: What MiMo reported for its requests, and billed; None if nothing.
        web_searches: Web searches in them, which are billed too.
    """

    is_retryable: bool = False
    attempts: int = 0
    waited: float = 0.0
    usage_metadata: UsageMetadata | None = None
    web_searches: int = 0

    def __str__(self) -> str:
        """Return the message, where a partial message is, and the attempts if several."""
        text = with_partial(super().__str__(), getattr(self, "partial_message", None))
        return joined(text, self._tried())

    def _tried(self) -> str:
        """Return a sentence about the attempts; "" if there was one, or a retry cannot help."""
        if self.attempts < 2 or not self.is_retryable:
            return ""
        return f"{self.attempts} attempts were made, with {self.waited:.1f} s of waiting."

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle arguments and attributes, whatever the signature of the constructor."""
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class MiMoConfigurationError(MiMoError):
    """A constructor argument or an environment variable is missing or wrong.

    It is not a `ValueError`: pydantic would wrap it in a ValidationError and bury the message.
    """


class MiMoInputError(MiMoError, ValueError):
    """A message cannot be sent as it is; nothing was sent.

    Attributes:
        message_index: Index of the message in the list that was passed, or None.
        block_index: Index of the content block in that message, or None.
        item: Which media item of that block, from 0; a `tool_result` block may hold several.
    """

    item: int = 0

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
    """Convert the `ValueError` of an argument check to a `MiMoInputError`.

    Args:
        message_index: Index of the message that contains the value, or None.
        block_index: Index of the block that contains the value, or None.
    """
    try:
        yield
    except MiMoError:
        raise
    except ValueError as error:
        raise MiMoInputError(str(error), message_index, block_index) from None


@contextmanager
def as_configuration_error() -> Generator[None]:
    """Convert the `ValueError` of an argument check to a `MiMoConfigurationError`."""
    try:
        yield
    except MiMoError:
        raise
    except ValueError as error:
        raise MiMoConfigurationError(str(error)) from None


class UnsupportedModalityError(MiMoInputError):
    """Media for a model that does not accept them, or for an API format that drops them."""


class MediaError(MiMoInputError):
    """A media item has the wrong type or size, is damaged, has changed, or may not be opened.

    Attributes:
        others: The errors of the request's other media that cannot be sent either.
    """

    others: tuple[MediaError, ...] = ()


class HistoryError(MiMoInputError):
    """Turns do not fit together, for example a tool result without its call."""


class MiMoBudgetError(MiMoError):
    """A `CallBudget` refuses a call for ever; nothing was sent.

    The call could pass `max_cost`, its model has no known price, or it is larger than a limit.
    """


class MiMoConnectionError(MiMoError, core.ModelConnectionError):
    """The server cannot be reached, or the connection broke.

    Attributes:
        is_retryable: False if a retry will not help, for example with an untrusted certificate.
    """

    def __init__(self, message: str, *, is_retryable: bool = True) -> None:
        super().__init__(message)
        self.is_retryable = is_retryable


class MiMoTimeoutError(MiMoError, core.ModelTimeoutError):
    """A time limit expired.

    Attributes:
        limit: The limit, a field of `MiMoTimeouts`: "connect", "first_event", "idle" or "total".
        seconds: Its value.
        events: Number of stream events received before.
        received: Bytes of the response's body received before.
        partial_message: What was received of a streamed message, or None. Tool calls whose
            arguments are incomplete are not in its `tool_calls`.
    """

    is_retryable = True

    def __init__(
        self,
        limit: str,
        seconds: float,
        *,
        host: str = "",
        events: int = 0,
        received: int = 0,
        held_back: float | None = None,
        in_line: bool = False,
    ) -> None:
        self.limit = limit
        self.seconds = seconds
        self.events = events
        self.received = received
        self.partial_message: AIMessage | None = None
        progress = f"{events} events ({received} bytes)"
        super().__init__(
            timeout_text(limit, seconds, host, progress, held_back=held_back, in_line=in_line)
        )


class MiMoIncompleteStreamError(MiMoError, core.ModelConnectionError):
    """A stream ended or broke before its message was complete, or the response was not a stream.

    Attributes:
        partial_message: What was received of the message, or None. Tool calls whose arguments are
            incomplete are not in its `tool_calls`.
        is_retryable: The value of the error that broke the stream, else True.
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


class MiMoRunawayResponseError(MiMoIncompleteStreamError):
    """A response was cut because the model would not stop; nothing of it should be run.

    Attributes:
        limit: The field that cut it: "max_tool_calls" or "stop_repetition".
        partial_message: What had arrived. All of its tool calls are in `invalid_tool_calls`.
        is_retryable: False; the model would most likely do the same again.
    """

    def __init__(
        self, reason: str, partial_message: AIMessage | None = None, *, limit: str = ""
    ) -> None:
        super().__init__(reason, partial_message, is_retryable=False)
        self.limit = limit


class ErrorResponse(Protocol):
    """What `MiMoAPIError.response` offers: an `httpx2.Response`, without importing httpx2."""

    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102


class MiMoAPIError(MiMoError):
    """The server responded with an error.

    Attributes:
        status_code: HTTP status. For an error object in a stream that started with 200, the status
            in its `code`.
        code: The body's `error.code`, as text, or None.
        message: The body's `error.message`, or a description of a body of another form.
        param: The body's `error.param`, in which MiMo often reports the cause, or None.
        type: The body's `error.type`, or None.
        request_id: The server's id of the request, or None.
        hint: What to do about it, or None.
        retry_after: Seconds that the server asks to wait, or None.
        response: The response as an `httpx2.Response`, read, without its request. Its body is cut
            off at 2 KB and contains no media.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        code: str | None = None,
        param: str | None = None,
        type: str | None = None,  # noqa: A002 - the name of the JSON field
        request_id: str | None = None,
        hint: str | None = None,
        retry_after: float | None = None,
        response: ErrorResponse | None = None,
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
        """Return status, fields of the body, request id, attempts and hint on one line."""
        fields = (
            ("param", self.param),
            ("type", self.type),
            ("request id", self.request_id),
            ("retry after", f"{self.retry_after:g} s" if self.retry_after else None),
        )
        text = response_text(self.status_code, self.code, self.message, fields)
        return joined(joined(text, self._tried()), self.hint or "")


class MiMoAuthenticationError(MiMoAPIError, core.ModelAuthenticationError):
    """401: the key is invalid, or belongs to another host."""


class MiMoBalanceError(MiMoAPIError, core.ModelError):
    """402: the account has no money left, or a Token Plan got a burst of requests."""


class MiMoPermissionError(MiMoAPIError, core.ModelPermissionDeniedError):
    """403: refused because of the region, or by risk control."""


class MiMoRiskControlError(MiMoPermissionError):
    """441, mostly inside a 400: the account or its address is blocked after refused requests."""


class MiMoNotFoundError(MiMoAPIError, core.ModelNotFoundError):
    """404, or a 400 that means it: no such model or URL, or not for these media."""


class MiMoInvalidRequestError(MiMoAPIError, core.ModelInvalidRequestError):
    """400, 413, 422: the request is invalid; `param` often says why."""


class MiMoContextOverflowError(MiMoInvalidRequestError, core.ContextOverflowError):
    """The prompt, or prompt and completion together, exceed the model's context."""


class MiMoMediaRejectedError(MiMoInvalidRequestError):
    """MiMo cannot read one of the media; convert it with `langchain_mimo.prepare`."""


class MiMoContentFilterError(MiMoAPIError, _Refusal):
    """421, mostly inside a 400: moderation refused the request."""


class MiMoRateLimitError(MiMoAPIError, core.ModelRateLimitError):
    """429: too many requests."""

    is_retryable = True


class MiMoQuotaError(MiMoRateLimitError):
    """The quota of a plan (429) or of web searches (409) is used up; retrying will not help."""

    is_retryable = False


class MiMoServerError(MiMoAPIError, core.ModelAPIError):
    """5xx, or an outage that MiMo reports as a 400."""

    is_retryable = True


class MiMoRedirectError(MiMoAPIError):
    """3xx: redirects are never followed, because the API key would be sent along."""


class MiMoInvalidResponseError(MiMoAPIError, core.ModelAPIError):
    """A 2xx response that cannot be used.

    Its body is not an API response, for example a proxy's HTML page; a part of it, or an event of a
    stream, has a form that is not understood; or MiMo wrote its tool calls as XML into the text.

    Attributes:
        partial_message: What was read before, without runnable calls, or the message with the XML
            in its content; None if the body is no API response at all.
    """

    partial_message: AIMessage | None = None

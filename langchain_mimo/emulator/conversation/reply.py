"""`Reply`: one scripted response, checked when it is created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_mimo.emulator.expected import (
    HEADERS,
    OBJECT,
    TEXT,
    Expected,
    integer,
    is_json,
    is_list,
    list_of,
    or_none,
    seconds,
)

_CALL_KEYS = {"name", "args", "arguments", "id", "type"}
_STATUSES_WITHOUT_BODY = (204, 304)
_JSON_MAPPINGS = "mappings that can be encoded as JSON"

_CALL_LIST = Expected("a list of tool calls such as [{'name': 'add', 'args': {'a': 1}}]", is_list)
_CALL = Expected(
    "a mapping with the key name, and optionally args and id",
    lambda call: isinstance(call, Mapping) and "name" in call and call.keys() <= _CALL_KEYS,
)
_ARGUMENTS = Expected(
    "a mapping that can be encoded as JSON or a string",
    lambda arguments: TEXT.fits(arguments) or OBJECT.fits(arguments),
)
_BODY = Expected(
    "bytes, a string or a value that can be encoded as JSON",
    lambda body: isinstance(body, bytes) or is_json(body),
)
_EVENT = Expected(
    "a mapping that can be encoded as JSON, a string or bytes",
    lambda event: isinstance(event, bytes | str) or OBJECT.fits(event),
)

_FIELDS: Mapping[str, Expected] = {
    "content": TEXT,
    "reasoning": or_none(TEXT),
    "tool_calls": _CALL_LIST,
    "finish_reason": or_none(TEXT),
    "usage": or_none(OBJECT),
    "annotations": or_none(list_of(OBJECT, _JSON_MAPPINGS)),
    "error_message": or_none(TEXT),
    "message": OBJECT,
    "pieces": or_none(list_of(TEXT, "strings")),
    "reasoning_pieces": or_none(list_of(TEXT, "strings")),
    "argument_pieces": integer(1),
    "status": or_none(integer(200, 599)),
    "body": _BODY,
    "events": or_none(list_of(_EVENT, f"{_JSON_MAPPINGS}, strings or bytes")),
    "headers": HEADERS,
    "delay": seconds(),
    "pause": seconds(),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted response. The emulator generates whatever is not set.

    Attributes:
        content: The text of the answer.
        reasoning: The reasoning text. If it is None and thinking is on, the emulator writes a
            sentence of its own. If thinking is off, no reasoning is sent.
        tool_calls: Tool calls, each `{"name": …, "args": {…} or raw JSON text}` with an optional
            `id`.
        finish_reason: None for `tool_calls` if there are tool calls, else `stop`.
        usage: Changes to the counted usage, by key. Nested objects are merged; None replaces an
            object.
        annotations: Citations in the form of web search results.
        error_message: The error text of a failed web search.
        message: Further keys of the message; in a stream, of the first delta.
        pieces: The text deltas of a stream. By default `content` is split into words.
        reasoning_pieces: The reasoning deltas of a stream.
        argument_pieces: Length of the argument deltas of a tool call, in characters.
        status: HTTP status. If `status` or `body` is set, the response is sent raw.
        body: Raw body: bytes, a string, or a value that is sent as JSON.
        events: Raw events of a stream: mappings are sent as `data: {…}` events, strings and bytes
            unchanged.
        headers: Further response headers.
        delay: Seconds before the response starts.
        pause: Seconds before every event except the first.

    Raises:
        ValueError: The value of a field is invalid.
    """

    content: str = ""
    reasoning: str | None = None
    tool_calls: Sequence[Mapping[str, Any]] = ()
    finish_reason: str | None = None
    usage: Mapping[str, Any] | None = None
    annotations: Sequence[Mapping[str, Any]] | None = None
    error_message: str | None = None
    message: Mapping[str, Any] = field(default_factory=dict)
    pieces: Sequence[str] | None = None
    reasoning_pieces: Sequence[str] | None = None
    argument_pieces: int = 12
    status: int | None = None
    body: bytes | str | Mapping[str, Any] | Sequence[Any] | None = None
    events: Sequence[bytes | str | Mapping[str, Any]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    pause: float = 0.0

    def __post_init__(self) -> None:
        """Check the fields, so that an error is raised where the reply is created."""
        for name, expected in _FIELDS.items():
            expected.check(name, getattr(self, name))
        for index, call in enumerate(self.tool_calls):
            _check_call(f"tool_calls[{index}]", call)
        if self.status in _STATUSES_WITHOUT_BODY and (self.body or self.events):
            raise ValueError(f"body and events must be empty for status {self.status}")

    @property
    def is_raw(self) -> bool:
        """Whether the response is sent raw, as given."""
        return self.status is not None or self.body is not None or self.events is not None


def _check_call(name: str, call: Any) -> None:
    _CALL.check(name, call)
    TEXT.check(f"{name}['name']", call["name"])
    or_none(TEXT).check(f"{name}['id']", call.get("id"))
    for key in ("args", "arguments"):
        if key in call:
            _ARGUMENTS.check(f"{name}[{key!r}]", call[key])

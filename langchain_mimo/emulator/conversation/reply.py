"""`Reply`: one scripted response."""

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

_CALL_KEYS = ("name", "args", "arguments", "id", "type")


_CALL_LIST = Expected("a list of calls such as [{'name': 'add', 'args': {'a': 1}}]", is_list)


_CALL = Expected(
    "a mapping with a name, and perhaps args and an id",
    lambda call: isinstance(call, Mapping) and "name" in call and call.keys() <= set(_CALL_KEYS),
)


_ARGUMENTS = Expected(
    "a mapping that can be sent as JSON, or a text",
    lambda args: TEXT.fits(args) or OBJECT.fits(args),
)


_BODILESS = (204, 304)
"""Statuses that HTTP knows no body for."""


_EVENT = Expected("an event", lambda event: isinstance(event, bytes | str) or OBJECT.fits(event))


_FIELDS: Mapping[str, Expected] = {
    "content": TEXT,
    "reasoning": or_none(TEXT),
    "tool_calls": _CALL_LIST,
    "finish_reason": or_none(TEXT),
    "usage": or_none(OBJECT),
    "annotations": or_none(list_of(OBJECT, "mappings that can be sent as JSON")),
    "error_message": or_none(TEXT),
    "message": OBJECT,
    "pieces": or_none(list_of(TEXT, "texts")),
    "reasoning_pieces": or_none(list_of(TEXT, "texts")),
    "argument_pieces": integer(1),
    "status": or_none(integer(200, 599)),
    "body": Expected(
        "bytes, a text, or what can be sent as JSON",
        lambda body: isinstance(body, bytes) or is_json(body),
    ),
    "events": or_none(list_of(_EVENT, "mappings that can be sent as JSON, texts or bytes")),
    "headers": HEADERS,
    "delay": seconds(),
    "pause": seconds(),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, whole or in part; what is not said is made up as usual.

    Attributes:
        content: The answer's text.
        reasoning: The thoughts; None for a sentence of the emulator's own when thinking is on. With
            thinking off no thoughts go out, whatever stands here.
        tool_calls: Calls, each `{"name": …, "args": {…} or raw JSON text}` with an optional `id`.
        finish_reason: None for `tool_calls` or `stop`, as fits.
        usage: Merged over the counted usage, key by key; nested objects are merged too, a value of
            None takes the place of an object.
        annotations: Citations as web search gives them.
        error_message: The web search failure text beside an answer.
        message: Further keys of the message (in a stream: of the first delta).
        pieces: The text deltas of a stream, in place of `content` cut into words.
        reasoning_pieces: Likewise for the thoughts.
        argument_pieces: Characters of a tool call's arguments per delta.
        status: HTTP status; with it or with `body` the answer goes out raw.
        body: Raw body: bytes, text, or a value that is sent as JSON.
        events: A raw stream in place of a made one: mappings go out as `data: {…}` events, text and
            bytes as they stand.
        headers: Further response headers.
        delay: Seconds before the answer begins.
        pause: Seconds before every event but the first.

    Raises:
        ValueError: A value that its field does not take.
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
        """Check the fields, so that a mistake shows where it is made."""
        for name, expected in _FIELDS.items():
            expected.check(name, getattr(self, name))
        for index, call in enumerate(self.tool_calls):
            _check_call(f"tool_calls[{index}]", call)
        if self.status in _BODILESS and (self.body or self.events):
            raise ValueError(f"status is {self.status}, which goes without body and events.")

    @property
    def is_raw(self) -> bool:
        """Whether it goes out as it stands."""
        return self.status is not None or self.body is not None or self.events is not None


def _check_call(where: str, call: Any) -> None:
    _CALL.check(where, call)
    TEXT.check(f"{where}['name']", call["name"])
    or_none(TEXT).check(f"{where}['id']", call.get("id"))
    for key in ("args", "arguments"):
        if key in call:
            _ARGUMENTS.check(f"{where}[{key!r}]", call[key])

"""Builds tool calls from responses: fragments of any shape become valid or invalid calls.

Facts about the shapes: docs/api-facts.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import InvalidToolCall
from langchain_core.messages.tool import (
    ToolCall,
    ToolCallChunk,
    invalid_tool_call,
    tool_call,
    tool_call_chunk,
)

from langchain_mimo._json import SurrogateJoiner, dump_json, join_surrogates, strict_object

CUT_REASONS = frozenset({"length", "content_filter", "repetition_truncation"})
"""Finish reasons of responses that ended before the model was done (docs/api-facts.md)."""

_EMPTY_STRINGS = frozenset({"", "null", "None"})


@dataclass(frozen=True, slots=True)
class FinishedCall:
    """A call whose arguments are final.

    Attributes:
        id: The server's id, or one derived from the response's id and the call's index.
        name: The tool's name.
        text: The arguments as received ("{}" if there are none).
        args: The parsed arguments, or None when they are not a JSON object.
        index: The call's index in the response, from 0.
    """

    id: str
    name: str
    text: str
    args: dict[str, Any] | None
    index: int

    @property
    def chunk_text(self) -> str:
        """The arguments for a chunk; invalid ones are wrapped so that core cannot repair them.

        Core completes cut JSON each time it merges chunks, so `{"path": "/a` would become a call
        that an agent runs. Written as a JSON string it stays invalid; `from_langchain` unwraps it.
        """
        return self.text if self.args is not None else dump_json(self.text)

    def as_chunk(self) -> ToolCallChunk:
        """Return the complete call as a single chunk."""
        return tool_call_chunk(name=self.name, args=self.chunk_text, id=self.id, index=self.index)

    def as_call(self) -> ToolCall:
        """Return a valid call as LangChain's ToolCall."""
        return tool_call(name=self.name, args=self.args or {}, id=self.id)

    def as_invalid(self) -> InvalidToolCall:
        """Return an invalid call as LangChain's InvalidToolCall."""
        return invalid_tool_call(name=self.name, args=self.chunk_text, id=self.id, error=None)


def tool_call_order(calls: Sequence[FinishedCall]) -> list[str]:
    """Return the call ids in the model's order, if LangChain's message would lose that order.

    A message keeps valid and invalid calls in two lists, so an invalid call that precedes a valid
    one would be sent back after it. In every other case the list is empty.
    """
    has_invalid = False
    for call in calls:
        if call.args is None:
            has_invalid = True
        elif has_invalid:
            return [each.id for each in calls]
    return []


def _synthetic_id(response_id: str | None, index: int, name: str, text: str) -> str:
    seed = f"{response_id}\x00{index}\x00{name}\x00{text}".encode("utf-8", "replace")
    return "call_" + hashlib.sha256(seed, usedforsecurity=False).hexdigest()[:24]


def finish_call(
    response_id: str | None, index: int, call_id: str | None, name: str, text: str, *, cut: bool
) -> FinishedCall:
    """Parse the arguments of a call that is complete.

    Args:
        response_id: The response's id, from which a missing call id is derived.
        index: The call's index in the response, from 0.
        call_id: The server's id, or None.
        name: The tool's name.
        text: The arguments as received.
        cut: Whether the response was cut; empty arguments then do not mean "no arguments".

    Returns:
        The call, valid if its arguments are a JSON object.
    """
    text = join_surrogates(text)
    if not cut and not text.strip():
        text = "{}"
    args = strict_object(text)
    if args is not None and "\\u" in text:
        # JSON parsers accept an escaped lone surrogate, which then breaks UTF-8 on replay.
        written = dump_json(args)
        clean = join_surrogates(written)
        if clean != written:
            text, args = clean, strict_object(clean)
    call_id = call_id or _synthetic_id(response_id, index, name, text)
    return FinishedCall(call_id, name, text, args, index)


def _string_or_none(value: object) -> str | None:
    """Return a non-empty string; servers write "no value" as "", "null", "None" or null."""
    return value if isinstance(value, str) and value not in _EMPTY_STRINGS else None


def _read_index(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def _read_arguments(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else dump_json(value)


def decode_calls(
    calls: object, response_id: str | None, *, cut: bool = False
) -> list[FinishedCall]:
    """Decode the `tool_calls` of a complete response.

    Args:
        calls: The value of `tool_calls`; null or a missing value gives no calls.
        response_id: The response's id, from which missing call ids are derived.
        cut: Whether the response was cut; empty arguments then do not mean "no arguments".
    """
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        return []
    finished: list[FinishedCall] = []
    for call in calls:
        if isinstance(call, Mapping):
            function = call.get("function")
            function = function if isinstance(function, Mapping) else {}
            finished.append(
                finish_call(
                    response_id,
                    len(finished),
                    _string_or_none(call.get("id")),
                    _string_or_none(function.get("name")) or "",
                    _read_arguments(function.get("arguments")),
                    cut=cut,
                )
            )
    return finished


@dataclass(slots=True)
class _OpenCall:
    """A call whose fragments are still arriving."""

    index: int
    id: str | None
    name: str
    pieces: list[str] = field(default_factory=list)
    joiner: SurrogateJoiner = field(default_factory=SurrogateJoiner)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class CallAssembler:
    """Assembles calls from fragments, however servers use index, id and name.

    Fragments may lack an index, an id or a name, repeat them, write them as "" or "null",
    interleave, or reuse an index for a second call. A call is released once a later call has
    started and its arguments are a complete JSON object, otherwise at the end of the response.
    """

    __slots__ = ("_by_index", "_calls", "_changed", "_released")

    def __init__(self) -> None:
        self._calls: list[_OpenCall] = []
        self._by_index: dict[int, _OpenCall] = {}
        self._released = 0
        # Whether `release` can find something new; spares it parsing the same JSON again.
        self._changed = False

    def __bool__(self) -> bool:
        """Whether any call has started."""
        return bool(self._calls)

    @property
    def count(self) -> int:
        """Number of calls that have started."""
        return len(self._calls)

    def feed(self, fragments: object) -> list[tuple[int, str]]:
        """Add the `tool_calls` of one delta.

        Args:
            fragments: The value of `tool_calls`; anything but a list adds nothing.

        Returns:
            For each fragment, the index of its call and the text that it adds to the call's
            arguments. Half a surrogate pair is held back until the other half arrives.
        """
        if not isinstance(fragments, Sequence) or isinstance(fragments, str):
            return []
        return [self._add(each) for each in fragments if isinstance(each, Mapping)]

    def id_and_name(self, index: int) -> tuple[str | None, str]:
        """Return a call's id, None while unknown, and its name."""
        call = self._calls[index]
        return call.id, call.name

    def _add(self, fragment: Mapping[str, Any]) -> tuple[int, str]:
        function = fragment.get("function")
        function = function if isinstance(function, Mapping) else {}
        index = _read_index(fragment.get("index"))
        call_id = _string_or_none(fragment.get("id"))
        name = _string_or_none(function.get("name"))
        call = self._find(index, call_id, name)
        if call is None:
            call = _OpenCall(len(self._calls), call_id, name or "")
            self._calls.append(call)
            self._changed = True
            if index is not None:
                self._by_index[index] = call
        else:
            self._changed = self._changed or call is self._calls[self._released]
            call.id = call.id or call_id
            if name is not None and name != call.name and not call.text:
                call.name += name
        piece = _read_arguments(function.get("arguments"))
        call.pieces.append(piece)
        return call.index, call.joiner.feed(piece)

    def _find(self, index: int | None, call_id: str | None, name: str | None) -> _OpenCall | None:
        """Return the call that a fragment continues, or None if it starts a new one."""
        if call_id is not None:
            for call in self._calls:
                if call.id == call_id:
                    return call
        known = self._by_index.get(index) if index is not None else None
        if index is None and self._calls:
            known = self._calls[-1]
        if known is None or (call_id is not None and known.id is not None):
            return None
        if name is not None and strict_object(known.text) is not None:
            return None
        return known

    def release(self, response_id: str | None) -> list[FinishedCall]:
        """Return the calls that have become complete, in order."""
        released: list[FinishedCall] = []
        if not self._changed:
            return released
        self._changed = False
        while self._released < len(self._calls) - 1:
            call = self._calls[self._released]
            if strict_object(call.text) is None:
                break
            released.append(
                finish_call(response_id, self._released, call.id, call.name, call.text, cut=False)
            )
            self._released += 1
        return released

    def finish(self, response_id: str | None, *, cut: bool) -> list[FinishedCall]:
        """Return the remaining calls at the end of the response.

        Args:
            response_id: The response's id, from which missing call ids are derived.
            cut: Whether the response was cut.
        """
        remaining = [
            finish_call(response_id, index, call.id, call.name, call.text, cut=cut)
            for index, call in enumerate(self._calls)
            if index >= self._released
        ]
        self._released = len(self._calls)
        return remaining

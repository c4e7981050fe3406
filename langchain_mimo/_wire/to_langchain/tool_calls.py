"""Tool calls in answers: fragments of any shape → finished calls, valid or kept as they came."""

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

from langchain_mimo._json import (
    SurrogateJoiner,
    dump_json,
    join_surrogates,
    strict_object,
)

CUT_REASONS = frozenset({"length", "content_filter", "repetition_truncation"})
"""Finish reasons of answers that ended before the model was done (mimo-api.md §4)."""

_NO_VALUE = frozenset({"", "null", "None"})


@dataclass(frozen=True, slots=True)
class FinishedCall:
    """A call whose arguments will not change any more.

    Attributes:
        id: The server's id, or one made from the answer's id and the call's place.
        name: The tool's name.
        text: The arguments as they came ("{}" for none).
        args: The parsed arguments, or None when they are not a JSON object.
        index: The call's place in the answer, from 0.
    """

    id: str
    name: str
    text: str
    args: dict[str, Any] | None
    index: int

    @property
    def chunk_text(self) -> str:
        """Arguments for a chunk; invalid ones wrapped, so that core cannot repair them.

        Core completes cut JSON on every merge of chunks, so `{"path": "/a` would become a call
        that an agent runs. As one JSON string it stays invalid; `history` unwraps it.
        """
        return self.text if self.args is not None else dump_json(self.text)

    def as_chunk(self) -> ToolCallChunk:
        """Return the whole call as one chunk."""
        return tool_call_chunk(name=self.name, args=self.chunk_text, id=self.id, index=self.index)

    def as_call(self) -> ToolCall:
        """Return a valid call as LangChain's ToolCall."""
        return tool_call(name=self.name, args=self.args or {}, id=self.id)

    def as_invalid(self) -> InvalidToolCall:
        """Return an invalid call as LangChain's InvalidToolCall."""
        return invalid_tool_call(name=self.name, args=self.chunk_text, id=self.id, error=None)


def mixed_order(calls: Sequence[FinishedCall]) -> list[str]:
    """Return the ids of an answer's calls where LangChain's fields would lose their order.

    Messages hold valid and invalid calls in two lists, so an invalid call that stands before a
    valid one would go back behind it. In all other answers the list is empty.
    """
    invalid_before = False
    for call in calls:
        if call.args is None:
            invalid_before = True
        elif invalid_before:
            return [each.id for each in calls]
    return []


def _synthetic_id(answer_id: str | None, index: int, name: str, text: str) -> str:
    seed = f"{answer_id}\x00{index}\x00{name}\x00{text}".encode("utf-8", "replace")
    return "call_" + hashlib.sha256(seed, usedforsecurity=False).hexdigest()[:24]


def finish(
    answer_id: str | None, index: int, call_id: str | None, name: str, text: str, *, cut: bool
) -> FinishedCall:
    """Settle one call.

    Args:
        answer_id: Id of the answer, from which a missing call id is made.
        index: Place of the call.
        call_id: The server's id, or None.
        name: The tool's name.
        text: The arguments as they came.
        cut: Whether the answer ended before it was finished, so that "" is not "no arguments".

    Returns:
        The call, valid when its arguments are a JSON object.
    """
    text = join_surrogates(text)
    if not cut and not text.strip():
        text = "{}"
    args = strict_object(text)
    if args is not None and "\\u" in text:
        # An escaped lone surrogate passes every JSON parser and then breaks UTF-8 on replay.
        written = dump_json(args)
        clean = join_surrogates(written)
        if clean != written:
            text, args = clean, strict_object(clean)
    call_id = call_id or _synthetic_id(answer_id, index, name, text)
    return FinishedCall(call_id, name, text, args, index)


def _text_of(value: object) -> str | None:
    """Return a string that says something; servers write none as "", "null" or null."""
    return value if isinstance(value, str) and value not in _NO_VALUE else None


def _index_of(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def _arguments_of(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else dump_json(value)


def decode_calls(calls: object, answer_id: str | None, *, cut: bool = False) -> list[FinishedCall]:
    """Read the `tool_calls` of a whole answer; null and absent are none."""
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        return []
    finished: list[FinishedCall] = []
    for call in calls:
        if isinstance(call, Mapping):
            function = call.get("function")
            function = function if isinstance(function, Mapping) else {}
            finished.append(
                finish(
                    answer_id,
                    len(finished),
                    _text_of(call.get("id")),
                    _text_of(function.get("name")) or "",
                    _arguments_of(function.get("arguments")),
                    cut=cut,
                )
            )
    return finished


@dataclass(slots=True)
class _Open:
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
    """Puts fragments together, whatever servers do with index, id and name.

    Fragments may lack an index, an id or a name, repeat them, write them as "" or "null",
    interleave, or reuse an index for a second call. A call is given out when a later one has begun
    and its arguments are a whole JSON object, or else at the end; never before.
    """

    __slots__ = ("_by_index", "_calls", "_changed", "_given")

    def __init__(self) -> None:
        self._calls: list[_Open] = []
        self._by_index: dict[int, _Open] = {}
        self._given = 0
        self._changed = False

    def __bool__(self) -> bool:
        """Whether any call has begun."""
        return bool(self._calls)

    def feed(self, fragments: object) -> list[tuple[int, str]]:
        """Take the `tool_calls` of one delta.

        Returns:
            For each fragment, which call it belongs to, and what it adds to its arguments; half a
            character is held back until its other half comes.
        """
        if not isinstance(fragments, Sequence) or isinstance(fragments, str):
            return []
        return [self._take(each) for each in fragments if isinstance(each, Mapping)]

    def head(self, index: int) -> tuple[str | None, str]:
        """Return a call's id, None while unknown, and its name."""
        call = self._calls[index]
        return call.id, call.name

    def _take(self, fragment: Mapping[str, Any]) -> tuple[int, str]:
        function = fragment.get("function")
        function = function if isinstance(function, Mapping) else {}
        index = _index_of(fragment.get("index"))
        call_id = _text_of(fragment.get("id"))
        name = _text_of(function.get("name"))
        call = self._find(index, call_id, name)
        if call is None:
            call = _Open(len(self._calls), call_id, name or "")
            self._calls.append(call)
            self._changed = True
            if index is not None:
                self._by_index[index] = call
        else:
            self._changed = self._changed or call is self._calls[self._given]
            call.id = call.id or call_id
            if name is not None and name != call.name and not call.text:
                call.name += name
        piece = _arguments_of(function.get("arguments"))
        call.pieces.append(piece)
        return call.index, call.joiner.feed(piece)

    def _find(self, index: int | None, call_id: str | None, name: str | None) -> _Open | None:
        """Return the call that a fragment continues, or None when it begins one."""
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

    def ready(self, answer_id: str | None) -> list[FinishedCall]:
        """Return the calls, in order, that can be given out now."""
        given: list[FinishedCall] = []
        if not self._changed:
            return given
        self._changed = False
        while self._given < len(self._calls) - 1:
            call = self._calls[self._given]
            if strict_object(call.text) is None:
                break
            given.append(finish(answer_id, self._given, call.id, call.name, call.text, cut=False))
            self._given += 1
        return given

    def finish(self, answer_id: str | None, *, cut: bool) -> list[FinishedCall]:
        """Return the calls not given out yet; the answer is over.

        Args:
            answer_id: Id of the answer.
            cut: Whether it ended before it was finished.
        """
        rest = [
            finish(answer_id, index, call.id, call.name, call.text, cut=cut)
            for index, call in enumerate(self._calls)
            if index >= self._given
        ]
        self._given = len(self._calls)
        return rest

"""Tool calls of responses: arguments of any form become a valid call or an invalid one.

A call is valid, and may be run, only if its arguments are certain: a tool's name and a JSON object.
Facts about the shapes: docs/api-facts.md.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from langchain_core.messages import InvalidToolCall
from langchain_core.messages.tool import (
    ToolCall,
    ToolCallChunk,
    invalid_tool_call,
    tool_call,
    tool_call_chunk,
)

from langchain_mimo._json import dump_json, join_surrogates, object_of_pairs, strict_object
from langchain_mimo._wire.json_values import items, mapping, word

CUT_REASONS = frozenset({"length", "content_filter", "repetition_truncation"})
"""Finish reasons of responses that ended before the model was done (docs/api-facts.md)."""

MAX_NESTING = 200
"""Deepest nesting of arguments that are run; orjson, and with it tracing, stops at 254."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Control characters but tab and line breaks. MiMo's U+0003 fuses two calls into one
(docs/api-facts.md), so JSON that contains one is not trusted."""


@dataclass(frozen=True, slots=True)
class FinishedCall:
    """A call whose arguments are final.

    Attributes:
        id: The server's id, or one derived from the response's id and the call's index.
        name: The tool's name.
        text: The arguments ("{}" if there are none).
        args: The parsed arguments, or None when they are not a JSON object.
        index: The call's index in the response, from 0.
        raw: The arguments as the model wrote them; `text` may be revised.
    """

    id: str
    name: str
    text: str
    args: dict[str, Any] | None
    index: int
    raw: str

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


ReviseCall: TypeAlias = Callable[[FinishedCall], FinishedCall]
"""Changes a finished call by what is known about its tool."""


def finish_call(
    response_id: str | None,
    index: int,
    call_id: str | None,
    name: str,
    text: str,
    *,
    cut: bool,
    is_clear: bool = True,
) -> FinishedCall:
    """Parse the arguments of a call that is complete.

    Args:
        response_id: The response's id, from which a missing call id is derived.
        index: The call's index in the response, from 0.
        call_id: The server's id, or None.
        name: The tool's name, "" if it never arrived.
        text: The arguments as received.
        cut: Whether the response was cut; empty arguments then do not mean "no arguments".
        is_clear: Whether it is certain that all of these arguments are this call's, and no others.

    Returns:
        The call, valid if it has a name and its arguments are certain and a JSON object.
    """
    text = join_surrogates(text)
    if not cut and is_clear and name and not text.strip():
        text = "{}"
    args, text = _parse_arguments(text) if is_clear and name else (None, text)
    call_id = call_id or _synthetic_id(response_id, index, name, text)
    return FinishedCall(call_id, name, text, args, index, text)


def _parse_arguments(text: str) -> tuple[dict[str, Any] | None, str]:
    """Return the arguments and their text, repaired where JSON readers or UTF-8 would refuse it."""
    args = strict_object(text)
    if args is None:
        args = _object_with_raw_breaks(text)
        if args is None:
            return None, text
        text = dump_json(args)
    if "\\u" in text:
        # JSON parsers accept an escaped lone surrogate, which then breaks UTF-8 on replay.
        written = dump_json(args)
        clean = join_surrogates(written)
        if clean != written:
            text, args = clean, strict_object(clean)
    if text.count("{") + text.count("[") > MAX_NESTING and _is_too_deep(args):
        return None, text
    return args, text


def _object_with_raw_breaks(text: str) -> dict[str, Any] | None:
    """Parse an object whose strings contain line breaks and tabs that are not escaped."""
    if not any(mark in text for mark in "\n\r\t") or _CONTROL.search(text):
        return None
    try:
        value = json.loads(text, strict=False, object_pairs_hook=object_of_pairs)
    except (ValueError, RecursionError):
        return None
    # Written again with escapes, it must also pass as strict JSON.
    return strict_object(dump_json(value)) if isinstance(value, dict) else None


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_NESTING):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return any(isinstance(each, dict | list) for each in level)


def read_function(call: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return the name and the arguments' text of a call, or of a fragment of one.

    Args:
        call: An entry of `tool_calls`; its keys may also be those of the function.

    Raises:
        UnreadableError: `function` is not an object.
    """
    function = call.get("function")
    if type(function) is not dict:
        function = mapping(function, "function")
    if not function and isinstance(call.get("name"), str):
        function = call
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else dump_json(arguments)
    name = function.get("name")
    return None if name is None else word(name), arguments


def decode_calls(
    calls: object,
    response_id: str | None,
    *,
    cut: bool = False,
    revise: ReviseCall | None = None,
) -> list[FinishedCall]:
    """Decode the `tool_calls` of a complete response.

    Args:
        calls: The value of `tool_calls`; null or a missing value gives no calls.
        response_id: The response's id, from which missing call ids are derived.
        cut: Whether the response was cut; empty arguments then do not mean "no arguments".
        revise: Changes each call, or None.

    Raises:
        UnreadableError: It is neither a list of objects, nor an object.
    """
    finished: list[FinishedCall] = []
    ids: set[str] = set()
    for index, entry in enumerate(items(calls, "tool_calls")):
        call = mapping(entry, "a tool call")
        name, text = read_function(call)
        call_id = word(call.get("id"))
        done = finish_call(
            response_id, index, None if call_id in ids else call_id, name or "", text, cut=cut
        )
        ids.add(done.id)
        finished.append(revise(done) if revise else done)
    return finished

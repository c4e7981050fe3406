"""The function tools of a request: their names on the wire, and how calls of them are read.

MiMo accepts names of 1 to 64 characters of a-z, A-Z, 0-9, _ and -. LangChain and Python have
others, such as `Box[int]` for a generic model, `Größe`, or a schema's title with blanks. Such a
name is written in allowed characters for the server and read back from its calls.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_mimo._json import dump_json
from langchain_mimo._wire.nested_json import decode_nested
from langchain_mimo._wire.to_langchain.tool_calls import FinishedCall
from langchain_mimo._wire.turns import AssistantTurn, Turn

MAX_NAME = 64

_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_-]")
_DIGITS = 8


def wire_name(name: str) -> str:
    """Return a name in the characters that MiMo allows; each other one becomes "_".

    Args:
        name: The name of a tool or a schema.
    """
    return _NOT_ALLOWED.sub("_", name)[:MAX_NAME] or "_"


class BoundTools:
    """The function tools of a request.

    Args:
        tools: Tools as `tool_definitions.wire_tools` converts them.

    Attributes:
        renamed: Wire names by the tools' own names, where the two differ. Two names that would
            become the same one get some digits of their hash, whatever their order.
    """

    __slots__ = ("_functions", "renamed")

    def __init__(self, tools: Sequence[Mapping[str, Any]]) -> None:
        functions = [
            function
            for tool in tools
            if isinstance(function := tool.get("function"), Mapping)
            and isinstance(function.get("name"), str)
        ]
        written = {function["name"]: wire_name(function["name"]) for function in functions}
        counts = Counter(written.values())
        self.renamed = {
            name: short if counts[short] == 1 else _distinct(name, short)
            for name, short in written.items()
            if name != short
        }
        self._functions = {self.wire_name(function["name"]): function for function in functions}

    def wire_name(self, name: str) -> str:
        """Return the name of a tool as the server knows it."""
        return self.renamed.get(name) or wire_name(name)

    def names_in_history(self, called: Collection[str]) -> dict[str, str]:
        """Return wire names by the names of called tools, some of which may not be bound any more.

        Bound tools have the names under which they are sent. Another one that would get the same
        name as a bound tool, or as a second one that is not bound, gets some digits of its hash.
        """
        bound = {str(each["name"]): name for name, each in self._functions.items()}
        written = {name: wire_name(name) for name in called if name not in bound}
        counts = Counter([*bound.values(), *written.values()])
        taken = frozenset(bound.values())
        for name, short in written.items():
            if counts[short] > 1 and (name != short or short in taken):
                written[name] = _distinct(name, short)
        return bound | written

    def on_wire(self, tools: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Return tools with the names that the server gets."""
        if not self.renamed:
            return tools
        return [
            {**tool, "function": {**inner, "name": self.wire_name(inner["name"])}}
            if isinstance(inner := tool.get("function"), Mapping)
            else tool
            for tool in tools
        ]

    def own_name(self, wire_name: str) -> str:
        """Return the tool's own name for the name in a call."""
        function = self._functions.get(wire_name)
        return wire_name if function is None else str(function["name"])

    def requires_arguments(self, wire_name: str) -> bool:
        """Return whether a call of a tool without any argument cannot be meant."""
        schema = self._functions.get(wire_name, {}).get("parameters")
        return isinstance(schema, Mapping) and bool(schema.get("required"))

    def revise(self, call: FinishedCall) -> FinishedCall:
        """Return a call with the tool's own name, and nested JSON texts decoded (`nested_json`).

        Args:
            call: A call as the server wrote it; one of an unknown tool stays as it is.
        """
        function = self._functions.get(call.name)
        if function is None:
            return call
        name, schema = str(function["name"]), function.get("parameters")
        if call.args is not None and isinstance(schema, Mapping):
            decoded = decode_nested(call.args, schema)
            if decoded != call.args:
                return replace(call, name=name, args=decoded, text=dump_json(decoded))
        return call if name == call.name else replace(call, name=name)


def rename_calls(turns: Sequence[Turn], tools: BoundTools | None) -> None:
    """Give the calls in a conversation the names that the server knows.

    Args:
        turns: The conversation; its calls are changed.
        tools: The tools of the request, or None.
    """
    calls = [call for turn in turns if isinstance(turn, AssistantTurn) for call in turn.calls]
    names = (tools or BoundTools(())).names_in_history({call.name for call in calls})
    for call in calls:
        call.name = names[call.name]


def _distinct(name: str, short: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
    return f"{short[: MAX_NAME - _DIGITS - 1]}_{digest[:_DIGITS]}"

"""Tool calls that MiMo wrote as XML into the text of a response.

The model writes calls in a notation of its own, which MiMo's servers turn into `tool_calls`:

    <tool_call>
    <function=NAME>
    <parameter=KEY>VALUE</parameter>
    </function>
    </tool_call>

Sometimes they leave it in the text: `finish_reason` is "tool_calls", but there are none
(docs/api-facts.md). That is an error, unless the caller chose `parse_tool_xml`. Text with another
finish reason is never looked at, since it may quote the notation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage

from langchain_mimo._json import dump_json, strict_json
from langchain_mimo._wire.bound_tools import BoundTools
from langchain_mimo._wire.to_langchain.tool_calls import FinishedCall, finish_call
from langchain_mimo._wire.tool_definitions import parameters_schema
from langchain_mimo.errors import MiMoInvalidResponseError

XMLTools: TypeAlias = Sequence[Mapping[str, Any]] | None
"""The tools whose calls are read from the text, in the form of the request; None raises."""

_FROM_TEXT = "tool_calls_from_text"
_OPENING = "<tool_call>"
_FUNCTION = "<function="
_BEGINNING = re.compile(r"<tool_call>\s*<function=")
_CALL_START = re.compile(r"\s*<tool_call>\s*<function=([^<>\s]+)>")
_PARAMETER = re.compile(r"\s*<parameter=([^<>\s]+)>(.*?)</parameter>", re.DOTALL)
_CALL_END = re.compile(r"\s*</function>\s*</tool_call>")
_ANY_TAG = re.compile(r"<(?:parameter|function)=|</?tool_call>|</function>")

_JSON_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}


def contains_calls(text: str, finish_reason: str | None) -> bool:
    """Return whether the text of a response without calls stands for calls, complete or not."""
    return finish_reason == "tool_calls" and (_OPENING in text or _FUNCTION in text)


def metadata(calls: Sequence[FinishedCall]) -> dict[str, Any]:
    """Return the entry for `response_metadata` that tells of calls read from the text."""
    return {_FROM_TEXT: True} if calls else {}


def tool_xml_error(
    partial_message: AIMessage, reason: str | None = None
) -> MiMoInvalidResponseError:
    """Return the error for calls in the text.

    Args:
        partial_message: The message, with the XML in its content.
        reason: Why the calls cannot be read; None if nobody asked to read them.
    """
    remedy = (
        "Ask again, or set parse_tool_xml=True to read such calls."
        if reason is None
        else f"They cannot be read: {reason}. Ask again."
    )
    error = MiMoInvalidResponseError(
        "MiMo wrote its tool calls as XML into the text instead of into tool_calls; the text is in "
        f"partial_message. {remedy}",
        status_code=200,
    )
    error.partial_message = partial_message
    return error


def with_calls_of_text(
    message: AIMessage, tools: XMLTools, bound: BoundTools | None = None
) -> AIMessage:
    """Return a complete message whose calls are read from its text.

    Args:
        message: A message without calls, whose content contains the notation.
        tools: The tools of the request; None raises.
        bound: The same tools, which know their own names.

    Raises:
        MiMoInvalidResponseError: `tools` is None, or the calls cannot be read.
    """
    text, calls = split_text(message, tools, bound)
    return message.model_copy(
        update={
            "content": text,
            "tool_calls": [call.as_call() for call in calls],
            "response_metadata": message.response_metadata | metadata(calls),
        }
    )


def split_text(
    message: AIMessage, tools: XMLTools, bound: BoundTools | None = None
) -> tuple[str, list[FinishedCall]]:
    """Split the content of a message into the text before its calls, and the calls.

    Args:
        message: As for `with_calls_of_text`.
        tools: As for `with_calls_of_text`.
        bound: As for `with_calls_of_text`.

    Raises:
        MiMoInvalidResponseError: As for `with_calls_of_text`.
    """
    if tools is None:
        raise tool_xml_error(message)
    text = str(message.content)
    try:
        return _parse(text, tools, message.id, bound)
    except ValueError as error:
        raise tool_xml_error(message, str(error)) from None


class ToolXMLHold:
    """Holds the notation back while a response is streamed, so that it is not given out as text.

    Text passes until a call begins. From there on everything waits for the end of the response,
    whose finish reason tells whether it is a call or quoted.
    """

    __slots__ = ("_has_begun", "_held")

    def __init__(self) -> None:
        self._held: list[str] = []
        self._has_begun = False

    def feed(self, text: str) -> str:
        """Add text; returns what can be given out."""
        if self._has_begun:
            self._held.append(text)
            return ""
        text = "".join(self._held) + text
        start = _start_of_call(text)
        self._held = [text[start:]]
        self._has_begun = _BEGINNING.match(text, start) is not None
        return text[:start]

    def end(self, text: str, *, is_call: bool) -> str:
        """Add the last text; returns what remains to give out, which is not the call itself."""
        passed = self.feed(text)
        return passed if is_call else passed + "".join(self._held)


def _start_of_call(text: str) -> int:
    """Return where a call begins or may begin, else the length of the text."""
    position = text.find("<")
    while position >= 0:
        rest = text[position : position + len(_OPENING)]
        if rest == _OPENING:
            inner = text[position + len(_OPENING) :].lstrip()[: len(_FUNCTION)]
            if _FUNCTION.startswith(inner):
                return position
        elif _OPENING.startswith(rest):
            return position
        position = text.find("<", position + 1)
    return len(text)


# ------------------------------------------------------------------------------------- parsing


def _parse(
    text: str,
    tools: Sequence[Mapping[str, Any]],
    response_id: str | None,
    bound: BoundTools | None,
) -> tuple[str, list[FinishedCall]]:
    """Parse strictly: after the first call, there is nothing but complete calls of bound tools.

    Raises:
        ValueError: The text is anything else; the message says why.
    """
    properties = {
        function["name"]: _properties(function)
        for tool in tools
        if isinstance(function := tool.get("function"), Mapping)
    }
    start = _start_of_call(text)
    position = start
    calls: list[FinishedCall] = []
    while text[position:].strip() or not calls:
        head = _CALL_START.match(text, position)
        if head is None:
            raise ValueError("the XML is not complete, or other text follows it")
        name = head[1]
        if name not in properties:
            raise ValueError(f"{name[:64]!r} is not one of the bound tools")
        arguments, position = _parse_parameters(text, head.end(), name, properties[name])
        tail = _CALL_END.match(text, position)
        if tail is None:
            raise ValueError(f"the XML of the call of {name!r} is not complete")
        position = tail.end()
        written = dump_json(arguments)
        call = finish_call(response_id, len(calls), None, name, written, cut=False)
        calls.append(bound.revise(call) if bound else call)
    return text[:start], calls


def _properties(function: Mapping[str, Any]) -> Mapping[str, Any]:
    schema = parameters_schema(function)
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    return properties if isinstance(properties, Mapping) else {}


def _parse_parameters(
    text: str, position: int, tool: str, properties: Mapping[str, Any]
) -> tuple[dict[str, Any], int]:
    """Return a call's arguments, and where they end."""
    arguments: dict[str, Any] = {}
    while parameter := _PARAMETER.match(text, position):
        name, value = parameter.groups()
        if name in arguments:
            raise ValueError(f"parameter {name[:64]!r} of {tool!r} occurs twice")
        if name not in properties:
            raise ValueError(f"{tool!r} has no parameter {name[:64]!r}")
        if _ANY_TAG.search(value):
            raise ValueError(f"parameter {name!r} of {tool!r} contains another tag")
        try:
            arguments[name] = _typed(value, properties[name])
        except ValueError as error:
            raise ValueError(f"parameter {name!r} of {tool!r} {error}") from None
        position = parameter.end()
    return arguments, position


def _typed(text: str, schema: object) -> Any:
    """Return a value of the type that a schema states; a string is kept to the character.

    Raises:
        ValueError: The schema does not state the type, or the text is not of it.
    """
    types = _types(schema)
    if types == {"string"}:
        return text
    if types == {"string", "null"}:
        return None if text == "null" else text
    if not types or "string" in types:
        raise ValueError("has no single type in the tool's schema")
    try:
        value = strict_json(text)
    except (ValueError, RecursionError):
        value = ...
    kind = _JSON_TYPES.get(type(value), "string")
    if kind in types or (kind == "integer" and "number" in types):
        return value
    raise ValueError(f"is not of type {' or '.join(sorted(types))}")


def _types(schema: object) -> frozenset[str]:
    """Return the JSON types that a schema states, or an empty set if it does not."""
    if not isinstance(schema, Mapping):
        return frozenset()
    stated = schema.get("type")
    if isinstance(stated, str):
        return frozenset({stated})
    if isinstance(stated, Sequence):
        return frozenset(each for each in stated if isinstance(each, str))
    branches = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(branches, Sequence):
        stated_types = [_types(branch) for branch in branches]
        return frozenset[str]().union(*stated_types) if all(stated_types) else frozenset()
    values = schema.get("enum")
    if isinstance(values, Sequence) and all(isinstance(value, str) for value in values):
        return frozenset({"string"})
    return frozenset()

"""Faults of the answer: what MiMo itself gets wrong, in a response that is otherwise in order.

Each function changes the answer before it is encoded, so it looks the same in both API formats,
whole and streamed, and the usage counts it. Raw scripted replies are not changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import cycle, islice
from typing import Any, TypeAlias

import orjson

from langchain_mimo.emulator.answers.own_answer import apply_limits, arguments_text, call_id
from langchain_mimo.emulator.answers.schema_values import value_for
from langchain_mimo.emulator.answers.tool_calls import current_task
from langchain_mimo.emulator.answers.words import PromptValues
from langchain_mimo.emulator.answers.xml_calls import as_xml
from langchain_mimo.emulator.api.chat_response import split_text
from langchain_mimo.emulator.conversation.outcome import Outcome
from langchain_mimo.emulator.conversation.reply import Reply
from langchain_mimo.emulator.conversation.request import Conversation, Tool, ToolCall
from langchain_mimo.emulator.encoding import dump
from langchain_mimo.emulator.faults.connection import HIGH_RISK
from langchain_mimo.emulator.faults.targets import nullable_parameters
from langchain_mimo.tokens import text_tokens

Answer: TypeAlias = "tuple[Outcome, Reply | None]"
"""An answer, and the scripted reply that says how to send it."""

PLACES = ("content", "reasoning")
"""Where `repetition` repeats lines."""

_PADDING = ("\t\t\t\t", "    ")
"""The pieces of whitespace that `whitespace_padding` sends; each counts as one token, so each has
four characters."""


def content_filter(
    _options: Mapping[str, Any], _outcome: Outcome, _conversation: Conversation, reply: Reply | None
) -> Answer:
    """Replace the answer by MiMo's sentence for moderation."""
    filtered = Outcome(HIGH_RISK, None, finish_reason="content_filter")
    return filtered, _without_pieces(reply)


def whitespace_padding(
    options: Mapping[str, Any], outcome: Outcome, conversation: Conversation, reply: Reply | None
) -> Answer:
    """Pad a constrained answer with whitespace after its first members, up to the token limit."""
    if conversation.json_schema is None or outcome.calls:
        return outcome, reply
    start = _first_members(outcome.content, int(options["members"]))
    used = outcome.reasoning_tokens + text_tokens(start)
    padding = "".join(islice(cycle(_PADDING), max(conversation.max_output_tokens - used, 0)))
    padded = apply_limits(
        replace(outcome, content=start + padding, finish_reason="length"), conversation
    )
    rest = padded.content[len(start) :]
    pieces = [
        *split_text(padded.content[: len(start)], None),
        *(rest[position : position + 4] for position in range(0, len(rest), 4)),
    ]
    reply = reply or Reply()
    return padded, replace(reply, pieces=pieces, pause=options["interval"] or reply.pause)


def tool_call_flood(
    options: Mapping[str, Any], outcome: Outcome, conversation: Conversation, reply: Reply | None
) -> Answer:
    """Repeat the tool calls of the answer, each time with new ids."""
    repeated = islice(cycle(_calls(outcome, conversation)), int(options["calls"]))
    calls = [replace(call, id=call_id()) for call in repeated]
    flood = replace(outcome, calls=calls, finish_reason="tool_calls")
    return apply_limits(flood, conversation), reply


def repetition(
    options: Mapping[str, Any], outcome: Outcome, conversation: Conversation, reply: Reply | None
) -> Answer:
    """Repeat a group of lines until the server ends the answer."""
    group = "".join(f"Let me look at this again, point {n + 1}.\n" for n in range(options["lines"]))
    lines = group * int(options["groups"])
    in_reasoning = options["place"] == "reasoning" and outcome.reasoning is not None
    looping = Outcome(
        "" if in_reasoning else _continued(outcome.content, lines),
        _continued(outcome.reasoning or "", lines) if in_reasoning else outcome.reasoning,
        finish_reason="repetition_truncation",
    )
    return apply_limits(looping, conversation), _without_pieces(reply)


def xml_tool_call(
    _options: Mapping[str, Any], outcome: Outcome, conversation: Conversation, reply: Reply | None
) -> Answer:
    """Write the tool calls into the text, in the form of the model's own template."""
    calls = _calls(outcome, conversation)
    changed = replace(outcome, calls=calls, finish_reason="tool_calls")
    return apply_limits(as_xml(changed), conversation), _without_pieces(reply)


def cut_at_nullable(
    _options: Mapping[str, Any], outcome: Outcome, conversation: Conversation, reply: Reply | None
) -> Answer:
    """End the arguments of each call where the value of its first nullable parameter starts."""
    nullable = {
        tool.name: next(iter(nullable_parameters(tool.parameters)), None)
        for tool in conversation.tools
    }
    wanted = next((tool for tool in conversation.tools if nullable[tool.name]), None)
    calls = [
        _cut_call(call, nullable.get(call.name)) for call in _calls(outcome, conversation, wanted)
    ]
    return replace(outcome, calls=calls, finish_reason="tool_calls"), reply


def stringified_arguments(
    options: Mapping[str, Any], outcome: Outcome, conversation: Conversation, reply: Reply | None
) -> Answer:
    """Replace nested arguments by their JSON text."""
    kinds: tuple[type, ...] = (dict, list, int, float) if options["numbers"] else (dict, list)
    calls = []
    for call in _calls(outcome, conversation):
        arguments = {
            name: arguments_text(value) if _is_any(value, kinds) else value
            for name, value in _parsed(call).items()
        }
        calls.append(replace(call, arguments=arguments_text(arguments)))
    return replace(outcome, calls=calls, finish_reason="tool_calls"), reply


def _calls(
    outcome: Outcome, conversation: Conversation, wanted: Tool | None = None
) -> list[ToolCall]:
    """Return the calls of an answer; if it has none, a call of `wanted` or of the first tool."""
    if outcome.calls:
        return outcome.calls
    tool = wanted if wanted is not None else conversation.tools[0]
    offered = PromptValues.read(current_task(conversation).text)
    arguments = value_for({"type": "object", **tool.parameters}, offered)
    return [ToolCall(call_id(), tool.name, arguments_text(arguments))]


def _cut_call(call: ToolCall, parameter: str | None) -> ToolCall:
    if parameter is None:
        return call
    before: dict[str, Any] = {}
    for name, value in _parsed(call).items():
        if name == parameter:
            break
        before[name] = value
    start = arguments_text(before)[:-1] + (", " if before else "")
    return replace(call, arguments=f"{start}{arguments_text(parameter)}: ")


def _parsed(call: ToolCall) -> dict[str, Any]:
    """Return the arguments of a call; {} for a scripted call whose arguments are no object."""
    try:
        arguments = orjson.loads(call.arguments)
    except orjson.JSONDecodeError:
        return {}
    return arguments if isinstance(arguments, dict) else {}


def _is_any(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _first_members(text: str, count: int) -> str:
    """Return the beginning of a JSON object with its first members; another text unchanged."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if not isinstance(value, dict):
        return text
    members = (
        f"{dump(name).decode()}:{dump(member).decode()},"
        for name, member in islice(value.items(), count)
    )
    return "{" + "".join(members)


def _continued(text: str, more: str) -> str:
    return f"{text}\n\n{more}" if text else more


def _without_pieces(reply: Reply | None) -> Reply | None:
    """Return a scripted reply without its deltas, which belong to the answer before the change."""
    return None if reply is None else replace(reply, pieces=None, reasoning_pieces=None)

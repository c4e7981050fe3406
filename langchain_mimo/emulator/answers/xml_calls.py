"""Tool calls written into the text, in the form of MiMo's template."""

from __future__ import annotations

import json
from dataclasses import replace

import orjson

from langchain_mimo.emulator.conversation.outcome import Outcome
from langchain_mimo.emulator.conversation.request import ToolCall


def as_xml(outcome: Outcome) -> Outcome:
    """Return an answer with its tool calls as text; the finish reason still says `tool_calls`.

    MiMo answers so when a tool has no `parameters`, and at times otherwise.
    """
    return replace(outcome, content=outcome.content + "".join(map(_xml, outcome.calls)), calls=[])


def _xml(call: ToolCall) -> str:
    try:
        arguments = orjson.loads(call.arguments)
    except orjson.JSONDecodeError:
        arguments = {}
    parameters = "".join(
        f"<parameter={name}>{_text(value)}</parameter>"
        for name, value in (arguments.items() if isinstance(arguments, dict) else ())
    )
    return f"<tool_call><function={call.name}>{parameters}</function></tool_call>"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

"""Pairs tool calls with their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    ToolMessage,
)

from langchain_mimo._wire.from_langchain.assistant import ParsedAssistant
from langchain_mimo._wire.from_langchain.options import MediaDefaults
from langchain_mimo._wire.from_langchain.tool_results import (
    ToolResult,
    read_result_blocks,
    read_tool_message,
)
from langchain_mimo._wire.turns import ToolTurn
from langchain_mimo.errors import HistoryError

INTERRUPTED = "(no result: the call was interrupted)"
"""Result of a call that has none, if `repair_history` is on."""

NOT_RUN = "(not run: the arguments are not valid JSON)"
"""Result of a call whose arguments do not parse; LangChain runs no tool for it."""


@dataclass(slots=True)
class CallResults:
    """The results of one assistant turn's calls.

    Attributes:
        next_index: Index of the first message that is not consumed.
        by_id: A result for every call, by the call's id.
        moved: Results taken from messages at or after `next_index`, as index of the message and
            index of the block, None for a whole message. They must not be sent twice.
    """

    next_index: int
    by_id: dict[str, ToolResult] = field(default_factory=dict)
    moved: set[tuple[int, int | None]] = field(default_factory=set)


def find_results(
    messages: Sequence[BaseMessage],
    parsed: ParsedAssistant,
    index: int,
    defaults: MediaDefaults,
    *,
    repair: bool,
) -> CallResults:
    """Find the results of a turn's calls, up to the next assistant message at most.

    Args:
        messages: The history.
        parsed: The assistant message.
        index: Its index.
        defaults: For videos in results that set no `fps` or `media_resolution`.
        repair: Whether results may come after other messages, and missing ones are replaced by
            `INTERRUPTED`.

    Returns:
        A result for every call. Calls without a result whose arguments do not parse get `NOT_RUN`,
        with or without `repair`: LangChain runs no tool for them.

    Raises:
        HistoryError: A call has no result, and `repair` is off.
        MiMoInputError: A result cannot be sent.
    """
    results = _collect(messages, parsed, index, defaults, repair=repair)
    missing = [call for call in parsed.turn.calls if call.id not in results.by_id]
    if not missing:
        return results
    valid = [call for call in missing if call.id not in parsed.invalid_ids]
    if valid and not repair:
        listed = ", ".join(f"{call.id!r} ({call.name})" for call in valid)
        end = "the end"
        if results.next_index < len(messages):
            end = f"messages[{results.next_index}] ({messages[results.next_index].type})"
        raise HistoryError(
            f"tool call {listed} has no result before {end}; add a ToolMessage for each call "
            "directly after this message, or set repair_history=True",
            index,
        )
    for call in missing:
        text = NOT_RUN if call.id in parsed.invalid_ids else INTERRUPTED
        results.by_id[call.id] = ToolResult(ToolTurn(call.id, text, [], is_error=True))
    return results


def _collect(
    messages: Sequence[BaseMessage],
    parsed: ParsedAssistant,
    index: int,
    defaults: MediaDefaults,
    *,
    repair: bool,
) -> CallResults:
    collected = CallResults(index + 1)
    call_count = len(parsed.turn.calls)
    gap = False  # whether an earlier message was not consumed
    position = index + 1
    while position < len(messages):
        message = messages[position]
        if isinstance(message, ToolMessage | FunctionMessage):
            results = [read_tool_message(message, position, defaults)]
            consumed = True
        elif len(collected.by_id) == call_count or is_assistant(message):
            break
        else:
            results = _results_in(message, position, defaults)
            consumed = False
            if not results and not repair:
                break
        for result in results:
            call_id = _matching_call(result, parsed, collected.by_id)
            if call_id is None:
                consumed = False
                continue
            collected.by_id[call_id] = result
            if gap or not consumed:
                collected.moved.add((position, result.block_index))
        gap = gap or not consumed
        position += 1
        if not gap:
            collected.next_index = position
    return collected


def is_assistant(message: BaseMessage) -> bool:
    """Whether a message is the model's."""
    if isinstance(message, ChatMessage):
        return message.role in ("assistant", "ai")
    return isinstance(message, AIMessage)


def _results_in(message: BaseMessage, index: int, defaults: MediaDefaults) -> list[ToolResult]:
    if isinstance(message, HumanMessage) and isinstance(message.content, list):
        return read_result_blocks(message.content, index, defaults)
    return []


def _matching_call(
    result: ToolResult, parsed: ParsedAssistant, by_id: Mapping[str, ToolResult]
) -> str | None:
    """Return the id of the call that a result belongs to, or None.

    A result cannot name a call whose id was generated here. It is matched to the first such call
    without a result that has its tool name, else to the first one without a result.
    """
    call_id = result.turn.call_id
    calls = parsed.turn.calls
    if call_id not in by_id and any(call.id == call_id for call in calls):
        return call_id
    if not parsed.generated_ids:
        return None
    open_calls = [
        call for call in calls if call.id in parsed.generated_ids and call.id not in by_id
    ]
    same_name = [call for call in open_calls if call.name == result.name]
    for call in same_name or open_calls:
        return call.id
    return None

"""Which result answers which call."""

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

from langchain_mimo._wire.from_langchain.assistant import AssistantReading
from langchain_mimo._wire.from_langchain.options import MediaDefaults
from langchain_mimo._wire.from_langchain.tool_results import (
    ToolResult,
    read_result_blocks,
    read_tool_message,
)
from langchain_mimo._wire.turns import ToolTurn
from langchain_mimo.errors import HistoryError

INTERRUPTED = "(no result: the call was interrupted)"
"""Answer to a call that nobody answered, where `repair_history` allows one."""

NOT_RUN = "(not run: the arguments are not valid JSON)"
"""Answer to a call whose arguments do not parse; LangChain runs no tool for it."""


@dataclass(slots=True)
class Answers:
    """The results of one assistant turn's calls.

    Attributes:
        following: Index of the first message that is not used up.
        by_id: A result for every call, by the call's id.
        moved: Results taken from messages at or after `following`, as index of the message and
            index of the block, None for a whole message. They must not go out again.
    """

    following: int
    by_id: dict[str, ToolResult] = field(default_factory=dict)
    moved: set[tuple[int, int | None]] = field(default_factory=set)


def find_answers(
    messages: Sequence[BaseMessage],
    reading: AssistantReading,
    index: int,
    defaults: MediaDefaults,
    *,
    repair: bool,
) -> Answers:
    """Find the results of a turn's calls, up to the next assistant message at most.

    Args:
        messages: The history.
        reading: The assistant turn.
        index: Its index.
        defaults: For videos in results that state no `fps` or `media_resolution`.
        repair: Whether results may come after other messages, and missing ones are made up.

    Returns:
        A result for every call. Calls whose arguments do not parse get `NOT_RUN` where nobody
        answered, with or without `repair`: LangChain runs no tool for them.

    Raises:
        HistoryError: A call has no result, and `repair` is off.
        MiMoInputError: A result cannot be sent.
    """
    answers = _collect(messages, reading, index, defaults, repair=repair)
    missing = [call for call in reading.turn.calls if call.id not in answers.by_id]
    if not missing:
        return answers
    unanswered = [call for call in missing if call.id not in reading.invalid]
    if unanswered and not repair:
        listed = ", ".join(f"{call.id!r} ({call.name})" for call in unanswered)
        end = "the end"
        if answers.following < len(messages):
            end = f"messages[{answers.following}] ({messages[answers.following].type})"
        raise HistoryError(
            f"tool call {listed} has no result before {end}; add a ToolMessage for each call "
            "right behind this message, or set repair_history=True.",
            index,
        )
    for call in missing:
        text = NOT_RUN if call.id in reading.invalid else INTERRUPTED
        answers.by_id[call.id] = ToolResult(ToolTurn(call.id, text, [], is_error=True))
    return answers


def _collect(
    messages: Sequence[BaseMessage],
    reading: AssistantReading,
    index: int,
    defaults: MediaDefaults,
    *,
    repair: bool,
) -> Answers:
    answers = Answers(index + 1)
    found_all = len(reading.turn.calls)
    gap = False  # whether a message that is not used up lies behind
    position = index + 1
    while position < len(messages):
        message = messages[position]
        if isinstance(message, ToolMessage | FunctionMessage):
            results = [read_tool_message(message, position, defaults)]
            used_up = True
        elif len(answers.by_id) == found_all or _is_assistant(message):
            break
        else:
            results = _results_in(message, position, defaults)
            used_up = False
            if not results and not repair:
                break
        for result in results:
            call_id = _claimed(result, reading, answers.by_id)
            if call_id is None:
                used_up = False
                continue
            answers.by_id[call_id] = result
            if gap or not used_up:
                answers.moved.add((position, result.block_index))
        gap = gap or not used_up
        position += 1
        if not gap:
            answers.following = position
    return answers


def _is_assistant(message: BaseMessage) -> bool:
    if isinstance(message, ChatMessage):
        return message.role in ("assistant", "ai")
    return isinstance(message, AIMessage)


def _results_in(message: BaseMessage, index: int, defaults: MediaDefaults) -> list[ToolResult]:
    if isinstance(message, HumanMessage) and isinstance(message.content, list):
        return read_result_blocks(message.content, index, defaults)
    return []


def _claimed(
    result: ToolResult, reading: AssistantReading, answers: Mapping[str, ToolResult]
) -> str | None:
    """Return the id of the call that a result answers, or None.

    A call whose id was invented cannot be named by its result: the first one open with the
    result's tool name is taken, else the first one open.
    """
    call_id = result.turn.call_id
    calls = reading.turn.calls
    if call_id not in answers and any(call.id == call_id for call in calls):
        return call_id
    if not reading.invented:
        return None
    free = [call for call in calls if call.id in reading.invented and call.id not in answers]
    named = [call for call in free if call.name == result.name]
    for call in named or free:
        return call.id
    return None

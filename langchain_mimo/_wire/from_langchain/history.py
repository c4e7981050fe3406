"""Any message history → clean turns.

Agents switch models, summarise, trim, checkpoint, and hand over what other providers wrote. Out of
it comes a conversation that MiMo takes: content never null, every call answered by exactly one
result right behind it, thoughts where MiMo demands them, media where it takes them. The messages
given are never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)

from langchain_mimo._json import join_surrogates
from langchain_mimo._wire.from_langchain.assistant import AssistantReading, read_assistant
from langchain_mimo._wire.from_langchain.content_blocks import (
    is_tool_result,
    parts_of,
)
from langchain_mimo._wire.from_langchain.media_blocks import check_modalities
from langchain_mimo._wire.from_langchain.options import (
    HistoryOptions,
)
from langchain_mimo._wire.from_langchain.pairing import find_answers
from langchain_mimo._wire.from_langchain.tool_results import (
    ToolResult,
    as_user_turn,
    media_turn,
    read_result_blocks,
    read_tool_message,
)
from langchain_mimo._wire.turns import (
    AssistantTurn,
    MediaPart,
    Part,
    SystemTurn,
    ToolCall,
    Turn,
    UserTurn,
)
from langchain_mimo.errors import HistoryError, MiMoInputError

REASONING_PAD = " "
"""Thoughts of a turn that has none. MiMo refuses absent ones; reports conflict on whether "" will
do (mimo-api.md §7), so it is one space, as several other clients send."""


@dataclass(slots=True)
class CleanHistory:
    """The outcome.

    Attributes:
        turns: The conversation.
        disable_thinking: Whether the request must not think, since thoughts are missing and
            `missing_reasoning` is "disable_thinking".
    """

    turns: list[Turn]
    disable_thinking: bool = False


def clean_history(messages: Sequence[BaseMessage], options: HistoryOptions) -> CleanHistory:
    """Make clean turns of messages.

    Every assistant turn with calls is followed by exactly its results, in the order of its calls.
    Calls without an id get one made from their place, and are paired with results by name and
    order. Calls whose arguments do not parse go back verbatim; LangChain never answers them, so
    `pairing.NOT_RUN` does where nothing else did.

    Args:
        messages: The history, in any provider's shape; not changed.
        options: See `HistoryOptions`.

    Returns:
        The turns.

    Raises:
        HistoryError: There are no messages; or, without `repair_history`, a call without a result
            or a result without a call; or thoughts are missing and `missing_reasoning` is "error".
        UnsupportedModalityError: A medium for a model that is known not to take it.
        MediaError: A medium of the wrong kind, or in a place that cannot be sent.
        MiMoInputError: A message or block that MiMo cannot take.
    """
    if not messages:
        raise HistoryError("there are no messages; give at least one.")
    return _Cleaner(messages, options).clean()


class _Cleaner:
    """One pass over one history."""

    __slots__ = ("_answered", "_defaults", "_messages", "_moved", "_options", "disabled", "turns")

    def __init__(self, messages: Sequence[BaseMessage], options: HistoryOptions) -> None:
        self._messages = messages
        self._options = options
        self._defaults = options.media_defaults
        self._answered: frozenset[str] | set[str] = frozenset()
        # Results that went out with their call, ahead of their place: (message, block or None).
        self._moved: set[tuple[int, int | None]] = set()
        self.turns: list[Turn] = []
        self.disabled = False

    def clean(self) -> CleanHistory:
        messages = self._messages
        index = 0
        while index < len(messages):
            message = messages[index]
            handler = _HANDLERS.get(type(message)) or _handler_for(message, index)
            index = handler(self, message, index)
        if self.disabled and self._options.replay_reasoning != "always":
            for turn in self.turns:
                if isinstance(turn, AssistantTurn):
                    turn.reasoning = None
        return CleanHistory(self.turns, self.disabled)

    # --- One method per role; each returns the index to go on with ---

    def user(self, message: BaseMessage, index: int) -> int:
        content: Any = message.content
        holds_results = isinstance(content, list) and any(map(is_tool_result, content))
        if holds_results:
            content = self._without_results(content, index)
        parts = parts_of(content, index, self._defaults)
        if not isinstance(parts, str):
            self._admit(parts)
        elif holds_results and not parts:
            return index + 1
        self.turns.append(UserTurn(parts, _name_of(message)))
        return index + 1

    def system(self, message: BaseMessage, index: int) -> int:
        role: Literal["system", "developer"] = "system"
        if message.additional_kwargs.get("__openai_role__") == "developer":
            role = "developer"
        return self._system(message, index, role)

    def _system(
        self, message: BaseMessage, index: int, role: Literal["system", "developer"]
    ) -> int:
        parts = parts_of(message.content, index, self._defaults)
        if not isinstance(parts, str):
            for part in parts:
                if isinstance(part, MediaPart):
                    raise MiMoInputError(
                        f"MiMo takes no {part.reference.kind} in a {role} message; move it into a "
                        "user message.",
                        index,
                        part.reference.block_index,
                    )
            parts = "\n".join(part.text for part in parts if not isinstance(part, MediaPart))
        self.turns.append(SystemTurn(parts, role, _name_of(message)))
        return index + 1

    def assistant(self, message: BaseMessage, index: int) -> int:
        reading = read_assistant(message, index, repair=self._options.repair_history)
        turn = reading.turn
        turn.reasoning = self._replayed(turn, index)
        self.turns.append(turn)
        if turn.calls:
            return self._results(reading, index)
        self._answered = frozenset()
        return index + 1

    def tool(self, message: BaseMessage, index: int) -> int:
        """A result that no call before it has claimed."""
        if (index, None) not in self._moved:
            self._orphan(read_tool_message(message, index, self._defaults), index)
        return index + 1

    def chat(self, message: BaseMessage, index: int) -> int:
        role = getattr(message, "role", "")
        match role:
            case "user" | "human":
                return self.user(message, index)
            case "assistant" | "ai":
                return self.assistant(message, index)
            case "system" | "developer":
                return self._system(message, index, role)
        raise MiMoInputError(
            f"MiMo knows no role {role!r}; use user, assistant, system or developer (a tool's "
            "result is a ToolMessage).",
            index,
        )

    def remove(self, _: BaseMessage, index: int) -> int:
        raise MiMoInputError(
            "RemoveMessage tells a LangGraph state what to delete and cannot be sent; apply it "
            "with add_messages first.",
            index,
        )

    # --- Thoughts ---

    def _replayed(self, turn: AssistantTurn, index: int) -> str | None:
        options = self._options
        replay = options.replay_reasoning
        if replay == "always" and (turn.reasoning or not turn.calls):
            return turn.reasoning
        if not turn.calls or replay == "never" or not options.thinking_on:
            return None
        if turn.reasoning:
            return turn.reasoning
        match options.missing_reasoning:
            case "pad":
                return REASONING_PAD
            case "disable_thinking":
                self.disabled = True
                return None
            case _:
                raise HistoryError(
                    "this turn has tool calls but no reasoning_content, which MiMo demands while "
                    'thinking; hand it back, or set missing_reasoning="pad" or '
                    '"disable_thinking".',
                    index,
                )

    # --- Calls and results ---

    def _results(self, reading: AssistantReading, index: int) -> int:
        """Put the results of a turn's calls right behind it, in the order of the calls."""
        calls = reading.turn.calls
        if len(calls) == 1 and self._answered_next(calls[0], index):
            return index + 2
        answers = find_answers(
            self._messages,
            reading,
            index,
            self._defaults,
            repair=self._options.repair_history,
        )
        self._moved |= answers.moved
        results = [answers.by_id[call.id] for call in calls]
        for call, result in zip(calls, results, strict=True):
            turn = result.turn
            turn.call_id = call.id
            if turn.media:
                result.name = result.name or call.name
                self._admit(turn.media)
            self.turns.append(turn)
        if self._options.tool_media == "user" and (shown := media_turn(results)):
            self.turns.append(shown)
        self._answered = {call.id for call in calls}
        return answers.following

    def _answered_next(self, call: ToolCall, index: int) -> bool:
        """Take a plain result that follows its only call: nearly all of a long agent history."""
        if index + 1 == len(self._messages):
            return False
        message = self._messages[index + 1]
        if (
            type(message) is not ToolMessage
            or message.tool_call_id != call.id
            or not isinstance(message.content, str)
        ):
            return False
        turn = read_tool_message(message, index + 1, self._defaults).turn
        if turn.media:
            return False
        self.turns.append(turn)
        self._answered = {call.id}
        return True

    def _without_results(self, content: list[Any], index: int) -> list[Any]:
        """Take a user message's `tool_result` blocks out; those not claimed are orphans."""
        for result in read_result_blocks(content, index, self._defaults):
            if (index, result.block_index) not in self._moved:
                self._orphan(result, index)
        # An empty text keeps the other blocks' indices and is left out in the end.
        return ["" if is_tool_result(block) else block for block in content]

    def _orphan(self, result: ToolResult, index: int) -> None:
        call_id = result.turn.call_id
        if self._options.repair_history:
            self._admit(result.turn.media)
            self.turns.append(as_user_turn(result))
            return
        why = "is the second result of" if call_id in self._answered else "has no"
        raise HistoryError(
            f"this tool result {why} call {call_id!r} in the assistant message before it; remove "
            "it, restore the assistant message that made the call, or set repair_history=True.",
            index,
            result.block_index,
        )

    def _admit(self, parts: Sequence[Part]) -> None:
        if self._options.inputs is not None:
            check_modalities(parts, self._options.model, self._options.inputs)


def _name_of(message: BaseMessage) -> str | None:
    return join_surrogates(message.name) if message.name else None


_Handler: TypeAlias = Callable[[_Cleaner, BaseMessage, int], int]

_HANDLERS: dict[type[BaseMessage], _Handler] = {
    HumanMessage: _Cleaner.user,
    HumanMessageChunk: _Cleaner.user,
    SystemMessage: _Cleaner.system,
    SystemMessageChunk: _Cleaner.system,
    AIMessage: _Cleaner.assistant,
    AIMessageChunk: _Cleaner.assistant,
    ToolMessage: _Cleaner.tool,
    ToolMessageChunk: _Cleaner.tool,
    FunctionMessage: _Cleaner.tool,
    FunctionMessageChunk: _Cleaner.tool,
    ChatMessage: _Cleaner.chat,
    ChatMessageChunk: _Cleaner.chat,
    RemoveMessage: _Cleaner.remove,
}


def _handler_for(message: object, index: int) -> _Handler:
    """Return the handler of a subclass of core's message classes."""
    for known, handler in _HANDLERS.items():
        if isinstance(message, known):
            return handler
    raise MiMoInputError(
        f"a message must be a LangChain message, not {type(message).__name__}.", index
    )

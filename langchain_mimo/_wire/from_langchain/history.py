"""Any message history → turns that MiMo accepts.

Agents switch models, summarise, trim, checkpoint, and pass on messages of other providers. The
turns built here satisfy MiMo's rules: content is never null, every call is followed by exactly one
result, reasoning is present where MiMo requires it, and media stand where it accepts them. The
given messages are never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
from langchain_mimo._wire.from_langchain.asked import warn_about
from langchain_mimo._wire.from_langchain.assistant import ParsedAssistant, read_assistant
from langchain_mimo._wire.from_langchain.content_blocks import is_tool_result, read_content
from langchain_mimo._wire.from_langchain.left_out import (
    accepted_parts,
    left_out,
    with_repair_remedy,
)
from langchain_mimo._wire.from_langchain.media_summary import recount
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.from_langchain.pairing import find_results, is_assistant
from langchain_mimo._wire.from_langchain.tool_results import (
    ToolResult,
    as_user_turn,
    media_turn,
    plain_tool_turn,
    read_result_blocks,
    read_tool_message,
)
from langchain_mimo._wire.turns import (
    AssistantTurn,
    MediaPart,
    Part,
    SystemTurn,
    TextPart,
    ToolCall,
    ToolTurn,
    Turn,
    UserTurn,
)
from langchain_mimo.errors import HistoryError, MiMoInputError

REASONING_PAD = " "
"""Sent as the reasoning of a turn that has none. MiMo refuses a missing field; reports conflict on
whether it accepts "" (docs/api-facts.md), so it is one space, as several other clients send."""


@dataclass(slots=True)
class CleanHistory:
    """The turns built from a history.

    Attributes:
        turns: The conversation.
        disable_thinking: Whether the request must not think, because reasoning is missing and
            `missing_reasoning` is "disable_thinking".
        asked: Index of the last message if it is the user's: it is what is asked now, so nothing
            is left out of it. None otherwise. (Earlier user messages may be in the state because a
            call with them failed.)
    """

    turns: list[Turn]
    disable_thinking: bool = False
    asked: int | None = None


def clean_history(messages: Sequence[BaseMessage], options: HistoryOptions) -> CleanHistory:
    """Build turns from messages.

    Every assistant turn with calls is followed by exactly its results, in the order of its calls.
    Calls without an id get one generated from their position, and are paired with results by name
    and order. Calls whose arguments do not parse are sent back verbatim; LangChain runs no tool for
    them, so their result is `pairing.NOT_RUN` unless the history has one.

    Args:
        messages: The history, in any provider's shape; not changed.
        options: See `HistoryOptions`.

    Returns:
        The turns.

    Raises:
        HistoryError: There are no messages; or, without `repair_history`, a call has no result or a
            result has no call; or reasoning is missing and `missing_reasoning` is "error".
        UnsupportedModalityError: The model is known not to accept this kind of media.
        MediaError: Media are of the wrong kind, or their location cannot be sent.
        MiMoInputError: MiMo cannot accept a message or block.
    """
    if not messages:
        raise HistoryError("there are no messages; give at least one")
    return _Cleaner(messages, options).clean()


class _Cleaner:
    """One pass over one history."""

    __slots__ = (
        "_answered_ids",
        "_asked",
        "_defaults",
        "_disable_thinking",
        "_messages",
        "_moved",
        "_options",
        "_turns",
    )

    def __init__(self, messages: Sequence[BaseMessage], options: HistoryOptions) -> None:
        self._messages = messages
        self._options = options
        self._defaults = options.media_defaults
        self._answered_ids: frozenset[str] | set[str] = frozenset()
        # Later results that already follow their call, as (message, block or None).
        self._moved: set[tuple[int, int | None]] = set()
        self._turns: list[Turn] = []
        self._disable_thinking = False
        self._asked: int | None = None

    def clean(self) -> CleanHistory:
        messages = self._messages
        index = 0
        while index < len(messages):
            message = messages[index]
            handler = _HANDLERS.get(type(message)) or _handler_for(message, index)
            try:
                index = handler(self, message, index)
            except MiMoInputError as error:
                if not self._could_be_left_out(error):
                    raise
                raise with_repair_remedy(error) from error.__cause__
        if self._disable_thinking and self._options.replay_reasoning != "always":
            for turn in self._turns:
                if isinstance(turn, AssistantTurn):
                    turn.reasoning = None
        return CleanHistory(self._turns, self._disable_thinking, self._asked)

    def _could_be_left_out(self, error: MiMoInputError) -> bool:
        """Whether a note could take the place of what an error is about."""
        place = error.message_index
        return not (
            self._defaults.leave_out_unusable
            or isinstance(error, HistoryError)
            or place is None
            or error.block_index is None
            or place == self._asked
            or is_assistant(self._messages[place])
        )

    # --- One method per role; each returns the index of the next message ---

    def user(self, message: BaseMessage, index: int) -> int:
        content: Any = message.content
        has_results = isinstance(content, list) and any(map(is_tool_result, content))
        if has_results:
            content = self._extract_results(content, index)
        defaults = self._defaults
        if index == len(self._messages) - 1 and not has_results:
            self._asked = index
            if defaults.leave_out_unusable:
                defaults = replace(defaults, leave_out_unusable=False)
        parts = read_content(content, index, defaults)
        if not isinstance(parts, str):
            parts = accepted_parts(parts, self._options, defaults)
        elif has_results and not parts:
            return index + 1
        if self._asked is not None:
            warn_about(parts, index)
        self._turns.append(UserTurn(parts, _name_of(message)))
        return index + 1

    def system(self, message: BaseMessage, index: int) -> int:
        role: Literal["system", "developer"] = "system"
        if message.additional_kwargs.get("__openai_role__") == "developer":
            role = "developer"
        return self._system(message, index, role)

    def _system(
        self, message: BaseMessage, index: int, role: Literal["system", "developer"]
    ) -> int:
        parts = read_content(message.content, index, self._defaults)
        if not isinstance(parts, str):
            refused = (self._accepted_in_system(part, index, role) for part in parts)
            parts = "\n".join(part.text for part in refused)
        self._turns.append(SystemTurn(parts, role, _name_of(message)))
        return index + 1

    def _accepted_in_system(self, part: Part, index: int, role: str) -> TextPart:
        if isinstance(part, TextPart):
            return part
        error = MiMoInputError(
            f"MiMo accepts no {part.reference.kind} block in a {role} message; move it into a user "
            "message, or set repair_history=True to replace it with a note",
            index,
            part.reference.block_index,
        )
        if not self._defaults.leave_out_unusable:
            raise error
        return left_out(part, error)

    def assistant(self, message: BaseMessage, index: int) -> int:
        parsed = read_assistant(message, index, repair=self._options.repair_history)
        turn = parsed.turn
        turn.reasoning = self._reasoning_to_send(turn, index)
        self._turns.append(turn)
        if turn.calls:
            return self._append_results(parsed, index)
        self._answered_ids = frozenset()
        return index + 1

    def tool(self, message: BaseMessage, index: int) -> int:
        """Append a result that belongs to no earlier call."""
        if (index, None) not in self._moved:
            self._append_orphan(read_tool_message(message, index, self._defaults), index)
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
            f"MiMo has no role {role!r}; use user, assistant, system or developer (a tool result "
            "is a ToolMessage)",
            index,
        )

    def remove(self, _: BaseMessage, index: int) -> int:
        raise MiMoInputError(
            "a RemoveMessage deletes messages from a LangGraph state and cannot be sent; apply it "
            "with add_messages first",
            index,
        )

    # --- Reasoning ---

    def _reasoning_to_send(self, turn: AssistantTurn, index: int) -> str | None:
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
                self._disable_thinking = True
                return None
            case _:
                raise HistoryError(
                    "this turn has tool calls but no reasoning_content, which MiMo requires while "
                    'thinking; keep it in the message, or set missing_reasoning="pad" or '
                    '"disable_thinking"',
                    index,
                )

    # --- Calls and results ---

    def _append_results(self, parsed: ParsedAssistant, index: int) -> int:
        """Append the results of a turn's calls, in the order of the calls."""
        calls = parsed.turn.calls
        if len(calls) == 1 and self._append_next_result(calls[0], index):
            return index + 2
        found = find_results(
            self._messages,
            parsed,
            index,
            self._defaults,
            repair=self._options.repair_history,
        )
        self._moved |= found.moved
        results = [found.by_id[call.id] for call in calls]
        for call, result in zip(calls, results, strict=True):
            turn = result.turn
            turn.call_id = call.id
            if turn.media:
                result.name = result.name or call.name
                self._check_result(turn)
            self._turns.append(turn)
        if self._options.tool_media == "user" and (turn_with_media := media_turn(results)):
            self._turns.append(turn_with_media)
        self._answered_ids = {call.id for call in calls}
        return found.next_index

    def _append_next_result(self, call: ToolCall, index: int) -> bool:
        """Append the next message if it is the plain result of a turn's only call.

        A fast path: nearly all of a long agent history consists of such pairs.
        """
        if index + 1 == len(self._messages):
            return False
        message = self._messages[index + 1]
        if (
            type(message) is not ToolMessage
            or message.tool_call_id != call.id
            or not isinstance(message.content, str)
        ):
            return False
        if (content := message.content).startswith("["):
            turn = read_tool_message(message, index + 1, self._defaults).turn
            if turn.media:
                return False
        else:
            turn = plain_tool_turn(call.id, content, is_error=message.status == "error")
        self._turns.append(turn)
        self._answered_ids = {call.id}
        return True

    def _extract_results(self, content: list[Any], index: int) -> list[Any]:
        """Remove `tool_result` blocks from a user message; those without a call are orphans."""
        for result in read_result_blocks(content, index, self._defaults):
            if (index, result.block_index) not in self._moved:
                self._append_orphan(result, index)
        # An empty text keeps the other blocks' indices and is dropped later.
        return ["" if is_tool_result(block) else block for block in content]

    def _append_orphan(self, result: ToolResult, index: int) -> None:
        call_id = result.turn.call_id
        if self._options.repair_history:
            self._check_result(result.turn)
            self._turns.append(as_user_turn(result))
            return
        why = "is the second result of" if call_id in self._answered_ids else "has no"
        raise HistoryError(
            f"this tool result {why} call {call_id!r} in the assistant message before it; remove "
            "it, restore the assistant message that made the call, or set repair_history=True",
            index,
            result.block_index,
        )

    def _check_result(self, turn: ToolTurn) -> None:
        """Move what takes the place of media that the model does not accept into the text."""
        accepted = accepted_parts(turn.media, self._options, self._defaults)
        media = [part for part in accepted if isinstance(part, MediaPart)]
        notes = [part.text for part in accepted if isinstance(part, TextPart)]
        if notes:
            recount(turn, turn.media, media)
            turn.text = "\n".join([turn.text, *notes])
        turn.media = media


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
        f"a message must be a LangChain message, got {type(message).__name__}", index
    )

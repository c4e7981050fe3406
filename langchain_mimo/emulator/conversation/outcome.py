"""What the emulator answers, before it takes the shape of an API format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from langchain_mimo.emulator.conversation.request import ToolCall
from langchain_mimo.emulator.conversation.usage import tool_call_tokens
from langchain_mimo.tokens import text_tokens


@dataclass(slots=True)
class Outcome:
    """An answer before it takes the shape of an API format.

    Attributes:
        content: Text.
        reasoning: Thoughts; None when the request switched thinking off.
        calls: Tool calls.
        finish_reason: One of MiMo's (mimo-api.md §4).
        annotations: Citations of a web search, or None.
        error_message: Why a web search failed, or None.
        searches: Keyword searches and pages of a web search, or None.
    """

    content: str
    reasoning: str | None
    calls: list[ToolCall] = field(default_factory=list)
    finish_reason: str = "stop"
    annotations: list[dict[str, Any]] | None = None
    error_message: str | None = None
    searches: dict[str, int] | None = None

    @property
    def reasoning_tokens(self) -> int:
        """Tokens of the thoughts."""
        return text_tokens(self.reasoning or "")

    @property
    def completion_tokens(self) -> int:
        """Tokens of thoughts, text and calls; an empty answer still ends with one."""
        calls = sum(tool_call_tokens(call) for call in self.calls)
        return max(self.reasoning_tokens + text_tokens(self.content) + calls, 1)

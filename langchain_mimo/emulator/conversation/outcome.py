"""`Outcome`: the response to a conversation, before it is encoded for an API format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from langchain_mimo.emulator.conversation.request import ToolCall
from langchain_mimo.emulator.conversation.usage import tool_call_tokens
from langchain_mimo.tokens import text_tokens


@dataclass(slots=True)
class Outcome:
    """A response in neutral form.

    Attributes:
        content: Answer text.
        reasoning: Reasoning text; None if the request disabled thinking.
        calls: Tool calls.
        finish_reason: One of MiMo's finish reasons (docs/api-facts.md).
        annotations: Citations of a web search, or None.
        error_message: Why a web search failed, or None.
        searches: Number of keyword searches and of result pages of a web search, or None.
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
        """Tokens of the reasoning."""
        return text_tokens(self.reasoning or "")

    @property
    def completion_tokens(self) -> int:
        """Tokens of reasoning, text and tool calls; at least one, for the end of the response."""
        calls = sum(tool_call_tokens(call) for call in self.calls)
        return max(self.reasoning_tokens + text_tokens(self.content) + calls, 1)

"""Tool choices: what LangChain users write, and what the request states.

MiMo's cloud documents one `tool_choice`, "auto", and removes any other value from the request
(docs/api-facts.md), so no other value is sent to it: "none" becomes a request without tools, MiMo's
own web search has a switch of its own, and `attempts` takes care of a forced call. Self-hosted
servers (vLLM, SGLang) enforce the field and receive it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from langchain_mimo.errors import MiMoInputError

Tool: TypeAlias = Mapping[str, Any]
"""A tool definition as `bind_tools` converts it."""


@dataclass(frozen=True, slots=True)
class ForcedChoice:
    """A tool call that the response must contain.

    Attributes:
        asked: What the caller asked for: "any", or the name of one tool.
        names: The function tools whose call satisfies the choice.
        wire_names: Names on the wire by tools' own names, where the two differ.
    """

    asked: str
    names: frozenset[str]
    wire_names: Mapping[str, str] = field(default_factory=dict)

    def satisfied_by(self, called: Sequence[str]) -> bool:
        """Return whether one of the called tools was asked for."""
        return not self.names.isdisjoint(called)

    def on_wire(self, name: str) -> str:
        """Return a tool's name as the server knows it."""
        return self.wire_names.get(name, name)

    @property
    def native(self) -> str | dict[str, Any]:
        """The `tool_choice` for a server that enforces it, in the OpenAI format."""
        if self.asked == "any":
            return "required"
        return {"type": "function", "function": {"name": self.on_wire(self.asked)}}


@dataclass(frozen=True, slots=True)
class ToolPlan:
    """How a tool choice is carried out.

    Attributes:
        tools: The tools to send; empty for none.
        tool_choice: The `tool_choice` to send, or None to leave it out.
        forced: A choice that the server does not enforce, for `attempts` to enforce; or None.
    """

    tools: Sequence[Tool] = ()
    tool_choice: str | dict[str, Any] | None = None
    forced: ForcedChoice | None = None


def plan_tool_choice(
    tool_choice: Any,
    tools: Sequence[Tool],
    *,
    native: bool = False,
    wire_names: Mapping[str, str] | None = None,
) -> ToolPlan:
    """Decide which tools and which `tool_choice` a request states.

    Args:
        tool_choice: As for `parse_tool_choice`.
        tools: The tools of the call, as `bind_tools` converts them.
        native: Whether the server enforces `tool_choice` (vLLM and SGLang do).
        wire_names: Names on the wire by tools' own names, where the two differ.

    Returns:
        The plan. For MiMo, "none" removes the tools, since the field alone would be ignored, and
        "web_search" sets `force_search` on the search tool.

    Raises:
        MiMoInputError: As for `parse_tool_choice`.
    """
    choice = parse_tool_choice(tool_choice, tools)
    if choice == "none":
        return ToolPlan(tools, "none") if native else ToolPlan()
    if choice == "web_search":
        return ToolPlan(
            [
                {**tool, "force_search": True} if tool.get("type") == "web_search" else tool
                for tool in tools
            ]
        )
    if isinstance(choice, ForcedChoice):
        choice = replace(choice, wire_names=wire_names or {})
        return ToolPlan(tools, choice.native) if native else ToolPlan(tools, forced=choice)
    return ToolPlan(tools)


def parse_tool_choice(
    tool_choice: Any, tools: Sequence[Tool]
) -> Literal["auto", "none", "web_search"] | ForcedChoice:
    """Parse a tool choice in any of the shapes that LangChain users write.

    Args:
        tool_choice: None, False or "auto"; "none"; "any", "required" or True for a call to any
            tool; a tool's name; `{"type": "function", "function": {"name": ...}}`,
            `{"type": "function", "name": ...}`, `{"type": "tool", "name": ...}` or
            `{"type": "auto" | "none" | "any" | "required" | "web_search"}`.
        tools: The tools of the call, as `bind_tools` converts them.

    Returns:
        "auto", "none", "web_search" (MiMo's own search, which `force_search` forces), or the
        forced choice of a function tool.

    Raises:
        MiMoInputError: The shape is unknown, or the tool asked for is not bound.
    """
    wanted = _normalise(tool_choice)
    if wanted == "auto":
        return "auto"
    if wanted == "none":
        return "none"
    functions = [name for tool in tools if (name := _function_name(tool)) is not None]
    has_search = any(tool.get("type") == "web_search" for tool in tools)
    if wanted == "any" and functions:
        return ForcedChoice("any", frozenset(functions))
    if wanted in functions:
        return ForcedChoice(wanted, frozenset({wanted}))
    if wanted in ("any", "web_search") and has_search:
        return "web_search"
    asked = "a tool call" if wanted == "any" else f"a call to {wanted!r}"
    bound = ", ".join(functions + ["web_search"] * has_search)
    but = f"the bound tools are: {bound}" if bound else "no tools are bound; call bind_tools first"
    raise MiMoInputError(f"tool_choice requires {asked}, but {but}")


def _function_name(tool: Tool) -> str | None:
    """Return the name of a function tool, or None for MiMo's own tools."""
    if tool.get("type") == "function":
        return str(tool["function"]["name"])
    return str(tool["name"]) if "name" in tool else None


def _normalise(tool_choice: Any) -> str:
    """Return "auto", "none", "any", or a tool's name."""
    if tool_choice is None or tool_choice is False:
        return "auto"
    if tool_choice is True:
        return "any"
    word = tool_choice
    if isinstance(tool_choice, Mapping):
        function = tool_choice.get("function")
        word = tool_choice.get("type")
        if word in ("function", "tool", None):
            word = (function if isinstance(function, Mapping) else tool_choice).get("name")
        elif word not in ("auto", "none", "any", "required", "web_search"):
            word = None
    if not isinstance(word, str):
        raise MiMoInputError(
            f"tool_choice {tool_choice!r} is not supported; use 'auto', 'none', 'any', a tool's "
            "name, or {'type': 'function', 'function': {'name': ...}}"
        )
    return "any" if word == "required" else word

"""Tool choices: what LangChain users write, and what goes onto the wire.

MiMo's cloud documents one `tool_choice`, "auto", and takes any other value out of the request
(official OpenAI-format reference, October 2026), so no other is sent to it: "none" becomes a
request without tools, MiMo's own web search has a switch of its own, and a forced call is what
`forced_tools` sees to. Self-hosted servers (vLLM, SGLang) honour the field, and get it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from langchain_mimo.errors import MiMoInputError

Tree: TypeAlias = dict[str, Any]
"""A request as JSON, in either API format; media leaves are still references."""


@dataclass(frozen=True, slots=True)
class ForcedChoice:
    """A call that the reply must hold.

    Attributes:
        asked: What the caller asked for: "any", or the name of one tool.
        names: The function tools whose call honours the choice.
    """

    asked: str
    names: frozenset[str]

    def honoured_by(self, called: Sequence[str]) -> bool:
        """Whether one of the tools `called` is one that was asked for."""
        return not self.names.isdisjoint(called)

    @property
    def native(self) -> str | Tree:
        """The `tool_choice` for a server that honours it, in the OpenAI format."""
        if self.asked == "any":
            return "required"
        return {"type": "function", "function": {"name": self.asked}}


def parse_tool_choice(
    tool_choice: Any, tools: Sequence[Mapping[str, Any]]
) -> Literal["auto", "none", "web_search"] | ForcedChoice:
    """Read a tool choice in any of the shapes that LangChain users write.

    Args:
        tool_choice: None, False or "auto"; "none"; "any", "required" or True for a call of any
            tool; a tool's name; `{"type": "function", "function": {"name": ...}}`,
            `{"type": "function", "name": ...}`, `{"type": "tool", "name": ...}` or
            `{"type": "auto" | "none" | "any" | "required" | "web_search"}`.
        tools: The request's tools as they go onto the wire, in either API format.

    Returns:
        "auto", "none", "web_search" (MiMo's own search, which `force_search` forces), or the
        forced choice of a function tool.

    Raises:
        MiMoInputError: The choice is of no known shape, or asks for a tool that is not bound.
    """
    functions = [name for tool in tools if (name := _tool_name(tool)) is not None]
    has_search = any(tool.get("type") == "web_search" for tool in tools)
    wanted = _wanted(tool_choice)
    if wanted == "auto":
        return "auto"
    if wanted == "none":
        return "none"
    if wanted == "any" and functions:
        return ForcedChoice("any", frozenset(functions))
    if wanted in functions:
        return ForcedChoice(wanted, frozenset({wanted}))
    if wanted in ("any", "web_search") and has_search:
        return "web_search"
    asked = "a tool call" if wanted == "any" else f"a call of {wanted!r}"
    bound = ", ".join(functions + ["web_search"] * has_search) or "none"
    raise MiMoInputError(f"tool_choice asks for {asked}, but the tools bound are: {bound}")


def lower_tool_choice(
    tree: Tree, tool_choice: Any, *, native: bool = False
) -> tuple[Tree, ForcedChoice | None]:
    """Put a tool choice into a request, in the way its server understands.

    Args:
        tree: The request with its `tools`; left as it is.
        tool_choice: As for `parse_tool_choice`.
        native: Whether the server honours `tool_choice` (vLLM and SGLang do).

    Returns:
        The request, and the forced choice that is still to be seen to with `forced_invoke` or
        `forced_attempts`; None when nothing is left to do. For MiMo "none" takes the tools out of
        the request, since the field alone would be ignored, and "web_search" sets `force_search`.

    Raises:
        MiMoInputError: As for `parse_tool_choice`.
    """
    tree = {key: value for key, value in tree.items() if key != "tool_choice" or _is_auto(value)}
    choice = parse_tool_choice(tool_choice, tree.get("tools") or ())
    if choice == "web_search":
        tree["tools"] = [
            {**tool, "force_search": True} if tool.get("type") == "web_search" else tool
            for tool in tree["tools"]
        ]
    elif choice == "none":
        if native:
            tree["tool_choice"] = "none"
        else:
            tree.pop("tools", None)
            tree.pop("tool_choice", None)
    elif isinstance(choice, ForcedChoice):
        if not native:
            return tree, choice
        tree["tool_choice"] = choice.native
    return tree, None


def _is_auto(tool_choice: Any) -> bool:
    """Whether it is the Anthropic format's auto, which carries a switch for parallel calls."""
    return isinstance(tool_choice, Mapping) and tool_choice.get("type") == "auto"


def _tool_name(tool: Mapping[str, Any]) -> str | None:
    """The name of a function tool in either API format; None for MiMo's own tools."""
    if tool.get("type") == "function":
        return str(tool["function"]["name"])
    return str(tool["name"]) if "name" in tool else None


def _wanted(tool_choice: Any) -> str:
    """One word for a tool choice: "auto", "none", "any", or a tool's name."""
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
            f"tool_choice {tool_choice!r} is of no known shape; give 'auto', 'none', 'any', a "
            "tool's name, or {'type': 'function', 'function': {'name': ...}}"
        )
    return "any" if word == "required" else word

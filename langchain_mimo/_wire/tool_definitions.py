"""Converts tools of any kind to the `tools` of a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_mimo.errors import MiMoInputError

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool  # saves 5 ms at `import langchain_mimo`

ToolLike: TypeAlias = "Mapping[str, Any] | type | Callable[..., Any] | BaseTool"

WEB_SEARCH = "web_search"
"""Type of MiMo's own tool, which runs on its servers (docs/api-facts.md)."""

_CONVERTIBLE_TYPES = frozenset({"function", "object", "custom"})
"""The `type` of OpenAI's functions, of JSON schemas and of Anthropic's tools."""

NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}
"""The schema of a tool without parameters. Without a schema, MiMo writes its calls as XML into the
text (docs/api-facts.md)."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def wire_tools(tools: Sequence[ToolLike], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Convert tools to the form of `/v1/chat/completions`.

    Args:
        tools: Functions, pydantic classes, TypedDicts, LangChain tools, JSON schemas with a title,
            tools in OpenAI's, Anthropic's or Bedrock's form, and MiMo's `web_search`; not changed.
        strict: Whether arguments must follow the schema exactly; sent with every function when
            given, left to each tool when None. MiMo's own default is False.

    Returns:
        The converted tools, in order.

    Raises:
        MiMoInputError: A tool cannot be converted or is of a type that MiMo does not have; its name
            is not 1 to 64 characters of a-z, A-Z, 0-9, _ and - (MiMo's rule); or `strict`
            contradicts the tool's own.
    """
    if isinstance(tools, str | Mapping) or not isinstance(tools, Iterable):
        raise MiMoInputError(f"tools must be a list of tools, got {type(tools).__name__}")
    return [_wire_tool(tool, index, strict=strict) for index, tool in enumerate(tools)]


def refuse_shared_names(wire_tools: Sequence[Mapping[str, Any]]) -> None:
    """Refuse two tools with the same name, to which MiMo answers 400.

    Checked when a request is encoded and not in `wire_tools`, since LangChain's standard tests bind
    the same tool twice and expect no error until it is sent.

    Args:
        wire_tools: Converted tools.

    Raises:
        MiMoInputError: Two tools have the same name.
    """
    seen: set[str] = set()
    for index, tool in enumerate(wire_tools):
        name = tool_name(tool)
        if name in seen:
            raise MiMoInputError(
                f"tools[{index}]: another tool is named {name!r} too; give each tool its own name"
            )
        seen.add(name)


def tool_name(wire_tool: Mapping[str, Any]) -> str:
    """Return the name of a converted tool; that of MiMo's web search is "web_search".

    Args:
        wire_tool: One of the dicts that `wire_tools` returns.
    """
    function = wire_tool.get("function")
    return str(function["name"]) if isinstance(function, Mapping) else str(wire_tool["type"])


def parameters_schema(function: Mapping[str, Any]) -> Any:
    """Return a function's `parameters`, an object schema with `properties` even if it has none.

    Args:
        function: The `function` of a converted tool.

    Returns:
        The function's own schema if nothing is missing, else a new one.
    """
    parameters = function.get("parameters")
    if not parameters:
        return dict(NO_PARAMETERS)
    is_object = isinstance(parameters, Mapping) and parameters.get("type") == "object"
    if is_object and parameters.get("properties") is None:
        return {**parameters, "properties": {}}
    return parameters


def with_parameters(wire_tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a converted tool whose function has a schema of its parameters.

    Args:
        wire_tool: One of the dicts that `wire_tools` returns; not changed.
    """
    function = wire_tool.get("function")
    if not isinstance(function, Mapping):
        return wire_tool
    parameters = parameters_schema(function)
    if parameters is function.get("parameters"):
        return wire_tool
    return {**wire_tool, "function": {**function, "parameters": parameters}}


def _wire_tool(tool: ToolLike, index: int, *, strict: bool | None) -> dict[str, Any]:
    if isinstance(tool, Mapping):
        tool = dict(tool)
        kind = tool.get("type")
        if kind == WEB_SEARCH:
            return tool
        if kind == "function" and "function" not in tool:
            # The Responses API has no inner "function" dict.
            tool = {"type": kind, "function": {k: v for k, v in tool.items() if k != "type"}}
        elif isinstance(kind, str) and kind not in _CONVERTIBLE_TYPES:
            # Core would turn Anthropic's server tools into functions without arguments.
            raise _unsupported(index, kind)
    try:
        wire_tool = convert_to_openai_tool(tool, strict=strict)
    except (TypeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise MiMoInputError(f"tools[{index}]: cannot be converted to a tool: {reason}") from error
    function = wire_tool.get("function")
    if wire_tool.get("type") != "function" or not isinstance(function, Mapping):
        raise _unsupported(index, str(wire_tool.get("type")))
    name = function.get("name")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise MiMoInputError(
            f"tools[{index}]: the name {str(name)[:80]!r} must be 1 to 64 characters of a-z, A-Z, "
            "0-9, _ and -"
        )
    if strict is None or function.get("strict") is strict:
        return wire_tool
    if "strict" in function:
        raise MiMoInputError(
            f"tools[{index}]: {name!r} sets strict={function['strict']}, the call strict={strict}; "
            "set only one of them"
        )
    # Core returns a dict in OpenAI's form itself, not a copy, and it belongs to the caller.
    return {**wire_tool, "function": {**function, "strict": strict}}


def _unsupported(index: int, kind: str) -> MiMoInputError:
    return MiMoInputError(
        f"tools[{index}]: MiMo has no tools of type {kind[:40]!r}; use functions or {WEB_SEARCH!r}"
    )

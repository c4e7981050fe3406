"""Converts tools of any kind to the `tools` of a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, get_origin

from langchain_core.utils.function_calling import convert_to_openai_function
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from langchain_mimo._checks import shown
from langchain_mimo._wire.json_schemas import simplified, strict_schema
from langchain_mimo._wire.python_types import is_schema_type, schema_of_type
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

_COMBINING = frozenset({"$ref", "anyOf", "oneOf", "allOf"})
CONVERSION_ERRORS = (TypeError, ValueError, LookupError, AttributeError, NameError, RuntimeError)
"""What LangChain and pydantic raise for what they cannot convert."""


def wire_tools(tools: Sequence[ToolLike], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Convert tools to the form of `/v1/chat/completions`.

    Args:
        tools: Functions, pydantic classes, dataclasses, TypedDicts, LangChain tools, JSON schemas
            with a title, tools in OpenAI's, Anthropic's or Bedrock's form, and MiMo's
            `web_search`; not changed.
        strict: Whether arguments must follow the schema exactly; sent with every function when
            given, left to each tool when None. MiMo's own default is False.

    Returns:
        The converted tools, in order.

    Raises:
        MiMoInputError: A tool cannot be converted, is of a type that MiMo does not have, or has no
            name; or `strict` contradicts the tool's own.
    """
    # Pydantic's objects, such as a LangChain tool, can be iterated: over their fields.
    if isinstance(tools, str | Mapping | BaseModel) or not isinstance(tools, Iterable):
        raise MiMoInputError(
            f"tools must be a list of tools, got {type(tools).__name__}; put a single tool into a "
            "list"
        )
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
    if not isinstance(parameters, Mapping):
        return parameters
    missing: dict[str, Any] = {}
    if "type" not in parameters and not _COMBINING & parameters.keys():
        missing["type"] = "object"
    if {**parameters, **missing}.get("type") == "object" and parameters.get("properties") is None:
        missing["properties"] = {}
    return {**parameters, **missing} if missing else parameters


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


def function_of(tool: Any) -> Mapping[str, Any]:
    """Return the name, description and parameters of anything that can be called.

    Args:
        tool: As for `wire_tools`, without MiMo's own.

    Returns:
        The `function` of a tool in OpenAI's form, for a tool in that form the caller's own dict.
        Schemas of Python types are `simplified`, those in dicts stay as they are.

    Raises:
        Exception: One of several kinds, by the library that reads the tool.
    """
    if isinstance(tool, Mapping):
        return _function_of_dict(dict(tool))
    if is_schema_type(tool):
        return _named(schema_of_type(tool))
    if isinstance(tool, type) and is_basemodel_subclass(tool):
        schema: Any = tool
        return _named(_model_schema(schema))
    if isinstance(tool, type) or get_origin(tool) is not None:
        # Core would take the signature of the constructor for a schema.
        name = getattr(tool, "__name__", str(tool))
        raise TypeError(f"the type {name} is no pydantic class, dataclass or TypedDict")
    # Not imported above, which saves 5 ms at `import langchain_mimo`.
    from langchain_core.tools import BaseTool, create_schema_from_function  # noqa: PLC0415

    if isinstance(tool, BaseTool):
        return _function_of_tool(tool)
    if not callable(tool):
        raise TypeError(
            f"{shown(tool)} is no function, class, LangChain tool or dict with a JSON schema"
        )
    schema = create_schema_from_function(
        tool.__name__, tool, filter_args=(), parse_docstring=True, include_injected=False
    )
    return _named(_model_schema(schema), tool.__name__, schema.__doc__ or "")


def _function_of_dict(tool: dict[str, Any]) -> Mapping[str, Any]:
    if tool.get("type") == "json_schema":
        # OpenAI's response format; the Responses API has a name and no inner dict.
        inner = tool.get("json_schema", tool if "name" in tool else None)
        if not isinstance(inner, Mapping) or "schema" not in inner:
            raise ValueError('type "json_schema" needs {"json_schema": {"name": …, "schema": {…}}}')
        tool = {"name": "answer", **{k: v for k, v in inner.items() if k != "type"}}
    if tool.get("type") == "function":
        # The Responses API has no inner "function" dict.
        flat = {key: value for key, value in tool.items() if key != "type"}
        return tool.get("function") or flat
    if "title" in tool and not tool.keys() & {"properties", "name", "toolSpec"}:
        # Core drops everything in a schema that is only $ref or anyOf.
        return _named(tool)
    if "name" in tool and not tool.keys() & {"parameters", "input_schema"}:
        if "schema" in tool:
            tool["parameters"] = tool["schema"]
        elif lost := tool.keys() & {"properties", "json_schema", *_COMBINING}:
            # Core drops them, and a tool without parameters would be left.
            raise ValueError(
                f'a dict with "name" has its JSON schema in "parameters", got {min(lost)!r} beside '
                'the name; in a JSON schema the name is its "title"'
            )
    return convert_to_openai_function(tool)


def _function_of_tool(tool: BaseTool) -> dict[str, Any]:
    from langchain_core.tools import Tool  # noqa: PLC0415 - see function_of

    if isinstance(tool, Tool) and not tool.args_schema:
        return convert_to_openai_function(tool)  # its only argument is a string
    schema = tool.tool_call_schema
    if not isinstance(schema, Mapping):
        schema = _model_schema(schema)
    return _named(schema, tool.name, tool.description)


def _model_schema(model: Any) -> dict[str, Any]:
    """Return the JSON schema of a pydantic class, v2 or v1."""
    is_new = hasattr(model, "model_json_schema")
    schema: dict[str, Any] = model.model_json_schema() if is_new else model.schema()
    return schema


def _named(
    schema: Mapping[str, Any], name: str | None = None, description: str | None = None
) -> dict[str, Any]:
    """Return a function by its schema, whose title and description it takes where none is given."""
    parameters = simplified(schema)
    title, own_description = parameters.pop("title", ""), parameters.pop("description", "")
    return {
        "name": title if name is None else name,
        "description": description or own_description,
        "parameters": parameters,
    }


def _wire_tool(tool: ToolLike, index: int, *, strict: bool | None) -> dict[str, Any]:
    kind = tool.get("type") if isinstance(tool, Mapping) else None
    if isinstance(tool, Mapping) and kind == WEB_SEARCH:
        return dict(tool)
    if isinstance(kind, str) and kind not in _CONVERTIBLE_TYPES:
        # Core would turn Anthropic's server tools into functions without arguments.
        raise _unsupported(index, kind)
    inner = tool.get("function") if isinstance(tool, Mapping) else None
    if inner is not None and not isinstance(inner, Mapping):
        raise _unsupported(index, str(kind))
    try:
        function = function_of(tool)
        if strict is not None and function.get("strict") is not strict:
            function = _with_strict(function, strict=strict)
    except CONVERSION_ERRORS as error:
        reason = " ".join(str(error).split())[:300]
        raise MiMoInputError(f"tools[{index}]: cannot be converted to a tool: {reason}") from error
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise MiMoInputError(
            f"tools[{index}]: a tool needs a name, got {shown(name)}; write it into the tool's "
            "'name'"
        )
    return {"type": "function", "function": function}


def _with_strict(function: Mapping[str, Any], *, strict: bool) -> dict[str, Any]:
    if "strict" in function:
        raise ValueError(
            f"{function.get('name')!r} sets strict={function['strict']}, the call strict={strict}; "
            "set only one of them"
        )
    changed = {**function, "strict": strict}
    if strict and isinstance(parameters := function.get("parameters"), Mapping):
        changed["parameters"] = strict_schema(parameters)
    return changed


def _unsupported(index: int, kind: str) -> MiMoInputError:
    return MiMoInputError(
        f"tools[{index}]: MiMo has no tools of type {kind[:40]!r}; use functions or {WEB_SEARCH!r}"
    )

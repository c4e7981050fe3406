"""Structured output: an answer that is an object of a schema, by three methods and one parser.

MiMo's cloud offers `response_format` of type `json_object` (docs/api-facts.md). It guarantees JSON
syntax and nothing more, and only when a system or user message asks for JSON. The methods of
`with_structured_output` become:

- `json_schema`, the default: `json_object`, and the schema stated in the prompt. vLLM and SGLang
  enforce schemas and receive `json_schema` itself.
- `json_mode`: the same. Without a schema only JSON is asked for, and only where no message of the
  caller asks for it.
- `function_calling`: the schema as a tool whose call is required (`_chat.tool_choice`); vLLM and
  SGLang force the call.

The schema is stated when the request is built (`request.plan_response_format`), in one system
message at the end: the caller's messages stay unchanged, and everything before it stays a prefix
that MiMo's cache can serve.

The parser reads JSON strictly. It removes a code fence around the whole answer. JSON within prose,
JSON that was cut off and malformed JSON are errors, since an object guessed from them may be wrong
without anyone noticing. The errors say what the response was instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableLambda, RunnableMap, RunnablePassthrough

from langchain_mimo._chat.structured_output.schema import AnswerSchema, Method
from langchain_mimo.errors import MiMoConfigurationError

if TYPE_CHECKING:
    from langchain_mimo._chat.structured_output.parser import StructuredOutputParser


def build_structured_output(
    llm: BaseChatModel,
    schema: Any,
    *,
    method: Method = "json_schema",
    include_raw: bool = False,
    strict: bool | None = None,
    tools: Sequence[Any] | None = None,
    **kwargs: Any,
) -> Runnable[Any, Any]:
    """Create a runnable whose output is an object of the schema.

    Args:
        llm: The model.
        schema: A pydantic class (v2, or `pydantic.v1`), a dataclass, a TypedDict, a JSON schema, or
            one in the form of a tool or of OpenAI's `response_format`. Classes and dataclasses
            produce instances, all others dicts. May be None for `json_mode`.
        method: "json_schema", "json_mode" or "function_calling", see the module docstring.
        include_raw: Whether to return `{"raw", "parsed", "parsing_error"}` and not to raise when
            the answer cannot be parsed.
        strict: Passed on with the schema to servers that enforce schemas. With True every property
            becomes required and no others are allowed. None leaves it to the schema's dict, which
            is then sent as it is.
        tools: Tools that the model may call instead of giving the object, as for `bind_tools`; with
            `include_raw` only. `parsed` and `parsing_error` are then None, and `raw` has the calls.
        **kwargs: Bound to the model's calls.

    Returns:
        The runnable. A stream yields dicts as they grow, and instances when complete.

    Raises:
        MiMoConfigurationError: The method is unknown, the schema is missing, invalid or would admit
            any answer, `strict` contradicts the schema's own, or there are tools without
            `include_raw`.
    """
    # Half of this package's import time, and many programs never need it.
    from langchain_mimo._chat.structured_output.parser import StructuredOutputParser  # noqa: PLC0415

    if method not in ("function_calling", "json_mode", "json_schema"):
        raise MiMoConfigurationError(
            f"method must be 'json_schema', 'json_mode' or 'function_calling', got {method!r}"
        )
    if schema is None and method != "json_mode":
        raise MiMoConfigurationError(
            f"method {method!r} needs a schema; only 'json_mode' works without one"
        )
    if tools and not include_raw:
        raise MiMoConfigurationError("tools need include_raw=True, since 'raw' has their calls")
    target = AnswerSchema(schema)
    if strict is not None and target.strict not in (None, strict):
        raise MiMoConfigurationError(
            f"the schema sets strict={target.strict}, the call strict={strict}; set only one"
        )
    if method != "json_schema" and not target.is_object:
        raise MiMoConfigurationError(
            f"method {method!r} gives JSON objects, and the schema is of type "
            f"{target.json_schema['type']!r}; wrap it in an object, or use method='json_schema'"
        )
    tracing = {
        "ls_structured_output_format": {
            "kwargs": {"method": method, "strict": strict},
            "schema": target.tool,
        }
    }
    kwargs |= tracing
    strictness: dict[str, Any] = {} if strict is None else {"strict": strict}
    bound: Runnable[Any, AIMessage]
    if method == "function_calling":
        choice = "any" if tools else target.name
        tool = target.tool
        if strict is not None:
            tool = {key: value for key, value in tool.items() if key != "strict"}
        bound = llm.bind_tools([tool, *(tools or ())], tool_choice=choice, **strictness, **kwargs)
    else:
        kwargs["response_format"] = target.bound_format(method, strict)
        bound = llm.bind_tools(tools, **strictness, **kwargs) if tools else llm.bind(**kwargs)
    parser = StructuredOutputParser(
        target=target, from_call=method == "function_calling", may_call=bool(tools)
    )
    return _with_raw(bound, parser) if include_raw else bound | parser


def _with_raw(
    bound: Runnable[Any, AIMessage], parser: StructuredOutputParser
) -> Runnable[Any, Any]:
    """Add parsed and parsing_error; the message is parsed once for each, so that streams work."""

    def parsed(message: AIMessage) -> Any:
        return parser.outcome(message)[0]

    def parsing_error(message: AIMessage) -> Exception | None:
        return parser.outcome(message)[1]

    raw = itemgetter("raw")
    return RunnableMap(raw=bound) | RunnablePassthrough.assign(
        parsed=RunnableLambda(raw) | RunnableLambda(parsed),
        parsing_error=RunnableLambda(raw) | RunnableLambda(parsing_error),
    )

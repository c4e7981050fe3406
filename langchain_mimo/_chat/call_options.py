"""The options of one call: the model's fields, overridden by the call's keywords."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from langchain_mimo import catalogue
from langchain_mimo._chat.parameters import check_parameter, limits_of
from langchain_mimo._chat.settings import PARAMETERS, EmptyContent, check_model
from langchain_mimo._chat.thinking import combine_thinking, read_thinking
from langchain_mimo._checks import choice, integer, nearest, warn_once
from langchain_mimo._wire.choices import MissingReasoning, ReplayReasoning, ToolMedia
from langchain_mimo._wire.from_langchain.options import HistoryOptions, MediaDefaults
from langchain_mimo.errors import MiMoInputError, as_input_error

if TYPE_CHECKING:
    from langchain_mimo._chat.fields import ChatMiMoFields

_ALIASES = {"max_tokens": "max_completion_tokens", "stop_sequences": "stop"}

_CHOICES = {
    "replay_reasoning": get_args(ReplayReasoning),
    "missing_reasoning": get_args(MissingReasoning),
    "tool_media": get_args(ToolMedia),
    "empty_content": get_args(EmptyContent),
}
"""Fields with a few values that say what ChatMiMo does, not what the server does."""

_SWITCHES = (
    *("repair_history", "parse_tool_xml", "native_schemas", "second_chance", "stream_usage"),
    "include_response_headers",
)

_OTHERS = frozenset(
    {
        *("model", "thinking", "reasoning_effort", "fps", "media_resolution", "repair_history"),
        *("tools", "tool_choice", "parallel_tool_calls", "forced_tool_attempts", "parse_tool_xml"),
        *("response_format", "extra_body", "stream_usage", "native_schemas", "second_chance"),
        *("max_tool_calls", "stop_repetition", "include_response_headers"),
    }
)

_FROM_FIELD = (
    *_CHOICES,
    *("repair_history", "fps", "media_resolution", "stream_usage", "forced_tool_attempts"),
    "parse_tool_xml",
    *("native_schemas", "second_chance", "max_tool_calls", "stop_repetition"),
    "include_response_headers",
)
"""Fields that a keyword of the same name replaces for one call."""

_ON_THE_MODEL = frozenset(
    {
        *("api_key", "base_url", "region", "server", "api_format", "dialect", "timeout"),
        *("max_retries", "default_headers", "http_client", "http_async_client", "streaming"),
        *("allowed_media_dirs", "media_limits", "output_version", "profile"),
        *("retry_policy", "verify", "allow_key_in_pickle"),
    }
)
"""Fields that a call cannot override."""

_CORE = frozenset({"stream", "ls_structured_output_format", "structured_output_format", "strict"})
"""Keywords that LangChain itself passes along; they mean nothing to the server."""

_KNOWN = frozenset({*PARAMETERS, *_CHOICES, *_OTHERS, *_CORE})

_LIMITS = {"max_tool_calls": 1, "stop_repetition": 2}
"""Smallest values of limits that are off when None."""

_TYPO = 0.85
"""How similar a keyword is to one of ours that can only have been misspelt."""

_SUGGESTIONS = (*PARAMETERS, *_ALIASES, *sorted(_OTHERS))
"""Keywords that a misspelt one may have meant."""


@dataclass(slots=True)
class CallOptions:
    """The options of one call.

    Attributes:
        model: The model id to send.
        parameters: Documented scalars by their name on the wire; None where unset.
        history: How the messages are read.
        thinking: True, False, or None for the model's default.
        tools: Tools as `bind_tools` converts them; empty for none.
        tool_choice: As the caller passed it.
        parallel_tool_calls: As the caller passed it; MiMo documents no such switch.
        response_format: As the caller passed it.
        stream_usage: Whether to ask for usage in streams.
        extra_body: Keys merged into the body last.
        empty_content: What replaces an empty response.
        forced_tool_attempts: Maximum number of requests for a tool choice that the server does not
            enforce.
        parse_tool_xml: Whether calls that MiMo wrote as XML into the text are read.
        native_schemas: Whether to ask for a JSON schema natively where a model accepts one.
        second_chance: Whether to send a request once more after a transient rejection.
        max_tool_calls: Maximum number of tool calls in a response, or None.
        stop_repetition: Number of identical groups of lines that end a response, or None.
        include_response_headers: Whether the message has the headers of the response.
    """

    model: str
    parameters: dict[str, Any]
    history: HistoryOptions
    thinking: bool | None
    tools: Sequence[Mapping[str, Any]]
    tool_choice: Any
    parallel_tool_calls: bool | None
    response_format: dict[str, Any] | None
    stream_usage: bool
    extra_body: dict[str, Any]
    empty_content: EmptyContent
    forced_tool_attempts: int
    parse_tool_xml: bool
    native_schemas: bool
    second_chance: bool
    max_tool_calls: int | None
    stop_repetition: int | None
    include_response_headers: bool


def call_options(
    fields: ChatMiMoFields, stop: list[str] | None, keywords: Mapping[str, Any]
) -> CallOptions:
    """Merge a call's keywords over the model's fields.

    Args:
        fields: The model.
        stop: The call's `stop`, which LangChain passes separately.
        keywords: All other keywords of the call.

    Raises:
        MiMoInputError: A value is of the wrong type or out of range.
    """
    written = {_ALIASES.get(name, name): name for name in keywords}
    given = {name: keywords[spelling] for name, spelling in written.items()}
    _check_names(given)
    _check_types(given)
    values = {n: given[n] if n in given else getattr(fields, n) for n in _FROM_FIELD}
    with as_input_error():
        model = _model(fields, given["model"]) if given.get("model") else fields.model
        parameters = _parameters(fields, given, stop, written, model)
        thinking = _thinking(fields, given)
        for name, accepted in _CHOICES.items():
            choice(name, values[name], accepted)
        integer("forced_tool_attempts", values["forced_tool_attempts"], 1)
        for name, minimum in _LIMITS.items():
            if values[name] is not None:
                integer(name, values[name], minimum)
    for name in _SWITCHES:
        if values[name] not in (True, False):
            raise MiMoInputError(f"{name} must be True or False, got {values[name]!r}")
    return CallOptions(
        model=model,
        parameters=parameters,
        history=_history_options(
            model,
            thinking,
            replay_reasoning=values["replay_reasoning"],
            missing_reasoning=values["missing_reasoning"],
            repair_history=values["repair_history"],
            tool_media=values["tool_media"],
            media_defaults=MediaDefaults(
                values["fps"], values["media_resolution"], bool(values["repair_history"])
            ),
        ),
        thinking=thinking,
        tools=given.get("tools") or (),
        tool_choice=given.get("tool_choice"),
        parallel_tool_calls=given.get("parallel_tool_calls"),
        response_format=given.get("response_format"),
        stream_usage=values["stream_usage"],
        extra_body={**(fields.extra_body or {}), **(given.get("extra_body") or {})},
        empty_content=values["empty_content"],
        forced_tool_attempts=values["forced_tool_attempts"],
        parse_tool_xml=values["parse_tool_xml"],
        native_schemas=values["native_schemas"],
        second_chance=values["second_chance"],
        max_tool_calls=values["max_tool_calls"],
        stop_repetition=values["stop_repetition"],
        include_response_headers=values["include_response_headers"],
    )


def _thinking(fields: ChatMiMoFields, given: Mapping[str, Any]) -> bool | None:
    """Return whether to think; what the call sets, in either form, replaces the model's fields.

    Raises:
        ValueError: A value is invalid, or the two forms contradict each other.
    """
    effort = given.get("reasoning_effort")
    if "thinking" in given:
        return combine_thinking(read_thinking(given["thinking"]), effort)
    if effort is None:
        # A None in the call resets the field.
        field_effort = None if "reasoning_effort" in given else fields.reasoning_effort
        thinking = read_thinking(fields.thinking)
        return thinking if field_effort is None else combine_thinking(thinking, field_effort)
    if combine_thinking(None, effort) is False:
        return False
    is_off = fields.thinking is False or fields.reasoning_effort == "none"
    return True if is_off else read_thinking(fields.thinking)


def _model(fields: ChatMiMoFields, given: str) -> str:
    """Return the model id of a call.

    Raises:
        ValueError: It is a speech model, and the host is MiMo's.
    """
    model = catalogue.strip_id(given)
    check_model(model, fields._endpoints, fields.server)  # noqa: SLF001 - the same class
    return model


def _history_options(model: str, thinking: bool | None, **settings: Any) -> HistoryOptions:
    """Combine settings with what the catalogue knows about the model."""
    known = catalogue.find(model)
    if known is not None and not known.media_in_tool_messages:
        settings["tool_media"] = "user"
    thinks_by_default = known.thinks_by_default if known else True
    return HistoryOptions(
        model,
        inputs=known.inputs if known else None,
        thinking_on=thinks_by_default if thinking is None else thinking,
        **settings,
    )


def _parameters(
    fields: ChatMiMoFields,
    given: Mapping[str, Any],
    stop: list[str] | None,
    written: Mapping[str, str],
    model: str,
) -> dict[str, Any]:
    """Return the parameters to send, None where unset.

    The model's own are checked again: a copy (`model_copy`) and an assignment check nothing.

    Raises:
        ValueError: One is of the wrong type, or MiMo documents another range.
    """
    parameters = {name: given.get(name, getattr(fields, name)) for name in PARAMETERS}
    if stop is not None:
        parameters["stop"] = stop
    # LangChain passes an empty list for "none"; the API requires at least one sequence.
    parameters["stop"] = parameters["stop"] or None
    limits = None
    for name, value in parameters.items():
        if value is not None:
            limits = limits or limits_of(fields.server, fields.base_url, model, fields.api_format)
            parameters[name] = check_parameter(name, value, limits, written.get(name, name))
    return parameters


def _check_types(given: Mapping[str, Any]) -> None:
    """Refuse values of a call that are of the wrong type."""
    model, extra_body, tools = given.get("model"), given.get("extra_body"), given.get("tools")
    if model is not None and not isinstance(model, str):
        raise MiMoInputError(f"model must be a model id, got {type(model).__name__}")
    if extra_body is not None and not isinstance(extra_body, Mapping):
        raise MiMoInputError(f"extra_body must be a dict, got {type(extra_body).__name__}")
    if tools is None:
        return
    if not isinstance(tools, list | tuple):
        raise MiMoInputError(f"tools must be a list, got {type(tools).__name__}; use bind_tools")
    for index, tool in enumerate(tools):
        if not isinstance(tool, Mapping) or not isinstance(tool.get("type"), str):
            raise MiMoInputError(
                f"tools[{index}] must be a tool definition with a type, got "
                f"{type(tool).__name__}; bind_tools converts functions and classes"
            )


def _check_names(given: Mapping[str, Any]) -> None:
    """Refuse misspelt keywords, and warn once of each that is not ours and not sent.

    Middleware and libraries pass keywords of other providers to every model, so these are no error.

    Raises:
        MiMoInputError: A keyword can only be a misspelt one of ours.
    """
    for name in given:
        if name in _KNOWN:
            continue
        if name in _ON_THE_MODEL:
            remedy = "it is a field of the model; set it there"
        else:
            remedy = _remedy(name)
        warn_once(f"ChatMiMo does not send {name!r}: {remedy}.", name)


def _remedy(name: str) -> str:
    """Return what to do about a keyword that is not sent."""
    from langchain_mimo._chat.foreign_arguments import remedy_for  # noqa: PLC0415 - rarely needed

    if remedy := remedy_for(name, _KNOWN | _ON_THE_MODEL, _ON_THE_MODEL):
        return remedy
    if near := nearest(name, _SUGGESTIONS, _TYPO):
        raise MiMoInputError(f"ChatMiMo has no call argument {name!r}; did you mean {near!r}?")
    near = nearest(name, _SUGGESTIONS)
    asked = f"did you mean {near!r}? " if near else ""
    return f"{asked}extra_body={{{name!r}: ...}} sends it as it is"

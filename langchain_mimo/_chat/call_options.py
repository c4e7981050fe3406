"""What one call asks for: the model's fields, overridden by the call's keywords."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from langchain_mimo._checks import choice, nearest, number, warn_once
from langchain_mimo.catalogue import FPS_RANGE, MEDIA_RESOLUTIONS, strip_id
from langchain_mimo.errors import MiMoInputError, as_input_error

PARAMETERS = (
    "max_completion_tokens",
    "temperature",
    "top_p",
    "stop",
    "frequency_penalty",
    "presence_penalty",
)
"""Documented scalar parameters, each also a field of ChatMiMo (openai-api.md, 2026-10)."""

_ALIASES = {"max_tokens": "max_completion_tokens", "stop_sequences": "stop"}

_OTHERS = frozenset(
    {
        "model",
        "thinking",
        "fps",
        "media_resolution",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "extra_body",
        "stream_usage",
        "forced_tool_attempts",
    }
)

_BEHAVIOUR: dict[str, tuple[object, ...]] = {
    "replay_reasoning": ("tool_calls", "always", "never"),
    "missing_reasoning": ("pad", "disable_thinking", "error"),
    "repair_history": (True, False),
    "tool_media": ("user", "inline"),
    "empty_content": ("keep", "reasoning"),
}
"""Fields that say what ChatMiMo does and not what the server should, with their values."""

_ON_THE_MODEL = frozenset(
    {
        *("api_key", "base_url", "region", "server", "api_format", "dialect", "timeout"),
        *("max_retries", "default_headers", "http_client", "http_async_client", "streaming"),
        *("allowed_media_dirs", "media_limits", "output_version", "profile"),
    }
)
"""Fields that a call cannot override."""

_CORE = frozenset({"stream", "ls_structured_output_format", "structured_output_format", "strict"})
"""Keywords that LangChain itself passes along; they say nothing to the server."""

_INSTEAD = {
    "reasoning_effort": "MiMo has no effort levels; use thinking=True or thinking=False",
    "enable_thinking": "use thinking=True or thinking=False",
    "n": "MiMo refuses it; use batch() for several answers",
}

_KNOWN = (*PARAMETERS, *_ALIASES, *sorted(_OTHERS))
"""Keywords that a misspelt one may have meant."""


class Defaults(Protocol):
    """The fields of ChatMiMo, beside `PARAMETERS`, that a call may override."""

    model: str
    thinking: bool | None
    fps: float | None
    media_resolution: Literal["default", "max"] | None
    stream_usage: bool
    extra_body: dict[str, Any] | None
    replay_reasoning: Literal["always", "tool_calls", "never"]
    missing_reasoning: Literal["pad", "disable_thinking", "error"]
    repair_history: bool
    tool_media: Literal["user", "inline"]
    empty_content: Literal["keep", "reasoning"]
    forced_tool_attempts: int


@dataclass(slots=True)
class CallOptions:
    """One call's settings.

    Attributes:
        model: The id to send.
        parameters: Documented scalars by wire name; None where unset.
        thinking: True, False, or None for the model's default.
        fps: Frames per second for videos that state none.
        media_resolution: "default" or "max" for videos that state none.
        tools: Tools in the wire's form.
        tool_choice: As the user gave it.
        parallel_tool_calls: As the user gave it; undocumented at MiMo, sent only when given.
        response_format: As the user gave it.
        stream_usage: Whether to ask for usage in streams.
        extra_body: Merged into the body last.
        replay_reasoning: Which turns go back with their thoughts.
        missing_reasoning: What stands for thoughts that are missing.
        repair_history: Whether a history that does not fit together is mended.
        tool_media: Where media go that tools returned.
        empty_content: What stands for an empty answer.
        forced_tool_attempts: Most requests for a tool choice that the server does not enforce.
    """

    model: str
    parameters: dict[str, Any] = field(default_factory=dict)
    thinking: bool | None = None
    fps: float | None = None
    media_resolution: str | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    stream_usage: bool = True
    extra_body: dict[str, Any] | None = None
    replay_reasoning: Literal["always", "tool_calls", "never"] = "tool_calls"
    missing_reasoning: Literal["pad", "disable_thinking", "error"] = "pad"
    repair_history: bool = False
    tool_media: Literal["user", "inline"] = "user"
    empty_content: Literal["keep", "reasoning"] = "keep"
    forced_tool_attempts: int = 2


def read_thinking(value: object) -> bool | None:
    """Return whether to think: True, False, None, or MiMo's own {"type": "enabled"}.

    Raises:
        MiMoInputError: It is anything else.
    """
    if value is None or isinstance(value, bool):
        return value
    kinds = {"enabled": True, "disabled": False}
    if isinstance(value, Mapping) and set(value) == {"type"} and value["type"] in kinds:
        return kinds[value["type"]]
    msg = f"thinking must be True, False or None (the model's default), not {value!r}"
    raise MiMoInputError(msg)


def call_options(
    defaults: Defaults, stop: list[str] | None, keywords: Mapping[str, Any]
) -> CallOptions:
    """Merge a call's keywords over the model's fields.

    Args:
        defaults: The model.
        stop: The `stop` of the call, which LangChain passes apart.
        keywords: All other keywords of the call.

    Returns:
        What the call asks for.

    Raises:
        MiMoInputError: A value that cannot be meant.
    """
    given = {_ALIASES.get(name, name): value for name, value in keywords.items()}
    _warn_of_strangers(given)
    _check_shapes(given)
    parameters = {name: given.get(name, getattr(defaults, name)) for name in PARAMETERS}
    for name, value in parameters.items():
        # JSON has no such numbers; they would go out as null.
        if isinstance(value, float) and not math.isfinite(value):
            raise MiMoInputError(f"{name} must be a finite number, not {value!r}")
    if stop is not None:
        parameters["stop"] = stop
    # An empty list is LangChain's way to say "none"; the API wants at least one.
    if not parameters["stop"]:
        parameters["stop"] = None
    fps = given.get("fps", defaults.fps)
    resolution = given.get("media_resolution", defaults.media_resolution)
    with as_input_error():
        if fps is not None:
            fps = number("fps", fps, *FPS_RANGE)
        if resolution is not None:
            choice("media_resolution", resolution, MEDIA_RESOLUTIONS)
    extra_body = {**(defaults.extra_body or {}), **(given.get("extra_body") or {})}
    return CallOptions(
        model=strip_id(given["model"]) if given.get("model") else defaults.model,
        parameters=parameters,
        thinking=read_thinking(given.get("thinking", defaults.thinking)),
        fps=fps,
        media_resolution=resolution,
        tools=given.get("tools") or None,
        tool_choice=given.get("tool_choice"),
        parallel_tool_calls=given.get("parallel_tool_calls"),
        response_format=given.get("response_format"),
        stream_usage=given.get("stream_usage", defaults.stream_usage),
        extra_body=extra_body or None,
        forced_tool_attempts=given.get("forced_tool_attempts", defaults.forced_tool_attempts),
        **_behaviour(defaults, given),
    )


def _check_shapes(given: Mapping[str, Any]) -> None:
    """Refuse values of a call that are of the wrong shape altogether."""
    model, extra_body, tools = given.get("model"), given.get("extra_body"), given.get("tools")
    if model is not None and not isinstance(model, str):
        raise MiMoInputError(f"model must be a model id, not {type(model).__name__}")
    if extra_body is not None and not isinstance(extra_body, Mapping):
        raise MiMoInputError(f"extra_body must be a dict, not {type(extra_body).__name__}")
    if tools is None:
        return
    if not isinstance(tools, list | tuple):
        raise MiMoInputError(f"tools must be a list, not {type(tools).__name__}; use bind_tools")
    for index, tool in enumerate(tools):
        if not isinstance(tool, Mapping) or not isinstance(tool.get("type"), str):
            raise MiMoInputError(
                f"tools[{index}] is no tool in the form that goes to MiMo, but "
                f"{type(tool).__name__}; use bind_tools, which takes functions and classes too"
            )


def _behaviour(defaults: Defaults, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `_BEHAVIOUR`; those of a call are checked, pydantic did the model's."""
    made = {}
    for name, choices in _BEHAVIOUR.items():
        made[name] = given.get(name, getattr(defaults, name))
        if made[name] not in choices:
            listed = " or ".join(map(repr, choices))
            raise MiMoInputError(f"{name} must be {listed}, not {str(made[name])[:40]!r}")
    return made


def _warn_of_strangers(given: Mapping[str, Any]) -> None:
    """Say once of each unknown keyword that it is not sent: middleware passes foreign ones."""
    for name in given:
        if name in PARAMETERS or name in _OTHERS or name in _CORE or name in _BEHAVIOUR:
            continue
        near = nearest(name, _KNOWN)
        if name in _INSTEAD:
            remedy = _INSTEAD[name]
        elif name in _ON_THE_MODEL:
            remedy = "it is a field of the model; set it there"
        elif near:
            remedy = f"did you mean {near!r}? extra_body={{{name!r}: ...}} sends it as it is"
        else:
            remedy = f"extra_body={{{name!r}: ...}} sends it"
        warn_once(f"ChatMiMo does not send {name!r}: {remedy}.", name)

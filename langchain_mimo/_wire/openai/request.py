"""Encodes a request for `/v1/chat/completions`. Facts: docs/api-facts.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_mimo._checks import warn_once
from langchain_mimo._media.references import DeferredMedia, MediaReference, RemoteURL
from langchain_mimo._wire.dialects import Dialect, media_io_kwargs
from langchain_mimo._wire.request import RequestOptions
from langchain_mimo._wire.tool_definitions import (
    WEB_SEARCH,
    refuse_shared_names,
    with_parameters,
)
from langchain_mimo._wire.turns import (
    AssistantTurn,
    MediaPart,
    Part,
    SystemTurn,
    TextPart,
    ToolTurn,
    Turn,
    UserTurn,
)
from langchain_mimo.errors import MiMoInputError

_AUDIO_FORMATS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
"""The two formats that OpenAI's `input_audio` has names for, by MIME type."""


def encode_request(
    turns: Sequence[Turn], options: RequestOptions, dialect: Dialect
) -> dict[str, Any]:
    """Build the body of a request.

    Args:
        turns: The conversation.
        options: Everything else.
        dialect: How the server differs from MiMo's cloud.

    Returns:
        A JSON tree with documented keys only. Media leaves are still `DeferredMedia`.

    Raises:
        MiMoInputError: The server cannot do what is asked: two tools with one name, MiMo's web
            search on another server, or several frame rates on vLLM.
    """
    tree: dict[str, Any] = {
        "model": options.model,
        "messages": [encode_turn(turn, dialect) for turn in turns],
    }
    tree |= {name: value for name, value in options.parameters.items() if value is not None}
    if options.parallel_tool_calls is not None:
        tree |= _encode_parallel_tool_calls(options.parallel_tool_calls, dialect)
    if options.thinking is not None:
        tree |= _encode_thinking(options.thinking, dialect)
    if dialect.fps_in_media_io and (sampling := media_io_kwargs(turns, dialect)):
        tree["media_io_kwargs"] = sampling
    if options.tools:
        tree["tools"] = _checked_tools(options.tools, dialect)
    if options.tool_choice is not None:
        tree["tool_choice"] = options.tool_choice
    if options.response_format is not None:
        tree["response_format"] = options.response_format
    if options.stream:
        tree["stream"] = True
        if options.include_usage:
            tree["stream_options"] = {"include_usage": True}
    return tree


def _encode_thinking(thinking: bool, dialect: Dialect) -> dict[str, Any]:
    if dialect.thinking_in_template:
        # vLLM's template reads the first name; SGLang's cookbook uses the second.
        return {"chat_template_kwargs": {"enable_thinking": thinking, "thinking": thinking}}
    return {"thinking": {"type": "enabled" if thinking else "disabled"}}


def _encode_parallel_tool_calls(value: bool, dialect: Dialect) -> dict[str, Any]:
    if dialect.parallel_tool_calls:
        return {"parallel_tool_calls": value}
    # Supervisors and middleware set it for every model.
    warn_once(
        "MiMo's chat format does not document parallel_tool_calls, so it is not sent, and the "
        'model decides how many tools it calls in one turn; api_format="anthropic" can limit it '
        f'to one, and extra_body={{"parallel_tool_calls": {value}}} sends it all the same'
    )
    return {}


def _checked_tools(tools: Sequence[Mapping[str, Any]], dialect: Dialect) -> list[Mapping[str, Any]]:
    refuse_shared_names(tools)
    if not dialect.web_search and any(tool.get("type") == WEB_SEARCH for tool in tools):
        raise MiMoInputError(
            "the tool 'web_search' runs only in MiMo's cloud; remove it from the tools, or use "
            "ChatMiMo without server=... and base_url"
        )
    return [with_parameters(tool) for tool in tools]


def encode_turn(turn: Turn, dialect: Dialect) -> dict[str, Any]:
    """Encode one turn as a message."""
    message: dict[str, Any]
    match turn:
        case UserTurn():
            content = turn.content
            message = {
                "role": "user",
                "content": content if isinstance(content, str) else encode_parts(content, dialect),
            }
        case AssistantTurn():
            return _encode_assistant(turn, dialect)
        case ToolTurn():
            content = turn.text
            return {
                "role": "tool",
                "tool_call_id": turn.call_id,
                "content": encode_parts([TextPart(content), *turn.media], dialect)
                if turn.media
                else content,
            }
        case SystemTurn():
            message = {"role": turn.role, "content": turn.text}
    if turn.name is not None:
        message["name"] = turn.name
    return message


def _encode_assistant(turn: AssistantTurn, dialect: Dialect) -> dict[str, Any]:
    # MiMo refuses null content beside tool calls ("text is not present", v2), so it is "".
    message: dict[str, Any] = {"role": "assistant", "content": turn.text}
    if turn.name is not None:
        message["name"] = turn.name
    if turn.reasoning is not None:
        message[dialect.reasoning_field] = turn.reasoning
    if turn.calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in turn.calls
        ]
    return message


def encode_parts(parts: Sequence[Part], dialect: Dialect) -> list[dict[str, Any]]:
    """Encode content parts; `fps` and `media_resolution` go beside `video_url`."""
    return [
        {"type": "text", "text": part.text}
        if isinstance(part, TextPart)
        else _encode_media(part, dialect)
        for part in parts
    ]


def _encode_media(part: MediaPart, dialect: Dialect) -> dict[str, Any]:
    reference = part.reference
    source = reference.source
    location = source.url if isinstance(source, RemoteURL) else DeferredMedia(reference)
    if reference.kind == "image":
        return {"type": "image_url", "image_url": {"url": location}}
    if reference.kind == "audio":
        return _encode_audio(reference, location, dialect)
    encoded: dict[str, Any] = {"type": "video_url", "video_url": {"url": location}}
    if dialect.fps_in_media_io:
        return encoded
    if part.fps is not None:
        encoded["fps"] = part.fps
    if part.media_resolution is not None:
        encoded["media_resolution"] = part.media_resolution
    return encoded


def _encode_audio(
    reference: MediaReference, location: str | DeferredMedia, dialect: Dialect
) -> dict[str, Any]:
    if dialect.audio_part == "input_audio":
        return {"type": "input_audio", "input_audio": {"data": location}}
    if dialect.audio_part == "audio_url" or isinstance(location, str):
        return {"type": "audio_url", "audio_url": {"url": location}}
    audio: dict[str, Any] = {"data": DeferredMedia(reference, data_url=False)}
    if name := _AUDIO_FORMATS.get(reference.mime_type or ""):
        audio["format"] = name
    return {"type": "input_audio", "input_audio": audio}

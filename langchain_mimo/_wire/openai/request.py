"""`/v1/chat/completions`: encode a request, decode a whole response.

Streams are decoded in `chat_completions_stream`. Facts: mimo-api.md §3 and §4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_mimo._media.references import DeferredMedia, MediaReference, RemoteURL
from langchain_mimo._wire.dialects import Dialect, media_io_kwargs
from langchain_mimo._wire.request import RequestOptions
from langchain_mimo._wire.tool_definitions import WEB_SEARCH, refuse_shared_names
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
"""The two formats that OpenAI's `input_audio` names (§11.1), by the MIME types of their blocks."""


def encode_request(
    turns: Sequence[Turn], options: RequestOptions, dialect: Dialect
) -> dict[str, Any]:
    """Build the body of a request.

    Args:
        turns: The conversation, clean.
        options: Everything else.
        dialect: How the server wants to be written to.

    Returns:
        A JSON tree whose media leaves are still `DeferredMedia`. It holds documented keys only,
        plus what `extra_body` adds.

    Raises:
        MiMoInputError: The server cannot do what is asked: tools of one name, MiMo's web search
            elsewhere, several frame rates on vLLM.
    """
    tree: dict[str, Any] = {
        "model": options.model,
        "messages": [encode_turn(turn, dialect) for turn in turns],
    }
    tree |= {name: value for name, value in options.parameters.items() if value is not None}
    if options.thinking is not None:
        if dialect.thinking_in_template:
            # vLLM's template reads the first name, SGLang's cookbook names the second.
            tree["chat_template_kwargs"] = {
                "enable_thinking": options.thinking,
                "thinking": options.thinking,
            }
        else:
            tree["thinking"] = {"type": "enabled" if options.thinking else "disabled"}
    if dialect.fps_in_media_io and (sampling := media_io_kwargs(turns, dialect)):
        tree["media_io_kwargs"] = sampling
    if options.tools:
        refuse_shared_names(options.tools)
        if not dialect.web_search and any(tool.get("type") == WEB_SEARCH for tool in options.tools):
            raise MiMoInputError(
                "MiMo's web search runs in MiMo's cloud only; leave it out for this server."
            )
        tree["tools"] = list(options.tools)
    if options.stream:
        tree["stream"] = True
        if options.include_usage:
            tree["stream_options"] = {"include_usage": True}
    if options.extra_body:
        tree.update(options.extra_body)
    return tree


def encode_turn(turn: Turn, dialect: Dialect) -> dict[str, Any]:
    """Encode one turn as a message of the wire."""
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
    # Beside tool calls MiMo refuses null content: "" it is ("text is not present", v2).
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
    """Encode content parts; `fps` and `media_resolution` stand beside `video_url` (§3.2)."""
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

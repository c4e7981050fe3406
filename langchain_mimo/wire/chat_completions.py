"""`/v1/chat/completions`: encode a request, decode a whole response.

Streams are decoded in `chat_completions_stream`. Facts: mimo-api.md §3 and §4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage

from langchain_mimo.catalogue import PROVIDER
from langchain_mimo.errors import MiMoInputError, MiMoInvalidResponseError
from langchain_mimo.media.references import EncodedMedia, MediaReference, RemoteURL
from langchain_mimo.wire.dialects import Dialect, media_io_kwargs
from langchain_mimo.wire.surrogates import whole
from langchain_mimo.wire.tool_calls import (
    CUT_REASONS,
    FinishedCall,
    decode_calls,
    dump_arguments,
    mixed_order,
)
from langchain_mimo.wire.tools import WEB_SEARCH, refuse_shared_names
from langchain_mimo.wire.turns import (
    AssistantTurn,
    MediaPart,
    Part,
    SystemTurn,
    TextPart,
    ToolTurn,
    Turn,
    UserTurn,
)
from langchain_mimo.wire.usage import usage_metadata

_AUDIO_FORMATS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
"""The two formats that OpenAI's `input_audio` names (§11.1), by the MIME types of their blocks."""

_ANNOTATION_KEYS = ("type", "url", "title", "summary", "site_name", "publish_time", "logo_url")


@dataclass(slots=True)
class RequestOptions:
    """Everything of a request but its messages; None is not sent.

    Attributes:
        model: The id, as it goes out.
        parameters: Documented scalar parameters by their wire name, None where unset.
        thinking: Whether to think; None leaves it to the model's default.
        tools: Tools in the wire's form.
        stream: Whether to stream.
        include_usage: Whether to ask for usage in the stream.
        extra_body: Merged last, over everything else.
    """

    model: str
    parameters: Mapping[str, Any]
    thinking: bool | None = None
    tools: Sequence[Mapping[str, Any]] | None = None
    stream: bool = False
    include_usage: bool = True
    extra_body: Mapping[str, Any] | None = None


def encode_request(
    turns: Sequence[Turn], options: RequestOptions, dialect: Dialect
) -> dict[str, Any]:
    """Build the body of a request.

    Args:
        turns: The conversation, clean.
        options: Everything else.
        dialect: How the server wants to be written to.

    Returns:
        A JSON tree whose media leaves are still `EncodedMedia`. It holds documented keys only,
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
    location = source.url if isinstance(source, RemoteURL) else EncodedMedia(reference)
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
    reference: MediaReference, location: str | EncodedMedia, dialect: Dialect
) -> dict[str, Any]:
    if dialect.audio_part == "input_audio":
        return {"type": "input_audio", "input_audio": {"data": location}}
    if dialect.audio_part == "audio_url" or isinstance(location, str):
        return {"type": "audio_url", "audio_url": {"url": location}}
    audio: dict[str, Any] = {"data": EncodedMedia(reference, data_url=False)}
    if name := _AUDIO_FORMATS.get(reference.mime_type or ""):
        audio["format"] = name
    return {"type": "input_audio", "input_audio": audio}


def text_of(value: object) -> str:
    """Return a string from the wire, whole; null and anything else are ""."""
    return whole(value) if isinstance(value, str) else ""


def reasoning_of(message: Mapping[str, Any]) -> str:
    """Return the thoughts in a message, under MiMo's name or vLLM's and OpenRouter's."""
    return text_of(message.get("reasoning_content") or message.get("reasoning"))


def annotations_of(message: Mapping[str, Any]) -> list[dict[str, str | int | float]]:
    """Return web search annotations: known keys, strings and numbers only.

    What a page's author wrote lands here, so nothing else is copied: a dict with an "lc" key would
    otherwise come alive in a later `loads`.
    """
    annotations = message.get("annotations")
    if not isinstance(annotations, list):
        return []
    return [
        {
            key: whole(value) if isinstance(value, str) else value
            for key in _ANNOTATION_KEYS
            if isinstance(value := annotation.get(key), str | int | float)
        }
        for annotation in annotations
        if isinstance(annotation, Mapping)
    ]


def answer_metadata(
    *,
    answer_id: str | None,
    model: str | None,
    finish_reason: str | None,
    usage: Mapping[str, Any] | None,
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    """Build `response_metadata`, the same for whole answers and streams."""
    metadata: dict[str, Any] = {"model_provider": PROVIDER}
    if model is not None:
        metadata["model_name"] = model
    if finish_reason is not None:
        metadata["finish_reason"] = finish_reason
    if answer_id is not None:
        metadata["id"] = answer_id
    for key in ("system_fingerprint", "error_message"):
        if isinstance(value := extra.get(key), str):
            metadata[key] = value
    if isinstance(usage, Mapping):
        web = usage.get("web_search_usage")
        if isinstance(web, Mapping):
            metadata["web_search_usage"] = {
                key: value
                for key in ("tool_usage", "page_usage")
                if isinstance(value := web.get(key), int)
            }
    return metadata


def raw_arguments(calls: Sequence[FinishedCall]) -> dict[str, str]:
    """Return the argument texts that parsing would not give back, by call id.

    `history` writes a valid call's arguments with `json.dumps`; where the model wrote them
    otherwise, its own text is kept, so that the next request repeats it to the letter and the
    server's prefix cache goes on hitting.
    """
    return {
        call.id: call.text
        for call in calls
        if call.args is not None and dump_arguments(call.args) != call.text
    }


def decode_response(body: object, *, thoughts_as_content: bool = False) -> AIMessage:
    """Turn the body of a whole answer into a message.

    Args:
        body: The parsed JSON.
        thoughts_as_content: Whether thoughts take the place of an empty answer without calls.

    Returns:
        The message; thoughts in `additional_kwargs["reasoning_content"]`, content never None.

    Raises:
        MiMoInvalidResponseError: The body is not a chat completion.
    """
    choices = body.get("choices") if isinstance(body, Mapping) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not (
        isinstance(body, Mapping) and isinstance(choice, Mapping) and isinstance(message, Mapping)
    ):
        keys = sorted(map(str, body)) if isinstance(body, Mapping) else type(body).__name__
        msg = (
            f"the answer is JSON, but no chat completion ({str(keys)[:200]}); "
            "check that base_url is an OpenAI-shaped API"
        )
        raise MiMoInvalidResponseError(msg, status_code=200)
    answer_id = body.get("id") if isinstance(body.get("id"), str) else None
    model = body.get("model") if isinstance(body.get("model"), str) else None
    reason = choice.get("finish_reason")
    reason = reason if isinstance(reason, str) else None
    calls = decode_calls(message.get("tool_calls"), answer_id, cut=reason in CUT_REASONS)
    additional: dict[str, Any] = {}
    reasoning = reasoning_of(message)
    if reasoning:
        additional["reasoning_content"] = reasoning
    if annotations := annotations_of(message):
        additional["annotations"] = annotations
    if raw := raw_arguments(calls):
        additional["raw_arguments"] = raw
    if order := mixed_order(calls):
        additional["tool_call_order"] = order
    usage = body.get("usage")
    text = text_of(message.get("content"))
    if thoughts_as_content and not text and not calls:
        text = reasoning
    return AIMessage(
        content=text,
        additional_kwargs=additional,
        tool_calls=[call.as_call() for call in calls if call.args is not None],
        invalid_tool_calls=[call.as_invalid() for call in calls if call.args is None],
        usage_metadata=usage_metadata(usage),
        id=answer_id,
        response_metadata=answer_metadata(
            answer_id=answer_id,
            model=model,
            finish_reason=reason,
            usage=usage,
            extra={**body, **message},
        ),
    )

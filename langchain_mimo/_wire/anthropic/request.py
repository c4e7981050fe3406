"""Encodes a request for `/anthropic/v1/messages`. Facts: docs/api-facts.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_mimo import catalogue
from langchain_mimo._checks import warn_once
from langchain_mimo._json import strict_object
from langchain_mimo._media.references import DeferredMedia, DeferredMimeType, RemoteURL
from langchain_mimo._wire.dialects import Dialect
from langchain_mimo._wire.request import RequestOptions
from langchain_mimo._wire.tool_definitions import parameters_schema, refuse_shared_names
from langchain_mimo._wire.turns import (
    AssistantTurn,
    MediaPart,
    Part,
    SystemTurn,
    TextPart,
    ToolCall,
    ToolTurn,
    Turn,
    UserTurn,
    media_parts,
)
from langchain_mimo.errors import MiMoInputError, UnsupportedModalityError

BLANK = " "
"""Replaces an empty text: the format requires at least one character in a text block."""

INVALID_ARGUMENTS = "invalid_json"
"""The only key in the `input` of a call whose arguments are not a JSON object; its value is their
text. The format has no place for such a text, and the model should see what it wrote."""

FALLBACK_MAX_TOKENS = 32 * 1024
"""`max_tokens` for models that the catalogue does not know: the lowest default MiMo documents."""

_PENALTIES = ("frequency_penalty", "presence_penalty")


def encode_request(
    turns: Sequence[Turn],
    options: RequestOptions,
    dialect: Dialect,
) -> dict[str, Any]:
    """Build the body of a request.

    System turns at the head become `system` (a string, or blocks when there are several). Later
    ones stay messages with the role "system", and so do all when there is nothing else. The role
    "developer" and participants' names do not exist in this format: developer turns are sent as
    system turns, names are left out with a warning.

    Args:
        turns: The conversation.
        options: Everything else. `max_tokens` is always sent, since sources disagree on whether it
            is required: the model's documented default when it is not set.
        dialect: How the server differs from MiMo's cloud.

    Returns:
        A JSON tree whose media leaves are still `DeferredMedia` and `DeferredMimeType`.

    Raises:
        MiMoInputError: The request uses what only the OpenAI format has: a penalty, or MiMo's web
            search.
        UnsupportedModalityError: It contains audio or video, which the server does not read in this
            format.
    """
    if not dialect.anthropic_audio_video:
        _refuse_audio_and_video(turns)
    head = 0
    while head < len(turns) and isinstance(turns[head], SystemTurn):
        head += 1
    if head == len(turns):
        head = 0
    tree: dict[str, Any] = {"model": options.model}
    texts = [turn.text for turn in turns[:head] if isinstance(turn, SystemTurn) and turn.text]
    if texts:
        tree["system"] = texts[0] if len(texts) == 1 else [_text(text) for text in texts]
    tree["messages"] = _encode_turns(turns[head:])
    tree |= _encode_parameters(options)
    if any(turn.name for turn in turns if not isinstance(turn, ToolTurn)):
        warn_once("The Anthropic format has no participant names; they are not sent.")
    return tree


def _refuse_audio_and_video(turns: Sequence[Turn]) -> None:
    """Refuse what MiMo would drop: the model would answer as if nothing had been sent."""
    for turn in turns:
        for part in media_parts(turn):
            reference = part.reference
            if reference.kind != "image":
                error = UnsupportedModalityError(
                    f"MiMo drops {reference.kind} in the Anthropic format without reading it; use "
                    'api_format="openai" (dialect={"anthropic_audio_video": True} sends it anyway)',
                    reference.message_index,
                    reference.block_index,
                )
                error.item = reference.item
                raise error


def _encode_parameters(options: RequestOptions) -> dict[str, Any]:
    given = {name: value for name, value in options.parameters.items() if value is not None}
    for name in _PENALTIES:
        if given.pop(name, 0):
            raise MiMoInputError(
                f'the Anthropic format has no {name}; remove it, or use api_format="openai"'
            )
    limit = given.pop("max_completion_tokens", None)
    stop = given.pop("stop", None)
    tree = {"max_tokens": _default_limit(options.model) if limit is None else limit, **given}
    if stop is not None:
        tree["stop_sequences"] = [stop] if isinstance(stop, str) else list(stop)
    if options.thinking is not None:
        tree["thinking"] = {"type": "enabled" if options.thinking else "disabled"}
    if options.tools:
        refuse_shared_names(options.tools)
        tree["tools"] = [_encode_tool(tool) for tool in options.tools]
        if options.parallel_tool_calls is False:
            tree["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
    if options.stream:
        tree["stream"] = True
    return tree


def _default_limit(model: str) -> int:
    known = catalogue.find(model)
    return known.default_output_tokens if known else FALLBACK_MAX_TOKENS


def _encode_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    if not isinstance(function, Mapping):
        raise MiMoInputError(
            f"the Anthropic format has no tools of type {tool.get('type')!r}; remove it, or use "
            'api_format="openai"'
        )
    if function.get("strict"):
        warn_once("The Anthropic format has no strict tools; `strict` is not sent.")
    encoded: dict[str, Any] = {"type": "custom", "name": function["name"]}
    if description := function.get("description"):
        encoded["description"] = description
    encoded["input_schema"] = {"type": "object", **parameters_schema(function)}
    return encoded


def _encode_turns(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Encode turns; the results of parallel calls share one user message."""
    messages: list[dict[str, Any]] = []
    results: list[dict[str, Any]] | None = None
    for turn in turns:
        if isinstance(turn, ToolTurn):
            if results is None:
                results = []
                messages.append({"role": "user", "content": results})
            results.append(_encode_result(turn))
        else:
            results = None
            messages.append(_encode_turn(turn))
    return messages


def _encode_turn(turn: UserTurn | AssistantTurn | SystemTurn) -> dict[str, Any]:
    match turn:
        case AssistantTurn():
            return encode_assistant(turn)
        case SystemTurn():
            return {"role": "system", "content": turn.text or BLANK}
        case UserTurn(content=str() as text):
            return {"role": "user", "content": text or BLANK}
        case UserTurn(content=list() as parts):
            return {"role": "user", "content": _encode_parts(parts) or [_text(BLANK)]}
    raise AssertionError(turn)


def encode_assistant(turn: AssistantTurn) -> dict[str, Any]:
    """Encode an assistant turn: reasoning first, then text, then calls.

    Args:
        turn: The turn. Reasoning goes back with its signature, or with "", MiMo's own, when there
            is none. An empty turn becomes one space.
    """
    blocks: list[dict[str, Any]] = []
    if turn.reasoning is not None:
        signature = turn.signature or ""
        blocks.append({"type": "thinking", "thinking": turn.reasoning, "signature": signature})
    if turn.text:
        blocks.append(_text(turn.text))
    blocks += [_encode_call(call) for call in turn.calls]
    return {"role": "assistant", "content": blocks or [_text(BLANK)]}


def _encode_call(call: ToolCall) -> dict[str, Any]:
    arguments = strict_object(call.arguments)
    if arguments is None:
        arguments = {INVALID_ARGUMENTS: call.arguments}
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}


def _encode_result(turn: ToolTurn) -> dict[str, Any]:
    block: dict[str, Any] = {
        "type": "tool_result",
        "tool_use_id": turn.call_id,
        "content": _encode_parts([TextPart(turn.text), *turn.media]) if turn.media else turn.text,
    }
    if turn.is_error:
        block["is_error"] = True
    return block


def _encode_parts(parts: Sequence[Part]) -> list[dict[str, Any]]:
    return [
        _encode_media(part) if isinstance(part, MediaPart) else _text(part.text)
        for part in parts
        if isinstance(part, MediaPart) or part.text
    ]


def _encode_media(part: MediaPart) -> dict[str, Any]:
    """Encode a media part; in this format `fps` and `media_resolution` go inside `source`."""
    reference = part.reference
    source: dict[str, Any]
    if isinstance(reference.source, RemoteURL):
        source = {"type": "url", "url": reference.source.url}
    else:
        source = {
            "type": "base64",
            "media_type": DeferredMimeType(reference),
            "data": DeferredMedia(reference, data_url=False),
        }
    if part.fps is not None:
        source["fps"] = part.fps
    if part.media_resolution is not None:
        source["media_resolution"] = part.media_resolution
    return {"type": reference.kind, "source": source}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}

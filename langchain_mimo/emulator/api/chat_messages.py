"""Reads the messages of a chat completion request: what each role may contain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_mimo.catalogue import Model
from langchain_mimo.emulator.api import fields
from langchain_mimo.emulator.api.rules import Rules
from langchain_mimo.emulator.api.shared_checks import (
    check_media_kind,
    check_tool_turns,
    read_video_sampling,
)
from langchain_mimo.emulator.conversation.request import (
    MediaItem,
    MediaKind,
    Role,
    ToolCall,
    Turn,
)
from langchain_mimo.emulator.media.library import MediaLibrary
from langchain_mimo.emulator.refusals import (
    AUDIO_FORMAT,
    FILE_PART,
    REASONING_MISSING,
    TEXT_MISSING,
    invalid_request,
    not_set,
    param_incorrect,
)

_ROLES: dict[str, Role] = {
    "developer": "system",
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
# A client may send an assistant message back exactly as it received it, with all its keys.
_MESSAGE_KEYS: dict[Role, tuple[str, ...]] = {
    "system": ("role", "content", "name"),
    "user": ("role", "content", "name"),
    "assistant": (
        *("role", "content", "name", "tool_calls", "reasoning_content"),
        *("annotations", "error_message", "audio", "audio_tokens", "final_text_preview"),
    ),
    "tool": ("role", "content", "name", "tool_call_id"),
}
_MEDIA_PARTS: dict[str, tuple[MediaKind, str]] = {
    "image_url": ("image", "url"),
    "input_audio": ("audio", "data"),
    "audio_url": ("audio", "url"),
    "video_url": ("video", "url"),
}
_ALL_PARTS = ("text", *_MEDIA_PARTS)
_AUDIO_MIME_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
"""The values of `input_audio.format`, which bare base64 requires."""


@dataclass(frozen=True, slots=True)
class MessageReader:
    """Checks the messages of one request.

    Attributes:
        model: The requested model.
        thinking: Whether it thinks; earlier turns with tool calls must then have their reasoning.
        rules: The rules to check by.
        library: Opens media.
    """

    model: Model
    thinking: bool
    rules: Rules
    library: MediaLibrary

    def read(self, messages: Sequence[object]) -> list[Turn]:
        """Check all messages and return the turns.

        Raises:
            Refusal: MiMo would refuse one of the messages.
        """
        turns: list[Turn] = []
        for index, item in enumerate(messages):
            location = ("messages", index)
            message = fields.mapping(item, location)
            role = _ROLES[fields.required_literal(message, "role", location, tuple(_ROLES))]
            turn = self._read_message(message, role, location)
            reasoning_required = self.thinking and self.rules.require_reasoning
            if turn.calls and not turn.reasoning and reasoning_required:
                raise param_incorrect(REASONING_MISSING)
            turns.append(turn)
        if self.rules.strict_tool_turns:
            check_tool_turns(turns)
        return turns

    def _read_message(
        self, message: Mapping[str, Any], role: Role, location: fields.Location
    ) -> Turn:
        if self.rules.strict_parameters:
            fields.no_unknown_keys(message, _MESSAGE_KEYS[role], location)
        fields.optional_string(message, "name", location)
        turn = Turn(role, self._read_content(message.get("content"), role, (*location, "content")))
        if role == "assistant":
            turn.calls = _read_calls(message.get("tool_calls"), (*location, "tool_calls"))
            turn.reasoning = fields.optional_string(message, "reasoning_content", location)
        if role == "tool":
            turn.tool_call_id = fields.required_string(message, "tool_call_id", location)
        return turn

    def _read_content(
        self, content: object, role: Role, location: fields.Location
    ) -> list[str | MediaItem]:
        if content is None:
            raise param_incorrect(TEXT_MISSING)
        if isinstance(content, str):
            return [content]
        if role == "tool" and not self.model.media_in_tool_messages:
            raise not_set("text")
        allowed = _ALL_PARTS if role in {"user", "tool"} else ("text",)
        parts: list[str | MediaItem] = []
        for index, item in enumerate(fields.array(content, location)):
            inner = (*location, index)
            part = fields.mapping(item, inner)
            part_type = _part_type(part, allowed)
            if part_type == "text":
                parts.append(self._read_text(part, inner))
            else:
                parts.append(self._read_media(part, part_type, inner))
        if not parts:
            raise param_incorrect(TEXT_MISSING)
        return parts

    def _read_text(self, part: Mapping[str, Any], location: fields.Location) -> str:
        if self.rules.strict_parameters:
            fields.no_unknown_keys(part, ("type", "text"), location)
        return fields.required_string(part, "text", location)

    def _read_media(
        self, part: Mapping[str, Any], part_type: str, location: fields.Location
    ) -> MediaItem:
        kind, key = _MEDIA_PARTS[part_type]
        inner = (*location, part_type)
        source = fields.required_mapping(part, part_type, location)
        sampling_keys = ("fps", "media_resolution") if kind == "video" else ()
        source_keys = (key, "format") if part_type == "input_audio" else (key,)
        if self.rules.strict_parameters:
            fields.no_unknown_keys(part, ("type", part_type, *sampling_keys), location)
            fields.no_unknown_keys(source, source_keys, inner)
        reference = fields.required_string(source, key, inner)
        fps, resolution = read_video_sampling(part, location) if kind == "video" else (None, None)
        check_media_kind(kind, self.model)
        audio_format = source.get("format") if part_type == "input_audio" else None
        if audio_format is not None:
            reference = _with_format(reference, fields.string(audio_format, (*inner, "format")))
        return self.library.from_reference(kind, reference, fps=fps, media_resolution=resolution)


def _part_type(part: Mapping[str, Any], allowed: Sequence[str]) -> str:
    part_type = part.get("type")
    if part_type == "file":
        raise param_incorrect(FILE_PART)
    if not isinstance(part_type, str) or part_type not in allowed:
        raise invalid_request()
    return part_type


def _with_format(data: str, audio_format: str) -> str:
    """Return the audio of an `input_audio` part with a format as a URL.

    The format says what bare base64 is. It must agree with the MIME type of a data URL, and has no
    meaning for other URLs.
    """
    if data.startswith(("http://", "https://")):
        return data
    mime_type = _AUDIO_MIME_TYPES.get(audio_format)
    if mime_type is None:
        raise param_incorrect(AUDIO_FORMAT)
    if data[:5].lower() != "data:":
        return f"data:{mime_type};base64,{data}"
    if data[5:].partition(";")[0].strip().lower() != mime_type:
        raise param_incorrect(AUDIO_FORMAT)
    return data


def _read_calls(value: object, location: fields.Location) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for index, item in enumerate([] if value is None else fields.array(value, location)):
        inner = (*location, index)
        call = fields.mapping(item, inner)
        fields.required_literal(call, "type", inner, ("function",))
        function = fields.required_mapping(call, "function", inner)
        # First all three must be set; the types are checked after that.
        for name, holder in (("id", call), ("name", function), ("arguments", function)):
            if holder.get(name) is None:
                raise not_set(name)
        calls.append(
            ToolCall(
                fields.string(call["id"], (*inner, "id")),
                fields.string(function["name"], (*inner, "function", "name")),
                fields.string(function["arguments"], (*inner, "function", "arguments")),
            )
        )
    return calls

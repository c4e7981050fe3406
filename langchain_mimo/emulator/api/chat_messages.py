"""The messages of a chat completion: what each role may carry (mimo-api.md §3.1, §3.2, §7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_mimo.catalogue import FPS_RANGE, MEDIA_RESOLUTIONS, Model
from langchain_mimo.emulator.api import fields
from langchain_mimo.emulator.api.rules import Rules
from langchain_mimo.emulator.conversation.request import MediaItem, MediaKind, Role, ToolCall, Turn
from langchain_mimo.emulator.media.library import MediaLibrary
from langchain_mimo.emulator.refusals import (
    REASONING_MISSING,
    TEXT_MISSING,
    no_endpoint_for,
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
# An assistant message may come back just as it was given out, whatever it carried.
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
    "video_url": ("video", "url"),
}
_ALL_PARTS = ("text", *_MEDIA_PARTS)


@dataclass(frozen=True, slots=True)
class MessageReader:
    """Checks the messages of one request.

    Attributes:
        model: The model asked.
        thinking: Whether it will think, which makes thoughts of earlier turns compulsory.
        rules: How strictly to read.
        library: Opens media.
    """

    model: Model
    thinking: bool
    rules: Rules
    library: MediaLibrary

    def read(self, messages: Sequence[object]) -> list[Turn]:
        """Check every message and return the turns.

        Raises:
            Refusal: A message is one that MiMo refuses.
        """
        turns: list[Turn] = []
        for index, item in enumerate(messages):
            location = ("messages", index)
            message = fields.mapping(item, location)
            name = fields.literal(
                fields.required(message, "role", location), (*location, "role"), tuple(_ROLES)
            )
            turn = self._message(message, _ROLES[name], location)
            if turn.calls and not turn.reasoning:
                self.require_reasoning()
            turns.append(turn)
        if self.rules.strict_tool_turns:
            check_tool_turns(turns)
        return turns

    def require_reasoning(self) -> None:
        """Refuse a turn with tool calls that lost its thoughts, unless nobody minds."""
        if self.thinking and self.rules.require_reasoning:
            raise param_incorrect(REASONING_MISSING)

    def _message(self, message: Mapping[str, Any], role: Role, location: fields.Location) -> Turn:
        if self.rules.strict_parameters:
            fields.only(message, _MESSAGE_KEYS[role], location)
        if message.get("name") is not None:
            fields.string(message["name"], (*location, "name"))
        turn = Turn(role, self._content(message.get("content"), role, (*location, "content")))
        if role == "assistant":
            turn.calls = _read_calls(message.get("tool_calls"), (*location, "tool_calls"))
            reasoning = message.get("reasoning_content")
            if reasoning is not None:
                turn.reasoning = fields.string(reasoning, (*location, "reasoning_content"))
        if role == "tool":
            if message.get("tool_call_id") is None:
                raise not_set("tool_call_id")
            turn.tool_call_id = fields.string(message["tool_call_id"], (*location, "tool_call_id"))
        return turn

    def _content(
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
            kind = fields.literal(fields.required(part, "type", inner), (*inner, "type"), allowed)
            if kind == "text":
                parts.append(self._text(part, inner))
            else:
                parts.append(self._medium(part, kind, inner))
        if not parts:
            raise param_incorrect(TEXT_MISSING)
        return parts

    def _text(self, part: Mapping[str, Any], location: fields.Location) -> str:
        if self.rules.strict_parameters:
            fields.only(part, ("type", "text"), location)
        if part.get("text") is None:
            raise not_set("text")
        return fields.string(part["text"], (*location, "text"))

    def _medium(
        self, part: Mapping[str, Any], part_type: str, location: fields.Location
    ) -> MediaItem:
        kind, key = _MEDIA_PARTS[part_type]
        inner = (*location, part_type)
        source = fields.mapping(fields.required(part, part_type, location), inner)
        beside = ("fps", "media_resolution") if kind == "video" else ()
        if self.rules.strict_parameters:
            fields.only(part, ("type", part_type, *beside), location)
            fields.only(source, (key,), inner)
        if source.get(key) is None:
            raise not_set(key)
        reference = fields.string(source[key], (*inner, key))
        fps, resolution = check_video_sampling(part, location) if beside else (None, None)
        check_modality(kind, self.model)
        return self.library.from_reference(kind, reference, fps=fps, media_resolution=resolution)


def check_tool_turns(turns: Sequence[Turn]) -> None:
    """Refuse results without their call and calls without results.

    MiMo's own verdict is not recorded; the words are ours.
    """
    waiting: list[str] = []
    for turn in turns:
        if turn.role == "tool":
            if turn.tool_call_id not in waiting:
                raise param_incorrect(
                    f"tool_call_id {turn.tool_call_id} does not match a preceding tool call"
                )
            waiting.remove(turn.tool_call_id)
        elif waiting:
            break
        waiting.extend(call.id for call in turn.calls)
    if waiting:
        raise param_incorrect(f"tool calls without results: {', '.join(waiting)}")


def check_modality(kind: MediaKind, model: Model) -> None:
    """Refuse media for a model that does not take them."""
    if kind not in model.inputs:
        raise no_endpoint_for(kind)


def check_video_sampling(
    part: Mapping[str, Any], location: fields.Location
) -> tuple[float | None, str | None]:
    """Return `fps` and `media_resolution` of a video, checked, each None when not said."""
    fps, resolution = part.get("fps"), part.get("media_resolution")
    if fps is not None:
        fps = fields.number(fps, (*location, "fps"), *FPS_RANGE)
    if resolution is not None:
        fields.literal(resolution, (*location, "media_resolution"), MEDIA_RESOLUTIONS)
    return fps, resolution


def _read_calls(value: object, location: fields.Location) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for index, item in enumerate([] if value is None else fields.array(value, location)):
        inner = (*location, index)
        call = fields.mapping(item, inner)
        fields.literal(fields.required(call, "type", inner), (*inner, "type"), ("function",))
        function = fields.mapping(fields.required(call, "function", inner), (*inner, "function"))
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

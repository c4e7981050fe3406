"""The body of POST /anthropic/v1/messages: checked field by field, then in neutral form.

Source: anthropic-format.md. Refusals have the same frames as in the other format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from langchain_mimo.catalogue import TEMPERATURE_RANGE, TOP_P_RANGE, Model
from langchain_mimo.emulator.api import fields
from langchain_mimo.emulator.api.chat_messages import (
    check_modality,
    check_tool_turns,
    check_video_sampling,
)
from langchain_mimo.emulator.api.chat_request import output_budget, read_thinking
from langchain_mimo.emulator.api.fields import check_tool_name
from langchain_mimo.emulator.api.models import find_model
from langchain_mimo.emulator.api.rules import Rules
from langchain_mimo.emulator.conversation.request import (
    Conversation,
    MediaItem,
    MediaKind,
    Role,
    Tool,
    ToolCall,
    Turn,
)
from langchain_mimo.emulator.media.library import MediaLibrary
from langchain_mimo.emulator.refusals import (
    MESSAGES_EMPTY,
    REASONING_MISSING,
    TEXT_MISSING,
    not_set,
    param_incorrect,
)

PARAMETERS = (
    *("model", "messages", "max_tokens", "system", "stop_sequences", "stream"),
    *("temperature", "top_p", "thinking", "tools", "tool_choice"),
)
"""Top-level parameters that are taken; others are refused as in the other format."""

_ANY_NUMBER_OF_STOPS = 1_000
_MEDIA: dict[str, MediaKind] = {"image": "image", "audio": "audio", "video": "video"}
_BLOCKS: dict[Role, tuple[str, ...]] = {
    "user": ("text", *_MEDIA, "tool_result"),
    "assistant": ("text", "tool_use", "thinking"),
    "system": ("text",),
    "tool": ("text", *_MEDIA),
}
_ROLES: tuple[Role, ...] = ("user", "assistant", "system")
# Coding tools send cache_control everywhere and work with MiMo, so it must be let through.
_IGNORED_KEY = "cache_control"


def read_request(body: object, rules: Rules, library: MediaLibrary) -> Conversation:
    """Check a decoded body and return it in neutral form.

    Raises:
        Refusal: Something in it is what MiMo refuses.
    """
    request = fields.mapping(body, ())
    if rules.strict_parameters:
        fields.only(request, PARAMETERS, ())
    model = find_model(fields.required(request, "model", ()), rules.moment)
    messages = fields.array(fields.required(request, "messages", ()), ("messages",))
    if not messages:
        raise param_incorrect(MESSAGES_EMPTY)
    for name, (low, high) in (("temperature", TEMPERATURE_RANGE), ("top_p", TOP_P_RANGE)):
        if request.get(name) is not None:
            fields.number(request[name], (name,), low, high)
    budget, stream = request.get("max_tokens"), request.get("stream")
    reader = _BlockReader(model, read_thinking(request.get("thinking"), model), rules, library)
    stops = request.get("stop_sequences")
    if stops is not None:
        fields.array(stops, ("stop_sequences",))
    return Conversation(
        model=model,
        turns=reader.system(request.get("system")) + reader.messages(messages),
        tools=_read_tools(request.get("tools"), rules),
        thinking=reader.thinking,
        max_output_tokens=(
            model.default_output_tokens
            if budget is None
            else output_budget(budget, "max_tokens", model)
        ),
        stop=fields.stop_sequences(stops, ("stop_sequences",), _ANY_NUMBER_OF_STOPS),
        stream=stream is not None and fields.boolean(stream, ("stream",)),
        parallel_calls=_read_choice(request.get("tool_choice")),
    )


def _read_tools(value: object, rules: Rules) -> list[Tool]:
    tools: list[Tool] = []
    seen: set[str] = set()
    for index, item in enumerate([] if value is None else fields.array(value, ("tools",))):
        location = ("tools", index)
        tool = fields.mapping(item, location)
        if rules.strict_parameters:
            known = ("name", "description", "type", "input_schema", _IGNORED_KEY)
            fields.only(tool, known, location)
        if tool.get("type") is not None:
            fields.literal(tool["type"], (*location, "type"), ("custom",))
        name = check_tool_name(tool.get("name"), seen, (*location, "name"))
        schema = fields.required(tool, "input_schema", location)
        inner = (*location, "input_schema")
        parameters = fields.mapping(schema, inner)
        kind = fields.required(parameters, "type", inner)
        fields.literal(kind, (*inner, "type"), ("object",))
        description = tool.get("description")
        if description is not None:
            fields.string(description, (*location, "description"))
        tools.append(Tool(name, description or "", parameters))
    return tools


def _read_choice(value: object) -> bool:
    """Return whether several calls may be made at once; a choice other than auto is dropped."""
    if value is None:
        return True
    choice = fields.mapping(value, ("tool_choice",))
    single = choice.get("disable_parallel_tool_use")
    location = ("tool_choice", "disable_parallel_tool_use")
    return choice.get("type") != "auto" or single is None or not fields.boolean(single, location)


@dataclass(frozen=True, slots=True)
class _BlockReader:
    model: Model
    thinking: bool
    rules: Rules
    library: MediaLibrary

    def system(self, value: object) -> list[Turn]:
        if value is None:
            return []
        return self._turns("system", value, ("system",))

    def messages(self, messages: Sequence[object]) -> list[Turn]:
        turns: list[Turn] = []
        for index, item in enumerate(messages):
            location = ("messages", index)
            message = fields.mapping(item, location)
            if self.rules.strict_parameters:
                fields.only(message, ("role", "content"), location)
            found = fields.literal(
                fields.required(message, "role", location), (*location, "role"), _ROLES
            )
            role = next(role for role in _ROLES if role == found)
            turns += self._turns(role, message.get("content"), (*location, "content"))
        if self.rules.strict_tool_turns:
            check_tool_turns(turns)
        return turns

    def _turns(self, role: Role, content: object, location: fields.Location) -> list[Turn]:
        """Read one message; tool results in it become turns of their own, before the rest."""
        if content is None:
            raise param_incorrect(TEXT_MISSING)
        if isinstance(content, str):
            return [Turn(role, [content])]
        own = Turn(role, [])
        results: list[Turn] = []
        blocks = fields.array(content, location)
        for index, item in enumerate(blocks):
            self._block(item, own, results, (*location, index))
        if not blocks:
            raise param_incorrect(TEXT_MISSING)
        if own.calls and not own.reasoning and self.thinking and self.rules.require_reasoning:
            raise param_incorrect(REASONING_MISSING)
        return [*results, own] if own.parts or own.calls or own.reasoning else results

    def _block(
        self, item: object, own: Turn, results: list[Turn], location: fields.Location
    ) -> None:
        block = fields.mapping(item, location)
        kind = fields.literal(
            fields.required(block, "type", location), (*location, "type"), _BLOCKS[own.role]
        )
        if kind == "tool_result":
            results.append(self._result(block, location))
        elif kind == "tool_use":
            own.calls.append(self._call(block, location))
        elif kind == "thinking":
            self._known(block, ("type", "thinking", "signature"), location)
            own.reasoning += self._text(block, "thinking", location)
            if block.get("signature") is not None:
                fields.string(block["signature"], (*location, "signature"))
        else:
            own.parts.append(self._part(block, kind, location))

    def _part(
        self, block: Mapping[str, Any], kind: str, location: fields.Location
    ) -> str | MediaItem:
        if kind in _MEDIA:
            return self._medium(block, _MEDIA[kind], location)
        self._known(block, ("type", "text"), location)
        text = self._text(block, "text", location)
        if not text:
            raise param_incorrect(TEXT_MISSING)
        return text

    def _medium(
        self, block: Mapping[str, Any], kind: MediaKind, location: fields.Location
    ) -> MediaItem:
        self._known(block, ("type", "source"), location)
        inner = (*location, "source")
        source = fields.mapping(fields.required(block, "source", location), inner)
        form = fields.literal(
            fields.required(source, "type", inner), (*inner, "type"), ("base64", "url")
        )
        named = ("media_type", "data") if form == "base64" else ("url",)
        beside = ("fps", "media_resolution") if kind == "video" else ()
        self._known(source, ("type", *named, *beside), inner)
        first, *rest = [self._text(source, name, inner) for name in named]
        fps, resolution = check_video_sampling(source, inner) if beside else (None, None)
        check_modality(kind, self.model)
        if form == "url":
            return self.library.from_url(kind, first, fps=fps, media_resolution=resolution)
        return self.library.from_base64(kind, first, rest[0], fps=fps, media_resolution=resolution)

    def _call(self, block: Mapping[str, Any], location: fields.Location) -> ToolCall:
        self._known(block, ("type", "id", "name", "input"), location)
        arguments = fields.mapping(fields.required(block, "input", location), (*location, "input"))
        return ToolCall(
            self._text(block, "id", location),
            self._text(block, "name", location),
            orjson.dumps(arguments).decode(),
        )

    def _result(self, block: Mapping[str, Any], location: fields.Location) -> Turn:
        self._known(block, ("type", "tool_use_id", "content", "is_error"), location)
        turn = Turn("tool", [], tool_call_id=self._text(block, "tool_use_id", location))
        if block.get("is_error") is not None:
            fields.boolean(block["is_error"], (*location, "is_error"))
        content = block.get("content")
        if content is None or isinstance(content, str):
            turn.parts.append(content or "")
            return turn
        inner = (*location, "content")
        for index, item in enumerate(fields.array(content, inner)):
            self._block(item, turn, [], (*inner, index))
        return turn

    def _known(
        self, block: Mapping[str, Any], names: Sequence[str], location: fields.Location
    ) -> None:
        if self.rules.strict_parameters:
            fields.only(block, (*names, _IGNORED_KEY), location)

    def _text(self, block: Mapping[str, Any], name: str, location: fields.Location) -> str:
        if block.get(name) is None:
            raise not_set(name)
        return fields.string(block[name], (*location, name))

"""Reads the body of POST /anthropic/v1/messages into a `Conversation`; checks every field.

Source: docs/api-facts.md. Refusals have the same form as in the chat completions format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from langchain_mimo.catalogue import TEMPERATURE_RANGE, TOP_P_RANGE, Model
from langchain_mimo.emulator.api import fields
from langchain_mimo.emulator.api.rules import Rules
from langchain_mimo.emulator.api.shared_checks import (
    check_media_kind,
    check_ranges,
    check_schema,
    check_tool_name,
    check_tool_turns,
    open_request,
    read_output_limit,
    read_stop_sequences,
    read_thinking,
    read_video_sampling,
)
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
from langchain_mimo.emulator.refusals import REASONING_MISSING, TEXT_MISSING, param_incorrect

PARAMETERS = (
    *("model", "messages", "max_tokens", "system", "stop_sequences", "stream"),
    *("temperature", "top_p", "thinking", "tools", "tool_choice"),
)
"""The top-level parameters that are accepted; others are refused as in the chat format."""

_RANGES = (("temperature", TEMPERATURE_RANGE), ("top_p", TOP_P_RANGE))
_MAX_STOP_SEQUENCES = 1_000
_MEDIA: dict[str, MediaKind] = {"image": "image", "audio": "audio", "video": "video"}
_DOCUMENTS = ("document", "file")
_DROPPED = ("audio", "video", *_DOCUMENTS)
"""Blocks that MiMo drops without an error and without reading them."""

_BLOCKS: dict[Role, tuple[str, ...]] = {
    "user": ("text", *_MEDIA, "tool_result"),
    "assistant": ("text", "tool_use", "thinking"),
    "system": ("text",),
    "tool": ("text", *_MEDIA),
}
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
# Coding tools send cache_control everywhere and work with MiMo, so it must be accepted.
_IGNORED_KEY = "cache_control"


def read_request(body: object, rules: Rules, library: MediaLibrary) -> Conversation:
    """Check a decoded body and return it in neutral form.

    Raises:
        Refusal: MiMo would refuse the request.
    """
    request, model, messages = open_request(body, PARAMETERS, rules)
    check_ranges(request, _RANGES)
    reader = _MessageReader(model, read_thinking(request.get("thinking"), model), rules, library)
    stop = request.get("stop_sequences")
    if stop is not None:
        fields.array(stop, ("stop_sequences",))  # the chat format also accepts a string
    limit = request.get("max_tokens")
    return Conversation(
        model=model,
        turns=reader.read_system(request.get("system")) + reader.read_messages(messages),
        tools=_read_tools(request.get("tools"), rules),
        thinking=reader.thinking,
        max_output_tokens=(
            model.default_output_tokens
            if limit is None
            else read_output_limit(limit, "max_tokens", model)
        ),
        stop=read_stop_sequences(stop, ("stop_sequences",), _MAX_STOP_SEQUENCES),
        stream=fields.optional_boolean(request, "stream", ()),
        parallel_calls=_read_parallel_calls(request.get("tool_choice")),
    )


def _read_tools(value: object, rules: Rules) -> list[Tool]:
    tools: list[Tool] = []
    seen: set[str] = set()
    for index, item in enumerate([] if value is None else fields.array(value, ("tools",))):
        location = ("tools", index)
        tool = fields.mapping(item, location)
        if rules.strict_parameters:
            known = ("name", "description", "type", "input_schema", _IGNORED_KEY)
            fields.no_unknown_keys(tool, known, location)
        if tool.get("type") is not None:
            fields.literal(tool["type"], (*location, "type"), ("custom",))
        name = check_tool_name(tool.get("name"), seen, (*location, "name"))
        schema = fields.required_mapping(tool, "input_schema", location)
        fields.required_literal(schema, "type", (*location, "input_schema"), ("object",))
        schema = check_schema(schema, (*location, "input_schema"))
        tools.append(Tool(name, fields.optional_string(tool, "description", location), schema))
    return tools


def _read_parallel_calls(value: object) -> bool:
    """Return whether several tool calls are allowed; choices other than `auto` are ignored."""
    location = ("tool_choice",)
    if value is None:
        return True
    choice = fields.mapping(value, location)
    if choice.get("type") != "auto":
        return True
    return not fields.optional_boolean(choice, "disable_parallel_tool_use", location)


@dataclass(frozen=True, slots=True)
class _MessageReader:
    model: Model
    thinking: bool
    rules: Rules
    library: MediaLibrary

    def read_system(self, value: object) -> list[Turn]:
        if value is None:
            return []
        return self._read_turns("system", value, ("system",))

    def read_messages(self, messages: Sequence[object]) -> list[Turn]:
        turns: list[Turn] = []
        for index, item in enumerate(messages):
            location = ("messages", index)
            message = fields.mapping(item, location)
            if self.rules.strict_parameters:
                fields.no_unknown_keys(message, ("role", "content"), location)
            role = _ROLES[fields.required_literal(message, "role", location, tuple(_ROLES))]
            turns += self._read_turns(role, message.get("content"), (*location, "content"))
        if self.rules.strict_tool_turns:
            check_tool_turns(turns)
        return turns

    def _read_turns(self, role: Role, content: object, location: fields.Location) -> list[Turn]:
        """Read one message; its tool results become turns of their own, before the rest of it."""
        if content is None:
            raise param_incorrect(TEXT_MISSING)
        if isinstance(content, str):
            return [Turn(role, [content])]
        turn = Turn(role, [])
        results: list[Turn] = []
        blocks = fields.array(content, location)
        for index, item in enumerate(blocks):
            self._read_block(item, turn, results, (*location, index))
        if not blocks:
            raise param_incorrect(TEXT_MISSING)
        reasoning_required = self.thinking and self.rules.require_reasoning
        if turn.calls and not turn.reasoning and reasoning_required:
            raise param_incorrect(REASONING_MISSING)
        if turn.parts or turn.calls or turn.reasoning or not results:
            return [*results, turn]
        return results

    def _read_block(
        self, item: object, turn: Turn, results: list[Turn], location: fields.Location
    ) -> None:
        """Add a block to its turn, or a tool result to `results`."""
        block = fields.mapping(item, location)
        if self._is_dropped(block, turn.role):
            return
        kind = fields.required_literal(block, "type", location, _BLOCKS[turn.role])
        if kind == "tool_result":
            results.append(self._read_result(block, location))
        elif kind == "tool_use":
            turn.calls.append(self._read_call(block, location))
        elif kind == "thinking":
            self._check_keys(block, ("type", "thinking", "signature"), location)
            turn.reasoning += fields.required_string(block, "thinking", location)
            fields.optional_string(block, "signature", location)
        elif kind in _MEDIA:
            turn.parts.append(self._read_media(block, _MEDIA[kind], location))
        else:
            turn.parts.append(self._read_text(block, location))

    def _is_dropped(self, block: Mapping[str, Any], role: Role) -> bool:
        kind = block.get("type")
        if role not in {"user", "tool"} or kind not in _DROPPED:
            return False
        if kind in _DOCUMENTS:
            return not self.rules.strict_parameters
        return not self.rules.anthropic_audio_video

    def _read_text(self, block: Mapping[str, Any], location: fields.Location) -> str:
        self._check_keys(block, ("type", "text"), location)
        text = fields.required_string(block, "text", location)
        if not text:
            raise param_incorrect(TEXT_MISSING)
        return text

    def _read_media(
        self, block: Mapping[str, Any], kind: MediaKind, location: fields.Location
    ) -> MediaItem:
        self._check_keys(block, ("type", "source"), location)
        inner = (*location, "source")
        source = fields.required_mapping(block, "source", location)
        source_type = fields.required_literal(source, "type", inner, ("base64", "url"))
        keys = ("media_type", "data") if source_type == "base64" else ("url",)
        sampling_keys = ("fps", "media_resolution") if kind == "video" else ()
        self._check_keys(source, ("type", *keys, *sampling_keys), inner)
        values = [fields.required_string(source, key, inner) for key in keys]
        fps, resolution = read_video_sampling(source, inner) if kind == "video" else (None, None)
        check_media_kind(kind, self.model)
        if source_type == "url":
            (url,) = values
            return self.library.from_url(kind, url, fps=fps, media_resolution=resolution)
        mime_type, data = values
        return self.library.from_base64(kind, mime_type, data, fps=fps, media_resolution=resolution)

    def _read_call(self, block: Mapping[str, Any], location: fields.Location) -> ToolCall:
        self._check_keys(block, ("type", "id", "name", "input"), location)
        arguments = fields.required_mapping(block, "input", location)
        return ToolCall(
            fields.required_string(block, "id", location),
            fields.required_string(block, "name", location),
            orjson.dumps(arguments).decode(),
        )

    def _read_result(self, block: Mapping[str, Any], location: fields.Location) -> Turn:
        self._check_keys(block, ("type", "tool_use_id", "content", "is_error"), location)
        call_id = fields.required_string(block, "tool_use_id", location)
        turn = Turn("tool", [], tool_call_id=call_id)
        fields.optional_boolean(block, "is_error", location)
        content = block.get("content")
        if content is None or isinstance(content, str):
            turn.parts.append(content or "")
            return turn
        inner = (*location, "content")
        for index, item in enumerate(fields.array(content, inner)):
            self._read_block(item, turn, [], (*inner, index))
        return turn

    def _check_keys(
        self, block: Mapping[str, Any], names: Sequence[str], location: fields.Location
    ) -> None:
        if self.rules.strict_parameters:
            fields.no_unknown_keys(block, (*names, _IGNORED_KEY), location)

"""Tool messages and `tool_result` blocks → tool turns, and where their media go.

All of MiMo's models accept a tool message as a string; only those of v2.6 document parts in it. So
by default, media are moved out of the tool message into a user turn that follows.

LangChain accepts a list that a tool returns as content if its blocks are text, images or files; a
list with video or audio in it is written into the message as JSON (langchain-core 1.8,
LangGraph 1.2). `parse_json_blocks` reads such JSON back; otherwise the model would be sent
megabytes of base64 as text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import LC_AUTO_PREFIX, BaseMessage

from langchain_mimo._json import join_surrogates
from langchain_mimo._wire.from_langchain.content_blocks import (
    READERS,
    is_tool_result,
    read_parts,
)
from langchain_mimo._wire.from_langchain.files import link_text
from langchain_mimo._wire.from_langchain.media_blocks import BlockPosition
from langchain_mimo._wire.from_langchain.media_summary import media_summary
from langchain_mimo._wire.from_langchain.options import MediaDefaults
from langchain_mimo._wire.from_langchain.other_providers import block_type
from langchain_mimo._wire.turns import MediaPart, Part, TextPart, ToolTurn, UserTurn

NO_OUTPUT = "(no output)"
"""Replaces an empty result: MiMo answers 400 "`text` is not set" to empty tool messages."""

_MEDIA_IN_JSON = re.compile(
    r'"type": ?"(?:video|audio|video_url|input_audio|audio_url)"|"blob": ?"'
)
_BLOCK_TYPES = frozenset(
    {"text", "image", "video", "audio", "image_url", "video_url", "input_audio", "audio_url"}
)
_BLOCK_KEYS = _BLOCK_TYPES | {
    "resource",
    *("type", "id", "index", "extras", "metadata", "mime_type", "fps", "media_resolution"),
    *("url", "base64", "source_type", "data", "mimeType", "annotations", "_meta"),
}
_RESOURCE_KEYS = frozenset({"uri", "mimeType", "text", "blob", "_meta"})


@dataclass(slots=True)
class ToolResult:
    """A tool turn and where it came from.

    Attributes:
        turn: The turn, with its media.
        name: The tool's name, or None.
        block_index: Index of its `tool_result` block, or None for a tool message.
    """

    turn: ToolTurn
    name: str | None = None
    block_index: int | None = None


def read_tool_message(message: BaseMessage, index: int, defaults: MediaDefaults) -> ToolResult:
    """Read a tool message, or a legacy function message (its call id is "").

    Args:
        message: The message; its `artifact` is not for the model and never sent.
        index: Its index, for references and errors.
        defaults: For videos that set no `fps` or `media_resolution`.

    Returns:
        The result; its text is never empty.

    Raises:
        MiMoInputError: A block is unknown or invalid.
    """
    call_id = join_surrogates(getattr(message, "tool_call_id", ""))
    is_error = getattr(message, "status", None) == "error"
    content = message.content
    if isinstance(content, str) and content.startswith("["):
        content = parse_json_blocks(content) or content
    if isinstance(content, str):
        turn = plain_tool_turn(call_id, content, is_error=is_error)
    else:
        pairs = [(block, (index, block_index)) for block_index, block in enumerate(content)]
        turn = _build_turn(call_id, pairs, defaults, is_error=is_error)
    return ToolResult(turn, message.name)


def plain_tool_turn(call_id: str, text: str, *, is_error: bool) -> ToolTurn:
    """Return the turn of a result that is a plain text."""
    if not text.isascii():
        text = join_surrogates(text)
    return ToolTurn(call_id, text or NO_OUTPUT, [], is_error)


def parse_json_blocks(text: str) -> list[str | dict[str, Any]] | None:
    """Parse the blocks that LangChain wrote into a tool message as JSON.

    Text that a tool returns must not be mistaken for media (a search service's list of movies), nor
    cause a local file to be sent. So every block may have keys of content blocks only. Every media
    block must contain its bytes, or name a file with its SHA-256, or a URL with LangChain's own
    block id or a MIME type. At least one of them must be video or audio.

    Args:
        text: The content of a tool message.

    Returns:
        The blocks, or None for any other text.
    """
    if not (text.startswith("[") and text.endswith("]") and _MEDIA_IN_JSON.search(text)):
        return None
    try:
        blocks = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return blocks if all(isinstance(block, str) or _is_block(block) for block in blocks) else None


def _is_block(block: object) -> bool:
    """Whether a value is a content block of LangChain or MiMo that identifies its media."""
    if not isinstance(block, Mapping) or not block.keys() <= _BLOCK_KEYS:
        return False
    kind = block.get("type")
    if kind == "text":
        return isinstance(block.get("text"), str)
    if kind == "resource":
        resource = block.get("resource")
        return isinstance(resource, Mapping) and resource.keys() <= _RESOURCE_KEYS
    return kind in _BLOCK_TYPES and _identifies_media(block, block.get(str(kind)))


def _identifies_media(block: Mapping[str, Any], inner: object) -> bool:
    """Whether a media block gives enough detail that it cannot be some other JSON object."""
    fields = inner if isinstance(inner, Mapping) else block
    location = fields.get("url") or fields.get("base64") or fields.get("data")
    if not isinstance(location, str):
        return False
    if location.startswith("file:"):
        extras = block.get("extras")
        return isinstance(extras, Mapping) and isinstance(extras.get("sha256"), str)
    if location.startswith(("http:", "https:")):
        return str(block.get("id")).startswith(LC_AUTO_PREFIX) or bool(block.get("mime_type"))
    return location.startswith("data:") or "url" not in fields


def read_result_blocks(
    content: Sequence[Any], index: int, defaults: MediaDefaults
) -> list[ToolResult]:
    """Read the `tool_result` blocks that Anthropic and Bedrock put into user messages.

    Args:
        content: The message's blocks; other blocks are skipped.
        index: Index of the message.
        defaults: As in `read_tool_message`.

    Returns:
        The results, each with the index of its block.

    Raises:
        MiMoInputError: A block inside is unknown or invalid; the error names the outer block.
    """
    results = []
    for block_index, block in enumerate(content):
        if not is_tool_result(block):
            continue
        inner = block.get("toolResult")
        result: Mapping[str, Any] = inner if isinstance(inner, Mapping) else block
        items = result.get("content")
        if items is None or isinstance(items, str | Mapping):
            items = [items] if items else []
        call_id = result.get("tool_use_id") or result.get("toolUseId") or ""
        pairs = [(item, (index, block_index)) for item in items]
        is_error = bool(result.get("is_error")) or result.get("status") == "error"
        turn = _build_turn(join_surrogates(str(call_id)), pairs, defaults, is_error=is_error)
        results.append(ToolResult(turn, None, block_index))
    return results


def _build_turn(
    call_id: str,
    blocks: Sequence[tuple[Any, BlockPosition]],
    defaults: MediaDefaults,
    *,
    is_error: bool,
) -> ToolTurn:
    texts: list[str] = []
    media: list[MediaPart] = []
    for block, at in blocks:
        if isinstance(block, Mapping) and "type" not in block and block_type(block) not in READERS:
            # Plain dicts that a tool returned are sent as JSON.
            block = {"type": "json", "json": block}  # noqa: PLW2901
        if (link := link_text(block)) is not None:
            texts.append(link)
            continue
        for part in read_parts(block, at, defaults):
            if isinstance(part, MediaPart):
                # Several items of one `tool_result` block have the same indices.
                reference = replace(part.reference, item=len(media))
                media.append(replace(part, reference=reference))
            else:
                texts.append(part.text)
    text = "\n".join(texts) or (media_summary(media) if media else NO_OUTPUT)
    return ToolTurn(call_id, text, media, is_error)


def media_turn(results: Sequence[ToolResult]) -> UserTurn | None:
    """Move the media of parallel results into one user turn, labelled with their calls.

    Args:
        results: The results of one assistant turn, in the order of its calls; their media are
            moved out of them.

    Returns:
        The turn, or None when there are no media.
    """
    parts: list[Part] = []
    for result in results:
        turn = result.turn
        if turn.media:
            name = f" ({join_surrogates(result.name)})" if result.name else ""
            parts.append(TextPart(f"Media from tool call {turn.call_id}{name}:"))
            parts.extend(turn.media)
            turn.moved, turn.media = turn.media, []
    return UserTurn(parts) if parts else None


def as_user_turn(result: ToolResult) -> UserTurn:
    """Turn a result without a call into a user turn, so that a repaired history loses nothing.

    Args:
        result: The result.
    """
    turn = result.turn
    name = f" ({join_surrogates(result.name)})" if result.name else ""
    text = f"Result of tool call {turn.call_id or '(no id)'}{name}:\n{turn.text}"
    return UserTurn([TextPart(text), *turn.media] if turn.media else text)

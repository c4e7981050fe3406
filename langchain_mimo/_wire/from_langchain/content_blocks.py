"""Content blocks of any shape → text parts and media parts.

Accepted are plain strings; LangChain's standard blocks (v1) and the older `source_type` blocks
(v0); MiMo's own parts; and the blocks of other providers that `other_providers` lists. Anything
else raises, naming the message and the block. No file is opened here, and no payload is copied
unless it is text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from json import dumps
from typing import TypeAlias

from langchain_mimo._checks import nearest, warn_once
from langchain_mimo._json import MAX_DEPTH, is_too_deep, join_surrogates
from langchain_mimo._wire.from_langchain.files import (
    NO_DOCUMENTS,
    inline_source,
    read_bytes,
    read_file,
    read_plain_text,
    with_heading,
)
from langchain_mimo._wire.from_langchain.left_out import note_of
from langchain_mimo._wire.from_langchain.mcp import (
    read_resource,
    read_resource_link,
    uri_of_blob,
)
from langchain_mimo._wire.from_langchain.media_blocks import (
    Block,
    BlockPosition,
    SourceDict,
    media_part,
)
from langchain_mimo._wire.from_langchain.options import MediaDefaults
from langchain_mimo._wire.from_langchain.other_providers import (
    HANDED_ON,
    IGNORED_KEYS,
    block_type,
)
from langchain_mimo._wire.json_values import string_or_empty
from langchain_mimo._wire.turns import MediaPart, Part, TextPart
from langchain_mimo.errors import MediaError, MiMoInputError

Reader: TypeAlias = Callable[[Block, BlockPosition, MediaDefaults], Part | None]

_NESTING = frozenset(
    {"document", "search_result", "json", "custom_tool_call_output", "non_standard"}
)
"""Types of blocks whose values may be nested, at most `MAX_DEPTH` levels deep."""

_OWN_TYPES = ("text", "image", "video", "audio", "file", "image_url", "video_url", "input_audio")
_ACCEPTED = (
    "MiMo accepts text, image, video and audio blocks (LangChain's standard ones, or image_url, "
    "video_url, input_audio)"
)


def read_content(
    content: str | Sequence[str | Block], message_index: int, defaults: MediaDefaults
) -> str | list[Part]:
    """Read the content of a user message.

    Args:
        content: A string, or blocks of any shape listed above, in any order.
        message_index: Index of the message, for references and errors.
        defaults: `fps` and `media_resolution` of videos whose block sets none.

    Returns:
        A string when the content is a single text (or empty: ""), else the parts in order. Empty
        texts beside other parts are dropped, since MiMo refuses them.

    Raises:
        MiMoInputError: A block has an unknown type or lacks a key. With
            `defaults.leave_out_unusable`, a note takes its place instead.
        MediaError: Media are of the wrong kind, or their location cannot be sent; likewise.
    """
    if isinstance(content, str):
        return join_surrogates(content)
    parts: list[Part] = []
    for block_index, block in enumerate(content):
        parts += read_parts(block, (message_index, block_index), defaults)
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return parts[0].text
    return parts


def read_parts(block: str | Block, at: BlockPosition, defaults: MediaDefaults) -> list[Part]:
    """Read one content block as `read_block` does, or return the note that takes its place.

    Returns:
        One part; two for a resource of MCP, whose URI stands before its media; none for a block
        that is dropped or an empty text.

    Raises:
        MiMoInputError: The block cannot be sent, and `defaults.leave_out_unusable` is off.
    """
    try:
        part = read_block(block, at, defaults)
    except MiMoInputError as error:
        if not defaults.leave_out_unusable:
            raise
        part = TextPart(note_of(block, error))
    if isinstance(part, MediaPart):
        uri = uri_of_blob(block)
        return [part] if uri is None else [uri, part]
    return [part] if part is not None and part.text else []


def read_block(block: str | Block, at: BlockPosition, defaults: MediaDefaults) -> Part | None:
    """Read one content block.

    Args:
        block: The block, in any shape.
        at: Index of the message and index of the block.
        defaults: As in `read_content`.

    Returns:
        The part, or None for a block that `other_providers.PROVIDER_BLOCKS` drops.

    Raises:
        MiMoInputError: As in `read_content`.
    """
    if isinstance(block, str):
        return TextPart(join_surrogates(block))
    if not isinstance(block, Mapping):
        raise MiMoInputError(
            f"a content block must be a string or a dict, got {type(block).__name__}", *at
        )
    kind = block_type(block)
    if kind == "text":
        return _read_text(block, at, defaults)
    reader = READERS.get(kind) if kind is not None else None
    if kind in _NESTING and is_too_deep(block):
        raise MiMoInputError(
            f"a {kind} block is nested more than {MAX_DEPTH} levels deep; flatten it", *at
        )
    if reader is None:
        raise MiMoInputError(_unknown_type(kind), *at)
    return reader(block, at, defaults)


def _unknown_type(kind: str | None) -> str:
    name = "without a type" if kind is None else f"of type {kind[:40]!r}"
    similar = nearest(kind[:40], _OWN_TYPES) if kind is not None else None
    guess = f"did you mean {similar!r}? " if similar else ""
    return f"a block {name} cannot be sent; {guess}{_ACCEPTED}"


def is_tool_result(block: object) -> bool:
    """Whether a block of a user message is a tool result, as Anthropic and Bedrock write them."""
    return isinstance(block, Mapping) and block_type(block) in ("tool_result", "toolResult")


# --- Text --------------------------------------------------------------------------------------


def _required_string(block: Block, key: str, at: BlockPosition) -> str:
    value = block.get(key)
    if not isinstance(value, str):
        raise MiMoInputError(
            f"{key!r} of a {block_type(block)} block must be a string, got {type(value).__name__}",
            *at,
        )
    return join_surrogates(value)


def _read_text(block: Block, at: BlockPosition, _: MediaDefaults) -> TextPart:
    if len(block) > 2:
        warn_unknown_keys(block, "text")
    return TextPart(_required_string(block, "text", at))


def _read_refusal(block: Block, at: BlockPosition, _: MediaDefaults) -> TextPart:
    return TextPart(_required_string(block, "refusal", at))


def _read_document(block: Block, at: BlockPosition, defaults: MediaDefaults) -> Part:
    source = block.get("source") or block.get("document")
    if isinstance(source, Mapping):
        if source.get("type") == "text" and isinstance(source.get("data"), str):
            return TextPart(with_heading(block, source["data"]))
        inner = source.get("source")  # Bedrock: {"document": {"format", "name", "source"}}
        if isinstance(inner, Mapping) and isinstance(inner.get("text"), str):
            return TextPart(with_heading(source, inner["text"]))
        content = source.get("content")
        if source.get("type") == "content" and isinstance(content, str | list):
            return TextPart(with_heading(block, _join_texts(content, at, defaults)))
        source_dict = SourceDict(
            inner if isinstance(inner, Mapping) else source,
            string_or_empty(source.get("media_type")) or None,
        )
        if (inline := inline_source(source_dict)) is not None:
            return read_bytes(inline, source_dict, block, at, defaults)
    raise MediaError(NO_DOCUMENTS, *at)


def _read_search_result(block: Block, at: BlockPosition, defaults: MediaDefaults) -> TextPart:
    head = [value for key in ("title", "source") if isinstance(value := block.get(key), str)]
    text = _join_texts(block.get("content") or "", at, defaults)
    return TextPart(join_surrogates("\n".join([*head, text])))


def _join_texts(
    content: str | Sequence[str | Block], at: BlockPosition, defaults: MediaDefaults
) -> str:
    if isinstance(content, str):
        return content
    parts = [read_block(block, at, defaults) for block in content]
    if any(isinstance(part, MediaPart) for part in parts):
        raise MiMoInputError(
            "media inside a document block cannot be sent; place it beside the block", *at
        )
    return "\n".join(part.text for part in parts if isinstance(part, TextPart))


def _read_json(block: Block, at: BlockPosition, _: MediaDefaults) -> TextPart:
    value = block.get("json", block.get("data"))
    try:
        return TextPart(join_surrogates(dumps(value, ensure_ascii=False)))
    except (TypeError, ValueError, RecursionError) as error:
        raise MiMoInputError(f"the value of a json block is not JSON: {error}", *at) from error


def _read_custom_output(block: Block, at: BlockPosition, defaults: MediaDefaults) -> TextPart:
    text = _join_texts(block.get("output") or block.get("text") or "", at, defaults)
    return TextPart(join_surrogates(text))


def _drop(_: Block, __: BlockPosition, ___: MediaDefaults) -> None:
    return None


def _read_non_standard(block: Block, at: BlockPosition, defaults: MediaDefaults) -> Part | None:
    value = block.get("value")
    if not isinstance(value, Mapping) or block_type(value) == "non_standard":
        raise MiMoInputError("'value' of a non_standard block must be a block of a known type", *at)
    return read_block(value, at, defaults)


# --- Media -------------------------------------------------------------------------------------


def _read_media(
    kind: str, source_dict: SourceDict, block: Block, at: BlockPosition, defaults: MediaDefaults
) -> MediaPart:
    part = media_part(kind, source_dict, block, at, defaults)
    warn_unknown_keys(block, kind)
    if source_dict.fields is not block:
        warn_unknown_keys(source_dict.fields, kind)
    return part


def _standard_reader(kind: str) -> Reader:
    """Return a reader of `image`, `video` or `audio`.

    It reads v1, v0, Anthropic's `source` and Bedrock's inner dict.
    """

    def read(block: Block, at: BlockPosition, defaults: MediaDefaults) -> Part | None:
        source_dict = SourceDict(block)
        if isinstance(inner := block.get("source"), Mapping):
            source_dict = SourceDict(inner, inner.get("media_type"))
        elif isinstance(inner := block.get(kind), Mapping):
            source = inner.get("source")
            format_name = inner.get("format")
            source_dict = SourceDict(
                source if isinstance(source, Mapping) else inner,
                f"{kind}/{format_name}" if isinstance(format_name, str) else None,
            )
        return _read_media(kind, source_dict, block, at, defaults)

    return read


def _part_reader(kind: str, key: str, location: str = "url") -> Reader:
    """Return a reader of MiMo's own parts and similar: `{key: {location: …}}` or `{key: "…"}`."""

    def read(block: Block, at: BlockPosition, defaults: MediaDefaults) -> Part | None:
        inner = block.get(key)
        if inner is None and kind == "audio":
            inner = block.get("audio_url")  # of MiMo's Responses API
        if isinstance(inner, str):
            inner = {location: inner}
        if not isinstance(inner, Mapping):
            # Responses input parts may use another key for the audio, or have only a file_id.
            inner = {name: block[name] for name in ("url", "data", "file_id") if name in block}
        mime_type = None
        if kind == "audio" and isinstance(format_name := inner.get("format"), str):
            mime_type = f"audio/{format_name}"
        return _read_media(kind, SourceDict(inner, mime_type), block, at, defaults)

    return read


READERS: dict[str, Reader] = {
    "text": _read_text,
    "text-plain": read_plain_text,
    "non_standard": _read_non_standard,
    "image": _standard_reader("image"),
    "video": _standard_reader("video"),
    "audio": _standard_reader("audio"),
    "image_url": _part_reader("image", "image_url"),
    "video_url": _part_reader("video", "video_url"),
    "input_audio": _part_reader("audio", "input_audio", "data"),
    # Other providers: one row of `other_providers.PROVIDER_BLOCKS` each.
    "input_text": _read_text,
    "output_text": _read_text,
    "refusal": _read_refusal,
    "audio_url": _part_reader("audio", "audio_url"),
    "input_image": _part_reader("image", "image_url"),
    "input_video": _part_reader("video", "video_url"),
    "file": read_file,
    "input_file": read_file,
    "media": read_file,
    "file_data": read_file,
    "inline_data": read_file,
    "document": _read_document,
    "search_result": _read_search_result,
    "json": _read_json,
    "custom_tool_call_output": _read_custom_output,
    "resource": read_resource,
    "resource_link": read_resource_link,
    "cachePoint": _drop,
    **dict.fromkeys(HANDED_ON, _drop),
}
"""The reader of each type of block in user messages and tool results. `tool_result` is missing on
purpose: `history` converts it to turns."""

KNOWN_KEYS = IGNORED_KEYS | frozenset(READERS) | frozenset(
    {
        "type", "url", "base64", "data", "bytes", "source", "source_type", "mime_type", "mimeType",
        "media_type", "file_id", "file_uri", "file_url", "format", "fps", "media_resolution",
        "video_metadata", "output", "content", "value", "_meta",
    }
)  # fmt: skip
"""Keys that are read or ignored; all others are warned about."""


_WRITTEN_KEYS = ("url", "base64", "mime_type", "fps", "media_resolution", "extras")
"""Keys that users write, of which an unknown one may be a misspelling."""

_KEYS_OF_FILES = {
    "size", "sha256", "start_s", "end_s", "shown_start_s", "shown_end_s", "copy_seconds",
    "copy_has_audio",
}  # fmt: skip
"""Keys in the `extras` of a block with a local file."""


def warn_unknown_keys(block: Block, kind: str) -> None:
    """Warn, once per key, about keys of a block that are not sent.

    Args:
        block: The block; its `extras` are checked too.
        kind: Its type, for the warning.
    """
    unknown = {key for key in block.keys() - KNOWN_KEYS if block[key] is not None}
    extras = block.get("extras")
    if isinstance(extras, Mapping):
        unknown |= extras.keys() - KNOWN_KEYS - _KEYS_OF_FILES
    for key in sorted(map(str, unknown)):
        similar = nearest(key, _WRITTEN_KEYS)
        guess = f"; did you mean {similar!r}?" if similar else ""
        warn_once(
            f"MiMo does not know the key {key!r}; it is not sent (first seen on a block of type "
            f"{kind!r}){guess}",
            f"block key {key}",
        )

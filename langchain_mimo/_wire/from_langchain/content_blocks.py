"""Any shape of content block → text or a media part.

What is read: plain strings; LangChain's standard blocks (v1) and the older `source_type` blocks
(v0); MiMo's own parts; the blocks of other providers that `foreign` lists. Anything else raises,
naming the message and the block. No file is opened and no payload is copied here.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from json import dumps
from typing import Any, TypeAlias

from langchain_mimo._checks import warn_once
from langchain_mimo._json import join_surrogates
from langchain_mimo._wire.from_langchain.media_blocks import At, Holder, MediaDefaults, media_part
from langchain_mimo._wire.from_langchain.other_providers import HARMLESS_KEYS, block_type
from langchain_mimo._wire.turns import MediaPart, Part, TextPart
from langchain_mimo.errors import MediaError, MiMoInputError

__all__ = ["MediaDefaults", "is_tool_result", "part_of", "parts_of"]

Block: TypeAlias = Mapping[str, Any]
Reader: TypeAlias = Callable[[Block, At, MediaDefaults], Part | None]

_TAKEN = (
    "MiMo takes text, image, video and audio blocks (LangChain's standard ones, or image_url, "
    "video_url, input_audio)"
)


def parts_of(
    content: str | Sequence[str | Block], message_index: int, defaults: MediaDefaults
) -> str | list[Part]:
    """Read the content of a user message.

    Args:
        content: A string, or blocks of any shape listed above, in any order.
        message_index: Index of the message, for references and errors.
        defaults: `fps` and `media_resolution` of videos whose block states none.

    Returns:
        A string when all there is is one text (or nothing: ""), else the parts in order. Texts
        that are empty are left out beside other parts, since MiMo refuses them.

    Raises:
        MiMoInputError: A block is of an unknown type or lacks something.
        MediaError: A medium is of the wrong kind, or where it is cannot be sent.
    """
    if isinstance(content, str):
        return join_surrogates(content)
    parts = []
    for block_index, block in enumerate(content):
        part = part_of(block, (message_index, block_index), defaults)
        if part is not None and (isinstance(part, MediaPart) or part.text):
            parts.append(part)
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return parts[0].text
    return parts


def part_of(block: str | Block, at: At, defaults: MediaDefaults) -> Part | None:
    """Read one content block.

    Args:
        block: The block, in any shape.
        at: Index of the message and index of the block.
        defaults: As in `parts_of`.

    Returns:
        The part, or None for a block that `foreign.TABLE` drops.

    Raises:
        MiMoInputError: As in `parts_of`.
    """
    if isinstance(block, str):
        return TextPart(join_surrogates(block))
    if not isinstance(block, Mapping):
        raise MiMoInputError(
            f"a content block must be a string or a dict, not {type(block).__name__}.", *at
        )
    kind = block_type(block)
    if kind == "text":
        return _read_text(block, at, defaults)
    reader = READERS.get(kind) if kind is not None else None
    if reader is None:
        name = "without a type" if kind is None else f"of type {kind[:40]!r}"
        raise MiMoInputError(f"a block {name} cannot be sent; {_TAKEN}.", *at)
    return reader(block, at, defaults)


def is_tool_result(block: object) -> bool:
    """Whether a block of a user message is a tool's result, as Anthropic and Bedrock put it."""
    return isinstance(block, Mapping) and block_type(block) in ("tool_result", "toolResult")


# --- Text --------------------------------------------------------------------------------------


def _string(block: Block, key: str, at: At) -> str:
    value = block.get(key)
    if not isinstance(value, str):
        raise MiMoInputError(
            f"a {block_type(block)} block needs {key!r}, a string, but has {type(value).__name__}.",
            *at,
        )
    return join_surrogates(value)


def _read_text(block: Block, at: At, _: MediaDefaults) -> TextPart:
    if len(block) > 2:
        note_unknown_keys(block, "text")
    return TextPart(_string(block, "text", at))


def _read_refusal(block: Block, at: At, _: MediaDefaults) -> TextPart:
    return TextPart(_string(block, "refusal", at))


def _read_plain_text(block: Block, at: At, _: MediaDefaults) -> TextPart:
    """`text-plain` and v0 `file` blocks of text: inline, or as base64 of UTF-8."""
    text = block.get("text")
    if text is None and block.get("source_type") == "text":
        text = block.get("data") or block.get("url")
    encoded = block.get("base64") or (block.get("data") if text is None else None)
    if text is None and isinstance(encoded, str):
        try:
            text = b64decode(encoded, validate=True).decode()
        except ValueError as error:
            raise MiMoInputError("a text file must be base64 of UTF-8 text.", *at) from error
    if not isinstance(text, str):
        raise MiMoInputError(
            "a text file must bring its text ('text' or 'base64'); it is not fetched from a URL "
            "or a file_id.",
            *at,
        )
    return TextPart(_headed(block, text))


def _headed(block: Block, text: str) -> str:
    """Put a document's title and context before its text, as its provider shows them."""
    head = [value for key in ("title", "context") if isinstance(value := block.get(key), str)]
    return join_surrogates("\n".join([*filter(None, head), text]))


def _read_document(block: Block, at: At, defaults: MediaDefaults) -> TextPart:
    source = block.get("source") or block.get("document")
    if isinstance(source, Mapping):
        if source.get("type") == "text" and isinstance(source.get("data"), str):
            return TextPart(_headed(block, source["data"]))
        inner = source.get("source")  # Bedrock: {"document": {"format", "name", "source"}}
        if isinstance(inner, Mapping) and isinstance(inner.get("text"), str):
            return TextPart(_headed(source, inner["text"]))
        content = source.get("content")
        if source.get("type") == "content" and isinstance(content, str | list):
            return TextPart(_headed(block, _joined(content, at, defaults)))
    raise MediaError(_NO_DOCUMENTS, *at)


_NO_DOCUMENTS = (
    "MiMo reads no PDF or other document; send its text as a text block, or its pages as images."
)


def _read_search_result(block: Block, at: At, defaults: MediaDefaults) -> TextPart:
    head = [value for key in ("title", "source") if isinstance(value := block.get(key), str)]
    return TextPart(
        join_surrogates("\n".join([*head, _joined(block.get("content") or "", at, defaults)]))
    )


def _joined(content: str | Sequence[str | Block], at: At, defaults: MediaDefaults) -> str:
    if isinstance(content, str):
        return content
    parts = [part_of(block, at, defaults) for block in content]
    if any(isinstance(part, MediaPart) for part in parts):
        raise MiMoInputError("media inside a document block must stand beside it instead.", *at)
    return "\n".join(part.text for part in parts if isinstance(part, TextPart))


def _read_json(block: Block, at: At, _: MediaDefaults) -> TextPart:
    value = block.get("json", block.get("data"))
    try:
        return TextPart(join_surrogates(dumps(value, ensure_ascii=False)))
    except (TypeError, ValueError) as error:
        raise MiMoInputError(f"a json block's value is not JSON: {error}.", *at) from error


def _read_custom_output(block: Block, at: At, defaults: MediaDefaults) -> TextPart:
    return TextPart(
        join_surrogates(_joined(block.get("output") or block.get("text") or "", at, defaults))
    )


def _read_nothing(_: Block, __: At, ___: MediaDefaults) -> None:
    return None


def _read_non_standard(block: Block, at: At, defaults: MediaDefaults) -> Part | None:
    value = block.get("value")
    if not isinstance(value, Mapping) or block_type(value) == "non_standard":
        raise MiMoInputError(
            "a non_standard block needs 'value', a dict of a known block type.", *at
        )
    return part_of(value, at, defaults)


# --- Media -------------------------------------------------------------------------------------


def _medium(kind: str, holder: Holder, block: Block, at: At, defaults: MediaDefaults) -> MediaPart:
    part = media_part(kind, holder, block, at, defaults)
    note_unknown_keys(block, kind)
    if holder.block is not block:
        note_unknown_keys(holder.block, kind)
    return part


def _standard(kind: str) -> Reader:
    """Read `image`, `video` and `audio`: v1, v0, Anthropic's `source`, Bedrock's inner dict."""

    def read(block: Block, at: At, defaults: MediaDefaults) -> Part | None:
        inner = block.get("source")
        holder = Holder(block)
        if isinstance(inner, Mapping):
            holder = Holder(inner, inner.get("media_type"))
        elif isinstance(inner := block.get(kind), Mapping):
            source = inner.get("source")
            form = inner.get("format")
            holder = Holder(
                source if isinstance(source, Mapping) else inner,
                f"{kind}/{form}" if isinstance(form, str) else None,
            )
        return _medium(kind, holder, block, at, defaults)

    return read


def _located(kind: str, key: str, location: str = "url") -> Reader:
    """Read MiMo's own parts and their kin: `{key: {location: …}}` or `{key: "…"}`."""

    def read(block: Block, at: At, defaults: MediaDefaults) -> Part | None:
        inner = block.get(key)
        if isinstance(inner, str):
            inner = {location: inner}
        if not isinstance(inner, Mapping):
            # Responses input parts may hold the audio under another name, or only a file_id.
            inner = {name: block[name] for name in ("url", "data", "file_id") if name in block}
        form = inner.get("format")
        mime_type = f"audio/{form}" if kind == "audio" and isinstance(form, str) else None
        return _medium(kind, Holder(inner, mime_type), block, at, defaults)

    return read


def _read_by_mime_type(block: Block, at: At, defaults: MediaDefaults) -> Part | None:
    """Read blocks whose type does not say what they hold: `file`, `input_file`, `media`."""
    inner = next(
        (v for k in ("file", "inline_data", "file_data") if isinstance(v := block.get(k), Mapping)),
        block,
    )
    holder = Holder(inner, _string_or_none(block.get("mime_type")))
    mime_type = holder.stated_mime_type() or ""
    kind = mime_type.partition("/")[0]
    if kind == "text" or block.get("source_type") == "text":
        return _read_plain_text(block, at, defaults)
    if mime_type == "application/pdf":
        raise MediaError(_NO_DOCUMENTS, *at)
    if kind not in ("image", "video", "audio"):
        stated = f"its MIME type is {mime_type[:60]!r}" if mime_type else "it states no MIME type"
        raise MediaError(
            f"a {block_type(block)} block must hold an image, a video or a sound, but {stated}; "
            "use an image, video or audio block with mime_type.",
            *at,
        )
    return _medium(kind, holder, block, at, defaults)


def _string_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


READERS: dict[str, Reader] = {
    "text": _read_text,
    "text-plain": _read_plain_text,
    "non_standard": _read_non_standard,
    "image": _standard("image"),
    "video": _standard("video"),
    "audio": _standard("audio"),
    "image_url": _located("image", "image_url"),
    "video_url": _located("video", "video_url"),
    "input_audio": _located("audio", "input_audio", "data"),
    # Foreign: one row of `foreign.TABLE` each.
    "input_text": _read_text,
    "output_text": _read_text,
    "refusal": _read_refusal,
    "audio_url": _located("audio", "audio_url"),
    "input_image": _located("image", "image_url"),
    "input_video": _located("video", "video_url"),
    "file": _read_by_mime_type,
    "input_file": _read_by_mime_type,
    "media": _read_by_mime_type,
    "file_data": _read_by_mime_type,
    "inline_data": _read_by_mime_type,
    "document": _read_document,
    "search_result": _read_search_result,
    "json": _read_json,
    "custom_tool_call_output": _read_custom_output,
    "cachePoint": _read_nothing,
}
"""What reads each type of block in user messages and tool results. `tool_result` is missing on
purpose: `history` makes turns of it."""

KNOWN_KEYS = HARMLESS_KEYS | frozenset(READERS) | frozenset(
    {
        "type", "url", "base64", "data", "bytes", "source", "source_type", "mime_type",
        "media_type", "file_id", "file_uri", "file_url", "format", "fps", "media_resolution",
        "video_metadata", "output", "content", "value",
    }
)  # fmt: skip
"""Keys that are read somewhere; the others are warned about."""


def note_unknown_keys(block: Block, kind: str) -> None:
    """Warn, once per key, about keys of a block that are not sent.

    Args:
        block: The block; its `extras` are looked through too.
        kind: What it is, for the warning.
    """
    unknown = {key for key in block.keys() - KNOWN_KEYS if block[key] is not None}
    extras = block.get("extras")
    if isinstance(extras, Mapping):
        unknown |= extras.keys() - KNOWN_KEYS - {"size", "sha256"}
    for key in sorted(map(str, unknown)):
        warn_once(
            f"MiMo does not know the key {key!r}; it is not sent (first seen on a block of type "
            f"{kind!r}).",
            f"block key {key}",
        )

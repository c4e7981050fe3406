"""Files and documents in messages: media by their bytes, text as text, links in results as text."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping

from langchain_mimo._json import join_surrogates
from langchain_mimo._media.file_kinds import (
    media_kind,
    text_of,
    unreadable_reason,
)
from langchain_mimo._media.references import InlineBase64, split_data_url
from langchain_mimo._wire.from_langchain.media_blocks import (
    Block,
    BlockPosition,
    SourceDict,
    media_part,
)
from langchain_mimo._wire.from_langchain.options import MediaDefaults
from langchain_mimo._wire.from_langchain.other_providers import block_type
from langchain_mimo._wire.json_values import string_or_empty
from langchain_mimo._wire.turns import Part, TextPart
from langchain_mimo.errors import MediaError

FILE_TYPES = frozenset({"file", "input_file", "media", "file_data", "inline_data"})
"""Types of blocks that do not tell the kind of media."""

NO_DOCUMENTS = (
    "MiMo does not read PDFs or other documents; send the text as a text block, or the pages as "
    "images"
)
_NAME_KEYS = ("filename", "file_name", "name")
_LINK_KEYS = ("title", *_NAME_KEYS, "description")
_MEDIA = ("image", "video", "audio")
_TEXT_SUBTYPES = frozenset(
    {
        *(
            "json",
            "xml",
            "yaml",
            "x-yaml",
            "toml",
            "csv",
            "x-ndjson",
            "ndjson",
            "jsonl",
            "jsonlines",
        ),
        *("javascript", "x-javascript", "ecmascript", "typescript", "sql", "graphql", "x-sh"),
        *("x-httpd-php", "x-python", "x-tex", "x-subrip", "x-latex", "markdown", "json5"),
    }
)
"""Types of application/ that are text, beside those that end in +json, +xml or +yaml."""


def is_text_type(mime_type: str) -> bool:
    """Return whether a MIME type, in lower case and without parameters, is one of text."""
    kind, _, subtype = mime_type.partition("/")
    if kind == "text":
        return True
    is_known = subtype in _TEXT_SUBTYPES or subtype.endswith(("+json", "+xml", "+yaml"))
    return kind == "application" and is_known


def read_plain_text(block: Block, at: BlockPosition, _: MediaDefaults) -> TextPart:
    """Read `text-plain` and v0 `file` blocks: text, or base64 of it."""
    text = block.get("text")
    if text is None and block.get("source_type") == "text":
        text = block.get("data") or block.get("url")
    encoded = block.get("base64") or (block.get("data") if text is None else None)
    if text is None and isinstance(encoded, str):
        return TextPart(with_heading(block, _decoded(InlineBase64(encoded), at)))
    if not isinstance(text, str):
        raise MediaError(
            "a text file must contain its text ('text' or 'base64'); it is not fetched from a URL "
            "or a file_id",
            *at,
        )
    return TextPart(with_heading(block, text))


def _decoded(source: InlineBase64, at: BlockPosition) -> str:
    text = _text_within_limit(source, at)
    if text is None:
        raise _not_text(at)
    return text


def _text_within_limit(source: InlineBase64, at: BlockPosition) -> str | None:
    try:
        return text_of(source)
    except ValueError as error:
        raise MediaError(f"the text file cannot be sent: {error}", *at) from None


def with_heading(block: Block, text: str) -> str:
    """Put a document's title and context before its text, as the provider does."""
    head = [value for key in ("title", "context") if isinstance(value := block.get(key), str)]
    return join_surrogates("\n".join([*filter(None, head), text]))


def read_file(block: Block, at: BlockPosition, defaults: MediaDefaults) -> Part:
    """Read a block whose type does not tell what it holds: one of `FILE_TYPES`.

    The first bytes decide, whatever the MIME type says. Text is sent as text below the file's name.

    Raises:
        MediaError: It is neither media that MiMo reads nor text, or is given by URL without a MIME
            type of media.
    """
    source_dict = _source_dict(block)
    if block.get("source_type") == "text" or isinstance(source_dict.fields.get("text"), str):
        return read_plain_text(source_dict.fields, at, defaults)
    stated = source_dict.stated_mime_type() or ""
    inline = inline_source(source_dict)
    if inline is not None:
        return read_bytes(inline, source_dict, block, at, defaults)
    kind = stated.partition("/")[0]
    if kind in _MEDIA:
        return media_part(kind, source_dict, block, at, defaults)
    if is_text_type(stated):
        return read_plain_text(source_dict.fields, at, defaults)
    if stated == "application/pdf":
        raise MediaError(NO_DOCUMENTS, *at)
    raise _not_media(block, stated, at)


def read_bytes(
    source: InlineBase64,
    source_dict: SourceDict,
    block: Block,
    at: BlockPosition,
    defaults: MediaDefaults,
) -> Part:
    """Read a file that is in the block: as media, as text, or raise.

    Args:
        source: The file.
        source_dict: Where the file is in the block.
        block: The whole block.
        at: Index of the message and index of the block.
        defaults: For videos that set no `fps` or `media_resolution`.

    Raises:
        MediaError: It is neither media that MiMo reads nor text.
    """
    stated = source_dict.stated_mime_type() or ""
    kind, says_text = stated.partition("/")[0], is_text_type(stated)
    try:
        found = media_kind(source, kind)
        unreadable = None if found or says_text else unreadable_reason(source)
    except ValueError as error:
        raise MediaError(f"the file cannot be sent: {error}", *at) from None
    if found is not None:
        return media_part(found, source_dict, block, at, defaults)
    if unreadable is not None:
        raise MediaError(f"the file cannot be sent: {unreadable}", *at)
    if kind in _MEDIA:  # its signature is unknown; whatever opens it decides
        return media_part(kind, source_dict, block, at, defaults)
    text = _text_within_limit(source, at)
    if text is not None:
        name = file_name(block)
        return TextPart(with_heading(block, f"{name}\n{text}" if name else text))
    raise _not_text(at) if says_text else _not_media(block, stated, at)


def _not_text(at: BlockPosition) -> MediaError:
    return MediaError("a text file must be base64 of UTF-8 text", *at)


def _not_media(block: Block, stated: str, at: BlockPosition) -> MediaError:
    said = f"its MIME type is {stated[:60]!r}" if stated else "it has no MIME type"
    return MediaError(
        f"a {block_type(block)} block must contain an image, a video, audio or text, but {said}; "
        "use an image, video or audio block with mime_type",
        *at,
    )


def _source_dict(block: Block) -> SourceDict:
    keys = ("file", "inline_data", "file_data")
    inner = next((v for k in keys if isinstance(v := block.get(k), Mapping)), block)
    return SourceDict(inner, string_or_empty(block.get("mime_type")) or None)


def inline_source(source_dict: SourceDict) -> InlineBase64 | None:
    """Return the base64 in a block, or None if it is elsewhere, missing or ambiguous."""
    found = list(source_dict.locations())
    if len(found) != 1:
        return None
    key, value = found[0]
    if isinstance(value, bytes | bytearray | memoryview):
        return InlineBase64(b64encode(value).decode("ascii"))
    if not isinstance(value, str):
        return None
    if split := split_data_url(value):
        return split[1]
    is_url = "url" in key or "uri" in key or ":" in value[:16]
    return None if is_url else InlineBase64(value)


def _named(block: Block) -> Iterator[Block]:
    """Yield the dicts of a block that may hold its file's name."""
    yield block
    for key in ("file", "inline_data", "file_data", "extras", "metadata", "document"):
        if isinstance(inner := block.get(key), Mapping):
            yield inner


def file_name(block: Block) -> str:
    """Return the name of a file without its folders, or ""."""
    for each in _named(block):
        for key in _NAME_KEYS:
            if name := string_or_empty(each.get(key)):
                return name.replace("\\", "/").rsplit("/", 1)[-1][:200]
    return ""


def link_text(block: object) -> str | None:
    """Return what stands for a link in a tool's result that leads to no media, else None.

    MCP servers answer with links to anything (`resource_link`). LangChain's adapters write them as
    `file` blocks by URL. MiMo opens none of them, and the tool meant a link: name, URL, type.
    """
    if not isinstance(block, Mapping) or block_type(block) not in FILE_TYPES:
        return None
    source_dict = _source_dict(block)
    urls = [value for key, value in source_dict.locations() if "url" in key or "uri" in key]
    if len(urls) != 1 or not isinstance(url := urls[0], str) or url[:5].lower() == "data:":
        return None
    stated = source_dict.stated_mime_type() or ""
    if stated.partition("/")[0] in _MEDIA or block.get("source_type") == "text":
        return None
    named = [
        value for each in _named(block) for key in _LINK_KEYS
        if (value := string_or_empty(each.get(key)))
    ]  # fmt: skip
    details = [*dict.fromkeys(named), url, *([stated] if stated else [])]
    return join_surrogates(f"[Link: {', '.join(details)}]")

"""Adds the MIME type to image blocks without one, since LangChain's tracing requires it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_mimo._media.identify import HEAD_BYTES, mime_type_for
from langchain_mimo._media.readers import Base64Reader
from langchain_mimo._media.references import InlineBase64

UNKNOWN = "application/octet-stream"
"""The MIME type of bytes that are not known."""


def with_mime_types(messages: Sequence[BaseMessage]) -> list[BaseMessage] | None:
    """Add the MIME type to base64 image blocks that state none, by their first bytes.

    Args:
        messages: A conversation; not changed.

    Returns:
        A copy with the MIME types filled in, or None when none is missing. Bytes that are not an
        image that MiMo accepts get `UNKNOWN`; they are refused when the request is built or sent.
    """
    changed: dict[int, BaseMessage] = {}
    for index, message in enumerate(messages):
        content = message.content
        if isinstance(content, list) and any(map(_untyped_base64, content)):
            blocks = [_with_mime_type(block) for block in content]
            changed[index] = message.model_copy(update={"content": blocks})
    if not changed:
        return None
    return [changed.get(index, message) for index, message in enumerate(messages)]


def _untyped_base64(block: Any) -> str | None:
    """Return the base64 of a standard image block (v1 or v0) that states no MIME type."""
    if not isinstance(block, dict) or block.get("type") != "image" or block.get("mime_type"):
        return None
    data = block.get("base64", block.get("data") if "source_type" in block else None)
    return data if isinstance(data, str) and data else None


def _with_mime_type(block: Any) -> Any:
    data = _untyped_base64(block)
    return block if data is None else {**block, "mime_type": _mime_type(data)}


def _mime_type(base64: str) -> str:
    try:
        head = Base64Reader(InlineBase64(base64)).read(0, HEAD_BYTES)
        return mime_type_for("image", head, None)[0]
    except ValueError:
        return UNKNOWN

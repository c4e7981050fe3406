"""Pictures without a MIME type: LangChain's tracing wants one before a model sees the message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_mimo._media.identify import HEAD_BYTES, mime_type_for
from langchain_mimo._media.readers import Base64Reader
from langchain_mimo._media.references import InlineBase64
from langchain_mimo.errors import MediaError


def _unnamed(block: Any) -> str | None:
    """Return the base64 of a standard block (v1 or v0) that is a picture without a MIME type."""
    if not isinstance(block, dict) or block.get("type") != "image" or block.get("mime_type"):
        return None
    data = block.get("base64", block.get("data") if "source_type" in block else None)
    return data if isinstance(data, str) and data else None


def with_mime_types(messages: Sequence[BaseMessage]) -> list[BaseMessage] | None:
    """Name the pictures that are unnamed, by their first bytes.

    Args:
        messages: A conversation; not changed.

    Returns:
        A copy with the MIME types filled in, or None when there is nothing to fill in.

    Raises:
        MediaError: The bytes are not those of a picture that MiMo takes.
    """
    named: dict[int, BaseMessage] = {}
    for index, message in enumerate(messages):
        content = message.content
        if isinstance(content, list) and any(map(_unnamed, content)):
            blocks = [_named(block, index, at) for at, block in enumerate(content)]
            named[index] = message.model_copy(update={"content": blocks})
    if not named:
        return None
    return [named.get(index, message) for index, message in enumerate(messages)]


def _named(block: Any, message_index: int, block_index: int) -> Any:
    data = _unnamed(block)
    if data is None:
        return block
    return {**block, "mime_type": _mime_type(data, message_index, block_index)}


def _mime_type(base64: str, message_index: int, block_index: int) -> str:
    try:
        head = Base64Reader(InlineBase64(base64)).read(0, HEAD_BYTES)
        return mime_type_for("image", head, None)[0]
    except ValueError as error:
        raise MediaError(f"the image cannot be sent: {error}", message_index, block_index) from None

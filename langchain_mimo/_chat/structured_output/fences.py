"""Removes code fences around JSON responses, from whole messages and streams alike."""

from __future__ import annotations

import re
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_mimo._json import clean_json

BLANK = "\ufeff \t\r\n"
"""Characters allowed around JSON: white space, and a byte order mark."""

_LANGUAGE = re.compile(r"[\w+.-]*")
_METADATA_KEY = "code_fence_removed"


def parse_json(text: str) -> Any:
    """Parse JSON strictly, with or without a code fence around all of it.

    Lone surrogates in its strings are repaired (`_json`).

    Raises:
        ValueError: The text is not JSON, or has an object with a key that occurs more than once.
        RecursionError: It is nested too deeply.
    """
    try:
        return clean_json(text.strip(BLANK))
    except (ValueError, RecursionError):
        inside, is_fenced = remove_fence(text)
        if not is_fenced:
            raise
    return clean_json(inside.strip(BLANK))


def remove_fence(text: str) -> tuple[str, bool]:
    """Remove a code fence around the whole text.

    Args:
        text: The text of a response.

    Returns:
        (content of the fence, True); or (text, False) when there is no fence, more than one, or
        prose around it.
    """
    body = text.strip(BLANK)
    opening, newline, rest = body.partition("\n")
    if not (newline and opening.startswith("```") and rest.endswith("```")):
        return text, False
    if not _LANGUAGE.fullmatch(opening[3:].strip()):
        return text, False
    inside = rest[:-3].rstrip(" \t").removesuffix("\n").removesuffix("\r")
    if any(line.lstrip().startswith("```") for line in inside.split("\n")):
        return text, False
    return inside, True


def without_fence(message: AIMessage) -> AIMessage:
    """Remove a code fence around a final answer that was requested as JSON.

    Args:
        message: A whole response; one with tool calls is not a final answer and stays unchanged.

    Returns:
        The message; `response_metadata["code_fence_removed"]` is True where a fence was removed.
    """
    if not isinstance(message.content, str) or message.tool_calls or message.invalid_tool_calls:
        return message
    text, removed = remove_fence(message.content)
    if not removed:
        return message
    return message.model_copy(
        update={
            "content": text,
            "response_metadata": {**message.response_metadata, _METADATA_KEY: True},
        }
    )


class FenceStripper:
    """`without_fence` for a stream: the merged chunks are the same message.

    Text that does not start with a fence passes as it arrives. Text that does is held back until
    the end, where it is known whether the fence surrounds all of it. Feed it the chunks of one
    response, in order.
    """

    __slots__ = ("_held", "_passing")

    def __init__(self) -> None:
        self._held = ""
        self._passing = False

    def feed(self, chunk: AIMessageChunk) -> list[AIMessageChunk]:
        """Take a chunk.

        Args:
            chunk: The next chunk; its content is a string.

        Returns:
            What may pass: zero chunks or one.
        """
        if self._passing or not isinstance(chunk.content, str):
            return [chunk]
        self._held += chunk.content
        if self._held and not _may_be_fenced(self._held):
            return [self._released(chunk, self._held)]
        if chunk.tool_call_chunks:
            return [self._released(chunk, self._held)]
        if chunk.chunk_position == "last":
            text, removed = remove_fence(self._held)
            metadata = {_METADATA_KEY: True} if removed else {}
            return [self._released(chunk, text, metadata)]
        if not chunk.content:
            return [chunk]
        rest = chunk.model_copy(update={"content": ""})
        has_more = rest.additional_kwargs or rest.usage_metadata or rest.response_metadata
        return [rest] if has_more else []

    def _released(
        self, chunk: AIMessageChunk, text: str, metadata: dict[str, bool] | None = None
    ) -> AIMessageChunk:
        self._passing = True
        if text == chunk.content and not metadata:
            return chunk
        metadata = {**chunk.response_metadata, **(metadata or {})}
        return chunk.model_copy(update={"content": text, "response_metadata": metadata})


def _may_be_fenced(text: str) -> bool:
    """Return whether text that starts like this may turn out to be inside a code fence."""
    start = text.lstrip(BLANK)[:3]
    return "```".startswith(start)

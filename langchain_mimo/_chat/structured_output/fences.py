"""Code fences around JSON answers, taken off whole messages and streams alike."""

from __future__ import annotations

import re

from langchain_core.messages import AIMessage, AIMessageChunk

BLANK = "\ufeff \t\r\n"
"""What may stand around JSON: white space, and a byte order mark."""

_LANGUAGE = re.compile(r"[\w+.-]*")
_UNFENCED_KEY = "code_fence_removed"


def unfence(text: str) -> tuple[str, bool]:
    """Take off a code fence that stands around the whole text.

    Args:
        text: An answer.

    Returns:
        What is inside and True; or the text as it is and False when there is no fence, prose
        around it, or more than one.
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


def unfenced_message(message: AIMessage) -> AIMessage:
    """Take off a code fence around a final answer that was asked for as JSON.

    Args:
        message: A whole answer; one with tool calls is no final answer and is left as it is.

    Returns:
        The message; `response_metadata["code_fence_removed"]` is True where a fence was removed.
    """
    if not isinstance(message.content, str) or message.tool_calls or message.invalid_tool_calls:
        return message
    text, removed = unfence(message.content)
    if not removed:
        return message
    return message.model_copy(
        update={
            "content": text,
            "response_metadata": {**message.response_metadata, _UNFENCED_KEY: True},
        }
    )


class FenceStripper:
    """`unfenced_message` for a stream: the merged chunks are the same message.

    Text that does not begin with a fence flows on as it comes. Text that does is held back to the
    end, since only there it is known whether the fence stands around all of it. Feed it the chunks
    of one answer, in order.
    """

    __slots__ = ("_held", "_passing")

    def __init__(self) -> None:
        self._held = ""
        self._passing = False

    def feed(self, chunk: AIMessageChunk) -> list[AIMessageChunk]:
        """Take in a chunk.

        Args:
            chunk: The next chunk; its content is a string.

        Returns:
            What may go on, zero chunks or one.
        """
        if self._passing or not isinstance(chunk.content, str):
            return [chunk]
        self._held += chunk.content
        if self._held and not _may_be_fenced(self._held):
            return [self._released(chunk, self._held)]
        if chunk.tool_call_chunks:
            return [self._released(chunk, self._held)]
        if chunk.chunk_position == "last":
            text, removed = unfence(self._held)
            noted = {_UNFENCED_KEY: True} if removed else {}
            return [self._released(chunk, text, noted)]
        if not chunk.content:
            return [chunk]
        rest = chunk.model_copy(update={"content": ""})
        has_more = rest.additional_kwargs or rest.usage_metadata or rest.response_metadata
        return [rest] if has_more else []

    def _released(
        self, chunk: AIMessageChunk, text: str, noted: dict[str, bool] | None = None
    ) -> AIMessageChunk:
        self._passing = True
        if text == chunk.content and not noted:
            return chunk
        metadata = {**chunk.response_metadata, **(noted or {})}
        return chunk.model_copy(update={"content": text, "response_metadata": metadata})


def _may_be_fenced(text: str) -> bool:
    """Whether text that begins like this may turn out to stand in a code fence."""
    start = text.lstrip(BLANK)[:3]
    return "```".startswith(start)

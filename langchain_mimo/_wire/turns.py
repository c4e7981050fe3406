"""Turns: a conversation in neutral form, free of LangChain's and other providers' shapes.

`from_langchain` builds them from messages; each API format encodes them. They are plain slotted
classes, since a long history creates thousands of them per call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from langchain_mimo._media.references import MediaReference


@dataclass(slots=True)
class TextPart:
    """A piece of text."""

    text: str


@dataclass(slots=True)
class MediaPart:
    """An image, a video or audio.

    Attributes:
        reference: Where the bytes are; not opened.
        fps: Frames per second to sample, videos only; None is not sent.
        media_resolution: "default" or "max", videos only; None is not sent.
    """

    reference: MediaReference
    fps: float | None = None
    media_resolution: str | None = None


Part: TypeAlias = TextPart | MediaPart


@dataclass(slots=True)
class SystemTurn:
    """Instructions. `role` is "system" or "developer"; text only."""

    text: str
    role: Literal["system", "developer"] = "system"
    name: str | None = None


@dataclass(slots=True)
class UserTurn:
    """A user's message; `content` is a plain string when it is a single text."""

    content: str | list[Part]
    name: str | None = None


@dataclass(slots=True)
class ToolCall:
    """A tool call that the model made; `arguments` is the exact text to send back."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class AssistantTurn:
    """A message of the model.

    Attributes:
        text: The answer; "" when there is none, never None.
        reasoning: The reasoning to send back, unchanged; None sends none.
        calls: The tool calls, in order.
        name: A participant's name, or None.
        signature: The reasoning's signature in the Anthropic format, or None when unknown.
    """

    text: str
    reasoning: str | None = None
    calls: list[ToolCall] = field(default_factory=list)
    name: str | None = None
    signature: str | None = None


@dataclass(slots=True)
class ToolTurn:
    """A tool's result.

    Attributes:
        call_id: Id of the call that it is the result of.
        text: The result as text; never empty.
        media: Media to put into the tool message itself (only for models that document it).
        is_error: Whether the tool failed.
        moved: Its media in the user turn that follows the results; the text may count them.
    """

    call_id: str
    text: str
    media: list[MediaPart] = field(default_factory=list)
    is_error: bool = False
    moved: list[MediaPart] = field(default_factory=list, repr=False, compare=False)


Turn: TypeAlias = SystemTurn | UserTurn | AssistantTurn | ToolTurn


def media_parts(turn: Turn) -> Iterator[MediaPart]:
    """Yield the media of a turn, in order."""
    if isinstance(turn, ToolTurn):
        yield from turn.media
    elif isinstance(turn, UserTurn) and not isinstance(turn.content, str):
        yield from (part for part in turn.content if isinstance(part, MediaPart))

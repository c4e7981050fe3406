"""Clean turns: what a conversation is once LangChain's and other providers' shapes are gone.

`history` makes them from messages; each API format encodes them. Plain slotted classes, since a
long history makes thousands of them per call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from langchain_mimo._media.references import MediaReference


@dataclass(slots=True)
class TextPart:
    """A piece of text."""

    text: str


@dataclass(slots=True)
class MediaPart:
    """A picture, a video or a sound.

    Attributes:
        reference: The medium, unopened.
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
    """What the user said, showed or played; a plain string where there is only one text."""

    content: str | list[Part]
    name: str | None = None


@dataclass(slots=True)
class Call:
    """A tool call that the model made; `arguments` is the exact text that goes back."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class AssistantTurn:
    """What the model answered.

    Attributes:
        text: The answer; "" when there is none, never None.
        reasoning: The thoughts to hand back, exactly; None when none are to be sent.
        calls: The tool calls, in order.
        name: A participant's name, or None.
        signature: The signature of the thoughts in the Anthropic format, or None when unknown.
    """

    text: str
    reasoning: str | None = None
    calls: list[Call] = field(default_factory=list)
    name: str | None = None
    signature: str | None = None


@dataclass(slots=True)
class ToolTurn:
    """A tool's result.

    Attributes:
        call_id: The id of the call it answers.
        text: The result as text; never empty.
        media: Media to put into the tool message itself (only where a model documents that).
        is_error: Whether the tool failed.
    """

    call_id: str
    text: str
    media: list[MediaPart] = field(default_factory=list)
    is_error: bool = False


Turn: TypeAlias = SystemTurn | UserTurn | AssistantTurn | ToolTurn

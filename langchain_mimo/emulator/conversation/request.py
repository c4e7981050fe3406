"""A request in neutral form: what both of MiMo's API formats say, once checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from langchain_mimo.catalogue import Model

MediaKind: TypeAlias = Literal["image", "audio", "video"]
Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What opening a medium showed.

    Attributes:
        format: Container, upper case: PNG, MP4, WAV …; "" when the medium was not fetched.
        width: Pixels, 0 for sound.
        height: Pixels, 0 for sound.
        duration: Seconds, 0 for pictures.
        has_audio: Whether a video has a sound track; True for sound.
        details: The rest in words, for the answer: frame rate, colours, loudness, pitch.
    """

    format: str
    width: int = 0
    height: int = 0
    duration: float = 0.0
    has_audio: bool = False
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MediaItem:
    """One picture, sound or video of a request.

    Attributes:
        kind: What the request called it.
        url: Its address, or None when its bytes came along.
        mime_type: As declared, or as the served file's format implies; "" for a nominal medium.
        data: Its bytes; None for an address that is not mapped to a file.
        sha256: Hexadecimal digest of the bytes, or of the address.
        info: What it is.
        fps: Frames per second asked for, or None.
        media_resolution: `default`, `max` or None.
    """

    kind: MediaKind
    url: str | None
    mime_type: str
    data: bytes | None
    sha256: str
    info: MediaInfo
    fps: float | None = None
    media_resolution: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool.

    Attributes:
        id: What the result refers to.
        name: The tool's.
        arguments: JSON text; not necessarily valid when it comes from a history.
    """

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class Turn:
    """One message.

    Attributes:
        role: `developer` counts as system.
        parts: Texts and media, in order.
        reasoning: Thoughts handed back with an assistant turn.
        calls: Tool calls of an assistant turn.
        tool_call_id: Which call a tool turn answers.
    """

    role: Role
    parts: list[str | MediaItem]
    reasoning: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    tool_call_id: str = ""

    @property
    def text(self) -> str:
        """All text parts, joined by line breaks."""
        return "\n".join(part for part in self.parts if isinstance(part, str))

    @property
    def media(self) -> list[MediaItem]:
        """All media parts."""
        return [part for part in self.parts if isinstance(part, MediaItem)]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function tool: its name, its description and the JSON schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class WebSearch:
    """MiMo's own search tool (mimo-api.md §3.5), with its defaults."""

    max_keyword: int = 5
    limit: int = 5
    force_search: bool = False


@dataclass(slots=True)
class Conversation:
    """A checked request.

    Attributes:
        model: The model asked.
        turns: All messages, the system prompt first.
        tools: Function tools.
        web_search: MiMo's search tool when offered.
        thinking: Whether the answer carries thoughts.
        max_output_tokens: Thoughts, answer and calls together.
        stop: Texts that end the answer.
        json_mode: `response_format` is `json_object`.
        stream: Whether events are asked for.
        include_usage: `stream_options.include_usage`, or None when not said.
        parallel_calls: Whether more than one call may be made at once.
    """

    model: Model
    turns: list[Turn]
    tools: list[Tool] = field(default_factory=list)
    web_search: WebSearch | None = None
    thinking: bool = True
    max_output_tokens: int = 0
    stop: tuple[str, ...] = ()
    json_mode: bool = False
    stream: bool = False
    include_usage: bool | None = None
    parallel_calls: bool = True

    @property
    def system_text(self) -> str:
        """All system and developer texts."""
        return "\n".join(turn.text for turn in self.turns if turn.role == "system")

    @property
    def exchange(self) -> list[Turn]:
        """The turns since the last finished answer: the question and its tool rounds."""
        start = 0
        for index, turn in enumerate(self.turns):
            if turn.role == "assistant" and not turn.calls:
                start = index + 1
        return [turn for turn in self.turns[start:] if turn.role != "system"]

    @property
    def media(self) -> list[MediaItem]:
        """All media, in order."""
        return [medium for turn in self.turns for medium in turn.media]

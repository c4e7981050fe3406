"""A checked request in neutral form: what both of MiMo's API formats express."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from langchain_mimo.catalogue import Model

MediaKind: TypeAlias = Literal["image", "audio", "video"]
Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What opening a media file showed.

    Attributes:
        format: Container in upper case (PNG, MP4, WAV …); "" for a file that was not fetched.
        width: Width in pixels; 0 for audio.
        height: Height in pixels; 0 for audio.
        duration: Duration in seconds; 0 for images.
        has_audio: Whether there is an audio track; always True for audio.
        details: Further facts in words, for the answer: frame rate, colours, loudness, pitch.
    """

    format: str
    width: int = 0
    height: int = 0
    duration: float = 0.0
    has_audio: bool = False
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """A range of a media file in which nothing changes much.

    Attributes:
        start: When it begins, in seconds after the start of the file; 0 for an image.
        end: When it ends.
        looks: What it looks like, in words; "" for audio.
        heard: What is heard, in words; "" for silence, and without audio.
    """

    start: float
    end: float
    looks: str = ""
    heard: str = ""


@dataclass(frozen=True, slots=True)
class MediaItem:
    """One image, video or audio item of a request.

    Attributes:
        kind: The kind that the request declared.
        url: Its URL, or None if it was sent inline.
        mime_type: The declared MIME type; for a URL, the type of the mapped file, or "" if the URL
            is not mapped.
        data: Its bytes; None for a URL that is not mapped to a file.
        sha256: Hexadecimal digest of the bytes, or of the URL if there are none.
        info: What opening it showed.
        fps: The requested frames per second, or None.
        media_resolution: `default`, `max` or None.
        find_scenes: Returns its scenes, without gaps; None if there is only one. It decodes the
            file, and may raise a refusal.
    """

    kind: MediaKind
    url: str | None
    mime_type: str
    data: bytes | None
    sha256: str
    info: MediaInfo
    fps: float | None = None
    media_resolution: str | None = None
    find_scenes: Callable[[], tuple[Scene, ...]] | None = field(
        default=None, compare=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a function tool.

    Attributes:
        id: The id that the tool's result refers to.
        name: Name of the tool.
        arguments: JSON text; it may be invalid in a call from the message history.
    """

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class Turn:
    """One message.

    Attributes:
        role: Role of the sender; `developer` counts as `system`.
        parts: Texts and media, in order.
        reasoning: Reasoning that was sent back with an assistant turn.
        calls: Tool calls of an assistant turn.
        tool_call_id: Id of the call whose result a tool turn holds.
    """

    role: Role
    parts: list[str | MediaItem]
    reasoning: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    tool_call_id: str = ""

    @property
    def text(self) -> str:
        """All text parts, joined with line breaks."""
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
    """MiMo's own web search tool and its defaults (docs/api-facts.md)."""

    max_keyword: int = 5
    limit: int = 5
    force_search: bool = False


@dataclass(slots=True)
class Conversation:
    """A checked request.

    Attributes:
        model: The requested model.
        turns: All messages, the system prompt first.
        tools: Function tools.
        web_search: MiMo's web search tool, if the request offers it.
        thinking: Whether the response contains reasoning.
        max_output_tokens: Limit for reasoning, answer and tool calls together, in tokens.
        stop: Strings that end the answer.
        json_mode: Whether `response_format` is `json_object`.
        json_schema: The schema of `response_format` `json_schema`, or None; always None before
            v2.6.
        stream: Whether the response is streamed.
        include_usage: `stream_options.include_usage`; None if not set.
        parallel_calls: Whether the response may contain more than one tool call.
    """

    model: Model
    turns: list[Turn]
    tools: list[Tool] = field(default_factory=list)
    web_search: WebSearch | None = None
    thinking: bool = True
    max_output_tokens: int = 0
    stop: tuple[str, ...] = ()
    json_mode: bool = False
    json_schema: dict[str, Any] | None = None
    stream: bool = False
    include_usage: bool | None = None
    parallel_calls: bool = True

    @property
    def system_text(self) -> str:
        """The texts of all system and developer turns."""
        return "\n".join(turn.text for turn in self.turns if turn.role == "system")

    @property
    def exchange(self) -> list[Turn]:
        """The turns since the last assistant turn without tool calls, without system turns."""
        start = 0
        for index, turn in enumerate(self.turns):
            if turn.role == "assistant" and not turn.calls:
                start = index + 1
        return [turn for turn in self.turns[start:] if turn.role != "system"]

    @property
    def media(self) -> list[MediaItem]:
        """All media of all turns, in order."""
        return [item for turn in self.turns for item in turn.media]

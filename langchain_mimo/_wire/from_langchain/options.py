"""How a history is read: the model's fields and the call's options fill one object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from langchain_mimo._checks import choice, number
from langchain_mimo.catalogue import FPS_RANGE, MEDIA_RESOLUTIONS
from langchain_mimo.errors import as_input_error

ReplayReasoning: TypeAlias = Literal["always", "tool_calls", "never"]
MissingReasoning: TypeAlias = Literal["pad", "disable_thinking", "error"]
ToolMedia: TypeAlias = Literal["user", "inline"]


@dataclass(slots=True)
class MediaDefaults:
    """Defaults for video blocks that set no `fps` or `media_resolution`.

    Attributes:
        fps: Frames per second, 0.1 to 10, or None to leave it to the server (which takes 2).
        media_resolution: "default", "max", or None to leave it to the server.
    """

    fps: float | None = None
    media_resolution: str | None = None

    def __post_init__(self) -> None:
        """Validate both; raises `MiMoInputError`."""
        if self.fps is not None:
            with as_input_error():
                self.fps = number("fps", self.fps, *FPS_RANGE)
        if self.media_resolution is not None:
            with as_input_error():
                choice("media_resolution", self.media_resolution, MEDIA_RESOLUTIONS)


@dataclass(slots=True)
class HistoryOptions:
    """How a history is to be read.

    Attributes:
        model: The model's id, for errors.
        inputs: Modalities it takes; None when unknown, then everything passes.
        media_defaults: `fps` and `media_resolution` of videos that state none.
        thinking_on: Whether the request thinks. MiMo demands thoughts on turns with tool calls
            only then; without it they are left out, unless `replay_reasoning` is "always".
        replay_reasoning: Which assistant turns hand their thoughts back: those with tool calls
            (what MiMo demands), all that have some, or none (MiMo then refuses turns with tool
            calls while thinking). Thoughts cost prompt tokens.
        missing_reasoning: What to do about a turn with tool calls that has no thoughts, "" counting
            as none: send `REASONING_PAD`, think no more in this request, or raise.
        tool_media: Where media of a tool's result go: into one user turn after the last of the
            parallel results, or into the tool message (v2.6 documents it).
        repair_history: Whether to mend, in the request only, what does not fit together. Calls
            without a result get `pairing.INTERRUPTED`; results that come late move up to their
            call; results without a call, or a second one, become user text; media in assistant
            messages become a note.
    """

    model: str
    inputs: frozenset[str] | None = None
    media_defaults: MediaDefaults = field(default_factory=MediaDefaults)
    thinking_on: bool = True
    replay_reasoning: ReplayReasoning = "tool_calls"
    missing_reasoning: MissingReasoning = "pad"
    tool_media: ToolMedia = "user"
    repair_history: bool = False

"""How a message history is read; the model's fields and a call's options fill one object."""

from __future__ import annotations

from dataclasses import dataclass, field

from langchain_mimo._checks import choice, number, spelled_number
from langchain_mimo._wire.choices import MissingReasoning, ReplayReasoning, ToolMedia
from langchain_mimo.catalogue import FPS_RANGE, MEDIA_RESOLUTIONS
from langchain_mimo.errors import as_input_error


@dataclass(slots=True)
class MediaDefaults:
    """Defaults for blocks: how videos are sampled, and what becomes of blocks that cannot be sent.

    Attributes:
        fps: Frames per second of videos whose block sets none, 0.1 to 10, or None to leave it to
            the server (which takes 2).
        media_resolution: "default", "max", or None to leave it to the server; likewise.
        leave_out_unusable: Whether a note takes the place of a block that cannot be sent.
    """

    fps: float | None = None
    media_resolution: str | None = None
    leave_out_unusable: bool = False

    def __post_init__(self) -> None:
        """Validate the first two; raises `MiMoInputError`."""
        if self.fps is None and self.media_resolution is None:
            return
        with as_input_error():
            if self.fps is not None:
                self.fps = number("fps", spelled_number(self.fps), *FPS_RANGE)
            if self.media_resolution is not None:
                choice("media_resolution", self.media_resolution, MEDIA_RESOLUTIONS)


@dataclass(slots=True)
class HistoryOptions:
    """How a message history is read.

    Attributes:
        model: The model id, for errors.
        inputs: Modalities the model takes; None when unknown, then all of them pass.
        media_defaults: Defaults for video blocks.
        thinking_on: Whether the request thinks. MiMo requires reasoning on turns with tool calls
            only then; otherwise it is left out, unless `replay_reasoning` is "always".
        replay_reasoning: Which assistant turns are sent with their reasoning: those with tool calls
            (which MiMo requires), all that have some, or none (MiMo then refuses turns with tool
            calls while thinking). Reasoning costs prompt tokens.
        missing_reasoning: What to do about a turn with tool calls that has no reasoning, or "":
            send `history.REASONING_PAD`, turn thinking off for this request, or raise.
        tool_media: Where media in tool results go: into one user turn after the last of the
            parallel results, or into the tool message (documented for v2.6).
        repair_history: Whether to repair, in the request only, turns that do not fit together.
            Calls without a result get `pairing.INTERRUPTED`; late results move up to their call;
            results without a call, or a second one for the same call, become user text; media in
            assistant messages become a note. `media_defaults.leave_out_unusable` does the rest.
    """

    model: str
    inputs: frozenset[str] | None = None
    media_defaults: MediaDefaults = field(default_factory=MediaDefaults)
    thinking_on: bool = True
    replay_reasoning: ReplayReasoning = "tool_calls"
    missing_reasoning: MissingReasoning = "pad"
    tool_media: ToolMedia = "user"
    repair_history: bool = False

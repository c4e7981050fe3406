"""The rules by which a request is checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules by which a request is checked.

    Attributes:
        now: The simulated time, which decides which models are available.
        require_reasoning: Whether to refuse assistant turns with tool calls but no reasoning.
        strict_parameters: Whether to refuse keys that MiMo does not document; MiMo ignores them.
        strict_tool_turns: Whether to refuse tool results without their call, and calls without
            results.
        web_search: Whether the search plugin is enabled in the console.
        anthropic_audio_video: Whether audio and video are read in the Anthropic format; MiMo drops
            them.
    """

    now: datetime
    require_reasoning: bool = True
    strict_parameters: bool = False
    strict_tool_turns: bool = False
    web_search: bool = True
    anthropic_audio_video: bool = False

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
        strict_parameters: Whether to refuse keys that MiMo does not document.
        strict_tool_turns: Whether to refuse tool results without their call, and calls without
            results.
    """

    now: datetime
    require_reasoning: bool = True
    strict_parameters: bool = True
    strict_tool_turns: bool = False

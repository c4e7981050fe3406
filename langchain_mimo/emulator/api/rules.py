"""How strictly a request is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """How strictly a request is read.

    Attributes:
        moment: The moment the emulator pretends, which decides the models that serve.
        require_reasoning: Refuse assistant turns with tool calls and without thoughts.
        strict_parameters: Refuse names that the documentation does not know.
        strict_tool_turns: Refuse tool results without their call and calls without results.
    """

    moment: datetime
    require_reasoning: bool = True
    strict_parameters: bool = True
    strict_tool_turns: bool = False

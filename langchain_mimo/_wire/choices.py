"""Values of settings that ChatMiMo's fields and the reading of histories share."""

from typing import Literal, TypeAlias

ReplayReasoning: TypeAlias = Literal["tool_calls", "always", "never"]
MissingReasoning: TypeAlias = Literal["pad", "disable_thinking", "error"]
ToolMedia: TypeAlias = Literal["user", "inline"]

"""Everything in a request except its messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class RequestOptions:
    """Everything in a request except its messages; None is not sent.

    Attributes:
        model: The model id, as sent.
        parameters: Documented scalar parameters by their name on the wire, None where unset.
        thinking: Whether to think; None leaves it to the model's default.
        tools: Tool definitions in the form of `/v1/chat/completions`.
        tool_choice: "none", "required" or one function, for servers that enforce it.
        parallel_tool_calls: Whether the model may call several tools in one turn.
        response_format: The format that the server enforces.
        stream: Whether to stream.
        include_usage: Whether to ask for usage in the stream.
    """

    model: str
    parameters: Mapping[str, Any]
    thinking: bool | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str | Mapping[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: Mapping[str, Any] | None = None
    stream: bool = False
    include_usage: bool = True

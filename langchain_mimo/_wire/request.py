"""Everything in a request except its messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class RequestOptions:
    """Everything of a request but its messages; None is not sent.

    Attributes:
        model: The id, as it goes out.
        parameters: Documented scalar parameters by their wire name, None where unset.
        thinking: Whether to think; None leaves it to the model's default.
        tools: Tools in the wire's form.
        stream: Whether to stream.
        include_usage: Whether to ask for usage in the stream.
        extra_body: Merged last, over everything else.
    """

    model: str
    parameters: Mapping[str, Any]
    thinking: bool | None = None
    tools: Sequence[Mapping[str, Any]] | None = None
    stream: bool = False
    include_usage: bool = True
    extra_body: Mapping[str, Any] | None = None

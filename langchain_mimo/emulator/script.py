"""Scripted replies: what a test wants the emulator to say in place of its own answer."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from langchain_mimo.emulator.records import RecordedRequest


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, whole or in part; what is not said is made up as usual.

    Attributes:
        content: The answer's text.
        reasoning: The thoughts; None for a sentence of the emulator's own when thinking is on. With
            thinking off no thoughts go out, whatever stands here.
        tool_calls: Calls, each `{"name": …, "args": {…} or raw JSON text}` with an optional `id`.
        finish_reason: None for `tool_calls` or `stop`, as fits.
        usage: Merged over the counted usage, key by key; nested objects are merged too, a value of
            None takes the place of an object.
        annotations: Citations as web search gives them.
        error_message: The web search failure text beside an answer.
        message: Further keys of the message (in a stream: of the first delta).
        pieces: The text deltas of a stream, in place of `content` cut into words.
        reasoning_pieces: Likewise for the thoughts.
        argument_pieces: Characters of a tool call's arguments per delta.
        status: HTTP status; with it or with `body` the answer goes out raw.
        body: Raw body: bytes, text, or a value that is sent as JSON.
        events: A raw stream in place of a made one: mappings go out as `data: {…}` events, text and
            bytes as they stand.
        headers: Further response headers.
        delay: Seconds before the answer begins.
        pause: Seconds before every event but the first.
    """

    content: str = ""
    reasoning: str | None = None
    tool_calls: Sequence[Mapping[str, Any]] = ()
    finish_reason: str | None = None
    usage: Mapping[str, Any] | None = None
    annotations: Sequence[Mapping[str, Any]] | None = None
    error_message: str | None = None
    message: Mapping[str, Any] = field(default_factory=dict)
    pieces: Sequence[str] | None = None
    reasoning_pieces: Sequence[str] | None = None
    argument_pieces: int = 12
    status: int | None = None
    body: bytes | str | Mapping[str, Any] | Sequence[Any] | None = None
    events: Sequence[bytes | str | Mapping[str, Any]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    pause: float = 0.0

    @property
    def is_raw(self) -> bool:
        """Whether it goes out as it stands."""
        return self.status is not None or self.body is not None or self.events is not None


Responder: TypeAlias = Callable[[RecordedRequest], Reply | str | None]


class Script:
    """The replies that wait, and the function that is asked when none does."""

    def __init__(self) -> None:
        self._replies: deque[Reply] = deque()
        self._lock = threading.Lock()
        self.responder: Responder | None = None

    def add(self, reply: Reply) -> None:
        """Queue a reply for the next request that is not refused."""
        with self._lock:
            self._replies.append(reply)

    def clear(self) -> None:
        """Forget what waits, and the responder."""
        with self._lock:
            self._replies.clear()
            self.responder = None

    def next(self, request: RecordedRequest) -> Reply | None:
        """Return the reply to a request, or None when the emulator answers by itself."""
        with self._lock:
            if self._replies:
                return self._replies.popleft()
        answer = self.responder(request) if self.responder is not None else None
        return Reply(answer) if isinstance(answer, str) else answer

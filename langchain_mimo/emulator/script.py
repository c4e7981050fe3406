"""Scripted replies: what a test wants the emulator to say in place of its own answer."""

from __future__ import annotations

import inspect
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from langchain_mimo.emulator.conversation.records import RecordedRequest
from langchain_mimo.emulator.conversation.reply import Reply
from langchain_mimo.emulator.expected import (
    shown,
)

_NAMES = [field.name for field in fields(Reply)]

Responder: TypeAlias = Callable[[RecordedRequest], Reply | str | None]


class ResponderError(RuntimeError):
    """The function given to `respond_with` failed, or returned what is no reply.

    The request is answered with 500 and this sentence; leaving the emulator's `with` block raises
    it. What the function raised is its cause.
    """


def make_reply(content: str | Reply, fields: Mapping[str, Any]) -> Reply:
    """Return the reply that `MiMoEmulator.reply` is asked for.

    Raises:
        TypeError: Fields beside a whole `Reply`, or a field that it does not have.
        ValueError: A value that its field does not take.
    """
    if isinstance(content, Reply):
        if fields:
            raise TypeError(
                f"reply() got a whole Reply and {', '.join(fields)} beside it; "
                "put all into the Reply."
            )
        return content
    unknown = fields.keys() - _NAMES
    if unknown:
        raise TypeError(
            f"A reply has no {', '.join(sorted(unknown))}; it has: {', '.join(_NAMES)}."
        )
    return Reply(content, **fields)


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

    def waiting(self) -> list[Reply]:
        """Return the replies that no request took yet, in order."""
        with self._lock:
            return list(self._replies)

    def clear(self) -> None:
        """Forget what waits, and the responder."""
        with self._lock:
            self._replies.clear()
            self.responder = None

    def next(self, request: RecordedRequest) -> Reply | None:
        """Return the reply to a request, or None when the emulator answers by itself.

        Raises:
            ResponderError: The responder failed, or returned what is no reply.
        """
        with self._lock:
            if self._replies:
                return self._replies.popleft()
        return None if self.responder is None else _ask(self.responder, request)


def _ask(responder: Responder, request: RecordedRequest) -> Reply | None:
    try:
        answer = responder(request)
        if isinstance(answer, str):
            answer = Reply(answer)
    except BaseException as error:  # pytest's own failures are no Exception
        said = " ".join(str(error).split())
        raise ResponderError(
            f"The responder failed with {type(error).__name__}{f': {said}' if said else '.'}"
        ) from error
    if answer is None or isinstance(answer, Reply):
        return answer
    if inspect.iscoroutine(answer):
        answer.close()  # or Python warns that nobody awaited it
    raise ResponderError(
        f"The responder returned {shown(answer)}; it must return a Reply, a text, or None."
    )

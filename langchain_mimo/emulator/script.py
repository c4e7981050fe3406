"""Scripted replies, which a test queues to replace the emulator's own answers."""

from __future__ import annotations

import inspect
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from langchain_mimo.emulator.conversation.records import RecordedRequest
from langchain_mimo.emulator.conversation.reply import Reply
from langchain_mimo.emulator.expected import shown

_NAMES = [field.name for field in fields(Reply)]

Responder: TypeAlias = Callable[[RecordedRequest], Reply | str | None]


class ResponderError(RuntimeError):
    """The function passed to `respond_with` failed or returned an unsupported value.

    The request is answered with status 500 and this message, and the end of the emulator's `with`
    block raises the error. Its `__cause__` is the exception that the function raised, if any.
    """


def make_reply(content: str | Reply, fields: Mapping[str, Any]) -> Reply:
    """Build the reply for `MiMoEmulator.reply`.

    Raises:
        TypeError: `content` is a `Reply` and there are fields too, or a field does not exist.
        ValueError: A field has an invalid value.
    """
    if isinstance(content, Reply):
        if fields:
            raise TypeError(
                f"reply() takes either a Reply or its fields, got a Reply and {', '.join(fields)}; "
                "set every field on the Reply"
            )
        return content
    unknown = fields.keys() - _NAMES
    if unknown:
        raise TypeError(
            f"reply() has no field {', '.join(sorted(unknown))}; its fields are {', '.join(_NAMES)}"
        )
    return Reply(content, **fields)


class Script:
    """The queue of scripted replies, and the function that is called when it is empty."""

    def __init__(self) -> None:
        self._replies: deque[Reply] = deque()
        self._lock = threading.Lock()
        self.responder: Responder | None = None

    def add(self, reply: Reply) -> None:
        """Queue a reply for the next request that is not refused."""
        with self._lock:
            self._replies.append(reply)

    def waiting(self) -> list[Reply]:
        """Return the replies that no request has used yet, in order."""
        with self._lock:
            return list(self._replies)

    def clear(self) -> None:
        """Remove all queued replies and the responder."""
        with self._lock:
            self._replies.clear()
            self.responder = None

    def next(self, request: RecordedRequest) -> Reply | None:
        """Return the reply to a request, or None when the emulator generates its own answer.

        Raises:
            ResponderError: The responder failed or returned an unsupported value.
        """
        with self._lock:
            if self._replies:
                return self._replies.popleft()
        return None if self.responder is None else _call(self.responder, request)


def _call(responder: Responder, request: RecordedRequest) -> Reply | None:
    try:
        reply = responder(request)
        if isinstance(reply, str):
            reply = Reply(reply)
    except BaseException as error:  # pytest.fail raises an exception that is not an Exception
        text = " ".join(str(error).split())
        raise ResponderError(
            f"the responder failed with {type(error).__name__}{f': {text}' if text else ''}"
        ) from error
    if reply is None or isinstance(reply, Reply):
        return reply
    if inspect.iscoroutine(reply):
        reply.close()  # avoids Python's warning about a coroutine that was never awaited
    raise ResponderError(f"the responder must return a Reply, a str or None, got {shown(reply)}")

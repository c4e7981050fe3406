"""MiMo's two API formats, side by side: what differs between them, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_mimo.emulator.api import (
    anthropic_request,
    anthropic_response,
    chat_request,
    chat_response,
)
from langchain_mimo.emulator.api.rules import Rules
from langchain_mimo.emulator.conversation.outcome import Outcome
from langchain_mimo.emulator.conversation.reply import Reply
from langchain_mimo.emulator.conversation.request import Conversation
from langchain_mimo.emulator.media.library import MediaLibrary

Usage = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ApiFormat:
    """One API format.

    Attributes:
        path: Where it is posted to.
        key_headers: Headers that carry the key, beside `Authorization: Bearer`.
        read: Checks a body.
        whole: Makes the body of a whole answer.
        events: Makes the events of a streamed one; the usage is None when none is to be sent.
    """

    path: str
    key_headers: tuple[str, ...]
    read: Callable[[object, Rules, MediaLibrary], Conversation]
    response: Callable[[Outcome, Conversation, Usage, Reply | None], dict[str, Any]]
    events: Callable[[Outcome, Conversation, Usage | None, Reply | None], Iterable[dict[str, Any]]]


CHAT_COMPLETIONS = ApiFormat(
    "/v1/chat/completions",
    ("api-key",),
    chat_request.read_request,
    lambda outcome, asked, usage, reply: chat_response.completion(
        outcome, asked.model, usage, reply
    ),
    lambda outcome, asked, usage, reply: chat_response.chunks(outcome, asked.model, usage, reply),
)

ANTHROPIC_MESSAGES = ApiFormat(
    "/anthropic/v1/messages",
    ("api-key", "x-api-key"),
    anthropic_request.read_request,
    lambda outcome, asked, usage, reply: anthropic_response.message(
        outcome, asked.model, usage, reply
    ),
    # Usage is part of this format's last event whatever was asked.
    lambda outcome, asked, usage, reply: anthropic_response.stream(
        outcome, asked.model, usage or {}, reply
    ),
)

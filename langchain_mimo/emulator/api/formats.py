"""MiMo's two API formats side by side: everything in which they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

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

Usage: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ApiFormat:
    """One API format.

    Attributes:
        path: Path of its endpoint.
        key_headers: Headers that may carry the API key, besides `Authorization: Bearer`.
        read: Checks a request body and returns the conversation.
        response: Builds the body of a non-streamed response.
        events: Builds the events of a streamed response; usage is None if it is not to be sent.
        sends_comments: Whether some streams begin with a comment.
    """

    path: str
    key_headers: tuple[str, ...]
    read: Callable[[object, Rules, MediaLibrary], Conversation]
    response: Callable[[Outcome, Conversation, Usage, Reply | None], dict[str, Any]]
    events: Callable[[Outcome, Conversation, Usage | None, Reply | None], Iterable[dict[str, Any]]]
    sends_comments: bool


CHAT_COMPLETIONS = ApiFormat(
    "/v1/chat/completions",
    ("api-key",),
    chat_request.read_request,
    lambda outcome, conversation, usage, reply: chat_response.completion(
        outcome, conversation.model, usage, reply
    ),
    lambda outcome, conversation, usage, reply: chat_response.chunks(
        outcome, conversation.model, usage, reply
    ),
    sends_comments=True,
)

ANTHROPIC_MESSAGES = ApiFormat(
    "/anthropic/v1/messages",
    ("api-key", "x-api-key"),
    anthropic_request.read_request,
    lambda outcome, conversation, usage, reply: anthropic_response.message(
        outcome, conversation.model, usage, reply
    ),
    # In this format, usage is always part of the last event.
    lambda outcome, conversation, usage, reply: anthropic_response.events(
        outcome, conversation.model, usage or {}, reply
    ),
    sends_comments=False,  # seen in the other format only
)

"""Token usage of a request: MiMo's published arithmetic for media, an approximation for text.

Prompt text is counted with `langchain_mimo.tokens.text_tokens`, which is an approximation and not
MiMo's tokenizer; each message adds a few tokens for its role markers. Media are counted as in
docs/api-facts.md.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from langchain_mimo.emulator.conversation.request import Conversation, MediaItem, ToolCall, Turn
from langchain_mimo.tokens import (
    DEFAULT_FPS,
    MESSAGE_MARKS,
    audio_tokens,
    image_tokens,
    text_tokens,
    video_tokens,
)

CACHE_BLOCK = 64
"""Cached prompt tokens are a multiple of this (seen in MiMo's responses: 192, 448, 3712)."""

_MAX_CACHE_ENTRIES = 20_000


@dataclass(frozen=True, slots=True)
class PromptCount:
    """Prompt tokens: the total, and the share of each kind of media."""

    total: int
    image: int = 0
    audio: int = 0
    video: int = 0

    def __add__(self, other: PromptCount) -> PromptCount:
        """Add two counts, field by field."""
        return PromptCount(
            self.total + other.total,
            self.image + other.image,
            self.audio + other.audio,
            self.video + other.video,
        )


class PrefixCache:
    """Remembers the messages of earlier prompts, so that a repeated prefix is billed as cached.

    A prompt is a sequence of segments: the tools, then each message. The cached tokens are those of
    the longest prefix of complete segments that an earlier request for the same model also started
    with, rounded down to a multiple of 64. MiMo's own cache works on tokens and forgets after a
    while; this one does neither.

    Args:
        enabled: Whether anything is cached.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def count_prompt(self, conversation: Conversation) -> tuple[PromptCount, int]:
        """Count the tokens of a prompt, and remember it.

        Returns:
            The prompt tokens, and how many of them are cached.
        """
        count = PromptCount(0)
        cached = 0
        running = hashlib.sha256(conversation.model.id.encode())
        prefixes: list[bytes] = []
        hit = self._enabled
        for content, tokens in _prompt_segments(conversation):
            count += tokens
            running.update(content)
            prefixes.append(running.digest())
            hit = hit and prefixes[-1] in self._seen
            if hit:
                cached = count.total
        if self._enabled:
            with self._lock:
                self._seen.update(dict.fromkeys(prefixes))
                while len(self._seen) > _MAX_CACHE_ENTRIES:
                    self._seen.popitem(last=False)
        # The last token of a prompt is always computed, so a prompt is never cached completely.
        return count, min(cached, max(count.total - 1, 0)) // CACHE_BLOCK * CACHE_BLOCK


def media_tokens(item: MediaItem) -> PromptCount:
    """Count a media item; the timestamps and markers of a video count in the total only."""
    info = item.info
    if item.kind == "image":
        tokens = image_tokens(info.width, info.height)
        return PromptCount(tokens, image=tokens)
    if item.kind == "audio":
        tokens = audio_tokens(info.duration)
        return PromptCount(tokens, audio=tokens)
    video = video_tokens(
        info.duration,
        info.width,
        info.height,
        fps=item.fps or DEFAULT_FPS,
        media_resolution="max" if item.media_resolution == "max" else "default",
        mute=not info.has_audio,
    )
    return PromptCount(video.total, audio=video.audio, video=video.vision)


def tool_call_tokens(call: ToolCall) -> int:
    """Count a tool call of a response or of the message history."""
    return text_tokens(call.name) + text_tokens(call.arguments)


def usage_object(
    prompt: PromptCount,
    cached: int,
    completion: int,
    reasoning: int,
    web_search: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the `usage` object of a chat completion.

    Args:
        prompt: Prompt tokens.
        cached: How many of them are cached.
        completion: Completion tokens, including the reasoning.
        reasoning: Reasoning tokens.
        web_search: The value of `web_search_usage`; None to omit it.

    Returns:
        The object. `prompt_tokens_details` names only the kinds of media that the prompt contains.
    """
    details = {
        "audio_tokens": prompt.audio,
        "cached_tokens": cached,
        "image_tokens": prompt.image,
        "video_tokens": prompt.video,
    }
    usage: dict[str, Any] = {
        "completion_tokens": completion,
        "prompt_tokens": prompt.total,
        "total_tokens": prompt.total + completion,
        "completion_tokens_details": {"reasoning_tokens": reasoning},
        "prompt_tokens_details": {
            name: value for name, value in details.items() if value or name == "cached_tokens"
        },
    }
    if web_search is not None:
        usage["web_search_usage"] = dict(web_search)
    return usage


def merge_usage(usage: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a usage object with the changes of a scripted reply; nested objects are merged."""
    result = dict(usage)
    for name, value in (changes or {}).items():
        inner = result.get(name)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            result[name] = {**inner, **value}
        else:
            result[name] = value
    return result


def _prompt_segments(conversation: Conversation) -> Iterator[tuple[bytes, PromptCount]]:
    """Yield the segments of a prompt: bytes that identify the content, and the tokens."""
    if conversation.tools:
        text = orjson.dumps(
            [[tool.name, tool.description, tool.parameters] for tool in conversation.tools]
        )
        yield text, PromptCount(text_tokens(text.decode()))
    for turn in conversation.turns:
        yield _turn_content(turn), _turn_tokens(turn)


def _turn_content(turn: Turn) -> bytes:
    parts = [part if isinstance(part, str) else part.sha256 for part in turn.parts]
    calls = [[call.id, call.name, call.arguments] for call in turn.calls]
    content = [turn.role, parts, turn.reasoning, calls, turn.tool_call_id]
    return repr(content).encode("utf-8", "surrogatepass")


def _turn_tokens(turn: Turn) -> PromptCount:
    text = text_tokens(turn.text) + text_tokens(turn.reasoning)
    calls = sum(tool_call_tokens(call) for call in turn.calls)
    count = PromptCount(MESSAGE_MARKS + text + calls)
    for item in turn.media:
        count += media_tokens(item)
    return count

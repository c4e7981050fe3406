"""What an answer costs: the published arithmetic for media, one approximation for text.

Prompt text is counted by `langchain_mimo.tokens.text_tokens`, which is an approximation and not
MiMo's tokenizer; every message adds a few tokens for its marks. Media follow mimo-api.md §3.3.
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
    audio_tokens,
    image_tokens,
    text_tokens,
    video_tokens,
)

MESSAGE_MARKS = 4
"""Tokens for the marks around one message: an assumption, MiMo does not say."""

CACHE_BLOCK = 64
"""Cached prompt tokens come in multiples of this (recorded: 192, 448, 3712)."""

_CACHE_ENTRIES = 20_000


@dataclass(frozen=True, slots=True)
class PromptCount:
    """Prompt tokens: all of them, and the media's by modality."""

    total: int
    image: int = 0
    audio: int = 0
    video: int = 0

    def __add__(self, other: PromptCount) -> PromptCount:
        """Add two counts, modality by modality."""
        return PromptCount(
            self.total + other.total,
            self.image + other.image,
            self.audio + other.audio,
            self.video + other.video,
        )


class PrefixCache:
    """Remembers prompts by message, so that a repeated beginning is billed as cached.

    A prompt is a row of pieces (the tools, then each message); the longest row of whole pieces that
    an earlier request of the same model began with counts, rounded down to 64 tokens. MiMo's own
    cache works on tokens and forgets after a while; this one does neither.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, conversation: Conversation) -> tuple[PromptCount, int]:
        """Count a prompt, say how many of its tokens were seen before, and remember it."""
        count = PromptCount(0)
        cached = 0
        running = hashlib.sha256(conversation.model.id.encode())
        prefixes: list[bytes] = []
        hit = self._enabled
        for identity, piece in _pieces(conversation):
            count += piece
            running.update(identity)
            prefixes.append(running.digest())
            hit = hit and prefixes[-1] in self._seen
            if hit:
                cached = count.total
        if self._enabled:
            with self._lock:
                self._seen.update(dict.fromkeys(prefixes))
                while len(self._seen) > _CACHE_ENTRIES:
                    self._seen.popitem(last=False)
        # The last token of a prompt is always computed, so a prompt is never cached to its end.
        return count, min(cached, max(count.total - 1, 0)) // CACHE_BLOCK * CACHE_BLOCK


def media_tokens(medium: MediaItem) -> PromptCount:
    """Count one medium; a video's timestamps and marks stand in the total alone."""
    info = medium.info
    if medium.kind == "image":
        tokens = image_tokens(info.width, info.height)
        return PromptCount(tokens, image=tokens)
    if medium.kind == "audio":
        tokens = audio_tokens(info.duration)
        return PromptCount(tokens, audio=tokens)
    video = video_tokens(
        info.duration,
        info.width,
        info.height,
        fps=medium.fps or DEFAULT_FPS,
        media_resolution="max" if medium.media_resolution == "max" else "default",
        mute=not info.has_audio,
    )
    return PromptCount(video.total, audio=video.audio, video=video.vision)


def tool_call_tokens(call: ToolCall) -> int:
    """Count a tool call in an answer or a history."""
    return text_tokens(call.name) + text_tokens(call.arguments)


def usage_object(
    prompt: PromptCount,
    cached: int,
    completion: int,
    reasoning: int,
    web_search: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the `usage` object; modality keys are there only when the modality is."""
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
    """Return a usage object with a script's changes, nested objects merged."""
    result = dict(usage)
    for name, value in (changes or {}).items():
        inner = result.get(name)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            result[name] = {**inner, **value}
        else:
            result[name] = value
    return result


def _pieces(conversation: Conversation) -> Iterator[tuple[bytes, PromptCount]]:
    if conversation.tools:
        text = orjson.dumps(
            [[tool.name, tool.description, tool.parameters] for tool in conversation.tools]
        )
        yield text, PromptCount(text_tokens(text.decode()))
    for turn in conversation.turns:
        yield _identity(turn), _turn_tokens(turn)


def _identity(turn: Turn) -> bytes:
    parts = [part if isinstance(part, str) else part.sha256 for part in turn.parts]
    calls = [[call.id, call.name, call.arguments] for call in turn.calls]
    row = [turn.role, parts, turn.reasoning, calls, turn.tool_call_id]
    return repr(row).encode("utf-8", "surrogatepass")


def _turn_tokens(turn: Turn) -> PromptCount:
    text = text_tokens(turn.text) + text_tokens(turn.reasoning)
    count = PromptCount(MESSAGE_MARKS + text + sum(tool_call_tokens(call) for call in turn.calls))
    for medium in turn.media:
        count += media_tokens(medium)
    return count

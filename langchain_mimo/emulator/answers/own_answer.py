"""The emulator's own answer: calls, results told, media described, JSON, or plain words."""

from __future__ import annotations

import re
import secrets
from typing import Any

import orjson

from langchain_mimo.emulator.answers.json_answer import json_answer
from langchain_mimo.emulator.answers.tool_calls import Question, choose_calls, question_of
from langchain_mimo.emulator.answers.words import key_words
from langchain_mimo.emulator.conversation.outcome import Outcome
from langchain_mimo.emulator.conversation.reply import Reply
from langchain_mimo.emulator.conversation.request import (
    Conversation,
    MediaItem,
    ToolCall,
    WebSearch,
)
from langchain_mimo.emulator.encoding import dump
from langchain_mimo.tokens import text_tokens

SEARCH_DISABLED = "The web search plugin is not enabled for this account."
"""What stands in `error_message` while the console's switch is off; MiMo's words are unknown."""

_QUOTE_LENGTH = 300
_SEARCH_WORDS = re.compile(
    r"\b(?:search|look up|latest|news|today|current|online|web)\b|搜索|最新|新闻|今天",
    re.IGNORECASE,
)
_GREETING = re.compile(r"^\W*(?:hello|hi|hey|good (?:morning|evening)|你好)\b", re.IGNORECASE)
_INTRODUCE = re.compile(r"\bintroduce yourself\b|\bwho are you\b|介绍.*你|你是谁", re.IGNORECASE)


def own_answer(conversation: Conversation, *, web_search: bool = True) -> Outcome:
    """Answer a conversation by the rules of docs/emulator.md.

    Args:
        conversation: The checked request.
        web_search: Whether the search plugin is switched on in the console.
    """
    question = question_of(conversation)
    chosen = choose_calls(conversation, question)
    if chosen:
        calls = [
            ToolCall(call_id(), call.tool.name, orjson.dumps(call.arguments).decode())
            for call in chosen
        ]
        names = ", ".join(dict.fromkeys(call.name for call in calls))
        outcome = Outcome("", f"{_heard(question)} This calls for {names}.", calls, "tool_calls")
    else:
        text = json_answer(conversation, question)
        if text is None:
            text = _in_words(conversation, question)
        outcome = Outcome(text, f"{_heard(question)} I can answer this now.")
        if conversation.web_search is not None:
            _search(outcome, conversation.web_search, question, enabled=web_search)
    if not conversation.thinking:
        outcome.reasoning = None
    return _within_limits(outcome, conversation)


def scripted_answer(reply: Reply, conversation: Conversation) -> Outcome:
    """Return a scripted reply as an outcome; neither `stop` nor the token limit cuts it."""
    calls = [
        ToolCall(str(call.get("id") or call_id()), str(call.get("name", "")), _arguments(call))
        for call in reply.tool_calls
    ]
    reasoning = reply.reasoning
    if reasoning is None:
        reasoning = _heard(question_of(conversation))
    annotations = None if reply.annotations is None else [dict(a) for a in reply.annotations]
    return Outcome(
        reply.content,
        reasoning if conversation.thinking else None,
        calls,
        reply.finish_reason or ("tool_calls" if calls else "stop"),
        annotations,
        reply.error_message,
    )


def call_id() -> str:
    """Return a new tool call id: `call_` and 24 hexadecimal digits (mimo-api.md §4)."""
    return f"call_{secrets.token_hex(12)}"


def describe(medium: MediaItem, number: int) -> str:
    """Say in one sentence what a medium is; the same medium always gets the same words."""
    info = medium.info
    label = f"{medium.kind.capitalize()} {number}"
    size = f"{info.width}×{info.height} pixels"
    length = f"{info.duration:.2f} seconds long"
    if not info.format:
        nominal = {"image": size, "audio": length, "video": f"{size}, {length}"}[medium.kind]
        return f"{label}: not fetched from {medium.url}, taken as {nominal}."
    measures = {"image": [size], "audio": [length], "video": [size, length]}[medium.kind]
    return f"{label}: {', '.join((info.format, *measures, *info.details))}."


def _arguments(call: Any) -> str:
    arguments = call.get("args", call.get("arguments", {}))
    return arguments if isinstance(arguments, str) else dump(arguments).decode()


def _heard(question: Question) -> str:
    text = _shorten(question.text)
    return f"The user says: {text}" if text else "The user says nothing in words."


def _shorten(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _QUOTE_LENGTH else f"{flat[:_QUOTE_LENGTH]}…"


def _in_words(conversation: Conversation, question: Question) -> str:
    exchange = conversation.exchange
    names = {call.id: call.name for turn in conversation.turns for call in turn.calls}
    results = [
        f"{names.get(turn.tool_call_id, 'The tool')} returned: {turn.text or 'no text'}"
        for turn in exchange
        if turn.role == "tool"
    ]
    recent = [medium for turn in exchange for medium in turn.media]
    media = recent or ([] if results else conversation.media)
    counts: dict[str, int] = {}
    told = []
    for medium in media:
        counts[medium.kind] = counts.get(medium.kind, 0) + 1
        told.append(describe(medium, counts[medium.kind]))
    if results or told:
        return "\n".join(results + told)
    return _small_talk(conversation, question)


def _small_talk(conversation: Conversation, question: Question) -> str:
    name = conversation.model.id
    if _INTRODUCE.search(question.text):
        return (
            f"I am MiMo, an AI assistant developed by Xiaomi, here played by an emulator as {name}."
        )
    opening = "Hello! " if _GREETING.search(question.text) else ""
    heard = _shorten(question.text)
    return f"{opening}This is the MiMo emulator answering as {name}. You said: {heard or 'nothing'}"


def _search(outcome: Outcome, tool: WebSearch, question: Question, *, enabled: bool) -> None:
    if not (tool.force_search or _SEARCH_WORDS.search(question.text)):
        return
    if not enabled:
        outcome.error_message = SEARCH_DISABLED
        return
    keywords = sorted(key_words(question.text))[: tool.max_keyword] or ["news"]
    outcome.annotations = [
        {
            "type": "url_citation",
            "url": f"https://example.com/{keyword}/{page}",
            "title": f"{keyword} {page}",
            "summary": f"What the emulator found about {keyword}.",
            "site_name": "example.com",
            "publish_time": "2026-01-01T00:00:00Z",
            "logo_url": "https://example.com/logo.png",
        }
        for keyword in keywords
        for page in range(1, tool.limit + 1)
    ]
    outcome.searches = {"tool_usage": len(keywords), "page_usage": len(outcome.annotations)}


def _within_limits(outcome: Outcome, conversation: Conversation) -> Outcome:
    """Apply `stop`, then the token budget: thoughts first, then text, then calls."""
    ends = [outcome.content.find(text) for text in conversation.stop if text]
    found = [end for end in ends if end >= 0]
    if found:
        outcome.content = outcome.content[: min(found)]
    budget = conversation.max_output_tokens
    if outcome.completion_tokens <= budget:
        return outcome
    outcome.finish_reason = "length"
    if outcome.reasoning is not None:
        outcome.reasoning = _cut(outcome.reasoning, budget)
        budget -= text_tokens(outcome.reasoning)
    outcome.content = _cut(outcome.content, budget)
    budget -= text_tokens(outcome.content)
    kept: list[ToolCall] = []
    for call in outcome.calls:
        budget -= text_tokens(call.name)
        if budget <= 0:
            break
        kept.append(ToolCall(call.id, call.name, _cut(call.arguments, budget)))
        budget -= text_tokens(kept[-1].arguments)
    outcome.calls = kept
    return outcome


def _cut(text: str, budget: int) -> str:
    """Return the longest beginning of a text within a budget of tokens."""
    if text_tokens(text) <= budget:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if text_tokens(text[:middle]) <= budget:
            low = middle
        else:
            high = middle - 1
    return text[:low]

"""The emulator's own answer: tool calls, JSON, tool results, a description of media, or text."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

from langchain_mimo.emulator.answers.json_answer import json_answer
from langchain_mimo.emulator.answers.media_values import describe_all
from langchain_mimo.emulator.answers.tool_calls import Task, choose_calls, current_task
from langchain_mimo.emulator.answers.words import both_ends, keywords
from langchain_mimo.emulator.answers.xml_calls import as_xml
from langchain_mimo.emulator.conversation.outcome import Outcome
from langchain_mimo.emulator.conversation.reply import Reply
from langchain_mimo.emulator.conversation.request import (
    Conversation,
    ToolCall,
    WebSearch,
)
from langchain_mimo.tokens import text_tokens

_QUOTE_LENGTH = 300
_SEARCH_WORDS = re.compile(
    r"\b(?:search|look up|latest|news|today|current|online|web)\b|搜索|最新|新闻|今天",
    re.IGNORECASE,
)
_GREETING = re.compile(r"^\W*(?:hello|hi|hey|good (?:morning|evening)|你好)\b", re.IGNORECASE)
_INTRODUCE = re.compile(r"\bintroduce yourself\b|\bwho are you\b|介绍.*你|你是谁", re.IGNORECASE)


def own_answer(conversation: Conversation) -> Outcome:
    """Answer a conversation by the rules in docs/emulator-specification.md."""
    task = current_task(conversation)
    chosen = choose_calls(conversation, task)
    if chosen:
        calls = [
            ToolCall(call_id(), call.tool.name, arguments_text(call.arguments)) for call in chosen
        ]
        names = ", ".join(dict.fromkeys(call.name for call in calls))
        outcome = Outcome(
            "", f"{_restate_prompt(task)} This calls for {names}.", calls, "tool_calls"
        )
        if not all(call.tool.parameters for call in chosen):
            outcome = as_xml(outcome)
    else:
        text = json_answer(conversation, task)
        if text is None:
            text = _text_answer(conversation, task)
        outcome = Outcome(text, f"{_restate_prompt(task)} I can answer this now.")
        if conversation.web_search is not None:
            _add_search_results(outcome, conversation.web_search, task)
    if not conversation.thinking:
        outcome.reasoning = None
    return apply_limits(outcome, conversation)


def scripted_answer(reply: Reply, conversation: Conversation) -> Outcome:
    """Return a scripted reply as an outcome; `stop` and the token limit do not apply to it."""
    calls = [
        ToolCall(str(call.get("id") or call_id()), str(call.get("name", "")), _arguments(call))
        for call in reply.tool_calls
    ]
    reasoning = reply.reasoning
    if reasoning is None:
        reasoning = _restate_prompt(current_task(conversation))
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
    """Return a new tool call id: `call_` and 24 hexadecimal digits."""
    return f"call_{secrets.token_hex(12)}"


def arguments_text(value: Any) -> str:
    """Return the JSON text of arguments, spaced as MiMo spaces it: `{"city": "Paris"}`."""
    return json.dumps(value, ensure_ascii=False)


def _arguments(call: Any) -> str:
    arguments = call.get("args", call.get("arguments", {}))
    return arguments if isinstance(arguments, str) else arguments_text(arguments)


def _restate_prompt(task: Task) -> str:
    text = _shorten(task.text)
    return f"The user says: {text}" if text else "The user sent no text."


def _shorten(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _QUOTE_LENGTH else f"{flat[:_QUOTE_LENGTH]}…"


def _text_answer(conversation: Conversation, task: Task) -> str:
    exchange = conversation.exchange
    names = {call.id: call.name for turn in conversation.turns for call in turn.calls}
    results = [
        f"{names.get(turn.tool_call_id, 'The tool')} returned: {turn.text or 'no text'}"
        for turn in exchange
        if turn.role == "tool"
    ]
    recent = [item for turn in exchange for item in turn.media]
    descriptions = describe_all(recent or ([] if results else conversation.media))
    if results or descriptions:
        return "\n".join(results + descriptions)
    return _plain_answer(conversation, task)


def _plain_answer(conversation: Conversation, task: Task) -> str:
    name = conversation.model.id
    if _INTRODUCE.search(both_ends(task.text)):
        return f"I am MiMo, an AI assistant developed by Xiaomi, here emulated as {name}."
    opening = "Hello! " if _GREETING.search(task.text) else ""
    prompt = _shorten(task.text)
    return (
        f"{opening}This is the MiMo emulator answering as {name}. You said: {prompt or 'nothing'}"
    )


def _add_search_results(outcome: Outcome, tool: WebSearch, task: Task) -> None:
    text = both_ends(task.text)
    if not (tool.force_search or _SEARCH_WORDS.search(text)):
        return
    terms = sorted(keywords(text))[: tool.max_keyword] or ["news"]
    outcome.annotations = [
        {
            "type": "url_citation",
            "url": f"https://example.com/{term}/{page}",
            "title": f"{term} {page}",
            "summary": f"What the emulator found about {term}.",
            "site_name": "example.com",
            "publish_time": "2026-01-01T00:00:00Z",
            "logo_url": "https://example.com/logo.png",
        }
        for term in terms
        for page in range(1, tool.limit + 1)
    ]
    outcome.searches = {"tool_usage": len(terms), "page_usage": len(outcome.annotations)}


def apply_limits(outcome: Outcome, conversation: Conversation) -> Outcome:
    """Apply `stop`, then the token budget: reasoning first, then text, then calls.

    Returns:
        The same outcome, changed in place.
    """
    positions = [outcome.content.find(text) for text in conversation.stop if text]
    found = [position for position in positions if position >= 0]
    if found:
        outcome.content = outcome.content[: min(found)]
    budget = conversation.max_output_tokens
    if outcome.completion_tokens <= budget:
        return outcome
    outcome.finish_reason = "length"
    if outcome.reasoning is not None:
        outcome.reasoning = _truncate(outcome.reasoning, budget)
        budget -= text_tokens(outcome.reasoning)
    outcome.content = _truncate(outcome.content, budget)
    budget -= text_tokens(outcome.content)
    kept: list[ToolCall] = []
    for call in outcome.calls:
        budget -= text_tokens(call.name)
        if budget <= 0:
            break
        kept.append(ToolCall(call.id, call.name, _truncate(call.arguments, budget)))
        budget -= text_tokens(kept[-1].arguments)
    outcome.calls = kept
    return outcome


def _truncate(text: str, budget: int) -> str:
    """Return the longest beginning of a text that fits in a token budget."""
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

"""Reads the messages of responses, complete or in deltas, in every form whose meaning is certain.

| what | forms |
|---|---|
| choices, tool calls, parts | a list, or one object in its place |
| content, reasoning | a string, a list of parts, one part |
| parts | text (`text`, `output_text`, a string), reasoning (`thinking`, `reasoning`), `refusal` |
| a message | `message`, `delta`, or the `text` of the older completions API |
| a call | `tool_calls`, or `function_call` of OpenAI's first API |

Null is "nothing" everywhere. Anything else raises `UnreadableError`: a response that is not
understood never becomes an empty message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_mimo._json import join_surrogates
from langchain_mimo._wire.json_values import UnreadableError, items, kind_of, mapping

_TEXT_PARTS = ("text", "output_text", "input_text", "refusal", None)
_REASONING_PARTS = ("thinking", "reasoning", "reasoning_text", "summary_text")
_INNER_KEYS = ("text", "thinking", "reasoning", "refusal", "summary", "content")

_KNOWN_KEYS = frozenset(
    {"role", "content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call"}
    | {"annotations", "error_message"}
    # No part of an answer.
    | {"name", "id", "type", "index", "token_ids", "logprobs", "stop_reason", "matched_stop"}
)

_KNOWN_CHOICE_KEYS = frozenset(
    {"index", "finish_reason", "stop_reason", "matched_stop", "logprobs", "token_ids"}
)

_KNOWN_EVENT_KEYS = frozenset(
    {"id", "object", "created", "model", "system_fingerprint", "service_tier", "usage", "choices"}
    | {"type", "event"}
)

_MAX_KEYS = 8


def first_choice(choices: object) -> Mapping[str, Any] | None:
    """Return the first choice of a response, or None if there is none."""
    found = choices if type(choices) is list and choices else items(choices, "choices")
    choice = found[0] if found else None
    return choice if choice is None or type(choice) is dict else mapping(choice, "a choice")


def read_finish_reason(value: object) -> str | None:
    """Return a finish reason, None while there is none (null or "").

    Raises:
        UnreadableError: It is not a string, so that nobody knows whether the response is complete.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return join_surrogates(value)
    raise UnreadableError(f"finish_reason must be a string, got {kind_of(value)}")


def message_in(choice: Mapping[str, Any], *keys: str) -> Mapping[str, Any] | None:
    """Return the message of a choice, or None if it has none.

    Args:
        choice: The choice.
        keys: Where to look: "message", "delta". `text` is read if it has neither.

    Raises:
        UnreadableError: The message is not an object.
    """
    for key in keys:
        if (message := choice.get(key)) is not None:
            return message if type(message) is dict else mapping(message, key)
    text = choice.get("text")
    return None if text is None else {"content": text}


def read_message(message: Mapping[str, Any]) -> tuple[str, str, list[Any]]:
    """Return text, reasoning and calls of a message or delta; surrogates are not joined yet.

    Raises:
        UnreadableError: One of them has a form that is not certain.
    """
    text, thought = message.get("content"), ""
    if type(text) is not str:
        text, thought = _split(text, "content")
    # MiMo's key, or that of vLLM and OpenRouter.
    value = message.get("reasoning_content") or message.get("reasoning")
    reasoning = "".join(_split(value, "reasoning")) if value is not None else ""
    if (refusal := message.get("refusal")) is not None:
        text += _split(refusal, "refusal")[0]
    return text, reasoning or thought, _calls_in(message)


def _calls_in(message: Mapping[str, Any]) -> list[Any]:
    """Return the entries of `tool_calls`, or `function_call` as such an entry."""
    calls, call = message.get("tool_calls"), message.get("function_call")
    found = [] if calls is None else items(calls, "tool_calls")
    if found or call is None:
        return found
    function = mapping(call, "function_call")
    return [{"function": function}] if any(function.values()) else []


def _split(value: object, where: str) -> tuple[str, str]:
    """Return the text and the reasoning of content."""
    if value is None or isinstance(value, str):
        return value or "", ""
    pieces = list(_pieces(value, where))
    text = [piece for is_text, piece in pieces if is_text]
    reasoning = [piece for is_text, piece in pieces if not is_text]
    return "".join(text), "".join(reasoning)


def _pieces(value: object, where: str) -> Iterator[tuple[bool, str]]:
    """Yield the strings of content, each with whether it is text and not reasoning."""
    if isinstance(value, str):
        yield True, value
        return
    for part in items(value, where):
        if isinstance(part, str):
            yield True, part
            continue
        part_mapping = mapping(part, f"a part of {where}")
        kind = part_mapping.get("type")
        if kind in _TEXT_PARTS and (kind is not None or "text" in part_mapping):
            is_text = True
        elif kind in _REASONING_PARTS:
            is_text = False
        else:
            what = repr(kind[:40]) if isinstance(kind, str) else kind_of(kind)
            raise UnreadableError(f"{where} contains a part whose type is {what}")
        key = next((each for each in _INNER_KEYS if part_mapping.get(each) is not None), None)
        if key is not None:
            for _, piece in _pieces(part_mapping[key], f"a part of {where}"):
                yield is_text, piece


def unknown_keys(message: Mapping[str, Any]) -> list[str]:
    """Return the keys of a message that contain something, and which nobody here reads."""
    return _keys_beyond(_KNOWN_KEYS, message)


def unknown_event_keys(event: Mapping[str, Any]) -> list[str]:
    """Return the same of an event without choices."""
    return _keys_beyond(_KNOWN_EVENT_KEYS, event)


def unknown_choice_keys(choice: Mapping[str, Any]) -> list[str]:
    """Return the same of a choice without a message."""
    return _keys_beyond(_KNOWN_CHOICE_KEYS, choice)


def _keys_beyond(known: frozenset[str], tree: Mapping[str, Any]) -> list[str]:
    unknown = [
        repr(key[:40])
        for key, value in tree.items()
        if key not in known and value and isinstance(value, str | list | Mapping)
    ]
    return unknown[:_MAX_KEYS]


def check_answer(finish_reason: str | None, unread: list[str]) -> None:
    """Check a response that has neither text nor calls.

    Args:
        finish_reason: Its finish reason.
        unread: Names of what it contains and nobody read.

    Raises:
        UnreadableError: It must contain more than was read.
    """
    if finish_reason in ("tool_calls", "function_call"):
        raise UnreadableError(f"its finish_reason is {finish_reason!r}, but it contains no call")
    if unread:
        raise UnreadableError(f"it contains nothing but {', '.join(unread)}")

"""`/anthropic/v1/messages`: encode a request, decode a whole response.

An answer is written down as a chat completion and then read by `chat_completions`, so a message is
the same in whatever format it came. Streams are decoded in `anthropic_messages_stream`.
Facts: MiMo's page anthropic-api.md, 2026-10 (anthropic-format.md), and mimo-api.md §8.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from langchain_core.messages import AIMessage

from langchain_mimo import catalogue
from langchain_mimo.errors import MiMoInputError, MiMoInvalidResponseError
from langchain_mimo.media.references import EncodedMedia, MediaTypeOf, RemoteURL
from langchain_mimo.wire import chat_completions
from langchain_mimo.wire.chat_completions import RequestOptions, text_of
from langchain_mimo.wire.dialects import Dialect
from langchain_mimo.wire.tool_calls import CUT_REASONS, dump_arguments, strict_object
from langchain_mimo.wire.tools import refuse_shared_names
from langchain_mimo.wire.turns import (
    AssistantTurn,
    Call,
    MediaPart,
    Part,
    SystemTurn,
    TextPart,
    ToolTurn,
    Turn,
    UserTurn,
)

BLANK = " "
"""Stands for a text that is empty: the page wants at least one character in a text block."""

INVALID_ARGUMENTS = "invalid_json"
"""Only key of the `input` of a call whose arguments are no JSON object; it holds their text. The
format has no place for such a text, and the model should see what it wrote."""

FALLBACK_MAX_TOKENS = 32 * 1024
"""`max_tokens` for models the catalogue does not know: the least default that MiMo documents."""

INPUT_TOKENS_EXCLUDE_CACHE = True
"""Whether `input_tokens` leaves out what the cache served, as Anthropic's does; LangChain's count
includes it. MiMo's page does not say. Users saw `input_tokens` 0 beside the whole prompt in
`cache_read_input_tokens` (genai-io/gen-code pull 168, June 2026), which fits this rule alone."""

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
}
"""By `stop_reason`; MiMo's others (content_filter, repetition_truncation) have the same name."""

_PENALTIES = ("frequency_penalty", "presence_penalty")


# --- Requests ----------------------------------------------------------------------------------


def encode_request(
    turns: Sequence[Turn],
    options: RequestOptions,
    dialect: Dialect,  # noqa: ARG001 - all formats are called alike
) -> dict[str, Any]:
    """Build the body of a request.

    System turns at the head become `system` (a string, or blocks when there are several); later
    ones stay messages of role system, and so do all when nothing else is said. The role developer
    and participants' names do not exist in this format: developers' words are sent as system's,
    names are left out with a warning.

    Args:
        turns: The conversation, clean.
        options: Everything else. `max_tokens` is always sent, since sources disagree on whether it
            is required: the model's documented default when it is not set.
        dialect: Not used: only MiMo's cloud and its mirrors have this format.

    Returns:
        A JSON tree whose media leaves are still `EncodedMedia` and `MediaTypeOf`.

    Raises:
        MiMoInputError: The request asks for what only the OpenAI format has: a penalty, or MiMo's
            web search.
    """
    head = 0
    while head < len(turns) and isinstance(turns[head], SystemTurn):
        head += 1
    if head == len(turns):
        head = 0
    tree: dict[str, Any] = {"model": options.model}
    said = [turn.text for turn in turns[:head] if isinstance(turn, SystemTurn) and turn.text]
    if said:
        tree["system"] = said[0] if len(said) == 1 else [_text(text) for text in said]
    tree["messages"] = _encode_turns(turns[head:])
    tree |= _encode_parameters(options)
    if any(turn.name for turn in turns if not isinstance(turn, ToolTurn)):
        _warn_once("The Anthropic format has no names of participants; they are not sent.")
    if options.extra_body:
        tree.update(options.extra_body)
    return tree


def _encode_parameters(options: RequestOptions) -> dict[str, Any]:
    given = {name: value for name, value in options.parameters.items() if value is not None}
    for name in _PENALTIES:
        if given.pop(name, 0):
            raise MiMoInputError(
                f'the Anthropic format has no {name}; leave it out, or use api_format="openai".'
            )
    limit = given.pop("max_completion_tokens", None)
    stop = given.pop("stop", None)
    parallel = given.pop("parallel_tool_calls", None)
    tree = {"max_tokens": _default_limit(options.model) if limit is None else limit, **given}
    if stop is not None:
        tree["stop_sequences"] = [stop] if isinstance(stop, str) else list(stop)
    if options.thinking is not None:
        tree["thinking"] = {"type": "enabled" if options.thinking else "disabled"}
    if options.tools:
        refuse_shared_names(options.tools)
        tree["tools"] = [_encode_tool(tool) for tool in options.tools]
        if parallel is False:
            tree["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
    if options.stream:
        tree["stream"] = True
    return tree


def _default_limit(model: str) -> int:
    known = catalogue.find(model)
    return known.default_output_tokens if known else FALLBACK_MAX_TOKENS


def _encode_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    if not isinstance(function, Mapping):
        raise MiMoInputError(
            f"MiMo has tools of type {tool.get('type')!r} in the OpenAI format only; leave it out, "
            'or use api_format="openai".'
        )
    if function.get("strict"):
        _warn_once("The Anthropic format has no strict tools; `strict` is not sent.")
    encoded: dict[str, Any] = {"type": "custom", "name": function["name"]}
    if description := function.get("description"):
        encoded["description"] = description
    parameters = function.get("parameters") or {"properties": {}}
    encoded["input_schema"] = {"type": "object", **parameters}
    return encoded


def _encode_turns(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Encode turns; the results of parallel calls share one user message."""
    messages: list[dict[str, Any]] = []
    results: list[dict[str, Any]] | None = None
    for turn in turns:
        if isinstance(turn, ToolTurn):
            if results is None:
                results = []
                messages.append({"role": "user", "content": results})
            results.append(_encode_result(turn))
        else:
            results = None
            messages.append(_encode_turn(turn))
    return messages


def _encode_turn(turn: UserTurn | AssistantTurn | SystemTurn) -> dict[str, Any]:
    match turn:
        case AssistantTurn():
            return encode_assistant(turn)
        case SystemTurn():
            return {"role": "system", "content": turn.text or BLANK}
        case UserTurn(content=str() as text):
            return {"role": "user", "content": text or BLANK}
        case UserTurn(content=list() as parts):
            return {"role": "user", "content": _encode_parts(parts) or [_text(BLANK)]}
    raise AssertionError(turn)


def encode_assistant(turn: AssistantTurn) -> dict[str, Any]:
    """Encode an assistant turn: thoughts first, then text, then calls.

    Args:
        turn: The turn. Thoughts go back with their signature, "" when there is none, which is what
            MiMo signs with; a turn without anything is one space.
    """
    blocks: list[dict[str, Any]] = []
    if turn.reasoning is not None:
        signature = turn.signature or ""
        blocks.append({"type": "thinking", "thinking": turn.reasoning, "signature": signature})
    if turn.text:
        blocks.append(_text(turn.text))
    blocks += [_encode_call(call) for call in turn.calls]
    return {"role": "assistant", "content": blocks or [_text(BLANK)]}


def _encode_call(call: Call) -> dict[str, Any]:
    arguments = strict_object(call.arguments)
    if arguments is None:
        arguments = {INVALID_ARGUMENTS: call.arguments}
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}


def _encode_result(turn: ToolTurn) -> dict[str, Any]:
    block: dict[str, Any] = {
        "type": "tool_result",
        "tool_use_id": turn.call_id,
        "content": _encode_parts([TextPart(turn.text), *turn.media]) if turn.media else turn.text,
    }
    if turn.is_error:
        block["is_error"] = True
    return block


def _encode_parts(parts: Sequence[Part]) -> list[dict[str, Any]]:
    return [
        _encode_media(part) if isinstance(part, MediaPart) else _text(part.text)
        for part in parts
        if isinstance(part, MediaPart) or part.text
    ]


def _encode_media(part: MediaPart) -> dict[str, Any]:
    """Encode a medium; `fps` and `media_resolution` stand inside `source` in this format."""
    reference = part.reference
    source: dict[str, Any]
    if isinstance(reference.source, RemoteURL):
        source = {"type": "url", "url": reference.source.url}
    else:
        source = {
            "type": "base64",
            "media_type": MediaTypeOf(reference),
            "data": EncodedMedia(reference, data_url=False),
        }
    if part.fps is not None:
        source["fps"] = part.fps
    if part.media_resolution is not None:
        source["media_resolution"] = part.media_resolution
    return {"type": reference.kind, "source": source}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


@cache
def _warn_once(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=3)


# --- Answers -----------------------------------------------------------------------------------


def finish_reason(stop_reason: object) -> str | None:
    """Return the OpenAI format's name of a `stop_reason`; unknown ones keep theirs."""
    if not isinstance(stop_reason, str):
        return None
    return _FINISH_REASONS.get(stop_reason, stop_reason)


def chat_usage(usage: object) -> dict[str, Any] | None:
    """Write a usage object of this format as one of the OpenAI format.

    `INPUT_TOKENS_EXCLUDE_CACHE` is applied. The format has no counts of thoughts or modalities.

    Args:
        usage: The `usage` of an answer; its `cache_read_input_tokens` may be null or missing.

    Returns:
        The object for `usage.usage_metadata`, or None when there is none.
    """
    if not isinstance(usage, Mapping):
        return None
    names = {
        "cached_tokens": "cache_read_input_tokens",
        "created_cache_tokens": "cache_creation_input_tokens",
    }
    cache_counts = {
        ours: count
        for ours, theirs in names.items()
        if isinstance(count := usage.get(theirs), int) and not isinstance(count, bool)
    }
    prompt = usage.get("input_tokens")
    prompt = prompt if isinstance(prompt, int) else 0
    if INPUT_TOKENS_EXCLUDE_CACHE:
        prompt += sum(cache_counts.values())
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.get("output_tokens"),
        "prompt_tokens_details": cache_counts,
    }


@dataclass(slots=True)
class _Content:
    """The blocks of an answer, by kind."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)


def decode_response(body: object, *, thoughts_as_content: bool = False) -> AIMessage:
    """Turn the body of a whole answer into a message.

    Args:
        body: The parsed JSON.
        thoughts_as_content: Whether thoughts take the place of an empty answer without calls.

    Returns:
        The message that the OpenAI format would give, finish reason and usage translated. A
        signature that is not empty is in `additional_kwargs["signature"]`.

    Raises:
        MiMoInvalidResponseError: The body is not an answer of this format.
    """
    content = body.get("content") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(content, list):
        keys = sorted(map(str, body)) if isinstance(body, Mapping) else type(body).__name__
        msg = (
            f"the answer is JSON, but no message of the Anthropic format ({str(keys)[:200]}); "
            "check that base_url has an Anthropic-shaped API, or leave api_format out"
        )
        raise MiMoInvalidResponseError(msg, status_code=200)
    reason = finish_reason(body.get("stop_reason"))
    read = _read_content(content, cut=reason in CUT_REASONS)
    message = chat_completions.decode_response(
        {
            "id": body.get("id"),
            "model": body.get("model"),
            "choices": [
                {
                    "finish_reason": reason,
                    "message": {
                        "content": "".join(read.texts),
                        "reasoning_content": "".join(read.thoughts),
                        "tool_calls": read.calls,
                    },
                }
            ],
            "usage": chat_usage(body.get("usage")),
        },
        thoughts_as_content=thoughts_as_content,
    )
    if signature := text_of("".join(read.signatures)):
        message.additional_kwargs["signature"] = signature
    return message


def _read_content(content: Sequence[Any], *, cut: bool) -> _Content:
    read = _Content()
    for index, block in enumerate(content):
        block = block if isinstance(block, Mapping) else {}  # noqa: PLW2901
        match block.get("type"):
            case "text":
                read.texts.append(_string(block.get("text")))
            case "thinking":
                read.thoughts.append(_string(block.get("thinking")))
                read.signatures.append(_string(block.get("signature")))
            case "tool_use":
                # An answer that was cut may show {} for arguments that had not begun.
                is_cut = cut and index == len(content) - 1
                arguments = arguments_text(block.get("input"))
                read.calls.append(
                    call_fragment(block, "" if is_cut and arguments == "{}" else arguments)
                )
            case kind:
                warn_unknown(kind)
    return read


def call_fragment(block: Mapping[str, Any], arguments: str, index: int = 0) -> dict[str, Any]:
    """Write a `tool_use` block as a call, or a delta of one, of the OpenAI format.

    Args:
        block: The block, for id and name.
        arguments: The arguments' text.
        index: The call's place, in streams.
    """
    function = {"name": block.get("name"), "arguments": arguments}
    return {"index": index, "id": block.get("id"), "type": "function", "function": function}


def arguments_text(value: object) -> str:
    """Return the text of a call's `input`: JSON as `json.dumps` writes it, whoever wrote it."""
    if isinstance(value, Mapping):
        return dump_arguments(value)
    text = _string(value)
    parsed = strict_object(text)
    return text if parsed is None else dump_arguments(parsed)


def warn_unknown(kind: object) -> None:
    """Warn, once for each kind, of a block or delta in an answer that is left out."""
    _warn_once(f"Content of type {str(kind)[:40]!r} in an answer is not known and left out.")


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""

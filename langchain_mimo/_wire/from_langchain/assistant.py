"""Assistant messages of any provider → an assistant turn: text, reasoning, calls."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_mimo._checks import warn_once
from langchain_mimo._json import (
    MAX_DEPTH,
    dump_json,
    is_too_deep,
    join_surrogates,
    strict_object,
)
from langchain_mimo._wire.from_langchain.left_out import note_of
from langchain_mimo._wire.from_langchain.other_providers import (
    ASSISTANT_CONVERSIONS,
    CallBlock,
    block_type,
    plain_reasoning,
    read_call,
)
from langchain_mimo._wire.json_values import string_or_empty
from langchain_mimo._wire.nested_json import is_decoded_form
from langchain_mimo._wire.turns import AssistantTurn, ToolCall
from langchain_mimo.errors import HistoryError, MiMoInputError

UNNAMED_TOOL = "unnamed_tool"
"""Replaces the missing name of a call; MiMo answers 400 "`name` is not set" without one."""

MEDIA_BLOCK_TYPES = frozenset(
    {"image", "video", "audio", "image_url", "video_url", "input_audio", "audio_url", "media"}
    | {"file", "document"}
)
"""Types of media blocks; MiMo accepts them from users and tools only."""

_REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking")
"""Written by MiMo and DeepSeek; by vLLM, OpenRouter and OpenAI Responses before v1; by Bedrock."""


@dataclass(slots=True)
class ParsedAssistant:
    """An assistant turn, and what `pairing` needs to find the results of its calls.

    Attributes:
        turn: The turn; `reasoning` is the message's own (both "" and None mean none).
        generated_ids: Ids generated for calls that had none, or had the id of an earlier call of
            the turn.
        invalid_ids: Ids of calls whose arguments do not parse; LangChain runs no tool for them.
    """

    turn: AssistantTurn
    generated_ids: set[str] = field(default_factory=set)
    invalid_ids: set[str] = field(default_factory=set)


def read_assistant(message: BaseMessage, index: int, *, repair: bool = False) -> ParsedAssistant:
    """Read an assistant message.

    Args:
        message: An AIMessage, or a ChatMessage whose role is assistant.
        index: Its index, for errors and generated ids.
        repair: Whether to replace media, which only users and tools may send, with a note.

    Returns:
        The turn, with the ids of generated and invalid calls.

    Raises:
        MiMoInputError: A block is unknown, or contains media.
        HistoryError: A call's arguments cannot be written as JSON.
    """
    content = message.content
    additional = message.additional_kwargs
    reasoning = _reasoning_in_fields(additional) if additional else ""
    blocks: _BlockContents | None = None
    if isinstance(content, str):
        text = content if content.isascii() else join_surrogates(content)
    else:
        blocks = _read_blocks(content, index, repair=repair)
        text = join_surrogates("".join(blocks.texts))
        reasoning = reasoning or "".join(blocks.reasoning)
    metadata = message.response_metadata
    if reasoning and metadata:
        reasoning = _reasoning_of_last_attempt(reasoning, metadata)
    if not text and additional and (instead := _text_in_fields(additional)):
        text = join_surrogates(instead)
    if not reasoning.isascii():
        reasoning = join_surrogates(reasoning)
    name = join_surrogates(message.name) if message.name else None
    turn = AssistantTurn(text, reasoning or None, [], name)
    parsed = ParsedAssistant(turn)
    _read_calls(message, blocks, index, parsed)
    if metadata and metadata.get("model_provider") == "mimo":
        # Another provider's signature does not verify with MiMo.
        turn.signature = _signature(additional, blocks)
    return parsed


def _reasoning_in_fields(additional: Mapping[str, Any]) -> str:
    for key in _REASONING_FIELDS:
        value = additional.get(key)
        if not value:
            continue
        if type(value) is str:  # nearly always
            return value
        if not is_too_deep(value) and (text := plain_reasoning(value)):
            return text
    return ""


def _text_in_fields(additional: Mapping[str, Any]) -> str:
    """Return what an OpenAI model sent instead of content: a refusal, or an audio transcript."""
    if isinstance(refusal := additional.get("refusal"), str):
        return refusal
    audio = additional.get("audio")
    if not audio or not isinstance(audio, Mapping):
        return ""
    return string_or_empty(audio.get("transcript"))


def _reasoning_of_last_attempt(reasoning: str, metadata: Mapping[str, Any]) -> str:
    """Remove the reasoning of failed attempts, where a tool call was forced.

    A stream cannot take back what it has sent, so `_chat.tool_choice` keeps the reasoning of all
    attempts in the message, and records the offset at which that of the last one begins.
    """
    forced = metadata.get("forced_tool_choice")
    offset = forced.get("reasoning_offset") if isinstance(forced, Mapping) else None
    if isinstance(offset, int) and 0 < offset <= len(reasoning):
        return reasoning[offset:]
    return reasoning


def _signature(additional: Mapping[str, Any], blocks: _BlockContents | None) -> str | None:
    """Return the signature of MiMo's own reasoning, from its field or its block."""
    signature = additional.get("signature")
    if isinstance(signature, str):
        return signature
    return blocks.signature if blocks is not None else None


# --- Content blocks ----------------------------------------------------------------------------


@dataclass(slots=True)
class _BlockContents:
    texts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[CallBlock] = field(default_factory=list)
    signature: str | None = None


def _read_blocks(content: Sequence[Any], index: int, *, repair: bool) -> _BlockContents:
    contents = _BlockContents()
    for block_index, block in enumerate(content):
        if isinstance(block, str):
            contents.texts.append(block)
        elif isinstance(block, Mapping):
            _read_block(block, (index, block_index), contents, repair=repair)
        else:
            raise MiMoInputError(
                f"a content block must be a string or a dict, got {type(block).__name__}",
                index,
                block_index,
            )
    return contents


def _read_block(
    block: Mapping[str, Any], at: tuple[int, int], contents: _BlockContents, *, repair: bool
) -> None:
    kind = block_type(block)
    if kind != "text" and is_too_deep(block):
        raise MiMoInputError(
            f"a {str(kind)[:40]} block is nested more than {MAX_DEPTH} levels deep; flatten it", *at
        )
    wrapped = kind == "non_standard" and isinstance(block.get("value"), Mapping)
    if wrapped:
        block = block["value"]
        kind = block_type(block)
    match ASSISTANT_CONVERSIONS.get(kind) if kind is not None else None:
        case "text":
            key = "refusal" if kind == "refusal" else "text"
            contents.texts.append(string_or_empty(block.get(key)))
        case "reasoning":
            _read_reasoning(block, contents)
        case "call":
            contents.calls.append(read_call(block))
        case "dropped":
            pass
        case _ if kind in MEDIA_BLOCK_TYPES:
            error = MiMoInputError(
                f"MiMo accepts no {kind} block in an assistant message; move it into a user "
                "message, or set repair_history=True to replace it with a note",
                *at,
            )
            if not repair:
                raise error
            contents.texts.append(note_of(block, error))
        case _ if wrapped:
            _warn_dropped(kind)
        case _:
            name = "without a type" if kind is None else f"of type {kind[:40]!r}"
            raise MiMoInputError(
                f"unknown block {name} in an assistant message; remove it, or wrap it as "
                '{"type": "non_standard", "value": …} to have it ignored',
                *at,
            )


def _read_reasoning(block: Mapping[str, Any], contents: _BlockContents) -> None:
    contents.reasoning.append(plain_reasoning(block))
    extras = block.get("extras")
    for fields in (block, extras if isinstance(extras, Mapping) else {}):
        if isinstance(signature := fields.get("signature"), str):
            contents.signature = signature


def _warn_dropped(kind: str | None) -> None:
    name = str(kind)[:40]
    warn_once(f"A non_standard block of type {name!r} in an assistant message is not sent to MiMo")


# --- Calls -------------------------------------------------------------------------------------


def _read_calls(
    message: BaseMessage, blocks: _BlockContents | None, index: int, parsed: ParsedAssistant
) -> None:
    valid = getattr(message, "tool_calls", None)
    invalid = getattr(message, "invalid_tool_calls", None)
    if valid or invalid:
        raw = message.additional_kwargs.get("raw_arguments")
        for call in valid or ():
            call_id, args = call.get("id"), call["args"]
            arguments = _kept_arguments(call_id, args, raw) if raw else None
            if arguments is None:
                arguments = _arguments_json(args, call_id, index)
            _add_call(parsed, call_id, call["name"], arguments, index)
        for call in invalid or ():
            arguments = unwrap_arguments(call.get("args"))
            added = _add_call(parsed, call.get("id"), call.get("name"), arguments, index)
            parsed.invalid_ids.add(added.id)
        _restore_order(parsed.turn.calls, message.additional_kwargs.get("tool_call_order"))
        return
    call_blocks = blocks.calls if blocks is not None else []
    legacy = message.additional_kwargs.get("function_call")
    if not call_blocks and isinstance(legacy, Mapping) and legacy.get("name"):
        call_blocks = [read_call({key: legacy.get(key) for key in ("name", "arguments")})]
    for block in call_blocks:
        value = block.arguments
        is_text = isinstance(value, str)
        arguments = unwrap_arguments(value) if is_text else _arguments_json(value, block.id, index)
        added = _add_call(parsed, block.id, block.name, arguments, index)
        if strict_object(arguments) is None:
            parsed.invalid_ids.add(added.id)


def _restore_order(calls: list[ToolCall], order: object) -> None:
    """Put the calls in the order in which the model made them (`tool_calls.tool_call_order`)."""
    if isinstance(order, list):
        places = {call_id: place for place, call_id in enumerate(order) if isinstance(call_id, str)}
        calls.sort(key=lambda call: places.get(call.id, len(places)))


def _add_call(
    parsed: ParsedAssistant, call_id: str | None, name: str | None, arguments: str, index: int
) -> ToolCall:
    calls = parsed.turn.calls
    if call_id and not call_id.isascii():
        call_id = join_surrogates(call_id)
    if not call_id or (calls and any(call.id == call_id for call in calls)):
        call_id = f"call_{index}_{len(calls)}"
        while any(call.id == call_id for call in calls):
            call_id += "_"
        parsed.generated_ids.add(call_id)
    name = name or UNNAMED_TOOL
    call = ToolCall(
        call_id,
        name if name.isascii() else join_surrogates(name),
        arguments if arguments.isascii() else join_surrogates(arguments),
    )
    calls.append(call)
    return call


def _kept_arguments(call_id: str | None, args: Any, raw: object) -> str | None:
    """Return the model's own text if it was kept and still stands for the arguments, else None."""
    if isinstance(raw, Mapping) and call_id is not None and not is_too_deep(args):
        text = raw.get(call_id)
        if isinstance(text, str) and is_decoded_form(strict_object(text), args):
            return text
    return None


def _arguments_json(args: Any, call_id: str | None, index: int) -> str:
    try:
        text = dump_json(args)
    except (TypeError, ValueError, RecursionError) as error:
        if is_too_deep(args):
            raise _too_deep(call_id, index) from None
        raise HistoryError(
            f"the arguments of tool call {call_id!r} cannot be written as JSON: {error}", index
        ) from error
    # Each level has a bracket, so few brackets are few levels.
    if text.count("{") + text.count("[") > MAX_DEPTH and is_too_deep(args):
        raise _too_deep(call_id, index)
    return text


def _too_deep(call_id: str | None, index: int) -> HistoryError:
    return HistoryError(
        f"the arguments of tool call {call_id!r} are nested more than {MAX_DEPTH} levels deep; "
        "flatten them",
        index,
    )


def unwrap_arguments(args: object) -> str:
    """Return the text of invalid arguments as the model wrote it.

    Args:
        args: The text itself; or the text encoded as a JSON string, which keeps core from
            completing truncated JSON when chunks are merged (`FinishedCall.chunk_text`).
    """
    if not isinstance(args, str):
        return ""
    if args.startswith('"') and args.endswith('"'):
        try:
            inner = json.loads(args)
        except ValueError:
            return args
        return inner if isinstance(inner, str) else args
    return args

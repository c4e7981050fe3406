"""Assistant messages of any provider → an assistant turn: text, thoughts, calls."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_mimo._checks import warn_once
from langchain_mimo._json import dump_json, join_surrogates, strict_object
from langchain_mimo._wire.from_langchain.other_providers import (
    ASSISTANT_FATES,
    ForeignCall,
    block_type,
    plain_reasoning,
    read_call,
)
from langchain_mimo._wire.turns import AssistantTurn, ToolCall
from langchain_mimo.errors import HistoryError, MiMoInputError

UNNAMED_TOOL = "unnamed_tool"
"""Stands for the name of a call that has none; MiMo answers 400 "`name` is not set"."""

MEDIA_TYPES = frozenset(
    {"image", "video", "audio", "image_url", "video_url", "input_audio", "audio_url", "media"}
    | {"file", "document"}
)
"""Types of blocks that hold media; MiMo takes them from users and tools only."""

_REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking")
"""MiMo and DeepSeek; vLLM, OpenRouter and OpenAI Responses before v1; Bedrock."""


@dataclass(slots=True)
class AssistantReading:
    """A turn, and what `history` must know to find the results of its calls.

    Attributes:
        turn: The turn; `reasoning` is what the message holds ("" and None alike mean none).
        invented: Ids made here for calls that had none, or the id of another call of the turn.
        invalid: Ids of calls whose arguments do not parse; LangChain never answers these.
    """

    turn: AssistantTurn
    invented: set[str] = field(default_factory=set)
    invalid: set[str] = field(default_factory=set)


def read_assistant(message: BaseMessage, index: int, *, repair: bool = False) -> AssistantReading:
    """Read an assistant message.

    Args:
        message: An AIMessage, or a ChatMessage whose role is assistant.
        index: Its index, for errors and for ids that are missing.
        repair: Put a note in the place of media, which only users and tools may show.

    Returns:
        The turn and the ids of its special calls.

    Raises:
        MiMoInputError: A block is unknown, or holds media.
        HistoryError: A call's arguments cannot be written as JSON.
    """
    content = message.content
    additional = message.additional_kwargs
    reasoning = _reasoning_in_fields(additional) if additional else ""
    found: _Found | None = None
    if isinstance(content, str):
        text = join_surrogates(content)
    else:
        found = _read_blocks(content, index, repair=repair)
        text = join_surrogates("".join(found.texts))
        reasoning = reasoning or "".join(found.reasoning)
    reasoning = _of_the_last_try(reasoning, message)
    if not text and additional:
        text = join_surrogates(_said_elsewhere(additional))
    name = join_surrogates(message.name) if message.name else None
    turn = AssistantTurn(text, join_surrogates(reasoning) if reasoning else None, [], name)
    reading = AssistantReading(turn)
    _read_calls(message, found, index, reading)
    if message.response_metadata.get("model_provider") == "mimo":
        # Another provider's signature seals another provider's thoughts.
        turn.signature = _signature(additional, found)
    return reading


def _reasoning_in_fields(additional: Mapping[str, Any]) -> str:
    for key in _REASONING_FIELDS:
        if (value := additional.get(key)) and (text := plain_reasoning(value)):
            return text
    return ""


def _said_elsewhere(additional: Mapping[str, Any]) -> str:
    """Return what a model of OpenAI's said in place of content: a refusal, or spoken words."""
    if isinstance(refusal := additional.get("refusal"), str):
        return refusal
    audio = additional.get("audio")
    transcript = audio.get("transcript") if isinstance(audio, Mapping) else None
    return transcript if isinstance(transcript, str) else ""


def _of_the_last_try(reasoning: str, message: BaseMessage) -> str:
    """Leave out the thoughts of tries that came to nothing, where a tool call was forced.

    A stream cannot take thoughts back, so `forced_tools` keeps those of all tries in the message,
    and notes where the ones begin that led to the answer.
    """
    forced = message.response_metadata.get("forced_tool_choice")
    offset = forced.get("reasoning_offset") if isinstance(forced, Mapping) else None
    if isinstance(offset, int) and 0 < offset <= len(reasoning):
        return reasoning[offset:]
    return reasoning


def _signature(additional: Mapping[str, Any], found: _Found | None) -> str | None:
    """Return the signature of MiMo's own thoughts, from its field or from their block."""
    signature = additional.get("signature")
    if isinstance(signature, str):
        return signature
    return found.signature if found is not None else None


# --- Content blocks ----------------------------------------------------------------------------


@dataclass(slots=True)
class _Found:
    texts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[ForeignCall] = field(default_factory=list)
    signature: str | None = None


def _read_blocks(content: Sequence[Any], index: int, *, repair: bool) -> _Found:
    found = _Found()
    for block_index, block in enumerate(content):
        if isinstance(block, str):
            found.texts.append(block)
        elif isinstance(block, Mapping):
            _read_block(block, (index, block_index), found, repair=repair)
        else:
            raise MiMoInputError(
                f"a content block must be a string or a dict, not {type(block).__name__}.",
                index,
                block_index,
            )
    return found


def _read_block(
    block: Mapping[str, Any], at: tuple[int, int], found: _Found, *, repair: bool
) -> None:
    kind = block_type(block)
    wrapped = kind == "non_standard" and isinstance(block.get("value"), Mapping)
    if wrapped:
        block = block["value"]
        kind = block_type(block)
    fate = ASSISTANT_FATES.get(kind) if kind is not None else None
    match fate:
        case "text":
            value = block.get("refusal" if kind == "refusal" else "text")
            found.texts.append(value if isinstance(value, str) else "")
        case "thoughts":
            _take_reasoning(block, found)
        case "call":
            found.calls.append(read_call(block))
        case "dropped":
            pass
        case _ if kind in MEDIA_TYPES and repair:
            found.texts.append(f"({kind} block left out)")
        case _ if kind in MEDIA_TYPES:
            raise MiMoInputError(
                f"MiMo takes no {kind} block in an assistant message; move it into a user message, "
                "or set repair_history=True to put a note in its place.",
                *at,
            )
        case _ if wrapped:
            _warn_dropped(kind)
        case _:
            name = "without a type" if kind is None else f"of type {kind[:40]!r}"
            raise MiMoInputError(
                f"a block {name} in an assistant message is not known; take it out, or wrap it as "
                '{"type": "non_standard", "value": …} to have it left out.',
                *at,
            )


def _take_reasoning(block: Mapping[str, Any], found: _Found) -> None:
    found.reasoning.append(plain_reasoning(block))
    extras = block.get("extras")
    for holder in (block, extras if isinstance(extras, Mapping) else {}):
        if isinstance(signature := holder.get("signature"), str):
            found.signature = signature


def _warn_dropped(kind: str | None) -> None:
    name = str(kind)[:40]
    warn_once(f"A non_standard block of type {name!r} in an assistant message is not sent to MiMo.")


# --- Calls -------------------------------------------------------------------------------------


def _read_calls(
    message: BaseMessage, found: _Found | None, index: int, reading: AssistantReading
) -> None:
    valid = getattr(message, "tool_calls", None)
    invalid = getattr(message, "invalid_tool_calls", None)
    if valid or invalid:
        raw = message.additional_kwargs.get("raw_arguments")
        for call in valid or ():
            arguments = _exact_arguments(call.get("id"), call["args"], raw, index)
            _add_call(reading, call.get("id"), call["name"], arguments, index)
        for call in invalid or ():
            added = _add_call(
                reading, call.get("id"), call.get("name"), unwrapped(call.get("args")), index
            )
            reading.invalid.add(added.id)
        _restore_order(reading.turn.calls, message.additional_kwargs.get("tool_call_order"))
        return
    foreign = found.calls if found is not None else []
    legacy = message.additional_kwargs.get("function_call")
    if not foreign and isinstance(legacy, Mapping) and legacy.get("name"):
        foreign = [read_call({key: legacy.get(key) for key in ("name", "arguments")})]
    for block in foreign:
        value = block.arguments
        arguments = unwrapped(value) if isinstance(value, str) else _dumped(value, block.id, index)
        added = _add_call(reading, block.id, block.name, arguments, index)
        if strict_object(arguments) is None:
            reading.invalid.add(added.id)


def _restore_order(calls: list[ToolCall], order: object) -> None:
    """Put calls in the order in which the model made them (`tool_calls.mixed_order`)."""
    if isinstance(order, list):
        places = {call_id: place for place, call_id in enumerate(order) if isinstance(call_id, str)}
        calls.sort(key=lambda call: places.get(call.id, len(places)))


def _add_call(
    reading: AssistantReading, call_id: str | None, name: str | None, arguments: str, index: int
) -> ToolCall:
    calls = reading.turn.calls
    call_id = join_surrogates(call_id) if call_id else ""
    if not call_id or (calls and any(call.id == call_id for call in calls)):
        call_id = f"call_{index}_{len(calls)}"
        while any(call.id == call_id for call in calls):
            call_id += "_"
        reading.invented.add(call_id)
    call = ToolCall(
        call_id, join_surrogates(name) if name else UNNAMED_TOOL, join_surrogates(arguments)
    )
    calls.append(call)
    return call


def _exact_arguments(call_id: str | None, args: Any, raw: object, index: int) -> str:
    """Return the model's own text where it was kept and still says the same, else JSON."""
    if isinstance(raw, Mapping) and call_id is not None:
        text = raw.get(call_id)
        if isinstance(text, str) and strict_object(text) == args:
            return text
    return _dumped(args, call_id, index)


def _dumped(args: Any, call_id: str | None, index: int) -> str:
    try:
        return dump_json(args)
    except (TypeError, ValueError) as error:
        raise HistoryError(
            f"the arguments of tool call {call_id!r} cannot be written as JSON: {error}.", index
        ) from error


def unwrapped(args: object) -> str:
    """Return the text of invalid arguments as the model wrote it.

    Args:
        args: The text itself; or the text as one JSON string, the form that keeps core from
            completing cut JSON when chunks are merged (`tool_calls.FinishedCall.chunk_text`).
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

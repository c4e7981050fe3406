"""From a model's fields and a caller's messages to what is asked; sans-I/O, like `replies`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_mimo import catalogue
from langchain_mimo.call_options import CallOptions, call_options
from langchain_mimo.errors import MiMoMediaRejectedError
from langchain_mimo.media.sources import MediaPolicy
from langchain_mimo.model_fields import ChatMiMoFields
from langchain_mimo.replies import Question
from langchain_mimo.structured_output import lower_response_format
from langchain_mimo.tool_choice import lower_tool_choice
from langchain_mimo.wire.api_formats import API_FORMATS
from langchain_mimo.wire.blocks import MediaDefaults
from langchain_mimo.wire.chat_completions import RequestOptions
from langchain_mimo.wire.dialects import dialect_of
from langchain_mimo.wire.history import HistoryOptions, clean_history
from langchain_mimo.wire.turns import MediaPart, Part, ToolTurn, Turn, UserTurn

_MOST_DESCRIBED = 5
"""Media that an error describes; a conversation may hold hundreds."""


def question_of(
    fields: ChatMiMoFields,
    messages: Sequence[BaseMessage],
    stop: list[str] | None,
    keywords: Mapping[str, Any],
    *,
    stream: bool,
) -> Question:
    """Turn messages and keywords into what is asked.

    Args:
        fields: The model, whose fields hold where the call says nothing.
        messages: The conversation; not changed.
        stop: The `stop` of the call, which LangChain passes apart.
        keywords: All other keywords of the call.
        stream: Whether to stream.

    Raises:
        MiMoInputError: A message, block or keyword that MiMo cannot take.
    """
    options = call_options(fields, stop, keywords)
    api_format = API_FORMATS[fields.api_format]
    dialect = dialect_of(fields.server, fields.dialect)
    history = clean_history(messages, history_options(options))
    if options.parallel_tool_calls is not None:
        options.parameters["parallel_tool_calls"] = options.parallel_tool_calls
    request = RequestOptions(
        model=options.model,
        parameters=options.parameters,
        thinking=False if history.disable_thinking else options.thinking,
        tools=options.tools,
        stream=stream,
        include_usage=options.stream_usage,
    )
    tree = api_format.encode_request(history.turns, request, dialect)
    enforced = api_format.enforced(dialect)
    tree = lower_response_format(tree, options.response_format, server=enforced)
    tree, choice = lower_tool_choice(tree, options.tool_choice, native=dialect.forces_tools)
    if options.extra_body:
        tree.update(options.extra_body)
    return Question(
        tree,
        choice,
        attempts=options.forced_tool_attempts,
        unfence=options.response_format is not None,
        thoughts_as_content=options.empty_content == "reasoning",
        blocks=fields.output_version == "v1",
        api_format=api_format,
        turns=history.turns,
    )


def explain_rejection(
    error: MiMoMediaRejectedError, question: Question, policy: MediaPolicy
) -> None:
    """Add to an error what the refused media are and which call mends them; MiMo names nothing.

    Reads headers of files again: in an event loop, call it in a thread.

    Args:
        error: What the server answered; its hint grows.
        question: What was asked.
        policy: Which files may be opened.
    """
    from langchain_mimo.media.diagnosis import describe_corruption  # noqa: PLC0415 - rarely used

    references = [
        part.reference
        for turn in question.turns
        for part in _parts(turn)
        if isinstance(part, MediaPart)
    ]
    shown = [describe_corruption(reference, policy) for reference in references[:_MOST_DESCRIBED]]
    if len(references) > _MOST_DESCRIBED:
        shown.append(f"and {len(references) - _MOST_DESCRIBED} more media")
    error.hint = " ".join([error.hint or "", "Sent were:", "; ".join(shown) + "."]).strip()


def _parts(turn: Turn) -> Sequence[Part]:
    match turn:
        case UserTurn(content=list(parts)):
            return parts
        case ToolTurn():
            return turn.media
        case _:
            return ()


def history_options(options: CallOptions) -> HistoryOptions:
    """Tell how a history is to be read for a call.

    Args:
        options: What the call asks for.
    """
    known = catalogue.find(options.model)
    thinks = known.thinks_by_default if known else True
    documented = known is None or known.media_in_tool_messages
    return HistoryOptions(
        model=options.model,
        inputs=known.inputs if known else None,
        media_defaults=MediaDefaults(options.fps, options.media_resolution),
        thinking_on=thinks if options.thinking is None else options.thinking,
        replay_reasoning=options.replay_reasoning,
        missing_reasoning=options.missing_reasoning,
        tool_media=options.tool_media if documented else "user",
        repair_history=options.repair_history,
    )

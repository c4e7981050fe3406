"""From a model's fields and a caller's messages to what is asked; sans-I/O, like `replies`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_mimo import catalogue
from langchain_mimo._chat.call_options import CallOptions, call_options
from langchain_mimo._chat.fields import ChatMiMoFields
from langchain_mimo._chat.responses import Question
from langchain_mimo._chat.structured_output import lower_response_format
from langchain_mimo._chat.tool_choice.choice import lower_tool_choice
from langchain_mimo._wire.dialects import dialect_of
from langchain_mimo._wire.formats import API_FORMATS
from langchain_mimo._wire.from_langchain.content_blocks import MediaDefaults
from langchain_mimo._wire.from_langchain.history import HistoryOptions, clean_history
from langchain_mimo._wire.request import RequestOptions


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
        reasoning_as_content=options.empty_content == "reasoning",
        blocks=fields.output_version == "v1",
        api_format=api_format,
        turns=history.turns,
    )


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

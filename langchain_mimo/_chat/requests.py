"""Builds the request from the model's fields, the call's options and the messages (no I/O)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_mimo._chat.call_options import call_options
from langchain_mimo._chat.fields import ChatMiMoFields
from langchain_mimo._chat.structured_output.request import plan_response_format
from langchain_mimo._chat.tool_choice.choice import ForcedChoice, plan_tool_choice
from langchain_mimo._wire.dialects import Dialect, dialect_of
from langchain_mimo._wire.formats import API_FORMATS, ApiFormat
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.request import RequestOptions
from langchain_mimo._wire.turns import Turn


@dataclass(slots=True)
class ChatRequest:
    """A conversation to send, and what to do with its response.

    Attributes:
        turns: The conversation.
        options: Everything else in the request.
        api_format: The format of request and response.
        dialect: How the server differs from MiMo's cloud.
        extra_body: Keys merged into the encoded body, over everything else.
        forced: A tool call that the response must contain on a server that cannot force it, or
            None.
        attempts: Maximum number of requests for `forced`.
        strip_fence: Whether to remove a code fence around the whole response.
        reasoning_as_content: Whether reasoning replaces an empty response.
        as_blocks: Whether chunks carry v1 content blocks.
    """

    turns: Sequence[Turn]
    options: RequestOptions
    api_format: ApiFormat
    dialect: Dialect
    extra_body: Mapping[str, Any] | None = None
    forced: ForcedChoice | None = None
    attempts: int = 2
    strip_fence: bool = False
    reasoning_as_content: bool = False
    as_blocks: bool = False

    def encode(self, further_turns: Sequence[Turn] = ()) -> dict[str, Any]:
        """Return the body as a JSON tree, its media still unread.

        Args:
            further_turns: Turns to append to the conversation.

        Raises:
            MiMoInputError: The server has no way to do what the request asks.
        """
        turns = [*self.turns, *further_turns] if further_turns else self.turns
        tree = self.api_format.encode_request(turns, self.options, self.dialect)
        if self.extra_body:
            tree.update(self.extra_body)
        return tree


def build_request(
    fields: ChatMiMoFields,
    messages: Sequence[BaseMessage],
    stop: list[str] | None,
    keywords: Mapping[str, Any],
    *,
    stream: bool,
) -> ChatRequest:
    """Build the request of one call.

    Args:
        fields: The model; its fields apply where the call says nothing.
        messages: The conversation; not changed.
        stop: The call's `stop`, which LangChain passes separately.
        keywords: All other keywords of the call.
        stream: Whether to stream.

    Raises:
        MiMoInputError: MiMo cannot take a message, block or keyword.
    """
    options = call_options(fields, stop, keywords)
    api_format = API_FORMATS[fields.api_format]
    dialect = dialect_of(fields.server, fields.dialect)
    history = clean_history(messages, options.history)
    plan = plan_tool_choice(options.tool_choice, options.tools, native=dialect.forces_tools)
    response_format = plan_response_format(
        options.response_format,
        history.turns,
        server=api_format.enforced(dialect),
        has_tools=bool(plan.tools),
    )
    turns = history.turns
    if response_format.instruction is not None:
        turns = [*turns, response_format.instruction]
    request = RequestOptions(
        model=options.model,
        parameters=options.parameters,
        thinking=False if history.disable_thinking else options.thinking,
        tools=plan.tools,
        tool_choice=plan.tool_choice,
        parallel_tool_calls=options.parallel_tool_calls,
        response_format=response_format.response_format,
        stream=stream,
        include_usage=options.stream_usage,
    )
    return ChatRequest(
        turns,
        request,
        api_format,
        dialect,
        extra_body=options.extra_body,
        forced=plan.forced,
        attempts=options.forced_tool_attempts,
        strip_fence=options.response_format is not None,
        reasoning_as_content=options.empty_content == "reasoning",
        as_blocks=fields.output_version == "v1",
    )

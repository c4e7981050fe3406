"""Builds the request from the model's fields, the call's options and the messages (no I/O)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from langchain_core.messages import BaseMessage
from langchain_core.messages.ai import UsageMetadata

from langchain_mimo import catalogue
from langchain_mimo._chat.call_options import CallOptions, call_options
from langchain_mimo._chat.fields import ChatMiMoFields
from langchain_mimo._chat.structured_output.native import accepts_native_schema
from langchain_mimo._chat.structured_output.request import FormatPlan, plan_response_format
from langchain_mimo._chat.tool_choice.choice import ForcedChoice, plan_tool_choice
from langchain_mimo._transport.retries import RetryPolicy, policy_of
from langchain_mimo._transport.timeouts import MiMoTimeouts
from langchain_mimo._wire.bound_tools import BoundTools, rename_calls
from langchain_mimo._wire.dialects import Dialect, dialect_of
from langchain_mimo._wire.formats import API_FORMATS, ApiFormat
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.left_out import leave_out, with_repair_remedy
from langchain_mimo._wire.request import RequestOptions
from langchain_mimo._wire.turns import Turn
from langchain_mimo.errors import MediaError, MiMoError, UnsupportedModalityError

PriceFunction: TypeAlias = Callable[[UsageMetadata | None, str, int], float | None]
"""Returns the cost in US dollars, from usage, model id and number of web searches."""

MeasureFunction: TypeAlias = Callable[[Sequence[Turn]], tuple[int, int]]
"""Returns the tokens of the media in turns: the likely number, and the highest possible one."""


@dataclass(slots=True)
class ChatRequest:
    """A conversation to send, and what to do with its response.

    Attributes:
        turns: The conversation.
        format: How the response format is carried out.
        options: Everything else in the request.
        endpoint: The URL that the request goes to.
        api_format: The format of request and response.
        dialect: How the server differs from MiMo's cloud.
        extra_body: Keys merged into the encoded body, over everything else.
        forced: A tool call that the response must contain on a server that cannot force it, or
            None.
        attempts: Maximum number of requests for `forced`.
        tools: The tools, which know how their calls are read, or None.
        xml_tools: The tools whose calls are read from XML in the text, or None.
        second_chance: Whether a transient rejection is followed by one more request.
        max_tool_calls: Maximum number of tool calls in a response, or None.
        stop_repetition: Number of identical groups of lines that end a response, or None.
        retry: How a held stream that breaks is sent again; None for not at all.
        is_held: Whether the caller wants the whole response although it is read as a stream.
        strip_fence: Whether to remove a code fence around the whole response.
        reasoning_as_content: Whether reasoning replaces an empty response.
        as_blocks: Whether chunks carry v1 content blocks.
        price: Returns the cost of usage by model id and number of web searches, or None.
        measure: Returns the estimated tokens of the media in turns, for a budget, or None.
        leaves_out: Whether a note takes the place of media that cannot be sent.
        asked: Index of the message that is asked now: nothing is left out of it.
        include_response_headers: Whether the message has the headers of the response.
    """

    turns: Sequence[Turn]
    format: FormatPlan
    options: RequestOptions
    endpoint: str
    api_format: ApiFormat
    dialect: Dialect
    extra_body: Mapping[str, Any] | None = None
    forced: ForcedChoice | None = None
    attempts: int = 2
    tools: BoundTools | None = None
    xml_tools: Sequence[Mapping[str, Any]] | None = None
    second_chance: bool = True
    max_tool_calls: int | None = None
    stop_repetition: int | None = None
    retry: RetryPolicy | None = None
    is_held: bool = False
    strip_fence: bool = False
    reasoning_as_content: bool = False
    as_blocks: bool = False
    price: PriceFunction | None = None
    measure: MeasureFunction | None = None
    include_response_headers: bool = False
    leaves_out: bool = False
    asked: int | None = None

    def media_tokens(self) -> tuple[int, int]:
        """Return the estimated tokens of the media, for a budget, as `measure` does."""
        return (0, 0) if self.measure is None else self.measure(self.turns)

    def leave_out(self, error: MiMoError | None) -> bool:
        """Replace the media items that an error is about with notes, if the caller wishes so.

        Whether a file is there and what it holds is known only while the request is sent, so this
        follows an attempt that failed before the server got all of it.

        Returns:
            Whether the request should be encoded again.
        """
        if not self.leaves_out or not isinstance(error, MediaError | UnsupportedModalityError):
            return False
        if self.asked is not None and error.message_index == self.asked:
            return False
        others = error.others if isinstance(error, MediaError) else ()
        all_but_asked = [each for each in others if each.message_index != self.asked]
        found = [leave_out(self.turns, each) for each in (error, *all_but_asked)]
        return any(found)

    def with_remedy(self, error: MiMoError) -> MiMoError:
        """Return an error, with `repair_history=True` as a remedy if that would leave the item out.

        Args:
            error: Why the request, or an attempt to send it, failed.
        """
        if self.leaves_out or not isinstance(error, MediaError | UnsupportedModalityError):
            return error
        if error.block_index is None or error.message_index == self.asked:
            return error
        return with_repair_remedy(error)

    def encode(
        self, further_turns: Sequence[Turn] = (), *, fall_back: bool = False
    ) -> dict[str, Any]:
        """Return the body as a JSON tree, its media still unread.

        Args:
            further_turns: Turns to append to the conversation.
            fall_back: Whether to carry out the response format by its fallback.

        Raises:
            MiMoInputError: The server has no way to do what the request asks.
        """
        plan = self.format.fallback if fall_back and self.format.fallback else self.format
        turns = self.turns
        if plan.instruction is not None or further_turns:
            instruction = () if plan.instruction is None else (plan.instruction,)
            turns = [*turns, *instruction, *further_turns]
        options = self.options
        if plan.response_format is not None:
            options = replace(options, response_format=plan.response_format)
        while True:
            try:
                tree = self.api_format.encode_request(turns, options, self.dialect)
                break
            except UnsupportedModalityError as error:
                if not self.leave_out(error):
                    raise self.with_remedy(error) from error.__cause__
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
    price: PriceFunction | None = None,
    measure: MeasureFunction | None = None,
) -> ChatRequest:
    """Build the request of one call.

    Args:
        fields: The model; its fields apply where the call says nothing.
        messages: The conversation; not changed.
        stop: The call's `stop`, which LangChain passes separately.
        keywords: All other keywords of the call.
        stream: Whether to stream.
        price: Returns the cost of usage by model id and number of web searches.
        measure: Returns the estimated tokens of the media in turns, for a budget.

    Raises:
        MiMoInputError: MiMo cannot take a message, block or keyword.
    """
    options = call_options(fields, stop, keywords)
    api_format, dialect = API_FORMATS[fields.api_format], dialect_of(fields.server, fields.dialect)
    history = clean_history(messages, options.history)
    tools = BoundTools(options.tools) if options.tools else None
    plan = plan_tool_choice(
        options.tool_choice,
        options.tools,
        native=dialect.forces_tools,
        wire_names=tools.renamed if tools else {},
    )
    if len(history.turns) > 1:
        rename_calls(history.turns, tools)
    sent_tools = tools.on_wire(plan.tools) if tools else ()
    endpoint = api_format.address(fields._endpoints)  # noqa: SLF001 - the same class
    response_format = plan_response_format(
        options.response_format,
        history.turns,
        server=api_format.enforced(dialect),
        native=plan.forced is None and _takes_native_schema(options, endpoint),
        has_tools=bool(plan.tools),
    )
    is_held = not stream and _is_watched(options, response_format)
    request = RequestOptions(
        model=str(options.extra_body.get("model", options.model)),
        parameters=options.parameters,
        thinking=False if history.disable_thinking else options.thinking,
        tools=sent_tools,
        tool_choice=plan.tool_choice,
        parallel_tool_calls=options.parallel_tool_calls,
        stream=stream or is_held,
        include_usage=options.stream_usage or is_held,
    )
    return ChatRequest(
        history.turns,
        response_format,
        request,
        endpoint,
        api_format,
        dialect,
        forced=plan.forced,
        tools=tools,
        xml_tools=sent_tools if options.parse_tool_xml else None,
        retry=_held_retries(fields) if is_held else None,
        is_held=is_held,
        price=price if fields.server == "mimo" else None,
        measure=measure,
        asked=history.asked,
        **_wishes(fields, options),
    )


def _is_watched(options: CallOptions, response_format: FormatPlan) -> bool:
    """Return whether a response may have to end before it is complete."""
    return bool(response_format.native or options.max_tool_calls or options.stop_repetition)


def _wishes(fields: ChatMiMoFields, options: CallOptions) -> dict[str, Any]:
    """Return what the caller wants of the response, as arguments of `ChatRequest`."""
    return {
        "as_blocks": fields.output_version == "v1",
        "extra_body": options.extra_body,
        "attempts": options.forced_tool_attempts,
        "second_chance": options.second_chance,
        "max_tool_calls": options.max_tool_calls,
        "stop_repetition": options.stop_repetition,
        "strip_fence": options.response_format is not None,
        "reasoning_as_content": options.empty_content == "reasoning",
        "include_response_headers": options.include_response_headers,
        "leaves_out": options.history.media_defaults.leave_out_unusable,
    }


def _takes_native_schema(options: CallOptions, endpoint: str) -> bool:
    """Return whether the model enforces a schema at this endpoint, as far as is known."""
    if options.response_format is None or not options.native_schemas:
        return False
    known = catalogue.find(options.model)
    return known is not None and known.native_json_schema and accepts_native_schema(endpoint)


def _held_retries(fields: ChatMiMoFields) -> RetryPolicy | None:
    """Return how a held stream is sent again; a `total` limit covers one request only."""
    if MiMoTimeouts.of(fields.timeout).total is not None:
        return None
    return policy_of(fields.retry_policy, fields.max_retries)

"""Parses structured answers strictly, with errors that say what the response was instead."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, NoReturn

from langchain_core import exceptions as core_exceptions
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.output_parsers import BaseTransformOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.utils.json import parse_partial_json
from pydantic import ConfigDict

from langchain_mimo._chat.structured_output.fences import BLANK, parse_json
from langchain_mimo._chat.structured_output.schema import AnswerSchema
from langchain_mimo._json import without_lone_surrogates

_EXCERPT = 200

_REMEDY = (
    "Call again, describe the fields in the prompt or in the class, or catch it with "
    "include_raw=True."
)


class StructuredOutputParser(BaseTransformOutputParser[Any]):
    """Turns a response, or a tool call in it, into an object of a schema.

    Attributes:
        target: The schema.
        from_call: Whether the object is the arguments of a tool call.
        may_call: Whether calls of other tools may replace the object, which is None then.
    """

    target: AnswerSchema
    from_call: bool = False
    may_call: bool = False

    model_config = ConfigDict(arbitrary_types_allowed=True)

    def parse(self, text: str) -> Any:
        """Parse the text of a response; see `parse_result`."""
        return self.parse_message(AIMessage(content=text))

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Parse a response.

        Args:
            result: The model's generations; only the first one is used.
            partial: Whether the response is still arriving.

        Returns:
            The object; None while a partial response does not show it yet.

        Raises:
            OutputParserException: The response has no such object; the text says what it has.
            ModelRefusalError: MiMo's content filter stopped the response (from langchain-core
                1.7.5; OutputParserException before).
        """
        generation = result[0]
        if not isinstance(generation, ChatGeneration):
            return self.parse(generation.text)
        message = generation.message
        return self._partial(message) if partial else self.parse_message(message)

    def outcome(self, message: BaseMessage) -> tuple[Any, Exception | None]:
        """Return (object, None), or (None, error)."""
        try:
            return self.parse_message(message), None
        except (OutputParserException, core_exceptions.ModelError) as error:
            return None, error

    def parse_message(self, message: BaseMessage) -> Any:
        """Parse a complete message; see `parse_result`."""
        _raise_if_refused(message)
        if self.may_call and self._calls_others(message):
            return None
        value = self._arguments(message) if self.from_call else self._content(message)
        try:
            return self.target.build(value)
        except (ValueError, TypeError) as error:
            found = json.dumps(value, ensure_ascii=False, default=str)
            self._fail(
                message, f"the JSON does not fit the schema: {str(error)[:600]}", found, error
            )

    def _calls_others(self, message: BaseMessage) -> bool:
        names = [call["name"] for call in getattr(message, "tool_calls", ())]
        return bool(names) and not (self.from_call and self.target.name in names)

    def _arguments(self, message: BaseMessage) -> Any:
        for call in getattr(message, "tool_calls", ()):
            if call["name"] == self.target.name:
                return call["args"]
        return self._fail(message, f"the tool {self.target.name} was not called", str(message.text))

    def _content(self, message: BaseMessage) -> Any:
        text = str(message.text).strip(BLANK)
        if not text:
            self._fail(message, "the response is empty", "")
        try:
            return parse_json(text)
        except (ValueError, RecursionError) as error:
            self._fail(message, f"the response is not JSON ({error})", text, error)

    def _fail(
        self, message: BaseMessage, what: str, found: str, cause: Exception | None = None
    ) -> NoReturn:
        name = self.target.name
        article = "an" if name[:1].lower() in "aeio" else "a"
        text = f"Could not parse {article} {name}: {what}. {_describe(message, found)}"
        raise OutputParserException(text, llm_output=found) from cause

    def _partial(self, message: BaseMessage) -> Any:
        """Return the part of a dict that has arrived; instances need the whole object."""
        if self.target.makes_instances or self.from_call:
            return None
        text = str(message.text).strip(BLANK)
        if not text.startswith("{"):
            return None
        try:
            return without_lone_surrogates(parse_partial_json(text))
        except (ValueError, RecursionError):
            return None

    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:  # noqa: A002
        progress = _Progress(self)
        for chunk in input:
            yield from progress.feed(chunk)
        yield from progress.finish()

    async def _atransform(self, input: AsyncIterator[str | BaseMessage]) -> AsyncIterator[Any]:  # noqa: A002
        progress = _Progress(self)
        async for chunk in input:
            for value in progress.feed(chunk):
                yield value
        for value in progress.finish():
            yield value


class _Progress:
    """Parses a stream: growing parts of the object, then the whole object strictly."""

    def __init__(self, parser: StructuredOutputParser) -> None:
        self._parser = parser
        self._message: Any = None
        self._last: Any = None

    def feed(self, chunk: str | BaseMessage) -> list[Any]:
        """Take a chunk; returns the object so far, if it has grown."""
        if isinstance(chunk, str):
            chunk = AIMessageChunk(content=chunk)
        self._message = chunk if self._message is None else self._message + chunk
        return self._new(self._parser.parse_result([_generation(self._message)], partial=True))

    def finish(self) -> list[Any]:
        """End the stream; returns the whole object, unless it was the last one returned."""
        message = AIMessage(content="") if self._message is None else self._message
        return self._new(self._parser.parse_message(message))

    def _new(self, value: Any) -> list[Any]:
        if value is None or value == self._last:
            return []
        self._last = value
        return [value]


def _generation(message: BaseMessage) -> ChatGeneration:
    return ChatGeneration.model_construct(message=message)


def _raise_if_refused(message: BaseMessage) -> None:
    reason = message.response_metadata.get("finish_reason")
    refused: Any = getattr(core_exceptions, "ModelRefusalError", None)
    if refused is not None:
        for block in getattr(message, "content_blocks", ()):
            if block["type"] == "refusal":
                raise refused.from_refusal(block, raw_message=message)
    if reason != "content_filter":
        return
    text = "MiMo's content filter stopped the response (finish_reason content_filter)."
    if refused is not None:
        raise refused(text, raw_message=message)
    raise OutputParserException(text, llm_output=str(message.text))


def _describe(message: BaseMessage, found: str) -> str:
    """Describe a response that is not the expected object."""
    facts = []
    reason = message.response_metadata.get("finish_reason")
    usage = getattr(message, "usage_metadata", None) or {}
    reasoning = usage.get("output_token_details", {}).get("reasoning", 0)
    if reason:
        facts.append(f"finish_reason={reason}")
    if reasoning:
        facts.append(f"{reasoning} reasoning tokens")
    if called := [call["name"] for call in getattr(message, "tool_calls", ())]:
        facts.append(f"tools called: {', '.join(called)}")
    if invalid := [str(call["name"]) for call in getattr(message, "invalid_tool_calls", ())]:
        facts.append(f"calls with invalid JSON: {', '.join(invalid)}")
    if found:
        facts.append(f"it starts with {found[:_EXCERPT]!r}")
    text = f"The response: {', '.join(facts) or 'no content'}."
    if reason == "length":
        text += " It reached the token limit: raise max_completion_tokens"
        return text + (", or set thinking=False." if reasoning else ".")
    return f"{text} {_REMEDY}"

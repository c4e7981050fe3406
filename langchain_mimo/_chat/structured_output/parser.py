"""The parser of structured answers: strict, and telling what came where nothing fits."""

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

from langchain_mimo._chat.structured_output.fences import BLANK, unfence
from langchain_mimo._chat.structured_output.schema import AnswerSchema

_EXCERPT = 200


class StructuredOutputParser(BaseTransformOutputParser[Any]):
    """Turns an answer, or a tool call in it, into an object of a schema.

    Attributes:
        target: The schema.
        from_call: Whether the object comes as the arguments of a tool call.
    """

    target: AnswerSchema
    from_call: bool = False

    model_config = ConfigDict(arbitrary_types_allowed=True)

    def parse(self, text: str) -> Any:
        """Parse an answer's text; see `parse_result`."""
        return self.parse_message(AIMessage(content=text))

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Parse an answer.

        Args:
            result: The model's generations; the first one counts.
            partial: Whether the answer is still growing; what cannot be told yet is None.

        Returns:
            The object.

        Raises:
            OutputParserException: There is no such object in the answer; the text says what came.
            ModelRefusalError: MiMo's content filter stopped the answer (langchain-core 1.7.5 on;
                OutputParserException before).
        """
        generation = result[0]
        if not isinstance(generation, ChatGeneration):
            return self.parse(generation.text)
        message = generation.message
        return self._grown(message) if partial else self.parse_message(message)

    def outcome(self, message: BaseMessage) -> tuple[Any, Exception | None]:
        """Return the object and None, or None and what stood against it."""
        try:
            return self.parse_message(message), None
        except (OutputParserException, core_exceptions.ModelError) as error:
            return None, error

    def parse_message(self, message: BaseMessage) -> Any:
        """Parse a whole answer; see `parse_result`."""
        _raise_if_refused(message)
        value = self._arguments(message) if self.from_call else self._content(message)
        try:
            return self.target.build(value)
        except (ValueError, TypeError) as error:
            found = json.dumps(value, ensure_ascii=False, default=str)
            self._fail(
                message, f"the JSON that came does not fit: {str(error)[:600]}", found, error
            )

    def _arguments(self, message: BaseMessage) -> Any:
        for call in getattr(message, "tool_calls", ()):
            if call["name"] == self.target.name:
                return call["args"]
        return self._fail(
            message, f"no call of the tool {self.target.name} came", str(message.text)
        )

    def _content(self, message: BaseMessage) -> Any:
        text = str(message.text).strip(BLANK)
        if not text:
            self._fail(message, "the answer is empty", "")
        try:
            return _parsed(text)
        except (ValueError, RecursionError) as error:
            self._fail(message, f"the answer is not JSON ({error})", text, error)

    def _fail(
        self, message: BaseMessage, what: str, found: str, cause: Exception | None = None
    ) -> NoReturn:
        text = f"No {self.target.name} object: {what}. {_what_came(message, found)}"
        raise OutputParserException(text, llm_output=found) from cause

    def _grown(self, message: BaseMessage) -> Any:
        """Return a dict as far as it has come; an instance cannot be told before it is whole."""
        if self.target.model is not None or self.from_call:
            return None
        text = str(message.text).strip(BLANK)
        if not text.startswith("{"):
            return None
        try:
            return parse_partial_json(text)
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
    """A streamed answer on its way to an object: parts of it, and at the end a strict look."""

    def __init__(self, parser: StructuredOutputParser) -> None:
        self._parser = parser
        self._message: Any = None
        self._given: Any = None

    def feed(self, chunk: str | BaseMessage) -> list[Any]:
        """Take in a chunk; returns the object as far as it has come, if it has grown."""
        if isinstance(chunk, str):
            chunk = AIMessageChunk(content=chunk)
        self._message = chunk if self._message is None else self._message + chunk
        return self._new(self._parser.parse_result([_generation(self._message)], partial=True))

    def finish(self) -> list[Any]:
        """Close the answer; returns the whole object, if it is not what was given last."""
        message = AIMessage(content="") if self._message is None else self._message
        return self._new(self._parser.parse_message(message))

    def _new(self, value: Any) -> list[Any]:
        if value is None or value == self._given:
            return []
        self._given = value
        return [value]


def _generation(message: BaseMessage) -> ChatGeneration:
    return ChatGeneration.model_construct(message=message)


def _parsed(text: str) -> Any:
    """Parse JSON strictly, or strictly what is in a fence around all of it."""
    try:
        return _strict_json(text)
    except (ValueError, RecursionError):
        inside, fenced = unfence(text)
        if not fenced:
            raise
    return _strict_json(inside.strip(BLANK))


def _strict_json(text: str) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def _raise_if_refused(message: BaseMessage) -> None:
    reason = message.response_metadata.get("finish_reason")
    refused: Any = getattr(core_exceptions, "ModelRefusalError", None)
    if refused is not None:
        for block in getattr(message, "content_blocks", ()):
            if block["type"] == "refusal":
                raise refused.from_refusal(block, raw_message=message)
    if reason != "content_filter":
        return
    text = "MiMo's content filter stopped the answer (finish_reason content_filter)."
    if refused is not None:
        raise refused(text, raw_message=message)
    raise OutputParserException(text, llm_output=str(message.text))


def _what_came(message: BaseMessage, found: str) -> str:
    """Say what an answer is, where it is not what was wanted."""
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
    if unreadable := [str(call["name"]) for call in getattr(message, "invalid_tool_calls", ())]:
        facts.append(f"calls whose arguments are no JSON: {', '.join(unreadable)}")
    if found:
        facts.append(f"it begins: {found[:_EXCERPT]!r}")
    came = f"What came: {', '.join(facts) or 'nothing'}."
    if reason == "length":
        came += " It was cut: raise max_completion_tokens"
        came += ", or set thinking=False." if reasoning else "."
    return came

"""What a stream has said so far: its scalars in `StreamHead`, its text in `StreamedText`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages.ai import UsageMetadata

from langchain_mimo._json import SurrogateJoiner
from langchain_mimo._wire.json_values import word
from langchain_mimo._wire.openai.think_tags import ThinkTagHold
from langchain_mimo._wire.to_langchain.metadata import STOCK_REFUSAL, build_response_metadata
from langchain_mimo._wire.to_langchain.tool_calls import CUT_REASONS
from langchain_mimo._wire.to_langchain.tool_xml import ToolXMLHold
from langchain_mimo._wire.to_langchain.usage import usage_metadata


class StreamHead:
    """The scalars of a streamed response.

    Attributes:
        response_id: Its id, or None.
        model: The model that the server names, or None.
        finish_reason: Why it ended, or None while it has not.
        usage: The `usage` that arrived last, or None.
    """

    __slots__ = (
        "_error_message", "_fingerprint", "finish_reason", "model", "response_id", "usage",
    )  # fmt: skip

    def __init__(self) -> None:
        self.response_id: str | None = None
        self.model: str | None = None
        self.finish_reason: str | None = None
        # Some servers put a growing total on every chunk: the last one counts.
        self.usage: Mapping[str, Any] | None = None
        self._fingerprint: object = None
        self._error_message: object = None

    def read(self, event: Mapping[str, Any]) -> None:
        """Read what every event repeats; needed until the id is known."""
        self.response_id = word(event.get("id"))
        self.model = self.model or word(event.get("model"))
        self._fingerprint = self._fingerprint or event.get("system_fingerprint")

    def read_error_message(self, value: object) -> None:
        """Read the `error_message` of a delta."""
        self._error_message = value or self._error_message

    @property
    def usage_metadata(self) -> UsageMetadata | None:
        """The usage in LangChain's form."""
        return usage_metadata(self.usage)

    @property
    def response_metadata(self) -> dict[str, Any]:
        """The metadata of the message."""
        return build_response_metadata(
            response_id=self.response_id,
            model=self.model,
            finish_reason=self.finish_reason,
            usage=self.usage,
            fingerprint=self._fingerprint,
            error_message=self._error_message,
        )


class StreamedText:
    """The text and the reasoning of a streamed response.

    What is fed comes back, except what must wait: half a surrogate pair, the beginning of MiMo's
    stock refusal, reasoning within the content, and calls that are written as XML.

    Args:
        holds_xml: Whether calls in the text are held back.

    Attributes:
        found_reasoning: Reasoning that the last text completed, to be taken from here.
    """

    __slots__ = (
        "_found", "_held_text", "_reasoning", "_reasoning_joiner", "_text", "_text_joiner",
        "_think_hold", "_xml_hold", "found_reasoning",
    )  # fmt: skip

    def __init__(self, *, holds_xml: bool) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._text_joiner = SurrogateJoiner()
        self._reasoning_joiner = SurrogateJoiner()
        # Text that may still turn out to be the stock refusal; None once it differs.
        self._held_text: str | None = ""
        self._xml_hold = ToolXMLHold() if holds_xml else None
        self._think_hold: ThinkTagHold | None = ThinkTagHold()
        self._found = self.found_reasoning = ""

    def feed_text(self, text: str) -> str:
        """Add text; returns what can be given out."""
        if self._text_joiner.held or not text.isascii():
            text = self._text_joiner.feed(text)
        if self._think_hold is not None:
            text = self._read_think_tags(text)
        if self._held_text is not None:
            text = self._hold_refusal(text)
        self._text.append(text)
        return text if self._xml_hold is None else self._xml_hold.feed(text)

    def take_found(self) -> str:
        """Return and clear `found_reasoning`."""
        found, self.found_reasoning = self.found_reasoning, ""
        return found

    def feed_reasoning(self, reasoning: str) -> str:
        """Add reasoning; returns what can be given out."""
        reasoning = self._reasoning_joiner.feed(reasoning)
        self._reasoning.append(reasoning)
        return reasoning

    def _read_think_tags(self, text: str) -> str:
        """Return the text that follows reasoning in the content, or that is none."""
        hold = self._think_hold
        if hold is None:
            return text
        if self._reasoning and not self._found:
            self._think_hold = None
            return hold.give_up() + text
        text, reasoning = hold.feed(text)
        if hold.is_over:
            self._think_hold = None
        if reasoning:
            self._reasoning.append(reasoning)
            self._found = self.found_reasoning = reasoning
        return text

    def _hold_refusal(self, text: str) -> str:
        text = (self._held_text or "") + text
        if STOCK_REFUSAL.startswith(text):
            self._held_text = text
            return ""
        self._held_text = None
        return text

    def flush(self, finish_reason: str | None) -> tuple[str, str]:
        """End the text; returns what was held back of text and reasoning, except XML.

        Args:
            finish_reason: Why the response ended; the stock refusal of a filtered one is no text.
        """
        text, reasoning = self._text_joiner.flush(), self._reasoning_joiner.flush()
        if self._think_hold is not None:
            rest, thought = self._think_hold.end(is_cut=finish_reason in CUT_REASONS)
            text, reasoning, self._think_hold = rest + text, thought + reasoning, None
        if self._held_text:
            is_refusal = finish_reason == "content_filter" and self._held_text == STOCK_REFUSAL
            text = text if is_refusal else self._held_text + text
        self._held_text = None
        self._text.append(text)
        self._reasoning.append(reasoning)
        return text, reasoning

    def end_xml(self, text: str, *, is_call: bool) -> str:
        """Return the last text to give out: `text`, and XML that turned out to be no call."""
        return text if self._xml_hold is None else self._xml_hold.end(text, is_call=is_call)

    @property
    def text(self) -> str:
        """All text so far."""
        return "".join(self._text) + (self._held_text or "")

    @property
    def reasoning(self) -> str:
        """All reasoning so far."""
        return "".join(self._reasoning)

    @property
    def has_text(self) -> bool:
        """Whether any text has been read that is not held back as a possible refusal."""
        return any(self._text)

    @property
    def has_reasoning(self) -> bool:
        """Whether any reasoning has been read."""
        return any(self._reasoning)

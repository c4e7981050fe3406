"""Forces a tool call on an API that cannot force one.

MiMo's cloud documents one `tool_choice`, "auto", and removes any other value from the request
(docs/api-facts.md). A forced choice is enforced here instead:

1. An instruction is added to the request.
2. The response is checked: it must contain a valid call to a tool that was asked for.
3. A response without one is followed by another attempt, one by default.
4. When that fails too, the last response is returned as it is. Nothing is made up:
   `response_metadata["forced_tool_choice"]` says what was asked, how many requests it took, and
   whether the choice was honoured.

The instruction is one system message at the end. Everything before it stays byte for byte what the
request would be without it, so MiMo's prefix cache keeps serving it. It is not a user message,
since the chat template drops the reasoning of a tool loop at the next user message. The second
attempt repeats the first, followed by the response and a user message that asks for the call.

One generator decides (`decide_attempts`). `force_call` drives it with whole messages and
`streamed_attempts.force_streamed_call` with the chunks of a stream; both build the same message:

- Content, tool calls, finish reason and most metadata come from the last attempt alone.
- Usage is the sum over all attempts, since all of them are billed.
- Reasoning is streamed as it arrives, so that of a failed attempt cannot be taken back:
  `reasoning_content` holds the reasoning of all attempts, separated by a blank line, and
  `reasoning_offset` in `forced_tool_choice` is the character at which that of the last attempt
  begins (absent when it is 0). What goes back to MiMo beside the tool call is
  `reasoning_content[reasoning_offset:]`, exactly the reasoning that preceded it.
- The message id is that of the first attempt.

Self-hosted servers (vLLM, SGLang) enforce `tool_choice` and never come here (see `choice`).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata, add_usage

from langchain_mimo._chat.tool_choice.choice import ForcedChoice
from langchain_mimo._wire.to_langchain.tool_calls import CUT_REASONS
from langchain_mimo._wire.turns import AssistantTurn, SystemTurn, Turn, UserTurn
from langchain_mimo.errors import MiMoConfigurationError

REASONING_KEY = "reasoning_content"
SEARCHES_KEY = "web_search_usage"
_METADATA_KEY = "forced_tool_choice"
_SEPARATOR = "\n\n"


def force_call(
    choice: ForcedChoice, attempts: int = 2
) -> Generator[Sequence[Turn], AIMessage, AIMessage]:
    """Drive whole responses until the choice is satisfied or no attempts are left.

    Args:
        choice: The required call.
        attempts: Maximum number of requests, at least 1.

    Yields:
        Turns to append to the conversation of the next request; send its message into the
        generator.

    Returns:
        The message; the module docstring says how it is put together.

    Raises:
        MiMoConfigurationError: `attempts` is below 1.
    """
    decisions = decide_attempts(choice, attempts)
    turns = next(decisions)
    totals = Totals()
    reasoning: str | None = None
    while True:
        message = yield turns
        reasoning = totals.reasoning_with(message.additional_kwargs.get(REASONING_KEY))
        if totals.message_id is None:
            totals.message_id = message.id
        try:
            turns = decisions.send(Attempt.of(message))
        except StopIteration as end:
            return _combined(message, reasoning, totals, end.value)
        searches = message.response_metadata.get(SEARCHES_KEY) or {}
        totals.add(reasoning, message.usage_metadata, searches)


# ---------------------------------------------------------------------------------- decisions


@dataclass(slots=True)
class Attempt:
    """What a decision needs to know about a response.

    Attributes:
        text: Its text.
        called: Names of the tools it calls.
        invalid: Names of the tools whose call is not valid.
        finish_reason: Why it ended, or None.
    """

    text: str = ""
    called: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    finish_reason: str | None = None

    def add(self, message: AIMessage) -> None:
        """Add a message, or the next chunk of one."""
        self.text += str(message.text)
        self.called += [call["name"] for call in message.tool_calls]
        self.invalid += [call["name"] or "" for call in message.invalid_tool_calls]
        self.finish_reason = message.response_metadata.get("finish_reason") or self.finish_reason

    @classmethod
    def of(cls, message: AIMessage) -> Attempt:
        """Return the attempt that a whole message stands for."""
        attempt = cls()
        attempt.add(message)
        return attempt


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the attempts ended.

    Attributes:
        asked: What the caller asked for.
        attempts: How many requests were sent.
        honoured: Whether the last response contains the call.
    """

    asked: str
    attempts: int
    honoured: bool

    def metadata(self, reasoning_offset: int) -> dict[str, Any]:
        """Return the entry for `response_metadata`."""
        entry: dict[str, Any] = {
            "asked": self.asked,
            "attempts": self.attempts,
            "honoured": self.honoured,
        }
        if reasoning_offset:
            entry["reasoning_offset"] = reasoning_offset
        return {_METADATA_KEY: entry}


def decide_attempts(
    choice: ForcedChoice, attempts: int
) -> Generator[Sequence[Turn], Attempt, Outcome]:
    """Decide what each attempt appends, whether another follows, and how it ends."""
    if attempts < 1:
        raise MiMoConfigurationError(f"attempts must be at least 1, got {attempts}")
    turns: list[Turn] = [SystemTurn(_instruction(choice))]
    for number in range(1, attempts + 1):
        attempt = yield turns
        honoured = choice.satisfied_by(attempt.called)
        if honoured or number == attempts or attempt.finish_reason in CUT_REASONS:
            # A response that was cut or refused would be so again; another attempt only costs.
            break
        turns = [*turns, *_correction(choice, attempt)]
    return Outcome(choice.asked, number, honoured)


def _instruction(choice: ForcedChoice) -> str:
    if choice.asked == "any":
        return "Your next reply must call at least one of the tools. Do not reply with text alone."
    return f"Your next reply must call the tool {choice.asked}. Do not reply with text alone."


def _correction(choice: ForcedChoice, attempt: Attempt) -> list[Turn]:
    """Return the turns that show the model its response and ask for the call."""
    wanted = "one of the tools" if choice.asked == "any" else f"the tool {choice.asked}"
    if invalid := sorted({name for name in attempt.invalid if name in choice.names}):
        mistake = f"The arguments of your call of {', '.join(invalid)} were not valid JSON."
    elif attempt.called or attempt.invalid:
        mistake = f"You called {', '.join(sorted({*attempt.called, *attempt.invalid}))}."
    else:
        mistake = "You did not call a tool."
    request = UserTurn(f"{mistake} Call {wanted} now.")
    return [AssistantTurn(attempt.text), request] if attempt.text.strip() else [request]


# ------------------------------------------------------------------------------ one message


@dataclass(slots=True)
class Totals:
    """What the failed attempts contribute to the final message.

    Attributes:
        message_id: Id of the first attempt's message.
        reasoning: Reasoning of all attempts so far, or None.
        usage: Sum of their usage, or None.
        searches: Sum of their web searches; each is billed.
    """

    message_id: str | None = None
    reasoning: str | None = None
    usage: UsageMetadata | None = None
    searches: dict[str, int] = field(default_factory=dict)

    def separator(self, reasoning: str) -> str:
        """Return what stands between earlier reasoning and that of the next attempt."""
        return _SEPARATOR if self.reasoning and reasoning else ""

    def reasoning_with(self, reasoning: str | None) -> str | None:
        """Return the reasoning of all attempts, including one attempt's whole reasoning."""
        if reasoning is None:
            return self.reasoning
        return (self.reasoning or "") + self.separator(reasoning) + reasoning

    def add(
        self, reasoning: str | None, usage: UsageMetadata | None, searches: dict[str, int]
    ) -> None:
        """Add a failed attempt; `reasoning` is that of all attempts so far."""
        self.reasoning = reasoning
        self.usage = self.usage_with(usage)
        self.searches = self.searches_with(searches)

    def usage_with(self, usage: UsageMetadata | None) -> UsageMetadata | None:
        """Return the sum of earlier usage and one attempt's."""
        return add_usage(self.usage, usage) if self.usage and usage else self.usage or usage

    def searches_with(self, searches: dict[str, int]) -> dict[str, int]:
        """Return the sum of earlier web searches and one attempt's."""
        return {
            key: self.searches.get(key, 0) + searches.get(key, 0)
            for key in {**self.searches, **searches}
        }

    def metadata(
        self, last: dict[str, Any], reasoning: str | None, outcome: Outcome
    ) -> dict[str, Any]:
        """Return the last attempt's `response_metadata` with what concerns all attempts."""
        metadata = {**last, **outcome.metadata(self._offset(reasoning))}
        if searches := self.searches_with(last.get(SEARCHES_KEY) or {}):
            metadata[SEARCHES_KEY] = searches
        return metadata

    def _offset(self, reasoning: str | None) -> int:
        """Return where the last attempt's reasoning begins in that of all attempts."""
        before = self.reasoning or ""
        has_more = len(reasoning or "") > len(before)
        return len(before) + len(_SEPARATOR) if before and has_more else len(before)


def _combined(
    message: AIMessage, reasoning: str | None, totals: Totals, outcome: Outcome
) -> AIMessage:
    """Return the last attempt's message with what concerns all attempts."""
    additional = {} if reasoning is None else {REASONING_KEY: reasoning}
    return message.model_copy(
        update={
            "id": totals.message_id,
            "additional_kwargs": {**message.additional_kwargs, **additional},
            "usage_metadata": totals.usage_with(message.usage_metadata),
            "response_metadata": totals.metadata(message.response_metadata, reasoning, outcome),
        }
    )

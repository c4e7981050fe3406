"""A tool that must be called, on an API that cannot be forced.

MiMo's cloud documents one `tool_choice`, "auto", and takes any other value out of the request
(official OpenAI-format reference, October 2026). A forced choice is kept here in another way:

1. an instruction is added to the request,
2. the reply is checked: it must hold a runnable call of the tool asked for,
3. a reply without one is asked again, once by default,
4. and when that fails too, the last reply is returned as it is. Nothing is made up:
   `response_metadata["forced_tool_choice"]` says what was asked, how many requests it took, and
   whether it was honoured.

The instruction is one system message at the end. Everything before it stays byte for byte what an
unforced request would be, so that MiMo's prefix cache keeps serving it; it is no user turn, since
the chat template forgets the thoughts of a tool loop at the next user turn. The second request
repeats the first and adds the answer that came and one user turn that asks for the call.

One generator decides (`_decisions`); `forced_invoke` drives it with whole messages and
`forced_attempts` with the chunks of a stream, and both give the same message:

- Content, tool calls, finish reason and all other metadata are the last try's alone.
- Usage is the sum of all tries, since all are billed.
- Thoughts flow while they are thought, so those of a try that fails cannot be taken back: the
  thoughts of all tries stand in `reasoning_content`, a blank line between two tries, and
  `reasoning_offset` in `forced_tool_choice` is the character at which the last try's thoughts
  begin (absent when that is 0). What is passed back to MiMo beside the tool call is
  `reasoning_content[reasoning_offset:]`, exactly what the model thought before it.
- The message id is the first try's.

Self-hosted servers (vLLM, SGLang) honour `tool_choice` and never come here (see `tool_choice`).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata, add_usage

from langchain_mimo._chat.tool_choice.choice import ForcedChoice, Tree
from langchain_mimo._wire.to_langchain.tool_calls import CUT_REASONS
from langchain_mimo.errors import MiMoConfigurationError

_BETWEEN_REASONING = "\n\n"
_REASONING = "reasoning_content"
_SEARCHES = "web_search_usage"
_METADATA_KEY = "forced_tool_choice"


def forced_invoke(
    tree: Tree, choice: ForcedChoice, attempts: int = 2
) -> Generator[Tree, AIMessage, AIMessage]:
    """Drive whole answers until the choice is honoured or the tries are used up.

    Args:
        tree: The request, without `tool_choice`.
        choice: The call that must come.
        attempts: The most requests to send, 1 or more; 2 asks again once.

    Yields:
        Requests; send each one's whole answer into the generator.

    Returns:
        The message: see the module docstring for what it is made of.

    Raises:
        MiMoConfigurationError: `attempts` is below 1.
    """
    decisions = _decisions(tree, choice, attempts)
    request = next(decisions)
    ledger = _Ledger()
    all_reasoning: str | None = None
    while True:
        message = yield request
        reasoning = message.additional_kwargs.get(_REASONING)
        all_reasoning = ledger.joined(all_reasoning, reasoning)
        if ledger.message_id is None:
            ledger.message_id = message.id
        try:
            request = decisions.send(_Reply.of(message))
        except StopIteration as end:
            return _whole(message, all_reasoning, ledger, end.value)
        searches = message.response_metadata.get(_SEARCHES) or {}
        ledger.close(all_reasoning, message.usage_metadata, searches)


# ---------------------------------------------------------------------------------- deciding


@dataclass(slots=True)
class _Reply:
    """What the decision needs to know of an answer."""

    text: str = ""
    called: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    finish_reason: str | None = None

    def add(self, message: AIMessage) -> None:
        """Take in a message, or the next chunk of one."""
        self.text += str(message.text)
        self.called += [call["name"] for call in message.tool_calls]
        self.unreadable += [call["name"] or "" for call in message.invalid_tool_calls]
        self.finish_reason = message.response_metadata.get("finish_reason") or self.finish_reason

    @classmethod
    def of(cls, message: AIMessage) -> _Reply:
        """Take in a whole message."""
        reply = cls()
        reply.add(message)
        return reply


@dataclass(frozen=True, slots=True)
class _Verdict:
    """How it ended."""

    asked: str
    attempts: int
    honoured: bool

    def metadata(self, reasoning_offset: int) -> dict[str, Any]:
        """The entry for response_metadata."""
        entry: dict[str, Any] = {
            "asked": self.asked,
            "attempts": self.attempts,
            "honoured": self.honoured,
        }
        if reasoning_offset:
            entry["reasoning_offset"] = reasoning_offset
        return {_METADATA_KEY: entry}


def _decisions(
    tree: Tree, choice: ForcedChoice, attempts: int
) -> Generator[Tree, _Reply, _Verdict]:
    """Decide what to send, whether to ask again, and whether it was honoured."""
    if attempts < 1:
        raise MiMoConfigurationError(f"attempts must be 1 or more, not {attempts}")
    request = _with_messages(tree, {"role": "system", "content": _instruction(choice)})
    for attempt in range(1, attempts + 1):
        reply = yield request
        honoured = choice.honoured_by(reply.called)
        if honoured or attempt == attempts or reply.finish_reason in CUT_REASONS:
            # A reply that was cut or refused would be so again: asking once more only costs.
            break
        request = _asked_again(request, choice, reply)
    return _Verdict(choice.asked, attempt, honoured)


def _instruction(choice: ForcedChoice) -> str:
    if choice.asked == "any":
        return "Your next reply must call at least one of the tools. Do not reply with text alone."
    return f"Your next reply must call the tool {choice.asked}. Do not reply with text alone."


def _asked_again(request: Tree, choice: ForcedChoice, reply: _Reply) -> Tree:
    wanted = "one of the tools" if choice.asked == "any" else f"the tool {choice.asked}"
    if wrong := sorted({name for name in reply.unreadable if name in choice.names}):
        came = f"The arguments of your call of {', '.join(wrong)} were not valid JSON."
    elif reply.called or reply.unreadable:
        came = f"You called {', '.join(sorted({*reply.called, *reply.unreadable}))}."
    else:
        came = "You did not call a tool."
    ask = {"role": "user", "content": f"{came} Call {wanted} now."}
    if not reply.text.strip():
        return _with_messages(request, ask)
    return _with_messages(request, {"role": "assistant", "content": reply.text}, ask)


def _with_messages(tree: Tree, *messages: Tree) -> Tree:
    return {**tree, "messages": [*tree["messages"], *messages]}


# ------------------------------------------------------------------------------ one message


@dataclass(slots=True)
class _Ledger:
    """What the tries before the present one leave behind."""

    message_id: str | None = None
    reasoning: str | None = None
    usage: UsageMetadata | None = None
    searches: dict[str, int] = field(default_factory=dict)

    def joined(self, before: str | None, reasoning: str | None) -> str | None:
        """The thoughts of all tries, once another try's are known whole."""
        if reasoning is None:
            return before
        return (before or "") + self.separator(reasoning) + reasoning

    def separator(self, reasoning: str) -> str:
        """What stands before the first thought of a try."""
        return _BETWEEN_REASONING if self.reasoning and reasoning else ""

    def close(
        self, reasoning: str | None, usage: UsageMetadata | None, searches: dict[str, int]
    ) -> None:
        """Write down a try that failed; `thoughts` are those of all tries so far."""
        self.reasoning = reasoning
        self.usage = self.usage_with(usage)
        self.searches = self.searches_with(searches)

    def usage_with(self, usage: UsageMetadata | None) -> UsageMetadata | None:
        """The usage of the tries before, and of this one."""
        return add_usage(self.usage, usage) if self.usage and usage else self.usage or usage

    def searches_with(self, searches: dict[str, int]) -> dict[str, int]:
        """The web searches of the tries before, and of this one; each is billed."""
        return {
            key: self.searches.get(key, 0) + searches.get(key, 0)
            for key in {**self.searches, **searches}
        }

    def metadata(
        self, last: dict[str, Any], reasoning: str | None, verdict: _Verdict
    ) -> dict[str, Any]:
        """The last try's `response_metadata`, with what concerns all tries."""
        metadata = {**last, **verdict.metadata(self.offset(reasoning))}
        if searches := self.searches_with(last.get(_SEARCHES) or {}):
            metadata[_SEARCHES] = searches
        return metadata

    def offset(self, reasoning: str | None) -> int:
        """Where the thoughts of the present try begin in those of all tries."""
        before = self.reasoning or ""
        came = len(reasoning or "") > len(before)
        return len(before) + len(_BETWEEN_REASONING) if before and came else len(before)


def _whole(
    message: AIMessage, all_reasoning: str | None, ledger: _Ledger, verdict: _Verdict
) -> AIMessage:
    reasoning = {} if all_reasoning is None else {_REASONING: all_reasoning}
    return message.model_copy(
        update={
            "id": ledger.message_id,
            "additional_kwargs": {**message.additional_kwargs, **reasoning},
            "usage_metadata": ledger.usage_with(message.usage_metadata),
            "response_metadata": ledger.metadata(message.response_metadata, all_reasoning, verdict),
        }
    )

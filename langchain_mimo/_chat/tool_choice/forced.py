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

Whole and streamed calls build the same message:

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

from collections.abc import Sequence
from typing import Any

from langchain_mimo._chat.summary import Attempt
from langchain_mimo._chat.tool_choice.choice import ForcedChoice
from langchain_mimo._wire.to_langchain.tool_calls import CUT_REASONS
from langchain_mimo._wire.turns import AssistantTurn, SystemTurn, Turn, UserTurn
from langchain_mimo.errors import MiMoConfigurationError


class ForcedCall:
    """The attempts of one call to get a tool called.

    Args:
        choice: The required call.
        attempts: Maximum number of requests, at least 1.

    Attributes:
        turns: Turns to append to the conversation of the next request.

    Raises:
        MiMoConfigurationError: `attempts` is below 1.
    """

    __slots__ = ("_attempts", "_choice", "_honoured", "_sent", "turns")

    def __init__(self, choice: ForcedChoice, attempts: int = 2) -> None:
        if attempts < 1:
            raise MiMoConfigurationError(f"attempts must be at least 1, got {attempts}")
        self._choice = choice
        self._attempts = attempts
        self._sent = 1
        self._honoured = False
        self.turns: Sequence[Turn] = [SystemTurn(_instruction(choice))]

    def after(self, attempt: Attempt) -> Sequence[Turn]:
        """Return the turns to append to the next request, or () if none should follow."""
        self._honoured = self._choice.satisfied_by(attempt.called)
        # A response that was cut or refused would be so again; another attempt only costs.
        if self._honoured or self._sent == self._attempts or attempt.finish_reason in CUT_REASONS:
            return ()
        self._sent += 1
        self.turns = [*self.turns, *_correction(self._choice, attempt)]
        return self.turns

    def metadata(self) -> dict[str, Any]:
        """Return the entry for `response_metadata`."""
        return {
            "forced_tool_choice": {
                "asked": self._choice.asked,
                "attempts": self._sent,
                "honoured": self._honoured,
            }
        }


def _instruction(choice: ForcedChoice) -> str:
    if choice.asked == "any":
        return "Your next reply must call at least one of the tools. Do not reply with text alone."
    name = choice.on_wire(choice.asked)
    return f"Your next reply must call the tool {name}. Do not reply with text alone."


def _correction(choice: ForcedChoice, attempt: Attempt) -> list[Turn]:
    """Return the turns that show the model its response and ask for the call."""
    any_tool = choice.asked == "any"
    wanted = "one of the tools" if any_tool else f"the tool {choice.on_wire(choice.asked)}"
    if invalid := sorted({choice.on_wire(n) for n in attempt.invalid if n in choice.names}):
        mistake = f"The arguments of your call of {', '.join(invalid)} were not valid JSON."
    elif attempt.called or attempt.invalid:
        called = sorted({choice.on_wire(name) for name in [*attempt.called, *attempt.invalid]})
        mistake = f"You called {', '.join(called)}."
    else:
        mistake = "You did not call a tool."
    request = UserTurn(f"{mistake} Call {wanted} now.")
    return [AssistantTurn(attempt.text), request] if attempt.text.strip() else [request]

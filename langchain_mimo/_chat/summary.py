"""What the decision about another attempt needs to know about a response."""

from __future__ import annotations

from dataclasses import dataclass, field

from langchain_core.messages import AIMessage

from langchain_mimo.errors import MiMoError


@dataclass(slots=True)
class Attempt:
    """A response, or the error of a request.

    Attributes:
        called: Names of the tools it calls.
        invalid: Names of the tools whose call is not valid.
        finish_reason: Why it ended, or None.
        error: The error of the request or of its stream, or None.
        is_broken: Whether `error` broke a stream that had begun.
        is_padding: Whether reading stopped in a run of white space.
        was_given_out: Whether the caller already has a part of the response.
    """

    called: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    finish_reason: str | None = None
    error: MiMoError | None = None
    is_broken: bool = False
    is_padding: bool = False
    was_given_out: bool = False
    _pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text of the response."""
        return "".join(self._pieces)

    def add(self, message: AIMessage) -> None:
        """Add a message, or the next chunk of one."""
        if text := message.text:
            self._pieces.append(str(text))
        self.called += [call["name"] for call in message.tool_calls]
        self.invalid += [call["name"] or "" for call in message.invalid_tool_calls]
        self.finish_reason = message.response_metadata.get("finish_reason") or self.finish_reason

    @classmethod
    def of(cls, message: AIMessage) -> Attempt:
        """Return the summary of a whole message."""
        attempt = cls()
        attempt.add(message)
        return attempt

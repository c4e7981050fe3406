"""Watches a response while it arrives, and says when to stop reading it.

Up to 120 tool calls in one turn, the same lines until the token limit, and white space in place of
an object were seen (docs/api-facts.md). Each guard keeps a bounded amount of text.
"""

from __future__ import annotations

from collections import deque

from langchain_core.messages import AIMessageChunk

from langchain_mimo._chat.structured_output.native import MAX_WHITESPACE

MAX_GROUP_LINES = 40
"""Longest group of lines in which a repetition is noticed."""

MAX_LINE_LENGTH = 2000
"""Characters of a line that are compared."""


class WhitespaceGuard:
    """Notices a run of white space that is too long to be part of a JSON object."""

    __slots__ = ("_run",)

    def __init__(self) -> None:
        self._run = 0

    def feed(self, text: str) -> bool:
        """Take text; returns whether the run of white space at its end is too long."""
        rest = text.rstrip()
        self._run = len(text) - len(rest) + (0 if rest else self._run)
        return self._run > MAX_WHITESPACE


class RepetitionGuard:
    """Notices a group of lines that repeats.

    Keeps, for each length of a group, how many lines in a row equal the line one group before. A
    group repeats `times` times once that count reaches the length of `times` - 1 groups. Blank
    lines do not count.

    Args:
        times: Number of identical groups in a row, at least 2.
    """

    __slots__ = ("_line", "_lines", "_matches", "_times")

    def __init__(self, times: int) -> None:
        self._times = times
        self._line = ""
        self._lines: deque[str] = deque(maxlen=MAX_GROUP_LINES)
        self._matches = [0] * (MAX_GROUP_LINES + 1)

    def feed(self, text: str) -> bool:
        """Take text; returns whether its last complete lines repeat too often."""
        *complete, rest = text.split("\n")
        if not complete:
            self._line = (self._line + rest)[:MAX_LINE_LENGTH]
            return False
        complete[0] = self._line + complete[0]
        self._line = rest[:MAX_LINE_LENGTH]
        is_repeated = False
        for line in complete:
            is_repeated = self._add(line[:MAX_LINE_LENGTH].strip()) or is_repeated
        return is_repeated

    def _add(self, line: str) -> bool:
        if not line:
            return False
        is_repeated = False
        for length in range(1, len(self._lines) + 1):
            if self._lines[-length] == line:
                self._matches[length] += 1
                is_repeated = is_repeated or self._matches[length] >= length * (self._times - 1)
            else:
                self._matches[length] = 0
        self._lines.append(line)
        return is_repeated


class ResponseGuard:
    """Applies the guards that a request asks for to the chunks of a response.

    Args:
        is_native: Whether the response should satisfy a native schema.
        repetitions: Number of identical groups of lines that end it, or None.

    Attributes:
        is_padding: Whether the response degenerated into white space.
        is_repeating: Whether it repeats itself.
    """

    __slots__ = ("_reasoning", "_text", "_whitespace", "is_padding", "is_repeating")

    def __init__(self, *, is_native: bool, repetitions: int | None) -> None:
        self._whitespace = WhitespaceGuard() if is_native else None
        self._text = RepetitionGuard(repetitions) if repetitions else None
        self._reasoning = RepetitionGuard(repetitions) if repetitions else None
        self.is_padding = False
        self.is_repeating = False

    def feed(self, chunk: AIMessageChunk) -> None:
        """Take a chunk, before it is given out."""
        text = chunk.content if isinstance(chunk.content, str) else ""
        reasoning = chunk.additional_kwargs.get("reasoning_content")
        if text and self._whitespace is not None and self._whitespace.feed(text):
            self.is_padding = True
        if text and self._text is not None and self._text.feed(text):
            self.is_repeating = True
        if reasoning and self._reasoning is not None and self._reasoning.feed(reasoning):
            self.is_repeating = True

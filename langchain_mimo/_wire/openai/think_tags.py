"""Reasoning that a server left in the content: `<think>…</think>` before the answer.

MiMo's template writes it so, and a self-hosted server without a reasoning parser passes it on. It
is read only where it is certain: the content begins with the tag, no reasoning arrived in a field
of its own, and the closing tag arrives, or the response was cut before it. A closing tag alone is
left in the text, since a stream has given out what precedes it.
"""

from __future__ import annotations

OPENING, CLOSING = "<think>", "</think>"


def split_reasoning(text: str, *, is_cut: bool) -> tuple[str, str]:
    """Return the text without the reasoning at its beginning, and that reasoning, often "".

    Args:
        text: The content of a response without reasoning.
        is_cut: Whether the response was cut, so that the closing tag may be missing.
    """
    if not text.startswith(OPENING):
        return text, ""
    reasoning, tag, answer = text[len(OPENING) :].partition(CLOSING)
    if not (tag or is_cut):
        return text, ""
    return answer.lstrip("\n"), reasoning.strip("\n")


class ThinkTagHold:
    """Holds content back while it is the beginning of such reasoning.

    Attributes:
        is_over: Whether everything further is text.
    """

    __slots__ = ("_has_begun", "_has_ended", "_pieces", "_tail", "is_over")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        # The end of what is held: the whole of it until the tag is complete.
        self._tail = ""
        self._has_begun = False
        self._has_ended = False
        self.is_over = False

    def feed(self, text: str) -> tuple[str, str]:
        """Add text; returns the text and the reasoning that can be given out."""
        if self._has_ended:  # line breaks between reasoning and answer
            text = text.lstrip("\n")
            self.is_over = bool(text)
            return text, ""
        self._pieces.append(text)
        self._tail += text
        if not self._has_begun:
            if OPENING.startswith(self._tail):
                return "", ""
            self._has_begun = self._tail.startswith(OPENING)
        if self._has_begun and CLOSING not in self._tail:
            self._tail = self._tail[1 - len(CLOSING) :]
            return "", ""
        text, reasoning = split_reasoning(self.give_up(), is_cut=False)
        self._has_ended = self._has_begun and not text
        self.is_over = not self._has_ended
        return text, reasoning

    def give_up(self) -> str:
        """Return what was held back as it is."""
        self.is_over = True
        held, self._pieces = "".join(self._pieces), []
        return held

    def end(self, *, is_cut: bool) -> tuple[str, str]:
        """End the text; returns what was held back: text and reasoning."""
        return split_reasoning(self.give_up(), is_cut=is_cut)

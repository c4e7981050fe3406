"""Tells the caller of a parser what the journal holds of a segment, and whether it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

from langchain_mimo.document_loaders.journal_entries import Answer, Entry

Seen: TypeAlias = Callable[[Entry, bool], None]
"""Is called with an entry, and with whether a request was sent for it just now."""


class AnyClaim(Protocol):
    """The right to ask about a segment, in a journal or without one."""

    def finish(self, answer: Answer) -> Entry:
        """Note an answer."""

    def fail(
        self, state: Literal["refused", "failed"], error: str, answer: Answer | None = None
    ) -> Entry:
        """Note that there is none."""

    def release(self) -> None:
        """Give the right back; nothing was sent."""


class SeenClaim:
    """A claim whose entry is told to a caller too."""

    def __init__(self, claim: AnyClaim, seen: Seen) -> None:
        self._claim = claim
        self._seen = seen

    def finish(self, answer: Answer) -> Entry:
        """Note an answer."""
        return self._told(self._claim.finish(answer))

    def fail(
        self, state: Literal["refused", "failed"], error: str, answer: Answer | None = None
    ) -> Entry:
        """Note that there is none."""
        return self._told(self._claim.fail(state, error, answer))

    def release(self) -> None:
        """Give the right back."""
        self._claim.release()

    def _told(self, entry: Entry) -> Entry:
        self._seen(entry, True)
        return entry


def told(claim: Entry | AnyClaim, seen: Seen | None) -> Entry | AnyClaim:
    """Return a claim that tells a caller; one who wants to know an entry is told at once."""
    if seen is None:
        return claim
    if isinstance(claim, Entry):
        seen(claim, False)
        return claim
    return SeenClaim(claim, seen)

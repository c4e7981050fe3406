"""The journal of a parser without one: everything is asked, and nothing is remembered."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal, TypeAlias

from langchain_mimo.document_loaders.journal_claims import Claim
from langchain_mimo.document_loaders.journal_entries import Answer, Entry, SegmentInfo


class Unrecorded:
    """Claims as `MediaJournal` makes them, of which nothing is kept."""

    def claim(self, key: str, info: SegmentInfo) -> UnrecordedClaim:
        """Return a claim at once."""
        del info
        return UnrecordedClaim(key)

    async def aclaim(self, key: str, info: SegmentInfo) -> UnrecordedClaim:
        """Return a claim at once."""
        return self.claim(key, info)


class UnrecordedClaim:
    """The right to ask, which no one else respects."""

    def __init__(self, key: str) -> None:
        self._key = key

    def finish(self, answer: Answer) -> Entry:
        """Return the answer as a journal would."""
        return Entry(self._key, "done", **asdict(answer))

    def fail(
        self, state: Literal["refused", "failed"], error: str, answer: Answer | None = None
    ) -> Entry:
        """Return the failure as a journal would."""
        known = {} if answer is None else asdict(answer)
        return Entry(self._key, state, **known, error=error)

    def release(self) -> None:
        """Do nothing."""


AnyClaim: TypeAlias = Claim | UnrecordedClaim
"""What `claim` of a journal, or of the lack of one, returns for a segment that is to be asked."""

"""What a journal, or the lack of one, learns of a segment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Literal, TypeAlias

from langchain_mimo.document_loaders.journal_claims import Claim
from langchain_mimo.document_loaders.journal_entries import Answer, Entry, SegmentInfo
from langchain_mimo.document_loaders.requests import (
    UNREADABLE,
    Ask,
    answer_of,
    is_refusal,
    partial_answer,
)
from langchain_mimo.document_loaders.running import StoppedError
from langchain_mimo.errors import MiMoMediaRejectedError

Seen: TypeAlias = Callable[[Entry, bool], None]
"""Is called with what a journal holds of a segment, and whether it was asked about just now."""


class Unrecorded:
    """Claims as `MediaJournal` makes them, of which nothing is kept."""

    def claim(
        self, key: str, info: SegmentInfo, *, check: Callable[[], object] | None = None
    ) -> UnrecordedClaim:
        """Return a claim at once."""
        del info, check
        return UnrecordedClaim(key)

    async def aclaim(
        self, key: str, info: SegmentInfo, *, check: Callable[[], object] | None = None
    ) -> UnrecordedClaim:
        """Return a claim at once."""
        return self.claim(key, info, check=check)


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


def record_answer(claim: AnyClaim, result: Mapping[str, Any], ask: Ask) -> Entry:
    """Record a response, before it is used.

    Args:
        claim: The right to ask, which ends here.
        result: What the model with the schema returned.
        ask: What was asked.
    """
    answer, refused = answer_of(result, ask)
    return claim.finish(answer) if refused is None else claim.fail("refused", refused, answer)


def record_failure(
    claim: AnyClaim, error: BaseException, ask: Ask, *, is_sent: bool
) -> Entry | None:
    """Record that there is no answer; None if nothing was sent, so that nothing is recorded.

    Args:
        claim: The right to ask, which ends here.
        error: Why there is none.
        ask: What was asked.
        is_sent: Whether the model was called. If that was cancelled, it counts as one request,
            which may be billed.
    """
    is_cancelled = not isinstance(error, Exception)
    if isinstance(error, StoppedError) or (is_cancelled and not is_sent):
        claim.release()
        return None
    text = str(error) or f"it was ended by {type(error).__name__}"
    state: Literal["refused", "failed"] = "refused" if is_refusal(error) else "failed"
    if isinstance(error, MiMoMediaRejectedError):
        state = "failed" if ask.plan.is_remote else "refused"  # a URL may hold another file later
        text = UNREADABLE + text
    answer = partial_answer(error, ask) or (Answer("") if is_cancelled else None)
    return claim.fail(state, text, answer)

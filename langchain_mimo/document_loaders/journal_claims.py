"""Claims: the right to ask about a segment, and what became of it."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections import deque
from dataclasses import dataclass

from langchain_mimo._checks import choice, warn
from langchain_mimo._forks import fork_lock
from langchain_mimo.document_loaders import journal_rows as rows
from langchain_mimo.document_loaders.journal_entries import (
    STATES,
    Answer,
    Entry,
    SegmentInfo,
    State,
    clean_answer,
    decode_entry,
    encode_answer,
    storable_error,
)
from langchain_mimo.document_loaders.journal_file import JournalFile
from langchain_mimo.document_loaders.journal_owners import Owner, live_tokens
from langchain_mimo.errors import MiMoError, MiMoInputError, as_input_error


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a claim."""

    key: str
    info: SegmentInfo
    token: str
    state: State
    error: str | None
    answer: Answer | None

    def write(self, db: sqlite3.Connection) -> Entry:
        """Write it in an open transaction, and return what the journal now says."""
        outcome = self.state, self.error, self.answer
        return rows.settle(db, self.key, self.info, self.token, outcome)

    def entry(self) -> Entry:
        """Return what the journal would say."""
        text = None if self.answer is None else encode_answer(self.answer)
        return decode_entry(self.key, self.state, storable_error(self.error), text)


class Outcomes:
    """Writes the outcomes of claims, and keeps those that cannot be written.

    They are at most as many as claims were open, since none is given out meanwhile.

    Attributes:
        file: The journal's file.
        is_closed: Whether the journal is closed. Claims that are open then still end in the file.
    """

    def __init__(self, file: JournalFile) -> None:
        """Write to a file."""
        self.file = file
        self.is_closed = False
        self.dropped: deque[str] = deque()
        self._unsaved: dict[str, Outcome] = {}

    def settle(self, outcome: Outcome) -> Entry:
        """Write an outcome; if that fails, warn and keep it, and return it all the same."""
        try:
            with self.file.transaction(durable=outcome.answer is not None) as db:
                entry = outcome.write(db)
        except MiMoError as error:
            self._keep(outcome, error)
            return outcome.entry()
        except BaseException:  # Ctrl+C, for one; it may already be written, which does not matter
            self._unsaved[outcome.token] = outcome
            raise
        finally:
            if self.is_closed:
                self.file.close()
        live_tokens.discard(outcome.token)
        return entry

    def _keep(self, outcome: Outcome, error: MiMoError) -> None:
        where = f"{outcome.info.source}, segment {outcome.info.segment_index}"
        if self.is_closed:
            warn(f"{error}. What became of {where} is not in the journal, so it is asked again.")
            return
        self._unsaved[outcome.token] = outcome
        warn(
            f"{error}. What became of {where} is kept in memory until the journal can be written; "
            "no further request is sent before."
        )

    def save(self) -> None:
        """Write the outcomes that could not be written, and give up claims that were dropped.

        Raises:
            MiMoError: They still cannot be written.
        """
        if not self._unsaved and not self.dropped:
            return
        dropped = []
        while self.dropped:
            dropped.append(self.dropped.popleft())
        with fork_lock:  # one thread at a time
            unsaved = list(self._unsaved.values())
            try:
                with self.file.transaction(durable=bool(unsaved)) as db:
                    for outcome in unsaved:
                        outcome.write(db)
                    for token in dropped:
                        rows.give_up(db, token)
            except BaseException as error:
                self.dropped.extend(dropped)
                if unsaved:
                    error.add_note(f"Outcomes that are in memory alone: {len(unsaved)}.")
                raise
            for outcome in unsaved:
                self._unsaved.pop(outcome.token, None)
                live_tokens.discard(outcome.token)

    def close(self) -> None:
        """Write what is left, and close the file.

        Raises:
            MiMoError: It cannot be written, and is lost.
        """
        self.is_closed = True
        try:
            self.save()
        finally:
            live_tokens.difference_update(self._unsaved)
            self.file.close()


class Claim:
    """The right to ask about a segment; `finish`, `fail` or `release` ends it, once.

    A claim that is dropped without is given up, and counts as interrupted.

    Attributes:
        key: The key of the segment.
        info: The segment.
    """

    def __init__(self, outcomes: Outcomes, key: str, info: SegmentInfo, owner: Owner) -> None:
        """Hold a segment that was taken; `MediaJournal.claim` makes claims.

        Args:
            outcomes: What writes how it ends.
            key: The key of the segment.
            info: The segment.
            owner: Its owner in the file.
        """
        self.key = key
        self.info = info
        self._outcomes = outcomes
        self._token = owner.token
        live_tokens.add(owner.token)
        self._dropped = weakref.finalize(self, _drop, owner, outcomes.dropped)
        self._dropped.atexit = False  # the process ends, and with it the claim

    def __repr__(self) -> str:
        """Show the segment."""
        return f"Claim({self.info.source!r}, segment {self.info.segment_index})"

    def finish(self, answer: Answer) -> Entry:
        """Commit a paid answer; only then may it be used.

        Args:
            answer: The answer.

        Returns:
            What the journal now holds. If it cannot be written, this warns, keeps the answer in
            memory and returns it; the next claim tries again, and raises before anything is sent.
        """
        return self._end("done", None, answer)

    def fail(self, state: State, error: str, answer: Answer | None = None) -> Entry:
        """Commit that there is no answer; like `finish` where it cannot be written.

        Args:
            state: "refused", by moderation or as unreadable media, which later runs do not repeat;
                or "failed", which is asked again.
            error: Why, in one sentence. API keys are left out.
            answer: What was billed all the same, and the number of requests; None for nothing.
        """
        with as_input_error():
            choice("state", state, STATES[1:])
        return self._end(state, error, answer)

    def release(self) -> None:
        """Give the segment back; nothing was sent."""
        self._end_once()
        try:
            with self._outcomes.file.transaction() as db:
                rows.release(db, self._token)
        finally:
            live_tokens.discard(self._token)
            if self._outcomes.is_closed:
                self._outcomes.file.close()

    def _end(self, state: State, error: str | None, answer: Answer | None) -> Entry:
        self._end_once()
        paid = None if answer is None else clean_answer(answer)
        outcome = Outcome(self.key, self.info, self._token, state, error, paid)
        return self._outcomes.settle(outcome)

    def _end_once(self) -> None:
        if self._dropped.detach() is None:
            raise MiMoInputError(f"{self!r} has ended; finish, fail or release it once")


def _drop(owner: Owner, dropped: deque[str]) -> None:
    """Give up a claim whose object is gone; a fork leaves it to its parent."""
    if owner.pid == os.getpid():
        live_tokens.discard(owner.token)
        dropped.append(owner.token)

"""The rows of a journal: what is read of a segment, and what a transaction changes.

Of two outcomes of one segment, which can only be when a claim was taken over from a process that
still ran, the better one stays: "done" before "refused" before "failed". Both are billed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from langchain_mimo.document_loaders.journal_entries import (
    Answer,
    Entry,
    SegmentInfo,
    State,
    bill_values,
    decode_entry,
    encode_answer,
    info_values,
    storable,
    storable_error,
)
from langchain_mimo.document_loaders.journal_file import (
    COLUMNS_OF_BILL,
    COLUMNS_OF_INFO,
    COLUMNS_OF_OWNER,
    JournalFile,
)
from langchain_mimo.document_loaders.journal_owners import Owner, live_tokens

_RANKS = {"failed": 0, "sent": 1, "refused": 2, "done": 3}
_FIND = (
    f"SELECT key, state, error, answer, {', '.join(COLUMNS_OF_OWNER)} FROM segments"  # noqa: S608
    " WHERE key = ?"
)
_INTERRUPTED = "the process ended, or dropped the claim, before it had an answer"


class Row(NamedTuple):
    """A segment as it stands in the file."""

    key: str
    state: str
    error: str | None
    answer: str | None
    owner: Owner

    def entry(self) -> Entry | None:
        """Return the entry if the segment needs no request, else None."""
        return self.outcome() if self.state in ("done", "refused") else None

    def outcome(self) -> Entry:
        """Return the entry of a segment that is not being asked about."""
        state: State = self.state  # type: ignore[assignment]
        return decode_entry(self.key, state, self.error, self.answer)

    def is_held(self, now: float) -> bool:
        """Return whether somebody is asking about the segment, and still lives."""
        return self.state == "sent" and self.owner.is_alive(now)


def find(source: JournalFile | sqlite3.Connection, key: str) -> Row | None:
    """Return the row of a key.

    Args:
        source: The file, or the connection of an open transaction.
        key: The key.
    """
    read = source.read if isinstance(source, JournalFile) else source.execute
    for found in read(_FIND, (storable(key),)):
        key, state, error, answer, *owner = found
        return Row(key, state, error, answer, Owner(*owner))
    return None


def take(db: sqlite3.Connection, key: str, info: SegmentInfo, owner: Owner) -> Entry | Owner:
    """Give a segment to an owner, unless it has its answer or another owner.

    Returns:
        The entry, or else the owner of the segment: the one that was passed, or another one.
    """
    row = find(db, key)
    if row is not None:
        if (entry := row.entry()) is not None:
            return entry
        if row.is_held(owner.at):
            return row.owner
        if row.state == "sent":
            give_up(db, row.owner.token)
    else:
        _insert(db, key, info)
    changes = ["state = 'sent'", *(f"{column} = ?" for column in COLUMNS_OF_OWNER)]
    _update(db, key, changes, owner)
    return owner


def settle(
    db: sqlite3.Connection,
    key: str,
    info: SegmentInfo,
    token: str,
    outcome: tuple[State, str | None, Answer | None],
) -> Entry:
    """Write the outcome of a claim, once, and return what the journal now says.

    Args:
        db: The connection of an open transaction.
        key: The key of the segment.
        info: The segment; its row may be gone, with the file or by `forget`.
        token: That of the claim. The row keeps it, so that an outcome is written once.
        outcome: State, error and answer.
    """
    state, error, answer = outcome
    row = find(db, key)
    if row is None:
        _insert(db, key, info)
        row = Row(key, "failed", None, None, Owner(token, "", 0, "", 0.0))
    elif row.owner.token == token and row.state != "sent":
        return row.outcome()
    bill = bill_values(answer)
    sums = [f"{column} = {column} + ?" for column in COLUMNS_OF_BILL]
    _update(db, key, sums, [bill.get(column, 0) for column in COLUMNS_OF_BILL])
    if row.owner.token == token or _RANKS[state] > _RANKS[row.state]:
        text = None if answer is None else encode_answer(answer)
        values = state, storable_error(error), text, token
        _update(db, key, ["state = ?", "error = ?", "answer = ?", "token = ?"], values)
    row = find(db, key) or row
    return row.outcome()


def release(db: sqlite3.Connection, token: str) -> None:
    """Let a segment be as it was before its claim."""
    where = "WHERE state = 'sent' AND token = ?"
    db.execute(
        f"DELETE FROM segments {where} AND attempts = 0 AND interrupted = 0 AND error IS NULL",  # noqa: S608
        (token,),
    )
    db.execute(f"UPDATE segments SET state = 'failed' {where}", (token,))  # noqa: S608


def give_up(db: sqlite3.Connection, token: str) -> None:
    """Let a segment be asked again whose claim ended without an outcome.

    The row forgets the claim: if its process still runs, what it is answered counts as any other.
    """
    db.execute(
        "UPDATE segments SET state = 'failed', token = NULL, interrupted = interrupted + 1,"
        " error = ?"
        " WHERE state = 'sent' AND token = ?",
        (_INTERRUPTED, token),
    )


def take_over(db: sqlite3.Connection) -> int:
    """Give up the claims of all other processes, also of those that run; return how many."""
    found = db.execute("SELECT token FROM segments WHERE state = 'sent'").fetchall()
    others = [token for (token,) in found if token not in live_tokens]
    for token in others:
        give_up(db, token)
    return len(others)


def forget(db: sqlite3.Connection, source: str, now: float) -> int:
    """Delete the segments of a source that nobody is asking about; return how many.

    The digests of their files go with the last segments.
    """
    count, hashes = 0, set()
    found = db.execute("SELECT key, sha256 FROM segments WHERE source = ?", (source,)).fetchall()
    for key, sha256 in found:
        row = find(db, key)
        if row is not None and not row.is_held(now):
            count += db.execute("DELETE FROM segments WHERE key = ?", (key,)).rowcount
            hashes.add(sha256)
    for sha256 in hashes:
        db.execute(
            "DELETE FROM digests WHERE sha256 = ?"
            " AND NOT EXISTS (SELECT 1 FROM segments WHERE segments.sha256 = digests.sha256)",
            (sha256,),
        )
    return count


def retry_refused(db: sqlite3.Connection, source: str | None) -> int:
    """Let the refused segments of a source, or of all, be asked again; return how many."""
    return db.execute(
        "UPDATE segments SET state = 'failed'"
        " WHERE state = 'refused' AND source = ifnull(?, source)",
        (source,),
    ).rowcount


def _insert(db: sqlite3.Connection, key: str, info: SegmentInfo) -> None:
    columns = ", ".join(("key", "state", *COLUMNS_OF_INFO))
    marks = ", ".join("?" for _ in COLUMNS_OF_INFO)
    db.execute(
        f"INSERT INTO segments ({columns}) VALUES (?, 'failed', {marks})",  # noqa: S608
        (storable(key), *info_values(info)),
    )


def _update(
    db: sqlite3.Connection, key: str, changes: Sequence[str], values: Sequence[object]
) -> None:
    db.execute(
        f"UPDATE segments SET {', '.join(changes)} WHERE key = ?",  # noqa: S608
        (*values, storable(key)),
    )


def answered(file: JournalFile) -> dict[str, set[str]]:
    """Return the keys of the segments that need no request, by the hash of their file."""
    found: dict[str, set[str]] = {}
    for sha256, key in file.read(
        "SELECT sha256, key FROM segments WHERE state IN ('done', 'refused')"
    ):
        found.setdefault(sha256, set()).add(key)
    return found

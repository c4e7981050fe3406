"""What was paid for, segment by segment: a cache, a resume log and a ledger in one SQLite file.

    key unknown, "failed" ── claim ──▶ "sent" ── finish ──▶ "done"
                               ▲          ├───── fail ────▶ "refused" or "failed"
                               │          └───── release ─▶ as before
      the owner has ended: taken over

"sent" is committed before a request is sent, "done" before its answer is used. So a process that is
killed costs what it had in flight, and no other process asks about the same segment meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from langchain_mimo._checks import number, shown
from langchain_mimo._sqlite_files import file_path
from langchain_mimo.document_loaders import journal_rows as rows
from langchain_mimo.document_loaders.journal_claims import Claim, Outcomes
from langchain_mimo.document_loaders.journal_entries import Entry, SegmentInfo, storable
from langchain_mimo.document_loaders.journal_file import JournalFile
from langchain_mimo.document_loaders.journal_owners import Owner
from langchain_mimo.document_loaders.journal_report import JournalReport, read_report
from langchain_mimo.errors import (
    MiMoError,
    MiMoInputError,
    as_configuration_error,
    as_input_error,
)

WAIT_SECONDS = 3600.0
"""Seconds that a claim waits by default for another one; longer than any request takes."""

FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.25
"""Seconds between two looks at a segment that another thread or process asks about."""


class MediaJournal:
    """A journal of paid answers about media, which threads, processes and runs share.

    Every answer is committed to the file before it is used. A second run, a renamed or copied file,
    a crash and another process find it there by its key, and send no request. The file grows by one
    row for each segment, and by one for each file whose digest is remembered.

    It belongs on a disk of this computer: processes of other computers cannot share it. In
    containers that share the disk, a claim of a killed process ends after an hour, or by
    `take_over`.

    Pickling keeps the path alone. A fork may use the object that it inherits.

    Example:
        ```python
        with MediaJournal("media.journal") as journal:
            print(journal.report())
        ```
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the journal, or create it for its owner alone.

        Args:
            path: A file in a folder that exists; "~" is the home folder.

        Raises:
            MiMoConfigurationError: The file cannot be created or written, is damaged, is not a
                journal, or is one of a newer version. Older ones are migrated.
            MiMoError: The disk is full, or another program has locked the file.
        """
        with as_configuration_error():
            self._file = JournalFile(file_path("path", path))
        self._outcomes = Outcomes(self._file)
        with self._file.transaction():
            pass  # it can be opened and written

    @property
    def path(self) -> str:
        """The absolute path of the file."""
        return self._file.path

    def __repr__(self) -> str:
        """Show the path."""
        return f"MediaJournal({self.path!r})"

    def __reduce__(self) -> tuple[type[MediaJournal], tuple[str]]:
        """Pickle the path, for other processes."""
        return MediaJournal, (self.path,)

    def __enter__(self) -> Self:
        """Return the journal."""
        self._check_open()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the journal."""
        self.close()

    def close(self) -> None:
        """Close the file. Claims that are open may still be finished.

        Raises:
            MiMoError: Answers that could not be written before still cannot; they are lost.
        """
        if not self._outcomes.is_closed:
            self._outcomes.close()

    # Claims

    def claim(
        self,
        key: str,
        info: SegmentInfo,
        *,
        timeout: float = WAIT_SECONDS,
        check: Callable[[], object] | None = None,
    ) -> Entry | Claim:
        """Return what is known of a segment, or the right to ask about it.

        While another thread or process asks, this waits for its answer. If that process has ended,
        its claim is taken over at once.

        Args:
            key: Identifies the segment and everything that its answer depends on.
            info: The segment, for the report.
            timeout: Seconds to wait at most, at least 0.
            check: Is called during the wait, some times a second; what it raises ends the wait.

        Returns:
            An `Entry` that is "done" or "refused", or a `Claim`, which must be finished, failed or
            released.

        Raises:
            MiMoError: The wait took too long, or the file cannot be written; nothing was sent.
        """
        wait = _Wait(key, info, timeout)
        while isinstance(found := self._try(key, info), Owner):
            if check is not None:
                check()
            time.sleep(wait.pause(found))
        return found

    async def aclaim(
        self,
        key: str,
        info: SegmentInfo,
        *,
        timeout: float = WAIT_SECONDS,  # noqa: ASYNC109 - as `claim`
        check: Callable[[], object] | None = None,
    ) -> Entry | Claim:
        """Do the same as `claim`, without blocking the event loop; cancelling ends the wait."""
        wait = _Wait(key, info, timeout)
        while True:
            work = asyncio.ensure_future(asyncio.to_thread(self._try, key, info))
            try:
                found = await asyncio.shield(work)
            except asyncio.CancelledError:
                work.add_done_callback(_give_back)
                raise
            if not isinstance(found, Owner):
                return found
            if check is not None:
                check()
            await asyncio.sleep(wait.pause(found))

    def _try(self, key: str, info: SegmentInfo) -> Entry | Claim | Owner:
        """Return what is known, or a claim; else who is asking."""
        self._check_open()
        self._outcomes.save()
        now = time.time()
        if (row := rows.find(self._file, key)) is not None:
            if (entry := row.entry()) is not None:
                return entry
            if row.is_held(now):
                return row.owner
        owner = Owner.new(now)
        with self._file.transaction() as db:
            found = rows.take(db, key, info, owner)
            # Within the transaction: nobody may see the row before its token is known to live.
            return Claim(self._outcomes, key, info, owner) if found is owner else found

    # Digests

    def digest_of(self, path: str | os.PathLike[str]) -> str | None:
        """Return the SHA-256 of a file whose inode, size and times are those remembered; else None.

        The times are `mtime` and `ctime`. On Windows, `ctime` is when the file was created: a
        change in place is not noticed there if the size stays and a program sets `mtime` back.

        Args:
            path: A file.
        """
        self._check_open()
        try:
            found = Path(path).stat()
        except OSError:
            return None
        known = self._file.read(
            "SELECT sha256 FROM digests WHERE path = ? AND file = ?",
            (_absolute(path), _identity(found)),
        )
        return known[0][0] if known else None

    def remember_digest(
        self, path: str | os.PathLike[str], found: os.stat_result, sha256: str
    ) -> None:
        """Remember the SHA-256 of a file.

        A file that was written a moment ago is not remembered: it could change once more without
        another size or times.

        Args:
            path: The file.
            found: Its status before it was hashed.
            sha256: The hash as 64 hex digits.
        """
        self._check_open()
        now = time.time_ns()
        if any(abs(now - each) < _tick_ns(each) for each in (found.st_mtime_ns, found.st_ctime_ns)):
            return
        with self._file.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO digests VALUES (?, ?, ?)",
                (_absolute(path), _identity(found), sha256),
            )

    # The whole journal

    def report(self) -> JournalReport:
        """Return what is in the journal and what it cost, by source and state and in total."""
        self._check_open()
        return read_report(self._file)

    def answered(self) -> dict[str, set[str]]:
        """Return the keys of the segments that need no request, by the SHA-256 of their file.

        Those of URLs are under "".
        """
        self._check_open()
        return rows.answered(self._file)

    def forget(self, source: str) -> int:
        """Delete all segments of a source, with their answers and costs; they are asked again.

        Segments that are being asked about stay, and so does the hash of a file with segments left.

        Args:
            source: The source as the report names it.

        Returns:
            How many segments were deleted.
        """
        self._check_open()
        with self._file.transaction(durable=True) as db:
            return rows.forget(db, storable(source), time.time())

    def retry_refused(self, source: str | None = None) -> int:
        """Let refused segments be asked again; what they cost stays in the report.

        Args:
            source: The source as the report names it. Default: all sources.

        Returns:
            How many segments will be asked again.
        """
        self._check_open()
        with self._file.transaction() as db:
            return rows.retry_refused(db, None if source is None else storable(source))

    def take_over(self) -> int:
        """Let the segments be asked again that other processes were asking about.

        For processes that were killed and cannot be looked up, in another container or on Windows,
        so that nobody waits an hour for them. What processes ask about that still run would be paid
        for twice.

        Returns:
            How many segments will be asked again.
        """
        self._check_open()
        with self._file.transaction() as db:
            return rows.take_over(db)

    def _check_open(self) -> None:
        if self._outcomes.is_closed:
            raise MiMoInputError(
                f"the journal {self.path} is closed; open it again with MediaJournal(path)"
            )


class _Wait:
    """The pauses of one claim, which grow, until its time is up."""

    def __init__(self, key: str, info: SegmentInfo, timeout: float) -> None:
        """Check the arguments of the claim, and begin."""
        with as_input_error():
            number("timeout", timeout, 0)
            if not isinstance(key, str) or not key:
                raise ValueError(f"key must be a string that is not empty, got {shown(key)}")
            if not isinstance(info, SegmentInfo):
                raise ValueError(  # noqa: TRY004 - as every check
                    f"info must be a SegmentInfo, got {shown(info)}"
                )
        self._info = info
        self._last = time.monotonic() + timeout
        self._pause = FIRST_PAUSE

    def pause(self, owner: Owner) -> float:
        """Return the seconds until the next look.

        Raises:
            MiMoError: The time is up.
        """
        if (left := self._last - time.monotonic()) <= 0:
            error = MiMoError(
                f"{self._info.source}, segment {self._info.segment_index}: {owner} is asking about "
                "it and has no answer yet; wait, or end that process; if it was killed in another "
                "container, call take_over() of the journal"
            )
            error.is_retryable = True
            raise error
        pause = min(self._pause, left)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return pause


def _give_back(work: asyncio.Future[Entry | Claim | Owner]) -> None:
    """Release a claim that nobody is waiting for any more."""
    if not work.cancelled() and work.exception() is None:
        found = work.result()
        if isinstance(found, Claim):
            asyncio.get_running_loop().run_in_executor(None, found.release)


def _absolute(path: str | os.PathLike[str]) -> str:
    return storable(str(Path(path).absolute()))


def _identity(found: os.stat_result) -> str:
    """Return what tells a file from another one that takes its place."""
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _tick_ns(time_ns: int) -> int:
    """Return how far the times of two changes are apart at least: 2 s on disks with whole seconds.

    Other file systems take the time of the kernel's last tick, up to 10 ms ago.
    """
    return 20_000_000 if time_ns % 1_000_000_000 else 2_000_000_000

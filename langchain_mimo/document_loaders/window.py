"""Which work on many media files is under way: decisions alone, for threads and event loops alike.

    blobs ─list▶ blobs ─plan▶ plans ─their segments, in order▶ window ─▶ Documents, in order

Three things are bounded: the blobs that were listed, the plans ahead of the one whose segments
are being asked about, and the window of segments that are queued, under way or answered and not yet
taken. A slow segment at the head of the window therefore holds up what is begun behind it, not only
what is handed out, and memory does not grow with the number of files.

A `Window` starts jobs through a `Jobs` and looks at them; it neither waits nor runs anything
itself. Its caller waits for one of `pending` when `take` has nothing, and then comes back. After an
error nothing more is started. What was in front of it is handed out first; where the budget is
used up, so is what was under way behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from langchain_core.exceptions import ModelError

from langchain_mimo.cost.segments import MediaSegment
from langchain_mimo.document_loaders.journal_entries import Entry
from langchain_mimo.document_loaders.plans import MediaPlan
from langchain_mimo.errors import MiMoBudgetError, MiMoError

WINDOW = 2
"""Segments in the window for each one that may run: so that workers have work while one is slow."""

_IN_ORDER = (MiMoError, ModelError)
"""Errors of files and requests. All others are bugs."""


@dataclass(frozen=True, slots=True)
class Result:
    """What describing a segment led to, or a file that cannot be planned.

    Attributes:
        documents: The Documents.
        entry: What the journal holds of it; None if nothing was answered.
        is_new: Whether a request was sent for it.
    """

    documents: list[Document]
    entry: Entry | None = None
    is_new: bool = False


class Job(Protocol):
    """A future or a task."""

    def done(self) -> bool:
        """Whether it has ended."""

    def result(self) -> Any:
        """Return its result, or raise its error."""

    def exception(self) -> BaseException | None:
        """Return its error."""


class Jobs(Protocol):
    """Starts jobs, of which at most as many run as the caller allows."""

    def list_blobs(self, blobs: Iterator[Blob], count: int) -> Job:
        """Start to list up to so many blobs, as `listed` does it."""

    def plan(self, blob: Blob) -> Job:
        """Start to plan a blob: a `MediaPlan`, or the `Result` of one that cannot be planned."""

    def describe(self, plan: MediaPlan, segment: MediaSegment) -> Job:
        """Start to describe a segment: its `Result`."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a job at the head of the window led to.

    Attributes:
        result: Its result.
        segment: The segment; None for a file that could not be planned.
        ends_file: Whether it was the last one of its file.
    """

    result: Result
    segment: MediaSegment | None
    ends_file: bool


@dataclass(frozen=True, slots=True)
class _Slot:
    job: Job
    segment: MediaSegment | None
    ends_file: bool


class Window:
    """The work that is under way.

    Attributes:
        files: Files that were listed so far.
        are_all_listed: Whether there are no more.
        budget_error: The first refusal of the budget; None without one.
    """

    def __init__(self, blobs: Iterable[Blob], jobs: Jobs, concurrency: int) -> None:
        self.files = 0
        self.are_all_listed = False
        self.budget_error: MiMoBudgetError | None = None
        self._blobs = iter(blobs)
        self._jobs = jobs
        self._concurrency = concurrency
        self._listing: Job | None = None
        self._listed: deque[Blob] = deque()
        self._plans: deque[Job] = deque()
        self._opened: tuple[MediaPlan, deque[MediaSegment]] | None = None
        self._slots: deque[_Slot] = deque()
        self._is_halted = False
        self._error: BaseException | None = None

    @property
    def is_finished(self) -> bool:
        """Whether everything was taken that will be."""
        if self._slots:
            return False
        rest = self._opened or self._plans or self._listed or not self.are_all_listed
        return self._is_halted or not rest

    @property
    def pending(self) -> list[Job]:
        """The jobs that have not ended, for the caller to wait for the first one."""
        jobs = [slot.job for slot in self._slots]
        if not self._is_halted:
            jobs += [*self._plans, *([self._listing] if self._listing else [])]
        return [job for job in jobs if not job.done()]

    def advance(self) -> None:
        """Start what there is room for.

        Raises:
            Exception: A job ended with an error that is none of this package's: a bug, which is
                raised at once.
        """
        self._look_for_errors()
        while not self._is_halted and (self._list() or self._plan() or self._open() or self._ask()):
            pass

    def take(self) -> Taken | None:
        """Return what the head of the window led to; None if it is still under way.

        Raises:
            MiMoError: What the job raised. Everything in front of it was taken.
        """
        while self._slots and self._slots[0].job.done():
            slot = self._slots.popleft()
            error = slot.job.exception()
            if error is None:
                return Taken(slot.job.result(), slot.segment, slot.ends_file)
            if not isinstance(error, MiMoBudgetError):
                raise error
            # `advance` may have looked at it before it ended.
            self._is_halted, self.budget_error = True, self.budget_error or error
        return None

    def raise_deferred(self) -> None:
        """Raise the error that ended the listing or a plan, after everything in front of it."""
        if self._error is not None:
            raise self._error

    def _look_for_errors(self) -> None:
        for job in (*self._plans, *(slot.job for slot in self._slots)):
            error = job.exception() if job.done() else None
            if error is not None and not isinstance(error, _IN_ORDER):
                raise error
        errors = [slot.job.exception() for slot in self._slots if slot.job.done()]
        self._is_halted = self._is_halted or any(errors)
        refused = [error for error in errors if isinstance(error, MiMoBudgetError)]
        self.budget_error = self.budget_error or next(iter(refused), None)

    def _list(self) -> bool:
        """List blobs, one job after the other; return whether something was done."""
        job = self._listing
        if job is None:
            if self.are_all_listed or len(self._listed) >= self._concurrency:
                return False
            self._listing = self._jobs.list_blobs(self._blobs, self._concurrency)
            return True
        if not job.done():
            return False
        self._listing = None
        blobs, self._error = job.result()
        self._listed.extend(blobs)
        self.files += len(blobs)
        self.are_all_listed = len(blobs) < self._concurrency
        return True

    def _plan(self) -> bool:
        """Plan a blob, ahead of the one whose segments are being asked about."""
        if not self._listed or len(self._plans) >= self._concurrency:
            return False
        self._plans.append(self._jobs.plan(self._listed.popleft()))
        return True

    def _open(self) -> bool:
        """Turn to the segments of the next plan, when those of the last one have begun."""
        has_room = self._opened is None and len(self._slots) < WINDOW * self._concurrency
        if not has_room or not self._plans or not self._plans[0].done():
            return False
        job = self._plans.popleft()
        if (error := job.exception()) is not None:
            self._error, self._is_halted = error, True
            return False
        made = job.result()
        if isinstance(made, MediaPlan):
            self._opened = made, deque(made.segments)
        else:
            self._slots.append(_Slot(job, None, ends_file=True))
        return True

    def _ask(self) -> bool:
        """Ask about the next segment of the plan, if there is room in the window."""
        if self._opened is None or len(self._slots) >= WINDOW * self._concurrency:
            return False
        plan, segments = self._opened
        segment = segments.popleft()
        if not segments:
            self._opened = None
        job = self._jobs.describe(plan, segment)
        self._slots.append(_Slot(job, segment, ends_file=not segments))
        return True


def listed(blobs: Iterator[Blob], count: int) -> tuple[list[Blob], Exception | None]:
    """Return the next blobs, and the error that ended the listing, which loses none of them.

    Fewer than `count` are the last ones.
    """
    found: list[Blob] = []
    try:
        for blob in islice(blobs, count):
            found.append(blob)  # noqa: PERF402 - what came before an error is kept
    except Exception as error:  # noqa: BLE001 - raised when everything before it is described
        return found, error
    return found, None

"""Starts the jobs of a window: in threads, or as tasks of an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from langchain_core.documents import Document
from langchain_core.documents.base import Blob

from langchain_mimo._threads import Workers
from langchain_mimo.cost.segments import MediaSegment
from langchain_mimo.document_loaders.journal_entries import Entry
from langchain_mimo.document_loaders.parsers import MiMoMediaParser
from langchain_mimo.document_loaders.plans import MediaPlan
from langchain_mimo.document_loaders.running import Stop, in_thread
from langchain_mimo.document_loaders.window import Job, Result, listed
from langchain_mimo.errors import MiMoError


def _planned(parser: MiMoMediaParser, blob: Blob) -> MediaPlan | Result:
    """Plan a blob, or return what becomes of it if that is impossible."""
    try:
        return parser.plan(blob)
    except MiMoError as error:
        return Result(parser.failed(blob, error))


class _Seen:
    """Notes what a parser learns about a segment."""

    def __init__(self) -> None:
        self._entry: Entry | None = None
        self._is_new = False

    def __call__(self, entry: Entry, is_new: bool) -> None:
        """Note an entry."""
        self._entry, self._is_new = entry, is_new

    def result(self, documents: list[Document]) -> Result:
        """Return the Documents with it."""
        return Result(documents, self._entry, self._is_new)


class ThreadJobs:
    """Jobs in threads."""

    def __init__(self, parser: MiMoMediaParser, concurrency: int) -> None:
        self._parser = parser
        self._workers = Workers(concurrency, "mimo-media")
        self._stop = Stop()

    def list_blobs(self, blobs: Iterator[Blob], count: int) -> Job:
        """Start to list blobs."""
        return self._workers.start(listed, blobs, count)

    def plan(self, blob: Blob) -> Job:
        """Start to plan a blob."""
        return self._workers.start(_planned, self._parser, blob)

    def describe(self, plan: MediaPlan, segment: MediaSegment) -> Job:
        """Start to describe a segment."""
        return self._workers.start(self._described, plan, segment)

    def _described(self, plan: MediaPlan, segment: MediaSegment) -> Result:
        seen = _Seen()
        return seen.result(self._parser.describe(plan, segment, stop=self._stop, seen=seen))

    def wait(self) -> None:
        """Wait until a job has ended."""
        self._workers.wait()

    def finish(self) -> None:
        """Let what was sent end, so that the journal gets its answers; send nothing more."""
        self._stop.set()
        self._workers.close()


class TaskJobs:
    """Jobs as tasks of the event loop; what blocks is in threads."""

    def __init__(self, parser: MiMoMediaParser, concurrency: int) -> None:
        self._parser = parser
        self._running = asyncio.Semaphore(concurrency)
        self._stop = Stop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._begun: set[asyncio.Task[Any]] = set()

    def list_blobs(self, blobs: Iterator[Blob], count: int) -> Job:
        """Start to list blobs."""
        return self._start(lambda: in_thread(self._stop, listed, blobs, count))

    def plan(self, blob: Blob) -> Job:
        """Start to plan a blob."""
        return self._start(lambda: in_thread(self._stop, _planned, self._parser, blob))

    def describe(self, plan: MediaPlan, segment: MediaSegment) -> Job:
        """Start to describe a segment."""
        return self._start(lambda: self._described(plan, segment))

    async def _described(self, plan: MediaPlan, segment: MediaSegment) -> Result:
        seen = _Seen()
        work = self._parser.adescribe(plan, segment, stop=self._stop, seen=seen)
        return seen.result(await work)

    def _start(self, work: Callable[[], Awaitable[Any]]) -> Job:
        task = asyncio.ensure_future(self._limited(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._begun.discard)
        return task

    async def _limited(self, work: Callable[[], Awaitable[Any]]) -> Any:
        async with self._running:
            if (task := asyncio.current_task()) is not None:
                self._begun.add(task)
            return await work()

    async def finish(self) -> None:
        """Let what was sent end, so that the journal gets its answers; send nothing more."""
        await self._end(self._tasks - self._begun)

    async def cancel(self) -> None:
        """Cancel what is under way, and wait until it has ended."""
        await self._end(set(self._tasks))

    async def _end(self, cancelled: set[asyncio.Task[Any]]) -> None:
        self._stop.set()
        for task in cancelled:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

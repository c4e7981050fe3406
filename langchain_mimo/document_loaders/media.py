"""MiMoMediaLoader: the media of a folder as Documents, in order, several requests at a time."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any, TypeAlias

from langchain_core.document_loaders import BaseLoader, BlobLoader
from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from typing_extensions import override

from langchain_mimo._checks import choice, integer, known_keywords, shown
from langchain_mimo.catalogue import AccountLimits, Currency, Price
from langchain_mimo.cost.budget import CallBudget
from langchain_mimo.cost.corpus import corpus_estimate
from langchain_mimo.cost.corpus_result import CorpusEstimate
from langchain_mimo.cost.prices import CURRENCIES, Money
from langchain_mimo.document_loaders.blobs import MediaBlobLoader
from langchain_mimo.document_loaders.estimates import estimated
from langchain_mimo.document_loaders.jobs import TaskJobs, ThreadJobs
from langchain_mimo.document_loaders.parsers import MiMoMediaParser
from langchain_mimo.document_loaders.progress import Bar, LoadProgress, Tally, tqdm_bar
from langchain_mimo.document_loaders.requests import model_name
from langchain_mimo.document_loaders.window import Window
from langchain_mimo.errors import (
    MiMoBudgetError,
    MiMoConfigurationError,
    as_configuration_error,
    as_input_error,
)

Blobs: TypeAlias = BlobLoader | Iterable[Blob] | str | os.PathLike[str]


class MiMoMediaLoader(BaseLoader):
    """Loads images, videos and audio as Documents: blobs from one side, a parser on the other.

    Files are planned, prepared and sent by `max_concurrency` workers, across files, and Documents
    come in the order of the files and their segments. At most twice as many segments as workers
    are under way or answered ahead, so memory does not grow with the number of files. What cannot
    be described is what `on_error` of the parser says; what is no media file, `MediaBlobLoader`
    leaves out. Other errors are raised at once.

    With a `journal` in the parser, what was paid for once is never sent again: a second run sends
    what is new, and so does one after a crash.

    When the iteration ends early, by an error or because it is left, nothing more is sent; requests
    under way end, and the journal gets their answers. In an event loop, leaving cancels them.

    Example:
        ```python
        from langchain_mimo import ChatMiMo
        from langchain_mimo.document_loaders import MiMoMediaLoader, MiMoMediaParser

        llm = ChatMiMo(model="mimo-v2.6-flash", allowed_media_dirs=["media"])
        parser = MiMoMediaParser(llm, journal="media.journal", on_error="skip")
        loader = MiMoMediaLoader("media", parser)
        print(loader.estimate())
        for document in loader.lazy_load():
            print(document.metadata["link"], document.page_content)
        ```
    """

    @known_keywords(MiMoConfigurationError)
    def __init__(
        self,
        blobs: Blobs,
        parser: MiMoMediaParser,
        *,
        max_concurrency: int | None = None,
        budget: CallBudget | None = None,
        max_cost: float | Money | None = None,
        progress: Callable[[LoadProgress], object] | None = None,
        show_progress: bool = False,
    ) -> None:
        """Check the arguments.

        Args:
            blobs: A blob loader, a list of blobs, or the path of a folder or file for
                `MediaBlobLoader`.
            parser: Describes them.
            max_concurrency: Most files and segments that are worked on at a time, at least 1.
                Default: that of the parser.
            budget: A budget that all requests of this loader pass. Default: that of the model.
            max_cost: A ceiling of what the requests of this loader cost together, in all its runs:
                US dollars, or `Money`. It is that of a `CallBudget` of its own, which keeps the
                limits of the account per minute too. Default: none.
            progress: Is called after each segment with a `LoadProgress`, in the thread that takes
                the Documents. What it raises ends the run.
            show_progress: Whether to show a bar of tqdm, which has to be installed. Default: no.

        Raises:
            MiMoConfigurationError: An argument is wrong, both `budget` and `max_cost` are given, or
                one of them with a model that has a budget.
            MiMoInputError: The path does not exist.
        """
        self._blobs = _checked_blobs(blobs)
        if not isinstance(parser, MiMoMediaParser):
            raise MiMoConfigurationError(f"parser must be a MiMoMediaParser, got {shown(parser)}")
        if progress is not None and not callable(progress):
            raise MiMoConfigurationError(f"progress must be a function, got {shown(progress)}")
        with as_configuration_error():
            self._concurrency = integer(
                "max_concurrency",
                parser.max_concurrency if max_concurrency is None else max_concurrency,
                1,
            )
        self._parser = _with_budget(parser, budget, max_cost)
        self._progress = progress
        self._make_bar = tqdm_bar() if show_progress else None

    @override
    def lazy_load(self) -> Iterator[Document]:
        """Yield the Documents in the order of the files and their segments.

        Raises:
            MiMoError: What the parser raises, after the Documents in front of it.
            MiMoBudgetError: The budget refused a request. What was under way has ended, and its
                Documents were yielded.
        """
        jobs = ThreadJobs(self._parser, self._concurrency)
        run = _Run(self, Window(self._each_blob(), jobs, self._concurrency))
        with closing(run):
            try:
                while (documents := run.next_documents()) is not None:
                    yield from documents
                    if run.waits_for:
                        jobs.wait()
            finally:
                jobs.finish()

    @override
    async def alazy_load(self) -> AsyncIterator[Document]:
        """Do the same without blocking the event loop."""
        jobs = TaskJobs(self._parser, self._concurrency)
        run = _Run(self, Window(self._each_blob(), jobs, self._concurrency))
        with closing(run):
            try:
                while (documents := run.next_documents()) is not None:
                    for document in documents:
                        yield document
                    if pending := run.waits_for:
                        await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            except Exception:
                await jobs.finish()
                raise
            finally:
                await jobs.cancel()

    def estimate(
        self,
        *,
        output_tokens: int = 0,
        limits: AccountLimits | None = None,
        currency: Currency = "USD",
        prices: Mapping[str, Price] | None = None,
    ) -> CorpusEstimate:
        """Estimate requests, tokens, money and hours of the next run, before anything is paid.

        Nothing is sent. Segments that the journal knows are not counted. Of other files the headers
        alone are read: they are cut within the bounds of `plan_media`, at the key frames that the
        header of an MP4 or MOV lists, or into equal lengths. URLs, and files whose header states no
        length, are in `unreadable`. Transcripts are not counted.

        Args:
            output_tokens: Tokens of each answer. Default: none, the prompts alone.
            limits: Limits of the account. Default: those of the catalogue.
            currency: "USD" or "CNY". Default: "USD".
            prices: Prices by model id, which replace those of the catalogue. Default: none.

        Raises:
            MiMoInputError: An argument has a wrong type or value.
        """
        with as_input_error():
            output_tokens = integer("output_tokens", output_tokens, 0)
            choice("currency", currency, CURRENCIES)
        parser = self._parser
        files, unreadable = estimated(self._each_blob(), parser)
        requests = Counter[str]()
        for file in files:
            requests[file.kind] += file.requests
        text = sum(parser.prompt_tokens(kind) * count for kind, count in requests.items())
        return corpus_estimate(
            files,
            unreadable,
            model=model_name(parser.llm),
            prompt_tokens=round(text / max(1, requests.total())),
            output_tokens=output_tokens,
            limits=limits,
            currency=currency,
            prices=prices,
        )

    def _each_blob(self) -> Iterator[Blob]:
        """Yield the blobs.

        Raises:
            MiMoConfigurationError: One of them is none.
        """
        blobs = self._blobs
        given = blobs.yield_blobs() if isinstance(blobs, BlobLoader) else blobs
        for index, blob in enumerate(given):
            if not isinstance(blob, Blob):
                raise MiMoConfigurationError(f"blobs[{index}] must be a Blob, got {shown(blob)}")
            yield blob


class _Run:
    """One iteration: takes what a window hands out, counts it and shows how far it has come."""

    def __init__(self, loader: MiMoMediaLoader, window: Window) -> None:
        self._has_journal = loader._parser.journal is not None  # noqa: SLF001
        self._progress = loader._progress  # noqa: SLF001
        self._bar = None if loader._make_bar is None else Bar(loader._make_bar)  # noqa: SLF001
        self._window = window
        self._tally = Tally()
        self.waits_for: list[Any] = []

    def next_documents(self) -> list[Document] | None:
        """Return Documents to hand out; none if `waits_for` has jobs; None at the end.

        Raises:
            MiMoError: What a file or segment raised, when everything in front was handed out.
        """
        self._window.advance()
        self.waits_for = []
        if (taken := self._window.take()) is not None:
            self._tally.count(taken)
            self._show()
            return taken.result.documents
        if not self._window.is_finished:
            self.waits_for = self._window.pending
            return []
        if (error := self._window.budget_error) is not None:
            raise self._budget_is_used_up(error) from error
        self._window.raise_deferred()
        return None

    def _show(self) -> None:
        progress = self._tally.progress(self._window)
        if self._bar is not None:
            self._bar.show(progress)
        if self._progress is not None:
            self._progress(progress)

    def _budget_is_used_up(self, error: MiMoBudgetError) -> MiMoBudgetError:
        again = "A new loader with money left in its budget sends only the rest"
        if not self._has_journal:
            again = f"Pass journal= to MiMoMediaParser, so that {again[0].lower()}{again[1:]}"
        tally = self._tally
        return MiMoBudgetError(
            f"{str(error).rstrip('.')}. Until then {tally.segments:,} segments were described, and "
            f"{tally.files:,} files completely. {again}."
        )

    def close(self) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()


def _checked_blobs(blobs: Any) -> BlobLoader | Iterable[Blob]:
    """Return what yields the blobs, as often as it is asked.

    Raises:
        MiMoConfigurationError: It is nothing that does.
        MiMoInputError: It is a path that does not exist.
    """
    if isinstance(blobs, str | os.PathLike):
        return MediaBlobLoader(blobs)
    if isinstance(blobs, BlobLoader):
        return blobs
    if isinstance(blobs, Iterator):
        raise MiMoConfigurationError(
            f"blobs must be a list or a blob loader, got {shown(blobs)}, which can be read only "
            "once; pass list(...) of it"
        )
    if isinstance(blobs, bytes | Blob) or not isinstance(blobs, Iterable):
        raise MiMoConfigurationError(
            f"blobs must be a blob loader, a list of blobs or a path, got {shown(blobs)}"
        )
    return blobs


def _with_budget(
    parser: MiMoMediaParser, budget: CallBudget | None, max_cost: float | Money | None
) -> MiMoMediaParser:
    """Return the parser, with a budget if one is asked for.

    Raises:
        MiMoConfigurationError: There are two, or one is wrong.
    """
    if budget is not None and max_cost is not None:
        raise MiMoConfigurationError(
            "pass budget or max_cost, not both; CallBudget(max_cost=...) has a ceiling too"
        )
    if max_cost is not None:
        if getattr(parser.llm, "budget", None) is not None:
            raise MiMoConfigurationError(
                "max_cost cannot be passed, since the model has a budget; set its max_cost"
            )
        budget = CallBudget(max_cost=max_cost)
    return parser if budget is None else parser.with_budget(budget)

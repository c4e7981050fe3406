"""How far a run of `MiMoMediaLoader` has come, and the bar that shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from langchain_mimo.catalogue import Currency
from langchain_mimo.cost.prices import Money
from langchain_mimo.document_loaders.window import Taken, Window
from langchain_mimo.errors import MiMoConfigurationError


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a run has come.

    Attributes:
        files_done: Files whose Documents were all handed out, and files that were skipped.
        files_found: Files found so far; a few more than were begun.
        are_all_found: Whether there are no more files.
        segments_done: Segments that were described, or refused, or skipped.
        segments_sent: Those of them for which this run sent a request. The journal knew the others.
        media_seconds: Seconds of video and audio in them.
        documents: Documents that were handed out.
        tokens: Tokens of the requests and answers, also of those that the journal knew.
        costs: What they cost, likewise, in each currency; empty where no price is known.
    """

    files_done: int
    files_found: int
    are_all_found: bool
    segments_done: int
    segments_sent: int
    media_seconds: float
    documents: int
    tokens: int
    costs: tuple[Money, ...]

    def __str__(self) -> str:
        """Return one line for terminals."""
        more = "" if self.are_all_found else " or more"
        costs = "".join(f", {cost}" for cost in self.costs)
        return (
            f"{self.files_done:,} of {self.files_found:,}{more} files, {self.segments_done:,} "
            f"segments ({self.segments_sent:,} sent), {self.tokens:,} tokens{costs}"
        )


@dataclass(slots=True)
class Tally:
    """Counts what is taken from a window."""

    files: int = 0
    segments: int = 0
    sent: int = 0
    seconds: float = 0.0
    documents: int = 0
    tokens: int = 0
    costs: dict[Currency, float] = field(default_factory=dict)

    def count(self, taken: Taken) -> None:
        """Count a segment, or a file that could not be planned."""
        self.documents += len(taken.result.documents)
        self.files += taken.ends_file
        if taken.segment is not None:
            self.segments += 1
            self.sent += taken.result.is_new
            self.seconds += taken.segment.end_s - taken.segment.start_s
        if (entry := taken.result.entry) is not None:
            self.tokens += int(entry.usage.get("total_tokens") or 0)
            if entry.cost is not None:
                self.costs[entry.currency] = self.costs.get(entry.currency, 0.0) + entry.cost

    def progress(self, window: Window) -> LoadProgress:
        """Return how far the run has come."""
        return LoadProgress(
            files_done=self.files,
            files_found=window.files,
            are_all_found=window.are_all_listed,
            segments_done=self.segments,
            segments_sent=self.sent,
            media_seconds=self.seconds,
            documents=self.documents,
            tokens=self.tokens,
            costs=tuple(Money(amount, currency) for currency, amount in self.costs.items()),
        )


class Bar:
    """A bar of tqdm for each run; it counts files."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self._bar = make(unit=" files")

    def show(self, progress: LoadProgress) -> None:
        """Show how far the run has come."""
        self._bar.total = progress.files_found if progress.are_all_found else None
        self._bar.set_postfix_str(str(progress).partition(", ")[2], refresh=False)
        self._bar.update(progress.files_done - self._bar.n)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


def tqdm_bar() -> Callable[..., Any]:
    """Return tqdm's bar.

    Raises:
        MiMoConfigurationError: tqdm is not installed.
    """
    try:
        module = import_module("tqdm.auto")
    except ImportError:
        raise MiMoConfigurationError(
            "show_progress needs tqdm; install it with: pip install tqdm"
        ) from None
    bar: Callable[..., Any] = module.tqdm
    return bar

"""What the plan of a corpus says, and its table for terminals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from langchain_mimo._media.references import MediaKind
from langchain_mimo.catalogue import AccountLimits, Tier
from langchain_mimo.cost.ledger_table import aligned
from langchain_mimo.cost.media_estimate import MediaEstimate
from langchain_mimo.cost.prices import Money, unknown_price
from langchain_mimo.tokens import MAX_FRAMES

_SHOWN_REASONS = 5


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """A file of a corpus.

    Attributes:
        path: The file.
        kind: "image", "video" or "audio".
        size: Bytes on disk.
        requests: Requests that it takes: one, or one for each segment.
        tokens: The tokens of all its segments together. `duration` and `note` are those of the
            whole file.
        advice: What has to be done before it is sent, or None.
    """

    path: Path
    kind: MediaKind
    size: int
    requests: int
    tokens: MediaEstimate
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """What cannot be measured, or neither sent nor prepared.

    Attributes:
        path: The file, folder, pattern or URL.
        reason: Why, in one sentence.
    """

    path: Path | str
    reason: str


@dataclass(frozen=True, slots=True)
class CorpusEstimate:
    """What it takes to send a corpus of files to a model once.

    Attributes:
        model: Model id.
        tier: "realtime" or "batch".
        files: The files that are counted, in the order of their paths.
        unreadable: What is not counted, and why.
        prompt_tokens: Tokens of text with each request.
        output_tokens: Tokens of reasoning and answer of each response.
        limits: The account's limits that were used.
        low: The least that it can cost; None, like the others, if the price is unknown.
        likely: What it will most likely cost.
        high: The most that it can cost, apart from longer responses.
        price_as_of: The date the price was read, or None.
    """

    model: str
    tier: Tier
    files: tuple[CorpusFile, ...]
    unreadable: tuple[UnreadableFile, ...]
    prompt_tokens: int
    output_tokens: int
    limits: AccountLimits
    low: Money | None
    likely: Money | None
    high: Money | None
    price_as_of: date | None

    @property
    def requests(self) -> int:
        """The requests of all files."""
        return sum(file.requests for file in self.files)

    @property
    def seconds(self) -> float:
        """Seconds of video and audio; those of files that do not state them are assumed."""
        return sum(file.tokens.duration or 0.0 for file in self.files)

    @property
    def tokens(self) -> dict[str, int]:
        """Tokens by kind: image, video, audio, marks (in videos), text and output."""
        kinds = ("image", "video", "audio", "marks")
        media = {kind: sum(getattr(file.tokens, kind) for file in self.files) for kind in kinds}
        requests = self.requests
        return media | {
            "text": self.prompt_tokens * requests,
            "output": self.output_tokens * requests,
        }

    @property
    def total_tokens(self) -> int:
        """All tokens, of prompts and responses."""
        return sum(self.tokens.values())

    @property
    def upload_bytes(self) -> int:
        """Bytes of base64 to upload, four for every three bytes of the files.

        A file that is cut or prepared first counts with its size on disk, since nobody knows that
        of the copies.
        """
        return sum(4 * -(-file.size // 3) for file in self.files)

    @property
    def hours_by_requests(self) -> float | None:
        """Hours that the limit of requests per minute allows at best; None without a limit."""
        return _hours(self.requests, self.limits.requests_per_minute)

    @property
    def hours_by_tokens(self) -> float | None:
        """Hours that the limit of tokens per minute allows at best; None without a limit.

        MiMo does not say whether it counts those of responses; they are counted here.
        """
        return _hours(self.total_tokens, self.limits.tokens_per_minute)

    @property
    def hours(self) -> float | None:
        """The longer one of the two, or None without limits."""
        return max(
            (h for h in (self.hours_by_requests, self.hours_by_tokens) if h is not None),
            default=None,
        )

    @property
    def binding(self) -> Literal["requests", "tokens"] | None:
        """The limit that decides how long it takes, or None without limits."""
        if self.hours is None:
            return None
        return "requests" if self.hours == self.hours_by_requests else "tokens"

    def __str__(self) -> str:
        """Return a table for terminals, with the first of what cannot be read."""
        return "\n".join([*aligned(self._kinds()), "", *self._summary(), *self._problems()])

    def _kinds(self) -> list[list[str]]:
        lines = [["", "files", "length", "requests", "tokens"]]
        for kind in ("image", "video", "audio"):
            files = [file for file in self.files if file.kind == kind]
            if files:
                lines.append(_line(kind, files, sum(file.tokens.total for file in files)))
        lines.append(_line("all, with text and output", self.files, self.total_tokens))
        return lines

    def _summary(self) -> list[str]:
        if not self.files and not self.unreadable:
            return ["Nothing is planned: no files have to be sent."]
        prepared = sum(file.advice is not None for file in self.files)
        lines = [f"Upload: {self.upload_bytes / 1e6:,.1f} MB of base64."]
        if prepared:
            lines.append(f"Files to prepare or cut first: {prepared:,}.")
        if limited := sum(file.tokens.frame_limit is not None for file in self.files):
            lines.append(
                f"Videos of which MiMo looks at only {MAX_FRAMES:,} frames: {limited:,}; "
                "segment_seconds cuts them."
            )
        if self.likely is None:
            lines.append(f"Cost: unknown, because {unknown_price(self.model)}")
        else:
            bounds = "" if self.low == self.high else f", at least {self.low}, at most {self.high}"
            lines.append(
                f"Cost: {self.likely}{bounds} ({self.tier}, prices of {self.price_as_of})."
            )
        if self.hours is None:
            lines.append("Time: no limits per minute are known.")
            return lines
        by = {"requests": self.hours_by_requests, "tokens": self.hours_by_tokens}
        known = [f"{_time(hours)} by {name}" for name, hours in by.items() if hours is not None]
        lines.append(f"Time at the limits per minute: {', '.join(known)}.")
        return lines

    def _problems(self) -> list[str]:
        if not self.unreadable:
            return []
        shown = [f"- {_with_path(file)}" for file in self.unreadable[:_SHOWN_REASONS]]
        rest = len(self.unreadable) - len(shown)
        return [
            f"Not counted: {len(self.unreadable):,}.",
            *shown,
            *([f"- and {rest:,} more, in unreadable"] if rest else []),
        ]


def _hours(amount: int, per_minute: int | None) -> float | None:
    return None if per_minute is None else amount / per_minute / 60


def _time(hours: float) -> str:
    if hours >= 1:
        return f"{hours:,.1f} h"
    return f"{hours * 60:.1f} min" if hours >= 1 / 60 else f"{hours * 3600:.1f} s"


def _with_path(file: UnreadableFile) -> str:
    """Return why a file is not counted, with its path, which most reasons of files name already."""
    path = str(file.path)
    return file.reason if repr(path) in file.reason else f"{path}: {file.reason}"


def _line(name: str, files: Sequence[CorpusFile], tokens: int) -> list[str]:
    seconds = sum(file.tokens.duration or 0.0 for file in files)
    requests = sum(file.requests for file in files)
    return [
        name,
        f"{len(files):,}",
        _time(seconds / 3600) if seconds else "",
        f"{requests:,}",
        f"{tokens:,}",
    ]

"""From Documents that a search found to the moments that are shown to the model."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from langchain_core.documents import Document

from langchain_mimo._checks import choice, integer, known_keywords, number, shown
from langchain_mimo.catalogue import FPS_RANGE
from langchain_mimo.document_loaders.documents import link_to
from langchain_mimo.errors import MiMoInputError, as_input_error
from langchain_mimo.retrievers.files import Form, MediaFile, MediaSource, MediaUrl
from langchain_mimo.retrievers.hits import (
    Hit,
    Modality,
    Root,
    check_digests,
    checked_hits,
    checked_roots,
)
from langchain_mimo.retrievers.joining import (
    Joining,
    Limits,
    Span,
    best_rank,
    joined,
    source_key,
)
from langchain_mimo.tokens import MediaResolution

logger = logging.getLogger("langchain_mimo")

Order: TypeAlias = Literal["time", "rank"]

_MOST_CHARACTERS = 200
"""Characters of a source in a label."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time range of a source that is shown to the model, or an image.

    Attributes:
        number: Its number from 1, as its label states it.
        source: Path relative to the folder that was loaded, another path, or a URL. Of files with
            the same bytes, the first by name.
        path: The absolute path; None for a URL.
        sha256: Of the file; "" for a URL.
        modality: "image", "video" or "audio".
        start_s: Start of what was asked for, joined and padded, in seconds of the source; 0 for an
            image.
        end_s: Its end, likewise.
        shown_start_s: Start of what the block shows: of a video that is copied, the key frame at or
            before `start_s`. Times in the model's answer count from here.
        shown_end_s: Its end; None for a video or audio at a URL, which is shown to its end.
        form: "whole", "copied" (packets are copied while the request is sent), "prepared" (by
            `langchain_mimo.prepare`, into `prepared_dir`) or "url".
        tokens: Tokens of the media, without text; None for a URL.
        is_whole: Whether all of the source is shown.
        documents: The Documents that were found there, by time, each once.
    """

    number: int
    source: str
    path: str | None
    sha256: str
    modality: Modality
    start_s: float
    end_s: float
    shown_start_s: float
    shown_end_s: float | None
    form: Form
    tokens: int | None
    is_whole: bool
    documents: tuple[Document, ...]

    @property
    def label(self) -> str:
        """The text in front of its block: number, source, and what is shown of it."""
        source = " ".join(self.source.split())
        if len(source) > _MOST_CHARACTERS:
            source = f"{source[:_MOST_CHARACTERS]}…"
        if self.modality == "image":
            return f"[{self.number}] {source}"
        start_s, end_s = self.shown_start_s, self.shown_end_s
        if end_s is None:
            until = f" to {_seconds(self.end_s)} s" if self.end_s > self.start_s else ""
            where = f", seen at {_seconds(self.start_s)} s{until}"
            return f"[{self.number}] {source}{where if self.end_s else ''}"
        return f"[{self.number}] {source}, {_seconds(start_s)} s to {_seconds(end_s)} s"

    @property
    def link(self) -> str:
        """A link that opens it in a browser or player."""
        return link_to(self.source, self.start_s, self.end_s)

    @property
    def description(self) -> str:
        """What its Documents say, by time."""
        texts = (document.page_content.strip() for document in self.documents)
        return "\n\n".join(dict.fromkeys(text for text in texts if text))

    def to_dict(self) -> dict[str, Any]:
        """Return what identifies it, as JSON values: without its path and Documents."""
        return {
            "number": self.number,
            "source": self.source,
            "source_sha256": self.sha256,
            "modality": self.modality,
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "shown_start_s": round(self.shown_start_s, 3),
            "shown_end_s": None if self.shown_end_s is None else round(self.shown_end_s, 3),
            "link": self.link,
        }


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A Document that is not shown.

    Attributes:
        document: The Document.
        reason: Why, as a clause.
    """

    document: Document
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return its source, times and the reason, as JSON values; an infinite time is None."""
        metadata = self.document.metadata
        times = {name: _json_seconds(metadata.get(name)) for name in ("start_s", "end_s")}
        return {"source": metadata["source"], **times, "reason": self.reason}


class Moments(list[Moment]):
    """Moments in the order in which they are shown.

    Attributes:
        left_out: The Documents that are not shown, by rank.
    """

    def __init__(self, moments: Iterable[Moment] = (), left_out: Iterable[LeftOut] = ()) -> None:
        super().__init__(moments)
        self.left_out = tuple(left_out)

    @property
    def tokens(self) -> int:
        """Tokens of all media whose length is known, without text."""
        return sum(moment.tokens or 0 for moment in self)

    @property
    def left_out_text(self) -> str:
        """A sentence about what is not shown, for the model; "" if all is."""
        if not self.left_out:
            return ""
        count, first = len(self.left_out), self.left_out[0].reason
        more = "more " if self else ""
        were = f"1 {more}passage was" if count == 1 else f"{count} {more}passages were"
        return f"{were} found and cannot be shown: {first}."


def checked_moments(moments: Any) -> list[Moment]:
    """Return moments as a list.

    Raises:
        MiMoInputError: Something else was passed, such as Documents.
    """
    listed = list(moments) if isinstance(moments, Iterable) else [moments]
    if not all(isinstance(moment, Moment) for moment in listed):
        raise MiMoInputError(
            f"moments must be a list of Moments, got {shown(moments)}; pass "
            "retriever.moments_for(documents)"
        )
    return listed


_SPELLINGS = {
    "budget": "budget_tokens", "max_tokens": "budget_tokens", "token_budget": "budget_tokens",
    "padding": "pad_s", "gap_s": "merge_gap_s", "max_s": "max_seconds", "max_moments": "k",
}  # fmt: skip
"""What arguments are called elsewhere."""


def argument_hint(name: str) -> str | None:
    """Return what an argument that is called otherwise elsewhere is called here."""
    return f"did you mean {_SPELLINGS[name]!r}?" if name in _SPELLINGS else None


@known_keywords(MiMoInputError, argument_hint)
def moments_of(
    documents: Iterable[Document],
    *,
    root: Root,
    merge_gap_s: float = 2.0,
    pad_s: float = 2.0,
    max_seconds: float | None = None,
    budget_tokens: int | None = None,
    k: int | None = None,
    fps: float | None = None,
    media_resolution: MediaResolution | None = None,
    order: Order = "time",
) -> Moments:
    """Turn Documents into the moments that are shown: joined, padded, within limits.

    The metadata have to be those of `MiMoMediaLoader`: `source`, `source_sha256`, `modality`,
    `start_s` and `end_s`. All of them are checked before any file is opened. Then the hash of every
    file is compared, its header is read, and the packets of those of which a range is shown.

    Files with the same bytes count as one, and no second of a file is shown twice; but neighbours
    stay apart where a copy of both would be too large to send. A URL is one moment, since MiMo
    reads it as a whole. Documents with the status "refused" are left out, since
    MiMo's moderation would refuse the request.

    Args:
        documents: Documents that a search found, the best first.
        root: The folder that was loaded, or several; a file loaded alone. Sources outside of it are
            refused, also behind links.
        merge_gap_s: Most seconds between Documents of a source that become one moment. Default: 2.
        pad_s: Seconds that are shown before and after, within the file. Default: 2.
        max_seconds: Most seconds of video and audio that all moments show. Videos and audio at
            URLs, whose length is not known, are left out then. Default: no limit.
        budget_tokens: Most tokens of all media, without text. All URLs are left out then. Default:
            no limit.
        k: Most moments. Default: no limit.
        fps: Frames per second that the blocks will set, 0.1 to 10, for the tokens. Default: 2,
            MiMo's own.
        media_resolution: "default" or "max", likewise.
        order: "time": by source and time, so that the same moments are the same prefix of a prompt
            whatever their rank. "rank": the best first.

    Returns:
        The moments. Where a limit binds, the Documents are tried by rank, and each is kept if
        everything that is kept is then within the limits; `left_out` has the others, and the log
        `langchain_mimo` says how many.

    Raises:
        MediaError: A source is not under `root`, has changed since it was indexed or cannot be
            measured, or metadata are not those of media; or PyAV is needed and not installed.
        MiMoInputError: An argument is out of range, or is not what it should be.
    """
    with as_input_error():
        joining = Joining(number("merge_gap_s", merge_gap_s, 0), number("pad_s", pad_s, 0))
        limits = Limits(
            None if k is None else integer("k", k, 1),
            None if budget_tokens is None else integer("budget_tokens", budget_tokens, 1),
            None if max_seconds is None else number("max_seconds", max_seconds, 0),
        )
        fps = None if fps is None else number("fps", fps, *FPS_RANGE)
        if media_resolution is not None:
            choice("media_resolution", media_resolution, get_args(MediaResolution))
        choice("order", order, get_args(Order))
    found = checked_hits(documents, checked_roots(root))
    refused = [hit for hit in found if hit.document.metadata.get("status") == "refused"]
    hits = check_digests(hit for hit in found if hit not in refused)
    sources: dict[str, MediaSource] = {}
    for hit in hits:
        if (key := source_key(hit)) not in sources:
            sources[key] = _source(hit, fps, media_resolution)
    spans, beyond = joined(hits, sources, joining, limits)
    spans.sort(key=best_rank if order == "rank" else _by_time)
    moments = [_moment(number, span) for number, span in enumerate(spans, 1)]
    left = [(hit, "MiMo's moderation refused it") for hit in refused] + beyond
    left.sort(key=lambda pair: pair[0].rank)
    if left:
        logger.warning(
            "%d of %d Documents are not shown; the first is %s: %s",
            *(len(left), len(found), left[0][0].name, left[0][1]),
        )
    return Moments(moments, (LeftOut(hit.document, reason) for hit, reason in left))


def _source(hit: Hit, fps: float | None, resolution: MediaResolution | None) -> MediaSource:
    if not hit.paths:
        return MediaUrl(hit.modality)
    return MediaFile(hit.paths[0], hit.source, hit.modality, fps=fps, media_resolution=resolution)


def _by_time(span: Span) -> tuple[str, float, str]:
    first = min(span.hits, key=lambda hit: hit.source)
    return first.source, span.shown.from_s if span.shown.form != "url" else 0.0, first.modality


def _moment(number: int, span: Span) -> Moment:
    first = min(span.hits, key=lambda hit: (hit.source, hit.paths))
    return Moment(
        number=number,
        source=first.source,
        path=first.paths[0] if first.paths else None,
        sha256=first.sha256,
        modality=first.modality,
        start_s=span.shown.start_s,
        end_s=span.shown.end_s,
        shown_start_s=span.shown.from_s,
        shown_end_s=span.shown.to_s,
        form=span.shown.form,
        tokens=span.shown.tokens,
        is_whole=span.shown.is_whole,
        documents=_each_once(hit.document for hit in span.hits),
    )


def _each_once(documents: Iterable[Document]) -> tuple[Document, ...]:
    kept: list[Document] = []
    for document in documents:
        if not any(_same(document, each) for each in kept):
            kept.append(document)
    return tuple(kept)


def _same(one: Document, other: Document) -> bool:
    """Whether two Documents are the same, whatever a search wrote beside their own metadata."""
    return one.page_content == other.page_content and _place(one.metadata) == _place(other.metadata)


def _place(metadata: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(metadata.get(name) for name in ("source", "start_s", "end_s", "scene_index"))


def _json_seconds(value: Any) -> float | None:
    """Return a time of metadata as JSON has it: None for no number, and for infinity."""
    with suppress(ValueError):
        return float(number("a time", value, 0))
    return None


def _seconds(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if math.isfinite(value) else "the end"

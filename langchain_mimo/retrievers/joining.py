"""Joins hits to spans and keeps them within limits. Pure: sources say what they show.

Spans depend on which hits there are, not on their rank. The rank decides only which hits are kept
where a limit binds: one after the other, the best first, each is kept if all spans of what is kept
are then within the limits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from langchain_mimo.retrievers.files import MediaSource, Shown
from langchain_mimo.retrievers.hits import Hit

_ROUNDING_S = 0.001
"""Seconds by which times of metadata are rounded: what is nearer touches."""


@dataclass(frozen=True, slots=True)
class Span:
    """Hits that one block shows.

    Attributes:
        start_s: Start of the first hit, in seconds of the source, without padding.
        end_s: End of the last, likewise.
        shown: What is shown, with padding.
        hits: The hits, by time.
    """

    start_s: float
    end_s: float
    shown: Shown
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What all spans together have to be within; None is no limit.

    Attributes:
        spans: Most spans.
        tokens: Most tokens.
        seconds: Most seconds of video and audio.
    """

    spans: int | None = None
    tokens: int | None = None
    seconds: float | None = None

    def excess(self, spans: Sequence[Span]) -> str | None:
        """Return which limit spans exceed, as a clause, or None."""
        if self.spans is not None and len(spans) > self.spans:
            return f"there are more moments than k={self.spans}"
        if self.tokens is not None and any(each.shown.tokens is None for each in spans):
            return f"the tokens of a URL are not known, and budget_tokens={self.tokens} is a limit"
        tokens = sum(each.shown.tokens or 0 for each in spans)
        if self.tokens is not None and tokens > self.tokens:
            return f"the moments would cost {tokens} tokens, more than budget_tokens={self.tokens}"
        if self.seconds is not None and any(each.shown.to_s is None for each in spans):
            return f"the length of a URL is not known, and max_seconds={self.seconds:g} is a limit"
        seconds = sum(each.shown.seconds for each in spans)
        if self.seconds is not None and seconds > self.seconds:
            return f"the moments would last {seconds:.1f} s, more than max_seconds={self.seconds:g}"
        return None


@dataclass(frozen=True, slots=True)
class Joining:
    """How the hits of one source are joined.

    Attributes:
        merge_gap_s: Most seconds between hits that are joined.
        pad_s: Seconds that are shown before and after.
    """

    merge_gap_s: float
    pad_s: float

    def spans(self, hits: Iterable[Hit], source: MediaSource) -> list[Span]:
        """Return the spans of the hits of one source, by time; none show the same seconds.

        Two spans stay apart where one block cannot show both, because its copy would be too large.

        Args:
            hits: The hits, in any order.
            source: What shows them.
        """
        ordered = sorted(hits, key=_place)
        if not source.cuts:
            first, last = ordered[0].start_s, max(each.end_s for each in ordered)
            return [Span(first, last, source.show(first, last), tuple(ordered))]
        singles = [self._span(each.start_s, each.end_s, (each,), source) for each in ordered]
        near = self._joined(singles, source, self.merge_gap_s)
        return self._joined(near, source, None)

    def _joined(
        self, spans: Sequence[Span], source: MediaSource, gap_s: float | None
    ) -> list[Span]:
        """Join neighbours with at most a gap between them, or those that show the same seconds."""
        joined: list[Span] = []
        for span in spans:
            last = joined[-1] if joined else None
            if last is None or not _are_near(last, span, gap_s):
                joined.append(span)
                continue
            end_s = max(last.end_s, span.end_s)
            both = self._span(last.start_s, end_s, last.hits + span.hits, source)
            if both.shown.form == "prepared" and "prepared" not in (
                last.shown.form,
                span.shown.form,
            ):
                joined.append(span)
            else:
                joined[-1] = both
        return joined

    def _span(
        self, start_s: float, end_s: float, hits: tuple[Hit, ...], source: MediaSource
    ) -> Span:
        shown = source.show(max(0.0, start_s - self.pad_s), end_s + self.pad_s)
        return Span(start_s, end_s, shown, tuple(sorted(hits, key=_place)))


def _are_near(first: Span, second: Span, gap_s: float | None) -> bool:
    if gap_s is not None:
        return second.start_s - first.end_s <= gap_s
    assert first.shown.to_s is not None
    is_shown_twice = second.shown.from_s < first.shown.to_s - _ROUNDING_S
    return is_shown_twice or second.shown.start_s <= first.shown.end_s + _ROUNDING_S


def _place(hit: Hit) -> tuple[float, float, str, int, str, str]:
    """Return where a hit stands in its span, whatever its rank."""
    scene = hit.document.metadata.get("scene_index")
    return (
        hit.start_s,
        hit.end_s,
        hit.source,
        scene if isinstance(scene, int) else 0,
        hit.document.page_content,
        str(hit.document.id),
    )


def joined(
    hits: Sequence[Hit],
    sources: Mapping[str, MediaSource],
    joining: Joining,
    limits: Limits,
) -> tuple[list[Span], list[tuple[Hit, str]]]:
    """Join hits to spans within the limits.

    Args:
        hits: The hits, the best first.
        sources: The sources by the key of a hit.
        joining: How they are joined.
        limits: What all spans have to be within.

    Returns:
        The spans, and the hits that are left out, each with the reason.
    """
    if limits == Limits():
        return _all_spans(_grouped(hits), sources, joining), []
    kept: dict[str, list[Hit]] = {}
    spans: dict[str, list[Span]] = {}
    left_out: list[tuple[Hit, str]] = []
    for hit in hits:
        key = source_key(hit)
        group = [*kept.get(key, ()), hit]
        candidate = spans | {key: joining.spans(group, sources[key])}
        reason = limits.excess([span for each in candidate.values() for span in each])
        if reason is None:
            kept[key], spans = group, candidate
        else:
            left_out.append((hit, reason))
    return [span for each in spans.values() for span in each], left_out


def source_key(hit: Hit) -> str:
    """Return what identifies the media of a hit: files with the same bytes are the same."""
    return f"{hit.modality} {hit.sha256 or hit.source}"


def _grouped(hits: Iterable[Hit]) -> dict[str, list[Hit]]:
    groups: dict[str, list[Hit]] = {}
    for hit in hits:
        groups.setdefault(source_key(hit), []).append(hit)
    return groups


def _all_spans(
    groups: Mapping[str, Sequence[Hit]], sources: Mapping[str, MediaSource], joining: Joining
) -> list[Span]:
    return [span for key, group in groups.items() for span in joining.spans(group, sources[key])]


def best_rank(span: Span) -> float:
    """Return the rank of the best hit of a span."""
    return min((hit.rank for hit in span.hits), default=math.inf)

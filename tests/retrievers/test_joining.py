"""Joining, padding, order and limits, for any hits of sources that show what they are told to."""

import math
import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from langchain_mimo.retrievers.files import MediaUrl, Shown
from langchain_mimo.retrievers.hits import Hit
from langchain_mimo.retrievers.joining import Joining, Limits, joined, source_key

LENGTH = 120.0


class Video:
    """A source of two minutes with a key frame every few seconds; a copy has a most length."""

    cuts = True

    def __init__(self, gop=5.0, longest=math.inf):
        self.gop, self.longest = gop, longest

    def show(self, start_s, end_s):
        start_s, end_s = round(max(0.0, start_s), 3), round(min(end_s, LENGTH), 3)
        if end_s <= start_s:
            start_s = min(start_s, LENGTH - 0.1)
            end_s = round(start_s + 0.1, 3)
        from_s = start_s // self.gop * self.gop
        form = "copied" if end_s - from_s <= self.longest else "prepared"
        from_s = from_s if form == "copied" else start_s
        return Shown(start_s, end_s, from_s, end_s, form, round(10 * (end_s - from_s)))


class Still:
    cuts = False

    def show(self, start_s, end_s):
        return Shown(0.0, 0.0, 0.0, 0.0, "whole", 50, is_whole=True)


def hit(rank, source, start_s, end_s, modality="video"):
    document = Document(f"{source} {start_s} {end_s} {rank}")
    sha256 = "" if source.startswith("http") else source
    return Hit(rank, document, source, (source,), sha256, modality, start_s, end_s)


SOURCES = {"a": "video", "b": "audio", "p": "image", "https://u": "video"}
TIMES = st.integers(0, int(LENGTH * 1000)).map(lambda each: each / 1000)


@st.composite
def found(draw):
    hits = []
    for rank in range(draw(st.integers(1, 12))):
        source = draw(st.sampled_from(list(SOURCES)))
        start, end = sorted((draw(TIMES), draw(TIMES)))
        end = draw(st.sampled_from([end, min(end, start + 6), start]))
        if SOURCES[source] == "image":
            start = end = 0.0
        hits.append(hit(rank, source, start, end, SOURCES[source]))
    return hits


def sources_of(hits, gop=5.0, longest=math.inf):
    makers = {"p": Still, "https://u": lambda: MediaUrl("video")}
    return {
        source_key(each): makers.get(each.source, lambda: Video(gop, longest))() for each in hits
    }


JOININGS = st.builds(Joining, st.sampled_from([0, 1.5, 10]), st.sampled_from([0, 2, 7.25]))
GOPS = st.sampled_from([0.5, 5.0, 30.0])
LIMITS = st.builds(
    Limits,
    st.none() | st.integers(1, 4),
    st.none() | st.integers(1, 1500),
    st.none() | st.floats(0, 150),
)


def places(spans):
    return sorted((span.hits[0].source, span.shown.from_s, span.shown.to_s or 0) for span in spans)


@given(found(), JOININGS, GOPS, LIMITS)
def test_every_hit_is_in_one_span_or_left_out_with_a_reason(hits, joining, gop, limits):
    spans, left_out = joined(hits, sources_of(hits, gop), joining, limits)
    there = [each for span in spans for each in span.hits] + [each for each, _ in left_out]
    assert sorted(each.rank for each in there) == [each.rank for each in hits]
    assert all(reason for _, reason in left_out)


@given(found(), JOININGS, GOPS)
def test_no_limit_leaves_nothing_out(hits, joining, gop):
    assert joined(hits, sources_of(hits, gop), joining, Limits())[1] == []


@given(found(), JOININGS, GOPS, LIMITS)
def test_limits_are_kept(hits, joining, gop, limits):
    spans, _ = joined(hits, sources_of(hits, gop), joining, limits)
    if limits.spans is not None:
        assert len(spans) <= limits.spans
    if limits.tokens is not None:
        assert sum(span.shown.tokens for span in spans) <= limits.tokens
    if limits.seconds is not None:
        assert sum(span.shown.to_s - span.shown.from_s for span in spans) <= limits.seconds


@given(found(), JOININGS, GOPS, LIMITS)
def test_what_was_left_out_did_not_fit_behind_better_ones(hits, joining, gop, limits):
    sources = sources_of(hits, gop)
    spans, left_out = joined(hits, sources, joining, limits)
    kept = {each.rank for span in spans for each in span.hits}
    for out, _ in left_out:
        better = [each for each in hits if each.rank in kept and each.rank < out.rank]
        alone, _ = joined([*better, out], sources, joining, Limits())
        assert limits.excess(alone) is not None


@given(found(), JOININGS, GOPS, st.randoms(use_true_random=False))
def test_rank_changes_no_span(hits, joining, gop, random: random.Random):
    sources = sources_of(hits, gop)
    other = random.sample(hits, len(hits))
    ranked = [hit(n, e.source, e.start_s, e.end_s, e.modality) for n, e in enumerate(other)]
    assert places(joined(hits, sources, joining, Limits())[0]) == places(
        joined(ranked, sources, joining, Limits())[0]
    )


@given(found(), JOININGS, GOPS)
def test_every_hit_is_shown_with_its_padding(hits, joining, gop):
    for span in joined(hits, sources_of(hits, gop), joining, Limits())[0]:
        if span.shown.form == "url" or span.hits[0].modality == "image":
            continue
        for each in span.hits:
            assert span.shown.from_s <= max(0.0, each.start_s - joining.pad_s) + 0.001
            assert span.shown.to_s >= min(LENGTH, each.end_s + joining.pad_s) - 0.001


@given(found(), JOININGS, GOPS)
def test_no_second_is_shown_twice_and_no_near_hits_are_apart(hits, joining, gop):
    spans = joined(hits, sources_of(hits, gop), joining, Limits())[0]
    for source, modality in SOURCES.items():
        of_source = sorted(
            (span for span in spans if span.hits[0].source == source),
            key=lambda span: span.shown.from_s,
        )
        if modality == "image" or source.startswith("http"):
            assert len(of_source) <= 1
        for one, other in pairwise(of_source):
            assert other.shown.from_s >= one.shown.to_s - 0.001
            assert other.start_s - one.end_s > joining.merge_gap_s


@given(found(), JOININGS, GOPS, st.sampled_from([math.inf, 20.0]))
def test_joining_what_is_joined_changes_nothing(hits, joining, gop, longest):
    sources = sources_of(hits, gop, longest)
    spans = joined(hits, sources, joining, Limits())[0]
    again = [
        hit(
            n,
            span.hits[0].source,
            round(span.shown.start_s, 3),
            round(span.shown.end_s, 3),
            span.hits[0].modality,
        )
        for n, span in enumerate(spans)
    ]
    assert places(joined(again, sources, Joining(0, 0), Limits())[0]) == places(spans)


def test_what_no_copy_can_show_together_stays_apart():
    hits = [hit(0, "a", 10.0, 20.0), hit(1, "a", 21.0, 30.0), hit(2, "a", 29.0, 30.0)]
    spans, _ = joined(hits, {"video a": Video(longest=15.0)}, Joining(2, 0), Limits())
    assert [(span.shown.from_s, span.shown.to_s) for span in spans] == [(10, 20), (20, 30)]
    spans, _ = joined(hits, {"video a": Video(longest=25.0)}, Joining(2, 0), Limits())
    assert [(span.shown.from_s, span.shown.to_s) for span in spans] == [(10, 30)]


def test_a_limit_leaves_out_urls_whose_length_is_not_known():
    hits = [hit(0, "https://u", 1.0, 2.0), hit(1, "a", 5.0, 10.0)]
    for limits, reason in (
        (Limits(tokens=100), "the tokens of a URL are not known, and budget_tokens=100 is a limit"),
        (Limits(seconds=10), "the length of a URL is not known, and max_seconds=10 is a limit"),
    ):
        spans, left_out = joined(hits, sources_of(hits), Joining(0, 0), limits)
        assert [span.hits[0].source for span in spans] == ["a"]
        assert [each for _, each in left_out] == [reason]


def test_an_image_at_a_url_has_no_seconds():
    hits = [hit(0, "https://u", 0.0, 0.0, "image"), hit(1, "a", 5.0, 10.0)]
    sources = sources_of(hits) | {"image https://u": MediaUrl("image")}
    spans, left_out = joined(hits, sources, Joining(0, 0), Limits(seconds=5))
    assert ([len(span.hits) for span in spans], left_out) == ([1, 1], [])
    _, left_out = joined(hits, sources, Joining(0, 0), Limits(tokens=1000))
    assert [each.rank for each, _ in left_out] == [0]


def test_a_smaller_hit_is_kept_behind_one_that_does_not_fit():
    hits = [hit(0, "a", 5.0, 6.0), hit(1, "a", 30.0, 110.0), hit(2, "a", 8.0, 9.0)]
    spans, left_out = joined(hits, sources_of(hits), Joining(2, 0), Limits(tokens=100))
    assert [each.rank for span in spans for each in span.hits] == [0, 2]
    assert left_out[0][1] == "the moments would cost 810 tokens, more than budget_tokens=100"

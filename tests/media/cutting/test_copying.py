"""Copies without encoding: each frame is the source's, at its time, and nothing is hidden."""

import itertools
from fractions import Fraction

from cutting import FEW_EXAMPLES, copy_bytes, index_bytes, inside, spans, try_copy
from hypothesis import given, settings
from hypothesis import strategies as st
from numbered_videos import Recipe, audio_seconds, make_numbered, packet_count, recipes, watch

from langchain_mimo._media.cutting.copying import decode_times
from langchain_mimo._media.cutting.times import Span

MILLISECOND = Fraction(1, 1000)


def check_copy(source_frames, plan, data):
    """Check that a copy shows exactly what its plan says, at the right times, and hides nothing."""
    expected = inside(source_frames, Span(plan.start, plan.end))
    got = watch(data)
    assert [each.number for each in got] == [each.number for each in expected]
    assert [each.digest for each in got] == [each.digest for each in expected]
    assert packet_count(data) == len(got)
    for before, after in zip(expected, got, strict=True):
        assert abs(after.time - (before.time - plan.start)) <= MILLISECOND
    return got


@settings(FEW_EXAMPLES)
@given(st.data())
def test_an_exact_copy_shows_exactly_the_span(data):
    recipe = data.draw(recipes())
    video = make_numbered(recipe)
    source, frames = index_bytes(video), watch(video)
    span = data.draw(spans(source, [frame.time for frame in frames]))
    plan, copy, reason = try_copy(source, span, "exact")
    if reason is not None:
        return
    got = check_copy(frames, plan, copy)
    assert [each.number for each in got] == [e.number for e in inside(frames, span)]
    if recipe.audio:
        assert audio_seconds(copy) <= float(span.end - span.start) + 0.1


@settings(FEW_EXAMPLES)
@given(st.data())
def test_a_copy_from_key_frames_states_what_it_shows(data):
    recipe = data.draw(recipes())
    video = make_numbered(recipe)
    source, frames = index_bytes(video), watch(video)
    span = data.draw(spans(source, [frame.time for frame in frames]))
    wanted = inside(frames, span)
    plan, copy, reason = try_copy(source, span, "keyframe")
    if reason is not None:
        allowed = ["contains no video frame"] if not wanted else []
        allowed += ["edit list"] if recipe.trim else []
        allowed += ["does not state when"] if recipe.container == "avi" else []
        assert any(text in reason for text in allowed)
        return
    got = check_copy(frames, plan, copy)
    assert {each.number for each in wanted} <= {each.number for each in got}


@settings(FEW_EXAMPLES)
@given(recipe=recipes(), data=st.data())
def test_a_copy_is_made_wherever_closed_groups_begin_and_end(recipe, data):
    recipe = Recipe(**{**vars(recipe), "open_gop": False, "trim": 0, "gaps": ()})
    video = make_numbered(recipe)
    source, frames = index_bytes(video), watch(video)
    if recipe.container == "avi" and recipe.b_frames:
        return
    groups = [*(frames[at].time for at in range(0, recipe.frames, recipe.gop)), source.index.end]
    first, last = data.draw(
        st.tuples(*[st.integers(0, len(groups) - 1)] * 2).filter(lambda p: p[0] < p[1])
    )
    plan, copy = copy_bytes(source, Span(groups[first], groups[last]), "exact")
    got = check_copy(frames, plan, copy)
    assert got[0].number == first * recipe.gop
    assert len(got) == min(recipe.frames, last * recipe.gop) - first * recipe.gop


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=40, unique=True))
def test_times_of_decoding_ascend_and_never_exceed_the_times_shown(pts):
    dts = decode_times(pts)
    assert len(dts) == len(pts)
    assert all(a < b for a, b in itertools.pairwise(dts))
    assert all(a <= b for a, b in zip(dts, pts, strict=True))

"""Decoding a time range: exactly its frames, from any container, wherever it starts."""

import itertools
from fractions import Fraction

import pytest
from cutting import FEW_EXAMPLES, index_bytes, inside, no_tick, spans, try_copy
from hypothesis import given, settings
from hypothesis import strategies as st
from numbered_videos import CONTAINERS, Recipe, make_numbered, number_of, recipes, watch

from langchain_mimo._media.cutting.decoding import decode_span
from langchain_mimo._media.cutting.times import Span

MICROSECOND = Fraction(1, 1_000_000)


def decoded(source, span):
    """Return the numbers and times of the video frames in a span, and report no damage."""
    damaged = []
    video = source.index.video
    frames = decode_span(source, [video.position], span, no_tick, damaged.append)
    found = [(number_of(frame), time) for frame, time in frames]
    assert damaged == []
    return found


@settings(FEW_EXAMPLES)
@given(st.data())
def test_exactly_the_frames_of_a_span_are_decoded(data):
    recipe = data.draw(recipes())
    video = make_numbered(recipe)
    source, frames = index_bytes(video), watch(video)
    span = data.draw(spans(source, [frame.time for frame in frames]))
    expected = [(each.number, each.time - span.start) for each in inside(frames, span)]
    held = [each for each in frames if each.time < span.start]
    got = decoded(source, span)
    if got and got[0][1] < -MICROSECOND:  # still shown at the start
        assert got.pop(0)[0] == held[-1].number
        assert not expected or expected[0][1] >= source.index.video.interval
    assert got == expected


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("audio", [True, False])
def test_a_late_span_of_a_long_video_is_reached_by_seeking(container, audio, monkeypatch):
    """More packets than are read and dropped; one group, so MPEG-TS seeks land too late."""
    monkeypatch.setattr("langchain_mimo._media.cutting.reading._NEAR_THE_BEGINNING", 40)
    recipe = Recipe(container, frames=200, b_frames=2, gop=90, audio=audio)
    video = make_numbered(recipe)
    source, frames = index_bytes(video), watch(video)
    for first in (60, 95, 130, 190):
        span = Span(frames[first].time, frames[first + 7].time)
        expected = [
            (number % 256, frames[number].time - span.start) for number in range(first, first + 7)
        ]
        assert decoded(source, span) == expected


def test_audio_reaches_over_the_whole_span():
    recipe = Recipe("matroska", frames=60, audio=True)
    source = index_bytes(make_numbered(recipe))
    audio = source.index.audio
    span = Span(source.index.start + 2, source.index.start + Fraction(7, 2))
    frames = list(decode_span(source, [audio.position], span, no_tick, lambda count: None))
    first, last = frames[0], frames[-1]
    assert first[1] <= 0 < first[1] + Fraction(first[0].samples, first[0].sample_rate)
    assert last[1] + Fraction(last[0].samples, last[0].sample_rate) >= Fraction(3, 2)


@pytest.mark.parametrize("audio", [True, False])
def test_the_times_of_joined_recordings_go_on(audio):
    """Recorders and streams join parts of MPEG-TS, in each of which the times start again."""
    recipe = Recipe("mpegts", frames=30, gop=10, audio=audio, offset=Fraction(2))
    part = make_numbered(recipe)
    source = index_bytes(part * 3)
    assert source.index.is_joined
    assert 9 <= source.index.duration < 9.6  # the next part begins when all of one has ended
    span = Span(source.index.start, source.index.end)
    frames = decoded(source, span)
    assert [number for number, _ in frames] == list(range(30)) * 3
    assert all(before < after for (_, before), (_, after) in itertools.pairwise(frames))
    plan, copy, reason = try_copy(source, span, "exact")
    assert reason is None
    assert [each.number for each in watch(copy)] == list(range(30)) * 3
    assert plan.frames == 90

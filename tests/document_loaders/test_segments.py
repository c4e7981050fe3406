"""Plans of segments: without gaps, within their bounds, and few."""

import dataclasses
import itertools
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import make_image, make_video
from numbered_videos import Recipe, make_numbered
from packet_tables import audio_stream, info_of, synthetic_videos, video_stream

from langchain_mimo._media.cutting.planning import plan_copy
from langchain_mimo._media.cutting.times import Span, exact
from langchain_mimo.cost import estimate_file
from langchain_mimo.document_loaders import MediaSegment, plan_media
from langchain_mimo.errors import MediaError, MiMoInputError
from langchain_mimo.media import probe

ROUNDING_S = 2e-6


def ways(segment):
    return [segment.whole, segment.copied, segment.preparation is not None]


def check_plan(plan, duration, options):
    """Check what holds for every plan of video and audio."""
    bounds = {"budget_tokens": 100_000, "max_seconds": 600.0, "max_bytes": 37_500_000, "fps": 2.0}
    bounds |= {name: value for name, value in options.items() if name in bounds}
    assert [each.index for each in plan] == list(range(len(plan)))
    assert {each.count for each in plan} == {len(plan)}
    assert (plan[0].start_s, plan[-1].end_s) == (0.0, duration)
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(plan))
    for each in plan:
        seconds = each.end_s - each.start_s
        assert seconds > 0
        assert ways(each).count(True) == 1
        assert each.tokens <= bounds["budget_tokens"]
        assert seconds <= bounds["max_seconds"] + ROUNDING_S
        assert each.size <= bounds["max_bytes"]
        assert (each.encoding_s > 0) == (each.preparation is not None)
        assert (each.note is not None) == (each.preparation is not None)
        if each.modality == "video":
            assert math.ceil((seconds - ROUNDING_S) * bounds["fps"]) <= 2048
            assert (each.fps, each.media_resolution) == (bounds["fps"], "default")
    assert json.loads(json.dumps([dataclasses.asdict(each) for each in plan]))


options = st.fixed_dictionaries(
    {
        "budget_tokens": st.integers(60, 20_000),
        "max_seconds": st.floats(1, 120) | st.floats(0.2, 1),
        "max_bytes": st.integers(200_000, 40_000_000),
        "fps": st.sampled_from([0.1, 0.5, 2.0, 10.0]),
        "oversize": st.sampled_from(["shrink", "split"]),
        "boundaries": st.sampled_from(["keyframes", "even"]),
    }
)


@settings(deadline=None)
@given(synthetic_videos(), options, st.lists(st.floats(0, 1), max_size=5))
def test_any_video_is_covered_within_its_bounds(info, options, shares):
    hints = [share * info.duration_s for share in shares]
    try:
        plan = plan_media(info, hints=hints, **options)
    except MediaError as error:
        plan, refusal = [], str(error)
    if not plan:
        assert "even a segment of 0.1 s" in refusal
        assert options["budget_tokens"] < 400
        return
    check_plan(plan, info.duration_s, options)
    assert plan == plan_media(info, hints=hints, **options)
    copied = [each for each in plan if each.copied]
    index = info.table._index
    frames = []
    for each in copied:
        assert each.start_s in info.table.copy_starts
        end = index.end if each.end_s == info.duration_s else exact(each.end_s)
        copy = plan_copy(index, Span(exact(each.start_s), end), "keyframe")
        frames += copy.streams[0].ordinals
        first, behind = (round(s * 90_000) for s in (each.start_s, each.end_s))
        shown = {i for i, pts in enumerate(index.video.pts) if first <= pts < behind}
        if each.end_s == info.duration_s:
            shown |= {i for i, pts in enumerate(index.video.pts) if pts >= first}
        assert set(copy.streams[0].ordinals) == shown
    assert len(frames) == len(set(frames))


def fewest_copies(info, options):
    """Count copies as far as each can go; None where some range between places does not fit."""
    table, count, start = info.table, 0, 0.0
    places = [*table.copy_starts[1:], table.duration_s]
    while start < table.duration_s:
        fitting = [end for end in places if end > start and fits(table, start, end, options, info)]
        if not fitting:
            return None
        start, count = max(fitting), count + 1
    return count


def fits(table, start, end, options, info):
    copy = table.copy_bounds(start, end)
    piece = dataclasses.replace(info, duration_s=copy.seconds)
    cost = estimate_file(piece, model="mimo-v2.6-flash", fps=options["fps"]).total
    return (
        end - start <= min(options["max_seconds"], 2048 / options["fps"]) + ROUNDING_S
        and copy.size <= options["max_bytes"]
        and cost <= options["budget_tokens"]
    )


@settings(deadline=None)
@given(synthetic_videos(), options)
def test_no_plan_of_copies_has_more_segments_than_needed(info, options):
    options |= {"boundaries": "keyframes", "oversize": "raise"}
    needed = fewest_copies(info, options)
    try:
        plan = plan_media(info, **options)
    except MediaError:
        assert needed is None or info.size > options["max_bytes"]
        return
    assert all(each.copied for each in plan) or plan[0].whole
    assert len(plan) <= (needed or 1)


def test_segments_are_even_where_key_frames_are_dense():
    plan = plan_media(info_of(video_stream([25] * 605, 25, [500])), budget_tokens=200_000)
    assert [each.end_s for each in plan] == [302.0, 605.0] or [303.0, 605.0]
    assert {round(each.end_s - each.start_s) for each in plan} <= {302, 303}


def test_a_video_of_key_frames_alone_is_planned_by_some_of_them():
    info = info_of(video_stream([1] * 30 * 900, 30, [20_000]))
    plan = plan_media(info)
    check_plan(plan, info.duration_s, {})
    assert all(each.copied for each in plan)
    assert len(plan) <= math.ceil(900 * 30 * 20_000 * 1.02 / 37_500_000) + 1


def test_a_file_within_its_bounds_is_sent_whole_and_its_packets_are_not_read(monkeypatch):
    monkeypatch.setattr(type(probe(make_video("mp4"))), "packets", None)
    data = make_video("mp4")
    (segment,) = plan_media(data, boundaries="scenes", hints=[1.0])
    tokens = estimate_file(data, model="mimo-v2.6-flash").total
    seconds = probe(data).duration_s
    assert segment == MediaSegment(
        0.0, seconds, tokens, whole=True, size=len(data), fps=2.0, media_resolution="default"
    )


def onekey(seconds=20.0):
    return info_of(video_stream([int(seconds * 25)], 25, [2_000]), audio_stream(seconds, 300))


def test_a_range_without_key_frames_is_shrunk_split_or_refused():
    info = onekey(400)
    shrunk = plan_media(info, budget_tokens=50_000)
    (segment,) = shrunk
    assert segment.tokens <= 50_000
    assert "its frames are shrunk to fit budget_tokens=50000" in segment.note
    assert "which no key frame divides, costs up to" in segment.note
    assert segment.preparation == (
        "prepare_video(data, fps=2.0, media_resolution='default', token_budget=50000)"
    )
    split = plan_media(info, budget_tokens=50_000, oversize="split")
    check_plan(split, info.duration_s, {"budget_tokens": 50_000})
    assert len(split) > 1
    assert not any("shrunk" in each.note for each in split)
    with pytest.raises(
        MediaError, match=r"the given bytes cannot be planned: the range from 0\.000 s"
    ):
        plan_media(info, budget_tokens=50_000, oversize="raise")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"max_seconds": 5}, "lasts 20.0 s, more than the 5 s of max_seconds"),
        ({"fps": 10, "budget_tokens": 10**7}, "lasts 400.0 s, more than the 204.8 s of 2,048 frames at 10 fps"),
        ({"max_bytes": 900_000}, "bytes, more than max_bytes=900000"),
        ({"budget_tokens": 1000}, "tokens, more than budget_tokens=1000"),
    ],
)  # fmt: skip
def test_the_bound_that_is_exceeded_is_named(options, reason):
    info = onekey(400 if "fps" in options else 20)
    with pytest.raises(MediaError) as raised:
        plan_media(info, oversize="raise", **options)
    assert reason in str(raised.value)
    assert 'encode it with oversize="shrink" or "split"' in str(raised.value)
    plan = plan_media(info, **options)
    check_plan(plan, info.duration_s, options)
    assert reason in plan[0].note


def test_ranges_with_and_without_key_frames_are_told_apart():
    info = info_of(video_stream([25] * 10 + [500] + [25] * 10, 25, [5000]))
    plan = plan_media(info, max_seconds=10)
    assert [(each.start_s, each.end_s, each.copied) for each in plan] == [
        (0.0, 10.0, True),
        (10.0, 20.0, False),
        (20.0, 30.0, False),
        (30.0, 40.0, True),
    ]


def test_encoding_counts_what_is_decoded_before_a_segment():
    plan = plan_media(onekey(100), max_seconds=10)
    costs = [each.encoding_s for each in plan]
    assert costs == sorted(costs)
    assert costs[-1] > 2 * costs[0]


def test_hints_move_to_the_key_frame_at_or_before_them():
    info = info_of(video_stream([50] * 20, 25, [5000]))
    plan = plan_media(info, max_seconds=16, hints=[39.9, 11.0, 26.0])
    assert [each.start_s for each in plan] == [0.0, 10.0, 26.0]


def test_hints_are_exact_where_the_video_is_encoded():
    plan = plan_media(onekey(30), max_seconds=16, hints=[14.3])
    assert [each.start_s for each in plan] == [0.0, 14.3]


def test_even_segments_are_copied_where_key_frames_lie():
    info = info_of(video_stream([50] * 20, 25, [5000]))
    plan = plan_media(info, max_seconds=10, boundaries="even")
    assert [(each.start_s, each.copied) for each in plan] == [(t, True) for t in (0, 10, 20, 30)]
    plan = plan_media(info, max_seconds=15, boundaries="even")
    assert [each.copied for each in plan] == [False] * 3
    assert plan[0].end_s == pytest.approx(40 / 3)
    assert plan[0].note == (
        "It is encoded, because no key frame lies where it starts and where it ends."
    )


@pytest.mark.parametrize(
    ("hints", "text"),
    [
        ([1, "two"], r"hints\[1\] must be a number >= 0, got 'two'"),
        ([1, -2.0], r"hints\[1\] must be a number >= 0, got -2\.0"),
        ([float("nan")], r"hints\[0\]"),
        ([True], r"hints\[0\]"),
        ([1, 21], r"hints\[1\] is 21 s, but the given bytes ends at 20\.\d+ s"),
        ("12", "hints must be numbers of seconds, got '12'"),
        (None, "hints must be numbers of seconds, got None"),
    ],
)
def test_bad_hints_are_refused(hints, text):
    with pytest.raises(MiMoInputError, match=text):
        plan_media(onekey(20), max_seconds=10, hints=hints)
    with pytest.raises(MiMoInputError, match=text):
        plan_media(onekey(20), hints=hints)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"budget_tokens": 0}, "budget_tokens must be an integer >= 1, got 0"),
        ({"max_seconds": 0}, "max_seconds must be a number >= 0.1, got 0"),
        ({"max_bytes": 1.5}, "max_bytes must be an integer >= 1, got 1.5"),
        ({"fps": 30}, "fps must be"),
        ({"media_resolution": "high"}, "media_resolution must be"),
        ({"boundaries": "scene"}, "boundaries must be"),
        ({"oversize": "drop"}, "oversize must be"),
        ({"budget": 5}, "did you mean 'budget_tokens'?"),
    ],
)
def test_bad_arguments_are_refused(options, text):
    with pytest.raises(MiMoInputError) as raised:
        plan_media(onekey(20), **options)
    assert text in str(raised.value)


def test_images_are_one_segment():
    data = make_image("png", (640, 480))
    tokens = estimate_file(data, model="mimo-v2.6-flash").total
    assert plan_media(data) == [
        MediaSegment(0.0, 0.0, tokens, modality="image", whole=True, size=len(data))
    ]
    (shrunk,) = plan_media(data, budget_tokens=100)
    assert shrunk.preparation == "prepare_image(data, token_budget=100)"
    assert shrunk.tokens <= 100
    assert shrunk.encoding_s > 0
    (converted,) = plan_media(make_image("tiff", (640, 480)))
    assert converted.preparation is not None
    assert converted.note.startswith("It is converted, because it is TIFF")
    with pytest.raises(MediaError, match="more than budget_tokens=100"):
        plan_media(data, budget_tokens=100, oversize="raise")
    with pytest.raises(MiMoInputError, match=r"hints\[0\] is 3 s, but the given bytes is an image"):
        plan_media(data, hints=[3])


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("no-such-file.mp4", "no-such-file.mp4': No such file or directory; check the path"),
        (b"", "it is empty (0 bytes)"),
        (b"hello, this is text" * 20, "it is text (no media)"),
        (make_numbered(Recipe(frames=40))[:300], "the given bytes cannot be"),
        ("https://example.com/a.mp4", "a.mp4"),
        (7, "plan_media takes a local path or bytes, not int"),
    ],
)
def test_what_cannot_be_planned_is_named(source, text):
    with pytest.raises(MediaError) as raised:
        plan_media(source)
    assert text in str(raised.value)

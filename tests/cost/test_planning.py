"""Fitting video and audio into a token budget."""

import dataclasses
import itertools
import math
import re
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from media_files import make, make_video

from langchain_mimo.cost import estimate_file
from langchain_mimo.cost.planning import plan_segments, plan_video
from langchain_mimo.errors import MediaError, MiMoInputError
from langchain_mimo.media import probe
from langchain_mimo.prepare import prepare_video
from langchain_mimo.tokens import video_tokens


def cost(fps=2.0, media_resolution="max"):
    return video_tokens(2.0, 96, 64, fps=fps, media_resolution=media_resolution).total


def test_requested_settings_that_fit_are_kept(tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(make("video.mp4"))
    plan = plan_video(path, budget_tokens=10_000)
    assert (plan.fps, plan.media_resolution, plan.fits) == (2.0, "max", True)
    assert plan.tokens.total == cost()
    assert plan.explanation == (
        f'2.0 s at 2 fps and "max" cost {cost()} tokens, within the budget of 10000.'
    )


def test_a_small_budget_lowers_resolution_and_fps():
    plan = plan_video(make("video.mp4"), budget_tokens=cost(1.0, "default"), fps=10)
    assert plan.fits
    assert plan.tokens.total <= cost(1.0, "default")
    assert plan.fps >= 1.0
    assert "would cost" in plan.explanation


def test_a_budget_that_is_too_small_is_reported():
    plan = plan_video(make("video.mp4"), budget_tokens=5)
    assert not plan.fits
    assert plan.fps == 0.1
    assert plan.explanation == (
        '2.0 s at 0.1 fps and "default" cost 34 tokens, more than the budget of 5, and no settings '
        "cost less (12 for 2 frames, 13 for its audio, 9 for timestamps and markers); even a "
        "segment of 0.1 s costs 22, so raise budget_tokens."
    )


def measured(seconds, size=(1920, 1080), **changes):
    return dataclasses.replace(
        probe(make("video.mkv")),
        duration_s=seconds,
        width=size[0],
        height=size[1],
        source="talk.mkv",
        **changes,
    )


CUT = "cut it with plan_segments and prepare_video"


@pytest.mark.parametrize(
    ("info", "budget", "remedy"),
    [
        (measured(60.0), 100, "even a segment of 0.1 s costs 286, so raise budget_tokens."),
        (measured(60.0), 400, f"; {CUT}."),
        (
            measured(60.0),
            1200,
            f"; {CUT}, or shrink its frames with prepare_video(fps=0.1, token_budget=1200).",
        ),
        (measured(36_000.0, size=(64, 64)), 100_000, f"; {CUT}."),
    ],
)
def test_only_what_helps_is_advised(info, budget, remedy):
    plan = plan_video(info, budget_tokens=budget)
    assert not plan.fits
    assert plan.explanation.endswith(remedy)
    assert "Prepare it first" not in plan.explanation
    if "cut" in remedy:
        segments = plan_segments(info, budget_tokens=budget, fps=0.1)
        assert all(segment.tokens <= budget for segment in segments)


def test_a_video_that_is_to_be_shrunk_can_be_shrunk_so_far():
    data = make_video("matroska", seconds=8, size=(640, 360))
    whole = plan_video(data, budget_tokens=10**6, fps=0.1, media_resolution="default")
    refused = 0
    for budget in range(60, whole.tokens.total, 20):
        plan = plan_video(data, budget_tokens=budget)
        if "shrink" not in plan.explanation:
            refused += 1
            continue
        options = {"fps": 0.1, "token_budget": budget}
        assert f"prepare_video(fps=0.1, token_budget={budget})" in plan.explanation
        shrunk = probe(prepare_video(data, **options).source)
        size = shrunk.width, shrunk.height
        assert video_tokens(shrunk.duration_s, *size, fps=0.1).total <= budget
    assert refused


@pytest.mark.parametrize(
    ("seconds", "fps", "interval"),
    [(7200.1, 2, "3.5"), (1025, 2, "0.50"), (300, 10, "0.15"), (36_000, 0.1, "17.6")],
)
def test_the_limit_of_frames_is_said_wherever_it_bites(seconds, fps, interval):
    info = measured(seconds, (320, 180))
    limit = f"MiMo looks at only 2,048 frames, one in {interval} s; plan_segments keeps {fps:g} fps"
    plan = plan_video(info, budget_tokens=10**6, fps=fps)
    assert plan.tokens.frames == 2048
    assert f". {limit}. " in plan.explanation
    notes = estimate_file(info, model="mimo-v2.6-flash", fps=fps).notes
    assert notes[0].endswith(f"talk.mkv': {limit}")
    segments = plan_segments(info, budget_tokens=10**6, fps=fps)
    assert len(segments) >= math.ceil(seconds * fps / 2048) > 1
    for segment in segments:
        length = segment.end_s - segment.start_s
        assert length * fps <= 2048 + 1e-6
        one = measured(length, (320, 180))
        assert "looks at only" not in plan_video(one, budget_tokens=10**6, fps=fps).explanation


def test_a_video_within_the_limit_of_frames_has_no_note():
    info = measured(1024.0, size=(320, 180))
    assert "looks at only" not in plan_video(info, budget_tokens=10**6).explanation
    (note,) = estimate_file(info, model="mimo-v2.6-flash").notes
    assert note.startswith("Prepare it first")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"budget_tokens": 50},
            (
                "budget_tokens=50 is too low: the shortest segment, 0.1 s, costs 286 tokens; raise it "
                "to 286 or more"
            ),
        ),
        (
            {"budget_tokens": 400, "media_resolution": "max"},
            (
                "budget_tokens=400 is too low: the shortest segment, 0.1 s, costs 2050 tokens; raise "
                'it to 2050 or more, or set media_resolution="default"'
            ),
        ),
        (
            {"overlap": 6, "fps": 10},
            (
                "budget_tokens=1000 is too low: the shortest segment with overlap=6, 6.061 s, costs "
                "8815 tokens; raise it to 8815 or more, or lower overlap, or lower fps"
            ),
        ),
        (
            {"max_seconds": 5, "overlap": 6},
            (
                "max_seconds=5 is less than the shortest segment with overlap=6, 6.061 s; raise it, or "
                "lower overlap"
            ),
        ),
        (
            {"max_seconds": 0.05},
            "max_seconds=0.05 is less than the shortest segment, 0.1 s; raise it",
        ),
        (
            {"overlap": 300, "fps": 10, "budget_tokens": 10**6},
            (
                "what MiMo samples at 10 fps (204.8 s) is less than the shortest segment with "
                "overlap=300, 303 s; lower fps, or lower overlap"
            ),
        ),
    ],
)
def test_the_limit_that_allows_no_segment_is_named(options, text):
    with pytest.raises(MiMoInputError) as raised:
        plan_segments(1000, **{"budget_tokens": 1000, **options})
    assert re.sub(r"6\.06\d? s", "6.061 s", str(raised.value)) == text
    if found := re.search(r"raise it to (\d+)", text):
        plan_segments(1000, **{**options, "budget_tokens": int(found[1])})


@settings(deadline=None)
@given(st.integers(1, 3000), st.floats(0.1, 10), st.sampled_from(["default", "max"]))
def test_a_plan_is_within_the_budget_and_the_range_of_fps(budget, fps, resolution):
    plan = plan_video(
        make("silent.mp4"), budget_tokens=budget, fps=fps, media_resolution=resolution
    )
    assert 0.1 <= plan.fps <= fps
    assert plan.fits == (plan.tokens.total <= budget)
    expected = video_tokens(
        3.3, 96, 64, fps=plan.fps, media_resolution=plan.media_resolution, mute=True
    )
    assert plan.tokens == expected


@pytest.mark.parametrize("fps", [0, 0.05, 11, math.nan])
def test_an_fps_out_of_range_is_refused(fps):
    with pytest.raises(MiMoInputError, match="fps"):
        plan_video(make("video.mp4"), budget_tokens=1000, fps=fps)


@pytest.mark.parametrize("source", [b"no video", "no/such/video.mp4"])
def test_a_source_that_is_not_a_video_is_refused(source):
    with pytest.raises(MediaError):
        plan_video(source, budget_tokens=1000)
    with pytest.raises(MediaError, match=r"is audio \(.*\), not video; plan it with plan_segments"):
        plan_video(make("voice.m4a"), budget_tokens=1000)


INVALID_NUMBERS = ["x", None, True, math.nan, -1, []]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        *(({"budget_tokens": v}, "budget_tokens must be a number >= 1") for v in INVALID_NUMBERS),
        ({"budget_tokens": math.inf}, "budget_tokens"),
        ({"budget_tokens": 0}, "budget_tokens"),
        *(({"fps": v}, r"fps must be a number from 0\.1 to 10") for v in (*INVALID_NUMBERS, 99)),
        *(({"media_resolution": v}, "must be 'default' or 'max'") for v in ("x", None, 5, [])),
    ],
)
def test_invalid_arguments_of_a_plan_are_refused(options, reason):
    with pytest.raises(MiMoInputError, match=reason):
        plan_video(make("video.mp4"), **{"budget_tokens": 1000, **options})


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (None, "not NoneType"),
        ({"type": "video", "url": "file:///video.mp4"}, "not a content block"),
        ("https://a.example/video.mp4", "does not download URLs"),
        ("file:///video.mp4", "local path"),
        ("", "empty path"),
        (5, "not int"),
    ],
)
def test_a_source_that_is_not_a_local_video_is_refused(source, reason):
    with pytest.raises(MediaError, match=f"^plan_video .*{reason}"):
        plan_video(source, budget_tokens=1000)


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "voice.m4a"
    path.write_bytes(make("voice.m4a"))
    with pytest.raises(MediaError, match=re.escape(repr(str(path)))):
        plan_video(path, budget_tokens=1000)
    live = bytearray(make("video.wmv"))
    at = live.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    live[at + 88] |= 1  # "broadcast": the duration is not stated
    live[at + 92 : at + 100] = bytes(8)  # and where its packets are is not known either
    path.write_bytes(live)
    with pytest.raises(MediaError, match=re.escape(repr(str(path))) + ".*duration and size"):
        plan_video(path, budget_tokens=1000)


@settings(deadline=None)
@given(
    st.floats(0.5, 20_000),
    st.integers(500, 200_000),
    st.floats(0, 20),
    st.sampled_from([0.5, 2.0, 5.0]),
    st.sampled_from(["video", "audio"]),
    st.sampled_from([math.inf, 60.0]),
)
def test_segments_cover_the_duration_within_the_budget(
    duration, budget, overlap, fps, kind, max_seconds
):
    try:
        segments = plan_segments(
            duration,
            budget_tokens=budget,
            kind=kind,
            width=640,
            height=360,
            fps=fps,
            overlap=overlap,
            max_seconds=max_seconds,
        )
    except MiMoInputError:
        assume(False)
    assert (segments[0].start_s, segments[-1].end_s) == (0, duration)
    for one, following in itertools.pairwise(segments):
        assert one.start_s < following.start_s
        assert one.end_s - following.start_s == pytest.approx(overlap, abs=1e-6)
    for segment in segments:
        assert segment.tokens <= budget
        assert 0 < segment.end_s - segment.start_s <= max_seconds * (1 + 1e-9)


def test_there_are_no_more_segments_than_needed():
    assert len(plan_segments(60, budget_tokens=10**6)) == 1
    single = plan_segments(1000, budget_tokens=10**6, width=640, height=360)
    assert len(single) == 1
    halves = plan_segments(1000, budget_tokens=single[0].tokens - 1, width=640, height=360)
    assert len(halves) == 2


@pytest.mark.parametrize(
    ("duration", "options"),
    [
        (0, {}),
        (-1, {}),
        (math.nan, {}),
        (math.inf, {}),
        (10, {"overlap": -1}),
        (10, {"budget_tokens": 3}),
        (1000, {"max_seconds": 5, "overlap": 6}),
        ("3600", {}),
        (None, {}),
        (True, {}),
        (10, {"overlap": "1"}),
        (10, {"overlap": math.inf}),
        *((10, {"budget_tokens": value}) for value in INVALID_NUMBERS),
        *((10, {"fps": value}) for value in (*INVALID_NUMBERS, 0, 99)),
        *(
            (10, {side: value})
            for side in ("width", "height")
            for value in (*INVALID_NUMBERS, 0, 1.5)
            if value is not None
        ),
        *((10, {"max_seconds": value}) for value in INVALID_NUMBERS),
        *((10, {"kind": value}) for value in ("image", "", [])),
        *((10, {"media_resolution": value}) for value in ("x", None)),
    ],
)
def test_impossible_segments_are_refused(duration, options):
    with pytest.raises(MiMoInputError) as raised:
        plan_segments(duration, **{"budget_tokens": 1000, **options})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("duration", "options"),
    [
        (Fraction(10), {}),
        (10, {"budget_tokens": 1e6, "max_seconds": math.inf}),
        (10, {"fps": Fraction(1, 2), "overlap": 0}),
    ],
)
def test_numbers_of_other_types_are_accepted(duration, options):
    assert plan_segments(duration, **{"budget_tokens": 10**6, **options})[-1].end_s == 10

"""The token arithmetic, checked against MiMo's published figures."""

import math
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_mimo.catalogue import MEDIA_RESOLUTIONS
from langchain_mimo.tokens import (
    MediaResolution,
    VideoTokens,
    audio_tokens,
    image_tokens,
    text_tokens,
    video_tokens,
)


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [
        (1024, 1024, 1024),  # the usage shown on the image page
        (1920, 1080, 2040),
        (4000, 4000, 8100),
        (8, 8, 9),
        (20, 20, 9),
        (64, 64, 9),
        (100, 30, 12),
        (30, 100, 12),
        (1, 1, 9),
        (128, 64, 8),  # exactly the minimum area
        (4096, 2048, 8192),  # exactly the maximum area
        (14000, 14000, 8100),  # a 196-megapixel decompression bomb is shrunk like any other image
    ],
)
def test_image_tokens(width, height, tokens):
    assert image_tokens(width, height) == tokens


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (0, 5, "width must be a number >= 1, got 0"),
        (5, 0, "height must be a number >= 1, got 0"),
        (-1, 3, "width must be a number >= 1, got -1"),
    ],
)
def test_an_image_without_area_is_refused(width, height, reason):
    with pytest.raises(ValueError, match=f"^{reason}$"):
        image_tokens(width, height)


@settings(deadline=None)
@given(st.integers(1, 30000), st.integers(1, 30000))
def test_image_tokens_are_symmetric_and_bounded(width, height):
    tokens = image_tokens(width, height)
    assert tokens == image_tokens(height, width)
    assert tokens >= 1
    if max(width, height) <= 200 * min(width, height):  # the processor refuses longer images
        assert 8 <= tokens <= 8192


@pytest.mark.parametrize(("seconds", "tokens"), [(0, 1), (3, 19), (4, 26), (60, 376), (0.01, 1)])
def test_audio_tokens(seconds, tokens):
    assert audio_tokens(seconds) == tokens


@settings(deadline=None)
@given(st.floats(0, 100_000))
def test_audio_costs_about_six_and_a_quarter_tokens_a_second(seconds):
    assert abs(audio_tokens(seconds) - seconds * 6.25) <= 2


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_impossible_durations_are_refused(seconds):
    with pytest.raises(ValueError, match=f"^seconds must be a number >= 0, got {seconds}$"):
        audio_tokens(seconds)
    with pytest.raises(ValueError, match=f"^duration must be a number >= 0, got {seconds}$"):
        video_tokens(seconds, 10, 10)


@pytest.mark.parametrize(
    ("arguments", "options", "expected"),
    [
        ((60, 1920, 1080), {}, VideoTokens(120, 16560, 180, 124, 376)),
        ((60, 1920, 1080), {"mute": True}, VideoTokens(120, 16560, 180, 122, 0)),
        ((60, 1920, 1080), {"media_resolution": "max"}, VideoTokens(120, 122400, 180, 124, 376)),
        ((60, 1920, 1080), {"fps": 5}, VideoTokens(300, 41400, 750, 304, 376)),
        ((3600, 1920, 1080), {}, VideoTokens(2048, 122880, 3072, 2052, 22501)),
        ((0, 1920, 1080), {}, VideoTokens(2, 276, 3, 6, 1)),
    ],
)
def test_video_tokens(arguments, options, expected):
    tokens = video_tokens(*arguments, **options)
    assert tokens == expected
    assert tokens.total == tokens.vision + tokens.timestamps + tokens.special + tokens.audio


def test_the_sample_usage_of_the_video_page():
    """1144 video_tokens are 4 grids of 286: a video a little over 3 s long, 22 squares by 13."""
    video = video_tokens(3.03, 1408, 832)
    assert (video.vision, video.audio) == (1144, 19)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"fps": 0}, "fps must be above 0, got 0"),
        ({"fps": math.nan}, "fps must be a number >= 0, got nan"),
        ({"media_resolution": "high"}, "media_resolution must be 'default' or 'max', got 'high'"),
    ],
)
def test_wrong_options_are_refused(options, reason):
    with pytest.raises(ValueError, match=f"^{reason}$"):
        video_tokens(1, 10, 10, **options)


def test_resolutions_are_those_of_the_catalogue():
    """The two modules do not import each other."""
    assert get_args(MediaResolution) == MEDIA_RESOLUTIONS


@settings(deadline=None)
@given(
    st.floats(0, 10_000),
    st.integers(1, 4000),
    st.integers(1, 4000),
    st.floats(0.1, 10),
    st.sampled_from(["default", "max"]),
)
def test_frames_are_even_and_tokens_bounded(duration, width, height, fps, resolution):
    video = video_tokens(duration, width, height, fps=fps, media_resolution=resolution, mute=True)
    grids = video.frames // 2
    assert video.frames % 2 == 0
    assert 2 <= video.frames <= 2048
    assert video.vision % grids == 0
    if resolution == "default" and max(width, height) <= 8 * min(width, height):
        assert video.vision <= 300 * grids


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("a", 1),
        ("four", 1),
        ("fives", 2),
        ("2026", 4),
        ("你好", 2),
        ("你好，世界", 5),
        ("hello 世界", 4),
        ("\ud800", 1),
    ],
)
def test_text_tokens(text, tokens):
    assert text_tokens(text) == tokens


@settings(deadline=None)
@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)))
def test_chinese_counts_at_least_one_token_per_character(text):
    assert text_tokens(text) >= len(text)


@settings(deadline=None)
@given(st.text(), st.text())
def test_a_longer_text_never_costs_less(first, second):
    assert text_tokens(first + second) >= max(text_tokens(first), text_tokens(second))


@pytest.mark.parametrize("seconds", [0.16, 0.48, 8.0, 60.0, 3599.84])
def test_an_error_of_floats_costs_no_token(seconds):
    below = math.nextafter(seconds, 0)
    assert audio_tokens(below) == audio_tokens(seconds)
    assert audio_tokens(seconds - 1 / 24_000) <= audio_tokens(seconds)

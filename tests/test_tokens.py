"""The arithmetic of tokens, against MiMo's published figures."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_mimo.tokens import (
    VideoTokens,
    audio_tokens,
    image_tokens,
    text_tokens,
    video_tokens,
)


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [
        (1024, 1024, 1024),  # the image page's own bill
        (1920, 1080, 2040),
        (4000, 4000, 8100),
        (8, 8, 9),
        (20, 20, 9),
        (64, 64, 9),
        (100, 30, 12),
        (30, 100, 12),
        (1, 1, 9),
        (128, 64, 8),  # exactly the least area
        (4096, 2048, 8192),  # exactly the greatest
        (14000, 14000, 8100),  # the 196-megapixel bomb is shrunk like any other
    ],
)
def test_image_tokens(width, height, tokens):
    assert image_tokens(width, height) == tokens


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (-1, 3)])
def test_an_image_without_area_is_refused(width, height):
    with pytest.raises(ValueError, match="no area"):
        image_tokens(width, height)


@settings(deadline=None)
@given(st.integers(1, 30000), st.integers(1, 30000))
def test_image_tokens_are_symmetric_and_bounded(width, height):
    tokens = image_tokens(width, height)
    assert tokens == image_tokens(height, width)
    assert tokens >= 1
    if max(width, height) <= 200 * min(width, height):  # beyond that the processor refuses
        assert 8 <= tokens <= 8192


@pytest.mark.parametrize(("seconds", "tokens"), [(0, 1), (3, 19), (4, 26), (60, 376), (0.01, 1)])
def test_audio_tokens(seconds, tokens):
    assert audio_tokens(seconds) == tokens


@settings(deadline=None)
@given(st.floats(0, 100_000))
def test_audio_is_about_six_and_a_quarter_a_second(seconds):
    assert abs(audio_tokens(seconds) - seconds * 6.25) <= 2


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_impossible_lengths_are_refused(seconds):
    with pytest.raises(ValueError, match="does not exist"):
        audio_tokens(seconds)
    with pytest.raises(ValueError, match="does not exist"):
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


def test_the_sample_bill_of_the_video_page():
    """1144 video_tokens are 4 grids of 286: a clip a little over 3 s, 22 squares by 13."""
    video = video_tokens(3.03, 1408, 832)
    assert (video.vision, video.audio) == (1144, 19)


@pytest.mark.parametrize("options", [{"fps": 0}, {"fps": math.nan}, {"media_resolution": "high"}])
def test_wrong_options_are_refused(options):
    with pytest.raises(ValueError):
        video_tokens(1, 10, 10, **options)


@settings(deadline=None)
@given(
    st.floats(0, 10_000),
    st.integers(1, 4000),
    st.integers(1, 4000),
    st.floats(0.1, 10),
    st.sampled_from(["default", "max"]),
)
def test_video_tokens_are_even_and_bounded(duration, width, height, fps, resolution):
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
def test_chinese_is_never_under_a_token_a_character(text):
    assert text_tokens(text) >= len(text)


@settings(deadline=None)
@given(st.text(), st.text())
def test_a_longer_text_never_costs_less(first, second):
    assert text_tokens(first + second) >= max(text_tokens(first), text_tokens(second))

"""Forecasts are what prepare makes; how long it takes is a rough figure, and no test depends on it."""

import pytest
from media_files import make_image, make_video

from langchain_mimo.cost import estimate_file
from langchain_mimo.media import probe
from langchain_mimo.prepare import prepare_image, prepare_video
from langchain_mimo.prepare.forecast import (
    copying_seconds,
    decoding_seconds,
    forecast_audio,
    forecast_image,
    forecast_video,
)

LIMITS = {"max_bytes": 37_500_000, "fps": 2.0, "media_resolution": "default"}


@pytest.mark.parametrize("budget", [120, 300, 10_000])
@pytest.mark.parametrize(("size", "audio"), [((640, 360), "aac"), ((360, 640), None)])
def test_a_forecast_has_the_tokens_of_the_result(size, audio, budget):
    data = make_video("matroska", "mpeg4", audio, seconds=4, size=size)
    info = probe(data)
    forecast = forecast_video(info, info.duration_s, token_budget=budget, **LIMITS)
    result = prepare_video(data, token_budget=budget)
    tokens = estimate_file(result.data, model="mimo-v2.6-flash").total
    assert tokens == forecast.tokens
    assert tokens <= budget
    assert len(result.data) <= forecast.size
    assert forecast.is_shrunk == (budget < 1_000)


def test_there_is_no_forecast_where_nothing_fits():
    info = probe(make_video("mp4", seconds=4))
    assert forecast_video(info, 4.0, token_budget=20, **LIMITS) is None
    assert forecast_video(info, 4.0, token_budget=1_000, **LIMITS | {"max_bytes": 1_000}) is None
    assert forecast_audio(600, 100_000) is None
    assert forecast_audio(60, 100_000).size == 100_000


def test_more_seconds_and_pixels_take_longer():
    info = probe(make_video("mp4", seconds=4))
    one, two = (forecast_video(info, s, token_budget=10**6, **LIMITS) for s in (100.0, 200.0))
    assert one.computing_s < two.computing_s
    assert decoding_seconds(info, 200) == 2 * decoding_seconds(info, 100)
    assert copying_seconds(info, 10**9) == 5.0  # samples of a long copy are checked


def test_an_image_is_shrunk_into_its_budget():
    data = make_image("png", (1024, 768))
    forecast = forecast_image(probe(data), 100, 37_500_000)
    result = prepare_image(data, token_budget=100)
    assert estimate_file(result.data, model="mimo-v2.6-flash").total <= forecast.tokens == 100

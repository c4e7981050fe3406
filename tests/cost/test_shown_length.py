"""A video is priced by the length that is shown, not by the one that its container states."""

from fractions import Fraction

import pytest
from media_files import make_video
from media_verdicts import ask_emulator

from langchain_mimo._media import foreign_headers, shown_length
from langchain_mimo.cost import estimate_file, plan_video
from langchain_mimo.media import probe
from langchain_mimo.prepare import prepare_video

MODEL = "mimo-v2.6-flash"
SECONDS = 8
"""A whole number of AAC packets at 16 and at 48 kHz: the audio ends with the video, or a packet of
silence that primes the decoder later."""

RATES = (Fraction(12), Fraction(24), Fraction(25), Fraction(30_000, 1001), Fraction(30))
FORMATS = (
    ("matroska", "libx264", "aac"),
    ("matroska", "libx264", "libmp3lame"),
    ("matroska", "libx264", "libopus"),
    ("matroska", "libx264", "pcm_s16le"),
    ("matroska", "libx264", None),
    ("webm", "libvpx", "libopus"),
    ("mov", "libx264", "aac"),
    ("mov", "libx264", "pcm_s16le"),
    ("mpegts", "libx264", "aac"),
    ("mpegts", "libx264", "libmp3lame"),
)


def video(container, codec, audio, rate, sample_rate=16_000, **options):
    return make_video(
        container,
        codec,
        audio,
        seconds=SECONDS,
        size=(64, 64),
        rate=rate,
        sample_rate=sample_rate,
        **options,
    )


def bill_of(data):
    prepared = prepare_video(data)
    return ask_emulator("video", prepared.source, prepared.mime_type)


def check(data):
    estimate, bill = estimate_file(data, model=MODEL), bill_of(data)
    assert (estimate.low, estimate.total, estimate.high) == (bill.total,) * 3
    assert (estimate.video, estimate.audio) == (bill.video, bill.audio)
    assert plan_video(data, budget_tokens=10**6).tokens.total == bill.total


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize(("container", "codec", "audio"), FORMATS)
def test_the_estimate_is_the_bill_at_every_frame_rate(container, codec, audio, rate):
    if container == "webm" and rate not in {24, 30}:
        pytest.skip("VP8 is slow to encode")
    check(video(container, codec, audio, rate))


@pytest.mark.parametrize(("container", "codec", "audio"), FORMATS)
def test_the_estimate_is_the_bill_at_48_khz(container, codec, audio):
    check(video(container, codec, audio, 25, 48_000))


def test_what_primes_the_audio_is_not_shown():
    data = video("matroska", "libx264", "aac", 12)
    assert probe(data).duration_s == SECONDS
    assert estimate_file(data, model=MODEL).video == 9 * SECONDS


@pytest.mark.parametrize("options", [{"live": "1"}, {"cluster_time_limit": "100"}])
def test_other_ways_to_write_matroska(options):
    check(video("matroska", "libx264", "aac", 25, options=options))


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [(shown_length, "_MAX_PACKETS", 3), (foreign_headers, "seconds_by_ends", lambda *_: None)],
)
@pytest.mark.parametrize("container", ["matroska", "mpegts"])
def test_an_end_that_cannot_be_read_gives_a_range_and_a_note(
    container, module, name, value, monkeypatch
):
    data = video(container, "libx264", "aac", 12)
    monkeypatch.setattr(module, name, value)
    info, estimate, bill = probe(data), estimate_file(data, model=MODEL), bill_of(data)
    low, high = info.duration_range_s
    assert info.duration_s is None
    assert low <= SECONDS <= high
    assert "assumed a duration of" in estimate.notes[0]
    assert estimate.low <= bill.total <= estimate.high

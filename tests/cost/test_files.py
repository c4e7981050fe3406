"""Files of any size and format are planned and priced by their headers, as they will be billed."""

import dataclasses
import math
import re

import media_collection
import pytest
from langchain_core.messages import HumanMessage
from media_files import make, make_video
from media_verdicts import ask_emulator

from langchain_mimo import ChatMiMo
from langchain_mimo.catalogue import PRICES
from langchain_mimo.cost import estimate_file, plan_segments, plan_video
from langchain_mimo.errors import MediaError, MiMoInputError
from langchain_mimo.media import probe, video_block
from langchain_mimo.prepare import Prepared, prepare_audio, prepare_image, prepare_video
from langchain_mimo.tokens import audio_tokens, video_tokens

MODEL = "mimo-v2.6-flash"
PREPARE = {
    "prepare_image": prepare_image,
    "prepare_video": prepare_video,
    "prepare_audio": prepare_audio,
}
ROUGH = {"h264.flv", "without_length.flv"}
"""FFmpeg states the length of FLV by up to 0.2 s wrong: one pair of frames, and one token of audio."""

REFUSED = [
    file for file in media_collection.collection(block="refused") if file.prepared != "refused"
]


def run(call, data):
    """Run the call that a plan gives, with `data` as the source."""
    return eval(call, {**PREPARE, "data": data})


def prepared_by_advice(data, notes):
    """Do what the advice of an estimate says, and return the result."""
    if not notes:
        return Prepared(None, data, "image/gif", ())
    (call,) = (
        found[1] for note in notes if (found := re.search(r"with (prepare_.*?\)): it", note))
    )
    return run(call, data)


@pytest.mark.parametrize("file", REFUSED, ids=str)
def test_the_estimate_is_the_bill_of_what_prepare_makes(file):
    info = probe(file.data)
    sampling = {"fps": 1.0} if info.kind == "video" else {}
    estimate = estimate_file(info, model=MODEL, **sampling)
    prepared = prepared_by_advice(file.data, estimate.notes)
    bill = ask_emulator(info.kind, prepared.source, prepared.mime_type, **sampling)
    if file.name in ROUGH:
        pair = video_tokens(0.2, info.width, info.height, fps=1.0, mute=True).total
        assert abs(estimate.total - bill.total) <= pair + 1
    elif info.duration_s is None and info.kind != "image":
        assert len(estimate.notes) == 2
        assert estimate.low <= bill.total <= estimate.high
    else:
        assert (estimate.low, estimate.total, estimate.high) == (bill.total,) * 3
        assert (estimate.image, estimate.video, estimate.audio) == (
            bill.image,
            bill.video,
            bill.audio,
        )


@pytest.mark.parametrize(
    "file", [f for f in REFUSED if f.kind == "video" and probe(f.data).duration_s], ids=str
)
def test_a_plan_costs_what_it_says(file):
    plan = plan_video(file.data, budget_tokens=40, fps=5)
    prepared = run(plan.preparation, file.data)
    assert (plan.preparation in plan.explanation) == plan.fits
    sampling = {"fps": plan.fps, "media_resolution": plan.media_resolution}
    bill = ask_emulator("video", prepared.source, prepared.mime_type, **sampling)
    if file.name in ROUGH:
        assert abs(bill.total - plan.tokens.total) <= 20
    else:
        assert bill.total == plan.tokens.total
    assert plan.fits == (plan.tokens.total <= 40)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """An MP4 of 64 MB, most of which is free space behind a short video."""
    path = tmp_path_factory.mktemp("large") / "lecture.mp4"
    free = 64 * 10**6
    path.write_bytes(make("video.mp4") + free.to_bytes(4, "big") + b"free")
    with path.open("r+b") as file:
        file.truncate(len(make("video.mp4")) + free)
    return path


def test_a_file_over_the_limit_is_planned_and_priced(large):
    plan = plan_video(large, budget_tokens=10_000)
    assert (plan.fps, plan.media_resolution, plan.fits) == (2.0, "max", True)
    assert plan.tokens == plan_video(make("video.mp4"), budget_tokens=10_000).tokens
    assert plan.preparation == (f"prepare_video({str(large)!r}, fps=2.0, media_resolution='max')")
    assert plan.explanation.endswith("(a file of 39,321,600 bytes).")
    estimate = estimate_file(large, model=MODEL, output_tokens=100)
    price = PRICES[MODEL, "realtime", "USD"]
    assert estimate.cost_usd == pytest.approx(
        (estimate.total * price.input + 100 * price.output) / 1e6
    )
    prepared = prepared_by_advice(None, estimate.notes)
    assert ask_emulator("video", prepared.source, "video/mp4").total == estimate.total


def test_the_error_of_an_estimate_of_a_block_names_what_plans_the_file(large):
    llm = ChatMiMo(model=MODEL, api_key="sk-x", allowed_media_dirs=[large.parent])
    with pytest.raises(MediaError, match=r"cut it with langchain_mimo\.cost\.plan_segments"):
        llm.estimate([HumanMessage([video_block(large)])])


def test_a_file_that_is_accepted_needs_no_preparation():
    plan = plan_video(make("video.mp4"), budget_tokens=10_000)
    assert plan.preparation is None
    assert estimate_file(make("voice.wav"), model=MODEL).notes == ()
    (segment,) = plan_segments(make("video.mp4"), budget_tokens=10_000)
    assert segment.preparation is None


SEGMENTED = {
    "lecture.mkv": lambda: make_video("matroska", seconds=20, size=(320, 240)),
    "silent.webm": lambda: make_video("webm", "libvpx", None, seconds=9, size=(160, 120)),
    "talk.mp4": lambda: make_video("mp4", seconds=12, key_every=7),
}


@pytest.mark.parametrize("name", SEGMENTED)
def test_segments_of_a_file_cost_what_was_planned(name):
    data = SEGMENTED[name]()
    info = probe(data)
    segments = plan_segments(info, budget_tokens=170, fps=1.5, overlap=0.5)
    assert len(segments) > 1
    assert (segments[0].start_s, segments[-1].end_s) == (0, info.duration_s)
    for segment in segments:
        prepared = run(segment.preparation, data)
        bill = ask_emulator("video", prepared.source, "video/mp4", fps=1.5)
        is_copy = any("without encoding" in note for note in prepared.notes)
        # A copy ends with a whole frame and a whole packet of audio.
        assert abs(bill.total - segment.tokens) <= (16 if is_copy else 1)
        assert segment.tokens <= 170


def test_segments_of_audio_and_of_the_audio_of_a_video_are_planned():
    opus = make("long_opus.ogg")
    for data, kind in ((opus, None), (make_video("matroska", seconds=20), "audio")):
        segments = plan_segments(data, kind=kind, budget_tokens=40)
        assert len(segments) == 4
        for segment in segments:
            prepared = run(segment.preparation, data)
            bill = ask_emulator("audio", prepared.source, prepared.mime_type)
            assert segment.preparation.startswith("prepare_audio(data, start_s=")
            assert abs(bill.total - segment.tokens) <= 1
    (whole,) = plan_segments(make("video.mp4"), kind="audio", budget_tokens=400)
    assert whole.preparation == "prepare_audio(data)"
    assert whole.tokens == audio_tokens(2.0)


def test_what_was_measured_once_is_not_measured_again(large, monkeypatch):
    info = probe(large)
    expected = plan_video(large, budget_tokens=500), plan_segments(large, budget_tokens=30)
    monkeypatch.setattr("langchain_mimo.cost.files.probe", None)
    assert plan_video(info, budget_tokens=500) == expected[0]
    assert plan_segments(info, budget_tokens=30) == expected[1]


def test_what_is_too_long_for_a_block_is_to_be_cut():
    info = dataclasses.replace(
        probe(make("video.mkv")), duration_s=36_000.0, size=5 * 10**9, source="day.mkv"
    )
    plan = plan_video(info, budget_tokens=10**6, media_resolution="default")
    assert not plan.fits
    assert plan.preparation is None
    assert plan.explanation.endswith("36000 s are too long for one block.")
    limit, note = estimate_file(info, model=MODEL).notes
    assert limit.endswith("one in 17.6 s; plan_segments keeps 2 fps")
    assert note == "Cut it with plan_segments: 36000 s are too long for one block."
    segments = plan_segments(info, budget_tokens=10**6, fps=0.2)
    assert len(segments) == 5
    assert all(segment.end_s - segment.start_s < 8300 for segment in segments)
    assert segments[0].preparation.startswith("prepare_video('day.mkv', start_s=0.0, end_s=7200")


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        (make("moving.gif"), {}, r"is an image \(GIF\) and has no length"),
        (make("photo.jpg"), {}, r"is an image \(JPEG\)"),
        (make("silent.mp4"), {"kind": "audio"}, "has no audio; plan it as video"),
        (make("voice.mp3"), {"kind": "video"}, r"it is audio \(MP3\), not video"),
        (media_collection.find("bare.h264").data, {}, "does not state its duration and size"),
        (make("video.mkv")[:200], {}, "cannot be measured"),
        ("no/such/lecture.mkv", {}, "No such file"),
        ("", {}, "empty path"),
        ("https://a.example/lecture.mkv", {}, "does not download URLs"),
    ],
)
def test_a_file_without_a_length_is_refused(source, options, reason):
    with pytest.raises(MediaError, match=reason):
        plan_segments(source, budget_tokens=1000, **options)


def test_a_file_that_cannot_be_prepared_is_refused():
    data = media_collection.find("half.gif").data
    with pytest.raises(MediaError, match="can neither be sent nor prepared: it is truncated"):
        estimate_file(data, model=MODEL)


@pytest.mark.parametrize("options", [{"width": 5}, {"height": 5}, {"mute": True}])
def test_what_the_file_says_is_not_given_as_well(options):
    with pytest.raises(MiMoInputError, match="are read from the file; leave them out"):
        plan_segments(make("video.mp4"), budget_tokens=1000, **options)


@pytest.mark.parametrize(
    "options",
    [
        *({"fps": value} for value in (0, 11, math.nan, "x")),
        *({"media_resolution": value} for value in ("x", None)),
        *({"output_tokens": value} for value in (-1, 0.5)),
        {"prices": []},
    ],
)
def test_invalid_arguments_of_an_estimate_are_refused(options):
    with pytest.raises(MiMoInputError):
        estimate_file(make("video.mp4"), **{"model": MODEL, **options})


def test_a_model_without_a_price_costs_none():
    estimate = estimate_file(make("video.mp4"), model="somebody/else")
    assert (estimate.cost_usd, estimate.price_as_of) == (None, None)
    assert estimate.notes == ("no price of 'somebody/else' is known.",)
    assert estimate.total == video_tokens(2.0, 96, 64).total


@pytest.mark.parametrize("model", ["mimo-v2.6-flas", "mimo-2.6-flash", "mimo-v2.6-flush"])
def test_a_misspelt_model_is_said(model):
    text = f"no price of {model!r} is known; did you mean 'mimo-v2.6-flash'?"
    estimate = estimate_file(make("video.mp4"), model=model)
    assert (estimate.cost_usd, estimate.notes) == (None, (text,))
    llm = ChatMiMo(model=model, api_key="sk-x")
    estimate = llm.estimate([HumanMessage("Hello")])
    assert (estimate.cost_usd, estimate.notes) == (None, (text,))
    own = {model: PRICES[MODEL, "realtime", "USD"]}
    assert estimate_file(make("video.mp4"), model=model, prices=own).notes == ()

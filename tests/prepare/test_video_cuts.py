"""prepare_video shows what the source shows: every result is decoded and compared."""

import functools
import io
from fractions import Fraction
from pathlib import Path

import av
import pytest
from cutting import FEW_EXAMPLES, index_bytes, inside
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import make
from numbered_videos import Recipe, audio_seconds, make_numbered, packet_count, recipes, watch
from PIL import Image

from langchain_mimo._media.cutting.times import Span, exact
from langchain_mimo._media.inspection import inspect_source
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare import prepare_audio, prepare_video, video_settings

FIXTURES = Path(__file__).parent.parent / "fixtures" / "media"

prepare_exactly = functools.partial(prepare_video, keep_quality=True)
"""Keeps all frames, so that each of them can be compared."""


def is_copied(prepared):
    return any("without encoding" in note for note in prepared.notes)


def check_shown(prepared, frames, *, digests=None):
    """Check what a result shows: numbers of frames in order, all decoded, times even from 0."""
    inspect_source("video", prepared.data)
    got = watch(prepared.data)
    assert [each.number for each in got] == [each.number for each in frames]
    assert got[0].time == 0
    assert packet_count(prepared.data) == len(got)
    for before, after in zip(frames, got, strict=True):
        assert abs((before.time - frames[0].time) - after.time) <= Fraction(1, 500)
    if is_copied(prepared):
        assert [each.digest for each in got] == [each.digest for each in frames]
    return got


B_FRAMES_AND_GROUPS = [(0, 250), (1, 250), (3, 250), (1, 10), (3, 10)]


@pytest.mark.parametrize("container", ["matroska", "mpegts", "flv"])
@pytest.mark.parametrize(("b_frames", "gop"), B_FRAMES_AND_GROUPS)
def test_no_frame_is_lost_from_containers_without_decoding_times(container, b_frames, gop):
    """F1: the first packets have no dts there, and the first one is the key frame."""
    source = make_numbered(Recipe(container, b_frames=b_frames, gop=gop, audio=True))
    prepared = prepare_exactly(source)
    assert is_copied(prepared)
    check_shown(prepared, watch(source))
    assert audio_seconds(prepared.data) == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("name", ["v_mkv.mkv", "v_ts.mp4"])
def test_the_samples_of_recorders_are_copied_whole(name):
    source = (FIXTURES / name).read_bytes()
    prepared = prepare_exactly(source)
    assert is_copied(prepared)
    check_shown(prepared, watch(source))


@pytest.mark.parametrize("name", ["video.mkv", "video.ts", "video.flv"])
def test_copies_of_other_containers_decode(name):
    source = make(name)
    prepared = prepare_exactly(source)
    assert is_copied(prepared)
    assert len(check_shown(prepared, watch(source))) == 20


@pytest.mark.parametrize("container", ["matroska", "mpegts"])
@pytest.mark.parametrize("start", [0.2, 1.0, 1.5])
def test_a_start_within_the_only_group_is_encoded(container, start):
    """F1 and F3: the key frame lies before the start, and MPEG-TS cannot seek to it."""
    source = make_numbered(Recipe(container, gop=250, b_frames=3, audio=True))
    prepared = prepare_exactly(source, start_s=start, end_s=2.0)
    frames = watch(source)
    check_shown(prepared, frames[round(start * 10) : 20])
    assert audio_seconds(prepared.data) == pytest.approx(2.0 - start, abs=0.1)


@pytest.mark.parametrize(
    "options", [{"convert": True}, {"token_budget": 60}, {"max_bytes": 30_000}, {}]
)
def test_what_an_edit_list_hides_stays_hidden(options):
    """F2: the beginning is what is shown first, and nothing of what was trimmed comes back."""
    source = (FIXTURES / "v_edit.mp4").read_bytes()
    prepared = prepare_exactly(source, **options)
    with av.open(io.BytesIO(prepared.data)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 16
    assert float(frames[-1].time) == pytest.approx(1.5, abs=0.1)
    assert audio_seconds(prepared.data) == pytest.approx(1.65, abs=0.1)


@pytest.mark.parametrize("trim", [1, 7, 13])
@pytest.mark.parametrize("span", [(0, 1.0), (0.3, 0.9), (0.5, None)])
def test_a_cut_of_a_trimmed_video_counts_from_what_is_shown(trim, span):
    source = make_numbered(Recipe("mp4", frames=30, trim=trim, audio=True))
    start, end = span
    prepared = prepare_exactly(source, start_s=start, end_s=end)
    first, stop = trim + round(start * 10), 30 if end is None else trim + round(end * 10)
    assert [each.number for each in watch(prepared.data)] == list(range(first, stop))
    assert packet_count(prepared.data) == stop - first


@pytest.mark.parametrize("container", ["mpegts", "matroska", "mp4"])
def test_everything_can_be_encoded_whole(container):
    """F3."""
    source = make_numbered(Recipe(container, gop=250, audio=True))
    check_shown(prepare_exactly(source, convert=True), watch(source))


@pytest.mark.parametrize(("start", "end"), [(0, 1.25), (1, 2.3), (2, 3.7), (0, 1.05)])
def test_no_frame_refers_to_a_frame_that_was_left_out(start, end):
    """F4: the end falls within a group; what is copied equals the source to the bit."""
    source = make_numbered(Recipe("mp4", frames=60, gop=10, b_frames=2))
    prepared = prepare_exactly(source, start_s=start, end_s=end)
    span = Span(exact(start), exact(end))
    check_shown(prepared, inside(watch(source), span))


@settings(FEW_EXAMPLES, max_examples=max(1, FEW_EXAMPLES.max_examples // 2))
@given(st.data())
def test_any_segment_of_any_video_shows_its_frames(data):
    recipe = data.draw(recipes())
    source = make_numbered(recipe)
    frames = watch(source)
    first = data.draw(st.integers(0, recipe.frames - recipe.trim - 1))
    last = data.draw(st.integers(first, len(frames) - 1))
    begin = index_bytes(source).index.start
    start = float(frames[first].time - begin)
    end = float(frames[last + 1].time - begin) if last + 1 < len(frames) else None
    prepared = prepare_exactly(source, start_s=start, end_s=end)
    if prepared.data == source:
        return
    wanted = frames[first : last + 1]
    got = watch(prepared.data)
    if recipe.gaps:  # at a constant rate now: frames are repeated, and the closest are left out
        numbers = [each.number for each in got]
        assert numbers == sorted(numbers)
        assert set(numbers) <= {each.number for each in wanted}
        assert numbers[0] == wanted[0].number
    else:
        check_shown(prepared, wanted)
    if recipe.audio and end is not None:
        assert audio_seconds(prepared.data) <= end - start + 0.12


def gif(milliseconds):
    images = [Image.new("RGB", (64, 48), color) for color in ("red", "blue")]
    buffer = io.BytesIO()
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:], duration=milliseconds)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "source",
    [
        gif(100),
        gif(20),
        (FIXTURES / "v_1frame.mp4").read_bytes(),
        make_numbered(Recipe("mp4", frames=1)),
        make_numbered(Recipe("matroska", frames=1, b_frames=0)),
    ],
    ids=["gif of 0.2 s", "gif of 0.04 s", "one frame", "one frame, mp4", "one frame, mkv"],
)
def test_a_very_short_video_is_encoded(source):
    """B10: maxrate and bufsize would exceed what FFmpeg can express."""
    prepared = prepare_exactly(source, convert=True)
    with av.open(io.BytesIO(prepared.data)) as container:
        assert 1 <= len(list(container.decode(video=0))) <= 6


def test_a_cut_of_a_tenth_of_a_second_is_encoded():
    source = make_numbered(Recipe("mp4", gop=250))
    prepared = prepare_exactly(source, start_s=1.0, end_s=1.1)
    assert [each.number for each in watch(prepared.data)] == [10]


def test_the_time_limit_holds_within_a_gap():
    """B11: three frames, the last one 100,000 s later; each gap is filled frame by frame."""
    source = make_numbered(Recipe("matroska", frames=3, b_frames=0, gaps=(1, 1_000_000)))
    with pytest.raises(MediaError, match="time_limit=1 s"):
        prepare_exactly(source, convert=True, time_limit=1, max_bytes=10**12)


def test_a_segment_between_two_frames_shows_the_frame_before():
    source = make_numbered(Recipe("mp4", frames=6, gaps=(1, 1, 30)))
    prepared = prepare_exactly(source, start_s=1.0, end_s=2.0)
    got = watch(prepared.data)
    assert {each.number for each in got} == {2}
    assert len(got) == pytest.approx(10, abs=1)


def test_a_copy_that_fails_its_verification_is_encoded(monkeypatch):
    def broken_copy(source, plan, path, format_name, tick):
        Path(path).write_bytes(make("video.mp4"))

    monkeypatch.setattr("langchain_mimo._media.cutting.copying.write_copy", broken_copy)
    source = make_numbered(Recipe("matroska"))
    prepared = prepare_exactly(source)
    assert not is_copied(prepared)
    assert any("failed its verification" in note for note in prepared.notes)
    check_shown(prepared, watch(source))


def test_a_file_that_blocks_take_but_that_does_not_decode_is_not_left_unchanged():
    """F6: the header is fine, and the frames are garbage."""
    whole = make_numbered(Recipe("mp4", frames=40, gop=250, b_frames=0))
    at, size = whole.index(b"mdat") + 4, 1500
    damaged = (
        whole[: at + size]
        + bytes(len(whole[at + size : whole.index(b"moov") - 4]))
        + whole[whole.index(b"moov") - 4 :]
    )
    assert inspect_source("video", damaged).mime_type == "video/mp4"
    prepared = prepare_exactly(damaged)
    assert prepared.data != damaged
    assert len(watch(prepared.data)) >= 39


def test_a_file_that_ends_early_is_not_left_unchanged():
    whole = make_numbered(Recipe("avi", frames=120, b_frames=0, codec="mpeg4"))
    source = whole[: len(whole) * 2 // 3]
    with pytest.raises(MediaError, match="cannot be used"):
        inspect_source("video", source)
    prepared = prepare_exactly(source)
    assert prepared.data != source
    assert len(watch(prepared.data)) >= 40


@pytest.mark.parametrize("container", ["mov", "matroska"])
def test_rotation_is_kept_by_copies(container):
    source = (FIXTURES / "v_rot90.mov").read_bytes()
    prepared = prepare_exactly(source, start_s=0, end_s=2.9)
    with av.open(io.BytesIO(prepared.data)) as result, av.open(io.BytesIO(source)) as before:
        got, expected = next(result.decode(video=0)), next(before.decode(video=0))
    if is_copied(prepared):
        assert got.rotation == expected.rotation
    else:
        assert (got.width, got.height) == (expected.height, expected.width)


@pytest.mark.parametrize("container", ["mp4", "matroska"])
@pytest.mark.parametrize(
    ("source_rate", "rate", "start_s"),
    [(30, 10, 0), (30, 10, 1), (30, 15, 0), (25, 10, 0), (24, 10, 0)],
)
def test_a_lowered_frame_rate_shows_the_frame_of_each_time(
    monkeypatch, container, source_rate, rate, start_s
):
    monkeypatch.setattr(video_settings, "MAX_FRAME_RATE", Fraction(rate))
    source = make_numbered(Recipe(container, frames=3 * source_rate, rate=Fraction(source_rate)))
    prepared = prepare_exactly(source, start_s=start_s, convert=True)
    times = [start_s + Fraction(number, rate) for number in range((3 - start_s) * rate)]
    shown = [each.number for each in watch(prepared.data)]
    assert shown == [int(time * source_rate) for time in times]


@pytest.mark.parametrize(
    ("start_s", "end_s", "number"), [(2.95, None, 29), (0.01, 0.03, 0), (1.52, 1.58, 15)]
)
def test_a_span_within_one_frame_shows_that_frame(start_s, end_s, number):
    source = make_numbered(Recipe(audio=True))
    prepared = prepare_exactly(source, start_s=start_s, end_s=end_s)
    assert [each.number for each in watch(prepared.data)] == [number]


def test_a_start_after_the_end_is_named():
    source = make_numbered(Recipe())
    with pytest.raises(MediaError, match=r"starts at 20 s, after the end \(3\.0 s\)"):
        prepare_exactly(source, start_s=20)


def test_audio_tracks_that_are_left_out_are_noted():
    source = (FIXTURES / "v_two_audio.mp4").read_bytes()
    note = "It has 2 audio tracks; the first is kept."
    assert note in prepare_exactly(source, start_s=0.5).notes
    assert note in prepare_audio(source).notes
    whole = prepare_exactly(source)
    assert (whole.data == source) == (note not in whole.notes)
    assert note not in prepare_exactly(make_numbered(Recipe(audio=True)), start_s=0.5).notes

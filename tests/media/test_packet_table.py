"""What packets say about ranges: where copies can start, and how large they are."""

import itertools

import pytest
from greys_and_levels import levels, scenes
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import make_image, make_video
from numbered_videos import Recipe, make_numbered, recipes
from packet_tables import audio_stream, info_of, synthetic_videos, video_stream

from langchain_mimo._media.cutting.ranges import NothingThereError, plan_range, range_size
from langchain_mimo.errors import MediaError
from langchain_mimo.media import probe

QUIET, LOUD = 0, 12_000


@settings(deadline=None)
@given(synthetic_videos(), st.data())
def test_sums_between_places_are_those_of_the_packets_copied(info, data):
    table = info.packets()
    places = [*table.copy_starts, table.duration_s]
    first = data.draw(st.integers(0, len(places) - 2))
    behind = data.draw(st.integers(first + 1, len(places) - 1))
    copy = table.copy_bounds(places[first], places[behind])
    plan = plan_range("video", table._index, places[first], places[behind])
    size = range_size(table._index, plan)
    assert 0 <= copy.size - size <= 3 * 2_100  # an audio packet that reaches beyond the end
    assert (copy.start_s, copy.end_s) == (places[first], places[behind])
    assert 0 <= copy.seconds - (copy.end_s - copy.start_s) <= 0.03


@settings(deadline=None)
@given(recipes(containers=["mp4", "mov"]))
def test_copies_can_start_only_at_closed_groups(recipe):
    table = probe(make_numbered(recipe)).packets()
    assert table.copy_refusal is None
    keys = [0.0, *table.key_frames]
    assert all(any(abs(place - key) < 1e-9 for key in keys) for place in table.copy_starts)
    assert all(a < b for a, b in itertools.pairwise(table.copy_starts))
    if recipe.open_gop and recipe.b_frames:
        assert len(table.copy_starts) <= 1
    elif not recipe.trim:
        assert len(table.copy_starts) == len(table.key_frames)


def test_any_range_is_what_a_block_shows():
    table = probe(make_numbered(Recipe(frames=100, gop=10, audio=True))).packets()
    copy = table.copy_range(2.35, 4.2)
    assert copy.start_s == 2.0
    assert copy.end_s >= 4.2
    assert copy.seconds >= copy.end_s - copy.start_s
    assert table.copy_range(9, 99).end_s == table.duration_s


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (make_video("matroska", "libx264", None), "its format is Matroska"),
        (make_video("mp4", "libx265", None), "its video codec is hevc"),
        (make_video("mp4", "libx264", None, pixel_format="yuv444p"), "its pixel format is yuv444p"),
        (
            make_numbered(Recipe(container="avi", frames=40)),
            "is AVI|does not state when each frame",
        ),
        (make_video("aiff", None, "pcm_s16be"), "its format is AIFF"),
    ],
)
def test_what_cannot_be_copied_says_why(data, refusal):
    table = probe(data).packets()
    assert any(text in table.copy_refusal for text in refusal.split("|"))
    with pytest.raises(MediaError) as raised:
        table.copy_range(0, 1)
    assert raised.value.reason == table.copy_refusal


def test_frames_that_an_edit_list_hides_are_not_copied():
    table = probe(make_numbered(Recipe(frames=60, gop=10, trim=4))).packets()
    assert table.copy_starts[0] == pytest.approx(0.6)
    with pytest.raises(MediaError, match="hides"):
        table.copy_range(0, 0.6)


def test_audio_can_start_at_each_packet():
    info = info_of(audio_stream(10, 300, position=0))
    table = info.packets()
    assert (table.kind, table.frames, table.key_frames) == ("audio", 0, ())
    assert len(table.copy_starts) == int(10 * 48_000 / 1024)
    copy = table.copy_range(0, 1)
    assert copy.start_s == 0
    assert 1 <= copy.end_s <= 1.03
    assert 47 * 300 < copy.size < 47 * 400 + 20_000


@pytest.mark.parametrize(("codec", "fewest"), [("mp3float", 2), ("vorbis", 2), ("opus", 1)])
def test_a_range_with_too_few_packets_to_be_heard_is_none(codec, fewest):
    stream = audio_stream(10, 300, position=0)
    stream.codec = codec
    index = info_of(stream).packets()._index
    for packets in (1, 2):
        end_s = packets * 1024 / 48_000 - 1e-3
        if packets >= fewest:
            assert len(plan_range("audio", index, 0, end_s).streams[0].ordinals) == packets
            continue
        with pytest.raises(NothingThereError, match="2 are needed to hear it; choose a longer"):
            plan_range("audio", index, 0, end_s)


def test_an_image_has_no_packets():
    with pytest.raises(MediaError, match="an image has no packets"):
        probe(make_image("png")).packets()


def test_cuts_are_found_at_their_key_frames_and_strong_ones_are_stronger():
    changes = probe(scenes(40, 80, 80, 220)).packets().scene_changes()
    assert [time for time, _ in changes] == [2.0, 6.0]
    assert changes[0][1] < changes[1][1]
    assert changes[1][1] == pytest.approx(140 / 219, abs=0.03)


def test_a_fade_is_a_change_and_slow_drift_is_none():
    fade = probe(scenes(40, lambda at: 40 + at * 2, 80)).packets().scene_changes()
    assert len(fade) == 1
    assert 2.5 <= fade[0][0] <= 4
    drift = probe(scenes(*(40 + 2 * at for at in range(12)))).packets().scene_changes()
    assert drift == []


def test_a_still_video_has_no_changes_and_no_silences():
    table = probe(scenes(90, 90)).packets()
    assert table.scene_changes() == []
    assert table.quiet_ranges() == []


@pytest.mark.parametrize(("container", "codec"), [("wav", "pcm_s16le"), ("mp3", "libmp3lame"), ("ipod", "aac")])  # fmt: skip
def test_quiet_ranges_are_found_at_their_seconds(container, codec):
    data = levels(LOUD, LOUD, QUIET, LOUD, 200, 200, LOUD, container=container, codec=codec)
    ranges = probe(data).packets().quiet_ranges()
    assert [pytest.approx(each, abs=0.15) for each in ranges] == [(2.0, 3.0), (4.0, 6.0)]


def test_equal_loudness_has_no_quiet_ranges():
    assert probe(levels(LOUD, LOUD)).packets().quiet_ranges() == []
    assert probe(levels(QUIET, QUIET)).packets().quiet_ranges() == []


def test_videos_without_audio_have_no_quiet_ranges():
    assert info_of(video_stream([10], 10, [100])).packets().duration_s == 1.0

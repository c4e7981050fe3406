"""The scenes that the emulator finds in videos and audio, against how they were made."""

import base64
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_videos import BLACK, BLUE, GREEN, RED, SceneVideo, make_scene_video, make_sounds

from langchain_mimo.emulator.media import scenes as scenes_module
from langchain_mimo.emulator.media.library import MediaLibrary
from langchain_mimo.emulator.media.limits import Clock
from langchain_mimo.emulator.media.scene_changes import scene_starts
from langchain_mimo.emulator.refusals import Refusal

MIME_TYPES = {
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    "asf": "video/x-ms-wmv",
}
THREE = SceneVideo(((RED, 100), (GREEN, 88), (BLUE, 112)))
WHITE = (255, 255, 255)
IDENTITY = bytes.fromhex("00010000" + 3 * "00000000" + "00010000")
QUARTER_TURN = bytes.fromhex("00000000 00010000 00000000 ffff0000 00000000")


def open_media(data, kind="video", mime_type="video/mp4"):
    return MediaLibrary().from_base64(kind, mime_type, base64.b64encode(data).decode())


def scenes_of(recipe):
    item = open_media(make_scene_video(recipe), mime_type=MIME_TYPES[recipe.container])
    scenes = item.find_scenes()
    assert scenes[0].start == 0
    assert scenes[-1].end == item.info.duration
    assert all(one.end == other.start for one, other in pairwise(scenes))
    return scenes


def starts_of(recipe):
    return [scene.start for scene in scenes_of(recipe)[1:]]


@pytest.mark.parametrize(
    "recipe",
    [
        THREE,
        replace(THREE, rate=Fraction(30000, 1001)),
        replace(THREE, rate=Fraction(60)),
        replace(THREE, rate=Fraction(10)),
        replace(THREE, rate=Fraction(1), scenes=((RED, 4), (GREEN, 3), (BLUE, 5))),
        replace(THREE, gop=12, b_frames=4),
        replace(THREE, gop=30, x264="scenecut=0:open-gop=1"),
        replace(THREE, gop=1, b_frames=0),
        replace(THREE, x264="scenecut=40"),
        replace(THREE, gaps=(1, 3, 2)),
        replace(THREE, gaps=(1, 1, 1, 40)),
        replace(THREE, moves=True),
        replace(THREE, trim=17),
        replace(THREE, container="mov"),
        replace(THREE, container="mov", codec="mjpeg", b_frames=0),
        replace(THREE, codec="libx265"),
        replace(THREE, container="avi", codec="mpeg4", b_frames=2),
        replace(THREE, container="avi", codec="mjpeg", b_frames=0),
        replace(THREE, container="asf", codec="wmv2", b_frames=0),
        replace(THREE, sounds=((440, 4.0), (0, 2.0), (300, 6.0))),
    ],
    ids=lambda recipe: f"{recipe.container}-{recipe.codec}-{float(recipe.rate):.4g}",
)
def test_scenes_begin_where_they_were_made(recipe):
    colours = "yuvj420p" if recipe.codec == "mjpeg" else "yuv420p"
    scenes = scenes_of(replace(recipe, pixels=colours))
    assert [scene.start for scene in scenes[1:]] == pytest.approx(recipe.changes, abs=0.0011)
    assert [scene.looks.split()[1] for scene in scenes] == ["red", "green", "blue"]


FRAMES = st.integers(20, 60)
VIDEOS = st.builds(
    SceneVideo,
    scenes=st.lists(
        st.tuples(st.sampled_from([RED, GREEN, BLUE, BLACK, WHITE]), FRAMES), min_size=1
    )
    .map(
        lambda scenes: [
            scene for one, scene in pairwise([(None, 0), *scenes]) if one[0] != scene[0]
        ]
    )
    .map(lambda scenes: tuple(scenes[:4])),
    rate=st.sampled_from([Fraction(12), Fraction(25), Fraction(24000, 1001), Fraction(30)]),
    container=st.sampled_from(["mp4", "mov"]),
    gop=st.sampled_from([7, 25, 250]),
    b_frames=st.integers(0, 4),
    gaps=st.sampled_from([(1,), (1, 2), (2, 1, 1)]),
    trim=st.integers(0, 5),
    x264=st.sampled_from(["scenecut=0", "scenecut=0:open-gop=1", "scenecut=0:b-pyramid=strict"]),
)


@settings(max_examples=20, deadline=None)
@given(recipe=VIDEOS)
def test_random_videos(recipe):
    assert starts_of(recipe) == pytest.approx(recipe.changes, abs=0.0011)


@settings(max_examples=12, deadline=None)
@given(recipe=VIDEOS)
def test_large_videos_are_decoded_where_key_frames_differ(recipe):
    """Only the groups between key frames that differ are decoded."""
    recipe = replace(recipe, gop=7)
    weight = scenes_module.SCENE_FRAME_PIXELS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes_module, "SCENE_PIXELS", weight * (len(recipe.times) - 2))
        assert starts_of(recipe) == pytest.approx(recipe.changes, abs=0.0011)


def test_beyond_the_limit_changes_are_those_of_key_frames(monkeypatch):
    recipe = SceneVideo(((RED, 95), (GREEN, 95), (BLUE, 90)), gop=10)
    monkeypatch.setattr(scenes_module, "SCENE_PIXELS", 14 * scenes_module.SCENE_FRAME_PIXELS)
    # 14 of the 28 key frames are decoded, and both groups between those that differ first.
    assert starts_of(recipe) == pytest.approx([3.8, 8.0])
    monkeypatch.setattr(scenes_module, "SCENE_PIXELS", 28 * scenes_module.SCENE_FRAME_PIXELS)
    assert starts_of(recipe) == pytest.approx([3.8, 7.6])


@pytest.mark.parametrize(
    ("fade", "rate"), [(6, 12), (50, 12), (6, 25), (100, 25), (20, 50), (9, 3)]
)
def test_a_fade_is_one_change_inside_it(fade, rate):
    recipe = SceneVideo(((RED, 140), (BLUE, 140)), rate=Fraction(rate), fade=fade)
    (start,) = starts_of(recipe)
    assert abs(start - recipe.changes[0]) <= fade / 2 / rate + 0.001


@pytest.mark.parametrize(
    "recipe",
    [
        SceneVideo(((RED, 60),)),
        SceneVideo(((RED, 1),)),
        SceneVideo(((RED, 120),), moves=True),
        SceneVideo(((RED, 40), (WHITE, 1), (RED, 40))),
        SceneVideo(((RED, 40), (WHITE, 5), (RED, 40))),
        SceneVideo(((RED, 1), (BLUE, 1)) * 40),
        SceneVideo(((RED, 3), (BLUE, 3)) * 20 + ((RED, 3),)),
    ],
    ids=["still", "one frame", "moving", "flash", "longer flash", "flicker", "slower flicker"],
)
def test_one_scene(recipe):
    (scene,) = scenes_of(recipe)
    assert scene.end == pytest.approx(recipe.seconds, abs=0.001)


def test_a_fade_of_more_than_five_seconds_is_no_change():
    assert starts_of(SceneVideo(((RED, 140), (BLUE, 140)), rate=Fraction(12), fade=90)) == []


def test_cuts_within_half_a_second_are_one():
    assert starts_of(SceneVideo(((RED, 50), (GREEN, 10), (BLUE, 50)))) == [2.0]
    assert starts_of(SceneVideo(((RED, 50), (GREEN, 13), (BLUE, 50)))) == [2.0, 2.52]


def test_a_rotated_video():
    data = make_scene_video(THREE)
    assert data.count(IDENTITY) >= 2  # of the movie and of the track
    turned = QUARTER_TURN.join(data.rsplit(IDENTITY, 1))
    assert [scene.start for scene in open_media(turned).find_scenes()] == [0.0, 4.0, 7.52]


def test_there_are_at_most_100_scenes(monkeypatch):
    recipe = SceneVideo(((RED, 3), (BLUE, 3)) * 75, rate=Fraction(3))
    scenes = scenes_of(recipe)
    assert len(scenes) == scenes_module.MAX_SCENES == 100
    assert (scenes[-1].start, scenes[-1].end) == (99.0, 150.0)


SOUNDS = ((440, 4.0), (0, 2.0), (300, 3.0), (0, 0.3), (300, 1.0))


@pytest.mark.parametrize(
    ("container", "codec", "mime_type"),
    [
        ("wav", "pcm_s16le", "audio/wav"),
        ("flac", "flac", "audio/flac"),
        ("mp3", "libmp3lame", "audio/mpeg"),
        ("ipod", "aac", "audio/mp4"),
    ],
)
def test_audio_has_scenes_between_silences(container, codec, mime_type):
    item = open_media(make_sounds(SOUNDS, container, codec), "audio", mime_type)
    one, two, three = item.find_scenes()
    assert [one.start, two.start, three.start] == pytest.approx([0, 4, 6], abs=0.1)
    assert three.end == item.info.duration == pytest.approx(10.3, abs=0.3)
    assert "a tone of about 440 Hz" in one.heard
    assert two.heard == ""
    assert "a tone of about 300 Hz" in three.heard
    assert {one.looks, two.looks, three.looks} == {""}


def test_scenes_of_a_video_tell_what_is_heard_in_them():
    one, two, three = scenes_of(replace(THREE, sounds=((440, 4.0), (0, 3.52), (300, 4.48))))
    assert "440 Hz" in one.heard
    assert two.heard == ""
    assert "300 Hz" in three.heard


def test_silent_audio_is_one_scene():
    (scene,) = open_media(make_sounds(((0, 3.0),)), "audio", "audio/wav").find_scenes()
    assert (scene.start, scene.end, scene.heard) == (0.0, 3.0, "")


def test_audio_beyond_the_limit_is_in_the_last_scene(monkeypatch):
    monkeypatch.setattr(scenes_module, "SCENE_AUDIO_SECONDS", 5.0)
    scenes = open_media(make_sounds(SOUNDS), "audio", "audio/wav").find_scenes()
    assert [(scene.start, scene.end) for scene in scenes] == [(0.0, 4.0), (4.0, 10.3)]


def test_images_and_files_that_are_not_fetched_have_no_scenes():
    item = MediaLibrary().from_url("video", "https://example.com/a.mp4")
    assert item.find_scenes is None


def test_scenes_are_found_once(monkeypatch):
    library, data = MediaLibrary(), base64.b64encode(make_scene_video(THREE)).decode()
    first = library.for_request().from_base64("video", "video/mp4", data).find_scenes()
    monkeypatch.setattr(scenes_module, "find_scenes", None)
    assert library.for_request().from_base64("video", "video/mp4", data).find_scenes() == first


def test_the_time_of_a_request_holds_for_scenes():
    data = make_scene_video(THREE)
    info = open_media(data).info
    clock = Clock(0.0)
    with pytest.raises(Refusal, match="more than 0 seconds of work"), clock.running():
        scenes_module.find_scenes("video", data, info, clock)


TIMES = st.lists(st.floats(0, 30), max_size=40).map(sorted)


@settings(max_examples=200, deadline=None)
@given(times=TIMES, data=st.data())
def test_any_frames_have_scenes_in_order(times, data):
    grey = st.integers(0, 255).map(lambda value: bytes([value] * 12))
    looks = data.draw(st.lists(grey, min_size=len(times), max_size=len(times)))
    starts = scene_starts(times, looks)
    assert starts == sorted(set(starts))
    assert all(0 < index < len(times) for index in starts)

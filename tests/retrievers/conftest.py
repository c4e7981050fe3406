"""A folder of media that the tests of moments share."""

from dataclasses import replace

import pytest
from media_files import make_image, make_video
from numbered_videos import Recipe, make_numbered


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twenty seconds of video with a key frame every 2.5 s, of Matroska, of audio, and images."""
    path = tmp_path_factory.mktemp("media")
    recipe = Recipe(frames=200, gop=25, b_frames=0)
    (path / "talk.mp4").write_bytes(make_numbered(recipe))
    (path / "talk.mkv").write_bytes(make_numbered(replace(recipe, container="matroska")))
    old = Recipe("matroska", frames=80, gop=25, b_frames=0, codec="mpeg4")
    (path / "old.mkv").write_bytes(make_numbered(old))
    (path / "tone.wav").write_bytes(
        make_video("wav", None, "pcm_s16le", seconds=20, sample_rate=16000)
    )
    (path / "tone.m4a").write_bytes(make_video("ipod", None, seconds=20, sample_rate=48000))
    (path / "photo.png").write_bytes(make_image("PNG"))
    (path / "photo.tiff").write_bytes(make_image("TIFF"))
    return path

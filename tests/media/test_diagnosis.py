"""Tests of the description of media that MiMo refuses as corrupted."""

import base64
import sys

import media_files
import pytest

from langchain_mimo._media.diagnosis import describe_rejected_media
from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._media.references import InlineBase64, LocalFile, MediaReference, RemoteURL

make, make_image = media_files.make, media_files.make_image


def describe(kind, source, policy=None):
    return describe_rejected_media(
        MediaReference(kind, source, None, 4, 2), policy or MediaPolicy()
    )


def inline(data):
    return InlineBase64("data:;base64," + base64.b64encode(data).decode(), 13)


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("video", "colourful.mp4", ["MP4", "video h264", "audio aac", "yuv444p", "96 x 64", "2.0 s", "known to refuse"]),
        ("video", "video.avi", ["AVI", "video mpeg4", "yuv420p"]),
        ("audio", "voice.mp3", ["MP3", "audio mp3", "2.5 s"]),
        ("image", "drawing.png", ["PNG", "333 x 77 pixels"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["file", "base64"])
def test_the_description_names_container_codec_and_pixel_format(tmp_path, kind, name, words, where):
    path = tmp_path / name
    path.write_bytes(make(name))
    source = LocalFile(str(path)) if where == "file" else inline(make(name))
    description = describe(kind, source, MediaPolicy([tmp_path]))
    assert description.startswith("messages[4], block 2: ")
    for word in words:
        assert word in description
    argument = repr(str(path)) if where == "file" else "data"
    assert description.endswith(
        f"; re-encode it with langchain_mimo.prepare.prepare_{kind}({argument}, convert=True)"
    )


def test_without_pyav_the_description_uses_the_header(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    description = describe("video", inline(make("colourful.mp4")))
    assert "MP4, avc1, mp4a, yuv444p, 96 x 64 pixels, 2.0 s" in description


@pytest.mark.parametrize(
    ("size", "words"), [((8, 8), "under 9 pixels"), ((402, 2), "under 9"), ((2010, 10), "200 to 1")]
)
def test_the_description_names_image_sizes_that_mimo_refuses(size, words):
    assert words in describe("image", inline(make_image("PNG", size)))


def test_urls_and_missing_files_do_not_raise(tmp_path):
    remote = describe("video", RemoteURL("http://127.0.0.1:9/x"))
    assert "download it and convert it" in remote
    assert "prepare_video(path, convert=True)" in remote
    missing = LocalFile(str(tmp_path / "gone.mp4"))
    assert "can no longer be read" in describe("video", missing, MediaPolicy([tmp_path]))
    assert "can no longer be read" in describe("video", LocalFile("/etc/passwd"))
    assert "can no longer be read" in describe("image", InlineBase64("%%%"))


@pytest.mark.parametrize("error", [TypeError, OverflowError, RuntimeError, EOFError, KeyError])
def test_no_error_of_its_own_replaces_the_one_of_the_api(monkeypatch, error):
    def fails(*args, **options):
        raise error("from elsewhere")

    monkeypatch.setattr("langchain_mimo._media.diagnosis.open_container", fails)
    assert "MP4" in describe("video", inline(make("video.mp4")))
    monkeypatch.setattr("langchain_mimo._media.diagnosis.inspect_media", fails)
    assert "can no longer be read" in describe("video", inline(make("video.mp4")))

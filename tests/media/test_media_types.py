"""`media.identify` tells images, videos and audio from all other files."""

import media_files
import pytest

from langchain_mimo.errors import MediaError
from langchain_mimo.media import identify


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (media_files.make_image("PNG"), ("image", "PNG", "image/png")),
        (media_files.make_image("TIFF"), ("image", "TIFF", "image/tiff")),
        (media_files.make_image("PPM"), ("image", "Netpbm", "image/octet-stream")),
        (media_files.make_video("mp4"), ("video", "MP4", "video/mp4")),
        (media_files.make_video("mp4", None), ("audio", "MP4", "audio/mp4")),
        (media_files.make_video("mov", None), ("audio", "MOV", "audio/mp4")),
        (media_files.make_video("matroska"), ("video", "Matroska", "video/x-matroska")),
        (media_files.make_video("matroska", None), ("audio", "Matroska", "audio/x-matroska")),
        (
            media_files.make_video("asf", None, "wmav2", audio_options={"b": "64000"}),
            ("audio", "WMA", "audio/x-ms-wma"),
        ),
        (
            media_files.make_video("mpegts"),
            ("video", "MPEG transport stream", "video/mp2t"),
        ),
        (media_files.make_video("wav", None, "pcm_s16le"), ("audio", "WAV", "audio/wav")),
        (media_files.make_video("mp3", None, "libmp3lame"), ("audio", "MP3", "audio/mpeg")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_media_by_their_first_bytes_and_tracks(data, expected):
    assert identify(data) == (*expected, None)


def test_a_damaged_video_still_is_one():
    data = media_files.make_video("mp4")
    assert identify(data[:64])[:3] == ("video", "MP4", "video/mp4")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"MAC addresses of the office\n" * 50,  # begins like Monkey's Audio
        b"caffeine\n" * 200,  # like Core Audio
        b"P3 is the third of them\n" * 60,  # like Netpbm
        b"G" * 2000,  # like an MPEG transport stream
        b"MP+ is no format of ours, DSD neither\n" * 40,
        b"%PDF-1.7\n\0\1\2",
        b"PK\x03\x04" + bytes(100),
        b"<!doctype html><html></html>",
        b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n",
        b"3f727e858037a1c4",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_other_files_are_none(data):
    assert identify(data) is None


def test_an_image_that_nobody_reads_says_why():
    found = identify(b"\xff\x0a" + bytes(100))
    assert found[:3] == ("image", "JPEG XL", "image/jxl")
    assert found.refusal == (
        "it is JPEG XL (image), which cannot be read; save it as JPEG or PNG with another program"
    )


def test_paths_are_opened_and_urls_are_not(tmp_path):
    (tmp_path / "a.txt").write_bytes(media_files.make_image("PNG"))
    assert identify(tmp_path / "a.txt").format == "PNG"
    with pytest.raises(MediaError, match="cannot open"):
        identify(tmp_path / "b.png")
    with pytest.raises(MediaError, match="does not download URLs"):
        identify("https://example.com/a.png")

"""`probe`: what the headers of any local media file say."""

import builtins
import dataclasses
import inspect
import io
import os
import pathlib
import struct
import tracemalloc
from fractions import Fraction

import av
import media_files
import pytest
from media_collection import collection, find
from media_collection.video_headers import boxes
from media_collection.writing import av_file, image_bytes
from numbered_videos import Recipe, make_numbered
from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from langchain_mimo._media import joined_streams
from langchain_mimo._media.headers.reader import MAX_BYTES
from langchain_mimo._media.readers import FileReader
from langchain_mimo.errors import MediaError
from langchain_mimo.media import (
    MediaInfo,
    StreamInfo,
    audio_block,
    image_block,
    probe,
    video_block,
)

BLOCKS = {"image": image_block, "video": video_block, "audio": audio_block}
READABLE = [file for file in collection() if file.prepared != "refused"]
MISNAMED = {"moving.gif.mp4"}
"""A GIF, whatever its name says: an image for `probe`."""

UNMEASURED = {"bare.h264", "bare.h265", "late_start.mkv", "half.webp", "half.tiff"}
"""Elementary streams state no times, a Matroska that starts late leaves two durations possible, and
Pillow does not open every half of an image."""

FILES = [file for file in READABLE if file.name not in MISNAMED | UNMEASURED]
FRAME = 0.21
"""Seconds: two frames of the collection's videos. Without an edit list, B-frames delay a video by as
much while its audio starts at 0, and encoders fill up their last audio frame."""


@pytest.mark.parametrize("file", FILES, ids=str)
def test_what_prepare_reads_is_measured(file):
    info = probe(file.data)
    assert info.kind == file.kind
    assert info.size == len(file.data)
    if file.shown:
        assert (info.display_width, info.display_height) == file.shown
    if file.seconds is not None:
        low, high = info.duration_range_s
        assert low - FRAME <= file.seconds <= high + FRAME
    if file.kind == "image":
        assert info.frames in (None, file.frames or (2 if file.name == "two_pages.tiff" else 1))
    elif file.has_audio is not None:
        assert info.has_audio is file.has_audio


@pytest.mark.parametrize("file", FILES, ids=str)
def test_the_verdict_is_that_of_the_block(file):
    info = probe(file.data)
    if info.refusal is None:
        assert BLOCKS[info.kind](file.data)["mime_type"] == info.mime_type
        return
    assert info.mime_type is None
    with pytest.raises(MediaError) as raised:
        BLOCKS[info.kind](file.data)
    assert str(raised.value).endswith(info.refusal)


@pytest.mark.parametrize("name", ["h264_aac.mp4", "screen_recorder.mkv", "baseline.jpg", "pcm.wav"])
def test_a_path_says_the_same_as_the_bytes(name, tmp_path):
    path = tmp_path / "whatever it is called"
    path.write_bytes(find(name).data)
    assert probe(path) == probe(str(path)) == probe(find(name).data)
    assert probe(bytearray(find(name).data)) == probe(path)


def test_all_facts_of_a_video():
    assert probe(find("rotated_90.mp4").data) == MediaInfo(
        kind="video",
        format="MP4",
        mime_type="video/mp4",
        refusal=None,
        size=len(find("rotated_90.mp4").data),
        duration_s=2.0,
        duration_range_s=(2.0, 2.0),
        width=96,
        height=64,
        display_width=64,
        display_height=96,
        rotation=90,
        frame_rate=pytest.approx(10),
        is_variable_frame_rate=False,
        bit_rate=len(find("rotated_90.mp4").data) * 4,
        streams=(
            StreamInfo(
                "video",
                "h264",
                width=96,
                height=64,
                rotation=90,
                frame_rate=pytest.approx(10),
                is_variable_frame_rate=False,
                pixel_format="yuv420p",
            ),
            StreamInfo("audio", "aac", sample_rate=44100, channels=1),
        ),
    )


def test_every_field_is_documented():
    for cls in (MediaInfo, StreamInfo):
        lines = inspect.getdoc(cls).splitlines()  # Python 3.13 takes the indentation away itself
        documented = {line.strip().partition(": ")[0] for line in lines if line.startswith("    ")}
        fields = {field.name for field in dataclasses.fields(cls)}
        assert {name for name in fields if not name.startswith("_")} <= documented


def test_pixels_that_are_not_square_are_shown_stretched():
    data = media_files.make("video.mp4")
    at = data.index(b"tkhd") + 4 + 76
    data = data[:at] + struct.pack(">II", 192 << 16, 64 << 16) + data[at + 8 :]
    info = probe(data)
    assert (info.width, info.height) == (96, 64)
    assert (info.display_width, info.display_height) == (192, 64)


def test_the_aspect_ratio_of_other_containers_counts_too():
    info = probe(av_file("matroska", video_options={"aspect": "2.0"}))
    assert (info.width, info.height) == (96, 64)
    assert (info.display_width, info.display_height) in {(96, 64), (128, 64)}


@pytest.mark.parametrize(("orientation", "rotation"), [(1, 0), (3, 180), (6, 90), (8, 270)])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF"])
def test_the_orientation_of_images(name, orientation, rotation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    info = probe(image_bytes(Image.new("RGB", (40, 30)), name, exif=exif))
    assert (info.width, info.height, info.rotation) == (40, 30, rotation)
    shown = (30, 40) if rotation in (90, 270) else (40, 30)
    assert (info.display_width, info.display_height) == shown


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_the_rotation_of_heic(rotation):
    data = find("photo.heic").data
    at = data.find(b"irot")
    if at < 0:
        at = data.index(b"ispe")
        width, height = struct.unpack_from(">II", data, at + 8)
        assert (probe(data).width, probe(data).height) == (width, height)
        assert probe(data).rotation == 0
        return
    info = probe(data[: at + 4] + bytes([-rotation // 90 & 3]) + data[at + 5 :])
    assert info.rotation == rotation


# --- key frames --------------------------------------------------------------------------------------


def marked_key_frames(data):
    """Return the times of the shown key frames from the first that is shown or heard, by FFmpeg."""
    with av.open(io.BytesIO(data)) as container:
        packets = [p for p in container.demux() if p.size and not p.is_discard]
        starts = {p.stream.type: p.pts * p.time_base for p in reversed(packets)}
        is_early = starts.get("audio", starts["video"]) < starts["video"] - Fraction(1, 10)
        start = starts["audio" if is_early else "video"]
        return [
            float(p.pts * p.time_base - start)
            for p in packets
            if p.stream.type == "video" and p.is_keyframe
        ]


@pytest.mark.parametrize(
    "name",
    [
        "h264_key_each_5.mp4", "h264_key_each.mp4", "fragmented.mp4", "one_frame.mp4",
        "key_each_10.mkv", "xvid.avi", "wmv2.wmv", "vp8_opus.webm", "mpeg2.ts",
    ],
)  # fmt: skip
def test_key_frames_are_those_that_are_marked(name):
    data = find(name).data
    assert probe(data).key_frames() == pytest.approx(marked_key_frames(data), abs=0.001)


def test_key_frames_are_no_facts_of_the_header(tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(find("h264_aac.mp4").data)
    info = probe(path)
    path.unlink()
    with pytest.raises(MediaError, match=r"cannot open '.*video\.mp4'"):
        info.key_frames()


@pytest.mark.parametrize("name", ["pcm.wav", "aac.m4a", "photo.heic", "still.gif"])
def test_images_and_audio_have_no_key_frames(name):
    assert probe(find(name).data).key_frames() == []


# --- large files -------------------------------------------------------------------------------------


def index_last(media_bytes):
    """Return the beginning and the end of an MP4 with so many bytes of media between them."""
    data = media_files.make("video.mp4")
    parts = {name: data[start:end] for name, start, end in boxes(data)}
    return parts[b"ftyp"] + struct.pack(">I4sQ", 1, b"mdat", media_bytes + 16), parts[b"moov"]


def write_sparse(path, head, size, tail=b""):
    """Write a file of `size` bytes that takes next to no room on the disk."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size - len(tail))
        file.seek(0, os.SEEK_END)
        file.write(tail)


@pytest.fixture
def read_bytes(monkeypatch):
    """Count the bytes that are read of files."""
    counts = []
    original = FileReader.read

    def read(self, offset, length):
        data = original(self, offset, length)
        counts.append(len(data))
        return data

    monkeypatch.setattr(FileReader, "read", read)
    return counts


@pytest.mark.parametrize("size", [5 << 30, 3 << 40])
def test_an_index_behind_gigabytes_of_media(size, tmp_path, read_bytes):
    path = tmp_path / "large.mp4"
    head, tail = index_last(size)
    write_sparse(path, head, len(head) + size + len(tail), tail)
    tracemalloc.start()
    info = probe(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (info.duration_s, info.width, info.height) == (2.0, 96, 64)
    assert info.bit_rate == round(info.size * 8 / 2)
    assert "its base64 has" in info.refusal
    assert sum(read_bytes) < 200_000
    assert peak < 2_000_000


@pytest.mark.parametrize(
    "name", ["screen_recorder.mkv", "live.mkv", "h264.avi", "h264.flv", "camera.ts", "dvd.mpg"]
)
def test_gigabytes_behind_the_header_of_other_formats(name, tmp_path, read_bytes):
    path = tmp_path / "large"
    write_sparse(path, find(name).data, 5 << 30)
    tracemalloc.start()
    info = probe(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (info.size, info.width, info.height) == (5 << 30, 96, 64)
    assert sum(read_bytes) < MAX_BYTES
    assert peak < 20_000_000


# --- errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("https://a.example/x.mp4", "probe does not download URLs"),
        ("", "probe got an empty path"),
        ({"type": "video"}, "not a content block"),
        (7, "not int"),
        (None, "not NoneType"),
        (pathlib.Path("nowhere", "x.mp4"), r"cannot open '.*x\.mp4': No such file"),
        ("a\0b.mp4", "cannot open"),
        ("x" * 5000, "cannot open"),
        (b"", "the given bytes cannot be measured: it is empty"),
        (b"\0" * 5000, "the given bytes cannot be measured"),
        (b"%PDF-1.7 " * 99, "it is PDF .document., which cannot be measured; send its text"),
        (b"hello " * 99, "the given bytes cannot be measured"),
    ],
)
def test_what_is_no_media_file_is_refused(source, reason):
    with pytest.raises(MediaError, match=reason):
        probe(source)


def test_a_folder_and_a_pipe_are_refused(tmp_path):
    with pytest.raises(MediaError, match="it is a folder"):
        probe(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MediaError, match="it is a pipe"):
        probe(tmp_path / "pipe")


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "broken.mp4"
    path.write_bytes(find("without_index.mp4").data)
    with pytest.raises(
        MediaError, match=r"broken\.mp4' cannot be measured: it is truncated: its index"
    ):
        probe(path)


def test_an_error_of_the_disk_names_the_file(tmp_path, monkeypatch):
    path = tmp_path / "video.mp4"
    path.write_bytes(find("h264_aac.mp4").data)

    def read(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(FileReader, "read", read)
    with pytest.raises(MediaError, match=r"video\.mp4' cannot be read: Input/output error"):
        probe(path)


@pytest.mark.parametrize("file", collection(), ids=str)
def test_a_part_of_a_file_is_measured_or_refused(file):
    part = file.data[: len(file.data) * 2 // 5]
    try:
        info = probe(part)
    except MediaError:
        return
    assert info.size == len(part)
    assert info.duration_s is None or info.duration_s > 0


@pytest.fixture
def without_av(monkeypatch):
    """Make PyAV unavailable."""
    original = builtins.__import__

    def find_module(name, *arguments, **keywords):
        if name == "av":
            raise ImportError(name)
        return original(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", find_module)


@pytest.mark.usefixtures("without_av")
def test_what_mimo_accepts_is_measured_without_pyav():
    for file in collection(block="accepted"):
        assert probe(file.data).refusal is None, file


@pytest.mark.usefixtures("without_av")
def test_without_pyav_other_formats_name_the_extra():
    with pytest.raises(MediaError, match=r"cannot be measured: PyAV .*pip install \"\.\[av\]\""):
        probe(find("screen_recorder.mkv").data)
    with pytest.raises(MediaError, match=r"\.\[av\]"):
        probe(find("h264_aac.mp4").data).key_frames()
    assert probe(find("plain.tiff").data).width == 120
    assert probe(find("photo.heic").data).width == 120


def test_frames_of_a_damaged_gif_are_not_decoded_to_count_them(monkeypatch):
    data = find("moving.gif").data
    monkeypatch.setattr(GifImageFile, "seek", lambda *_: pytest.fail("it was decoded"))
    info = probe(data[: len(data) // 8])
    assert (info.width, info.height, info.frames) == (120, 80, 1)
    assert "truncated" in info.refusal


def test_a_negative_duration_is_none():
    data = bytearray(find("screen_recorder.mkv").data)
    data[data.index(b"\x44\x89\x88") + 3] |= 0x80
    assert probe(bytes(data)).duration_s == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("container", ["mpegts", "mpeg"])
def test_joined_parts_last_as_long_as_all_of_them(container):
    codec = "libx264" if container == "mpegts" else "mpeg2video"
    part = make_numbered(Recipe(container, rate=Fraction(25), frames=75, b_frames=0, codec=codec))
    assert probe(part).duration_s == pytest.approx(3, abs=0.1)
    assert probe(3 * part).duration_s == pytest.approx(9, abs=0.3)
    assert max(probe(3 * part).key_frames()) < 9


def test_a_large_file_is_joined_if_its_times_go_back(monkeypatch):
    monkeypatch.setattr(joined_streams, "_MAX_COUNTED", 0)
    monkeypatch.setattr(joined_streams, "_SAMPLE", 20_000)
    part = make_numbered(Recipe("mpegts", rate=Fraction(25), frames=200, b_frames=0))
    assert probe(part).duration_s == pytest.approx(8, abs=0.1)
    joined = probe(2 * part)
    assert (joined.duration_s, joined.duration_range_s) == (None, None)

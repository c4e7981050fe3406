"""prepare_video: copying, cutting, encoding and budgets."""

import io
import itertools
import struct

import av
import media_collection
import media_files
import pytest
from media_files import make, make_video
from PIL import Image

from langchain_mimo._media.inspection import inspect_source
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare import prepare_video
from langchain_mimo.tokens import video_tokens


def opened(data):
    return av.open(io.BytesIO(data))


@pytest.mark.parametrize("name", ["video.mp4", "silent.mp4", "video.mov", "video.avi", "video.wmv"])
def test_an_accepted_video_is_left_unchanged(name):
    prepared = prepare_video(make(name))
    assert prepared.data == make(name)
    assert prepared.mime_type == media_files.ACCEPTED[name][1]


@pytest.mark.parametrize("name", ["video.mkv", "video.flv", "video.ts"])
def test_another_container_is_copied_without_encoding(name):
    prepared = prepare_video(make(name))
    assert any("without encoding" in note for note in prepared.notes)
    check_video(prepared.data, seconds=2.0)


def check_video(data, *, seconds, size=(96, 64)):
    """Check for MP4, H.264, yuv420p, a constant frame rate, the duration, and decode to the end."""
    assert inspect_source("video", data).mime_type == "video/mp4"
    with opened(data) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height) == size
        assert container.duration / 1e6 == pytest.approx(seconds, abs=0.25)
        times = [frame.time for frame in container.decode(video=0)]
    assert len({round(b - a, 3) for a, b in itertools.pairwise(times)}) == 1
    return times


def test_webm_is_re_encoded():
    prepared = prepare_video(make("video.webm"), keep_quality=True)
    assert any("vp8" in note for note in prepared.notes)
    assert len(check_video(prepared.data, seconds=2.0)) == 20
    with opened(prepared.data) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


def test_an_unusual_pixel_format_is_re_encoded():
    prepared = prepare_video(make("colourful.mp4"))
    assert any("pixel format yuv444p" in note for note in prepared.notes)
    check_video(prepared.data, seconds=2.0)


def variable_rate_video():
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index, pts in enumerate([0, 1, 2, 10, 11, 25, 26, 29]):
            frame = av.VideoFrame.from_image(Image.new("RGB", (96, 64), (index * 30, 0, 0)))
            frame = frame.reformat(format="yuv420p")
            frame.pts = pts
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return buffer.getvalue()


def test_a_variable_frame_rate_becomes_constant():
    prepared = prepare_video(variable_rate_video())
    assert any("variable frame rate" in note for note in prepared.notes)
    times = check_video(prepared.data, seconds=3.0)
    with opened(prepared.data) as container:
        reds = [f.to_image().getpixel((40, 30))[0] for f in container.decode(video=0)]
    at = dict(zip((round(t, 2) for t in times), reds, strict=True))
    later = [red for time, red in at.items() if 1.2 < time < 2.4]
    assert max(later) - min(later) < 12  # the frame of 1.1 s is held until 2.5 s


def test_a_cut_at_key_frames_is_copied():
    source = make_video("mp4", seconds=6, key_every=10)
    with opened(source) as container:
        packets = [p for p in container.demux(video=0) if p.pts is not None and p.is_keyframe]
    key = next(float(p.pts * p.time_base) for p in packets if p.pts * p.time_base > 1.5)
    prepared = prepare_video(source, start_s=key, end_s=key + 2)
    assert any(f"Copied from {key:.2f} s to {key + 2:.2f} s" in note for note in prepared.notes)
    check_video(prepared.data, seconds=2.0)


def test_a_cut_between_key_frames_is_encoded_and_exact():
    source = make_video("mp4", seconds=6, key_every=60)
    prepared = prepare_video(source, start_s=2.0, end_s=4.0, keep_quality=True)
    assert any("not start on a key frame" in note for note in prepared.notes)
    assert len(check_video(prepared.data, seconds=2.0)) == 20
    with opened(source) as container:
        wanted = next(f for f in container.decode(video=0) if f.time >= 2.0).to_image()
    with opened(prepared.data) as container:
        got = next(container.decode(video=0)).to_image()
    assert all(
        abs(a - b) < 12 for a, b in zip(wanted.getpixel((9, 9)), got.getpixel((9, 9)), strict=True)
    )


def test_a_video_is_shrunk_to_a_token_budget():
    source = make_video("mp4", size=(640, 360), seconds=2)
    budget = video_tokens(2.0, 640, 360).total // 2
    prepared = prepare_video(source, token_budget=budget)
    header = inspect_source("video", prepared.data).header
    tokens = video_tokens(header.duration, header.width, header.height).total
    assert budget * 0.6 < tokens <= budget


def test_a_video_is_shrunk_to_a_byte_limit():
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for pts in range(50):
            frame = av.VideoFrame.from_image(Image.effect_noise((320, 240), 150).convert("RGB"))
            frame = frame.reformat(format="yuv420p")
            frame.pts = pts
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    limit = len(buffer.getvalue()) // 10
    prepared = prepare_video(buffer.getvalue(), max_bytes=limit)
    assert len(prepared.data) <= limit
    with opened(prepared.data) as container:
        assert container.duration / 1e6 == pytest.approx(2.0, abs=0.2)


def rotated_video(matrix):
    """A video whose header tells players to rotate it."""
    data = bytearray(make_video("mp4", audio=None, size=(96, 64)))
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", *matrix)
    return bytes(data)


ONE = 1 << 16


@pytest.mark.parametrize(
    ("matrix", "size"),
    [
        ((0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30), (64, 96)),
        ((0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30), (64, 96)),
        ((-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30), (96, 64)),
    ],
)
def test_a_video_on_its_side_is_rotated_when_it_is_encoded(matrix, size):
    prepared = prepare_video(rotated_video(matrix), convert=True)
    check_video(prepared.data, seconds=2.0, size=size)


def test_rotation_has_the_right_direction():
    """A clockwise quarter turn moves the upper left corner to the upper right."""
    buffer = io.BytesIO()
    image = Image.new("RGB", (96, 64), "black")
    image.paste("white", (0, 0, 48, 32))
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for pts in range(5):
            frame = av.VideoFrame.from_image(image).reformat(format="yuv420p")
            frame.pts = pts
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    data = bytearray(buffer.getvalue())
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", 0, ONE, 0, -ONE, 0, 0, 64 * ONE, 0, 1 << 30)
    prepared = prepare_video(bytes(data), convert=True)
    with opened(prepared.data) as container:
        turned = next(container.decode(video=0)).to_image().convert("L")
    assert turned.getpixel((60, 4)) > 200
    assert turned.getpixel((4, 4)) < 50


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        (b"", {}, "it is empty .0 bytes"),
        (b"hello" * 99, {}, "it is text .no media"),
        (make("voice.mp3"), {}, "no video track"),
        (make("video.mp4"), {"start_s": 5}, r"segment starts at 5 s, after the end \(2.0 s\)"),
        (make("video.mp4"), {"start_s": 1, "end_s": 1}, "segment from 1 s to 1 s is empty"),
        (make("video.mp4"), {"token_budget": 5}, "lower fps"),
        (make("video.mp4"), {"max_bytes": 500}, "cut it with start_s and end_s"),
        (make("video.mp4")[:9000], {}, "it is truncated: it ends before"),
        ("no/such/video.mkv", {}, "No such file"),
    ],
)
def test_videos_that_cannot_be_prepared_are_refused(source, options, reason):
    with pytest.raises(MediaError, match=reason):
        prepare_video(source, **options)


def test_a_size_that_no_header_states_is_no_size_of_zero():
    source = media_collection.find("no_key_frame.ts").data
    with pytest.raises(MediaError, match="no frame of its video can be decoded; get another copy"):
        prepare_video(source, token_budget=60)

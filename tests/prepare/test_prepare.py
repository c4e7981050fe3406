"""Turning what MiMo would refuse into what it takes."""

import ast
import builtins
import inspect
import io
import itertools
import math
import re
import struct
import sys
import zlib

import av
import media_files
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from langchain_mimo._media.diagnosis import describe_rejected_media
from langchain_mimo._media.inspection import inspect_source
from langchain_mimo._media.limits import MAX_ASPECT_RATIO, MIN_IMAGE_SIDE
from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._media.references import LocalFile, MediaReference
from langchain_mimo.catalogue import FPS_RANGE
from langchain_mimo.errors import MediaError, MiMoConfigurationError, MiMoInputError
from langchain_mimo.prepare import output as output_module
from langchain_mimo.prepare import prepare_audio, prepare_image, prepare_video
from langchain_mimo.prepare import video as videos_module
from langchain_mimo.prepare.image_sides import scaled
from langchain_mimo.tokens import image_tokens, video_tokens

make, make_video, make_image = media_files.make, media_files.make_video, media_files.make_image


ALL = [
    (prepare_image, "photo.tiff"),
    (prepare_video, "video.mkv"),
    (prepare_audio, "voice.aiff"),
]


def image_of(prepared):
    return Image.open(io.BytesIO(prepared.data))


def opened(data):
    return av.open(io.BytesIO(data))


def noise(size, name="PNG"):
    buffer = io.BytesIO()
    Image.effect_noise(size, 200).convert("RGB").save(buffer, name)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def heic():
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), "red")).save(buffer)
    return buffer.getvalue()


# --- pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["photo.jpg", "drawing.png", "still.gif", "lossy.webp", "plain.bmp"]
)
def test_an_image_that_is_fine_is_left_alone(name):
    prepared = prepare_image(make(name))
    assert prepared.data == make(name)
    assert prepared.mime_type == media_files.ACCEPTED[name][1]


def test_heic_becomes_jpeg(heic):
    prepared = prepare_image(heic)
    assert prepared.mime_type == "image/jpeg"
    red, green, _ = image_of(prepared).convert("RGB").getpixel((30, 20))
    assert red > 240
    assert green < 15


@pytest.mark.parametrize(
    ("name", "mime_type"), [("photo.tiff", "image/png"), ("photo.avif", "image/jpeg")]
)
def test_other_images_become_what_mimo_takes(name, mime_type):
    prepared = prepare_image(make(name))
    assert prepared.mime_type == mime_type
    assert image_of(prepared).size == (120, 80)
    assert inspect_source("image", prepared.data).mime_type == mime_type


def test_an_image_on_its_side_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    prepared = prepare_image(make_image("JPEG", (40, 20), exif=exif))
    assert image_of(prepared).size == (20, 40)
    assert image_of(prepared).getexif().get(0x0112, 1) == 1
    assert "It was turned upright." in prepared.notes


def test_cmyk_and_sixteen_bits_become_rgb():
    assert image_of(prepare_image(make_image("JPEG", mode="CMYK"))).mode == "RGB"
    tiff = io.BytesIO()
    Image.new("I;16", (20, 20), 32768).save(tiff, "TIFF")
    assert image_of(prepare_image(tiff.getvalue())).convert("L").getpixel((5, 5)) == 128


def test_an_image_is_shrunk_to_a_token_budget():
    prepared = prepare_image(make_image("PNG", (800, 600)), token_budget=100)
    width, height = image_of(prepared).size
    assert image_tokens(width, height) <= 100
    assert image_tokens(width, height) > 80
    assert width / height == pytest.approx(4 / 3, rel=0.05)


def test_an_image_is_shrunk_to_a_byte_limit():
    prepared = prepare_image(noise((400, 300)), max_bytes=20_000)
    assert len(prepared.data) <= 20_000
    assert prepared.mime_type == "image/jpeg"


def test_transparency_is_kept_where_it_fits_and_white_where_not():
    buffer = io.BytesIO()
    Image.new("RGBA", (300, 300), (255, 0, 0, 0)).save(buffer, "TIFF")
    assert image_of(prepare_image(buffer.getvalue())).mode == "RGBA"
    noisy = Image.effect_noise((300, 300), 200).convert("RGBA")
    noisy.putalpha(0)
    buffer = io.BytesIO()
    noisy.save(buffer, "TIFF")
    small = image_of(prepare_image(buffer.getvalue(), max_bytes=5000))
    assert small.convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_convert_writes_even_a_fine_image_again():
    prepared = prepare_image(make("drawing.png"), convert=True)
    assert prepared.notes[0].startswith("It was PNG of 333 x 77")


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        (b"", {}, "no picture"),
        (b"hello", {}, "nothing known and no picture"),
        (b"%PDF-1.4", {}, "PDF"),
        (make("drawing.png")[:300], {"convert": True}, "damaged"),
        ("no/such/file.heic", {}, "No such file"),
        (make("drawing.png"), {"token_budget": 1}, "no size of it"),
        (noise((64, 64)), {"max_bytes": 10}, "no size of it"),
    ],
)
def test_what_cannot_be_prepared_is_refused(source, options, reason):
    with pytest.raises(MediaError, match=reason):
        prepare_image(source, **options)


def test_a_bomb_is_not_decoded():
    def chunk(name, content):
        checked = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checked

    size = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(99)))
    with pytest.raises(MediaError, match="decompression bomb"):
        prepare_image(bomb, convert=True)


def notes_with(notes, word):
    return [note for note in notes if word in note]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("size", [(8, 8), (5000, 10), (10, 5000), (402, 2), (3000, 1), (300, 4)])
def test_sides_that_mimo_refuses_are_repaired(size, mode):
    prepared = prepare_image(make_image("PNG", size, mode))
    image = image_of(prepared)
    short, long = sorted(image.size)
    assert short >= MIN_IMAGE_SIDE
    assert long <= MAX_ASPECT_RATIO * short
    too_long = max(size) > MAX_ASPECT_RATIO * min(size)
    assert len(notes_with(prepared.notes, "was given a border")) == too_long
    too_small = -(-max(size) // MAX_ASPECT_RATIO) < MIN_IMAGE_SIDE and min(size) < MIN_IMAGE_SIDE
    assert len(notes_with(prepared.notes, "was enlarged")) == too_small
    assert (image.width > image.height) == (size[0] > size[1])


@pytest.mark.parametrize("size", [(8, 8), (5000, 10), (402, 2)])
def test_the_call_named_for_a_refused_image_repairs_it(tmp_path, size):
    path = tmp_path / "tiny.png"
    path.write_bytes(make_image("PNG", size))
    reference = MediaReference("image", LocalFile(str(path)), None, 0, 0)
    said = describe_rejected_media(reference, MediaPolicy([tmp_path]))
    call = re.search(r"langchain_mimo\.prepare\.(prepare_image)\((.*), convert=True\)", said)
    prepared = prepare_image(ast.literal_eval(call[2]), tmp_path / "mended.png", convert=True)
    again = MediaReference("image", LocalFile(str(prepared.path)), None, 0, 0)
    assert "refused" in said
    assert "refused" not in describe_rejected_media(again, MediaPolicy([tmp_path]))


def test_a_border_leaves_the_image_in_its_middle():
    buffer = io.BytesIO()
    Image.new("RGB", (5000, 9), "red").save(buffer, "PNG")
    image = image_of(prepare_image(buffer.getvalue()))
    assert image.size == (5000, 25)
    assert [image.getpixel((2500, y)) for y in (0, 12, 24)] == [
        (255, 255, 255), (255, 0, 0), (255, 255, 255)
    ]  # fmt: skip


def test_a_side_that_may_be_too_short_is_enlarged_once_mimo_has_refused_it():
    assert image_of(prepare_image(make_image("PNG", (20, 40)))).size == (20, 40)
    assert image_of(prepare_image(make_image("PNG", (20, 40)), convert=True)).size == (32, 64)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 900), st.integers(1, 900), st.integers(201, 400))
def test_a_repaired_image_keeps_the_budget(width, height, budget):
    image = image_of(prepare_image(make_image("PNG", (width, height)), token_budget=budget))
    assert image_tokens(*image.size) <= budget
    assert min(image.size) >= MIN_IMAGE_SIDE
    assert max(image.size) <= MAX_ASPECT_RATIO * min(image.size)


@given(st.integers(1, 9000), st.integers(1, 200), st.floats(0.01, 1))
def test_shrinking_makes_no_image_too_long(short, ratio, scale):
    width, height = scaled((short * ratio, short), scale)
    assert width <= MAX_ASPECT_RATIO * height
    assert scaled((short, short * ratio), scale) == (height, width)


@pytest.mark.parametrize(
    ("source", "name", "mime_type"),
    [
        ("photo.jpg", "x.jpeg", "image/jpeg"),
        ("photo.jpg", "x.PNG", "image/png"),
        ("photo.tiff", "x.jpg", "image/jpeg"),
        ("photo.tiff", "x", "image/png"),
        ("still.gif", "x.gif", "image/gif"),
        ("still.gif", "x.png", "image/png"),
    ],
)
def test_the_name_of_the_output_chooses_the_format_of_a_image(tmp_path, source, name, mime_type):
    prepared = prepare_image(make(source), tmp_path / name)
    assert prepared.mime_type == mime_type
    assert inspect_source("image", tmp_path / name).mime_type == mime_type


# --- videos ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["video.mp4", "silent.mp4", "video.mov", "video.avi", "video.wmv"])
def test_a_video_that_is_fine_is_left_alone(name):
    prepared = prepare_video(make(name))
    assert prepared.data == make(name)
    assert prepared.mime_type == media_files.ACCEPTED[name][1]


@pytest.mark.parametrize("name", ["video.mkv", "video.flv", "video.ts"])
def test_another_container_is_copied_without_encoding(name):
    prepared = prepare_video(make(name))
    assert any("without encoding" in note for note in prepared.notes)
    check_video(prepared.data, seconds=2.0)


def check_video(data, *, seconds, size=(96, 64)):
    """MP4, H.264, yuv420p, an even pace, of about that length, decodable to the end."""
    assert inspect_source("video", data).mime_type == "video/mp4"
    with opened(data) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height) == size
        assert container.duration / 1e6 == pytest.approx(seconds, abs=0.25)
        times = [frame.time for frame in container.decode(video=0)]
    assert len({round(b - a, 3) for a, b in itertools.pairwise(times)}) == 1
    return times


def test_webm_is_encoded_again():
    prepared = prepare_video(make("video.webm"))
    assert any("vp8" in note for note in prepared.notes)
    assert len(check_video(prepared.data, seconds=2.0)) == 20
    with opened(prepared.data) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


def test_an_odd_pixel_format_is_encoded_again():
    prepared = prepare_video(make("colourful.mp4"))
    assert any("pixel format was yuv444p" in note for note in prepared.notes)
    check_video(prepared.data, seconds=2.0)


def variable_rate():
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


def test_an_uneven_pace_is_made_even():
    prepared = prepare_video(variable_rate())
    assert any("uneven pace" in note for note in prepared.notes)
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
    prepared = prepare_video(source, start=key + 0.1, end=key + 2)
    assert any(f"copied from {key:.2f} s to {key + 2:.2f} s" in note for note in prepared.notes)
    check_video(prepared.data, seconds=2.0)


def test_a_cut_between_key_frames_is_encoded_and_exact():
    source = make_video("mp4", seconds=6, key_every=60)
    prepared = prepare_video(source, start=2.0, end=4.0)
    assert any("no key frame near 2 s" in note for note in prepared.notes)
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


def rotated(degrees_matrix):
    """A film whose header tells players to turn it."""
    data = bytearray(make_video("mp4", audio=None, size=(96, 64)))
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", *degrees_matrix)
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
def test_a_video_on_its_side_is_turned_when_it_is_encoded(matrix, size):
    prepared = prepare_video(rotated(matrix), convert=True)
    check_video(prepared.data, seconds=2.0, size=size)


def test_turning_goes_the_right_way():
    """A quarter turn clockwise brings the upper left corner to the upper right."""
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
        (b"", {}, "cannot be opened"),
        (b"hello" * 99, {}, "cannot be opened"),
        (make("voice.mp3"), {}, "no video track"),
        (make("video.mp4"), {"start": 5}, "there is nothing"),
        (make("video.mp4"), {"start": 1, "end": 1}, "there is nothing"),
        (make("video.mp4"), {"token_budget": 5}, "lower fps"),
        (make("video.mp4"), {"max_bytes": 500}, "cut it with start and end"),
        (make("video.mp4")[:9000], {}, "cannot be opened"),
        ("no/such/video.mkv", {}, "No such file"),
    ],
)
def test_videos_that_cannot_be_prepared_are_refused(source, options, reason):
    with pytest.raises(MediaError, match=reason):
        prepare_video(source, **options)


# --- sounds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["voice.mp3", "voice.wav", "voice.flac", "voice.m4a", "opus.ogg", "audio_only.mp4"]
)
def test_audio_that_is_fine_is_left_alone(name):
    prepared = prepare_audio(make(name))
    assert prepared.data == make(name)
    assert prepared.mime_type == media_files.ACCEPTED[name][1]


@pytest.mark.parametrize(
    ("name", "mime_type", "codec"),
    [
        ("video.mp4", "audio/mp4", "aac"),
        ("video.mkv", "audio/mp4", "aac"),
        ("video.webm", "audio/ogg", "opus"),
        ("video.avi", "audio/mpeg", "mp3float"),
        ("video.wmv", "audio/mpeg", "mp3float"),
        ("voice.aiff", "audio/mpeg", "mp3float"),
    ],
)
def test_audio_is_taken_out_of_whatever_holds_it(name, mime_type, codec):
    prepared = prepare_audio(make(name))
    assert prepared.mime_type == mime_type
    inspection = inspect_source("audio", prepared.data)
    assert inspection.mime_type == mime_type
    with opened(prepared.data) as container:
        assert container.streams.audio[0].codec_context.name == codec
        assert container.duration / 1e6 == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("name", ["voice.mp3", "voice.wav", "voice.flac", "voice.m4a", "opus.ogg"])
def test_audio_is_cut(name):
    prepared = prepare_audio(make(name), start=0.5, end=1.5)
    with opened(prepared.data) as container:
        seconds = sum(f.samples / f.sample_rate for f in container.decode(audio=0))
    assert seconds == pytest.approx(1.0, abs=0.15)


def test_audio_is_shrunk_to_a_byte_limit():
    wav = make_video("wav", None, "pcm_s16le", seconds=20)
    prepared = prepare_audio(wav, max_bytes=50_000)
    assert len(prepared.data) <= 50_000
    with opened(prepared.data) as container:
        assert container.duration / 1e6 == pytest.approx(20, abs=0.2)


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        (make("silent.mp4"), {}, "no sound track"),
        (make("voice.wav"), {"token_budget": 5}, "plan_segments"),
        (make("voice.wav"), {"max_bytes": 100}, "cut it"),
        (make("voice.wav"), {"start": 9}, "there is nothing"),
        (b"nothing", {}, "cannot be opened"),
    ],
)
def test_audio_that_cannot_be_prepared_are_refused(source, options, reason):
    with pytest.raises(MediaError, match=reason):
        prepare_audio(source, **options)


@pytest.mark.parametrize(
    ("prepare", "source", "name", "mime_type"),
    [
        (prepare_video, "video.mov", "x.mov", "video/quicktime"),
        (prepare_video, "video.mov", "x.mp4", "video/mp4"),
        (prepare_video, "video.avi", "x.avi", "video/x-msvideo"),
        (prepare_audio, "voice.wav", "x.wav", "audio/wav"),
        (prepare_audio, "voice.wav", "x.mp3", "audio/mpeg"),
        (prepare_audio, "video.mp4", "x.m4a", "audio/mp4"),
        (prepare_audio, "video.mp4", "x.mp3", "audio/mpeg"),
    ],
)
def test_the_name_of_the_output_is_kept_to(tmp_path, prepare, source, name, mime_type):
    prepared = prepare(make(source), tmp_path / name)
    assert prepared.mime_type == mime_type
    kind = prepare.__name__.removeprefix("prepare_")
    assert inspect_source(kind, tmp_path / name).mime_type == mime_type


@pytest.mark.parametrize(
    ("prepare", "source", "name", "better"),
    [
        (prepare_image, "photo.jpg", "x.txt", "x.jpg"),
        (prepare_image, "drawing.png", "x.gif", "x.png"),
        (prepare_video, "video.mkv", "x.avi", "x.mp4"),
        (prepare_video, "video.mp4", "x.txt", "x.mp4"),
        (prepare_audio, "voice.aiff", "x.wav", "x.mp3"),
        (prepare_audio, "video.mkv", "x.ogg", "x.mp3"),
    ],
)
def test_a_name_that_says_something_else_is_refused(tmp_path, prepare, source, name, better):
    with pytest.raises(MediaError, match=f"name it '{better}'"):
        prepare(make(source), tmp_path / name)
    assert not list(tmp_path.iterdir())
    assert prepare(make(source), tmp_path / better).path == tmp_path / better


@pytest.mark.parametrize("prepare", [prepare_image, prepare_video, prepare_audio])
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (None, "takes a local path or bytes, not NoneType"),
        (5, "not int"),
        ({"type": "video", "url": "file:///x.mp4"}, "not a content block"),
        ("https://a.example/video.mp4", "does not download URLs"),
        ("data:video/mp4;base64,AAAA", "does not download URLs"),
        ("file:///video.mp4", "does not download URLs"),
        ("", "empty path"),
    ],
)
def test_what_is_no_local_medium_is_refused(prepare, source, reason):
    with pytest.raises(MediaError, match=f"^{prepare.__name__}.*{reason}") as raised:
        prepare(source)
    check_one_sentence(raised.value)


def check_one_sentence(error):
    assert "\n" not in str(error)


@pytest.mark.parametrize(("prepare", "name"), ALL)
@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (".", "'.', which is a folder"),
        ("", "'', which is a folder"),
        (5, "of type int"),
        (b"x.mp4", "of type bytes"),
        ("no/such/x.mp4", "does not exist; make it first"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(prepare, name, output, reason):
    with pytest.raises(MediaError, match=reason) as raised:
        prepare(make(name), output)
    check_one_sentence(raised.value)


NO_NUMBERS = [math.nan, -1, "5", True, []]


@pytest.mark.parametrize(
    ("prepare", "options"),
    [
        *((p, {n: v}) for p, _ in ALL for n in ("max_bytes", "token_budget", "time_limit") for v in NO_NUMBERS),
        *((p, {n: v}) for p, _ in ALL[1:] for n in ("start", "end") for v in NO_NUMBERS),
        *((prepare_video, {"fps": v}) for v in (*NO_NUMBERS, 0, 99, math.inf, None)),
        *((prepare_video, {"media_resolution": v}) for v in ("x", None, 5)),
    ],
)  # fmt: skip
def test_numbers_that_are_none_are_refused(prepare, options):
    name = next(iter(options))
    with pytest.raises(MiMoInputError, match=f"^{name} must be ") as raised:
        prepare(b"never looked at", **options)
    check_one_sentence(raised.value)


def test_the_range_of_fps_is_the_catalogues():
    assert videos_module.FPS_RANGE == FPS_RANGE


@pytest.mark.parametrize(("prepare", "name"), ALL)
@pytest.mark.parametrize(
    "options", [{}, {"start": 50, "end": 10}, {"max_bytes": 1}, {"token_budget": 1}]
)
def test_a_refusal_names_the_file(tmp_path, prepare, name, options):
    if prepare is prepare_image and "start" in options:
        options = {}
    path = tmp_path / "a film.bin"
    path.write_bytes(make(name) if options else b"no medium at all")
    with pytest.raises(MediaError, match=re.escape(repr(str(path)))):
        prepare(path, **options)


def test_the_wrong_kind_of_track_is_told_with_the_file(tmp_path):
    path = tmp_path / "voice.mp3"
    path.write_bytes(make("voice.mp3"))
    with pytest.raises(MediaError, match=re.escape(f"{str(path)!r} cannot be prepared: it has no")):
        prepare_video(path)


@pytest.mark.parametrize("prepare", [prepare_image, prepare_video, prepare_audio])
def test_the_default_fits_whichever_megabyte_is_meant(prepare):
    default = inspect.signature(prepare).parameters["max_bytes"].default
    assert -(-default // 3) * 4 == 50 * 10**6


# --- what all have in common -------------------------------------------------------------------------


@pytest.mark.parametrize(("prepare", "name"), ALL)
def test_a_path_in_and_a_path_out(tmp_path, prepare, name):
    (tmp_path / name).write_bytes(make(name))
    target = tmp_path / "result"
    target.write_bytes(b"old")
    prepared = prepare(tmp_path / name, target)
    assert prepared.source == prepared.path == target
    assert prepared.data is None
    assert target.read_bytes() == prepare(make(name)).data
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, "result"])


@pytest.mark.filterwarnings("ignore:.*(EXIF|Truncated)")  # Pillow's, about the cut TIFF
@pytest.mark.parametrize(("prepare", "name"), ALL)
def test_what_fails_leaves_nothing_behind(tmp_path, prepare, name):
    (tmp_path / name).write_bytes(make(name)[:30])
    with pytest.raises(MediaError):
        prepare(tmp_path / name, tmp_path / "result")
    with pytest.raises(MediaError, match="is the source itself"):
        prepare(tmp_path / name, tmp_path / name)
    with pytest.raises(MediaError, match="make it first"):
        prepare(tmp_path / name, tmp_path / "no" / "result")
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("prepare", "name"), ALL)
def test_progress_goes_from_nothing_to_all(prepare, name, capsys):
    shares = []
    prepare(make(name), progress=shares.append, show_progress=True)
    assert shares[0] == 0
    assert shares[-1] == 1
    assert shares == sorted(shares)
    assert "100 %" in capsys.readouterr().err


@pytest.mark.parametrize(("prepare", "name"), ALL)
def test_a_time_limit_stops_the_work(prepare, name, monkeypatch):
    clock = iter(range(0, 10**6, 7))
    monkeypatch.setattr(output_module.time, "monotonic", lambda: next(clock))
    with pytest.raises(MediaError, match="longer than its limit of 10 s"):
        prepare(make(name), time_limit=10, convert=True)


@pytest.mark.parametrize(
    ("prepare", "module", "source"),
    [
        (prepare_video, "av", b"x"),
        (prepare_audio, "av", b"x"),
        (prepare_image, "pillow_heif", None),
    ],
)
def test_a_missing_extra_is_named(prepare, module, source, heic, monkeypatch):
    really = builtins.__import__

    def refuse(name, *arguments, **options):
        if name == module:
            raise ImportError(name)
        return really(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MiMoConfigurationError, match=r"pip install 'langchain-mimo\[av\]'"):
        prepare(source or heic)


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [(prepare_video, "does not know"), (prepare_audio, "no sound track that")],
)
def test_a_codec_that_ffmpeg_does_not_know_is_said_so(prepare, reason):
    video = make("video.mkv").replace(b"V_MPEG4/ISO/AVC", b"V_UNKNOWN/ABCDE")
    with pytest.raises(MediaError, match=reason):
        prepare(video.replace(b"A_AAC", b"A_XYZ"))


def play_list(target):
    return (f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n").encode()


@pytest.mark.parametrize("prepare", [prepare_video, prepare_audio])
@pytest.mark.parametrize(
    "trick",
    [
        lambda path: play_list(f"file://{path}"),
        lambda path: play_list("http://127.0.0.1:9/x.ts"),
        lambda path: f"ffconcat version 1.0\nfile '{path}'\n".encode(),
        lambda path: (
            b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n"
        ),
        lambda path: (
            f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>file://{path}</BaseURL></MPD>'.encode()
        ),
        lambda path: f"concat:{path}".encode(),
    ],
)
def test_nothing_but_the_given_file_is_opened(tmp_path, prepare, trick, monkeypatch):
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(make("video.mp4"))
    given = tmp_path / "-given.m3u8"
    given.write_bytes(trick(secret))
    with pytest.raises(MediaError, match="cannot be opened"):
        prepare(given)
    with pytest.raises(MediaError, match="cannot be opened"):
        prepare(given.read_bytes())

"""Where prepare_video encodes, it keeps what MiMo looks at: the tokens stay, the bytes do not."""

import functools
import io
import itertools
from fractions import Fraction

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_files import make_video
from media_verdicts import ask_emulator
from numbered_videos import Recipe, audio_seconds, make_numbered, watch

from langchain_mimo.media import probe
from langchain_mimo.prepare import prepare_video
from langchain_mimo.prepare.video_settings import Target, VideoSource, choose_settings
from langchain_mimo.tokens import video_tokens

SAMPLING = [{}, {"fps": 0.5}, {"fps": 10.0, "media_resolution": "max"}]


@given(
    st.integers(32, 4000),
    st.integers(32, 4000),
    st.floats(0.04, 30_000),
    st.sampled_from([Fraction(1), Fraction(25, 2), Fraction(30000, 1001), Fraction(120)]),
    st.floats(0.1, 10),
    st.sampled_from(["default", "max"]),
)
def test_no_setting_changes_the_tokens(width, height, seconds, rate, fps, resolution):
    source = VideoSource(width, height, seconds, rate, has_audio=True)
    target = Target(None, fps, resolution, keep_quality=False)
    got = choose_settings(source, target, seconds, 10**12, 1.0)
    wanted = target.tokens(seconds, width, height, mute=False)
    assert target.tokens(seconds, got.width, got.height, mute=False) == wanted
    assert got.width % 2 == got.height % 2 == 0
    assert got.frame_rate <= min(30, rate)
    frames = got.frame_rate * Fraction(seconds)
    if got.frame_rate < min(30, rate):  # exactly the frames that are sampled, and as long
        assert float(frames) == pytest.approx(wanted.frames, rel=1e-4)
    assert got.width * got.height <= max(width * height * 1.1 + 64, 2 * 8192)


@given(st.integers(16, 4000), st.integers(16, 4000), st.floats(0.04, 3000))
def test_quality_is_kept_when_it_is_asked_for(width, height, seconds):
    source = VideoSource(width, height, seconds, Fraction(25), has_audio=False)
    target = Target(None, 2.0, "default", keep_quality=True)
    got = choose_settings(source, target, seconds, 10**12, 1.0)
    assert (got.width, got.height) == (width // 2 * 2, height // 2 * 2)
    assert got.frame_rate == 25


HD = {"size": (1280, 720), "rate": 24, "seconds": 2.1}


def rotated():
    """The fixture of a telephone held upright: coded on its side."""
    data = bytearray(make_video("mp4", **{**HD, "audio": None}))
    at = data.index(b"tkhd") + 44
    one = 1 << 16
    for number, value in enumerate((0, one, 0, -one, 0, 0, 720 * one, 0, 1 << 30)):
        data[at + 4 * number : at + 4 * number + 4] = value.to_bytes(4, "big", signed=True)
    return bytes(data)


SOURCES = {
    "hd": lambda: make_video("matroska", **HD),
    "rotated": rotated,
    "odd sides": lambda: make_video(
        "matroska", "libvpx-vp9", None, size=(1281, 721), rate=10, seconds=1.5
    ),
    "odd and small": lambda: make_video("matroska", "ffv1", size=(81, 113), seconds=2.3),
    "10 bits": lambda: make_video(
        "matroska", "libx265", size=(800, 600), seconds=2.1, pixel_format="yuv420p10le"
    ),
    "120 per second": lambda: make_video("mp4", size=(640, 480), rate=120, seconds=1.3),
    "few frames": lambda: make_video("matroska", size=(960, 540), rate=1, seconds=7),
    "ntsc": lambda: make_video(
        "matroska", size=(720, 480), rate=Fraction(30000, 1001), seconds=3.37
    ),
}


@functools.cache
def source_of(name):
    return SOURCES[name]()


def frames_of(data):
    with av.open(io.BytesIO(data)) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize("sampling", SAMPLING, ids=str)
@pytest.mark.parametrize("name", SOURCES)
def test_the_whole_video_costs_what_it_cost(name, sampling):
    source = source_of(name)
    info = probe(source)
    before = video_tokens(
        info.duration_s, info.width, info.height, **sampling, mute=not info.has_audio
    )
    prepared = prepare_video(source, convert=True, **sampling)
    bill = ask_emulator("video", prepared.data, "video/mp4", **sampling)
    assert bill.video == before.vision
    assert abs(bill.total - before.total) <= 1  # AAC may last some samples longer
    frames = frames_of(prepared.data)
    assert len(frames) <= max(before.frames, 2)
    steps = {round(float(b.time - a.time), 2) for a, b in itertools.pairwise(frames)}
    assert not steps or max(steps) - min(steps) < 0.011


@pytest.mark.parametrize("span", [(0.35, 1.85), (1.0, None), (0, 0.5)])
@pytest.mark.parametrize("name", ["hd", "rotated", "odd and small", "10 bits"])
def test_a_piece_costs_what_its_seconds_cost(name, span):
    source, (start, end) = source_of(name), span
    info = probe(source)
    seconds = (info.duration_s if end is None else end) - start
    before = video_tokens(seconds, info.width, info.height, mute=not info.has_audio)
    prepared = prepare_video(source, start_s=start, end_s=end, convert=True)
    bill = ask_emulator("video", prepared.data, "video/mp4")
    assert bill.video == before.vision
    assert abs(bill.total - before.total) <= 1


def test_each_frame_is_the_one_shown_at_its_time():
    source = make_numbered(Recipe("matroska", frames=200, rate=Fraction(25), audio=True))
    prepared = prepare_video(source, start_s=1, end_s=7, convert=True, fps=2)
    times = [1 + Fraction(number, 2) for number in range(12)]
    assert [each.number for each in watch(prepared.data)] == [int(time * 25) for time in times]
    assert audio_seconds(prepared.data) == pytest.approx(6.0, abs=0.05)


@pytest.mark.parametrize(("name", "shape"), [("hd", 1280 / 720), ("rotated", 720 / 1280)])
def test_the_shape_is_what_players_showed(name, shape):
    prepared = prepare_video(source_of(name), convert=True)
    info = probe(prepared.data)
    assert {info.width, info.height} == {736, 384}
    assert info.display_width / info.display_height == pytest.approx(shape, rel=0.002)
    with av.open(io.BytesIO(prepared.data)) as container:
        stream = container.streams.video[0]
        pixels = stream.sample_aspect_ratio * Fraction(stream.width, stream.height)
    assert float(pixels) == pytest.approx(shape, rel=0.002)


def test_pixels_that_are_not_square_stay_so():
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(64, 45)
        for pts in range(12):
            frame = av.VideoFrame(720, 576, "yuv420p")
            frame.pts = pts
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    prepared = prepare_video(buffer.getvalue())
    info = probe(prepared.data)
    assert info.display_width / info.display_height == pytest.approx(16 / 9, rel=0.005)


def test_a_note_says_what_was_left_out():
    reduced = prepare_video(source_of("hd"), convert=True, fps=1).notes
    assert any('fps=1 and media_resolution="default"' in note for note in reduced)
    kept = prepare_video(source_of("hd"), convert=True, keep_quality=True)
    assert not any("looks at" in note for note in kept.notes)
    info = probe(kept.data)
    assert (info.width, info.height) == (1280, 720)
    assert info.frame_rate == pytest.approx(24, abs=0.01)


def test_copies_keep_everything():
    prepared = prepare_video(source_of("hd"))
    assert any("without encoding" in note for note in prepared.notes)
    info = probe(prepared.data)
    assert (info.width, info.height) == (1280, 720)
    assert info.frame_rate == pytest.approx(24, abs=0.01)


def test_a_long_video_keeps_its_audio_quality_where_the_frames_leave_room():
    source = VideoSource(1920, 1080, 1800, Fraction(30), has_audio=True)
    target = Target(None, 0.5, "default", keep_quality=False)
    assert choose_settings(source, target, 1800, 37_500_000, 0.92).audio_bit_rate == 96_000
    kept = Target(None, 0.5, "default", keep_quality=True)
    assert choose_settings(source, kept, 1800, 37_500_000, 0.92).audio_bit_rate == 32_000

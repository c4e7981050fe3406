"""Plans of real files: what they promise of each segment is what a copy or an encoded one is."""

import dataclasses
import io
import os
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import pytest
from cutting import index_bytes, no_tick
from greys_and_levels import levels, scenes
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import make_video
from numbered_videos import Recipe, make_numbered, recipes, watch

from langchain_mimo._media.cutting.copying import CopyTarget, copy_planned
from langchain_mimo._media.cutting.ranges import plan_range, target_format
from langchain_mimo.cost import estimate_file
from langchain_mimo.document_loaders import plan_media
from langchain_mimo.errors import MediaError
from langchain_mimo.media import probe
from langchain_mimo.prepare import prepare_audio, prepare_video

SLOW = settings(max_examples=max(1, settings.default.max_examples // 4), deadline=None)
MODEL = "mimo-v2.6-flash"


def copy(source, segment):
    """Copy a segment as a block with its range does."""
    index = source.index
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy"
        plan = plan_range(segment.modality, index, segment.start_s, segment.end_s)
        target = CopyTarget(path, target_format(segment.modality, index), segment.modality)
        copy_planned(source, plan, target, no_tick)
        return path.read_bytes()


def tokens_of(data, segment):
    sampling = {"fps": segment.fps} if segment.fps else {}
    return estimate_file(data, model=MODEL, **sampling).total


def a_frame_more(segment, info):
    """Tokens by which a file's own length may change the plan: a pair of frames, and some audio."""
    longer = dataclasses.replace(info, duration_s=info.duration_s + 2.1 / (segment.fps or 100))
    return tokens_of(longer, segment) - tokens_of(info, segment)


@SLOW
@given(
    recipes(containers=["mp4", "mov"]), st.floats(0.3, 4), st.sampled_from(["keyframes", "even"])
)
def test_copies_show_every_frame_once_and_are_as_small_as_planned(recipe, max_seconds, boundaries):
    data = make_numbered(recipe)
    plan = plan_media(data, max_seconds=max_seconds, boundaries=boundaries)
    source = index_bytes(data)
    start = source.index.start
    seen = watch(data)
    for segment in (each for each in plan if each.copied):
        piece = copy(source, segment)
        assert len(piece) <= segment.size
        info = probe(piece)
        # How FFmpeg rounds the length of a variable rate is not foretold.
        most = a_frame_more(segment, info) if recipe.gaps else 0
        assert abs(tokens_of(info, segment) - segment.tokens) <= most
        begin, end = (float(start) + seconds for seconds in (segment.start_s, segment.end_s))
        wanted = [each for each in seen if begin - 1e-4 <= float(each.time) < end - 1e-4]
        assert [each.digest for each in watch(piece)] == [each.digest for each in wanted]


def test_all_frames_of_a_file_come_once_in_the_copies():
    data = make_numbered(Recipe(frames=200, gop=8, b_frames=3, audio=True))
    plan = plan_media(data, max_seconds=3)
    assert all(each.copied for each in plan)
    source = index_bytes(data)
    frames = [frame.digest for each in plan for frame in watch(copy(source, each))]
    assert frames == [frame.digest for frame in watch(data)]


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("mp3", "libmp3lame"), ("wav", "pcm_s16le"), ("flac", "flac"), ("ipod", "aac"),
        ("ogg", "libopus"),
    ],
)  # fmt: skip
def test_audio_that_mimo_takes_is_copied_within_its_bounds(container, codec):
    data = make_video(container, None, codec, seconds=8, sample_rate=48000)
    plan = plan_media(data, max_seconds=3)
    assert [each.copied for each in plan] == [True] * 3
    source = index_bytes(data, "audio")
    heard = 0.0
    for segment in plan:
        piece = copy(source, segment)
        assert len(piece) <= segment.size
        assert abs(tokens_of(piece, segment) - segment.tokens) <= 2
        heard += probe(piece).duration_s
    assert 8 <= heard <= 8.6


def still(size, seconds=6):
    """Encode a grey H.264 video with a single key frame."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        video = out.add_stream("libx264", rate=10, options={"x264-params": "keyint=1000"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        for number in range(10 * seconds):
            frame = av.VideoFrame(*size, "yuv420p")
            for plane in frame.planes:
                plane.update(b"\x80" * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (make_video("matroska", "libx265", "aac", seconds=4), {"max_seconds": 1.7}),
        (make_numbered(Recipe(frames=60, gop=250, audio=True)), {"max_seconds": 2.5}),
        (still((640, 480)), {"budget_tokens": 900}),
        (still((640, 480)), {"budget_tokens": 900, "oversize": "split"}),
        (make_video("avi", "mpeg4", "mp3", seconds=5), {"max_seconds": 2, "fps": 1.0}),
        (make_video("aiff", None, "pcm_s16be", seconds=5), {"max_seconds": 2}),
        (make_numbered(Recipe(container="mov", frames=60, trim=7, audio=True)), {"max_seconds": 3}),
    ],
)
def test_encoded_segments_are_what_was_planned(data, options):
    plan = plan_media(data, **options)
    assert any(each.preparation for each in plan)
    for segment in plan:
        if segment.preparation is None:
            continue
        call = segment.preparation
        prepared = eval(call, {"data": data, "prepare_video": prepare_video, "prepare_audio": prepare_audio})  # fmt: skip
        assert len(prepared.data) <= segment.size
        info = probe(prepared.data)
        tokens = tokens_of(info, segment)
        assert abs(tokens - segment.tokens) <= a_frame_more(segment, info), prepared.notes
        assert tokens <= options.get("budget_tokens", 100_000)
        assert info.duration_s == pytest.approx(segment.end_s - segment.start_s, abs=0.15)


@pytest.mark.parametrize("container", ["matroska", "mpegts", "flv", "avi"])
def test_h264_of_other_containers_is_copied_by_prepare(container):
    b_frames = 0 if container == "avi" else 2
    has_audio = container != "avi"  # there, the first frame of x264 comes after its audio
    recipe = Recipe(container, 100, gop=10, b_frames=b_frames, audio=has_audio)
    data = make_numbered(recipe)
    plan = plan_media(data, max_seconds=3.5)
    numbers = []
    for segment in plan:
        assert segment.note.startswith("It is copied into an MP4, because its format is ")
        prepared = eval(segment.preparation, {"data": data, "prepare_video": prepare_video})
        assert any(note.startswith("Copied from") for note in prepared.notes), prepared.notes
        assert len(prepared.data) <= segment.size
        info = probe(prepared.data)
        assert abs(tokens_of(info, segment) - segment.tokens) <= a_frame_more(segment, info)
        numbers += [frame.number for frame in watch(prepared.data)]
    assert numbers == list(range(100))
    assert 0 < sum(each.encoding_s for each in plan) < 1


def test_what_prepare_copies_before_a_hint_is_planned_as_a_copy(tmp_path):
    path = tmp_path / "long.mp4"
    path.write_bytes(make_numbered(Recipe(frames=120, gop=250, b_frames=0, audio=True)))
    plan = plan_media(path, max_seconds=6, hints=[4.0, 7.5])
    assert [each.start_s for each in plan] == [0.0, 4.0, 7.5]
    assert ["It is copied" in each.note for each in plan] == [True, False, False]
    for segment in plan:
        made = eval(segment.preparation, {"prepare_video": prepare_video})
        assert any("without encoding" in note for note in made.notes) == ("copied" in segment.note)
        assert tokens_of(made.data, segment) == segment.tokens
        assert len(made.data) <= segment.size


@pytest.mark.parametrize(("audio", "fewest"), [(True, 4_000), (False, 2_000)])
def test_plans_within_few_bytes_can_be_made_or_are_refused(tmp_path, audio, fewest):
    path = tmp_path / "video.mp4"
    path.write_bytes(make_numbered(Recipe(frames=200, gop=250, audio=audio)))
    for too_few in (1, fewest // 2, fewest):
        with pytest.raises(MediaError, match=rf"does not fit into max_bytes={too_few}; raise it"):
            plan_media(path, max_bytes=too_few)
    for enough in (2 * fewest, 3 * fewest):
        first = plan_media(path, max_bytes=enough)[0]
        made = eval(first.preparation, {"prepare_video": prepare_video})
        assert len(made.data) <= enough


def test_rotation_is_planned_with_upright_frames():
    data = make_video("mp4", "libx264", None, seconds=2, size=(96, 64))
    turned = turned_by_90(data)
    info = probe(turned)
    assert info.rotation in (90, 270)
    (segment,) = plan_media(turned)
    assert segment.whole
    assert segment.tokens == tokens_of(turned, segment)
    plan = plan_media(turned, max_seconds=0.5)
    assert all(each.preparation for each in plan)


def turned_by_90(data):
    """Set the display matrix of an MP4's video to 90 degrees."""
    at = data.index(b"tkhd") + 4 + 40
    matrix = [0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000]
    packed = b"".join((value & 0xFFFFFFFF).to_bytes(4, "big") for value in matrix)
    return data[:at] + packed + data[at + 36 :]


def test_a_variable_rate_is_copied_frame_by_frame():
    data = make_numbered(Recipe(frames=60, gop=10, gaps=(1, 5, 2), audio=True))
    plan = plan_media(data, max_seconds=6)
    assert all(each.copied for each in plan)
    source = index_bytes(data)
    frames = [frame.number for each in plan for frame in watch(copy(source, each))]
    assert frames == list(range(60))


def test_one_frame_and_one_key_frame():
    single = make_numbered(Recipe(frames=1, rate=Fraction(10)))
    (segment,) = plan_media(single)
    assert segment.whole
    one_key = make_numbered(Recipe(frames=60, gop=250))
    plan = plan_media(one_key, max_seconds=2.5)
    assert [each.copied for each in plan] == [False] * 3
    assert "which no key frame divides, lasts 6.0 s" in plan[0].note


def test_a_truncated_file_is_planned_as_far_as_it_goes():
    whole = make_numbered(Recipe(container="matroska", frames=200, audio=True))
    cut = whole[: len(whole) // 2]
    plan = plan_media(cut, max_seconds=3)
    assert plan[-1].end_s == pytest.approx(probe(cut).packets().duration_s)
    assert plan[-1].end_s < 15


def test_a_file_that_says_no_length_is_measured_by_its_packets():
    buffer = Unseekable()
    video = io.BytesIO(make_numbered(Recipe(frames=100)))
    with av.open(video) as source, av.open(buffer, "w", format="matroska") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    data = buffer.getvalue()
    plan = plan_media(data, max_seconds=4)
    assert plan[-1].end_s == pytest.approx(10.0, abs=0.11)


class Unseekable(io.BytesIO):
    """A stream that cannot go back, so that no length is written into its header."""

    seek = tell = None

    def seekable(self):
        return False


def test_a_damaged_file_is_named(tmp_path):
    data = bytearray(make_numbered(Recipe(frames=60)))
    at = data.index(b"moov")
    data[at + 8 : at + 600] = os.urandom(592)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"damaged\.mp4' cannot be measured"):
        plan_media(path, max_seconds=1)


def test_a_file_that_is_gone_is_named(tmp_path):
    path = tmp_path / "gone.mp4"
    path.write_bytes(make_numbered(Recipe(frames=60)))
    info = probe(path)
    path.unlink()
    with pytest.raises(MediaError, match=r"gone\.mp4"):
        plan_media(info, max_seconds=1)


def test_preparations_name_the_file(tmp_path):
    path = tmp_path / "talk.mkv"
    path.write_bytes(
        make_numbered(Recipe(container="matroska", frames=60, codec="mpeg4", b_frames=0))
    )
    plan = plan_media(path, max_seconds=2.5, max_bytes=10**6)
    assert plan[1].preparation == (
        f"prepare_video({str(path)!r}, start_s=2.0, end_s=4.0, fps=2.0, "
        "media_resolution='default', token_budget=100000, max_bytes=1000000)"
    )


def test_scenes_are_where_the_video_changes():
    data = scenes(40, 60, 60, 200, 190, seconds=2)
    plan = plan_media(data, max_seconds=7, boundaries="scenes")
    assert [each.start_s for each in plan] == [0.0, 6.0]
    assert all(each.copied for each in plan)
    evenly = plan_media(data, max_seconds=7)
    assert [each.start_s for each in evenly] == [0.0, 5.0]


def test_silences_divide_audio_in_their_middle():
    data = levels(9_000, 9_000, 9_000, 0, 9_000, 9_000, 9_000, 9_000)
    for boundaries in ("keyframes", "silences"):
        plan = plan_media(data, max_seconds=5, boundaries=boundaries)
        middle = 3.5 if boundaries == "silences" else 4.0
        assert [each.start_s for each in plan] == [0.0, pytest.approx(middle, abs=0.1)]


def test_silences_of_a_copied_video_move_to_the_key_frame_before_them():
    data = with_audio(
        scenes(*[90] * 6, seconds=1, gop=10), levels(9_000, 9_000, 0, 9_000, 9_000, 9_000)
    )
    plan = plan_media(data, max_seconds=4, boundaries="silences")
    assert [each.start_s for each in plan] == [0.0, 2.0]
    assert all(each.copied for each in plan)


def with_audio(video, audio):
    """Join a video and audio into an MP4."""
    buffer = io.BytesIO()
    images, voices = av.open(io.BytesIO(video)), av.open(io.BytesIO(audio))
    with images, voices, av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream_from_template(images.streams.video[0])
        heard = out.add_stream("aac", rate=16_000)
        heard.layout = "mono"
        for packet in images.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
        resampler = av.AudioResampler(heard.format.name, "mono", 16_000)
        for frame in [*voices.decode(audio=0), None]:
            for each in resampler.resample(frame):
                out.mux(heard.encode(each))
        out.mux(heard.encode(None))
    return buffer.getvalue()

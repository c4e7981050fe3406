"""The index: what is shown when, where decoding can start, and the frame rate."""

import io
import struct
from fractions import Fraction

import av
import pytest
from cutting import FEW_EXAMPLES, index_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import make
from numbered_videos import (
    CONTAINERS,
    Recipe,
    make_numbered,
    numbered_frame,
    recipes,
    watch,
)

from langchain_mimo._media.cutting.index import MAX_PACKETS
from langchain_mimo._media.cutting.key_frames import GroupStart, group_start
from langchain_mimo._media.cutting.rates import frame_rate
from langchain_mimo._media.cutting.times import Span, exact
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare import prepare_video


@settings(FEW_EXAMPLES)
@given(recipes())
def test_the_index_lists_what_a_decoder_shows(recipe):
    data = make_numbered(recipe)
    video, frames = index_bytes(data).index.video, watch(data)
    assert [pts * video.time_base for pts in video.shown] == [frame.time for frame in frames]
    start = index_bytes(data).index.start
    assert start == frames[0].time or (recipe.audio and start < frames[0].time)


@pytest.mark.parametrize("container", CONTAINERS)
def test_times_count_from_the_first_frame_shown(container):
    # AVI states no such shift, and FFmpeg shows its H.264 late beside audio.
    is_avi = container == "avi"
    offset = Fraction(0) if is_avi else Fraction(7, 5)
    recipe = Recipe(container, frames=30, b_frames=0, gop=10, offset=offset, audio=not is_avi)
    index = index_bytes(make_numbered(recipe)).index
    assert index.start >= offset
    assert index.duration == pytest.approx(3.0, abs=0.25)
    assert [float(time) for time in index.key_frames()] == pytest.approx([0, 1, 2], abs=0.05)
    assert index.frame_rate == 10
    assert not index.is_variable_rate


def test_what_an_edit_list_hides_does_not_count():
    index = index_bytes(make_numbered(Recipe(frames=30, trim=13, audio=True))).index
    assert index.start == 0
    assert index.duration == pytest.approx(1.7, abs=0.05)
    assert [float(time) for time in index.key_frames()] == [pytest.approx(0.7)]
    assert sum(index.video.hidden) > 0


def test_groups_are_open_or_closed():
    for is_open in (False, True):
        recipe = Recipe(frames=30, gop=10, b_frames=2, open_gop=is_open)
        video = index_bytes(make_numbered(recipe)).index.video
        starts = [video.starts[ordinal] for ordinal in video.key_frames]
        later = GroupStart.OPEN if is_open else GroupStart.CLOSED
        assert starts[1:] == [later, later]


@pytest.mark.parametrize("codec", ["mpeg4", "mpeg2video"])
def test_groups_of_other_codecs_are_open_by_their_leading_frames(codec):
    container = "mpegts" if codec == "mpeg2video" else "mp4"
    recipe = Recipe(container, rate=Fraction(25), codec=codec, gop=6, b_frames=2)
    video = index_bytes(make_numbered(recipe)).index.video
    assert GroupStart.OPEN in [video.starts[ordinal] for ordinal in video.key_frames]


def test_a_gradual_refresh_is_no_start():
    recipe = Recipe("matroska", frames=40, b_frames=0, gop=10, x264="intra-refresh=1")
    video = index_bytes(make_numbered(recipe)).index.video
    assert [video.pts[ordinal] for ordinal in video.key_frames] == [0]


def unit(kind, payload=b"\x80"):
    return b"\0\0\0\1" + bytes([kind]) + payload


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (unit(9) + unit(7) + unit(5), GroupStart.CLOSED),
        (unit(6, b"\x06\x01\xc4\x80") + unit(1), GroupStart.OPEN),
        (unit(6, b"\x05\x02ab\x06\x01\xc4\x80") + unit(1), GroupStart.OPEN),
        (unit(6, b"\x06\x01\x24\x80") + unit(1), GroupStart.NONE),
        (unit(6, b"\x05\x01a\x80") + unit(1), GroupStart.NONE),
        (unit(1), GroupStart.NONE),
        (b"", GroupStart.NONE),
        (b"\0\0\0\1", GroupStart.NONE),
    ],
)
def test_starts_of_h264_are_read_from_the_packet(packet, expected):
    assert group_start("h264", b"", packet) == expected
    lengths = b"".join(
        struct.pack(">I", len(part)) + part for part in packet.split(b"\0\0\0\1") if part
    )
    assert group_start("h264", b"\x01\x64\x00\x0a\xff", lengths) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(19, GroupStart.CLOSED), (20, GroupStart.CLOSED), (21, GroupStart.OPEN), (1, GroupStart.NONE)],
)
def test_starts_of_h265_are_read_from_the_packet(kind, expected):
    assert group_start("hevc", b"", unit(32 << 1) + unit(kind << 1)) == expected


@given(st.binary(max_size=60), st.binary(max_size=30))
def test_any_bytes_have_some_start(packet, extradata):
    for codec in ("h264", "hevc", "vp9"):
        assert group_start(codec, extradata, packet) in GroupStart


@pytest.mark.parametrize(
    ("gaps", "rate", "is_variable"),
    [
        ([33, 33, 34] * 10, 30, False),
        ([100] * 20 + [150], 10, False),
        ([100], 10, False),
        ([100, 5000], 10, True),
        ([100, 100, 800, 100, 1400, 100, 300], 10, True),
        ([5000] * 4, Fraction(1, 5), False),
        ([100_000_000], Fraction(1, 100_000), False),
    ],
)
def test_the_frame_rate_is_that_of_the_densest_frames(gaps, rate, is_variable):
    times = [sum(gaps[:count]) for count in range(len(gaps) + 1)]
    assert frame_rate(times, Fraction(1, 1000)) == (rate, is_variable)


def test_a_single_time_has_no_frame_rate():
    assert frame_rate([5], Fraction(1, 1000)) == (None, False)


def test_a_float_names_the_nearest_microsecond():
    span = Span(exact(2 / 3), exact(0.7))
    assert span.ticks(Fraction(1, 3)) == (2, 3)
    assert Span(exact(2.2), exact(2.3)).ticks(Fraction(1, 10)) == (22, 23)


def test_too_many_packets_are_refused(monkeypatch):
    monkeypatch.setattr("langchain_mimo._media.cutting.index.MAX_PACKETS", 5)
    assert MAX_PACKETS > 200 * 3600 * 50
    with pytest.raises(MediaError, match="more than 5 packets"):
        index_bytes(make("video.mp4"))


def with_cover(*, video=True):
    """Write an MP4 with a cover as its first stream."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        stream = out.add_stream("libx264" if video else "aac", rate=10 if video else 44100)
        packets = [
            *cover.encode(numbered_frame(0).reformat(format="yuvj420p")),
            *cover.encode(None),
        ]
        if video:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(5):
            frame = numbered_frame(number) if video else av.AudioFrame("fltp", "stereo", 1024)
            frame.pts = number * (1 if video else 1024)
            if not video:
                frame.sample_rate = 44100
                for plane in frame.planes:
                    plane.update(bytes(plane.buffer_size))
            packets += stream.encode(frame)
        for packet in [*packets, *stream.encode(None)]:
            out.mux(packet)
    return buffer.getvalue()


def test_covers_are_no_video():
    index = index_bytes(with_cover()).index
    assert index.video.codec == "h264"
    assert len(index.video.pts) == 5
    assert index_bytes(with_cover(video=False)).index.video is None
    with pytest.raises(MediaError, match="has no video track"):
        prepare_video(with_cover(video=False))

"""Verification: what was written is opened again, and each promise is checked."""

from dataclasses import replace
from fractions import Fraction

import av
import pytest
from cutting import index_bytes, no_tick
from numbered_videos import Recipe, make_numbered

from langchain_mimo._media.cutting import verification
from langchain_mimo._media.cutting.verification import Promise, verify
from langchain_mimo.errors import MediaError

RECIPE = Recipe(frames=30, gop=10, b_frames=2, audio=True)
PROMISE = Promise("video", Fraction(29, 10), 30, Fraction(1, 10), Fraction(3), rotation=0)


@pytest.fixture(name="path")
def _path(tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(make_numbered(RECIPE))
    return path


def test_what_was_promised_passes(path):
    assert verify(path, PROMISE, no_tick) == "all 30 frames"
    almost = replace(PROMISE, frames=31, reach=Fraction(3))
    assert verify(path, almost, no_tick) == "all 30 frames"


@pytest.mark.parametrize(
    ("promise", "reason"),
    [
        (replace(PROMISE, frames=33), "has 30 frames instead of 33"),
        (replace(PROMISE, frames=27), "has 30 frames instead of 27"),
        (replace(PROMISE, reach=Fraction(32, 10)), "reaches over 2.900 s instead of 3.200 s"),
        (replace(PROMISE, audio_seconds=Fraction(2)), "audio lasts 3.019 s instead of 2.000 s"),
        (replace(PROMISE, rotation=90), "rotation is lost"),
        (replace(PROMISE, kind="audio"), "use a block of type 'video'"),
    ],
)
def test_what_was_not_promised_fails(path, promise, reason):
    with pytest.raises(MediaError, match=reason):
        verify(path, promise, no_tick)


def test_audio_that_is_missing_fails(path):
    path.write_bytes(make_numbered(replace(RECIPE, audio=False)))
    with pytest.raises(MediaError, match="it has no audio"):
        verify(path, PROMISE, no_tick)


def test_hidden_frames_fail_unless_they_are_allowed(path):
    path.write_bytes(make_numbered(replace(RECIPE, frames=43, trim=13)))
    with pytest.raises(MediaError, match="frames that are not shown"):
        verify(path, PROMISE, no_tick)
    assert verify(path, replace(PROMISE, hides_nothing=False), no_tick)


def test_a_beginning_that_is_no_key_frame_fails(path, tmp_path):
    beheaded = tmp_path / "beheaded.mp4"
    with av.open(path) as source, av.open(beheaded, "w", format="mp4") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in [packet for packet in source.demux(video=0) if packet.size][1:]:
            packet.stream = stream
            out.mux(packet)
    with pytest.raises(MediaError, match="first packet is not a key frame"):
        verify(beheaded, replace(PROMISE, frames=29, audio_seconds=None), no_tick)


def test_damage_in_the_middle_fails(path):
    data = bytearray(make_numbered(replace(RECIPE, b_frames=0, gop=30)))
    index = index_bytes(bytes(data)).index
    first = data.index(b"mdat") + 4
    for at in range(first + 1200, first + sum(index.video.sizes)):
        data[at] = 0x55
    path.write_bytes(bytes(data))
    with pytest.raises(MediaError, match=r"do not decode|frames decode"):
        verify(path, PROMISE, no_tick)


def test_of_a_large_result_samples_are_decoded(path, monkeypatch):
    monkeypatch.setattr(verification, "MAX_PIXELS_DECODED", 1000)
    path.write_bytes(make_numbered(replace(RECIPE, frames=200)))
    promise = replace(PROMISE, frames=200, reach=Fraction(199, 10), audio_seconds=Fraction(20))
    decoded = []
    real = verification.decode_span

    def counted(source, positions, span, tick, on_damage):
        for frame, time in real(source, positions, span, tick, on_damage):
            decoded.append(float(span.start + time))
            yield frame, time

    monkeypatch.setattr(verification, "decode_span", counted)
    assert verify(path, promise, no_tick) == "16 samples of 1 s"
    assert min(decoded) <= 0
    assert max(decoded) >= 19.9


def test_the_clock_is_asked_while_decoding(path):
    asked = []

    def tick(share):
        asked.append(share)
        if len(asked) > 40:
            raise MediaError("time is up")

    with pytest.raises(MediaError, match="time is up"):
        verify(path, PROMISE, tick)

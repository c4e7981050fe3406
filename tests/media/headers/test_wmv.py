"""WMV and WMA by their headers and the times in their packets."""

import struct

import media_files
import pytest
from media_collection.video_headers import through_a_pipe
from media_collection.writing import av_file

from langchain_mimo._media.formats import WMV
from langchain_mimo._media.headers.probe import probe
from langchain_mimo._media.headers.reader import TruncatedMediaError
from langchain_mimo._media.readers import MemoryReader

PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
WRITTEN = ("asf", "wmv2", "wmav2")


def measure(data):
    return probe(MemoryReader(data), WMV)


def changed(data, place, layout, value):
    """Return a file with another value in its File Properties object."""
    data = bytearray(data)
    struct.pack_into(layout, data, data.index(PROPERTIES) + place, value)
    return bytes(data)


def live(data):
    return changed(data, 88, "<I", 1)


@pytest.mark.parametrize("start", [0.0, 0.5, 5.0])
def test_a_late_start_is_not_shown(start):
    data = av_file(*WRITTEN, bit_rate=64000, shift=start)
    assert measure(data).duration == pytest.approx(2.046, abs=0.06)


@pytest.mark.parametrize("shift", [0.3, 1.5])
def test_the_earliest_stream_starts_it(shift):
    late_video = av_file(*WRITTEN, bit_rate=64000, shift=shift, audio_shift=0.0)
    assert measure(late_video).duration == pytest.approx(2 + shift, abs=0.06)


@pytest.mark.parametrize("seconds", [0.5, 2.0, 6.3])
@pytest.mark.parametrize("start", [0.0, 3.0])
def test_a_broadcast_is_measured_by_its_packets(seconds, start):
    data = av_file(*WRITTEN, bit_rate=64000, seconds=seconds, shift=start)
    assert measure(live(data)).duration == pytest.approx(measure(data).duration, abs=0.06)
    written = measure(through_a_pipe(data, "asf"))
    assert written.duration == pytest.approx(measure(data).duration, abs=0.06)


def test_an_unstated_play_time_is_measured_by_the_packets():
    data = changed(media_files.make("silent.wmv"), 64, "<Q", 0)
    assert measure(data).duration == pytest.approx(3.3)


@pytest.mark.parametrize("size", [0, 7, 0xFFFFFFFF])
def test_packets_of_another_size_leave_it_unknown(size):
    data = changed(live(media_files.make("video.wmv")), 92, "<I", size)
    assert measure(data).duration is None
    data = changed(data, 96, "<I", size)
    found = measure(data).duration
    assert found is None or 0 < found < 10


def test_packets_of_noise_leave_it_unknown():
    data = live(media_files.make("video.wmv"))
    media = data.index(bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")) + 50
    noise = bytes((i * 197 + 31) % 251 for i in range(len(data) - media))
    header = measure(data[:media] + noise)
    assert header.duration is None or header.duration > 0
    assert header.width == 96


def test_media_that_are_missing_are_a_loss():
    data = media_files.make("video.wmv")
    with pytest.raises(TruncatedMediaError) as raised:
        measure(data[:-4000])
    assert raised.value.header.duration_range == (0, pytest.approx(2.046, abs=0.06))


def test_audio_alone_has_no_video():
    header = measure(av_file("asf", None, "wmav2", bit_rate=64000, layout="stereo"))
    assert (header.has_video, header.has_audio, header.audio_codec) == (False, True, "wmav2")
    assert (header.streams[0].sample_rate, header.streams[0].channels) == (44100, 2)
    assert header.duration == pytest.approx(2, abs=0.06)

"""AVI by its headers, and by its chunks where the headers do not state what is there."""

import struct

import media_files
import pytest
from media_collection import find
from media_collection.video_headers import in_two_parts, without_lengths
from media_collection.writing import av_file

from langchain_mimo._media.formats import AVI
from langchain_mimo._media.headers import avi
from langchain_mimo._media.headers.probe import probe
from langchain_mimo._media.headers.reader import TruncatedMediaError
from langchain_mimo._media.readers import MemoryReader


def measure(data):
    return probe(MemoryReader(data), AVI)


def chunk(name, content, length=None):
    stated = len(content) if length is None else length
    return name + struct.pack("<I", stated) + content + bytes(len(content) % 2)


def stream(kind, frames, *, scale=1, rate=25, unit_size=0, entry=bytes(40)):
    numbers = [0] * 11
    numbers[4], numbers[5], numbers[7], numbers[10] = scale, rate, frames, unit_size
    header = kind + b"\0\0\0\0" + struct.pack("<11I", *numbers[1:], 0)
    return chunk(b"LIST", b"strl" + chunk(b"strh", header) + chunk(b"strf", entry))


def file(*streams, media=b"", stated=None, riff=None, total=None, after=b""):
    more = (
        b"" if total is None else chunk(b"LIST", b"odml" + chunk(b"dmlh", struct.pack("<I", total)))
    )
    head = chunk(b"LIST", b"hdrl" + b"".join(streams) + more)
    body = b"AVI " + head + chunk(b"LIST", b"movi" + media, stated) + after
    return chunk(b"RIFF", body, riff)


FRAMES = chunk(b"00dc", b"frame") * 50
VIDEO = stream(b"vids", 50)


def test_the_header_of_the_stream_counts():
    header = measure(file(VIDEO, media=FRAMES))
    assert header.duration == 2
    assert (header.has_video, header.has_audio) == (True, False)
    assert header.streams[0].frame_rate == 25


@pytest.mark.parametrize("length", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
@pytest.mark.parametrize("frames", [0, 1 << 20, 0xFFFFFFFF])
def test_a_file_whose_writer_never_came_back_is_counted(length, frames):
    data = file(stream(b"vids", frames), media=FRAMES, stated=length, riff=length)
    assert measure(data).duration == 2


@pytest.mark.parametrize("frames", [0, 1 << 20, 0xFFFFFFFF])
def test_a_number_of_frames_that_the_file_cannot_hold_is_not_believed(frames):
    assert measure(file(stream(b"vids", frames), media=FRAMES)).duration == 2


def test_a_length_that_is_too_long_is_no_loss_where_all_frames_are_there():
    assert measure(file(VIDEO, media=FRAMES, riff=1 << 20)).duration == 2
    assert measure(file(VIDEO, media=FRAMES, riff=1 << 20, stated=1 << 19)).duration == 2
    assert measure(find("without_index.avi").data).duration == pytest.approx(2.1)
    assert measure(find("wrong_length.avi").data).duration == pytest.approx(2.1)


def test_frames_that_are_missing_are_a_loss():
    data = file(stream(b"vids", 100), media=FRAMES, riff=1 << 20, stated=1 << 19)
    with pytest.raises(TruncatedMediaError, match="truncated") as raised:
        measure(data)
    assert raised.value.header.duration == 2  # what is there


def test_one_frame_in_a_hundred_may_be_missing():
    data = file(stream(b"vids", 500), media=FRAMES * 10, riff=1 << 20, stated=1 << 19)
    last = data[:-3]
    assert measure(last).duration == pytest.approx(499 / 25)


def test_all_parts_of_an_open_dml_file_count():
    data = file(VIDEO, media=FRAMES, total=100)
    more = chunk(b"RIFF", b"AVIX" + chunk(b"LIST", b"movi" + FRAMES))
    assert measure(data + more).duration == 4
    whole = av_file("avi", "mpeg4", "libmp3lame")
    assert measure(in_two_parts(whole)).duration == measure(whole).duration


def test_chunks_in_groups_and_of_the_index_are_told_apart():
    groups = (
        chunk(b"LIST", b"rec " + FRAMES) * 2 + chunk(b"ix00", bytes(64)) + chunk(b"JUNK", bytes(9))
    )
    assert measure(file(stream(b"vids", 0), media=groups)).duration == 4


def test_audio_is_counted_in_bytes_or_in_chunks():
    media = chunk(b"00wb", bytes(8000)) * 3
    pcm = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    by_bytes = stream(b"auds", 0, scale=1, rate=8000, unit_size=2, entry=pcm)
    assert measure(file(by_bytes, media=media)).duration == 1.5
    mp3 = struct.pack("<HHIIHH", 0x55, 2, 48000, 16000, 1, 0)
    by_chunks = stream(b"auds", 0, scale=1152, rate=48000, entry=mp3)
    header = measure(file(by_chunks, media=media))
    assert header.duration == pytest.approx(3 * 0.024)
    assert (header.has_video, header.audio_codec) == (False, "mp3")
    assert (header.streams[0].sample_rate, header.streams[0].channels) == (48000, 2)


def test_a_camera_that_lost_power():
    whole = av_file("avi", "mpeg4", "libmp3lame")
    header = measure(without_lengths(whole))
    assert header.duration == pytest.approx(measure(whole).duration)
    assert header.duration_range is None


def test_too_many_chunks_to_count_give_a_range():
    frames = chunk(b"00dc", b"") * 20_000
    header = measure(file(stream(b"vids", 0), media=frames, stated=0, riff=0))
    assert header.duration is None
    low, high = header.duration_range
    assert low == avi._MAX_CHUNKS / 25 < 20_000 / 25 < high


def test_too_many_chunks_to_count_in_a_short_file_are_truncated():
    frames = chunk(b"00dc", b"frame") * 20_000
    data = file(stream(b"vids", 30_000), media=frames, riff=1 << 30, stated=1 << 29)
    with pytest.raises(TruncatedMediaError) as raised:
        measure(data)
    assert raised.value.header.duration_range == (0, 1200)


def test_digital_video_holds_audio_in_its_video_stream():
    header = measure(file(stream(b"iavs", 50), media=FRAMES))
    assert (header.has_video, header.has_audio, header.duration) == (True, None, 2)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_broken_download_is_refused(share):
    data = media_files.make("video.avi")
    with pytest.raises(TruncatedMediaError):
        measure(data[: int(len(data) * share)])

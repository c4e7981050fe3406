"""Measuring audio: lengths that are placeholders or wrong, joined files, late and unknown ones."""

import functools
import struct

import pytest
from audio_samples import hear
from hypothesis import given, settings
from hypothesis import strategies as st
from media_collection import collection, find
from media_collection.audio import id3, wave
from media_collection.writing import av_file

from langchain_mimo._media.headers.flac import probe_flac
from langchain_mimo._media.headers.mp3 import probe_mp3
from langchain_mimo._media.headers.mpeg_audio import (
    find_first_frame,
    looks_like_frames,
    parse_frame,
)
from langchain_mimo._media.headers.ogg import probe_ogg, read_links
from langchain_mimo._media.headers.reader import (
    MAX_BYTES,
    HeaderReader,
    HeaderTooComplexError,
    TruncatedMediaError,
)
from langchain_mimo._media.headers.wav import probe_w64, probe_wav
from langchain_mimo._media.identify import identify_file
from langchain_mimo._media.inspection import inspect, measure_headers
from langchain_mimo._media.readers import MemoryReader

MEASURED = [
    file
    for file in collection("audio")
    if file.seconds is not None and file.suffix in {".wav", ".mp3", ".flac", ".ogg", ".m4a", ".mp4", ".mov", ".w64", ".oga", ".opus"}
]  # fmt: skip
PADDED = {
    "joined.mp3", "joined_without_tags.mp3", "speech_server.mp3", "wrong_xing.mp3", "fragmented.m4a",
}  # fmt: skip
"""Files with the padding of encoders in the middle or at the end, which a decoder plays."""

RATE = 16_000


def read(measure, data):
    return measure(HeaderReader(MemoryReader(data)))


def measured(data):
    """Return the header of a file as blocks see it."""
    reader = MemoryReader(data)
    header, fault = measure_headers(reader, *identify_file(reader))
    if fault is not None and not isinstance(fault, TruncatedMediaError):
        raise fault
    return header


@pytest.mark.parametrize("file", MEASURED, ids=str)
def test_each_file_is_as_long_as_it_is_heard(file):
    header = measured(file.data)
    known = header.duration if header.duration is not None else header.duration_range[1]
    seconds = hear(file.data).seconds if file.name in PADDED else file.seconds
    assert known == pytest.approx(seconds, abs=0.1 if file.name in PADDED else 0.06)


# --- WAV ----------------------------------------------------------------------------------------------


@given(st.integers(0x7FFFF000, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF), st.floats(0.01, 1.2))
@settings(max_examples=40, deadline=None)
def test_a_placeholder_means_to_the_end(length, riff, seconds):
    header = read(probe_wav, wave(riff=riff, length=length, seconds=seconds))
    assert header.duration == round(seconds * RATE) / RATE
    assert not header.has_true_lengths


@pytest.mark.parametrize("excess", [1, 2, 16, 22, 44, 31_999])
def test_a_length_that_is_too_long_by_less_than_a_second_passes(excess):
    header = read(probe_wav, wave(length=96_000 + excess))
    assert header.duration == 3.0
    assert not header.has_true_lengths


def test_a_length_that_is_too_long_by_less_than_a_percent_passes():
    seconds = 110.0
    data = wave(length=round(seconds * 32_000 * 1.009), seconds=seconds)
    assert read(probe_wav, data).duration == seconds


@pytest.mark.parametrize("excess", [32_001, 100_000, 10**9])
def test_a_length_that_is_longer_still_means_truncated(excess):
    with pytest.raises(TruncatedMediaError) as raised:
        read(probe_wav, wave(length=96_000 + excess))
    assert raised.value.header.duration_range == (0.0, 3.0)


def test_a_wav_with_true_lengths_says_so():
    assert read(probe_wav, wave()).has_true_lengths
    assert read(probe_wav, wave(after=b"LIST\4\0\0\0INFO")).has_true_lengths
    assert read(probe_wav, wave() + b"\0").has_true_lengths
    assert not read(probe_wav, wave(riff=0)).has_true_lengths


@pytest.mark.parametrize("data", [wave(seconds=0), wave(seconds=0, length=0, riff=0)])
def test_a_wav_without_samples_is_refused(data):
    with pytest.raises(ValueError, match="no samples"):
        read(probe_wav, data)


def wav_of(fmt, samples=b"\0" * 24_000, before=b""):
    body = b"WAVE" + before + b"fmt " + struct.pack("<I", len(fmt)) + fmt
    body += b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(("channels", "rate"), [(0, 8000), (1, 0), (1, 1_358_982_272)])
def test_samples_that_cannot_be_are_refused(channels, rate):
    with pytest.raises(ValueError, match=f"states {channels} channels at {rate} Hz"):
        read(probe_wav, wav_of(struct.pack("<HHIIHH", 1, channels, rate, 16_000, 2, 16)))


def test_an_extensible_format_is_measured_by_its_own_tag():
    guid = bytes.fromhex("000000001000800000aa00389b71")
    for tag, bits, codec, seconds in ((1, 24, "pcm_s24le", 0.5), (3, 32, "pcm_f32le", 0.375)):
        fmt = struct.pack("<HHIIHHHHIH", 0xFFFE, 2, 8000, 0, bits // 4, bits, 22, bits, 3, tag)
        header = read(probe_wav, wav_of(fmt + guid))
        assert (header.audio_codec, header.duration) == (codec, seconds)


def test_odd_chunks_are_padded():
    fmt = struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)
    before = b"note" + struct.pack("<I", 5) + b"12345\0"
    assert read(probe_wav, wav_of(fmt, before=before)).duration == 3.0


def test_compressed_samples_are_measured_by_their_count_or_rate():
    fmt = struct.pack("<HHIIHH", 0x11, 1, 8000, 4000, 256, 4)
    assert read(probe_wav, wav_of(fmt)).duration == 6.0
    fact = b"fact" + struct.pack("<II", 4, 40_000)
    assert read(probe_wav, wav_of(fmt, before=fact)).duration == 5.0


@pytest.mark.parametrize("name", ["rf64.wav", "bw64.wav", "rifx.wav", "sony.w64"])
def test_relatives_of_wav_are_measured(name):
    data = find(name).data
    header = read(probe_w64 if name.endswith("w64") else probe_wav, data)
    assert header.duration == pytest.approx(find(name).seconds, abs=0.001)
    assert header.streams[0].channels == 1


# --- MP3 ----------------------------------------------------------------------------------------------

mp3 = functools.cache(functools.partial(av_file, "mp3", None, "libmp3lame"))


@pytest.mark.parametrize("parts", [2, 3, 20])
@pytest.mark.parametrize("sample_rate", [16_000, 44_100])
def test_joined_parts_are_added_up(parts, sample_rate):
    part = mp3(seconds=1.5, sample_rate=sample_rate)
    header = read(probe_mp3, part * parts)
    assert header.duration == pytest.approx(hear(part * parts).seconds, abs=0.06 * parts)
    assert not header.has_true_lengths


def test_a_part_without_a_count_is_measured_by_its_bit_rate():
    bare = av_file("mp3", None, "libmp3lame", seconds=4, options={"write_xing": "0"})
    assert read(probe_mp3, mp3(seconds=1.5) + bare).duration == pytest.approx(5.5, abs=0.15)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_count_above_the_file_is_not_believed(share):
    whole = mp3(seconds=10)
    header = read(probe_mp3, whole[: int(len(whole) * share)])
    assert header.duration == pytest.approx(10 * share, abs=0.1)
    assert not header.has_true_lengths


TAGS = {
    "ID3v1": b"TAG" + bytes(125),
    "extended ID3v1": b"TAG+" + bytes(223) + b"TAG" + bytes(125),
    "APE": bytes(200_000) + b"APETAGEX" + struct.pack("<IIIIQ", 2000, 200_032, 1, 0, 0),
    "APE with header": bytes(200_032) + b"APETAGEX" + struct.pack("<IIIIQ", 2000, 200_032, 1, 1 << 31, 0),
    "Lyrics3": b"LYRICSBEGIN" + bytes(60_000) + b"060011LYRICS200",
    "APE and ID3v1": bytes(9_000) + b"APETAGEX" + struct.pack("<IIIIQ", 2000, 9_032, 1, 0, 0) + b"TAG" + bytes(125),
}  # fmt: skip


@pytest.mark.parametrize("name", TAGS)
def test_tags_at_the_end_are_no_audio(name):
    bare = av_file("mp3", None, "libmp3lame", options={"write_xing": "0", "id3v2_version": "0"})
    assert read(probe_mp3, bare + TAGS[name]) == read(probe_mp3, bare)
    counted = mp3(seconds=2.5)
    assert read(probe_mp3, counted + TAGS[name]) == read(probe_mp3, counted)


def test_an_mp3_that_is_only_a_tag_is_refused():
    with pytest.raises(ValueError, match="nothing behind its ID3 tag"):
        inspect("audio", None, MemoryReader(id3(100)))
    with pytest.raises(ValueError, match="its ID3 tag is incomplete"):
        inspect("audio", None, MemoryReader(id3(100)[:50]))


@given(st.binary(max_size=64))
def test_frames_are_parsed_or_refused(data):
    frame = parse_frame(data)
    assert frame is None or (frame.length > 0 and frame.rate > 0)
    find_first_frame(data)
    if data[:1] == b"\xff" and len(data) > 3 and data[1] & 0xE0 == 0xE0:
        looks_like_frames(data)


def test_text_in_utf_16_is_no_frame():
    text = "﻿Meeting notes: the first one.".encode("utf-16-le")
    assert text.startswith(b"\xff\xfe")
    assert identify_file(MemoryReader(text)).format is None


# --- FLAC ---------------------------------------------------------------------------------------------

PIPE = find("unstated_length.flac").data


def test_a_flac_from_a_pipe_is_measured_by_its_last_frame():
    for tail in (b"", b"TAG" + bytes(125)):
        header = read(probe_flac, PIPE + tail)
        assert header.duration == 2.5
        assert not header.has_true_lengths


@given(st.integers(1, len(PIPE) - 100), st.binary(max_size=30))
@settings(max_examples=40, deadline=None)
def test_a_flac_without_its_last_frame_is_never_given_a_wrong_length(cut, junk):
    """Its length is unknown, or it ends with a frame and is that long."""
    header = read(probe_flac, PIPE[:-cut] + junk)
    assert header.duration is None or header.duration * 44_100 % 4608 == 0


def test_a_flac_of_its_header_alone_is_refused():
    with pytest.raises(ValueError, match="no frames"):
        read(probe_flac, PIPE[:42])


# --- OGG ----------------------------------------------------------------------------------------------

opus = functools.cache(functools.partial(av_file, "ogg", None, "libopus", sample_rate=48_000))
VORBIS = {"layout": "stereo", "audio_options": {"strict": "experimental"}}


@pytest.mark.parametrize(
    ("codec", "options"),
    [("libopus", {"sample_rate": 48_000}), ("vorbis", VORBIS), ("flac", {})],
)
@pytest.mark.parametrize("shift", [0, 7, 36_000])
def test_an_ogg_is_as_long_as_it_is_heard_wherever_it_begins(codec, options, shift):
    data = av_file("ogg", None, codec, seconds=3.0, shift=shift, **options)
    header = read(probe_ogg, data)
    assert header.duration == pytest.approx(3.0, abs=0.01)
    assert header.has_true_lengths == (shift == 0)


def test_the_part_that_opus_does_not_play_is_not_counted():
    assert read(probe_ogg, opus(seconds=3.0)).duration == 3.0


@pytest.mark.parametrize("parts", [2, 5])
def test_chained_streams_are_added_up(parts):
    data = b"".join(opus(seconds=1.0 + number) for number in range(parts))
    header = read(probe_ogg, data)
    assert header.duration == pytest.approx(sum(1.0 + number for number in range(parts)))
    assert len(read_links(HeaderReader(MemoryReader(data)))) == parts
    assert not header.has_true_lengths


def test_streams_of_several_codecs_are_added_up():
    data = opus(seconds=1.0) + av_file("ogg", None, "vorbis", seconds=2.0, **VORBIS)
    assert read(probe_ogg, data).duration == pytest.approx(3.0, abs=0.01)


def page(serial, packet, position, flags=0):
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    head = b"OggS\0" + bytes([flags]) + struct.pack("<qIII", position, serial, 0, 0)
    return head + bytes([len(lacing)]) + lacing + packet


def speex(start, pages):
    head = b"Speex   " + bytes(28) + struct.pack("<IIIIIIIII", 16_000, 0, 4, 1, 0, 320, 0, 1, 0)
    data = page(1, head.ljust(80, b"\0"), 0, 2) + page(1, b"comment", 0)
    return data + b"".join(
        page(1, bytes(20), start + 320 * number) for number in range(1, pages + 1)
    )


@pytest.mark.parametrize("start", [0, 16_000, 10**9])
def test_speex_is_measured(start):
    assert read(probe_ogg, speex(start, 100)).duration == 2.0


def test_a_long_chained_file_of_small_pages_is_not_measured():
    """Its pages are more than are read; no number is better than a wrong one."""
    assert read(probe_ogg, speex(0, 100) + opus(seconds=1.0)).duration == 3.0
    header = read(probe_ogg, speex(0, 60_000) + opus(seconds=1.0))
    assert header.duration is None
    assert not header.has_true_lengths


def test_a_long_file_is_measured_by_its_ends_alone():
    counted = Counting(speex(16_000, 100_000))
    assert counted.size > 4 << 20
    assert probe_ogg(HeaderReader(counted)).duration == 2000.0
    assert counted.bytes < 1 << 20


class Counting(MemoryReader):
    bytes = 0

    def read(self, offset, length):
        data = super().read(offset, length)
        self.bytes += len(data)
        return data


@given(st.sampled_from([opus(seconds=1.0), find("vorbis.ogg").data, speex(0, 9)]), st.data())
@settings(max_examples=40, deadline=None)
def test_damaged_ogg_is_measured_within_bounds_or_refused(data, draw):
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 8))):
        damaged[draw.draw(st.integers(0, len(damaged) - 1))] = draw.draw(st.integers(0, 255))
    counted = Counting(bytes(damaged))
    try:
        header = probe_ogg(HeaderReader(counted))
    except (ValueError, HeaderTooComplexError):
        return
    assert header.duration is None or header.duration >= 0
    assert counted.bytes <= MAX_BYTES

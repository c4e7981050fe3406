"""Files as people have them: whether the emulator opens them, and how long it says they are.

The truth is how each file was made (tests/helpers/media_collection), never what the client says.
"""

import base64
import io
import struct

import av
import media_collection
import pytest
from media_collection.audio import id3, wave
from media_collection.writing import av_file

from langchain_mimo.emulator.media.audio_video import inspect_audio_video
from langchain_mimo.emulator.media.containers import detect_container
from langchain_mimo.emulator.media.library import MediaLibrary
from langchain_mimo.emulator.media.limits import Clock
from langchain_mimo.emulator.refusals import Refusal

DAMAGED = "Multimodal data is corrupted or cannot be processed."
NO_AUDIO = "invalid audio format, only mp3/wav/flac/m4a/ogg are supported"
NO_VIDEO = "invalid video format, only mp4/mov/avi/wmv are supported"
FRAME = 0.15  # seconds: one frame of the collection, and the silence of an audio encoder


def info(kind, mime_type, data):
    return MediaLibrary().from_base64(kind, mime_type, base64.b64encode(data).decode()).info


MIME_TYPES = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    "avi": "video/x-msvideo",
    "wmv": "video/x-ms-wmv",
}


def in_collection(name, mime_type=None):
    file = media_collection.find(name)
    named = MIME_TYPES.get(name.rpartition(".")[2], f"{file.kind}/mp4")
    return file, info(file.kind, mime_type or named, file.data)


@pytest.mark.parametrize(
    "name",
    [
        # Lengths that headers do not state, or state wrongly.
        *("x_pipe.flac", "unstated_length.flac", "live.wmv", "without_index.avi"),
        *("wrong_length.avi", "length_0.mp4"),
        *("sox_pipe.wav", "rec_pipe.wav", "arecord_pipe.wav", "speech_server.wav"),
        *("ffmpeg_pipe.wav", "wav_sox_pipe.wav", "zero_riff.wav", "22_bytes_too_many.wav"),
        # Joined files, and files that begin late.
        *("x_concat.mp3", "joined.mp3", "joined_without_tags.mp3", "joined.ogg"),
        *("vorbis_offset.ogg", "late.ogg"),
        # What is shown is less than what is there.
        *("v_edit.mp4", "trimmed.mp4", "negative_offsets.mp4"),
        # Fragments.
        *("frag.m4a", "fragmented.m4a", "fragmented.mp4", "cmaf.mp4", "smooth_streaming.mp4"),
        # Audio without video in a container for both.
        *("audio_only.mov", "aac_audio_only.mp4", "pcm_audio_only.mov", "mp3_in.mp4"),
        *("v_1frame.mp4", "v_two_audio.mp4", "v_vfr.mp4", "six_channels.wav", "cover.mp3"),
    ],
)
def test_lengths_are_those_of_what_is_there(name):
    file, found = in_collection(name)
    # A bit rate that varies, or the silence at each joint, may add some hundredths.
    assert found.duration == pytest.approx(file.seconds, abs=2 * FRAME)
    if file.kind == "video":
        assert {found.width, found.height} == set(file.shown)


@pytest.mark.parametrize("name", ["x_pipe.flac", "unstated_length.flac", "zero_riff.wav"])
def test_lengths_by_packets_are_exact(name):
    file, found = in_collection(name)
    assert found.duration == file.seconds  # a float below it would cost a token less


def test_an_opus_recording_of_a_running_stream_counts_from_its_beginning():
    data = av_file("ogg", None, "libopus", sample_rate=48000, seconds=3.0, shift=36_000.0)
    assert info("audio", "audio/ogg", data).duration == pytest.approx(3.0, abs=FRAME)


def test_of_an_ogg_that_goes_on_with_another_codec_the_first_part_counts():
    # FFmpeg ends there: "failed to create or replace stream".
    assert in_collection("chained.ogg")[1].duration == pytest.approx(3.0, abs=FRAME)


@pytest.mark.parametrize(
    ("name", "mime_type", "param"),
    [
        ("rf64.wav", "audio/wav", NO_AUDIO),
        ("bw64.wav", "audio/wav", NO_AUDIO),
        ("rifx.wav", "audio/wav", NO_AUDIO),
        ("sony.w64", "audio/wav", NO_AUDIO),
        ("id3_flac.flac", "audio/flac", NO_AUDIO),
        ("id3_flac.flac", "audio/mpeg", NO_AUDIO),
        ("id3_aac.aac", "audio/mpeg", NO_AUDIO),
        ("id3.wav", "audio/wav", NO_AUDIO),
        ("plain.aac", "audio/mpeg", NO_AUDIO),
        ("plain.wma", "video/x-ms-wmv", NO_VIDEO),
        ("audio_only.mov", "video/quicktime", NO_VIDEO),
        ("cover.mp3", "audio/mp4", DAMAGED),
        ("without_index.mp4", "video/mp4", DAMAGED),
        ("header_only.mp4", "video/mp4", DAMAGED),
        ("p_cut.jpg", "image/jpeg", DAMAGED),
        ("p_png_cut.png", "image/png", DAMAGED),
    ],
)
def test_what_is_refused(name, mime_type, param):
    with pytest.raises(Refusal) as refused:
        in_collection_as(name, mime_type)
    assert refused.value.error["param"] == param


def in_collection_as(name, mime_type):
    return info(mime_type.partition("/")[0], mime_type, media_collection.find(name).data)


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_a_cover_image_is_no_video(kind):
    song = av_file("ipod", None, "aac", seconds=1.0)
    covered = with_cover(song)
    if kind == "audio":
        assert info("audio", "audio/mp4", covered).duration == pytest.approx(1.0, abs=FRAME)
    else:
        with pytest.raises(Refusal, match="invalid video format"):
            info("video", "video/mp4", covered)


def with_cover(song):
    target = io.BytesIO()
    with av.open(io.BytesIO(song)) as source, av.open(target, "w", format="mp4") as out:
        track = out.add_stream_from_template(source.streams.audio[0])
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        for packet in source.demux(0):
            if packet.size:
                packet.stream = track
                out.mux(packet)
        frame = av.VideoFrame(32, 32, "yuvj420p")
        frame.pts = 0
        for packet in [*cover.encode(frame), *cover.encode(None)]:
            out.mux(packet)
    return target.getvalue()


def broken(data, share):
    """Return an MP3 of which this share of the frames does not decode."""
    frames = data.split(b"\xff\xfb")[1:]
    bad = round(len(frames) * share)
    # The header stays, so that the frame is found; its side information says nonsense.
    return b"".join(
        b"\xff\xfb" + (frame[:2] + b"\xff" * (len(frame) - 2) if index < bad else frame)
        for index, frame in enumerate(frames)
    )


def test_audio_of_which_some_does_not_decode_is_taken():
    plain = {"write_xing": "0", "id3v2_version": "0"}
    data = av_file("mp3", None, "libmp3lame", seconds=3.0, options=plain)
    assert info("audio", "audio/mpeg", broken(data, 0.2)).duration == pytest.approx(3, abs=FRAME)
    with pytest.raises(Refusal, match="corrupted"):
        info("audio", "audio/mpeg", broken(data, 0.9))


def test_audio_of_which_nothing_decodes_is_refused():
    wav = wave(seconds=1.0)
    flac = bytearray(av_file("flac", None, "flac", seconds=1.0))
    start = flac.find(b"\xff\xf8")
    flac[start:] = b"\0" * (len(flac) - start)
    for mime_type, data in (("audio/flac", bytes(flac)), ("audio/wav", wav[:44])):
        with pytest.raises(Refusal, match="corrupted"):
            info("audio", mime_type, data)


def test_a_video_of_which_nothing_but_its_first_frame_decodes_is_refused():
    whole = av_file("mp4", audio=None, seconds=3.0, gop=30, b_frames=0)
    assert info("video", "video/mp4", whole).duration == 3.0
    with av.open(io.BytesIO(whole)) as source:
        places = [(packet.pos, packet.size) for packet in source.demux(0) if packet.size]
    data = bytearray(whole)
    for position, size in places[1:]:
        data[position : position + size] = b"\xff" * size
    with pytest.raises(Refusal, match="corrupted"):
        info("video", "video/mp4", bytes(data))


def test_tags_in_any_encoding_do_not_matter():
    text = "标题".encode("gbk")
    tag = b"LIST" + struct.pack("<I", 12 + len(text)) + b"INFOINAM"
    tag += struct.pack("<I", len(text)) + text
    assert info("audio", "audio/wav", wave(before=tag, seconds=1.0)).duration == 1.0


def test_parts_of_joined_audio_may_have_other_rates():
    parts = [
        av_file("mp3", None, "libmp3lame", seconds=1.0, sample_rate=rate, layout=layout)
        for rate, layout in ((24000, "mono"), (44100, "stereo"))
    ]
    found = info("audio", "audio/mpeg", b"".join(parts))
    # FFmpeg measures all of it in the time of the first part's rate.
    assert found.duration > 1.5


@pytest.mark.parametrize(
    ("data", "container"),
    [
        (id3() + b"\xff\xfb\x90\x00", "MP3"),
        (id3() + bytes(20) + b"\xff\xfb\x90\x00", "MP3"),
        (id3() * 3 + b"fLaC", ""),
        (id3(footer=True) + b"\xff\xf1\x50\x80", ""),
        (b"ID3", "MP3"),
        (b"ID3\4\0\0" + b"\x7f" * 4, "MP3"),
        (b"RF64\xff\xff\xff\xffWAVE", ""),
        (b"BW64\xff\xff\xff\xffWAVE", ""),
        (b"\xff\xfd\x90\x00", ""),
        (b"\0\0\0\x1cftypavif\0\0\0\0", ""),
        (b"\0\0\0\x1cftypheic\0\0\0\0", ""),
        (b"\0\0\0\x1cftypisom\0\0\0\0", "MP4"),
    ],
)
def test_what_the_first_bytes_show(data, container):
    assert detect_container(data) == container


def test_packets_are_read_within_the_time():
    data = av_file("mp4", seconds=1.0)
    clock = Clock(0)
    with clock.running(), pytest.raises(Refusal, match="more than 0 seconds of work"):
        inspect_audio_video("video", "MP4", data, clock)


@pytest.mark.parametrize("seconds", [0.001, 0.01, 0.02, 0.03, 0.1])
def test_very_short_audio_is_taken(seconds):
    assert info("audio", "audio/wav", wave(seconds=seconds)).duration == pytest.approx(seconds)


def test_audio_of_an_unknown_codec_beside_a_video_is_left_out():
    data = av_file("mov", audio="pcm_s16le")
    found = info("video", "video/quicktime", data.replace(b"sowt", b"XXXX"))
    assert (found.duration, found.has_audio) == (2.0, False)


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_a_video_of_an_unknown_codec_is_neither_audio_nor_video(kind):
    data = av_file("mp4").replace(b"avc1", b"XXXX")
    with pytest.raises(Refusal):
        info(kind, f"{kind}/mp4", data)


def test_a_wmv_of_one_frame_lasts_as_long_as_it_states():
    data = av_file("asf", "wmv2", None, seconds=0.1)
    assert info("video", "video/x-ms-wmv", data).duration > 0


def opus(seconds):
    """Opus in OGG of exactly these seconds of audio, as its last granule says."""
    out = io.BytesIO()
    with av.open(out, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=round(seconds * 48_000))
        frame.sample_rate = 48_000
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.pts = 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return out.getvalue()


@pytest.mark.parametrize("seconds", [0.636, 1.596, 3.996, 7.996])
def test_opus_does_not_count_what_a_player_drops_at_its_start(seconds):
    found = info("audio", "audio/ogg", opus(seconds))
    assert found.duration == pytest.approx(seconds, abs=0.0021)

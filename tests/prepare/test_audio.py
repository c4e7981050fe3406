"""prepare_audio: what is heard in its results, whatever the source is like.

Results are decoded and compared with the source by pitch, level and length; see `audio_samples`.
"""

import io
import struct
import wave
from array import array

import av
import media_files
import pytest
from audio_samples import RATE, hear, is_same_tone, level, rising
from media_collection import collection, copies, find
from media_collection.audio import id3
from media_collection.audio import wave as make_wave
from media_collection.writing import av_file, tone

from langchain_mimo._media.inspection import inspect_source
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare import audio as audio_module
from langchain_mimo.prepare import prepare_audio
from langchain_mimo.prepare.audio_check import check_audio
from langchain_mimo.tokens import audio_tokens

ONE_FRAME = 0.06
"""Seconds by which a length may differ: a frame of WMA or AC-3, or two of AAC and MP3."""

JOINTS = {"joined.mp3", "wrong_xing.mp3", "joined_without_tags.mp3", "speech_server.mp3"}
"""Parts whose encoders padded them at both ends."""

AUDIO = [file for file in collection("audio") if file.prepared != "refused"]
FAMILIES = {
    # What each result is, by the reason for which its source is not left unchanged.
    "audio/wav": [
        "sox_pipe.wav", "rec_pipe.wav", "arecord_pipe.wav", "speech_server.wav", "ffmpeg_pipe.wav",
        "zero_riff.wav", "16_bytes_too_many.wav", "22_bytes_too_many.wav", "wrong_riff.wav",
        "half.wav", "one_second_too_many.wav", "rf64.wav", "bw64.wav", "rifx.wav", "sony.w64",
        "id3.wav", "wav_rf64.wav", "wav_sox_pipe.wav",
    ],
    "audio/flac": [
        "unstated_length.flac", "x_pipe.flac", "id3_two_tags.flac", "id3_flac.flac", "cut.flac",
    ],
    "audio/mp4": [
        "plain.aac", "stereo.aac", "id3_aac.aac", "alac.caf", "aac_audio_only.mkv",
        "aac_audio_only.ts", "cut.m4a",
    ],
    "audio/ogg": [
        "opus_audio_only.webm", "vorbis_audio_only.mkv", "late.ogg", "late_opus.ogg",
        "vorbis_offset.ogg", "cut.ogg",
    ],
    "audio/mpeg": [
        "joined.mp3", "wrong_xing.mp3", "cut.mp3", "speech_server.mp3", "x_concat.mp3", "joined.ogg",
        "chained.ogg", "wmav1.wma", "plain.wma", "plain.amr", "plain.ac3", "plain.mp2", "plain.wv",
        "plain.tta", "plain.aiff", "plain.caf", "plain.au", "latm.aac",
    ],
}  # fmt: skip


def stated_seconds(data):
    return inspect_source("audio", data).header.duration


RISING_COPIES = {"plain.amr", "voice.3gp"}


def expected_pitches(file, heard):
    """Return the pitches of a file of the collection: 440 Hz in most copies, else rising."""
    is_copy = (copies.FOLDER / file.name).exists() and file.name not in RISING_COPIES
    return [440] * len(heard.pitches) if is_copy else rising(heard.seconds)


# --- whole files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", AUDIO, ids=str)
def test_all_that_is_heard_in_a_file_is_heard_in_the_result(file):
    prepared = prepare_audio(file.data)
    heard = hear(prepared.data)
    inspection = inspect_source("audio", prepared.data)
    assert inspection.mime_type == prepared.mime_type
    assert heard.damaged == 0
    assert heard.seconds == pytest.approx(inspection.header.duration, abs=ONE_FRAME)
    if file.seconds is not None and file.name not in JOINTS:
        assert heard.seconds == pytest.approx(file.seconds, abs=2 * ONE_FRAME)
    if file.name not in JOINTS | {"joined.ogg"}:
        assert is_same_tone(heard.pitches, expected_pitches(file, heard)), heard.pitches


@pytest.mark.parametrize("file", [f for f in AUDIO if f.prepared == "unchanged"], ids=str)
def test_accepted_audio_is_left_unchanged(file):
    prepared = prepare_audio(file.data)
    assert prepared.data == file.data
    assert prepared.notes == ("Left unchanged: MiMo accepts it.",)


@pytest.mark.parametrize(
    ("mime_type", "name"), [(kind, name) for kind, names in FAMILIES.items() for name in names]
)
def test_other_audio_becomes_what_keeps_most_of_it(mime_type, name):
    prepared = prepare_audio(find(name).data)
    assert prepared.mime_type == mime_type
    assert prepared.data != find(name).data
    header = inspect_source("audio", prepared.data).header
    assert header.has_true_lengths
    assert prepare_audio(prepared.data).data == prepared.data


@pytest.mark.parametrize(
    "name", ["sox_pipe.wav", "rf64.wav", "bw64.wav", "rifx.wav", "id3.wav", "22_bytes_too_many.wav"]
)
def test_every_sample_of_an_unusual_wav_is_kept(name):
    with wave.open(io.BytesIO(prepare_audio(find(name).data).data)) as reader:
        assert (reader.getframerate(), reader.getnchannels()) == (16000, 1)
        samples = array("h", reader.readframes(reader.getnframes()))
    assert samples == tone(3.0, 16000)


@pytest.mark.parametrize("name", ["unstated_length.flac", "id3_two_tags.flac"])
def test_every_sample_of_a_flac_is_kept(name):
    assert (
        hear(prepare_audio(find(name).data).data).samples == hear(find("plain.flac").data).samples
    )


def test_the_parts_of_a_joined_file_follow_each_other():
    for name in ("joined.mp3", "joined.ogg"):
        heard = hear(prepare_audio(find(name).data).data)
        parts = round(find(name).seconds / 2.5)
        assert heard.pitches[:9] == hear(prepare_audio(find(name).data, end_s=2.5).data).pitches[:9]
        assert heard.pitches.count(heard.pitches[2]) == parts or name == "joined.mp3"
        assert heard.seconds == pytest.approx(find(name).seconds, abs=parts * ONE_FRAME)


PROPERTIES = {
    # codec, options, channels and sample rate that must be left of it
    "6 channels": ("pcm_s16be", {"layout": "5.1", "sample_rate": 48000}, 2, 48000),
    "8 kHz": ("pcm_s16be", {"sample_rate": 8000}, 1, 16000),
    "192 kHz": ("pcm_s16be", {"sample_rate": 192000}, 1, 44100),
    "22 kHz": ("pcm_s16be", {"sample_rate": 22050}, 1, 22050),
    "24 bits": ("pcm_s24be", {"sample_rate": 44100}, 1, 44100),
    "32-bit float": ("pcm_f32be", {"sample_rate": 32000}, 1, 32000),
    "8 bits": ("pcm_s8", {"sample_rate": 16000}, 1, 16000),
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_any_samples_become_mp3(name):
    codec, options, channels, sample_rate = PROPERTIES[name]
    container = "aiff" if codec != "pcm_f32be" else "caf"
    source = av_file(container, None, codec, seconds=1.0, **options)
    prepared = prepare_audio(source)
    heard = hear(prepared.data)
    assert prepared.mime_type == "audio/mpeg"
    assert (heard.channels, heard.sample_rate) == (channels, sample_rate)
    assert heard.seconds == pytest.approx(1.0, abs=0.001)
    assert is_same_tone(heard.pitches, rising(1.0))
    original, result = level(hear(source).samples), level(heard.samples)
    assert result == pytest.approx(original, rel=0.1)


@pytest.mark.parametrize("seconds", [0.001, 0.01, 0.05, 0.2])
def test_very_short_audio_is_prepared(seconds):
    for container, codec in (("aiff", "pcm_s16be"), ("wav", "pcm_s16le"), ("flac", "flac")):
        source = av_file(container, None, codec, seconds=seconds)
        for options in ({}, {"convert": True}):
            heard = hear(prepare_audio(source, **options).data)
            assert heard.seconds == pytest.approx(seconds, abs=0.06)


# --- segments -----------------------------------------------------------------------------------------

SOURCES = [
    "constant.mp3", "variable.mp3", "mpeg_2.mp3", "pcm.wav", "plain.flac", "24_bit.flac", "aac.m4a",
    "alac.m4a", "fragmented.m4a", "voice_message.ogg", "vorbis.ogg", "flac.ogg", "late.ogg",
    "joined.ogg", "opus_audio_only.webm", "aac_audio_only.mkv", "aac_audio_only.ts", "wmav1.wma",
    "plain.amr", "plain.aac", "sony.w64", "mp3_in.mp4", "h264_aac.mp4", "vp8_opus.webm",
]  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(("start_s", "end_s"), [(0.5, 1.5), (0.0, 1.25), (1.25, 2.0), (1.0, None)])
def test_a_segment_is_what_is_heard_there(name, start_s, end_s):
    file = find(name)
    seconds = (file.seconds if end_s is None else end_s) - start_s
    prepared = prepare_audio(file.data, start_s=start_s, end_s=end_s)
    heard = hear(prepared.data)
    assert heard.damaged == 0
    assert heard.seconds == pytest.approx(seconds, abs=0.1 if "alac" in name else ONE_FRAME)
    assert stated_seconds(prepared.data) == pytest.approx(heard.seconds, abs=ONE_FRAME)
    expected = rising(seconds, start_s)
    if name == "joined.ogg" and end_s is None:
        expected = rising(2.5)[4:] + rising(2.5)
    assert is_same_tone(heard.pitches, expected, tolerance=30), heard.pitches


@pytest.mark.parametrize("name", ["v_edit.mp4", "trimmed.mp4"])
@pytest.mark.parametrize("convert", [False, True])
def test_what_an_edit_list_hides_is_not_heard(name, convert):
    file = find(name)
    prepared = prepare_audio(file.data, convert=convert)
    assert hear(prepared.data).seconds == pytest.approx(1.65, abs=ONE_FRAME)
    if name == "trimmed.mp4":
        visible = hear(file.data).samples[:RATE]
        heard = hear(prepared.data).samples[:RATE]
        assert abs(len(visible) - len(heard)) < RATE // 10
        assert min(hear(prepared.data).pitches) > 500  # the beginning, at 300 Hz, is trimmed away


def with_gap(seconds):
    """Return two seconds of audio with a gap in the middle."""
    source = io.BytesIO()
    with av.open(source, "w", format="matroska") as out:
        stream = out.add_stream("pcm_s16le", rate=44100, layout="mono")
        for shift in (0, 1 + seconds):
            data = av_file("matroska", None, "pcm_s16le", seconds=1.0, shift=shift)
            with av.open(io.BytesIO(data)) as container:
                for packet in container.demux(audio=0):
                    if packet.size:
                        packet.stream = stream
                        out.mux(packet)
    return source.getvalue()


def test_a_gap_becomes_silence_so_that_times_stay():
    heard = hear(prepare_audio(with_gap(2)).data)
    assert heard.seconds == pytest.approx(4.0, abs=ONE_FRAME)
    assert [bool(value) for value in heard.pitches] == [True] * 4 + [False] * 8 + [True] * 4
    second = hear(prepare_audio(with_gap(2), start_s=3, end_s=4).data)
    assert is_same_tone(second.pitches, rising(1.0))


def test_a_gap_that_only_damaged_times_have_is_refused():
    with pytest.raises(MediaError, match=r"pauses for 20,00\d s.* cut out what you need"):
        prepare_audio(with_gap(20_000))
    assert hear(prepare_audio(with_gap(20_000), end_s=1).data).seconds == pytest.approx(1, abs=0.01)


# --- limits -------------------------------------------------------------------------------------------


def test_audio_is_shrunk_to_a_byte_limit():
    source = av_file("wav", None, "pcm_s16le", seconds=20)
    prepared = prepare_audio(source, max_bytes=50_000)
    assert len(prepared.data) <= 50_000
    heard = hear(prepared.data)
    assert heard.seconds == pytest.approx(20, abs=ONE_FRAME)
    assert is_same_tone(heard.pitches[:12], rising(3))


def test_a_result_is_never_longer_than_its_token_budget():
    for name in ("aac.m4a", "plain.aac", "no_tags.mp3", "opus_audio_only.webm"):
        prepared = prepare_audio(find(name).data, end_s=2.4, token_budget=audio_tokens(2.4))
        assert audio_tokens(stated_seconds(prepared.data)) <= audio_tokens(2.4)


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        (find("silent.mp4").data, {}, "no audio track"),
        (find("pcm.wav").data, {"token_budget": 5}, "plan_segments"),
        (find("pcm.wav").data, {"max_bytes": 100}, "cut it"),
        (find("pcm.wav").data, {"start_s": 9}, r"segment starts at 9 s, after the end \(2.5 s\)"),
        (b"no audio", {}, "it is text .no media"),
        (b"", {}, "it is empty .0 bytes"),
        (find("notes.mid").data, {}, "MIDI .*render it as audio"),
        (find("no_audio.wav").data, {}, "no readable video or audio"),
        (id3(100), {}, "nothing behind its ID3 tag"),
        (find("pcm.wav").data, {"time_limit": 0}, "time_limit"),
        (b"RIFX" + find("rifx.wav").data[4:24] + b"\xff" * 4 + find("rifx.wav").data[28:], {}, "it states 1 channels"),
        (make_wave()[:24] + struct.pack("<I", 10**9) + make_wave()[28:], {}, "states 1,000,000,000 "),
    ],
)  # fmt: skip
def test_audio_that_cannot_be_prepared_is_refused(source, options, reason):
    with pytest.raises(MediaError, match=reason):
        prepare_audio(source, **options)


# --- verification -------------------------------------------------------------------------------------


def test_a_result_is_checked_before_it_is_returned(monkeypatch, tmp_path):
    """A way that loses half of the audio, all of it, or its level is not taken."""
    half = prepare_audio(find("pcm.wav").data, end_s=1.25).data
    silent = av_file("flac", None, "flac", seconds=0.1)
    with wave.open(buffer := io.BytesIO(), "wb") as writer:
        writer.setparams((1, 2, 44100, 0, "NONE", ""))
        writer.writeframes(bytes(2 * 110250))
    for mime_type, broken in (
        ("audio/mpeg", half),
        ("audio/flac", silent),
        ("audio/wav", buffer.getvalue()),
        ("audio/wav", b"RIFF"),
        ("audio/mpeg", find("pcm.wav").data),
    ):

        def write_broken(job, mime_type=mime_type, broken=broken):
            job.draft.write_bytes(broken)
            return audio_module._Written(mime_type, 2.5, "Broken.")

        monkeypatch.setattr(audio_module, "_leave_unchanged", write_broken)
        prepared = prepare_audio(find("pcm.wav").data)
        assert "Broken." not in prepared.notes
        assert is_same_tone(hear(prepared.data).pitches, rising(2.5))


@pytest.mark.parametrize(
    ("name", "mime_type", "seconds", "reason"),
    [
        ("pcm.wav", "audio/wav", 2.0, "it lasts 2.500 s instead of 2.000 s"),
        ("pcm.wav", "audio/mpeg", 2.5, "it is audio/wav instead of audio/mpeg"),
        ("plain.aiff", "audio/wav", 2.5, "AIFF"),
        ("joined.mp3", "audio/mpeg", 7.6, "does not decode"),
    ],
)
def test_the_check_says_what_is_wrong(tmp_path, name, mime_type, seconds, reason):
    draft = tmp_path / "draft"
    draft.write_bytes(find(name).data)
    with pytest.raises(MediaError, match=reason):
        check_audio(draft, mime_type, seconds, lambda _: None)


def test_a_silent_source_stays_silent():
    source = make_wave(riff=0, length=0)[:44] + bytes(32000)
    prepared = prepare_audio(source, convert=True)
    assert level(hear(prepared.data).samples) < 1


def test_damaged_packets_are_left_out_and_noted():
    data = bytearray(find("constant.mp3").data)
    middle = len(data) // 2
    data[middle : middle + 600] = struct.pack("<600B", *(number % 7 for number in range(600)))
    prepared = prepare_audio(bytes(data))
    heard = hear(prepared.data)
    assert heard.damaged == 0
    assert heard.seconds == pytest.approx(2.5, abs=0.15)


def test_notes_name_codecs_and_not_decoders():
    """FFmpeg decodes MP3 with "mp3float" and AV1 with "libdav1d"."""
    prepared = prepare_audio(media_files.make_video("matroska", "libx264", "libmp3lame"))
    assert prepared.notes == ("Copied its mp3 audio from 0.00 s to 2.01 s.",)
